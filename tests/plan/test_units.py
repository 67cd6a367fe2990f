"""What units are called, and that systemd reads back what is written into one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan import units
from jupyter_remote_kit.plan.units import Scope
from tests.plan import systemd_syntax as systemd

# What means something to systemd, to a shell, to glob(7) or to a terminal, and a byte that is not UTF-8.
SPICE = " \t\n\r\v\x00\x01\x1b\x7f\"'\\%$`*?[]{}~#;@:+!|&<>-=.,()é计🙂\u2028\u3000\u00a0\x85\udcff\udc80"
TEXTS = st.text(st.sampled_from(f"{SPICE}abcxu019_").filter(lambda char: char != "\0"), max_size=12) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12
)
PATHS = st.lists(TEXTS.map(lambda text: text.replace("/", "_")), min_size=1, max_size=4).map(lambda parts: Path("/" + "/".join(parts)))

INSTANCES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
USERS = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,20}\$?\Z") | st.text(st.sampled_from("a.@\\x2d:-_x4050é计\udcff"), min_size=1)

# systemd.unit(5): what a unit's name may consist of.
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\-]+@[A-Za-z0-9_.\\-]+\.service\Z")


@pytest.mark.parametrize(
    ("instance", "user", "unit"),
    [
        ("default", None, "jupyter-remotekit@default.service"),
        ("gpu-1_b", None, "jupyter-remotekit@gpu-1_b.service"),
        ("default", "ann", "jupyter-remotekit@ann.default.service"),
        ("gpu1", "ann", "jupyter-remotekit@ann.gpu1.service"),
        ("default", "ann.lee", "jupyter-remotekit@ann.lee.default.service"),
        ("default", "ann-lee", "jupyter-remotekit@ann-lee.default.service"),
        ("default", "ann@corp.example", r"jupyter-remotekit@ann\x40corp.example.default.service"),
        ("default", "CORP\\ann", r"jupyter-remotekit@CORP\x5cann.default.service"),
        ("default", "CORP+ann", r"jupyter-remotekit@CORP\x2bann.default.service"),
        ("default", "gpu$", r"jupyter-remotekit@gpu\x24.default.service"),
        ("default", "é", r"jupyter-remotekit@\xc3\xa9.default.service"),
        ("default", "计", r"jupyter-remotekit@\xe8\xae\xa1.default.service"),
        ("default", "a:b", r"jupyter-remotekit@a\x3ab.default.service"),
        ("default", "a/b", r"jupyter-remotekit@a\x2fb.default.service"),
        ("default", "a%b", r"jupyter-remotekit@a\x25b.default.service"),
        ("default", "a\nb", r"jupyter-remotekit@a\x0ab.default.service"),
        # What is written out as an escape is another user than the one that is escaped.
        ("default", r"ann\x40corp", r"jupyter-remotekit@ann\x5cx40corp.default.service"),
    ],
)
def test_the_name_of_a_unit(instance: str, user: str | None, unit: str) -> None:
    assert units.unit_name(instance, user) == unit
    owner = unit.removeprefix("jupyter-remotekit@").removesuffix(f".{instance}.service") if user else None
    assert units.instance_of(unit) == (owner, instance)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "jupyter.service",
        "jupyter-remotekit.service",
        "jupyter-remotekit@default.socket",
        "jupyter-remotekit@default.service.d",
        "x-jupyter-remotekit@default.service",
    ],
)
def test_a_strangers_unit_is_none_of_ours(name: str) -> None:
    assert units.instance_of(name) is None


@given(INSTANCES, st.none() | USERS)
def test_every_name_is_one_that_systemd_takes(instance: str, user: str | None) -> None:
    unit = units.unit_name(instance, user)
    assert UNIT_NAME.match(unit)
    assert unit.count("@") == 1
    assert units.instance_of(unit)[1] == instance  # type: ignore[index]


@given(INSTANCES, st.none() | USERS, INSTANCES, st.none() | USERS)
@example("default", "a@b", "default", r"a\x40b")
@example("b-c", "a", "c", "a-b")
@example("default", None, "default", "default")
def test_two_never_meet(instance: str, user: str | None, other: str, another: str | None) -> None:
    same = units.unit_name(instance, user) == units.unit_name(other, another)
    assert same == ((instance, user) == (other, another))


@given(USERS)
def test_whatever_the_grammar_takes_for_a_user_is_kept_apart_in_a_file_name(user: str) -> None:
    try:
        name = grammar.user_name(user)
    except WrongUsage:
        return
    assert Path("/x", units.unit_name("default", name)).name == units.unit_name("default", name)


def test_what_starts_a_unit_at_boot() -> None:
    assert [(scope.value, scope.target) for scope in Scope] == [("user", "default.target"), ("system", "multi-user.target")]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        ("two words ", '"two words "'),
        ('a "b" c', r'"a \"b\" c"'),
        ("it's", '"it\'s"'),
        ("100%", '"100%%"'),
        ("%h", '"%%h"'),
        ("$HOME", '"$$HOME"'),
        ("${HOME}", '"$${HOME}"'),
        ("a\\b", r'"a\\b"'),
        ("end\\", r'"end\\"'),
        (r"\x41", r'"\\x41"'),
        ("a\nb\tc", r'"a\x0ab\x09c"'),
        ("-x", '"-x"'),
        (";", '";"'),
        ("计算", '"计算"'),
        ("gbk\udcbc\udcc6", r'"gbk\xbc\xc6"'),
    ],
)
def test_a_word_of_a_command(text: str, written: str) -> None:
    assert units.argument(text) == written


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_every_argument_is_read_back(program: str, arguments: list[str]) -> None:
    path = Path("/" + program.replace("/", "_"))
    found = systemd.exec_start(units.command_line(path, *arguments))
    assert found.argv[-len(arguments) - 1 :] == (str(path), *arguments)
    assert found.path in {str(path), "/bin/sh"}


@pytest.mark.parametrize("path", ["/home/ann/my venv/bin/python", "/home/100%/bin/python", "/home/计算/bin/python", "/a;b#c*/python"])
def test_an_ordinary_program_is_started_as_it_is(path: str) -> None:
    assert systemd.exec_start(units.command_line(Path(path), "a b")) == systemd.Program(path, (path, "a b"))


@pytest.mark.parametrize(
    "path", ["/home/o'brien/python", '/home/"a"/python', "/home/a\\b/python", "/home/a$b${HOME}/python", "/a\tb/python"]
)
def test_a_program_that_systemd_would_not_take_is_started_by_a_shell(path: str) -> None:
    found = systemd.exec_start(units.command_line(Path(path), "$x", "a b"))
    assert found == systemd.Program("/bin/sh", ("/bin/sh", "-c", 'exec "$0" "$@"', path, "$x", "a b"))


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/home/ann/notebooks", "/home/ann/notebooks"),
        ("/srv/my notebooks", "/srv/my notebooks"),
        ("/srv/'single' \"double\"", "/srv/'single' \"double\""),
        ("/srv/100%", "/srv/100%%"),
        ("/srv/%h", "/srv/%%h"),
        ("/srv/$HOME", "/srv/$HOME"),
        ("/srv/a\\b", "/srv/a\\b"),
        ("/srv/计算", "/srv/计算"),
        ("/srv/-dash", "/srv/-dash"),
        ("/srv/#hash;", "/srv/#hash;"),
        ("/srv/trailing ", None),
        ("/srv/trailing\\", None),
        ("/srv/new\nline", None),
        ("/srv/tab\tin", None),
        ("/srv/gbk\udcbc\udcc6", None),
    ],
)
def test_a_path_as_a_whole_line(path: str, written: str | None) -> None:
    assert units.whole_line(Path(path)) == written


@given(PATHS)
def test_a_whole_line_is_read_back_or_not_written(path: Path) -> None:
    written = units.whole_line(path)
    if written is None:
        assert re.search(r"[\x00-\x1f\x7f\ud800-\udfff]|[\\\s]\Z", str(path))
    else:
        assert systemd.whole(written) == str(path)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/home/ann/.jupyter/remotekit/default.env", "/home/ann/.jupyter/remotekit/default.env"),
        ("/srv/a*b?[c]/x.env", r"/srv/a\*b\?\[c\]/x.env"),
        ("/srv/a\\b/x.env", r"/srv/a\\b/x.env"),
        ("/srv/50% off/x.env", "/srv/50%% off/x.env"),
        (r"/etc/jupyter-remotekit/ann\x40corp.default.env", r"/etc/jupyter-remotekit/ann\\x40corp.default.env"),
        ("/srv/a\nb/x.env", None),
    ],
)
def test_an_environment_file_is_no_pattern(path: str, written: str | None) -> None:
    assert units.environment_file(Path(path)) == written


@given(PATHS)
def test_an_environment_file_is_read_back_or_not_written(path: Path) -> None:
    written = units.environment_file(path / "default.env")
    if written is None:
        assert re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", str(path))
    else:
        assert systemd.pattern(written) == str(path / "default.env")


def test_a_list_of_paths_names_each_once_and_none_that_it_cannot_say() -> None:
    paths = map(Path, ("/home/ann", "/srv/a b", "/home/ann", "/srv/new\nline", '/srv/"q"\\%', "/srv/gbk\udcff"))
    assert units.path_list(paths) == r'"/home/ann" "/srv/a b" "/srv/\"q\"\\%%"'
    assert units.path_list(()) == ""


@given(st.lists(PATHS, max_size=4))
def test_a_list_of_paths_is_read_back(paths: list[Path]) -> None:
    sayable = dict.fromkeys(str(path) for path in paths if not re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", str(path)))
    assert systemd.path_list(units.path_list(paths)) == list(sayable)


@given(TEXTS)
def test_no_specifier_is_left(text: str) -> None:
    assert systemd.specifiers(units.specifiers(text)) == text
