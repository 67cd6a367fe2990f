"""Installing on a host, from the laptop: the line, the search and the host's pip are real; ssh is a program that starts a shell here."""

from __future__ import annotations

import asyncio
import ensurepip
import os
import shutil
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit import __version__
from jupyter_remote_kit.commands import installing
from jupyter_remote_kit.commands.installing import Wanted
from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.host.line import Line
from jupyter_remote_kit.plan.kitsearch import NotFound
from jupyter_remote_kit.plan.ssh import Opening
from jupyter_remote_kit.plan.target import Target
from tests.host.wheelhouse import make

# Environments are made, and pip runs in each.
pytestmark = pytest.mark.slow

KIT = f"jupyter-remote-kit {__version__}"
SCRIPT = "jupyter-remotekit"
OWN = f".local/share/jupyter-remote-kit/env/bin/{SCRIPT}"
NOBODY_LISTENS = "http://127.0.0.1:9/simple"
# sshd starts a shell with an environment of its own, and hands it the last word of ssh's argv.
SSH = """#!/bin/sh
for word; do :; done
cd {home} && exec env -i HOME={home} SHELL=/bin/sh LANG=C.UTF-8 PIP_NO_COMPILE=1 PATH={home}/path:/usr/bin:/bin sh -c "$word"
"""


@dataclass
class Laptop:
    """A machine with a line to a host, and what was shown of the installation there."""

    home: Path
    mirror: Path
    shown: list[str] = field(default_factory=list)

    def configure(self, *lines: str) -> None:
        """Write the pip.conf of the host's user."""
        (self.home / ".config/pip").mkdir(parents=True, exist_ok=True)
        (self.home / ".config/pip/pip.conf").write_text("\n".join(("[global]", *lines, "")))

    def install(self, **wanted: Any) -> Path:
        """The path of the kit, which runs; the line is as good as before."""
        found = Path(asyncio.run(self._install(Wanted(host="gpu1", **wanted))))
        assert os.access(found, os.X_OK)
        return found

    def fails(self, **wanted: Any) -> RemoteKitError:
        with pytest.raises(RemoteKitError) as error:
            asyncio.run(self._install(Wanted(host="gpu1", **wanted)))
        return error.value

    async def _install(self, wanted: Wanted) -> str:
        self.shown.clear()
        async with Line.open(Opening(Target("gpu1"), batch=True)) as line:
            try:
                return await installing.install(line, wanted, show=lambda message: self.shown.append(str(message)))
            finally:
                assert (await line.ask("echo here")).lines == ("here",)

    def told(self, text: str) -> bool:
        return any(text in sentence for sentence in self.shown)


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """Its own pip knows a mirror; the host's knows none."""
    made = Laptop(tmp_path / "home", tmp_path / "mirror")
    made.home.mkdir()
    (made.home / "path").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(SSH.format(home=made.home))
    (tmp_path / "bin/ssh").chmod(0o755)
    # The host has one Python at least.
    (made.home / "path/python3").symlink_to(Path(sys.executable).resolve())
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.mirror))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    make(made.mirror, "segno 1.6.6")
    make(made.mirror, "dependency")
    shutil.copy2(next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")), made.mirror)
    made.configure(f"index-url = {NOBODY_LISTENS}")
    return made


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """The kit's own wheel, on the laptop."""
    return make(tmp_path / "dist", KIT, requires=("dependency",))


class TestFromTheHostsOwnMirror:
    def test_into_an_environment_of_its_own_and_no_second_time(self, laptop: Laptop, kit: Path) -> None:
        shutil.copy2(kit, laptop.mirror)
        laptop.configure("no-index = true", f"find-links = {laptop.mirror}")
        assert laptop.install() == laptop.home / OWN
        assert laptop.told(f"Installing {KIT} on gpu1, into an environment of its own made by ")
        assert laptop.shown[-1] == f"Installed: {laptop.home / OWN}"
        assert not laptop.told("Sent")
        assert laptop.install() == laptop.home / OWN
        assert laptop.shown == []

    def test_the_kit_alone_is_sent_where_only_that_is_lacking(self, laptop: Laptop, kit: Path) -> None:
        laptop.configure("no-index = true", f"find-links = {laptop.mirror}")
        assert laptop.install(wheel=kit) == laptop.home / OWN
        assert not laptop.told("Collecting packages")


class TestWithoutAnIndex:
    def test_everything_is_sent(self, laptop: Laptop, kit: Path) -> None:
        assert laptop.install(wheel=kit) == laptop.home / OWN
        assert "pip on gpu1 reaches no index: all packages are sent from here." in laptop.shown
        assert laptop.told("Collecting packages for Python 3.")

    def test_nothing_is_asked_where_that_is_known(self, laptop: Laptop, kit: Path) -> None:
        make(laptop.mirror, "big", code=os.urandom(1_500_000).hex())
        kit = make(kit.parent, KIT, requires=("big",))
        assert laptop.install(wheel=kit, push=True) == laptop.home / OWN
        assert not laptop.told("Asking the package index")
        assert [sentence for sentence in laptop.shown if sentence.startswith("Sent ")][-1] == "Sent 3 of 3 MB …"

    def test_a_kit_that_is_installed_for_editing_has_to_be_named(self, laptop: Laptop) -> None:
        from importlib import metadata

        if "jupyter_remote_kit/__init__.py" in map(str, metadata.files("jupyter-remote-kit") or ()):
            pytest.skip("this kit is not installed for editing")
        error = laptop.fails(push=True)
        assert error.problems[0].code == "editable"
        assert not (laptop.home / ".local/share/jupyter-remote-kit").exists()

    def test_what_this_machine_lacks_as_well_is_told(self, laptop: Laptop, kit: Path) -> None:
        kit = make(kit.parent, KIT, requires=("nothing-of-that-name",))
        (problem,) = laptop.fails(wheel=kit, push=True).problems
        assert problem.code == "no-wheels"
        assert "nothing-of-that-name" in str(problem.message)
        assert not (laptop.home / ".local/share/jupyter-remote-kit").exists()


class TestPlace:
    def test_an_environment_that_is_named_gets_it(self, laptop: Laptop, kit: Path) -> None:
        venv.create(laptop.home / "it's mine", with_pip=False)
        # It has no pip either.
        assert laptop.install(env="~/it's mine", wheel=kit, push=True) == laptop.home / "it's mine/bin" / SCRIPT
        assert laptop.told("into the environment of ")
        assert laptop.told("has no pip")
        assert not (laptop.home / ".local/share/jupyter-remote-kit").exists()
        assert laptop.install(env="~/it's mine") == laptop.home / "it's mine/bin" / SCRIPT
        assert laptop.install(python="~/it's mine/bin/python") == laptop.home / "it's mine/bin" / SCRIPT
        assert laptop.shown == []

    @pytest.mark.parametrize("option", ["env", "python"])
    def test_another_version_there_is_replaced_where_it_is_named(self, laptop: Laptop, kit: Path, option: str) -> None:
        venv.create(laptop.home / "old", with_pip=False)
        self._old(laptop.home / "old/bin" / SCRIPT, laptop.home / "old/bin/python")
        where = {"env": "~/old", "python": "~/old/bin/python"}[option]
        assert laptop.install(**{option: where}, wheel=kit, push=True) == laptop.home / "old/bin" / SCRIPT
        assert not (laptop.home / ".local/share/jupyter-remote-kit").exists()

    def test_another_version_that_is_somebody_elses_stays(self, laptop: Laptop, kit: Path) -> None:
        old = laptop.home / "path" / SCRIPT
        self._old(old, laptop.home / "path/python3")
        before = old.read_bytes()
        assert laptop.install(wheel=kit, push=True) == laptop.home / OWN
        assert old.read_bytes() == before

    def _old(self, script: Path, python: Path) -> None:
        script.write_text(f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\nprint('jupyter-remote-kit 0.0.1')\n")
        script.chmod(0o755)

    def test_a_place_that_is_not_there_is_not_made(self, laptop: Laptop) -> None:
        for where in ({"env": "nowhere"}, {"python": "~/nowhere/python"}):
            error = laptop.fails(**where)
            assert isinstance(error, NotFound)
            assert not error.installable
        assert laptop.shown == []

    def test_what_is_no_wheel_of_ours_is_refused_before_anything(self, laptop: Laptop, tmp_path: Path) -> None:
        error = laptop.fails(wheel=make(tmp_path, "other"))
        assert isinstance(error, Failed)
        assert error.problems[0].code == "wheel"


def test_a_failure_is_one_sentence_and_leaves_nothing(laptop: Laptop, kit: Path) -> None:
    shutil.copy2(make(kit.parent, KIT, code="raise ImportError('libcuda.so')"), laptop.mirror)
    laptop.configure("no-index = true", f"find-links = {laptop.mirror}")
    (problem,) = laptop.fails().problems
    assert (problem.code, str(problem.message)) == ("install-failed", "The installation on gpu1 failed: ImportError: libcuda.so")
    assert not (laptop.home / ".local/share/jupyter-remote-kit").exists()
