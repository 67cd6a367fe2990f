"""The one envelope in which every command answers."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from jupyter_remote_kit.errors import ExitCode, Failed, Problem, Refused, WrongUsage
from jupyter_remote_kit.messages import msg, untranslated
from jupyter_remote_kit.result import Result


def shouted(msgid: str) -> str:
    return msgid.upper() if "{" not in msgid else msgid


def test_the_envelope_has_these_keys_and_nothing_else() -> None:
    assert Result("status").envelope(untranslated) == {"command": "status", "ok": True, "data": {}, "messages": [], "problems": []}


def test_the_envelope_speaks_the_language_that_is_asked_for_and_codes_stay() -> None:
    result = Result(
        "init",
        {"port": 8800},
        (msg("done"), msg("{path}", path="/x")),
        problems=(Problem("a", msg("wrong"), msg("mend")), Problem("b", msg("odd"))),
    )
    assert result.envelope(shouted) == {
        "command": "init",
        "ok": True,
        "data": {"port": 8800},
        "messages": ["DONE", "/x"],
        "problems": [{"code": "a", "message": "WRONG", "hint": "MEND"}, {"code": "b", "message": "ODD", "hint": None}],
    }


def test_rows_and_blocks_are_for_people_alone() -> None:
    assert "QR" not in json.dumps(Result("urls", rows=((msg("QR"), "x"),), blocks=("QR",)).envelope(untranslated))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Failed.of("a", msg("A."), msg("Do it")), ExitCode.FAILED),
        (WrongUsage.of("a", msg("A."), msg("Do it")), ExitCode.USAGE),
        (Refused.of("a", msg("A."), msg("Do it")), ExitCode.REFUSED),
    ],
)
def test_a_command_that_raised_has_failed(error: Failed, code: ExitCode) -> None:
    result = Result.from_error("up", error)
    assert (result.ok, result.exit_code) == (False, code)
    assert result.envelope(untranslated)["problems"] == [{"code": "a", "message": "A.", "hint": "Do it"}]
    assert result.envelope(untranslated)["ok"] is False


def test_warnings_beside_success_change_nothing_of_it() -> None:
    assert Result("up", problems=(Problem("plain-http-chosen", msg("x")),)).ok


def test_a_result_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Result("up").command = "down"  # type: ignore[misc]
