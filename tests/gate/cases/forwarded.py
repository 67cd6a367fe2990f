"""Chains of proxies, and who the client behind them is. Written by hand; pure rules and real servers are held to the same rows.

Most rows trust `TRUSTED`: one server that trusts these can be asked all of them, from 127.0.0.1 as its proxy and from 127.0.0.2 as
nobody's, since the whole of 127.0.0.0/8 answers on loopback.
"""

from __future__ import annotations

from dataclasses import dataclass

TRUSTED = ("127.0.0.1/32", "::1/128", "10.0.0.0/8", "fd00:1::/32")
PROXY, STRANGER = "127.0.0.1", "127.0.0.2"
PROXY_V6 = "::1"
UNIX = "unix"
CLIENT, FORGED = "203.0.113.7", "198.51.100.66"
CLIENT_V6 = "2001:db8:7::7"


@dataclass(frozen=True)
class Case:
    """`peer` is the connection's other end (`unix`: a UNIX socket), `headers` the values of X-Forwarded-For; `client` who is meant."""

    name: str
    client: str
    headers: tuple[str, ...] = ()
    peer: str = PROXY
    trusted: tuple[str, ...] = TRUSTED


@dataclass(frozen=True)
class SchemeCase:
    """`own` is the scheme of the connection, `headers` the values of X-Forwarded-Proto; `scheme` what the client speaks."""

    name: str
    scheme: str
    headers: tuple[str, ...] = ()
    trusted: bool = True
    own: str = "http"


def chain(name: str, client: str, *headers: str, peer: str = PROXY, trusted: tuple[str, ...] = TRUSTED) -> Case:
    """What the proxy `peer` says, and who is the client then."""
    return Case(name, client, headers, peer, trusted)


def scheme(name: str, expected: str, *headers: str, trusted: bool = True, own: str = "http") -> SchemeCase:
    """What is said of the scheme, and what it is then."""
    return SchemeCase(name, expected, headers, trusted, own)


# Twice what is looked at.
LONG = ", ".join(["10.0.0.9"] * 64)

CASES: tuple[Case, ...] = (
    # -- nobody is trusted, or not this one ---------------------------------------------------------------------------------------
    chain("a stranger without a header", STRANGER, peer=STRANGER),
    chain("a stranger who forges one hop", STRANGER, FORGED, peer=STRANGER),
    chain("a stranger who forges loopback", STRANGER, "127.0.0.1", peer=STRANGER),
    chain("a stranger who forges a trusted chain", STRANGER, f"{FORGED}, 10.0.0.1", peer=STRANGER),
    chain("a stranger who forges twice", STRANGER, FORGED, "10.0.0.1", peer=STRANGER),
    chain("a stranger who sends garbage", STRANGER, "garbage", peer=STRANGER),
    chain("a stranger next to a trusted address", "11.0.0.1", FORGED, peer="11.0.0.1"),
    chain("an IPv6 stranger", CLIENT_V6, FORGED, peer=CLIENT_V6),
    chain("an IPv6 stranger beside a trusted network", "fd00:2::1", FORGED, peer="fd00:2::1"),
    chain("no proxy is trusted", PROXY, FORGED, trusted=()),
    chain("another proxy is trusted", PROXY, FORGED, trusted=("192.0.2.1/32",)),
    chain("the proxy's family is trusted, not the proxy", PROXY_V6, FORGED, peer=PROXY_V6, trusted=("127.0.0.0/8",)),
    chain("loopback of the other family is trusted", PROXY, FORGED, trusted=("::1/128",)),
    # -- one proxy ------------------------------------------------------------------------------------------------------------------
    chain("a proxy that says nothing", PROXY),
    chain("a proxy that says nothing, IPv6", PROXY_V6, peer=PROXY_V6),
    chain("one hop", CLIENT, CLIENT),
    chain("one IPv6 hop", CLIENT_V6, CLIENT_V6),
    chain("one hop by an IPv6 proxy", CLIENT, CLIENT, peer=PROXY_V6),
    chain("one IPv6 hop by an IPv6 proxy", CLIENT_V6, CLIENT_V6, peer=PROXY_V6),
    chain("a client that forges one hop", CLIENT, f"{FORGED}, {CLIENT}"),
    chain("a client that forges loopback", CLIENT, f"127.0.0.1, {CLIENT}"),
    chain("a client that forges a trusted chain", CLIENT, f"{FORGED}, 10.0.0.1, 127.0.0.1, {CLIENT}"),
    chain("a client that forges garbage", CLIENT, f"garbage, <script>, {CLIENT}"),
    chain("a client that sends a header of its own before the proxy's", CLIENT, FORGED, CLIENT),
    chain("a client that sends three", CLIENT, FORGED, "10.0.0.1", "127.0.0.1", CLIENT),
    chain("a client that sends an empty header", CLIENT, "", CLIENT),
    chain("a client on loopback", "127.0.0.2", "127.0.0.2"),
    chain("a client of the proxy's own network", "127.0.0.9", f"{FORGED}, 127.0.0.9"),
    chain("one proxy in a network of them", CLIENT, CLIENT, peer="10.9.8.7"),
    chain("one proxy in an IPv6 network of them", CLIENT_V6, CLIENT_V6, peer="fd00:1:2::3"),
    # -- several proxies ------------------------------------------------------------------------------------------------------------
    chain("two proxies", CLIENT, f"{CLIENT}, 10.0.0.1"),
    chain("three proxies", CLIENT, f"{CLIENT}, 10.0.0.1, 10.0.0.2"),
    chain("two proxies and a forged hop", CLIENT, f"{FORGED}, {CLIENT}, 10.0.0.1"),
    chain("two proxies, a header each", CLIENT, CLIENT, "10.0.0.1"),
    chain("two proxies, a header each, and a forged one", CLIENT, FORGED, CLIENT, "10.0.0.1"),
    chain("two proxies of two families", CLIENT, f"{CLIENT}, fd00:1::9", peer=PROXY),
    chain("an IPv6 client behind two proxies", CLIENT_V6, f"{CLIENT_V6}, 10.0.0.1"),
    chain("a proxy that nobody trusts is the client", "192.0.2.9", f"{CLIENT}, 192.0.2.9"),
    chain("a proxy that nobody trusts, behind one that is", "192.0.2.9", f"{CLIENT}, 192.0.2.9, 10.0.0.1"),
    chain("a proxy that nobody trusts between two that are", "192.0.2.9", f"{CLIENT}, 10.0.0.1, 192.0.2.9, 10.0.0.2"),
    # -- only trusted hops: the leftmost of them is as far as anybody knows -----------------------------------------------------------
    chain("one trusted hop", "10.0.0.1", "10.0.0.1"),
    chain("trusted hops alone", "10.0.0.1", "10.0.0.1, 10.0.0.2, 10.0.0.3"),
    chain("trusted hops alone, two headers", "10.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.3"),
    chain("the proxy names itself", PROXY, PROXY),
    chain("trusted hops behind garbage", "10.0.0.2", "garbage, 10.0.0.2, 10.0.0.3"),
    chain("trusted hops behind a client of the proxies' network", "10.0.0.1", "10.0.0.1, fd00:1::1, ::1"),
    # -- hops that cannot be read: never further left ---------------------------------------------------------------------------------
    chain("garbage", PROXY, "garbage"),
    chain("garbage to the right of a client", PROXY, f"{CLIENT}, garbage"),
    chain("garbage between a client and a proxy", "10.0.0.1", f"{CLIENT}, garbage, 10.0.0.1"),
    chain("garbage as the last header", PROXY, CLIENT, "garbage"),
    chain("unknown, as RFC 7239 has it", PROXY, f"{CLIENT}, unknown"),
    chain("an obfuscated hop, as RFC 7239 has it", PROXY, f"{CLIENT}, _hidden"),
    chain("a hop in the words of RFC 7239", PROXY, f"for={CLIENT}"),
    chain("a quoted hop", PROXY, f'"{CLIENT}"'),
    chain("a UNIX socket's hop, as nginx writes it", PROXY, f"{CLIENT}, unix:"),
    chain("a name", PROXY, "gpubox.example"),
    chain("localhost by name", PROXY, f"{CLIENT}, localhost"),
    chain("a network", PROXY, "203.0.113.0/24"),
    chain("hops separated by blanks", PROXY, f"{FORGED} {CLIENT}"),
    chain("hops separated by semicolons", PROXY, f"{FORGED}; {CLIENT}"),
    chain("an address in decimal", PROXY, "3405803783"),
    chain("an address in octal", PROXY, "0313.0.0161.07"),
    chain("an address in hex", PROXY, "0xcb.0x0.0x71.0x7"),
    chain("an address cut short", PROXY, "203.0.113"),
    chain("an address out of range", PROXY, "203.0.113.256"),
    chain("an address of five parts", PROXY, "203.0.113.7.1"),
    chain("an address with a trailing dot", PROXY, "203.0.113.7."),
    chain("digits of another script", PROXY, "２０３.0.113.7"),
    chain("an IPv6 address of nine groups", PROXY, "1:2:3:4:5:6:7:8:9"),
    chain("an IPv6 address with two gaps", PROXY, "2001::7::7"),
    # -- ports and brackets -----------------------------------------------------------------------------------------------------------
    chain("a port", CLIENT, f"{CLIENT}:51234"),
    chain("ports all along", CLIENT, f"{FORGED}:1, {CLIENT}:51234, 10.0.0.1:443"),
    chain("brackets", CLIENT_V6, f"[{CLIENT_V6}]"),
    chain("brackets and a port", CLIENT_V6, f"[{CLIENT_V6}]:51234"),
    chain("a trusted hop in brackets with a port", CLIENT, f"{CLIENT}, [fd00:1::9]:443"),
    chain("a port beyond the last", PROXY, f"{CLIENT}:65536"),
    chain("a port beyond the last, brackets", PROXY, f"[{CLIENT_V6}]:99999"),
    chain("an empty port", PROXY, f"{CLIENT}:"),
    chain("a port in letters", PROXY, f"{CLIENT}:http"),
    chain("two ports", PROXY, f"{CLIENT}:1:2"),
    chain("a bracket that is not closed", PROXY, f"[{CLIENT_V6}"),
    chain("a bracket that is not opened", PROXY, f"{CLIENT_V6}]:51234"),
    chain("an IPv4 address in brackets", PROXY, f"[{CLIENT}]"),
    chain("empty brackets", PROXY, "[]"),
    # -- the same address in other dress ----------------------------------------------------------------------------------------------
    chain("a mapped client", CLIENT, f"::ffff:{CLIENT}"),
    chain("a mapped client in hex", CLIENT, "::ffff:cb00:7107"),
    chain("a mapped client in brackets with a port", CLIENT, f"[::ffff:{CLIENT}]:51234"),
    chain("a mapped proxy in the chain", CLIENT, f"{CLIENT}, ::ffff:10.0.0.1"),
    chain("a mapped stranger in the chain", "11.0.0.1", f"{CLIENT}, ::ffff:11.0.0.1"),
    chain("a client of a zone", "fe80::7", "fe80::7%eth0"),
    chain("a client of a zone, in brackets", "fe80::7", "[fe80::7%eth0]:51234"),
    chain("an IPv6 client written out", CLIENT_V6, "2001:0DB8:0007:0000:0000:0000:0000:0007"),
    chain("a mapped trusted network", CLIENT, f"{CLIENT}, 172.20.0.1", trusted=("127.0.0.1", "::ffff:172.20.0.0/112")),
    # -- blanks and empty elements, which mean nothing ----------------------------------------------------------------------------------
    chain("no blanks", CLIENT, f"{FORGED},{CLIENT},10.0.0.1"),
    chain("blanks and tabs", CLIENT, f"  {FORGED} ,\t{CLIENT}\t ,  10.0.0.1  "),
    chain("an empty header", PROXY, ""),
    chain("commas alone", PROXY, ", ,,"),
    chain("a trailing comma", CLIENT, f"{CLIENT},"),
    chain("a leading comma", CLIENT, f",{CLIENT}"),
    chain("an empty element between", CLIENT, f"{CLIENT}, , 10.0.0.1"),
    # -- long chains --------------------------------------------------------------------------------------------------------------------
    chain("ten proxies", CLIENT, ", ".join([FORGED, CLIENT, *(f"10.0.0.{number}" for number in range(1, 11))])),
    chain("thirty-one proxies", CLIENT, ", ".join([CLIENT, *["10.0.0.9"] * 31])),
    chain("a thousand forged hops", CLIENT, ", ".join([*[FORGED] * 1000, CLIENT])),
    chain("a thousand pieces of garbage", CLIENT, ", ".join([*["x"] * 1000, CLIENT])),
    chain("more trusted hops than anybody has proxies", "10.0.0.9", f"{CLIENT}, {LONG}"),
    # -- UNIX sockets -------------------------------------------------------------------------------------------------------------------
    chain("a UNIX peer without a header", UNIX, peer=UNIX),
    chain("a UNIX peer where loopback is trusted", CLIENT, f"{FORGED}, {CLIENT}", peer=UNIX),
    chain("a UNIX peer where IPv6 loopback is trusted", CLIENT, CLIENT, peer=UNIX, trusted=("::1/128",)),
    chain("a UNIX peer where all of loopback is trusted", CLIENT, CLIENT, peer=UNIX, trusted=("127.0.0.0/8",)),
    chain("a UNIX peer where another proxy is trusted", UNIX, CLIENT, peer=UNIX, trusted=("10.0.0.0/8",)),
    chain("a UNIX peer where nobody is trusted", UNIX, CLIENT, peer=UNIX, trusted=()),
    chain("a UNIX peer that sends garbage", UNIX, f"{CLIENT}, garbage", peer=UNIX),
    chain("a UNIX peer and two proxies", CLIENT, f"{CLIENT}, 10.0.0.1", peer=UNIX),
)

SCHEMES: tuple[SchemeCase, ...] = (
    scheme("a proxy that says nothing", "http"),
    scheme("a proxy that says nothing over TLS", "https", own="https"),
    scheme("TLS up to the proxy", "https", "https"),
    scheme("no TLS up to the proxy", "http", "http"),
    scheme("no TLS up to a proxy that speaks it to us", "http", "http", own="https"),
    scheme("upper case", "https", "HTTPS"),
    scheme("blanks", "https", " https\t"),
    scheme("a list: the last counts", "https", "http, https"),
    scheme("a list: the last counts, against TLS", "http", "https, http"),
    scheme("a list without blanks", "https", "http,http,https"),
    scheme("two headers: the last counts", "http", "https", "http"),
    scheme("two headers, of which one is a list", "https", "http", "http, https"),
    scheme("a client that forges TLS", "http", "https", "http"),
    scheme("a trailing comma", "https", "https,"),
    scheme("a websocket's scheme, as Traefik writes it", "https", "wss"),
    scheme("a websocket's scheme without TLS", "http", "ws", own="https"),
    scheme("an empty header", "http", ""),
    scheme("garbage", "http", "gopher"),
    scheme("garbage over TLS", "https", "gopher", own="https"),
    scheme("garbage behind TLS", "http", "https, gopher"),
    scheme("a quoted scheme", "http", '"https"'),
    scheme("a URL", "http", "https://"),
    scheme("a stranger who says TLS", "http", "https", trusted=False),
    scheme("a stranger who says no TLS", "https", "http", trusted=False, own="https"),
)
