"""What stands in the user's own configuration, with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan.assignments import UNKNOWN, Assignment, assignments
from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.userconfig import findings

PY = Path("/home/ann/.jupyter/jupyter_server_config.py")
JSON = Path("/home/ann/.jupyter/jupyter_server_config.json")


def codes(path: Path, text: str) -> list[tuple[str, int]]:
    """Code and line of each finding, in order."""
    found = []
    for problem in findings([ConfigText(path, text.encode())]):
        place, _, _ = str(problem.message).partition(": ")
        name, _, line = place.rpartition(", line ")
        assert name == str(path)
        assert problem.hint is not None
        found.append((problem.code, int(line)))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("# c.ServerApp.disable_check_xsrf = True\n", [], id="a comment"),
        pytest.param("c = get_config()\nc.ServerApp.port = 9000\n", [], id="harmless"),
        pytest.param("c.ServerApp.disable_check_xsrf = True\n", [("xsrf-checks-off", 1)], id="xsrf"),
        pytest.param("c.ServerApp.disable_check_xsrf = False\n", [], id="xsrf checks on"),
        pytest.param("c = get_config()  # noqa\n\nc.ServerApp.disable_check_xsrf = True\n", [("xsrf-checks-off", 3)], id="get_config"),
        pytest.param("get_config().ServerApp.disable_check_xsrf = True\n", [("xsrf-checks-off", 1)], id="get_config in place"),
        pytest.param("c.ServerApp.disable_check_xsrf: bool = True\n", [("xsrf-checks-off", 1)], id="annotated"),
        pytest.param("c.ServerApp.disable_check_xsrf: bool\n", [], id="annotated without a value"),
        pytest.param("c.ServerApp.disable_check_xsrf = 1\n", [("xsrf-checks-off", 1)], id="one for True"),
        pytest.param("if True:\n    c.ServerApp.disable_check_xsrf = True\n", [("xsrf-checks-off", 2)], id="in a branch"),
        pytest.param("import os\nc.ServerApp.disable_check_xsrf = bool(os.getenv('X'))\n", [], id="what only the server knows"),
        pytest.param("c.ServerApp.base_url = '/a+b/'\n", [("base-url-not-served", 1)], id="a base_url that is no regular expression"),
        pytest.param("c.ServerApp.base_url = '/实验室/'\n", [("base-url-not-served", 1)], id="a base_url that is not encoded"),
        pytest.param("c.ServerApp.base_url = '/a@b:1/~c%20d/'\n", [], id="a base_url"),
        pytest.param("c.ServerApp.base_url = prefix\n", [], id="a base_url that only the server knows"),
        pytest.param("c.ServerApp.allow_origin = '*'\n", [("any-origin", 1)], id="any origin"),
        pytest.param("c.ServerApp.allow_origin = (\n    '*'\n)\n", [("any-origin", 1)], id="over several lines"),
        pytest.param("c.ServerApp.allow_origin = 'https://a.example'\n", [], id="one origin"),
        pytest.param("c.ServerApp.allow_origin_pat = '.*'\n", [("any-origin", 1)], id="any origin, by pattern"),
        pytest.param("c.ServerApp.allow_origin = ['*']\n", [], id="a list where a text belongs"),
        pytest.param("c.ServerApp.jpserver_extensions = {'jupyterlab': True}\n", [], id="a dictionary"),
        pytest.param("c.ServerApp.tornado_settings = {}\nc.ServerApp.trust_xheaders = True\n", [("any-proxy-trusted", 2)], id="proxy"),
        pytest.param("c.ServerApp.allow_unauthenticated_access = True\n", [("unauthenticated-access", 1)], id="unauthenticated"),
        pytest.param(
            "c.PasswordIdentityProvider.allow_password_change = True\n", [("password-change-in-page", 1)], id="change from the page"
        ),
        pytest.param("c.ServerApp.password = ''\n", [("empty-password", 1)], id="empty password"),
        pytest.param("c.PasswordIdentityProvider.hashed_password = ''\n", [("empty-password", 1)], id="empty hash"),
        pytest.param("c.IdentityProvider.token = ''\n", [("empty-token", 1)], id="empty token"),
        pytest.param("c.ServerApp.token = 'abc'\n", [], id="a token"),
        pytest.param("c.ServerApp.password = 'sha1:aa:bb'\n", [("legacy-hash", 1)], id="sha1"),
        pytest.param("c.ServerApp.password = u'sha1:aa:bb'\n", [("legacy-hash", 1)], id="sha1 of old"),
        pytest.param("c.ServerApp.password = 'argon2:$argon2id$'\n", [], id="a hash of another kind"),
        pytest.param("c.NotebookApp.ip = '*'\n", [("legacy-notebookapp", 1)], id="NotebookApp"),
        pytest.param(
            "c.NotebookApp.password = 'sha1:aa:bb'\n", [("legacy-notebookapp", 1), ("legacy-hash", 1)], id="NotebookApp with sha1"
        ),
        pytest.param("c.ServerApp.login_handler_class = 'x.Y'\n", [("login-replaced", 1)], id="another login"),
        pytest.param("c.ServerApp.identity_provider_class = 'x.Y'\n", [("identity-provider-replaced", 1)], id="another provider"),
        pytest.param(
            "c.ServerApp.identity_provider_class = 'jupyter_remote_kit.server.identity.RemoteKitIdentityProvider'\n", [], id="our provider"
        ),
        pytest.param("c.ServerApp.identity_provider_class = Mine\n", [], id="a provider that only the server knows"),
        pytest.param("c.PostgresContents.password = ''\n", [], id="another password"),
        pytest.param("c.Foo.trust_xheaders = 1\n", [], id="another section"),
        pytest.param("c.ExtensionApp.trust_xheaders = True\n", [], id="a section that ServerApp does not read"),
        pytest.param("c.ServerApp.hashed_password = ''\n", [], id="a trait of another section"),
        pytest.param("c.LabApp.trust_xheaders = True\n", [("any-proxy-trusted", 1)], id="LabApp"),
        pytest.param("c.JupyterApp.trust_xheaders = True\n", [("any-proxy-trusted", 1)], id="a base class"),
        pytest.param("c.ServerApp.RemoteKitIdentityProvider.token = ''\n", [("empty-token", 1)], id="below its parent"),
        pytest.param("c.ServerApp.trust_xheaders = 'no'\n", [], id="a text for a boolean"),
        pytest.param("c.ServerApp.trust_xheaders = 1.0\n", [], id="a fraction for a boolean"),
        pytest.param("c.ServerApp.trust_xheaders = 2\n", [], id="two for a boolean"),
        pytest.param("c.ServerApp.sock = '/run/x.sock'\n", [("socket-replaces-port", 1)], id="a socket"),
        pytest.param("c.ServerApp.sock = ''\n", [], id="no socket"),
        pytest.param("c.ServerApp.allow_origin_pat = 'https?://'\n", [], id="a pattern that fits no whole origin"),
        pytest.param("c.ServerApp.allow_origin_pat = r'[\\s\\S]*'\n", [("any-origin", 1)], id="a pattern that fits all"),
        pytest.param("c.ServerApp.allow_origin_pat = '('\n", [("any-origin", 1)], id="a pattern that is none"),
        pytest.param(
            "c.ServerApp.tornado_settings = {\n    'headers': {'access-control-allow-origin': '*'},\n}\n",
            [("any-origin", 1)],
            id="a header",
        ),
        pytest.param(
            "c.ServerApp.tornado_settings['headers'] = {'Access-Control-Allow-Origin': '*'}\n",
            [("any-origin", 1)],
            id="a header, by its key",
        ),
        pytest.param(
            "c.ServerApp.tornado_settings.update({'headers': {'Access-Control-Allow-Origin': '*'}})\n",
            [("any-origin", 1)],
            id="a header, by update",
        ),
        pytest.param(
            "c.ServerApp.tornado_settings = {'headers': {'Access-Control-Allow-Origin': 'https://a.example'}, 'x': f()}\n",
            [],
            id="one origin in a header",
        ),
        pytest.param("c.ServerApp.tornado_settings = {'allow_origin': '*'}\n", [], id="what jupyter_server writes over"),
        pytest.param(
            "c.ServerApp.tornado_settings = {'allow_origin_pat': '.*', 'x': f(), **y}\n",
            [("any-origin", 1)],
            id="a pattern among other things",
        ),
        pytest.param(
            "c.ServerApp.tornado_settings = {'disable_check_xsrf': True}\n", [("xsrf-checks-off", 1)], id="xsrf in tornado_settings"
        ),
        pytest.param("c.ServerApp.tornado_settings = {'xsrf_cookies': False}\n", [("xsrf-checks-off", 1)], id="no xsrf cookies"),
        pytest.param(
            "c.ServerApp.tornado_settings = {'xsrf_cookies': f(), 'disable_check_xsrf': g()}\n",
            [],
            id="settings that only the server knows",
        ),
        pytest.param(
            "c.ServerApp.tornado_settings = {'allow_unauthenticated_access': 1}\n",
            [("unauthenticated-access-in-settings", 1)],
            id="unauthenticated in tornado_settings",
        ),
        pytest.param("c.ServerApp.tornado_settings = f()\n", [], id="all of tornado_settings unknown"),
        pytest.param("c['ServerApp']['trust_xheaders'] = True\n", [("any-proxy-trusted", 1)], id="subscripts"),
        pytest.param("c.ServerApp['trust_xheaders'] = True\n", [("any-proxy-trusted", 1)], id="one subscript"),
        pytest.param("c['ServerApp'].trust_xheaders = True\n", [("any-proxy-trusted", 1)], id="the other subscript"),
        pytest.param("c[name]['trust_xheaders'] = True\nc[0].x = 1\n", [], id="a section that is computed"),
        pytest.param(
            "c.ServerApp.update({\n    'port': f(),\n    'trust_xheaders': True,\n    **more,\n    1: 2,\n})\n",
            [("any-proxy-trusted", 3)],
            id="update",
        ),
        pytest.param("c.ServerApp.update(trust_xheaders=True, **more)\n", [("any-proxy-trusted", 1)], id="update by keywords"),
        pytest.param(
            "c.Foo.update({'trust_xheaders': True})\nx.update(trust_xheaders=True)\nc.ServerApp.update(more)\n", [], id="other updates"
        ),
        pytest.param(
            "if False:\n    c.ServerApp.trust_xheaders = True\nelse:\n    c.ServerApp.token = ''\n", [("empty-token", 4)], id="never taken"
        ),
        pytest.param(
            "if True:\n    c.ServerApp.token = ''\nelse:\n    c.ServerApp.trust_xheaders = True\n",
            [("empty-token", 2)],
            id="else of what is always taken",
        ),
        pytest.param("while 0:\n    c.ServerApp.trust_xheaders = True\n", [], id="a loop never taken"),
        pytest.param("import typing\nif typing.TYPE_CHECKING:\n    c.ServerApp.trust_xheaders = True\n", [], id="for type checkers"),
        pytest.param("if TYPE_CHECKING:\n    c.ServerApp.trust_xheaders = True\n", [], id="for type checkers, by name"),
        pytest.param(
            "if x:\n    pass\nelif False:\n    c.ServerApp.trust_xheaders = True\nelif y:\n    c.ServerApp.token = ''\n",
            [("empty-token", 6)],
            id="elif",
        ),
        pytest.param("c.OtherApp.login_handler_class = 'x.Y'\n", [], id="another application's login"),
        pytest.param(
            "c.ServerApp.disable_check_xsrf = c.ServerApp.trust_xheaders = True\n",
            [("xsrf-checks-off", 1), ("any-proxy-trusted", 1)],
            id="two at once",
        ),
        pytest.param(
            "c.ServerApp.disable_check_xsrf = True; c.ServerApp.token = ''\n", [("xsrf-checks-off", 1), ("empty-token", 1)], id=";"
        ),
        pytest.param(
            "def f():\n    pass\n\n\nc.NotebookApp.x = 1\nc.ServerApp.token = ''\n",
            [("legacy-notebookapp", 5), ("empty-token", 6)],
            id="order",
        ),
        pytest.param(
            "c.ServerApp.token = ''\nif a:\n    c.NotebookApp.x = 1\n", [("empty-token", 1), ("legacy-notebookapp", 3)], id="depth"
        ),
        pytest.param(
            "if a:\n    c.NotebookApp.x = 1\nc.ServerApp.token = ''\n", [("legacy-notebookapp", 2), ("empty-token", 3)], id="deep first"
        ),
        pytest.param("x = 1\na.b = True\ntoken = ''\n", [], id="other assignments"),
        pytest.param("\r\n\r\nc.ServerApp.token = ''\r\n", [("empty-token", 3)], id="line ends of Windows"),
        pytest.param("\f\nc.ServerApp.token = ''\n", [("empty-token", 2)], id="form feed"),
        # Python reads such a file, so traitlets does (`PyFileConfigLoader` hands bytes to `compile`).
        pytest.param("\ufeffc.ServerApp.disable_check_xsrf = True\n", [("xsrf-checks-off", 1)], id="BOM"),
        pytest.param("# -*- coding: utf-8 -*-\nc.ServerApp.token = ''\n", [("empty-token", 2)], id="coding line"),
        pytest.param("c.ServerApp.x = " + "[" * 50 + "]" * 50 + "\nc.ServerApp.token = ''\n", [("empty-token", 2)], id="nested"),
        pytest.param("c.ServerApp.x = 1\nc.ServerApp.port = \n", [("config-broken", 2)], id="no value"),
        pytest.param("c.ServerApp.x = 'a\n", [("config-broken", 1)], id="open quote"),
        pytest.param("if True:\nc.ServerApp.x = 1\n", [("config-broken", 2)], id="indentation"),
        pytest.param("if a:\n\tx = 1\n        y = 2\n", [("config-broken", 3)], id="tabs and blanks"),
        pytest.param("{\n  'ServerApp': }\n", [("config-broken", 2)], id="JSON-like"),
        pytest.param("x = 1\0\n", [("config-broken", 1)], id="null byte"),
        pytest.param("print 'x'\n", [("config-broken", 1)], id="Python 2"),
        pytest.param("(" * 10_000, [("config-broken", 1)], id="parentheses"),
        pytest.param("x = " + "not " * 100_000 + "1\n", [("config-broken", 1)], id="deep not"),
        pytest.param("x = " + "-" * 100_000 + "1\n", [("config-broken", 1)], id="deep minus"),
        pytest.param("x = " + "lambda:" * 10_000 + "1\n", [("config-broken", 1)], id="deep lambda"),
    ],
)
def test_python(text: str, expected: list[tuple[str, int]]) -> None:
    assert codes(PY, text) == expected


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        pytest.param(PY, b"x = 1\nname = 'caf\xe9'\n", None, id=".py that is not UTF-8"),
        pytest.param(
            PY, b"# -*- coding: latin-1 -*-\nc.ServerApp.token = ''  # caf\xe9\n", ("empty-token", 2), id="another encoding, said"
        ),
        pytest.param(PY, b"# -*- coding: no-such -*-\nx = 1\n", ("config-broken", 1), id="an encoding that is not known"),
        pytest.param(PY, b"x = 1\nreturn 2\n", ("config-broken", 2), id="what only the compiler sees"),
        pytest.param(PY, b"x = 1\ny = '\0'\n", ("config-broken", 2), id="null byte"),
        pytest.param(JSON, b'{"a": 1,\n"b": "caf\xe9"}', ("config-broken", 2), id="JSON that is not UTF-8"),
    ],
)
def test_bytes(path: Path, content: bytes, expected: tuple[str, int] | None) -> None:
    (problem,) = findings([ConfigText(path, content)])
    if expected is None:
        # Python's releases differ in the line that they tell.
        assert (problem.code, "utf-8" in str(problem.message)) == ("config-broken", True)
        return
    assert (problem.code, str(problem.message).startswith(f"{path}, line {expected[1]}: ")) == (expected[0], True)


def lines(*rows: str) -> str:
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("{}", [], id="empty object"),
        pytest.param('{"ServerApp": {"jpserver_extensions": {"jupyterlab": true}}}', [], id="extensions"),
        pytest.param('{"ServerApp": {"allow_origin": ["*"]}}', [], id="a list where a text belongs"),
        pytest.param('{"ServerApp": null, "version": 1}', [], id="no sections"),
        pytest.param(
            lines('{"ServerApp": {', '"tornado_settings": {"headers": {"Access-Control-Allow-Origin": "*"}}', "}}"),
            [("any-origin", 2)],
            id="a header",
        ),
        pytest.param('{"PostgresContents": {"password": ""}}', [], id="another password"),
        pytest.param(lines("{", '"ServerApp": {', '"disable_check_xsrf": true', "}}"), [("xsrf-checks-off", 3)], id="xsrf"),
        pytest.param(
            lines("{", '"NotebookApp": {', '"password": "sha1:a:b"', "}}"), [("legacy-notebookapp", 3), ("legacy-hash", 3)], id="sha1"
        ),
        pytest.param(
            lines("{", '"A": {', '"token": "x"},', '"ServerApp": {', '"token": ""', "}}"),
            [("empty-token", 5)],
            id="one trait, two sections",
        ),
        pytest.param(
            lines("{", '"A": {"x": "token"},', '"ServerApp": {', '"token": ""', "}}"),
            [("empty-token", 4)],
            id="a value like the trait's name",
        ),
        pytest.param(
            lines("{", '"ServerApp": {"x": {"token": "a"},', '"token": ""', "}}"), [("empty-token", 3)], id="the same key deeper down"
        ),
        pytest.param(
            lines("{", '"ServerApp": {', '"token": "",', '"allow_origin": "*"', "}}"), [("empty-token", 3), ("any-origin", 4)], id="two"
        ),
        pytest.param(
            lines("{", '"ServerApp": {', '"x": "a\u2028b\u0085c",', '"token": ""', "}}"),
            [("empty-token", 4)],
            id="separators inside a text",
        ),
        pytest.param("", [("config-broken", 1)], id="empty file"),
        pytest.param("[]", [("config-broken", 1)], id="a list"),
        pytest.param('"x"', [("config-broken", 1)], id="a text"),
        pytest.param('{\n"ServerApp": {\n"x": 1,\n}\n}', [("config-broken", 4)], id="a comma too many"),
        pytest.param("{'ServerApp': {}}", [("config-broken", 1)], id="single quotes"),
        pytest.param('{\n// a comment\n"ServerApp": {}}', [("config-broken", 2)], id="a comment"),
        pytest.param('{"ServerApp": {"x": True}}', [("config-broken", 1)], id="Python's True"),
        pytest.param('{"ServerApp": {}', [("config-broken", 1)], id="cut off"),
        pytest.param("\ufeff{}", [("config-broken", 1)], id="BOM, which json.load refuses too"),
        pytest.param('{"a": "\0"}', [("config-broken", 1)], id="null byte"),
        pytest.param("[" * 100_000, [("config-broken", 1)], id="deep nesting"),
        pytest.param('{"a": ' + "1" * 5000 + "}", [("config-broken", 1)], id="a number too long"),
    ],
)
def test_json(text: str, expected: list[tuple[str, int]]) -> None:
    if expected and expected[0][0] == "config-broken" and "\n" not in text:
        assert expected[0][1] == 1
    found = codes(JSON, text)
    if expected == [("config-broken", 4)]:
        # Python 3.13 blames the comma, older ones the brace after it.
        assert found in ([("config-broken", 3)], expected)
        return
    assert found == expected


def test_a_finding_is_a_sentence_with_its_place_and_a_hint() -> None:
    (problem,) = findings([ConfigText(PY, b"\nc.NotebookApp.port = 1\n")])
    assert str(problem.message) == (f"{PY}, line 2: NotebookApp configures the old notebook server; JupyterLab reads ServerApp.")
    assert str(problem.hint) == "Remove the line, or change NotebookApp to ServerApp"


def test_a_broken_file_is_named_with_the_reason() -> None:
    (problem,) = findings([ConfigText(JSON, b"{")])
    assert str(problem.message) == f"{JSON}, line 1: Expecting property name enclosed in double quotes"
    assert str(problem.hint) == "Fix that line; the file was not overwritten"


def test_a_list_of_sections_says_what_belongs_there() -> None:
    (problem,) = findings([ConfigText(JSON, b"[]")])
    assert str(problem.message) == f"{JSON}, line 1: a configuration is an object of sections"


def test_files_keep_their_order() -> None:
    texts = [ConfigText(JSON, b'{"ServerApp": {"token": ""}}'), ConfigText(PY, b"c.ServerApp.disable_check_xsrf = True")]
    assert [problem.code for problem in findings(texts)] == ["empty-token", "xsrf-checks-off"]
    assert [problem.code for problem in findings(reversed(texts))] == ["xsrf-checks-off", "empty-token"]


def test_a_value_that_is_no_literal_is_unknown() -> None:
    assert list(assignments(ConfigText(PY, b"c.A.b = f()\nc.A.d: int\nc.A.e = [1, 'x']\n"))) == [
        Assignment("A", "b", UNKNOWN, 1),
        Assignment("A", "d", UNKNOWN, 2),
        Assignment("A", "e", [1, "x"], 3),
    ]


def test_nothing_of_the_file_is_executed(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    text = f"c.ServerApp.x = __import__('pathlib').Path({str(witness)!r}).touch()\n"
    assert codes(PY, text) == []
    assert not witness.exists()


@given(st.text(), st.sampled_from([PY, JSON]))
def test_any_text_is_read_or_named_as_broken(text: str, path: Path) -> None:
    found = findings([ConfigText(path, text.encode())])
    assert all(str(problem.message).startswith(f"{path}, line ") for problem in found)


@given(
    st.dictionaries(
        st.sampled_from(["ServerApp", "NotebookApp", "X"]),
        st.dictionaries(
            st.sampled_from(["token", "password", "allow_origin", "disable_check_xsrf", "trust_xheaders", "y"]),
            st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()),
        ),
    )
)
def test_python_and_json_of_one_meaning_have_the_same_findings(sections: dict[str, dict[str, object]]) -> None:
    python = "".join(f"c.{section}.{trait} = {value!r}\n" for section, traits in sections.items() for trait, value in traits.items())
    of_python = sorted(problem.code for problem in findings([ConfigText(PY, python.encode())]))
    assert sorted(problem.code for problem in findings([ConfigText(JSON, json.dumps(sections).encode())])) == of_python
