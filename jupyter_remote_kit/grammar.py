"""Strict grammars of what a user may write in an option. Parsed once, at the edge; whatever passes is safe in an argv, a URL or a SAN."""

from __future__ import annotations

import ipaddress
import re

import idna

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import Message, msg

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?\Z")
MAX_HOST_NAME = 253
MAX_PORT = 65535


def _wrong(code: str, message: Message, hint: Message) -> WrongUsage:
    return WrongUsage.of(code, message, hint)


def instance_name(text: str) -> str:
    """A letter or digit, then up to 31 letters, digits, `-` and `_`: safe in a file name, a systemd unit's name and a URL."""
    if _INSTANCE.match(text):
        return text
    raise _wrong(
        "instance-name",
        msg("{name!r} is not an instance name.", name=text),
        msg("Use 1 to 32 letters, digits, '-' and '_', beginning with a letter or digit, such as --instance gpu1"),
    )


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
    """An IPv4 or IPv6 address, without a zone or brackets."""
    found = _address(text)
    if found is not None:
        return found
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


def host_name(text: str) -> str:
    """A DNS name in its ASCII form (IDNA 2008), lower case, without a trailing dot; or an IP address in its shortest form.

    An IPv6 address may stand in brackets, as in a URL.
    """
    bracketed = text.startswith("[") and text.endswith("]") and ":" in text
    found = _address(text[1:-1] if bracketed else text)
    if found is not None and not found.is_unspecified:
        return str(found)
    try:
        # UTS 46 also knows the full stops of other scripts.
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError:
        name = ""
    ascii_name = name[:-1] if name.endswith(".") else name
    labels = ascii_name.split(".")
    if len(ascii_name) <= MAX_HOST_NAME and all(_LABEL.match(label) for label in labels) and not labels[-1].isdigit():
        return ascii_name
    raise _wrong(
        "host-name",
        msg("{name!r} is not a host name or an IP address.", name=text),
        msg("Use a name that the laptop can resolve, such as --allow-host gpu.example.org"),
    )


def language(text: str) -> str:
    """A locale as JupyterLab names it: `zh_CN`, `en`. `zh-CN` and `zh_CN.UTF-8` are understood."""
    candidate = text.split(".")[0].split("@")[0].replace("-", "_")
    if candidate in {"C", "POSIX"}:
        return "en"
    if _LANGUAGE.match(candidate):
        return candidate
    raise _wrong(
        "language",
        msg("{language!r} is not a language.", language=text),
        msg("Use a locale such as --language zh_CN or --language en"),
    )
