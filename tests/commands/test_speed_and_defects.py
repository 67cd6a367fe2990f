"""What is imported for a quick answer, and what a user sees of a defect of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.host import SSH, Host, detached

HEAVY = {"argon2", "cryptography", "jupyter_server", "jupyterlab", "psutil", "pynvml", "rich", "segno", "tornado"}
# Before Python 3.11 click itself brings subprocess, by way of uuid and platform.
SLOW_BEHIND_SSH = HEAVY | {"http", "ssl", "asyncio"} | ({"subprocess"} if sys.version_info >= (3, 11) else set())
LIST_MODULES = """
import json, sys
from jupyter_remote_kit.cli import main
try:
    main()
finally:
    sys.stderr.write(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _imported(host: Host, *argv: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *argv],
        env=host.environment,
        cwd=host.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "argv",
    [("--help",), ("--version",), ("status",), ("status", "--json"), ("status", "--instance", "gpu1"), ("list", "--here", "--json")],
    ids=" ".join,
)
def test_a_quick_answer_imports_nothing_heavy(ssh_host: Host, argv: tuple[str, ...]) -> None:
    found = _imported(ssh_host, *argv)
    assert "click" in found
    assert found & HEAVY == set()


@pytest.mark.parametrize("argv", [("list", "--here", "--json"), ("up", "--detach", "--json", "--handover", *SSH, "--port", "auto")])
def test_what_a_laptop_waits_for_imports_nothing_heavy_where_the_server_runs(host: Host, argv: tuple[str, ...]) -> None:
    """These are behind ssh, on many hosts at once; http.client brings TLS and a parser of mail headers."""
    with detached(host, *SSH, "--port", "auto"):
        found = _imported(host, *argv)
    assert found & SLOW_BEHIND_SSH == set()


def test_the_help_of_all_imports_no_command(host: Host) -> None:
    code = LIST_MODULES.replace('name.partition(".")[0]', "name")
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], env=host.environment, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name for name in json.loads(done.stderr) if name.startswith("jupyter_remote_kit.commands.")}
    assert loaded == {"jupyter_remote_kit.commands.context"}


@pytest.fixture
def broken_qr(ssh_host: Host) -> Host:
    """A host whose QR code library is broken: the library stands for any code that raises what nobody expects."""
    overlay = ssh_host.folder / "overlay"
    overlay.mkdir()
    Path(overlay, "segno.py").write_text("raise RuntimeError('canary-in-the-exception')\n")
    ssh_host.variables["PYTHONPATH"] = str(overlay)
    ssh_host.variables["PYTHONDONTWRITEBYTECODE"] = "1"
    return ssh_host


def test_a_defect_is_one_sentence(broken_qr: Host) -> None:
    outcome = broken_qr.run("urls", "--qr")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[0] == "error: This is a defect of jupyter-remote-kit: RuntimeError, segno.py:1."
    assert outcome.err.splitlines()[1].startswith("  hint: Please report it")
    assert "canary" not in outcome.err


def test_a_defect_is_one_object(broken_qr: Host) -> None:
    outcome = broken_qr.run("urls", "--qr", "--json")
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.codes == ["defect"]
    assert outcome.envelope["command"] == "urls"


def test_whoever_looks_for_the_defect_gets_the_traceback(broken_qr: Host) -> None:
    outcome = broken_qr.run("urls", "--qr", variables={"REMOTEKIT_TRACEBACK": "1"})
    assert outcome.code == 1
    assert "RuntimeError: canary-in-the-exception" in outcome.err


def test_a_module_that_is_missing_is_one_sentence_too(ssh_host: Host) -> None:
    """Half an upgrade: a dependency that is not there any more."""
    overlay = ssh_host.folder / "overlay"
    overlay.mkdir()
    (overlay / "psutil.py").write_text("raise ModuleNotFoundError(\"No module named 'psutil'\")\n")
    ssh_host.variables["PYTHONPATH"] = str(overlay)
    ssh_host.variables["PYTHONDONTWRITEBYTECODE"] = "1"
    outcome = ssh_host.run("init", "--json")
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.codes == ["not-loaded"]
