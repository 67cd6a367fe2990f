"""What `pip install .` puts on a machine that has Python and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LABEXTENSION = "share/jupyter/labextensions/jupyter-remote-kit"
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/jupyter_remote_kit.json"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(argv: list[str | Path], **env: str) -> str:
    """Runs with nothing on PATH: no Node, no npm, no git, no shell. Returns all that was printed."""
    done = subprocess.run(argv, env=os.environ | {"PATH": os.devnull} | env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def pip(*arguments: str | Path) -> str:
    return run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments])


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as a fresh clone has it: nothing built, nothing ignored."""
    copy = tmp_path_factory.mktemp("sources")
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", folder, sources)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it, and none of its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    return folder


def data(name: str, names: set[str]) -> str:
    """The archive's name for a file that is installed below the environment's root."""
    return next(found for found in names if found.endswith(f".data/data/{name}"))


@pytest.mark.parametrize(
    "name",
    [
        SERVER_CONFIG,
        f"{LABEXTENSION}/install.json",
        f"{LABEXTENSION}/package.json",
        f"{LABEXTENSION}/schemas/jupyter-remote-kit/connection.json",
        f"{LABEXTENSION}/static/style.js",
    ],
)
def test_wheel_installs_the_data_file(name: str, names: set[str]) -> None:
    assert data(name, names)


def test_wheel_has_the_package_with_its_catalogues_and_templates(sources: Path, names: set[str]) -> None:
    package = {
        path.relative_to(sources).as_posix()
        for path in (sources / "jupyter_remote_kit").rglob("*")
        if path.is_file() and path.suffix in {".py", ".typed", ".json", ".yaml", ".yml"} | template_suffixes(sources)
    }
    package = {name for name in package if not name.startswith("jupyter_remote_kit/labextension/")}
    compiled = {name.removesuffix(".po") + ".mo" for name in names if name.endswith(".po")}
    assert "jupyter_remote_kit/py.typed" in package
    assert "jupyter_remote_kit/locale/zh_CN/LC_MESSAGES/jupyter_remote_kit.json" in package
    assert (package | compiled) - names == set()


def template_suffixes(sources: Path) -> set[str]:
    return {path.suffix for path in (sources / "jupyter_remote_kit" / "templates").rglob("*") if path.is_file()}


def test_wheel_has_nothing_else(names: set[str]) -> None:
    assert {name.split("/", 1)[0].split("-")[0] for name in names} == {"jupyter_remote_kit"}
    assert [name for name in names if "node_modules" in name or name.startswith("jupyter_remote_kit/labextension")] == []


def test_bundle_carries_the_version_and_the_file_that_is_loaded(wheel: Path, names: set[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        manifest = json.loads(archive.read(data(f"{LABEXTENSION}/package.json", names)))
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        project = Parser().parsestr(archive.read(metadata).decode())
    assert manifest["name"] == "jupyter-remote-kit"
    assert manifest["version"] == project["Version"]
    assert data(f"{LABEXTENSION}/{manifest['jupyterlab']['_build']['load']}", names)


def test_a_build_leaves_the_checkout_as_it_was(sources: Path, wheel: Path) -> None:
    assert wheel.is_file()
    for name in ("labextension/package.json", "labextension/yarn.lock"):
        assert (sources / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_installed_extension_is_switched_on(environment: Path) -> None:
    config = json.loads((environment / SERVER_CONFIG).read_text())
    assert config == {"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": True}}}
    installed = json.loads((environment / LABEXTENSION / "install.json").read_text())
    assert installed["packageName"] == "jupyter-remote-kit"


def test_importing_the_package_imports_no_server(environment: Path) -> None:
    script = (
        "import sys, jupyter_remote_kit as kit; "
        "print(kit._jupyter_labextension_paths(), [name for name in ('tornado', 'traitlets') if name in sys.modules])"
    )
    answer = run([environment / "bin" / "python", "-c", script])
    assert answer == "[{'src': 'labextension', 'dest': 'jupyter-remote-kit'}] []\n"


def test_jupyterlab_finds_the_chinese_page(environment: Path) -> None:
    packages = next(environment.glob("lib/python*/site-packages"))
    script = (
        "from jupyterlab_server.translation_utils import get_language_pack; "
        "pack, complaints = get_language_pack('zh_CN'); "
        "print(pack['jupyter_remote_kit']['Secure'][0], repr(complaints))"
    )
    answer = run([sys.executable, "-c", script], PYTHONPATH=str(packages), PYTHONUTF8="1")
    assert answer == "连接安全 ''\n"


def test_sdist_builds_without_node(sources: Path, wheel: Path, tmp_path: Path) -> None:
    """It brings the bundle along, so pip is not even asked for Node."""
    assert wheel.is_file(), "the bundle is there by now"
    script = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    pytest.importorskip("hatchling")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        cwd=sources,
        env=os.environ | {"PATH": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    sdist = tmp_path / done.stdout.split()[-1]
    with tarfile.open(sdist) as archive:
        inside = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"labextension/hatch_build.py", "labextension/yarn.lock", "jupyter_remote_kit/labextension/package.json"} <= inside
    assert [name for name in inside if "node_modules" in name] == []
    log = pip("wheel", "--verbose", "--no-deps", "--wheel-dir", tmp_path, sdist)
    assert "Building wheel" in log
    assert "nodejs" not in log
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
