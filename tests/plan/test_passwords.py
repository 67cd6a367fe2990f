"""Passwords that a stranger would try first."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.errors import ExitCode, Refused
from jupyter_remote_kit.plan.passwords import check_password
from jupyter_remote_kit.secret import Secret

USER = "annabelle"
NAMES = ("workstation.example.org", "workstation", "localhost")
A_NAME = "The password is the name of the user or of the host."


@pytest.mark.parametrize(
    ("password", "code", "sentence"),
    [
        ("", "password-short", "The password has 0 characters; at least 8 are needed."),
        ("short", "password-short", "The password has 5 characters; at least 8 are needed."),
        ("seven77", "password-short", "The password has 7 characters; at least 8 are needed."),
        ("密码密码密码密", "password-short", "The password has 7 characters; at least 8 are needed."),
        ("annabelle", "password-is-a-name", A_NAME),
        ("AnnaBelle", "password-is-a-name", A_NAME),
        ("workstation", "password-is-a-name", A_NAME),
        ("WORKSTATION", "password-is-a-name", A_NAME),
        ("workstation.example.org", "password-is-a-name", A_NAME),
        ("localhost", "password-is-a-name", A_NAME),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str, code: str, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        check_password(Secret(password), USER, NAMES)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == (code, sentence)
    assert str(problem.hint) == "Choose a longer one, or let the kit do it: --generate-password"
    assert caught.value.exit_code is ExitCode.REFUSED


def test_the_first_label_of_a_full_name_is_a_name_too() -> None:
    with pytest.raises(Refused, match="name of the user or of the host"):
        check_password(Secret("workstation"), USER, ["workstation.example.org"])


def test_names_may_come_from_an_iterator() -> None:
    with pytest.raises(Refused, match="name of the user or of the host"):
        check_password(Secret("workstation"), USER, iter(["workstation.example.org"]))


@pytest.mark.parametrize("password", ["eight888", "密码密码密码密码", "annabelle1", "workstation.example", "        ", "x" * 4096])
def test_other_passwords_are_accepted(password: str) -> None:
    check_password(Secret(password), USER, NAMES)
