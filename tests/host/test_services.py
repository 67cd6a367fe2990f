"""The services of a machine that are ours: where they are, and what stands there."""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import logind, services
from jupyter_remote_kit.host.manifest import write_manifest
from jupyter_remote_kit.plan import service
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.service import Place, Record, render_record
from jupyter_remote_kit.plan.units import Scope

ME = pwd.getpwuid(os.geteuid())


@pytest.fixture
def user_place(tmp_path: Path, layout: Layout) -> Place:
    """Of a user whose home is empty."""
    home = tmp_path / "home"
    home.mkdir()
    return Place(Scope.USER, "default", ME.pw_name, ME.pw_uid, home, layout)


class TestPlace:
    def test_of_whoever_asks(self, layout: Layout) -> None:
        assert services.place(Scope.USER, "gpu1", layout) == Place(Scope.USER, "gpu1", ME.pw_name, ME.pw_uid, Path(ME.pw_dir), layout)

    def test_of_another_user(self, layout: Layout) -> None:
        account = pwd.getpwnam("nobody")
        found = services.place(Scope.SYSTEM, "default", layout, "nobody")
        assert (found.user, found.uid, found.home) == ("nobody", account.pw_uid, Path(account.pw_dir))

    @pytest.mark.parametrize("name", ["no-such-user-of-ours", "", "a\\b", "ann@corp"])
    def test_of_nobody_there_is_none(self, layout: Layout, name: str) -> None:
        with pytest.raises(Failed) as error:
            services.place(Scope.SYSTEM, "default", layout, name)
        (problem,) = error.value.problems
        assert (problem.code, str(problem.message)) == ("unknown-user", f"There is no user {name!r} on this machine.")
        assert str(problem.hint) == "See who there is: getent passwd"


class TestGather:
    def test_on_a_bare_machine(self, user_place: Place) -> None:
        facts = services.gather(user_place)
        assert set(facts.files) == set(user_place.paths)
        assert not any(fact.exists for fact in facts.files.values())
        home = user_place.home
        assert facts.missing == (home / ".config", home / ".config/systemd", home / ".config/systemd/user")
        assert (facts.others, facts.record, facts.stale, dict(facts.manifest)) == ((), Record(), False, {})
        assert facts.lingers is logind.lingers(ME.pw_name)

    def test_what_stands_there(self, user_place: Place) -> None:
        folder = user_place.unit_file.parent
        folder.mkdir(parents=True)
        user_place.unit_file.write_text("[Unit]\n")
        for name in ("jupyter-remotekit@gpu1.service", "jupyter-remotekit@a.service", "jupyter.service", "jupyter-remotekit@x.service.d"):
            (folder / name).write_text("")
        record = Record(("ann",), ("/home/ann/.config",))
        user_place.records.service_record.parent.mkdir(parents=True)
        user_place.records.service_record.write_text(render_record(record))
        manifest = user_place.records.manifest_file("default")
        manifest.parent.mkdir(parents=True)
        write_manifest(manifest, {"/x": ("0" * 64,)})
        facts = services.gather(user_place)
        assert facts.file(user_place.unit_file).content == b"[Unit]\n"
        assert facts.others == ("jupyter-remotekit@a.service", "jupyter-remotekit@gpu1.service")
        assert (facts.missing, facts.record, dict(facts.manifest)) == ((), record, {"/x": ("0" * 64,)})

    def test_a_folder_that_is_there_is_not_missing(self, user_place: Place) -> None:
        (user_place.home / ".config").mkdir()
        assert [path.name for path in services.gather(user_place).missing] == ["systemd", "user"]

    def test_a_link_where_the_unit_would_be_is_a_fact_and_not_followed(self, user_place: Place) -> None:
        user_place.link.parent.mkdir(parents=True)
        user_place.link.symlink_to("../gone")
        user_place.unit_file.symlink_to("/dev/null")
        facts = services.gather(user_place)
        assert facts.file(user_place.link) == FileFact(FileKind.SYMLINK, 0o777, os.geteuid())
        assert facts.file(user_place.unit_file).kind is FileKind.SYMLINK

    @pytest.mark.parametrize(("said", "stale"), [("yes", True), ("no", False), ("", False)])
    def test_whether_systemd_has_read_an_older_unit(
        self, user_place: Place, program: Callable[[str, str], Path], said: str, stale: bool
    ) -> None:
        program("systemctl", f"echo NeedDaemonReload={said}")
        machines = replace(user_place, scope=Scope.SYSTEM, user="no-such-user-of-ours")
        facts = services.gather(machines)
        assert facts.stale is stale
        assert not facts.lingers
        assert set(facts.missing) <= {Path("/etc/jupyter-remotekit"), Path("/etc/systemd"), Path("/etc/systemd/system")}


class TestLingeringNeeded:
    """By another service of the same user, whoever's manager runs it."""

    @pytest.fixture
    def machines(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "system"
        folder.mkdir()
        monkeypatch.setattr(service, "SYSTEM_UNITS", folder)
        return folder

    @pytest.mark.parametrize(
        ("own", "of_the_machine", "needed"),
        [
            ((), (), False),
            (("default",), (), False),
            (("default", "gpu1"), (), True),
            (("gpu1",), (), True),
            ((), ("ann.default",), True),
            ((), ("ann.gpu1", "bob.default"), True),
            ((), ("bob.default", "ann-b.default", "b.ann.default"), False),
        ],
    )
    def test_of_a_users_own(
        self, user_place: Place, machines: Path, own: tuple[str, ...], of_the_machine: tuple[str, ...], needed: bool
    ) -> None:
        place = replace(user_place, user="ann")
        place.unit_file.parent.mkdir(parents=True)
        for folder, names in ((place.unit_file.parent, own), (machines, of_the_machine)):
            for name in names:
                (folder / f"jupyter-remotekit@{name}.service").write_text("")
        assert services.gather(place).lingering_needed is needed

    @pytest.mark.parametrize(
        ("own", "of_the_machine", "needed"),
        [
            ((), ("ann.default",), False),
            ((), ("ann.default", "ann.gpu1"), True),
            (("default",), ("ann.default",), True),
            ((), ("ann.default", "bob.gpu1"), False),
        ],
    )
    def test_of_the_machines(
        self, user_place: Place, machines: Path, own: tuple[str, ...], of_the_machine: tuple[str, ...], needed: bool
    ) -> None:
        place = replace(user_place, user="ann", scope=Scope.SYSTEM)
        folder = user_place.unit_file.parent
        folder.mkdir(parents=True)
        for where, names in ((folder, own), (machines, of_the_machine)):
            for name in names:
                (where / f"jupyter-remotekit@{name}.service").write_text("")
        assert services.gather(place).lingering_needed is needed


def test_where_a_service_is_installed(user_place: Place, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "place", lambda scope, instance, layout, user=None: replace(user_place, scope=scope, instance=instance))
    name = "only-in-this-test"
    assert services.installed(name, layout) == ()
    own = replace(user_place, instance=name)
    own.unit_file.parent.mkdir(parents=True)
    own.unit_file.write_text("")
    assert services.installed(name, layout) == (own,)
    assert services.installed("other", layout) == ()


def test_what_stands_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x\xff")
    assert (services.content(tmp_path / "a"), services.content(tmp_path / "b")) == (b"x\xff", None)


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("profile", list(Profile))
def test_every_profile_has_its_template(scope: Scope, profile: Profile) -> None:
    template, sandbox = services.templates(scope, profile)
    assert "\n@SANDBOX@\n" in template
    assert f"\nWantedBy={scope.target}\n" in template
    assert ("\nUser=@USER@\n" in template) is (scope is Scope.SYSTEM)
    assert not re.search(r"@[A-Z_]+@", sandbox)


class TestProgram:
    def test_the_interpreter_and_the_script_beside_it(self) -> None:
        python, script = services.program()
        assert python == Path(sys.executable)
        assert (script.name, script.is_file()) == ("jupyter-remotekit", True)

    def test_a_script_elsewhere_is_found_where_pip_has_put_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`pip install --user` puts it below the home, and the interpreter is the system's."""
        real = services.program()[1]
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
        assert services.program() == (tmp_path / "python3", real)

    def test_the_interpreter_is_named_as_it_was_called(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Resolved it would be the one outside of the virtual environment."""
        (tmp_path / "python").symlink_to(sys.executable)
        (tmp_path / "jupyter-remotekit").write_text("#!/bin/sh\n")
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        assert services.program() == (tmp_path / "python", tmp_path / "jupyter-remotekit")

    @pytest.mark.parametrize("listed", [False, True])
    def test_without_a_script_it_says_how_to_get_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
        if listed:
            folder = tmp_path / "jupyter_remote_kit-1.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: jupyter-remote-kit\nVersion: 1\n")
            (folder / "RECORD").write_text("../../bin/jupyter-remotekit,,\n")
            monkeypatch.setattr(metadata, "distribution", lambda name: metadata.PathDistribution(folder))
        else:

            def unknown(name: str) -> metadata.Distribution:
                raise metadata.PackageNotFoundError(name)

            monkeypatch.setattr(metadata, "distribution", unknown)
        with pytest.raises(Failed) as error:
            services.program()
        (problem,) = error.value.problems
        assert (problem.code, str(problem.message)) == ("no-script", f"{tmp_path / 'jupyter-remotekit'} is not there.")
        assert str(problem.hint) == "pip install --force-reinstall jupyter-remote-kit"


def test_the_version_is_that_of_what_is_installed() -> None:
    assert services.version() == metadata.version("jupyter-remote-kit")
