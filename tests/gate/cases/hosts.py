"""Spellings of `Host`, and whether this host is meant by them. Written by hand; pure rules and real servers are held to the same rows.

The host has the names and addresses below; one that is asked for real is given them by `--allow-host`.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMES = ("gpubox", "gpubox.lab.example", "xn--mnchen-3ya.example", "gpu_1.local")
ADDRESSES = ("192.0.2.107", "2001:db8::107")


@dataclass(frozen=True)
class Case:
    """`header` as it is sent, one character a byte; `host` is what it names, `None` for nothing that can be one; `served` or refused."""

    header: str
    host: str | None
    served: bool
    why: str

    @property
    def name(self) -> str:
        """For the test's id."""
        return self.why


def served(why: str, header: str, host: str) -> Case:
    """A spelling of this host."""
    return Case(header, host, True, why)


def another(why: str, header: str, host: str) -> Case:
    """A proper name or address, of somebody else."""
    return Case(header, host, False, why)


def nothing(why: str, header: str) -> Case:
    """No name or address at all."""
    return Case(header, None, False, why)


CASES: tuple[Case, ...] = (
    # -- names of this host ------------------------------------------------------------------------------------------------------
    served("a name", "gpubox", "gpubox"),
    served("a name with the port", "gpubox:8800", "gpubox"),
    served("a name with another port", "gpubox:1", "gpubox"),
    served("a name with the last port", "gpubox:65535", "gpubox"),
    served("a name, upper case", "GPUBOX", "gpubox"),
    served("a name, mixed case, with the port", "GpuBox:8800", "gpubox"),
    served("a name, trailing dot", "gpubox.", "gpubox"),
    served("a name, trailing dot, with the port", "gpubox.:8800", "gpubox"),
    served("a qualified name", "gpubox.lab.example", "gpubox.lab.example"),
    served("a qualified name, upper case", "GPUBOX.LAB.EXAMPLE:443", "gpubox.lab.example"),
    served("a qualified name, trailing dot", "gpubox.lab.example.", "gpubox.lab.example"),
    served("punycode", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
    served("punycode, upper case, with the port", "XN--MNCHEN-3YA.EXAMPLE:8800", "xn--mnchen-3ya.example"),
    served("a name with an underscore", "gpu_1.local", "gpu_1.local"),
    # -- its addresses -----------------------------------------------------------------------------------------------------------
    served("an IPv4 address", "192.0.2.107", "192.0.2.107"),
    served("an IPv4 address with the port", "192.0.2.107:8800", "192.0.2.107"),
    served("an IPv6 address", "[2001:db8::107]", "2001:db8::107"),
    served("an IPv6 address with the port", "[2001:db8::107]:8800", "2001:db8::107"),
    served("an IPv6 address, upper case, written out", "[2001:0DB8:0:0:0:0:0:0107]", "2001:db8::107"),
    served("an IPv6 address with an IPv4 tail", "[2001:db8::0.0.1.7]", "2001:db8::107"),
    served("a mapped address", "[::ffff:192.0.2.107]", "192.0.2.107"),
    served("a mapped address in hex, with the port", "[::FFFF:C000:26B]:8800", "192.0.2.107"),
    # -- loopback, which no DNS can point elsewhere ----------------------------------------------------------------------------
    served("localhost", "localhost", "localhost"),
    served("localhost with a forwarded port", "localhost:18800", "localhost"),
    served("localhost, upper case, trailing dot", "LOCALHOST.:8800", "localhost"),
    served("a name below localhost", "gpubox.localhost:8800", "gpubox.localhost"),
    served("names below localhost", "a.b.localhost", "a.b.localhost"),
    served("127.0.0.1", "127.0.0.1:8800", "127.0.0.1"),
    served("another address of loopback", "127.8.9.10", "127.8.9.10"),
    served("[::1]", "[::1]", "::1"),
    served("[::1] with the port", "[::1]:8800", "::1"),
    served("[::1] written out", "[0:0:0:0:0:0:0:1]", "::1"),
    served("mapped loopback", "[::ffff:127.0.0.1]:8800", "127.0.0.1"),
    # -- somebody else's names: what a rebinding page has in its address bar ---------------------------------------------------
    another("a stranger's name", "evil.example", "evil.example"),
    another("a stranger's name with the port", "evil.example:8800", "evil.example"),
    another("this host's name as a label of a stranger's", "gpubox.evil.example", "gpubox.evil.example"),
    another("this host's qualified name below a stranger's", "gpubox.lab.example.evil.example", "gpubox.lab.example.evil.example"),
    another("this host's name at the end of another", "notgpubox", "notgpubox"),
    another("this host's qualified name at the end of another", "evilgpubox.lab.example", "evilgpubox.lab.example"),
    another("a name below this host's", "evil.gpubox.lab.example", "evil.gpubox.lab.example"),
    another("this host's name, cut short", "gpubo", "gpubo"),
    another("the domain alone", "lab.example", "lab.example"),
    another("localhost as a label", "localhost.evil.example", "localhost.evil.example"),
    another("localhost at the end of a name", "evillocalhost", "evillocalhost"),
    another("localhost.localdomain", "localhost.localdomain", "localhost.localdomain"),
    another("loopback as labels", "127.0.0.1.nip.example", "127.0.0.1.nip.example"),
    another("this host's address as labels", "192-0-2-107.sslip.example", "192-0-2-107.sslip.example"),
    another("other punycode", "xn--mnchen-7ya.example", "xn--mnchen-7ya.example"),
    another("the umlaut left out", "munchen.example", "munchen.example"),
    # -- somebody else's addresses ---------------------------------------------------------------------------------------------
    another("another IPv4 address", "192.0.2.108", "192.0.2.108"),
    another("another IPv6 address", "[2001:db8::108]:8800", "2001:db8::108"),
    another("an IPv4-compatible address", "[::127.0.0.1]", "::7f00:1"),
    another("loopback by NAT64", "[64:ff9b::127.0.0.1]", "64:ff9b::7f00:1"),
    another("another mapped address", "[::ffff:192.0.2.108]", "192.0.2.108"),
    another("a link-local address", "[fe80::1]", "fe80::1"),
    # -- the wildcard, which browsers have taken for loopback -------------------------------------------------------------------
    nothing("0.0.0.0", "0.0.0.0:8800"),
    nothing("[::]", "[::]:8800"),
    nothing("the wildcard, mapped", "[::ffff:0.0.0.0]"),
    # -- IPv4 addresses that are not written as one -----------------------------------------------------------------------------
    nothing("loopback in decimal", "2130706433"),
    nothing("loopback in hex", "0x7f000001"),
    nothing("loopback in hex, by bytes", "0x7f.0x0.0x0.0x1"),
    nothing("loopback in octal", "0177.0.0.1"),
    nothing("loopback in octal, one number", "017700000001"),
    nothing("loopback, shortened", "127.1"),
    nothing("loopback with leading zeros", "127.0.0.01"),
    nothing("loopback, trailing dot", "127.0.0.1."),
    nothing("an IPv4 address of five parts", "192.0.2.107.1"),
    nothing("an IPv4 address out of range", "192.0.2.263"),
    nothing("an IPv4 address in brackets", "[127.0.0.1]"),
    # -- IPv6 addresses that are not written as one -----------------------------------------------------------------------------
    nothing("an IPv6 address without brackets", "::1"),
    nothing("an IPv6 address without brackets, with a port", "2001:db8::107:8800"),
    nothing("a bracket that is not closed", "[::1"),
    nothing("a bracket that is not opened", "::1]:8800"),
    nothing("a zone", "[fe80::1%eth0]"),
    nothing("a zone as in a URL", "[fe80::1%25eth0]:8800"),
    nothing("loopback with a zone", "[::1%lo]"),
    nothing("a name in brackets", "[gpubox]"),
    nothing("an address of the future", "[v1.gpubox]"),
    nothing("text behind the bracket", "[::1]gpubox"),
    nothing("a dot behind the bracket", "[::1]."),
    # -- ports that are none ----------------------------------------------------------------------------------------------------
    nothing("port 0", "gpubox:0"),
    nothing("a port beyond the last", "gpubox:65536"),
    nothing("a long port", "gpubox:000008800"),
    nothing("a negative port", "gpubox:-1"),
    nothing("a signed port", "gpubox:+8800"),
    nothing("a port in letters", "gpubox:https"),
    nothing("an empty port", "gpubox:"),
    nothing("two ports", "gpubox:8800:8800"),
    nothing("a port alone", ":8800"),
    nothing("a port that is a stranger", "gpubox:8800@evil.example"),
    # -- more than a host -------------------------------------------------------------------------------------------------------
    nothing("userinfo", "ann@gpubox"),
    nothing("userinfo with a password", "ann:secret@gpubox:8800"),
    nothing("empty userinfo", "@gpubox"),
    nothing("a URL", "https://gpubox"),
    nothing("a path", "gpubox/lab"),
    nothing("a query", "gpubox?x"),
    nothing("a fragment", "gpubox#x"),
    nothing("a backslash", "gpubox\\evil.example"),
    nothing("two values", "gpubox, evil.example"),
    nothing("twice the same", "gpubox,gpubox"),
    nothing("a semicolon", "gpubox;evil.example"),
    # -- blanks, control characters and what is not ASCII ----------------------------------------------------------------------
    nothing("two words", "gpubox evil.example"),
    nothing("a blank before the port", "gpubox :8800"),
    nothing("a blank behind the colon", "gpubox: 8800"),
    nothing("a tab", "gpubox\tevil"),
    nothing("a zero byte", "gpubox\0"),
    nothing("a zero byte before a stranger", "gpubox\0.evil.example"),
    nothing("a delete character", "gpubox\x7f"),
    nothing("a vertical tab", "gpubox\x0b"),
    nothing("an escape sequence", "\x1b[31mgpubox"),
    nothing("UTF-8 instead of punycode", "mÃ¼nchen.example"),
    nothing("Latin-1 instead of punycode", "m\xfcnchen.example"),
    nothing("a hard blank", "gpubox\xa0"),
    nothing("percent-encoding", "gpubox%2eevil.example"),
    nothing("percent-encoded letters", "%67pubox"),
    # -- what is no name --------------------------------------------------------------------------------------------------------
    nothing("a dot", "."),
    nothing("two trailing dots", "gpubox.."),
    nothing("a leading dot", ".gpubox"),
    nothing("an empty label", "gpubox..lab.example"),
    nothing("a leading hyphen", "-gpubox"),
    nothing("a trailing hyphen", "gpubox-"),
    nothing("a wildcard", "*"),
    nothing("a wildcard of this host's domain", "*.lab.example"),
    nothing("a label of 64 letters", "a" * 64),
    nothing("a name of 254 characters", ".".join(["a" * 49] * 5) + ".aaaa"),
    nothing("quotes", '"gpubox"'),
    nothing("markup", "<script>"),
)


# Of a certificate of the user's own: no option takes such a name.
WILDCARD_NAMES = ("*.lab.example", "*.local", "*.0.2.107", "*", "*.*.example.org", "gpu*.example.net")
WILDCARD_CASES: tuple[Case, ...] = (
    served("one label more", "gpubox.lab.example", "gpubox.lab.example"),
    served("one label more, upper case, trailing dot, with the port", "GPUBOX.Lab.Example.:8800", "gpubox.lab.example"),
    served("a label in punycode", "xn--mnchen-3ya.lab.example", "xn--mnchen-3ya.lab.example"),
    another("two labels more", "a.gpubox.lab.example", "a.gpubox.lab.example"),
    another("no label more", "lab.example", "lab.example"),
    another("the domain at the end of another", "evillab.example", "evillab.example"),
    another("a label of a stranger's", "gpubox.lab.example.evil.example", "gpubox.lab.example.evil.example"),
    another("another domain", "gpubox.lib.example", "gpubox.lib.example"),
    another("below a top-level domain", "gpubox.local", "gpubox.local"),
    another("an address that ends as a name does", "192.0.2.107", "192.0.2.107"),
    another("one label, where a wildcard stands alone", "gpubox", "gpubox"),
    another("two wildcards", "a.b.example.org", "a.b.example.org"),
    another("a wildcard within a label", "gpu1.example.net", "gpu1.example.net"),
    nothing("the wildcard itself", "*.lab.example"),
)
