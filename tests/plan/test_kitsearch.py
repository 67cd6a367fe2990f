"""What a host says of where its kit is, and what is told of it."""

from __future__ import annotations

import shlex

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.plan.kitsearch import Found, Missing, NotFound, Python, Search, parse

NEW = "remotekit-python 3.12.4 venv /usr/bin/python3"
BARE = "remotekit-python 3.10.12 bare /usr/bin/python3.10"
OLD = "remotekit-python 3.8.18 venv /opt/old python/bin/python3"
NAMED_ENV = "remotekit-named-env /home/ann/miniconda3/envs/torch"
NAMED_PYTHON = "remotekit-named-python /opt/old python/bin/python3"
BROKEN = "remotekit-broken /home/ann/venv/bin/jupyter-remotekit"


def not_found(*lines: str, code: int = 64) -> NotFound:
    with pytest.raises(NotFound) as error:
        parse(lines, code, "gpu1")
    return error.value


def test_a_search_is_four_words_of_a_script() -> None:
    assert Search().words == ("", "", "", "")
    search = Search(env="torch", project_dir="~/数据 1").with_kit("/home/ann/bin/jupyter-remotekit")
    assert search.words == ("", "torch", "~/数据 1", "/home/ann/bin/jupyter-remotekit")


class TestFound:
    def test_its_path_and_what_it_said(self) -> None:
        lines = ("remotekit-looked /a", BROKEN, "remotekit-kit /a b/jupyter-remotekit", '{"ok": true}', NEW, "")
        assert parse(lines, 0, "gpu1") == Found("/a b/jupyter-remotekit", ('{"ok": true}', NEW, ""))

    def test_the_interpreter_that_was_named(self) -> None:
        found = parse((NEW, "remotekit-kit /x/jupyter-remotekit"), 0, "gpu1")
        assert found.python == Python((3, 12, 4), True, "/usr/bin/python3")

    @pytest.mark.parametrize("code", [0, 1, 64, 66, 78, 127])
    def test_its_exit_code_is_its_own(self, code: int) -> None:
        assert parse(("remotekit-kit /x/jupyter-remotekit", "words"), code, "gpu1").said == ("words",)


class TestNotFound:
    def test_what_was_looked_at(self) -> None:
        absence = not_found("remotekit-looked /a", "remotekit-looked /b", "remotekit-looked /a", BROKEN, BROKEN, NEW, NEW, BARE).absence
        assert absence.missing is Missing.NOWHERE
        assert (absence.option, absence.named) == (None, "")
        assert absence.looked == ("/a", "/b")
        assert absence.broken == ("/home/ann/venv/bin/jupyter-remotekit",)
        assert absence.pythons == (Python((3, 12, 4), True, "/usr/bin/python3"), Python((3, 10, 12), False, "/usr/bin/python3.10"))

    @pytest.mark.parametrize(
        "line",
        [
            "remotekit-python 3.12 venv /x",
            "remotekit-python 3.12.4 venv x",
            "remotekit-python 3.12.4 yes /x",
            "remotekit-python",
            "python 3",
        ],
    )
    def test_what_is_no_python_is_passed_over(self, line: str) -> None:
        assert not_found(line).absence.pythons == ()

    def test_a_python_that_is_too_old_is_none_to_install_with(self) -> None:
        absence = not_found(OLD, BARE, NEW).absence
        assert [python.number for python in absence.usable_pythons] == ["3.10.12", "3.12.4"]

    @pytest.mark.parametrize(
        ("lines", "code", "installable"),
        [
            ((NEW,), 64, True),
            ((BARE,), 64, True),
            ((OLD,), 64, False),
            ((), 64, False),
            ((NEW, NAMED_ENV), 65, True),
            ((OLD, NAMED_PYTHON), 65, False),
            ((NAMED_ENV,), 65, False),
            ((NAMED_ENV,), 66, False),
        ],
    )
    def test_whether_it_can_be_installed(self, lines: tuple[str, ...], code: int, installable: bool) -> None:
        assert not_found(*lines, code=code).installable is installable


INSTALL = "jupyter remotekit connect gpu1 --install"
UV = "Install Python 3.10 or newer there; without root, for example: uv python install 3.12"


@pytest.mark.parametrize(
    ("lines", "code", "told"),
    [
        pytest.param(
            ("remotekit-looked /usr/bin", "remotekit-looked /opt/conda/bin", NEW),
            64,
            (
                "no-kit",
                "gpu1 has no jupyter-remote-kit, neither on its PATH nor where it was looked for: /usr/bin, /opt/conda/bin",
                f"Install it there, or name its place with --env or --python: {INSTALL}",
            ),
            id="nowhere",
        ),
        pytest.param(
            (NEW,),
            64,
            (
                "no-kit",
                "gpu1 has no jupyter-remote-kit, neither on its PATH nor where it was looked for: -",
                f"Install it there, or name its place with --env or --python: {INSTALL}",
            ),
            id="nowhere to look",
        ),
        pytest.param(
            (BROKEN, NEW),
            64,
            (
                "kit-broken",
                "/home/ann/venv/bin/jupyter-remotekit on gpu1 no longer runs: its Python is gone.",
                f"Install it there: {INSTALL}",
            ),
            id="its Python is gone",
        ),
        pytest.param(
            (), 64, ("no-python", "gpu1 has no jupyter-remote-kit, and no Python to install it with.", UV), id="no Python on the host"
        ),
        pytest.param(
            ("remotekit-python 3.6.8 venv /usr/bin/python3", OLD),
            64,
            ("old-python", "The newest Python on gpu1 is 3.8.18 (/opt/old python/bin/python3); jupyter-remote-kit needs 3.10.", UV),
            id="all are too old",
        ),
        pytest.param(
            (NEW, NAMED_ENV),
            65,
            (
                "no-kit",
                "/home/ann/miniconda3/envs/torch on gpu1 has no jupyter-remote-kit.",
                "Install it there: jupyter remotekit connect gpu1 --env /home/ann/miniconda3/envs/torch --install",
            ),
            id="the named environment lacks it",
        ),
        pytest.param(
            (NEW, "remotekit-named-python /a b/python"),
            65,
            (
                "no-kit",
                "/a b/python on gpu1 has no jupyter-remote-kit.",
                "Install it there: jupyter remotekit connect gpu1 --python '/a b/python' --install",
            ),
            id="the named Python lacks it",
        ),
        pytest.param(
            (BROKEN, NEW, NAMED_ENV),
            65,
            (
                "kit-broken",
                "/home/ann/venv/bin/jupyter-remotekit on gpu1 no longer runs: its Python is gone.",
                "Install it there: jupyter remotekit connect gpu1 --env /home/ann/miniconda3/envs/torch --install",
            ),
            id="the named environment's kit is broken",
        ),
        pytest.param(
            (OLD, NAMED_PYTHON),
            65,
            (
                "old-python",
                "/opt/old python/bin/python3 on gpu1 is Python 3.8.18; jupyter-remote-kit needs 3.10.",
                "Name another one, or leave out --python",
            ),
            id="the named Python is too old",
        ),
        pytest.param(
            (NAMED_ENV,),
            65,
            ("no-python", "/home/ann/miniconda3/envs/torch on gpu1 has no Python.", UV),
            id="an environment without Python",
        ),
        pytest.param(
            ("remotekit-named-env torch",),
            66,
            (
                "no-such-env",
                "gpu1 has no environment 'torch'.",
                "Name its folder; those of conda, on gpu1: cat ~/.conda/environments.txt",
            ),
            id="no such environment",
        ),
        pytest.param(
            ("remotekit-named-python python3.14",),
            66,
            ("no-such-python", "gpu1 has no Python 'python3.14' that runs.", "On gpu1: ls -l /usr/bin/python3*"),
            id="no such Python",
        ),
    ],
)
def test_one_sentence_and_what_to_paste(lines: tuple[str, ...], code: int, told: tuple[str, str, str]) -> None:
    (problem,) = not_found(*lines, code=code).problems
    assert (problem.code, str(problem.message), str(problem.hint)) == told


def test_what_a_host_says_drives_no_terminal_and_no_shell() -> None:
    (problem,) = not_found(NEW, "remotekit-named-env /a\x1b[2J'; touch canary", code=65).problems
    assert "\x1b" not in f"{problem.message} {problem.hint}"
    words = shlex.split(str(problem.hint).partition(": ")[2])
    assert words == ["jupyter", "remotekit", "connect", "gpu1", "--env", r"/a\x1b[2J'; touch canary", "--install"]


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (("sh: 12: Syntax error\x07",), 2, r"sh: 12: Syntax error\x07"),
        ((), 1, "exit code 1"),
        ((NEW,), 0, NEW),
    ],
)
def test_a_shell_that_does_something_else_is_told_of(lines: tuple[str, ...], code: int, words: str) -> None:
    with pytest.raises(Failed) as error:
        parse(lines, code, "gpu1")
    (problem,) = error.value.problems
    assert (problem.code, str(problem.message)) == ("host-shell", f"The shell of gpu1 did not do what it was told: {words}")
    assert str(problem.hint) == "On gpu1: /bin/sh -c 'echo $SHELL'"


def test_an_alias_is_quoted_in_the_command_alone() -> None:
    with pytest.raises(NotFound) as missing:
        parse((NEW,), 64, "实验室")
    (problem,) = missing.value.problems
    assert str(problem.message).startswith("实验室 has no jupyter-remote-kit")
    assert str(problem.hint).endswith(": jupyter remotekit connect '实验室' --install")
