"""The audit's events: what a line of `audit.jsonl` holds, how it is read back, and how a person reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from enum import Enum
from functools import lru_cache
from unicodedata import east_asian_width

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import Translate, marked, msg
from jupyter_remote_kit.plan.terminal import printable

Event = Mapping[str, str | int]
MAX_FIELD = 256
# The reason of a refused guess that tries nothing: an IDE that was left running repeats yesterday's token.
REPEATED_TOKEN = "repeated-token"  # noqa: S105  # the word for it, not a token
# Of a page of another origin, be it of the same site: the word is in files that exist.
CROSS_SITE = "cross-site"
# Not looked at, for the sake of what others guess; whoever guessed too much is `THROTTLED`.
BUSY = "busy"
THROTTLED = "throttled"
# Reasons of refused guesses that the owner, his programs and his browser may be led to: an IDE with yesterday's token, a page of another
# origin, an attack that uses up what all share.
HARMLESS = (REPEATED_TOKEN, CROSS_SITE, BUSY)
_CUT = "…"
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FIRST = ("time", "action", "client")
_SHOWN_APART = frozenset({*_FIRST, "route", "user_agent"})
_IPV4 = len("255.255.255.255")


class Action(str, Enum):
    """What happened; the value is what the file says, and stays as it is."""

    SIGN_IN = "sign-in"
    GUESS = "refused-guess"
    ADDRESS = "refused-address"
    HOST = "refused-host"
    TOKEN = "token-new-client"  # noqa: S105  # the name of an event, not a token
    SESSION_ENDED = "session-ended"
    KERNEL_STARTED = "kernel-started"
    KERNEL_ENDED = "kernel-ended"
    TERMINAL_STARTED = "terminal-started"
    TERMINAL_ENDED = "terminal-ended"

    @property
    def refused(self) -> bool:
        """Whether a stranger can cause it as often as he likes."""
        return self in {Action.GUESS, Action.ADDRESS, Action.HOST}


WORDS = {
    Action.SIGN_IN: marked("signed in"),
    Action.GUESS: marked("wrong guess"),
    Action.ADDRESS: marked("address refused"),
    Action.HOST: marked("name refused"),
    Action.TOKEN: marked("new client by token"),
    Action.SESSION_ENDED: marked("session ended"),
    Action.KERNEL_STARTED: marked("kernel started"),
    Action.KERNEL_ENDED: marked("kernel ended"),
    Action.TERMINAL_STARTED: marked("terminal started"),
    Action.TERMINAL_ENDED: marked("terminal ended"),
}

_BY_NAME: dict[str, str] = {known.value: word for known, word in WORDS.items()}


def field(text: str) -> str:
    """One value of an event: on one line, free of control characters, 256 characters at most; what is longer ends in `…`."""
    # Of 10 kB of user agent no more is looked at than can be kept.
    shown = printable(text[: MAX_FIELD + 1])
    return shown if len(shown) <= MAX_FIELD else shown[: MAX_FIELD - len(_CUT)] + _CUT


def header_text(value: str) -> str:
    r"""A header's value as its sender meant it: tornado reads bytes as Latin-1, clients write UTF-8. What is neither becomes `\x9b`."""
    try:
        return value.encode("latin-1").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return value


def stamp(moment: datetime) -> str:
    """A moment as events have it: ISO 8601, UTC, milliseconds. Two of them compare as text."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def event(action: Action, moment: datetime, details: Mapping[str, str], *, repeated: int = 0) -> dict[str, str | int]:
    """An event. Empty details are left out, but for the client; `repeated` is how many like it were not recorded before this one."""
    made: dict[str, str | int] = {"time": stamp(moment), "action": action.value, "client": field(details.get("client", ""))}
    made |= {field(name): field(value) for name, value in details.items() if value and name not in made}
    return made | ({"repeated": repeated} if repeated else {})


def line(happened: Event) -> bytes:
    """The event as a line of the file: ASCII, time, action and client first. fail2ban's filter is anchored to that beginning."""
    return json.dumps(happened, ensure_ascii=True).encode() + b"\n"


def parse(data: bytes) -> dict[str, str | int] | None:
    """A line of the file as an event again; `None` for what is none, such as a line that a full disk has cut off.

    The file is only as good as whoever can write to it: what it holds is made harmless once more.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in _FIRST):
        return None
    return {printable(name): printable(value) if isinstance(value, str) else value for name, value in found.items() if _plain(value)}


def parse_since(text: str, now: datetime, zone: tzinfo | None = None) -> str:
    """The beginning that `--since` names, as events are stamped: `2026-11-20`, an ISO time, or a span before `now` such as `30m`.

    What names no zone means `zone`; `None` is the system's own. Raises `WrongUsage`.
    """
    try:
        if span := _SPAN.match(text):
            return stamp(now - timedelta(**{_UNITS[span[2]]: int(span[1])}))
        # Python 3.10 does not read a Z.
        moment = datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", text))
        if moment.tzinfo is None:
            moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
        return stamp(moment)
    except (ValueError, OverflowError):
        raise WrongUsage.of(
            "since",
            msg("{when!r} is not a time.", when=text),
            msg("Use a day, a time or a span, such as --since 2026-11-20, --since 2026-11-20T18:30 or --since 2h"),
        ) from None


def shown(happened: Event, translate: Translate, zone: tzinfo | None = None) -> str:
    """One line for people: local time, what happened, who it was. Nothing in it drives a terminal."""
    details = [f"{name}={value}" for name, value in happened.items() if name not in _SHOWN_APART]
    columns = (
        _local(str(happened["time"]), zone),
        _padded(_word(str(happened["action"]), translate), _widest(translate)),
        _padded(str(happened["client"]) or "-", _IPV4),
        str(happened.get("route", "")),
        *details,
        str(happened.get("user_agent", "")),
    )
    return printable("  ".join(column for column in columns if column)).rstrip()


def width(text: str) -> int:
    """How many columns of a terminal `text` takes: a Chinese character is two wide."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def _word(action: str, translate: Translate) -> str:
    """The action in the reader's language; one that a newer version has written stays as it is."""
    return translate(_BY_NAME[action]) if action in _BY_NAME else action


@lru_cache(1)
def _widest(translate: Translate) -> int:
    # Once, and not for each of 200,000 lines, of which it was two thirds of the time.
    return max(width(translate(word)) for word in WORDS.values())


def _local(text: str, zone: tzinfo | None) -> str:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return text


def newer(events: Iterable[dict[str, str | int] | None], since: str | None) -> Iterator[dict[str, str | int] | None]:
    """The events from `since` on, as `parse_since` gives it. `None`, for a line that cannot be read, has no time and stays."""
    return (happened for happened in events if happened is None or since is None or str(happened["time"]) >= since)


def _plain(value: object) -> bool:
    return isinstance(value, str | int)
