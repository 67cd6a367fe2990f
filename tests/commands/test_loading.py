"""What keeps the kit from being loaded is named in the loader's own words, and the hint is run as it stands: it mends that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import jupyter_remote_kit
from tests.commands.host import SSH, Host, console_script, free_port

Variables = Mapping[str, str]


def another_openssl(folder: Path) -> Variables:
    """Libraries of that name which lack what Python wants: an older one, or one of a vendor's."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    source = folder / "nothing.c"
    source.write_text("int nothing;\n")
    for name in ("libssl.so.3", "libcrypto.so.3"):
        subprocess.run([compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", folder / name, source], check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


def file_named(name: str, text: str = "") -> Callable[[Path], Variables]:
    """A file of the user's with the name of a module, in a folder on PYTHONPATH."""

    def write(folder: Path) -> Variables:
        (folder / name).write_text(text)
        return {"PYTHONPATH": str(folder)}

    return write


def half_an_upgrade(folder: Path) -> Variables:
    """A copy of the package that comes first, and of which a file is missing."""
    package = folder / "jupyter_remote_kit"
    shutil.copytree(Path(jupyter_remote_kit.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "labextension"))
    (package / "result.py").unlink()
    return {"PYTHONPATH": str(folder)}


def wrong_architecture(folder: Path) -> Variables:
    """An extension module that is no library of this machine."""
    (folder / "psutil").mkdir()
    (folder / "psutil/__init__.py").write_text("import psutil.binary\n")
    suffix = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    for name in (f"binary.{suffix}-x86_64-linux-gnu.so", "binary.abi3.so"):
        (folder / "psutil" / name).write_bytes(b"\x7fELF\x01\x01\x01" + b"\0" * 57)
    return {"PYTHONPATH": str(folder)}


@dataclass(frozen=True)
class Row:
    """How the environment is, which command fails there, and what its first line names."""

    given: Callable[[Path], Variables]
    argv: tuple[str, ...]
    names: str
    variable: str = "PYTHONPATH"


ROWS = {
    "another OpenSSL": Row(another_openssl, ("up", "--detach"), "_ssl", "LD_LIBRARY_PATH"),
    "a click.py of the user's": Row(file_named("click.py"), ("status",), "click"),
    "a json.py of the user's": Row(file_named("json.py"), ("init", *SSH), "json"),
    "a gettext.py with an error": Row(file_named("gettext.py", "def half("), ("status",), "gettext.py, line 1"),
    "a psutil.py with an error": Row(file_named("psutil.py", "def half("), ("init", *SSH), "psutil.py, line 1"),
    "a cryptography.py of the user's": Row(file_named("cryptography.py"), ("trust", "--here"), "cryptography"),
    "a psutil.py of the user's": Row(file_named("psutil.py"), ("init", *SSH), "psutil"),
    "an extension of another architecture": Row(wrong_architecture, ("init", *SSH), "ELF"),
    "a tornado.py of the user's": Row(file_named("tornado.py"), ("up", "--detach"), "tornado"),
    "a token.py of the user's": Row(file_named("token.py"), ("up", "--detach"), "token"),
    "half an upgrade": Row(half_an_upgrade, ("status",), "jupyter_remote_kit.result"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_cause_leads_and_the_hint_mends(host: Host, row: Row, tmp_path: Path) -> None:
    if row.argv[0] in {"up", "trust"}:
        host.must("init", *SSH, "--port", str(free_port()))
    folder = tmp_path / "given"
    folder.mkdir()
    variables = row.given(folder)
    failed = host.run(*row.argv, variables=variables)
    assert failed.code in {1, 78}
    first, second, *rest = failed.err.splitlines()
    assert first.startswith("error: "), failed.err
    assert row.names in first, failed.err
    assert second.startswith("  hint: env "), failed.err
    assert rest == [], failed.err
    assert row.variable in second
    hint = second.partition("hint: ")[2]
    mended = host.paste(f"{hint} --dry-run" if row.argv[0] in {"up", "init"} else hint, variables)
    assert "cannot be loaded" not in mended.err
    if row.argv[0] != "trust":
        # What `trust --here` says of an instance over ssh is another matter.
        assert mended.code == 0, mended.err


def test_what_no_variable_causes_is_installed_again(host: Host, tmp_path: Path) -> None:
    """A package that is gone from the environment itself: a copy of it, without click."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "click").mkdir()
    (site / "click/__init__.py").write_text("raise ImportError('libfoo.so.1: cannot open shared object file')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); sys.argv[0] = {console_script()!r}\n"
        "from jupyter_remote_kit.host import loading\n"
        "loading._runs = lambda code, environment: False\n"
        "from jupyter_remote_kit.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=host.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: libfoo.so.1: cannot open shared object file"
    assert done.stderr.splitlines()[1].startswith(f"  hint: {sys.executable} -m pip install --force-reinstall ")


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "xx_XX.nowhere"},
        {"LANG": "\udcff"},
        {"TZ": "Nowhere/Land"},
        {"TMPDIR": "/nowhere"},
        {"HOME": "/nowhere"},
        {"HOME": ""},
        {"PYTHONIOENCODING": "nonsense"},
        {"COLUMNS": "many"},
        {"PATH": ""},
    ],
    ids=str,
)
def test_an_environment_that_is_merely_odd_keeps_no_command_from_working(host: Host, variables: Variables) -> None:
    outcome = host.run("status", variables=variables)
    if "PYTHONIOENCODING" in variables and outcome.code != 0:
        pytest.skip("Python itself does not start")
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.err
