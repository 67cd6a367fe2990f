"""A configuration that cannot be read is named with its line, never overwritten, and never served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import PORT, Host

REFUSED = 78

# What stands in the file, and the line that is wrong, as a person would point at it.
PYTHON: dict[str, tuple[bytes, int]] = {
    "an unclosed string": (b'c = get_config()\nc.ServerApp.ip = "0.0.0.0\n', 2),
    "an unclosed bracket": (b"c.ServerApp.open_browser = bool(\n", 1),
    "a closing bracket too many": (b"x = 1\ny = (2))\n", 2),
    "an assignment without a value": (b"c.ServerApp.port =\n", 1),
    "an indentation out of nowhere": (b"x = 1\n    y = 2\n", 2),
    "a missing block": (b"if True:\nx = 1\n", 2),
    "tabs mixed with blanks": (b"if True:\n\tx = 1\n        y = 2\n", 3),
    "a merge left undone": (b"x = 1\n<<<<<<< HEAD\ny = 2\n", 2),
    "JSON in a .py": (b'{"ServerApp": {"open_browser": false,}\n', 1),
    "a print statement of Python 2": (b"x = 1\nprint 'hello'\n", 2),
    "a shell line": (b"export JUPYTER_PORT=8800\n", 1),
    "an unknown character": (b"x = 1\ny = 2 \xe2\x82\xac 3\n", 2),
    "a zero byte": (b"x = 1\ny = \0 2\n", 2),
    "text that is not UTF-8": (b"x = 1\ny = '\xff\xfe'\n", 2),
    "an unknown encoding": (b"# -*- coding: klingon -*-\nx = 1\n", 1),
    "an octal number of old": (b"x = 1\n\nmode = 0755\n", 3),
    "a keyword as a name": (b"class = 1\n", 1),
    "a return outside of a function": (b"x = 1\nreturn x\n", 2),
    "an f-string cut short": (b"x = 1\ny = f'{x'\n", 2),
    "a docstring that never ends": (b'x = 1\n"""all of the rest\ny = 2\n', 2),
    "an await at the top": (b"await nothing(\n", 1),
}
JSON: dict[str, tuple[bytes, int]] = {
    "a file cut short": (b'{\n  "ServerApp": {\n    "port": 88', 3),
    "a trailing comma": (b'{\n  "ServerApp": {"open_browser": false},\n}\n', 3),
    "a comment": (b'{\n  // mine\n  "ServerApp": {}\n}\n', 2),
    "single quotes": (b"{'ServerApp': {}}\n", 1),
    "Python's False": (b'{\n  "ServerApp": {\n    "open_browser": False\n  }\n}\n', 3),
    "a missing colon": (b'{"ServerApp" {}}\n', 1),
    "a missing comma": (b'{\n  "A": {}\n  "B": {}\n}\n', 3),
    "an unclosed string in it": (b'{\n  "ServerApp: {}\n}\n', 2),
    "a key without quotes": (b"{ServerApp: {}}\n", 1),
    "nothing at all": (b"", 1),
    "blanks only": (b"\n\n", 3),
    "a list": (b"[]\n", 1),
    "a number": (b"8800\n", 1),
    "a text": (b'"ServerApp"\n', 1),
    "null": (b"null\n", 1),
    "two objects": (b'{}\n{"ServerApp": {}}\n', 2),
    "bytes that are no text": (b'{"ServerApp": {"x": "\xff"}}\n', 1),
    "an escape that is none": (b'{\n  "ServerApp": {"root_dir": "C:\\data"}\n}\n', 2),
    "a control character": (b'{\n  "ServerApp": {"x": "a\tb"}\n}\n', 2),
    "a merge left undone in it": (b"{\n<<<<<<< HEAD\n}\n", 2),
}
INSTANCE: dict[str, tuple[bytes, int]] = {
    "emptied": (b"", 1),
    "cut short": (b'{\n  "RemoteKit": {\n', 3),
    "a list in its place": (b"[]\n", 1),
    "without its sections": (b"{}\n", 1),
    "zeros, as after a power cut": (b"\0" * 512, 1),
    "not UTF-8": (b'{\n"RemoteKit": "\xff"}\n', 2),
}
# One line of the good file, what it is changed into.
INSTANCE_EDITS: dict[str, tuple[str, str]] = {
    "a port that is a text": ('"port": 8800', '"port": "8800"'),
    "an access that is none": ('"access": "lan"', '"access": "wan"'),
    "a language that is none": ('"language": "en"', '"language": "../en"'),
    "an answer that is a number": ('"plain_http": false', '"plain_http": 0'),
    "a section renamed": ('"RemoteKitIdentityProvider": {', '"IdentityProvider": {'),
    "a key renamed": ('"allow_hosts": [', '"allow_host": ['),
}


@pytest.fixture(scope="module")
def good(host: Host, canaries: Canaries) -> bytes:
    """The instance file of a host that is set up."""
    host.kit("init", "--allow-root", "--language", "en", "--password-stdin", stdin=f"{canaries.password()}\n").expect()
    canaries.watch_instance(host.instance_file())
    return host.instance_file().read_bytes()


@pytest.fixture
def own_config(host: Host, good: bytes) -> Iterator[Path]:
    """The folder of the user's own configuration, emptied of it in the end; the instance is as it was."""
    yield host.config_dir
    for path in host.config_dir.glob("jupyter_*"):
        path.unlink()
    host.instance_file().write_bytes(good)
    assert not host.listening(PORT)


def test_there_are_fifty_variants() -> None:
    assert len(PYTHON) + len(JSON) + len(INSTANCE) + len(INSTANCE_EDITS) >= 50


def named_and_kept(host: Host, path: Path, line: int) -> None:
    """`init` and `up` name the file and the line, `up` refuses, and the file is what it was."""
    before = path.read_bytes()
    place = f"{path}, line {line}: "
    shown = host.kit("init", "--allow-root", "--port", "8801")
    assert place in shown.err, f"{place} is not in\n{shown.err}"
    assert "Traceback" not in shown.err
    refused = host.kit("up", "--detach", "--allow-root").expect(REFUSED)
    assert place in refused.err, refused.err
    assert path.read_bytes() == before
    assert not host.listening(PORT)
    assert not host.listening(8801)


@pytest.mark.parametrize("case", PYTHON)
def test_a_python_configuration_is_named_with_its_line_and_not_served_with(case: str, host: Host, own_config: Path) -> None:
    text, line = PYTHON[case]
    path = own_config / "jupyter_server_config.py"
    path.write_bytes(text)
    named_and_kept(host, path, line)


@pytest.mark.parametrize("case", JSON)
def test_a_json_configuration_is_named_with_its_line_and_not_served_with(case: str, host: Host, own_config: Path) -> None:
    text, line = JSON[case]
    path = own_config / "jupyter_lab_config.json"
    path.write_bytes(text)
    named_and_kept(host, path, line)


def broken_instance(host: Host, text: bytes, line: int) -> None:
    path = host.instance_file()
    path.write_bytes(text)
    place = f"{path}, line {line}: "
    for argv in (("init", "--allow-root", "--port", "8801"), ("up", "--detach", "--allow-root"), ("urls",), ("token", "--yes")):
        done = host.kit(*argv).expect(REFUSED)
        assert place in done.err, f"{argv}: {done.err}"
        assert "hint" in done.err
    assert path.read_bytes() == text


@pytest.mark.parametrize("case", INSTANCE)
def test_an_instance_file_is_named_with_its_line_when_it_is(case: str, host: Host, own_config: Path) -> None:
    broken_instance(host, *INSTANCE[case])


@pytest.mark.parametrize("case", INSTANCE_EDITS)
def test_an_instance_file_is_named_with_its_line_when_it_holds(case: str, host: Host, good: bytes, own_config: Path) -> None:
    old, new = INSTANCE_EDITS[case]
    text = good.decode()
    assert text.count(old) == 1
    # What is missing is nowhere in particular.
    line = 1 if "renamed" in case else text[: text.index(old)].count("\n") + 1
    broken_instance(host, text.replace(old, new).encode(), line)


WEAK = {
    "legacy-notebookapp": "c = get_config()\n\nc.NotebookApp.password = 'sha1:abc:def'\n",
    "legacy-hash": "x = 1\n\nc.ServerApp.password = 'sha1:abc:def'\n",
    "empty-password": "x = 1\n\nc.PasswordIdentityProvider.hashed_password = ''\n",
    "xsrf-checks-off": "x = 1\n\nc.ServerApp.disable_check_xsrf = True\n",
    "any-origin": "x = 1\n\nc.ServerApp.allow_origin = '*'\n",
}


@pytest.mark.parametrize("code", WEAK)
def test_what_weakens_a_server_is_named_with_file_and_line(code: str, host: Host, own_config: Path) -> None:
    path = own_config / "jupyter_notebook_config.py"
    path.write_text(WEAK[code])
    done = host.kit("init", "--allow-root", "--json").expect()
    problems = {problem["code"]: problem["message"] for problem in done.json["problems"]}
    assert f"{path}, line 3: " in problems[code]


AROUND = {
    "XSRF checks": "c.ServerApp.tornado_settings = {'disable_check_xsrf': True}\n",
    "origins": "c.ServerApp.allow_origin = ''.join(['*'])\n",
    "origins by a pattern": "c.ServerApp.allow_origin_pat = '.+'\n",
}


@pytest.mark.parametrize("what", AROUND)
def test_a_way_around_the_policy_is_refused_where_only_the_server_sees_it(what: str, host: Host, own_config: Path) -> None:
    (own_config / "jupyter_server_config.py").write_text(AROUND[what])
    done = host.kit("up", "--detach", "--allow-root")
    served = host.listening(PORT)
    host.stop_everything()
    assert (done.code, served) == (REFUSED, False), done.out + done.err
