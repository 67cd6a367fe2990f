"""What a line of the audit holds, how it is read back, and what people see of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import untranslated
from jupyter_remote_kit.plan import audit
from jupyter_remote_kit.plan.audit import MAX_FIELD, Action
from jupyter_remote_kit.words import catalogue

MOMENT = datetime(2026, 11, 20, 10, 11, 12, 123456, timezone.utc)
SHANGHAI = timezone(timedelta(hours=8))


def test_an_event() -> None:
    happened = audit.event(
        Action.SIGN_IN, MOMENT, {"client": "192.0.2.7", "user_agent": "Mozilla/5.0", "route": "/login", "session": "", "way": "password"}
    )
    assert list(happened.items()) == [
        ("time", "2026-11-20T10:11:12.123Z"),
        ("action", "sign-in"),
        ("client", "192.0.2.7"),
        ("user_agent", "Mozilla/5.0"),
        ("route", "/login"),
        ("way", "password"),
    ]


def test_an_event_that_no_client_caused_and_one_that_stands_for_many() -> None:
    assert audit.event(Action.KERNEL_ENDED, MOMENT, {})["client"] == ""
    assert audit.event(Action.GUESS, MOMENT, {"client": "unix"}, repeated=7)["repeated"] == 7


def test_a_detail_cannot_take_the_place_of_time_or_action() -> None:
    happened = audit.event(Action.GUESS, MOMENT, {"action": "sign-in", "time": "never", "client": "192.0.2.7"})
    assert (happened["time"], happened["action"]) == ("2026-11-20T10:11:12.123Z", "refused-guess")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a" * MAX_FIELD, "a" * MAX_FIELD),
        ("a" * (MAX_FIELD + 1), "a" * (MAX_FIELD - 1) + "…"),
        ("\x1b" * 10_000, r"\x1b" * 63 + r"\x1" + "…"),
        ("a\r\nb", r"a\r\nb"),
        ("\ud800", r"\ud800"),
    ],
)
def test_a_field(text: str, kept: str) -> None:
    assert audit.field(text) == kept
    assert len(audit.field(text)) <= MAX_FIELD


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("Mozilla/5.0", "Mozilla/5.0"),
        ("浏览器".encode().decode("latin-1"), "浏览器"),
        ("\xff\x9b", r"\xff\x9b"),
        ("浏览器", "浏览器"),
    ],
)
def test_a_header_is_read_as_it_was_meant(read: str, meant: str) -> None:
    assert audit.header_text(read) == meant


def test_a_line_is_one_line_and_is_read_back() -> None:
    happened = audit.event(Action.HOST, MOMENT, {"client": "192.0.2.7", "host": 'a"b\u2028c', "route": "/训练.ipynb"}, repeated=2)
    line = audit.line(happened)
    assert line.isascii()
    assert len(line.decode().splitlines()) == 1
    assert audit.parse(line) == happened


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"time": "2026-11-20T10:11:12.123Z", "action": "sign-in"}',
        b'{"time": 7, "action": "sign-in", "client": ""}',
    ],
)
def test_what_is_no_event(line: bytes) -> None:
    assert audit.parse(line) is None


def test_a_line_that_somebody_else_wrote_is_made_harmless() -> None:
    line = json.dumps({"time": "x", "action": "\x1b[2J", "client": "\u202e", "\x07": "\x9b", "deep": {"a": 1}, "list": [], "n": 1})
    assert audit.parse(line.encode()) == {"time": "x", "action": r"\x1b[2J", "client": r"\u202e", r"\x07": r"\x9b", "n": 1}


@pytest.mark.parametrize(
    ("when", "begin"),
    [
        ("90s", "2026-11-20T10:09:42.123Z"),
        ("30m", "2026-11-20T09:41:12.123Z"),
        ("2h", "2026-11-20T08:11:12.123Z"),
        ("7d", "2026-11-13T10:11:12.123Z"),
        ("1w", "2026-11-13T10:11:12.123Z"),
        ("2026-11-20", "2026-11-19T16:00:00.000Z"),
        ("2026-11-20T18:30", "2026-11-20T10:30:00.000Z"),
        ("2026-11-20 18:30:05", "2026-11-20T10:30:05.000Z"),
        ("2026-11-20T18:30:00+08:00", "2026-11-20T10:30:00.000Z"),
        ("2026-11-20T10:11:12.123Z", "2026-11-20T10:11:12.123Z"),
        ("2026-11-20T10:11:12z", "2026-11-20T10:11:12.000Z"),
    ],
)
def test_since(when: str, begin: str) -> None:
    assert audit.parse_since(when, MOMENT, SHANGHAI) == begin


def test_a_time_without_a_zone_is_the_systems_own() -> None:
    local = datetime(2026, 11, 20, 18, 30).astimezone()
    assert audit.parse_since("2026-11-20T18:30", MOMENT) == audit.stamp(local)


@pytest.mark.parametrize(
    "when", ["", "gestern", "2h ago", "-2h", "2026-13-01", "999999999d", "999999999w", "0001-01-01T00:00+23:00", "٣h", "2h\n"]
)
def test_what_is_no_time(when: str) -> None:
    with pytest.raises(WrongUsage) as error:
        audit.parse_since(when, MOMENT, SHANGHAI)
    assert error.value.problems[0].code == "since"


def test_from_then_on() -> None:
    events = [audit.event(Action.SIGN_IN, MOMENT + timedelta(minutes=minute), {}) for minute in range(3)]
    assert list(audit.newer(events, None)) == events
    assert list(audit.newer(events, audit.stamp(MOMENT + timedelta(minutes=1)))) == events[1:]
    assert list(audit.newer([*events, None], audit.stamp(MOMENT + timedelta(days=1)))) == [None]


def test_what_people_see() -> None:
    happened = audit.event(
        Action.GUESS, MOMENT, {"client": "192.0.2.7", "user_agent": "curl/8", "route": "/login", "reason": "password"}, repeated=12
    )
    shown = audit.shown(happened, untranslated, SHANGHAI)
    assert shown == "2026-11-20 18:11:12  wrong guess          192.0.2.7        /login  reason=password  repeated=12  curl/8"


def test_columns_are_aligned_in_chinese_too() -> None:
    translate = catalogue("zh_CN")
    lines = [audit.shown(audit.event(action, MOMENT, {"client": "192.0.2.7"}), translate, SHANGHAI) for action in Action]
    assert len({audit.width(line[: line.index("192.0.2.7")]) for line in lines}) == 1


def test_what_a_newer_version_has_written_is_shown_as_it_is() -> None:
    shown = audit.shown({"time": "soon", "action": "moon-landing", "client": ""}, untranslated)
    assert shown == "soon  moon-landing         -"


def test_every_action_has_a_word() -> None:
    assert set(audit.WORDS) == set(Action)


def test_which_actions_a_stranger_can_repeat() -> None:
    assert {action for action in Action if action.refused} == {Action.GUESS, Action.ADDRESS, Action.HOST}
