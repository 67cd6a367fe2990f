"""What JupyterLab need not do before it serves: not done, and there all the same when it is asked for. In processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

GRAMMAR = "rfc3987_syntax.syntax_helpers"


def python(text: str, **environment: str) -> str:
    """What a program prints, and nothing on stderr."""
    argv = [sys.executable, "-c", textwrap.dedent(text)]
    ran = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.strip()


@pytest.fixture
def with_node(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Variables of an environment with a Node that runs these lines of sh."""

    def made(lines: str) -> dict[str, str]:
        node = tmp_path / "node"
        node.write_text(f"#!/bin/sh\n{lines}\n")
        node.chmod(0o700)
        return {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    return made


def test_the_grammar_is_built_with_the_first_iri_and_checks_as_ever() -> None:
    said = python(f"""
        import sys
        from jupyter_remote_kit.server import deferred
        deferred.grammar()
        import jupyter_events
        from jsonschema import Draft7Validator
        print({GRAMMAR!r} in sys.modules)
        asked = Draft7Validator({{"format": "iri"}}, format_checker=Draft7Validator.FORMAT_CHECKER)
        print([asked.is_valid(text) for text in ("https://例え.jp/道", "no scheme", "http://[")])
        other = Draft7Validator({{"format": "iri-reference"}}, format_checker=Draft7Validator.FORMAT_CHECKER)
        print([other.is_valid(text) for text in ("道#x", "<")])
        print({GRAMMAR!r} in sys.modules)
    """)
    assert said.splitlines() == ["False", "[True, False, False]", "[True, False]", "True"]


@pytest.mark.parametrize(
    "use",
    [
        "import rfc3987_syntax; rfc3987_syntax.parse",
        "from rfc3987_syntax import parse",
        "from rfc3987_syntax import *; parse",
        "from rfc3987_syntax.utils import load_grammar",
        "import rfc3987_syntax.syntax_helpers as helpers; helpers.parse",
        "import rfc3987_syntax; rfc3987_syntax.is_valid_syntax('iri', 'a:b') or 1 / 0",
    ],
)
def test_whoever_else_uses_the_package_finds_all_of_it(use: str) -> None:
    assert python(f"from jupyter_remote_kit.server import deferred\ndeferred.grammar()\n{use}\nprint('found')") == "found"


def test_it_is_one_package_whoever_uses_it_and_when() -> None:
    said = python("""
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from jupyter_remote_kit.server import deferred
        deferred.grammar()
        import rfc3987_syntax, rfc3987_syntax.utils
        from rfc3987_syntax import is_valid_syntax
        with ThreadPoolExecutor(8) as pool:
            print(set(pool.map(lambda _: is_valid_syntax("iri", "a:b"), range(8))))
        print(rfc3987_syntax is sys.modules["rfc3987_syntax"])
        print(rfc3987_syntax.utils.load_grammar is rfc3987_syntax.syntax_helpers.load_grammar)
        print(rfc3987_syntax.is_valid_syntax is not is_valid_syntax and is_valid_syntax("iri", "no scheme"))
        print(hasattr(rfc3987_syntax, "nothing_of_the_kind"))
    """)
    assert said.splitlines() == ["{True}", "True", "True", "False", "False"]


@pytest.mark.parametrize("package", ["import no_such_grammar_builder", "parse = None"])
@pytest.mark.parametrize("defer", ["", "deferred.grammar()"])
def test_a_package_that_is_broken_or_another_one_checks_nothing_with_or_without(tmp_path: Path, package: str, defer: str) -> None:
    broken = tmp_path / "rfc3987_syntax"
    broken.mkdir()
    (broken / "__init__.py").write_text(package)
    said = python(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from jupyter_remote_kit.server import deferred
        {defer}
        from jsonschema import Draft7Validator
        asked = Draft7Validator({{"format": "iri"}}, format_checker=Draft7Validator.FORMAT_CHECKER)
        print([asked.is_valid(text) for text in ("no scheme", "a:b")])
    """)
    assert said == "[True, True]"


def test_who_looks_through_all_modules_builds_no_grammar() -> None:
    said = python(f"""
        import inspect, sys
        from jupyter_remote_kit.server import deferred
        deferred.grammar()
        for module in list(sys.modules.values()):
            hasattr(module, "__warningregistry__"), hasattr(module, "__file__"), inspect.getdoc(module)
        inspect.getmodule(compile("1", "nowhere", "exec"))
        print({GRAMMAR!r} in sys.modules)
    """)
    assert said == "False"


@pytest.mark.parametrize(
    "before", ["import rfc3987_syntax", "sys.modules['rfc3987_syntax'] = None", "sys.path_importer_cache.clear(); sys.path[:] = []"]
)
def test_what_is_there_already_or_not_at_all_stays_as_it_is(before: str) -> None:
    said = python(f"""
        import sys
        from jupyter_remote_kit.server import deferred
        {before}
        found = sys.modules.get("rfc3987_syntax", "absent")
        deferred.grammar()
        print(sys.modules.get("rfc3987_syntax", "absent") is found)
    """)
    assert said == "True"


def test_node_is_not_asked_what_only_a_build_wants_to_know(tmp_path: Path, with_node: Callable[[str], dict[str, str]]) -> None:
    asked = tmp_path / "asked"
    environment = with_node(f'echo "$@" >> {asked}')
    said = python(
        """
        from jupyter_remote_kit.server import deferred
        with deferred.registry():
            from jupyterlab.labapp import app_version
        print(app_version)
        """,
        **environment,
    )
    assert said[0].isdigit()
    assert not asked.exists()
    python("from jupyterlab.commands import AppOptions; AppOptions().registry", **environment)
    assert "config" in asked.read_text(), "else this test could not fail"


def test_a_build_still_asks_for_the_registry(with_node: Callable[[str], dict[str, str]]) -> None:
    yarn = ({"type": "info", "data": "yarn config"}, {"type": "inspect", "data": {"registry": "https://mirror.example/npm"}})
    said = python(
        """
        from jupyter_remote_kit.server import deferred
        with deferred.registry():
            from jupyterlab import labapp
        from jupyterlab.commands import AppOptions
        print(AppOptions().registry)
        """,
        **with_node("\n".join(f"echo '{json.dumps(line)}'" for line in yarn)),
    )
    assert said == "https://mirror.example/npm"


def test_a_jupyterlab_without_the_question_is_imported_all_the_same() -> None:
    said = python("""
        from jupyterlab import commands
        del commands._yarn_config
        from jupyter_remote_kit.server import deferred
        with deferred.registry():
            print(hasattr(commands, "_yarn_config"))
        print(hasattr(commands, "_yarn_config"))
    """)
    assert said.split() == ["False", "False"]


def test_the_server_itself_starts_without_either(tmp_path: Path, with_node: Callable[[str], dict[str, str]]) -> None:
    asked = tmp_path / "asked"
    argv = [sys.executable, "-X", "importtime", "-m", "jupyter_remote_kit.server", "--version"]
    environment = {**os.environ, **with_node(f"touch {asked}")}
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert {"jsonschema._format", "jupyterlab.labapp"} <= imported
    assert GRAMMAR not in imported
    assert not asked.exists()
