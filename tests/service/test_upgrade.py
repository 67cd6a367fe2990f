"""`pip install -U`, then `service restart`: the new version serves, and its `service install` brings the unit up to date."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import httpx
import pytest

from jupyter_remote_kit import __version__
from tests.service.served import Place, Served
from tests.service.stage import Machine

CHECKOUT = Path(__file__).parents[2]
NEWER = "99.1"
ENVIRONMENT = "/home/alice/env"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The kit of this checkout, and the same with a newer number."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CHECKOUT], check=True)
    (now,) = folder.glob("*.whl")
    newer = folder / now.name.replace(__version__, NEWER, 1)
    with zipfile.ZipFile(now) as old, zipfile.ZipFile(newer, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            name = entry.filename.replace(f"-{__version__}.", f"-{NEWER}.", 1)
            content = old.read(entry)
            if name == "jupyter_remote_kit/__init__.py" or name.endswith("/METADATA"):
                content = content.replace(__version__.encode(), NEWER.encode(), 1)
            if name.endswith("/RECORD"):
                # What was changed has another digest; a name alone is enough.
                content = re.sub(rb"(?m),sha256=[^,]*,[0-9]*$", b",,", content.replace(f"-{__version__}.".encode(), f"-{NEWER}.".encode()))
            new.writestr(name, content)
    return now, newer


def _install(machine: Machine, wheel: Path) -> None:
    """As `pip install -U` does, by the pip of these tests."""
    name = f"/home/alice/{wheel.name}"
    machine.inside(name).write_bytes(wheel.read_bytes())
    words = ("install", "--quiet", "--upgrade", "--no-deps", "--no-index", name)
    machine.run(machine.python, "-m", "pip", "--python", f"{ENVIRONMENT}/bin/python", *words, user="alice")


def test_the_newer_version_serves_after_a_restart(machine: Machine, wheels: tuple[Path, Path]) -> None:
    now, newer = wheels
    machine.run(machine.python, "-m", "venv", "--without-pip", ENVIRONMENT, user="alice")
    purelib = machine.run(
        f"{ENVIRONMENT}/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", user="alice"
    ).stdout.strip()
    # JupyterLab itself is that of the tests' environment.
    machine.inside(f"{purelib}/jupyterlab.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    env = {
        "JUPYTERLAB_DIR": f"{sys.prefix}/share/jupyter/lab",
        "JUPYTER_PATH": f"{sys.prefix}/share/jupyter",
        "JUPYTER_CONFIG_PATH": f"{sys.prefix}/etc/jupyter",
    }
    _install(machine, now)
    served = Served(machine, Place("alice", "user"), program=f"{ENVIRONMENT}/bin/jupyter-remotekit")
    with machine.login("alice") as login:
        served.install(login, "--now", env=env)
        assert _version(served) == __version__
        _install(machine, newer)
        served.service(login, "restart", env=env)
        assert _version(served) == NEWER
        told = served.service(login, "status", env=env)
        assert [row["code"] for row in told["problems"]] == ["unit-outdated"]
        assert told["data"]["version"] == __version__
        again = served.service(login, "install", env=env)
        assert [step for step in again["data"]["steps"] if "edited" in step] == []
        assert served.service(login, "status", env=env)["data"]["version"] == NEWER


def _version(served: Served) -> str:
    """The version that runs, by its own word."""
    with served.client() as client:
        answer = client.get("/remotekit/api/status")
        assert answer.status_code == httpx.codes.OK
        return str(answer.json()["kit"]["version"])
