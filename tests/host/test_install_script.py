"""What a host does when it is told to install the kit: the program that a laptop sends, run by the Pythons of this machine."""

from __future__ import annotations

import ensurepip
import os
import shutil
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.host import processes
from jupyter_remote_kit.host.wheels import Parcel
from jupyter_remote_kit.plan import shell
from jupyter_remote_kit.plan.installing import RUN, Order, Place, Report, read, trouble
from jupyter_remote_kit.plan.wheels import HostPython
from tests.host.wheelhouse import make

# Environments are made, and pip runs in each.
pytestmark = pytest.mark.slow

PYTHON = Path(sys.executable).resolve()
PIP = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"))
OURS = ".local/share/jupyter-remote-kit"
SCRIPT = "jupyter-remotekit"
NOBODY_LISTENS = "http://127.0.0.1:9/simple"
ENDS_WITHIN_S = 60.0
# Debian and Ubuntu take this module out of Python, for a package of its own.
WITHOUT_ENSUREPIP = """
from importlib.machinery import PathFinder

found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name == "ensurepip" else found(name, *more)
"""


@dataclass(frozen=True)
class Answer:
    """What a host has said, and how it ended."""

    code: int
    lines: tuple[str, ...]

    @property
    def report(self) -> Report:
        return read(self.lines)

    def told(self, order: Order) -> tuple[str, str]:
        (problem,) = trouble("gpu1", self.code, self.lines, order).problems
        return problem.code, str(problem.message)


@dataclass
class Host:
    """A user's home, and the mirror that pip is told of there."""

    home: Path
    mirror: Path
    python: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def own(self) -> Path:
        """The environment that is made."""
        return self.home / OURS / "env"

    @property
    def order(self) -> Order:
        return Order(Place(str(self.python), own=True), "0.1.0")

    @property
    def variables(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": os.defpath, "LANG": "C.UTF-8", **self.environ}

    def configure(self, *lines: str) -> None:
        """Write the user's pip.conf."""
        (self.home / ".config/pip").mkdir(parents=True, exist_ok=True)
        (self.home / ".config/pip/pip.conf").write_text("\n".join(("[global]", *lines, "")))

    def start(self, order: Order, *files: Path) -> subprocess.Popen[bytes]:
        """As a laptop does it, in a shell that it has there."""
        parcel = Parcel(files)
        request = shell.receiving(RUN, order.argv(distant.template("install.py")), parcel.size)
        process = subprocess.Popen(
            ["sh", "-c", request], cwd=self.home, env=self.variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdin
        for part in parcel.parts(lambda done: None):
            process.stdin.write(part)
        process.stdin.close()
        process.stdin = None
        return process

    def ask(self, order: Order, *files: Path) -> Answer:
        process = self.start(order, *files)
        out, _ = process.communicate(timeout=100)
        return Answer(process.returncode, tuple(out.decode().splitlines()))

    def left(self) -> list[str]:
        """What lies in our folder."""
        return sorted(path.name for path in (self.home / OURS).iterdir()) if (self.home / OURS).exists() else []

    def says(self, kit: str | Path | None) -> str:
        """The version that a kit tells."""
        assert kit
        return subprocess.run([kit, "--version"], env=self.variables, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """One whose Python makes environments that have pip, and whose pip.conf names a mirror of its own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "mirror").mkdir()
    made = Host(tmp_path / "home", tmp_path / "mirror", PYTHON)
    made.configure("no-index = true", f"find-links = {made.mirror}")
    make(made.mirror, "segno 1.6.6")
    return made


@pytest.fixture
def debian(host: Host, tmp_path: Path) -> Host:
    """One whose Python has no ensurepip. It is quick: no pip is installed, but run from the wheel that is sent."""
    venv.create(tmp_path / "debian", with_pip=False, system_site_packages=False)
    (packages,) = (tmp_path / "debian").glob("lib/python*/site-packages")
    (packages / "sitecustomize.py").write_text(WITHOUT_ENSUREPIP)
    host.python = tmp_path / "debian/bin/python"
    host.environ["PIP_NO_COMPILE"] = "1"
    return host


class TestOwnEnvironment:
    def test_from_the_mirror_of_the_host(self, host: Host) -> None:
        make(host.mirror, "jupyter-remote-kit 0.1.0", requires=("dependency",))
        make(host.mirror, "dependency")
        # Neither is about our environment, and both are found on real hosts.
        host.configure("no-index = true", f"find-links = {host.mirror}", "user = true")
        (host.home / "foreign/dependency-1.0.dist-info").mkdir(parents=True)
        (host.home / "foreign/dependency-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: dependency\nVersion: 1.0\n")
        host.environ["PYTHONPATH"] = str(host.home / "foreign")
        (host.home / "json.py").write_text("raise SystemExit(1)")
        answer = host.ask(host.order)
        assert (answer.code, answer.report.kit) == (0, str(host.own / "bin" / SCRIPT)), answer.lines
        assert host.left() == ["env"]
        assert (host.own / ".complete").is_file()
        assert host.says(answer.report.kit) == "jupyter-remote-kit 0.1.0"
        assert list(host.own.glob("lib/python*/site-packages/dependency-1.0.dist-info"))
        # `%pip` in a notebook has a pip.
        assert (host.own / "bin/pip").is_file()

        make(host.mirror, "jupyter-remote-kit 0.2.0")
        (host.own / "mine").touch()
        answer = host.ask(Order(host.order.place, "0.2.0"))
        assert (answer.code, host.says(answer.report.kit)) == (0, "jupyter-remote-kit 0.2.0")
        assert (host.own / "mine").exists(), "the environment was not made anew"

        answer = host.ask(Order(host.order.place, "0.3.0"))
        assert (answer.code, answer.report.lacks) == (69, "kit")
        assert host.says(host.own / "bin" / SCRIPT) == "jupyter-remote-kit 0.2.0"

    def test_where_the_user_keeps_data(self, debian: Host) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        debian.environ["XDG_DATA_HOME"] = str(debian.home / "a b")
        answer = debian.ask(debian.order.with_sent("pip"), PIP)
        assert answer.report.kit == str(debian.home / "a b/jupyter-remote-kit/env/bin" / SCRIPT), answer.lines
        assert debian.says(answer.report.kit) == "jupyter-remote-kit 0.1.0"
        debian.environ["XDG_DATA_HOME"] = "relative"
        answer = debian.ask(debian.order.with_sent("pip"), PIP)
        assert answer.report.kit == str(debian.own / "bin" / SCRIPT)

    def test_a_python_without_ensurepip_gets_pip_sent(self, debian: Host) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        answer = debian.ask(debian.order)
        assert (answer.code, answer.report.lacks, debian.left()) == (69, "pip", [])
        answer = debian.ask(debian.order.with_sent("pip"), PIP)
        assert (answer.code, debian.says(answer.report.kit)) == (0, "jupyter-remote-kit 0.1.0"), answer.lines
        assert (debian.own / "bin/pip").is_file()

    def test_with_all_packages_sent_no_index_is_asked(self, debian: Host, tmp_path: Path) -> None:
        kit = make(tmp_path, "jupyter-remote-kit 0.1.0", requires=("dependency",))
        silent = socket.create_server(("127.0.0.1", 0))
        debian.configure(f"index-url = http://127.0.0.1:{silent.getsockname()[1]}/simple")
        answer = debian.ask(debian.order.with_sent("index").with_sent("pip"), kit, make(tmp_path, "dependency"), PIP)
        assert (answer.code, debian.says(answer.report.kit)) == (0, "jupyter-remote-kit 0.1.0"), answer.lines
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
        silent.close()

    def test_with_the_kit_sent_the_rest_comes_from_the_mirror(self, debian: Host, tmp_path: Path) -> None:
        kit = make(tmp_path, "jupyter-remote-kit 0.1.0", requires=("dependency",))
        make(debian.mirror, "dependency")
        answer = debian.ask(debian.order.with_sent("kit").with_sent("pip"), kit, PIP)
        assert (answer.code, debian.says(answer.report.kit)) == (0, "jupyter-remote-kit 0.1.0"), answer.lines

    def test_what_an_index_lacks(self, debian: Host, tmp_path: Path) -> None:
        kit = make(tmp_path, "jupyter-remote-kit 0.1.0")
        order = debian.order.with_sent("pip")
        assert debian.ask(order, PIP).report.lacks == "kit"
        debian.configure(f"index-url = {NOBODY_LISTENS}")
        answer = debian.ask(order, PIP)
        assert (answer.code, answer.report.lacks) == (69, "index")
        assert debian.ask(order.with_sent("kit"), PIP, kit).report.lacks == "index"
        assert debian.left() == []
        assert not (debian.home / OURS).exists()

    @pytest.mark.parametrize("leftover", ["half made", "its Python is gone"])
    def test_what_was_left_is_made_anew(self, debian: Host, leftover: str) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        (debian.own / "bin").mkdir(parents=True)
        (debian.own / "junk").touch()
        if leftover == "its Python is gone":
            (debian.own / ".complete").touch()
            (debian.own / "bin/python").symlink_to("/gone/python")
        answer = debian.ask(debian.order.with_sent("pip"), PIP)
        assert debian.says(answer.report.kit) == "jupyter-remote-kit 0.1.0"
        assert not (debian.own / "junk").exists()

    @pytest.mark.parametrize(
        ("kit", "told"),
        [
            ({"code": "raise ImportError('libcuda.so')"}, "ImportError: libcuda.so"),
            ({"requires": ("nothing-of-that-name",)}, "ERROR: No matching distribution found for nothing-of-that-name"),
        ],
        ids=["does not run", "lacks something"],
    )
    def test_a_kit_that_cannot_be_used_is_taken_away_again(self, debian: Host, kit: dict[str, Any], told: str) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0", **kit)
        answer = debian.ask(debian.order.with_sent("pip"), PIP)
        assert answer.code == 1
        code, sentence = answer.told(debian.order)
        assert code == "install-failed"
        assert sentence.startswith(f"The installation on gpu1 failed: {told}")
        assert debian.left() == []


class TestNamedEnvironment:
    @pytest.fixture
    def named(self, host: Host, tmp_path: Path) -> Path:
        """An environment of the user's, as `uv venv` makes them: without pip."""
        venv.create(tmp_path / "named", with_pip=False)
        host.python = tmp_path / "named/bin/python"
        return tmp_path / "named"

    def order(self, host: Host) -> Order:
        return Order(Place(str(host.python), own=False), "0.1.0")

    def test_it_goes_in_there(self, host: Host, named: Path) -> None:
        make(host.mirror, "jupyter-remote-kit 0.1.0")
        assert host.ask(self.order(host)).report.lacks == "pip"
        host.configure("no-index = true", f"find-links = {host.mirror}", "user = true")
        answer = host.ask(self.order(host).with_sent("pip"), PIP)
        assert answer.report.kit == str(named / "bin" / SCRIPT), answer.lines
        assert host.says(answer.report.kit) == "jupyter-remote-kit 0.1.0"
        assert host.left() == []

    def test_it_stays_when_something_fails(self, host: Host, named: Path) -> None:
        make(host.mirror, "jupyter-remote-kit 0.1.0", requires=("nothing-of-that-name",))
        answer = host.ask(self.order(host).with_sent("pip"), PIP)
        assert answer.code == 1
        assert (named / "bin/python").exists()
        assert not (named / "bin" / SCRIPT).exists()

    def test_the_system_s_own_python_is_left_alone(self, host: Host, tmp_path: Path) -> None:
        system = Path("/usr/bin/python3")
        code = "import os, sysconfig; print(os.path.exists(sysconfig.get_path('stdlib') + '/EXTERNALLY-MANAGED'))"
        if (
            not system.exists()
            or subprocess.run([system, "-I", "-c", code], capture_output=True, text=True, check=False).stdout != "True\n"
        ):
            pytest.skip("the system's Python is not marked as its own")
        make(host.mirror, "jupyter-remote-kit 0.1.0")
        host.python = system
        answer = host.ask(self.order(host).with_sent("pip"), PIP)
        assert answer.code == 1
        code, sentence = answer.told(self.order(host))
        assert (code, sentence) == ("system-python", "/usr/bin/python3 on gpu1 belongs to the system, which installs its packages itself.")


class TestTrouble:
    def test_a_full_disk(self, debian: Host, small_disk: Path) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        debian.environ["XDG_DATA_HOME"] = str(small_disk)
        order = debian.order.with_sent("index").with_sent("pip")
        answer = debian.ask(order, PIP)
        assert (answer.code, answer.told(order)[0]) == (1, "disk-full"), answer.lines
        assert list(small_disk.iterdir()) == []

    def test_a_disk_that_is_full_later(self, debian: Host, small_disk: Path) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        # Room for what is sent and for an environment, but not for what is installed into it.
        subprocess.run(["mount", "-o", "remount,size=6m", small_disk], check=True)
        debian.environ["XDG_DATA_HOME"] = str(small_disk)
        order = debian.order
        answer = debian.ask(order.with_sent("pip"), PIP)
        assert (answer.code, answer.told(order)[0]) == (1, "disk-full"), answer.lines
        assert list(small_disk.iterdir()) == []

    def test_a_read_only_home(self, debian: Host, read_only: Path) -> None:
        debian.environ["XDG_DATA_HOME"] = str(read_only)
        answer = debian.ask(debian.order)
        code, sentence = answer.told(debian.order)
        assert (answer.code, code) == (1, "permission")
        assert "[Errno 30] Read-only file system" in sentence

    def test_two_at_once_do_not_meet(self, debian: Host) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        first = debian.start(debian.order.with_sent("pip"), PIP)
        assert processes.wait_for(lambda: any(name.startswith("installing-") for name in debian.left()), ENDS_WITHIN_S, 0.01)
        second = debian.ask(debian.order.with_sent("pip"), PIP)
        assert (second.code, second.told(debian.order)[0]) == (75, "install-busy")
        out, _ = first.communicate(timeout=100)
        assert first.returncode == 0, out
        assert debian.says(debian.own / "bin" / SCRIPT) == "jupyter-remote-kit 0.1.0"

    def test_what_one_left_that_was_killed_does_not_bar_the_next(self, debian: Host) -> None:
        make(debian.mirror, "jupyter-remote-kit 0.1.0")
        first = debian.start(debian.order.with_sent("pip"), PIP)
        assert processes.wait_for(debian.own.exists, ENDS_WITHIN_S, 0.01)
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        (lock,) = (debian.home / OURS).glob("installing-*")
        for child in _at_work(debian):
            child.kill()
            psutil.wait_procs([child])
        assert debian.ask(debian.order).code == 75
        os.utime(lock, (0, 0))
        answer = debian.ask(debian.order.with_sent("pip"), PIP)
        assert (answer.code, debian.left()) == (0, ["env"]), answer.lines

    @pytest.mark.parametrize("way", ["the line is cut", "SIGHUP", "SIGTERM", "SIGINT"])
    def test_whoever_ends_it_finds_nothing_left(self, debian: Host, way: str) -> None:
        silent = socket.create_server(("127.0.0.1", 0))
        debian.configure(f"index-url = http://127.0.0.1:{silent.getsockname()[1]}/simple")
        process = debian.start(debian.order.with_sent("pip"), PIP)
        connection, _ = silent.accept()
        assert debian.own.exists()
        assert len(_at_work(debian)) >= 2
        assert process.stdout
        if way == "the line is cut":
            process.stdout.close()
        else:
            (installer,) = (found for found in _at_work(debian) if found.cmdline()[:3] == [str(debian.python), "-I", "-c"])
            installer.send_signal(getattr(signal, way))
        assert processes.wait_for(lambda: not debian.left() and not _at_work(debian), ENDS_WITHIN_S, 0.05)
        process.wait(ENDS_WITHIN_S)
        process.stdout.close()
        connection.close()
        silent.close()

    def test_a_parcel_that_is_cut_short_leaves_nothing(self, debian: Host) -> None:
        parcel = Parcel((PIP,))
        request = shell.receiving(RUN, debian.order.with_sent("pip").argv(distant.template("install.py")), parcel.size)
        data = b"".join(parcel.parts(lambda done: None))[: parcel.size // 2]
        done = subprocess.run(["sh", "-c", request], cwd=debian.home, env=debian.variables, input=data, capture_output=True, check=False)
        assert done.returncode == 1
        assert b"ReadError: unexpected end of data" in done.stdout
        assert debian.left() == []

    def test_what_is_sent_lands_in_one_folder(self, debian: Host, tmp_path: Path) -> None:
        """Whatever the tar calls it."""
        import io
        import tarfile

        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("../../escaped", "/tmp/../../absolute", "folder/"):
                info = tarfile.TarInfo(name)
                info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                archive.addfile(info)
        request = shell.receiving(RUN, debian.order.argv(distant.template("install.py")), len(buffer.getvalue()))
        before = set(debian.home.rglob("*"))
        done = subprocess.run(
            ["sh", "-c", request], cwd=debian.home, env=debian.variables, input=buffer.getvalue(), capture_output=True, check=False
        )
        assert done.returncode == 69
        assert {path for path in set(debian.home.rglob("*")) - before if path.name in {"escaped", "absolute"}} == set()

    def test_what_is_not_read_is_no_next_request(self, debian: Host, tmp_path: Path) -> None:
        """An installer that gives up, or cannot even start, must not leave wheels for the shell to read."""
        debian.python = tmp_path / "gone"
        order = debian.order.with_sent("pip")
        parcel = Parcel((PIP,))
        request = shell.receiving(RUN, order.argv(distant.template("install.py")), parcel.size)
        stream = shell.framed(request) + b"".join(parcel.parts(lambda done: None)) + shell.framed(shell.running(("echo", "next")))
        mark = shell.mark("0" * 32)
        done = subprocess.run(
            ["sh", "-c", shell.session_command(mark, 0)],
            input=stream,
            cwd=debian.home,
            env=debian.variables,
            capture_output=True,
            check=False,
        )
        trailers = [shell.trailer(line, mark) for line in done.stdout.decode(errors="replace").splitlines()]
        assert [code for code in trailers if code is not None][1:] == [127, 0]
        assert b"\nnext\n" in done.stdout


def _at_work(host: Host) -> list[psutil.Process]:
    """The processes that have this home: the installer, and what it runs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == str(host.home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _pythons() -> list[Path]:
    """One interpreter of this machine for each version on which the kit runs."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[str, Path] = {}
    for minor in (10, 11, 12, 13):
        for path in (shutil.which(f"python3.{minor}"), *versions.glob(f"3.{minor}.*/bin/python3")):
            code = "import ensurepip, sys; print(sys.version_info[1])"
            done = path and subprocess.run([path, "-I", "-c", code], capture_output=True, text=True, check=False)
            if path and done and done.returncode == 0:
                found.setdefault(done.stdout, Path(path))
    return list(found.values())


@pytest.mark.slow
def test_on_every_python_of_this_machine(host: Host, figure: Callable[[str], None]) -> None:
    make(host.mirror, "jupyter-remote-kit 0.1.0")
    seen = set()
    for python in _pythons():
        host.python = python
        answer = host.ask(host.order)
        assert answer.code == 0, answer.lines
        assert host.says(answer.report.kit) == "jupyter-remote-kit 0.1.0"
        shutil.rmtree(host.own)
        assert answer.report.host
        seen.add(HostPython.parse(answer.report.host).abi)
    figure(f"installed by {', '.join(sorted(seen))}")
    assert f"cp3{sys.version_info[1]}" in seen


def test_it_describes_its_interpreter_as_pip_sees_it(host: Host) -> None:
    """The tags and markers are those of `packaging`, which pip goes by."""
    from packaging import markers, tags

    host.python = Path(sys.executable)
    answer = host.ask(Order(Place(str(host.python), own=True), "0.1.0", describe=True))
    assert (answer.code, host.left()) == (0, [])
    assert answer.report.host
    told = HostPython.parse(answer.report.host)
    assert dict(told.markers) == dict(markers.default_environment())
    known = {tag.platform for tag in tags.sys_tags() if tag.platform != "any"}
    if sys.platform == "linux":
        assert set(told.platforms) == known
    assert told.abi in {tag.abi for tag in tags.sys_tags()}
