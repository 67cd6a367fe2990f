"""The wheels that are sent to a host: the kit's own, those that pip collects for another machine, and the tar that holds them."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import psutil
import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import wheels
from jupyter_remote_kit.host.wheels import Parcel
from jupyter_remote_kit.plan.wheels import HostPython
from tests.host.wheelhouse import make

ROOT = Path(__file__).parents[2]


def host(version: str = "3.10.4", libc: str = "glibc 2.31", platform: str = "linux-x86_64", sys_platform: str = "linux") -> HostPython:
    markers = {
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": platform.rpartition("-")[2],
        "platform_python_implementation": "CPython",
        "platform_release": "6.1",
        "platform_system": "Linux",
        "platform_version": "1",
        "python_full_version": version,
        "python_version": version.rpartition(".")[0],
        "sys_platform": sys_platform,
    }
    return HostPython.parse(json.dumps({"platform": platform, "libc": libc, "macos": "14.1", "free_threaded": False, "markers": markers}))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that this machine's pip knows."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def collect(target: HostPython, store: Path, *requirements: str | Path) -> set[str]:
    """The names of the wheels."""
    found = asyncio.run(wheels.collected(target, requirements, store, hear=lambda line: None))
    assert all(wheel.is_file() for wheel in found)
    return {wheel.name for wheel in found}


class TestCollected:
    def test_what_the_host_needs_and_nothing_that_this_machine_would(self, mirror: Path, tmp_path: Path) -> None:
        kit = make(
            tmp_path,
            "jupyter-remote-kit",
            requires=(
                "native",
                'old ; python_version < "3.11"',
                'new ; python_version >= "3.11"',
                'windows ; sys_platform == "win32"',
                'patched ; python_full_version < "3.10.5"',
            ),
        )
        for name in ("old", "new", "patched"):
            make(mirror, name)
        # There is none for other machines, as of many that a Windows laptop would need itself.
        make(mirror, "windows", tag="cp310-cp310-win_amd64")
        for tag in ("cp310-cp310-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_x86_64", "cp310-cp310-manylinux_2_35_x86_64"):
            make(mirror, "native", tag=tag)
        found = collect(host(), tmp_path / "store", kit)
        assert found == {
            kit.name,
            "native-1.0-cp310-cp310-manylinux_2_17_x86_64.whl",
            "old-1.0-py3-none-any.whl",
            "patched-1.0-py3-none-any.whl",
        }
        assert "native-1.0-cp310-cp310-manylinux_2_35_x86_64.whl" in collect(host(libc="glibc 2.36"), tmp_path / "store", kit)
        assert "new-1.0-py3-none-any.whl" in collect(host("3.11.4"), tmp_path / "store", kit)

    @pytest.mark.parametrize(
        ("target", "tag"),
        [
            (host(platform="linux-aarch64"), "cp310-cp310-manylinux_2_17_aarch64"),
            (host(libc="musl 1.2"), "cp310-cp310-musllinux_1_1_x86_64"),
            (host(platform="macosx-11.0-arm64", sys_platform="darwin"), "cp39-abi3-macosx_11_0_arm64"),
            (host(platform="macosx-11.0-arm64", sys_platform="darwin"), "cp310-cp310-macosx_10_9_universal2"),
        ],
    )
    def test_for_other_machines(self, mirror: Path, tmp_path: Path, target: HostPython, tag: str) -> None:
        make(mirror, "native", tag=tag)
        make(mirror, "native", tag="cp310-cp310-win_amd64")
        assert collect(target, tmp_path / "store", "native") == {f"native-1.0-{tag}.whl"}

    def test_is_not_done_twice_in_a_day(self, mirror: Path, tmp_path: Path) -> None:
        make(mirror, "x")
        store = tmp_path / "store"
        collect(host(), store, "x")
        make(mirror, "x 2.0")
        assert collect(host(), store, "x") == {"x-1.0-py3-none-any.whl"}
        # Another host, or another kit, is another matter.
        assert collect(host("3.11.4"), store, "x") == {"x-2.0-py3-none-any.whl"}
        for folder in store.iterdir():
            os.utime(folder, (0, 0))
        assert collect(host(), store, "x") == {"x-2.0-py3-none-any.whl"}
        assert len(list(store.iterdir())) == 1
        assert store.stat().st_mode & 0o777 == 0o700

    def test_a_kit_that_was_built_anew_is_another(self, mirror: Path, tmp_path: Path) -> None:
        kit = make(tmp_path, "jupyter-remote-kit")
        collect(host(), tmp_path / "store", kit)
        make(mirror, "x")
        make(tmp_path, "jupyter-remote-kit", requires=("x",))
        assert "x-1.0-py3-none-any.whl" in collect(host(), tmp_path / "store", kit)

    def test_what_there_is_not_is_told_in_pip_s_words(self, mirror: Path, tmp_path: Path) -> None:
        heard: list[str] = []
        with pytest.raises(Failed) as error:
            asyncio.run(wheels.collected(host(), ("native",), tmp_path / "store", hear=heard.append))
        (problem,) = error.value.problems
        assert problem.code == "no-wheels"
        assert str(problem.message).startswith(
            "pip on this machine finds no packages for Python 3.10.4, manylinux_2_31_x86_64: ERROR: No match"
        )
        assert str(problem.hint).endswith(f"{sys.executable} -m pip config list")
        assert any("native" in line for line in heard)
        assert list((tmp_path / "store").iterdir()) == []

    def test_pip_ends_with_whoever_waits_for_it(self, mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        silent = socket.create_server(("127.0.0.1", 0))
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        store = tmp_path / "store"

        async def cancelled() -> None:
            work = asyncio.ensure_future(wheels.collected(host(), ("x",), store, hear=lambda line: None))
            loop = asyncio.get_running_loop()
            silent.setblocking(False)
            connection, _ = await asyncio.wait_for(loop.sock_accept(silent), 60)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            connection.close()

        asyncio.run(cancelled())
        silent.close()
        assert [child for child in psutil.Process().children() if "foreignpip.py" in " ".join(child.cmdline())] == []
        assert list(store.iterdir()) == []

    def test_the_pip_that_python_brings_along_will_do(self, mirror: Path, tmp_path: Path) -> None:
        """As where the kit was installed by uv, into an environment without pip."""
        pytest.importorskip("ensurepip")
        make(mirror, "x")
        venv.create(tmp_path / "bare", with_pip=False)
        python = tmp_path / "bare/bin/python"
        target = host()
        done = subprocess.run(
            [
                python,
                "-I",
                wheels.foreignpip.__file__,
                json.dumps(dict(target.markers)),
                "download",
                "--dest",
                tmp_path / "out",
                *target.pip_options,
                "x",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert [wheel.name for wheel in (tmp_path / "out").iterdir()] == ["x-1.0-py3-none-any.whl"]


class TestCheck:
    def test_a_wheel_of_ours_passes(self, tmp_path: Path) -> None:
        wheels.check(make(tmp_path, "jupyter-remote-kit"))

    def test_anything_else_does_not(self, tmp_path: Path) -> None:
        renamed = tmp_path / "jupyter_remote_kit-0.1.0-py3-none-any.whl"
        renamed.write_text("no archive")
        for path in (make(tmp_path, "other"), renamed):
            with pytest.raises(Failed) as error:
                wheels.check(path)
            (problem,) = error.value.problems
            assert str(problem.message) == f"{path} is not a wheel of jupyter-remote-kit."
        with pytest.raises(Failed, match="does not exist"):
            wheels.check(tmp_path / "gone.whl")


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, Path]:
    """An environment with the kit in it, not for editing, and the wheel that it was made of; the rest is borrowed from this one."""
    shutil.copytree(ROOT, tmp_path / "sources", ignore=_no_sources)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, "."]
    subprocess.run(build, cwd=tmp_path / "sources", check=True)
    (wheel,) = tmp_path.glob("*.whl")
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=False)
    install = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return folder, wheel


def _no_sources(folder: str, names: list[str]) -> set[str]:
    wanted = {"jupyter_remote_kit", "labextension", "jupyter-config", "pyproject.toml", "README.md", "LICENSE"}
    if Path(folder) == ROOT:
        return set(names) - wanted
    return {"node_modules", "__pycache__"} & set(names)


class TestOwn:
    @pytest.mark.slow
    def test_what_is_installed_becomes_the_wheel_that_it_was(self, installed: tuple[Path, Path], tmp_path: Path) -> None:
        folder, wheel = installed
        made = tmp_path / "made"
        made.mkdir()
        code = "import sys, pathlib; from jupyter_remote_kit.host import wheels; print(wheels.own(pathlib.Path(sys.argv[1])))"
        command = [folder / "bin/python", "-I", "-c", code, made]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        again = Path(done.stdout.strip())
        assert again.name == wheel.name
        assert _content(again) == _content(wheel)
        first = again.read_bytes()
        subprocess.run(command, capture_output=True, check=True)
        assert again.read_bytes() == first

        (folder / "etc/jupyter/jupyter_server_config.d/jupyter_remote_kit.json").unlink()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "The kit on this machine is not whole, so it cannot be sent:" in done.stderr

    def test_one_that_is_installed_for_editing_cannot_be_sent(self, tmp_path: Path) -> None:
        from importlib import metadata

        if "jupyter_remote_kit/__init__.py" in map(str, metadata.files("jupyter-remote-kit") or ()):
            pytest.skip("this kit is not installed for editing")
        with pytest.raises(Failed) as error:
            wheels.own(tmp_path)
        (problem,) = error.value.problems
        assert str(problem.message) == "The kit on this machine is installed for editing, so it cannot be sent."
        assert "--wheel" in str(problem.hint)


def _content(wheel: Path) -> dict[str, object]:
    """What a wheel holds; the order of RECORD is nobody's business."""
    with zipfile.ZipFile(wheel) as archive:
        found: dict[str, object] = {name: archive.read(name) for name in archive.namelist()}
    (record,) = (name for name in found if name.endswith("/RECORD"))
    text = found[record]
    assert isinstance(text, bytes)
    return found | {record: sorted(text.decode().splitlines())}


class TestParcel:
    def test_is_a_tar_of_the_size_that_was_told(self, tmp_path: Path) -> None:
        sizes = {"a": 0, "b": 1, "c": 511, "d": 512, "e": 513, "long" * 40: 700_000}
        for name, size in sizes.items():
            (tmp_path / name).write_bytes(os.urandom(size))
        parcel = Parcel(tuple(tmp_path / name for name in sizes))
        told: list[int] = []
        data = b"".join(parcel.parts(told.append))
        assert len(data) == parcel.size == told[-1]
        assert told == sorted(told)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                assert content is not None
                assert content.read() == (tmp_path / member.name).read_bytes()
                sizes.pop(member.name)
        assert sizes == {}

    def test_of_nothing_is_an_empty_one(self) -> None:
        parcel = Parcel(())
        data = b"".join(parcel.parts(lambda done: None))
        assert len(data) == parcel.size
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
            assert archive.getnames() == []
