"""What a laptop makes of a host's answer: a host may be anybody's."""

from __future__ import annotations

import json

import pytest

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.host.starting import READY_WITHIN_S
from jupyter_remote_kit.plan.liveness import PING_EVERY_S

GOOD = {"command": "list", "ok": True, "data": {"servers": []}, "messages": [], "problems": []}
REFUSED = {**GOOD, "ok": False, "problems": [{"code": "x", "message": "No.", "hint": None}]}


@pytest.mark.parametrize("envelope", [GOOD, REFUSED])
def test_the_one_object_is_found_among_other_words(envelope: dict[str, object]) -> None:
    said = ("DeprecationWarning: …", "{not json", json.dumps(envelope), "bye")
    assert distant._envelope(said) == envelope


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": {}, "problems": []},
        {"ok": "yes", "data": {}, "problems": []},
        {"ok": False, "data": {}, "problems": []},
        {"ok": True, "data": [], "problems": []},
        {"ok": True, "data": {}, "problems": None},
        [],
    ],
)
def test_another_object_is_none(wrong: object) -> None:
    assert distant._envelope((json.dumps(wrong), "[" * 100_000, "{" * 100_000)) is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_elsewhere_is_none_here(number: str) -> None:
    told = json.dumps(GOOD).replace('"data": {', f'"data": {{"load": {number}, ', 1)
    assert number in told
    assert distant._envelope((told,)) is None


@pytest.mark.parametrize("code", ["root-dir-not-a-directory", "root-dir-not-writable"])
def test_what_helps_is_named_as_the_laptops_command_has_it(code: str) -> None:
    problem = distant._theirs("gpu", {"code": code, "message": "m", "hint": "Choose another one: --root-dir /home/ann"})
    assert problem.code == code
    assert str(problem.hint) == "Choose another folder on gpu: --project-dir ~/project"


def test_what_is_promised_in_numbers() -> None:
    """SECURITY.md states these."""
    assert (distant.KIT_S, READY_WITHIN_S, PING_EVERY_S) == (40, 60, 4)


def test_a_host_writes_no_escape_sequences() -> None:
    problem = distant._theirs("gpu", {"code": "x", "message": "\x1b]0;owned\x07", "hint": "\x1b[2J"})
    assert "\x1b" not in str(problem.message) + str(problem.hint)
    assert distant._theirs("gpu", "nonsense").code == "host-failed"
