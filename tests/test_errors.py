"""What can go wrong, and which exit code it means."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.errors import ExitCode, Failed, Problem, Refused, RemoteKitError, WrongUsage
from jupyter_remote_kit.messages import msg


@pytest.mark.parametrize(
    ("kind", "code"), [(RemoteKitError, 1), (Failed, 1), (WrongUsage, 2), (Refused, 78)], ids=lambda value: getattr(value, "__name__", "")
)
def test_each_kind_has_its_exit_code(kind: type[RemoteKitError], code: int) -> None:
    error = kind.of("port-taken", msg("Port {port} is taken.", port=8800), msg("Use another one"))
    assert type(error) is kind
    assert error.exit_code == code
    assert error.problems == (Problem("port-taken", msg("Port {port} is taken.", port=8800), msg("Use another one")),)
    assert str(error) == "Port 8800 is taken."


def test_several_problems_are_told_together() -> None:
    error = Refused(Problem("a", msg("One.")), Problem("b", msg("Two.")))
    assert [problem.code for problem in error.problems] == ["a", "b"]
    assert str(error) == "One.; Two."


def test_a_hint_may_be_left_out() -> None:
    assert Failed.of("x", msg("X.")).problems[0].hint is None


def test_the_exit_codes_are_those_of_the_readme() -> None:
    assert {code.name: int(code) for code in ExitCode} == {"DONE": 0, "FAILED": 1, "USAGE": 2, "REFUSED": 78}
