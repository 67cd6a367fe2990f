"""Installing the kit on a host that has a Python and nothing else: from the host's own mirror, or over ssh where no index is reached.

Everything is real: the wheel is built from the checkout, and what it requires comes from the index of the tests' machine, once a day.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import wheels
from jupyter_remote_kit.plan import kitsearch, shell
from jupyter_remote_kit.plan.installing import Order, Place, choose, read
from jupyter_remote_kit.plan.kitsearch import NotFound, Search
from jupyter_remote_kit.plan.wheels import HostPython
from tests.connect.stage import KIT, Disk, Host, Lab, User
from tests.connect.stage.connection import connected
from tests.connect.stage.remains import nothing_more
from tests.e2e.stage.waiting import until

CHECKOUT = Path(__file__).parents[2]
BUILT_FROM = ("jupyter_remote_kit", "labextension", "jupyter-config", "pyproject.toml", "README.md", "LICENSE")
OURS = ".local/share/jupyter-remote-kit"
SCRIPT = "jupyter-remotekit"
INSTALL_SECONDS = 400.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# Each of these makes an environment of 277 MB; the short form makes one.
long_form = pytest.mark.skipif(not os.environ.get("REMOTEKIT_LONG"), reason="a long form: make test-long")


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    """Its users have never used Jupyter, and the network has no index."""
    return lab.host("gpu", *(User(name) for name in ("alice", "bob", "carol", "erin")), disk=Disk(home_mb=2048))


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout."""
    sources = tmp_path_factory.mktemp("sources")
    for name in BUILT_FROM:
        place = CHECKOUT / name
        if place.is_dir():
            shutil.copytree(place, sources / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            shutil.copy2(place, sources / name)
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources]
    subprocess.run(pip, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def mirror(host: Host, kit: Path, request: pytest.FixtureRequest) -> Path:
    """A folder that every machine sees, with the kit and all that it requires on that host; nothing of it is fetched twice in a day."""
    with ZipFile(kit) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        rows = Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist") or []
    requirements = ["pip", *(row for row in rows if "extra ==" not in row)]
    assert request.config.cache is not None
    folder: Path = request.config.cache.mkdir("wheelhouse")
    try:
        found = asyncio.run(wheels.collected(python_of(host), requirements, folder / "store", hear=lambda line: None))
    except Failed as error:
        pytest.skip(f"no index within reach: {error}")
    made = folder / "mirror"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for wheel in (*found, kit):
        shutil.copy2(wheel, made)
    for path in (folder, made):
        path.chmod(0o755)
    return made


def python_of(host: Host) -> HostPython:
    """The interpreter that a laptop would choose there."""
    request = shell.with_arguments(distant.template("kit.sh"), Search().words)
    done = host.run("sh", "-c", request, user="alice", check=False)
    with pytest.raises(NotFound) as error:
        kitsearch.parse(done.stdout.splitlines(), done.returncode, host.name)
    if not error.value.installable:
        pytest.skip("this machine has no Python of its own, beside that of the tests")
    chosen = choose(error.value.absence.usable_pythons)
    order = Order(Place(chosen.path, own=True), "0", describe=True)
    described = read(host.run(*order.argv(distant.template("install.py")), user="alice").stdout.splitlines()).host
    assert described
    return HostPython.parse(described)


@dataclass(frozen=True)
class Sending:
    """A laptop that can send everything: the variables that its pip goes by, and the kit's own wheel."""

    env: dict[str, str]
    wheel: Path


@pytest.fixture
def sending(mirror: Path, kit: Path) -> Sending:
    """Its pip knows the mirror, which no host's does by itself."""
    return Sending({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(mirror), "PIP_CONFIG_FILE": os.devnull}, mirror / kit.name)


def start(lab: Lab, target: str, *options: str | Path, **how: Any) -> tuple[dict[str, Any], list[str]]:
    """`start --install`: its result, and what it has said meanwhile."""
    done = lab.laptop.kit("start", target, "--install", "--json", *options, timeout=INSTALL_SECONDS, **how)
    envelope: dict[str, Any] = json.loads(done.stdout)
    return envelope, done.stderr.splitlines()


def works(lab: Lab, host: Host, user: str) -> None:
    """The server is one of the environment that was installed, and a cell in it as well."""
    environment = f"/home/{user}/{OURS}/env"
    assert sorted(path.name for path in (host.home(user) / OURS).iterdir()) == ["env"]
    with connected(lab.laptop, f"{user}@{host.name}") as connection:
        assert connection.data["started"] is False
        assert connection.execute(connection.new_kernel(), "import sys; sys.prefix") == repr(environment)
    done = lab.laptop.kit("stop", f"{user}@{host.name}", "--json")
    assert done.returncode == 0, done.stdout


def left(host: Host, user: str) -> list[str]:
    """What an installation has left: files of ours, and processes."""
    folder = host.home(user) / OURS
    files = [str(path) for path in (folder, *folder.parent.glob(f"{folder.name}/*")) if path.exists()]
    return files + [" ".join(process.argv) for process in host.processes() if process.uid == host.person(user).uid]


@long_form
def test_from_the_mirror_that_the_host_s_pip_is_told_of(lab: Lab, host: Host, mirror: Path, figure: Callable[[str], None]) -> None:
    host.write("/home/alice/.config/pip/pip.conf", f"[global]\nno-index = true\nfind-links = {mirror}\n", user="alice")
    begun = time.monotonic()
    envelope, said = start(lab, "alice@gpu")
    assert envelope["ok"], envelope
    figure(f"from the host's mirror: {time.monotonic() - begun:.0f} s")
    assert not any("Sent" in line for line in said)
    works(lab, host, "alice")
    # It is there now, and remembered.
    begun = time.monotonic()
    envelope, said = start(lab, "alice@gpu")
    assert envelope["ok"]
    figure(f"a second time: {time.monotonic() - begun:.0f} s")
    assert not any("Installing" in line for line in said)
    assert lab.laptop.kit("stop", "alice@gpu", "--json").returncode == 0


def test_with_everything_sent_where_no_index_is_reached(
    lab: Lab, host: Host, mirror: Path, sending: Sending, figure: Callable[[str], None]
) -> None:
    assert not list(host.home("bob").rglob("pip.conf"))
    begun = time.monotonic()
    envelope, said = start(lab, "bob@gpu", "--wheel", sending.wheel, env=sending.env)
    assert envelope["ok"], envelope
    size = sum(path.stat().st_size for path in mirror.iterdir()) / 1e6
    figure(f"sent over ssh, {size:.0f} MB: {time.monotonic() - begun:.0f} s")
    assert any("reaches no index" in line for line in said)
    works(lab, host, "bob")


@long_form
def test_a_disk_that_has_no_room(lab: Lab, sending: Sending) -> None:
    small = lab.host("small", User("alice"), disk=Disk(home_mb=100))
    with nothing_more(lab):
        envelope, said = start(lab, "alice@small", "--wheel", sending.wheel, "--push", env=sending.env)
    (problem,) = envelope["problems"]
    assert problem["code"] == "disk-full"
    assert re.match(r"small has \d+ MB left for /home/alice/.*, and 360 MB are needed", problem["message"])
    # Found out before anything was sent.
    assert not any("Installing" in line for line in said)
    assert left(small, "alice") == []


@long_form
@pytest.mark.parametrize("way", ["Ctrl-C", "the session is killed on the host", "ssh is killed on the laptop"])
def test_what_is_cut_off_leaves_nothing(lab: Lab, host: Host, sending: Sending, way: str) -> None:
    argv = (KIT, "start", "carol@gpu", "--install", "--push", "--wheel", sending.wheel)
    with nothing_more(lab), lab.laptop.terminal(*argv, env=sending.env) as terminal:
        terminal.until(r"Installing \d+ packages", INSTALL_SECONDS)
        assert (host.home("carol") / OURS / "env").is_dir()
        if way == "Ctrl-C":
            terminal.press("c")
        elif way == "the session is killed on the host":
            host.kill_sessions()
        else:
            (ssh,) = (process for process in lab.laptop.processes() if process.name == "ssh")
            os.kill(ssh.pid, 9)
        assert terminal.finish() == 1
        until(lambda: not left(host, "carol"), "the installation to take itself away", 60)


@pytest.mark.parametrize("verb", ["start", "connect"])
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("root@gpu",), "as-root"),
        (("erin@gpu", "--project-dir", "/etc/passwd"), "not-a-directory"),
        (("erin@gpu", "--project-dir", "/etc"), "permission"),
    ],
)
def test_a_host_that_would_refuse_is_not_installed_on(lab: Lab, host: Host, verb: str, words: tuple[str, ...], code: str) -> None:
    """Neither is a person asked, nor anything fetched, sent or written."""
    with nothing_more(lab):
        done = lab.laptop.kit(verb, *words, "--install", "--json")
        assert json.loads(done.stdout)["problems"][0]["code"] == code
        assert "Installing" not in done.stderr
        assert done.returncode == 78
        with lab.laptop.terminal(KIT, verb, *words) as terminal:
            terminal.until("root" if code == "as-root" else "/etc")
            assert terminal.finish() == 78
            assert "Install it there" not in terminal.seen
    assert not (host.home(words[0].partition("@")[0]) / ".local").exists()


def test_it_is_not_installed_without_being_asked_for(lab: Lab, host: Host) -> None:
    with nothing_more(lab):
        done = lab.laptop.kit("start", "erin@gpu", "--json")
        assert json.loads(done.stdout)["problems"][0]["code"] == "no-kit"
        with lab.laptop.terminal(KIT, "start", "erin@gpu") as terminal:
            terminal.until(r"Install it there.*\?")
            terminal.type("n")
            terminal.until("has no jupyter-remote-kit")
            assert terminal.finish() == 1
    assert left(host, "erin") == []
