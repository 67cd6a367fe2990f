"""Strict grammars of what a user may write in an option. Parsed once, at the edge; whatever passes is safe in an argv, a URL or a SAN."""

from __future__ import annotations

import ipaddress
import re

from jupyter_remote_kit import words
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.settings import MAX_SESSION_DAYS

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
# What the URL standard reads as part of an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
# useradd(8) allows less; a directory service has names with a realm or a domain, and in any script. systemd takes them all for a user that
# there is (`valid_user_group_name` with VALID_USER_RELAX, user-util.c); what a shell would evaluate is refused here.
_USER = re.compile(r"\w[\w.@\\+-]{0,254}\$?\Z")
# POSIX.1-2017, XBD 8.1, as shells and systemd have it.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CIDR = re.compile(r"([0-9a-fA-F:.]+)(?:/([0-9]{1,3}))?\Z")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_BASE_URL = re.compile(r"(?!//)(?:[A-Za-z0-9._~!'&,=:@/-]|%[0-9A-Fa-f]{2})*\Z")
MAX_HOST_NAME = 253
MAX_PORT = 65535
MIN_WATCHDOG, MAX_WATCHDOG = 10, 1440
ANY_NETWORK, AUTO, DEFAULT, NONE = "any", "auto", "default", "none"


def _wrong(code: str, message: Message, hint: Message) -> WrongUsage:
    return WrongUsage.of(code, message, hint)


def instance_name(text: str) -> str:
    """A letter or digit, then up to 31 letters, digits, `-` and `_`: safe in a file name, a systemd unit's name and a URL."""
    if INSTANCE.match(text):
        return text
    raise _wrong(
        "instance-name",
        msg("{name!r} is not an instance name.", name=text),
        msg("Use 1 to 32 letters, digits, '-' and '_', beginning with a letter or digit, such as --instance gpu1"),
    )


def port_or_auto(text: str) -> int | str:
    """A TCP port, or the word `auto`."""
    return text if text == AUTO else port(text)


def port(text: str) -> int:
    """A TCP port, 1 to 65535."""
    if re.fullmatch(r"[0-9]{1,5}", text) and 1 <= int(text) <= MAX_PORT:
        return int(text)
    raise _wrong(
        "port",
        msg("{port!r} is not a port number.", port=text),
        msg("Use a number from 1 to 65535, such as --port 8800"),
    )


def address(text: str) -> IPAddress:
    """An IPv4 or IPv6 address, without a zone; an IPv6 one may stand in brackets, as in a URL."""
    found = _address(_unbracketed(text))
    if found is not None:
        return found
    if "%" in text and _address(text.partition("%")[0]) is not None:
        raise _wrong(
            "address",
            msg("{address!r} has a zone: such an address means something on one link only, and no browser can open it.", address=text),
            msg("Use one of this host's addresses, such as --ip 192.168.0.107, or --ip 0.0.0.0 for all of them"),
        )
    raise _wrong(
        "address",
        msg("{address!r} is not an IP address.", address=text),
        msg("Use one of this host's addresses, such as --ip 192.168.0.107, or --ip 0.0.0.0 for all of them"),
    )


def _address(text: str) -> IPAddress | None:
    # A zone means something on one machine only, and `ipaddress` takes any text for one.
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _unbracketed(text: str) -> str:
    """An IPv6 address in brackets (RFC 3986, 3.2.2) without them."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text


def unmapped(address: IPAddress) -> IPAddress:
    """An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) as the IPv4 address that it stands for; any other without its zone."""
    if address.version == 4:
        return address
    return address.ipv4_mapped or ipaddress.IPv6Address(int(address))


def network(text: str) -> IPNetwork:
    """A network in CIDR notation, or one address. Host bits are masked; an IPv4-mapped network is taken as IPv4."""
    found = _network(text)
    if found is not None:
        return found
    raise _wrong(
        "network",
        msg("{network!r} is not a network.", network=text),
        msg("Use an address or a network such as --allow-network 192.168.0.0/24, or --allow-network any"),
    )


def _network(text: str) -> IPNetwork | None:
    match = _CIDR.match(text)
    if match is None:
        return None
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_MAPPED):
        found = ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - _MAPPED.prefixlen))
    # Whoever writes `0.0.0.0` alone means all of them, and would get none.
    return None if found.network_address.is_unspecified and match[2] is None else found


def allowed_network(text: str) -> str:
    """A network in its shortest form, or one of the words `any` and `default`."""
    return text if text in {ANY_NETWORK, DEFAULT} else str(network(text))


def trusted_proxy(text: str) -> str:
    """The network of a proxy in its shortest form, or the word `none`."""
    if text == NONE:
        return text
    found = network(text)
    if found.prefixlen:
        return str(found)
    raise _wrong(
        "any-proxy",
        msg("{network!r} holds everybody: anyone could forge their own address.", network=text),
        msg("Name the proxy alone, such as --trusted-proxy 127.0.0.1"),
    )


def session_days(text: str) -> int:
    """How many days a session lasts, 1 to 365."""
    if re.fullmatch(r"[0-9]{1,3}", text) and 1 <= int(text) <= MAX_SESSION_DAYS:
        return int(text)
    raise _wrong(
        "session-days",
        msg("{days!r} is not a number of days that a session can last.", days=text),
        msg("Use a number from 1 to {most}, such as --session-days 14", most=MAX_SESSION_DAYS),
    )


def user_name(text: str) -> str:
    """The name of an account, as far as it can be told without asking for it."""
    if _USER.match(text):
        return text
    raise _wrong("user-name", msg("{name!r} is not a user's name.", name=text), msg("Use the name of an account, such as --run-as alice"))


def variable_name(text: str) -> str:
    """The name of an environment variable, or the word `none`."""
    if _VARIABLE.match(text):
        return text
    raise _wrong(
        "variable-name",
        msg("{name!r} is not the name of an environment variable.", name=text),
        msg("Name the variable without its value, such as --env DATA_DIR"),
    )


def watchdog_minutes(text: str) -> int:
    """After how many minutes a server that hangs is restarted: 10 to 1440, or 0 for never."""
    if re.fullmatch(r"[0-9]{1,4}", text) and (int(text) == 0 or MIN_WATCHDOG <= int(text) <= MAX_WATCHDOG):
        return int(text)
    raise _wrong(
        "watchdog",
        msg("{minutes!r} is not a time for the watchdog.", minutes=text),
        msg(
            "Use {least} to {most} minutes: a restart ends every kernel, and a slow save is no crash", least=MIN_WATCHDOG, most=MAX_WATCHDOG
        ),
    )


def allowed_host(text: str) -> str:
    """A host in the form of `host_name`, or the word `default`."""
    return text if text == DEFAULT else host_name(text)


def host_name(text: str) -> str:
    """A DNS name in its ASCII form (IDNA 2008), lower case, without a trailing dot; or an IP address in its shortest form.

    An IPv6 address may stand in brackets, as in a URL; one that stands for an IPv4 address is taken as that.
    """
    written = _address(_unbracketed(text))
    found = unmapped(written) if written is not None else None
    if found is not None and not found.is_unspecified:
        return str(found)
    name = text.lower() if text.isascii() else _idna_name(text)
    ascii_name = name[:-1] if name.endswith(".") else name
    labels = ascii_name.split(".")
    if len(ascii_name) <= MAX_HOST_NAME and all(_LABEL.match(label) for label in labels) and not _NUMBER.match(labels[-1]):
        return ascii_name
    raise _wrong(
        "host-name",
        msg("{name!r} is not a host name or an IP address.", name=text),
        msg("Use a name that the laptop can resolve, such as --allow-host gpu.example.org"),
    )


def _idna_name(text: str) -> str:
    """A name in other letters in its ASCII form; empty where it has none."""
    import idna  # its tables, which few names need and every command would load

    try:
        # UTS 46 also knows the full stops of other scripts. A label in ASCII may have an underscore, which is no letter of IDNA's.
        labels = idna.uts46_remap(text, std3_rules=False).split(".")
        return ".".join(label if label.isascii() else idna.alabel(label).decode() for label in labels)
    except (idna.IDNAError, UnicodeError):
        return ""


def is_base_url(text: str) -> bool:
    """Whether jupyter_server serves what is below this path: it makes a regular expression of it, which it matches with a request's path.

    So of what RFC 3986 (3.3) lets stand in a path `+`, `*`, `(`, `)` and `$` do not mean themselves, and of what has to be encoded there
    nothing matches. A `;` ends the `Path` of a cookie (RFC 6265, 4.1.1). Measured with jupyter_server 2.21.
    """
    return bool(_BASE_URL.match(text))


def language(text: str) -> str:
    """A locale as JupyterLab names it: `zh_CN`, `en`. Those of POSIX (`zh_CN.UTF-8`) and of BCP 47 (`zh-Hans-CN`) are understood."""
    if found := words.locale_of(text):
        return found
    raise _wrong(
        "language",
        msg("{language!r} is not a language.", language=text),
        msg("Use a locale such as --language zh_CN or --language en"),
    )
