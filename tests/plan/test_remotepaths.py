"""Which texts are places on a host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan import remotepaths, shell

PARSERS = (remotepaths.project_dir, remotepaths.python, remotepaths.environment)
# A trap for whoever does not quote, and fit to be a folder's name all the same.
ODD = ["$(touch canary)", "a;b", "`id`", "it's", 'a"b', "a b", "数据", "a\\b", "*", "~bob/x", "x" * 4096, "a\u3000b"]


@pytest.mark.parametrize("text", ["/", "~", "~/project", "project", "../up", "a/-b", *ODD])
def test_a_folder_may_be_called_anything(text: str) -> None:
    assert remotepaths.project_dir(text) == text


@pytest.mark.parametrize("text", ["python3.12", "pypy3", "/usr/bin/python3", "~/venv/bin/python", "~bob/bin/python", "/opt/$(id)/python"])
def test_an_interpreter_is_a_program_or_a_whole_path(text: str) -> None:
    assert remotepaths.python(text) == text


@pytest.mark.parametrize(
    "text", ["torch", "base", "_py-3.11", "a" * 255, ".venv", "实验", "torch@2", "a&b", "/opt/envs/torch", "~/project/.venv"]
)
def test_an_environment_is_a_name_or_a_whole_path(text: str) -> None:
    assert remotepaths.environment(text) == text


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "text", ["", "-", "-c", "--help", "a\0b", "/a\nb", "~/a\x1b[2J", "/a\x7f", "/a\x9b", "/a\u2028b", "/\udcff", "/" + "é" * 2048]
)
def test_what_no_place_is_called_on_purpose(parse: Callable[[str], str], text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert repr(text) in str(problem.message)
    assert problem.hint


@pytest.mark.parametrize("text", ["bin/python", "./python", "python 3", ".", "..", "a:b", "a#b"])
@pytest.mark.parametrize("parse", PARSERS[1:])
def test_a_part_of_a_path_is_neither(parse: Callable[[str], str], text: str) -> None:
    with pytest.raises(WrongUsage):
        parse(text)


@pytest.mark.parametrize(("text", "is_one"), [("/opt/kit", True), ("~/kit", False), ("kit", False), ("", False), ("/a\nb", False)])
def test_a_kit_is_where_the_host_has_found_it(text: str, is_one: bool) -> None:
    assert remotepaths.is_kit(text) is is_one


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text())
def test_what_passes_can_be_sent_and_is_no_option(parse: Callable[[str], str], text: str) -> None:
    try:
        parse(text)
    except WrongUsage:
        return
    assert not text.startswith("-")
    assert "\n" not in text
    assert shell.framed(shell.quoted((text,)))
