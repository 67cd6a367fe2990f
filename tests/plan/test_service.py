"""A service: where its files are, and the steps that put it in place and take it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan import snapshot
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import SYSTEM
from jupyter_remote_kit.plan.model import MakeDirectory, Plan, RemoveFile, Run, WriteFile
from jupyter_remote_kit.plan.seal import sealed
from jupyter_remote_kit.plan.service import Place, Record, ServiceFacts, command_for, parse_record, render_record
from jupyter_remote_kit.plan.serviceplan import is_ours, plan_forget, plan_install, plan_uninstall, systemctl
from jupyter_remote_kit.plan.snapshot import Snapshot
from jupyter_remote_kit.plan.units import Scope
from jupyter_remote_kit.secret import Secret
from tests.plan.build import HOME, LAYOUT, sentences

USER = Place(Scope.USER, "default", "ann", 1000, HOME, LAYOUT)
MACHINE = Place(Scope.SYSTEM, "default", "ann", 1000, HOME, LAYOUT)
BOTH = pytest.mark.parametrize("place", [pytest.param(USER, id="user"), pytest.param(MACHINE, id="system")])

USER_UNIT = HOME / ".config/systemd/user/jupyter-remotekit@default.service"
USER_ENVIRONMENT = HOME / ".jupyter/remotekit/default.env"
USER_RECORD = HOME / ".local/share/jupyter/remotekit/service.json"
USER_FOLDERS = (HOME / ".config", HOME / ".config/systemd", HOME / ".config/systemd/user")
UNIT = Path("/etc/systemd/system/jupyter-remotekit@ann.default.service")
ENVIRONMENT = Path("/etc/jupyter-remotekit/ann.default.env")
RECORD = Path("/var/lib/jupyter/remotekit/service.json")

TEXT = sealed("[Unit]\nDescription=a service\n")
OLDER = sealed("[Unit]\nDescription=what an older version wrote\n")
SNAPSHOT = Snapshot({"CUDA_HOME": "/usr/local/cuda", "PATH": "/home/ann/venv/bin:/usr/bin"})
VARIABLES = sealed(snapshot.render(SNAPSHOT))
EMPTY = '{\n  "lingering": [],\n  "folders": []\n}\n'

LINK = FileFact(FileKind.SYMLINK, 0o777)
FOLDER = FileFact(FileKind.DIRECTORY, 0o755)


def file(text: str, mode: int = 0o600, uid: int = 1000) -> FileFact:
    return FileFact(FileKind.FILE, mode, uid, text.encode())


def settled(place: Place, **changes: Any) -> ServiceFacts:
    """The machine after an `install`."""
    written = {place.unit_file: file(TEXT, 0o644, 0), place.environment_file: file(VARIABLES), place.link: LINK}
    record = changes.get("record", Record())
    if record != Record():
        written[place.records.service_record] = file(render_record(record), uid=0)
    return ServiceFacts(**{**changes, "files": {**written, **changes.get("files", {})}})


def install(place: Place, facts: ServiceFacts) -> Plan:
    return plan_install(place, TEXT, SNAPSHOT, facts)


def run(*argv: str) -> Run:
    return Run(argv)


class TestPlace:
    def test_of_a_users_own(self) -> None:
        assert (USER.unit, USER.unit_file, USER.environment_file) == ("jupyter-remotekit@default.service", USER_UNIT, USER_ENVIRONMENT)
        assert USER.link == HOME / ".config/systemd/user/default.target.wants/jupyter-remotekit@default.service"
        assert (USER.owner, USER.manifest, USER.records) == (None, "default", LAYOUT)
        assert USER.paths == (USER_UNIT, USER.link, USER_ENVIRONMENT, USER_RECORD)

    def test_of_the_machine(self) -> None:
        assert (MACHINE.unit, MACHINE.unit_file, MACHINE.environment_file) == (UNIT.name, UNIT, ENVIRONMENT)
        assert MACHINE.link == Path("/etc/systemd/system/multi-user.target.wants/jupyter-remotekit@ann.default.service")
        assert (MACHINE.owner, MACHINE.manifest, MACHINE.records) == (1000, "services", SYSTEM)
        assert MACHINE.paths == (
            UNIT,
            MACHINE.link,
            ENVIRONMENT,
            RECORD,
            Path("/var/lib/jupyter/remotekit/instances/services/manifest.json"),
            Path("/var/lib/jupyter/remotekit/instances/services"),
            Path("/var/lib/jupyter/remotekit/instances"),
            Path("/var/lib/jupyter/remotekit/backups"),
            Path("/var/lib/jupyter/remotekit"),
            Path("/var/lib/jupyter"),
        )

    @pytest.mark.parametrize(
        ("user", "name"), [("ann@corp", r"ann\x40corp.gpu1"), ("CORP\\ann", r"CORP\x5cann.gpu1"), ("../ann", r"..\x2fann.gpu1")]
    )
    def test_a_users_name_leads_nowhere_else(self, user: str, name: str) -> None:
        place = replace(MACHINE, user=user, instance="gpu1")
        assert place.unit_file == Path(f"/etc/systemd/system/jupyter-remotekit@{name}.service")
        assert place.environment_file == Path(f"/etc/jupyter-remotekit/{name}.env")

    def test_two_users_and_two_instances_share_no_file(self) -> None:
        places = [replace(place, user=user, instance=name) for place in (MACHINE,) for user in ("ann", "bob") for name in ("a", "b")]
        places += [replace(USER, instance=name) for name in ("a", "b")]
        own = [path for place in places for path in (place.unit_file, place.link, place.environment_file)]
        assert len(set(own)) == len(own)


@pytest.mark.parametrize(
    ("place", "reader", "options"),
    [
        pytest.param(USER, "ann", "", id="one's own"),
        pytest.param(MACHINE, "ann", " --system", id="the machine's, for oneself"),
        pytest.param(MACHINE, "root", " --system --run-as ann", id="the machine's, for another user"),
        pytest.param(replace(MACHINE, user="CORP\\ann"), "root", " --system --run-as 'CORP\\ann'", id="a name that a shell would change"),
        pytest.param(replace(USER, instance="gpu1"), "ann", " --instance gpu1", id="not the default instance"),
    ],
)
def test_a_hint_names_the_service_as_its_reader_has_to(place: Place, reader: str, options: str) -> None:
    assert command_for(place, "service start", reader) == f"jupyter remotekit service start{options}"


class TestRecord:
    @given(st.lists(st.text()), st.lists(st.text().map("/{}".format)))
    def test_it_comes_back(self, lingering: list[str], folders: list[str]) -> None:
        record = Record(tuple(lingering), tuple(folders))
        assert parse_record(render_record(record).encode()) == record

    @pytest.mark.parametrize(
        "content",
        [
            None,
            b"",
            b"{",
            b"{}",
            b"[]",
            b"null",
            b"\xff",
            b'{"lingering": ["ann"]}',
            b'{"lingering": "ann", "folders": []}',
            b'{"lingering": [], "folders": "/home"}',
            b'{"lingering": [], "folders": {"/home": 1}}',
            b'{"lingering": [1], "folders": []}',
            b'{"lingering": null, "folders": null}',
            b"[" * 100_000,
        ],
    )
    def test_a_damaged_one_says_nothing(self, content: bytes | None) -> None:
        assert parse_record(content) == Record()


class TestInstall:
    def test_on_a_bare_machine_for_oneself(self) -> None:
        facts = ServiceFacts(lingers=False, missing=USER_FOLDERS)
        plan = install(USER, facts)
        record = Record(("ann",), tuple(map(str, USER_FOLDERS)))
        assert plan.steps[0] == WriteFile(USER_RECORD, Secret(render_record(record)), 0o600)
        assert plan.steps[2:] == (
            *(MakeDirectory(path, 0o755) for path in USER_FOLDERS),
            WriteFile(USER_ENVIRONMENT, Secret(VARIABLES), 0o600),
            WriteFile(USER_UNIT, Secret(TEXT), 0o644),
            run("systemctl", "--user", "daemon-reload"),
            run("systemctl", "--user", "enable", "jupyter-remotekit@default.service"),
        )
        assert sentences(plan.steps) == [
            "write /home/ann/.local/share/jupyter/remotekit/service.json (mode 0600)",
            "run loginctl enable-linger ann",
            "create the directory /home/ann/.config (mode 0755)",
            "create the directory /home/ann/.config/systemd (mode 0755)",
            "create the directory /home/ann/.config/systemd/user (mode 0755)",
            "write /home/ann/.jupyter/remotekit/default.env (mode 0600)",
            "write /home/ann/.config/systemd/user/jupyter-remotekit@default.service (mode 0644)",
            "run systemctl --user daemon-reload",
            "run systemctl --user enable jupyter-remotekit@default.service",
        ]

    def test_on_a_bare_machine_for_the_machine(self) -> None:
        folder = ENVIRONMENT.parent
        plan = install(MACHINE, ServiceFacts(missing=(folder,)))
        assert plan.steps == (
            WriteFile(RECORD, Secret(render_record(Record((), (str(folder),)))), 0o600),
            MakeDirectory(folder, 0o755),
            WriteFile(ENVIRONMENT, Secret(VARIABLES), 0o600, owner=1000),
            WriteFile(UNIT, Secret(TEXT), 0o644),
            run("systemctl", "daemon-reload"),
            run("systemctl", "enable", "jupyter-remotekit@ann.default.service"),
        )
        assert sentences(plan.steps) == [
            "write /var/lib/jupyter/remotekit/service.json (mode 0600)",
            "create the directory /etc/jupyter-remotekit (mode 0755)",
            "write /etc/jupyter-remotekit/ann.default.env (mode 0600)",
            "write /etc/systemd/system/jupyter-remotekit@ann.default.service (mode 0644)",
            "run systemctl daemon-reload",
            "run systemctl enable jupyter-remotekit@ann.default.service",
        ]

    def test_what_a_user_reads_where_lingering_cannot_be_switched_on(self) -> None:
        step = install(USER, ServiceFacts(lingers=False)).steps[1]
        assert isinstance(step, Run)
        assert (step.argv, step.code, step.may_fail) == (("loginctl", "enable-linger", "ann"), "lingering", False)
        assert str(step.sentence) == ("Lingering cannot be switched on for ann; without it the service would end when you log out.")
        assert str(step.hint) == ("sudo loginctl enable-linger ann; or as a system service: jupyter remotekit service install --system")

    def test_the_hint_is_about_the_instance(self) -> None:
        step = install(replace(USER, instance="gpu1"), ServiceFacts(lingers=False)).steps[1]
        assert isinstance(step, Run)
        assert str(step.hint).endswith("jupyter remotekit service install --system --instance gpu1")

    def test_the_hint_can_be_pasted_whatever_the_users_name(self) -> None:
        step = install(replace(USER, user="CORP\\ann"), ServiceFacts(lingers=False)).steps[1]
        assert isinstance(step, Run)
        assert step.argv == ("loginctl", "enable-linger", "CORP\\ann")
        assert str(step.hint).startswith("sudo loginctl enable-linger 'CORP\\ann';")

    @BOTH
    @pytest.mark.parametrize("record", [Record(), Record(("ann",), ("/home/ann/.config",))])
    def test_a_second_time_there_is_nothing_to_do(self, place: Place, record: Record) -> None:
        assert install(place, settled(place, record=record)) == Plan()

    @BOTH
    def test_what_is_there_but_for_the_boot_is_enabled(self, place: Place) -> None:
        facts = settled(place, files={place.link: FileFact()})
        assert install(place, facts).steps == (Run(systemctl(place.scope, "enable", place.unit)),)

    @BOTH
    def test_a_manager_that_has_read_an_older_unit_is_told(self, place: Place) -> None:
        assert install(place, settled(place, stale=True)).steps == (Run(systemctl(place.scope, "daemon-reload")),)

    @BOTH
    def test_a_unit_of_an_older_version_is_replaced_and_not_called_edited(self, place: Place) -> None:
        plan = install(place, settled(place, files={place.unit_file: file(OLDER, 0o644, 0)}))
        assert plan.steps == (
            WriteFile(place.unit_file, Secret(TEXT), 0o644, backup=True),
            Run(systemctl(place.scope, "daemon-reload")),
        )

    @BOTH
    @pytest.mark.parametrize("content", [OLDER + "Nice=5\n", "[Service]\nExecStart=/usr/bin/jupyter lab\n", ""])
    def test_an_edited_unit_is_backed_up_and_named(self, place: Place, content: str) -> None:
        plan = install(place, settled(place, files={place.unit_file: file(content, 0o644, 0)}))
        assert plan.steps[0] == WriteFile(place.unit_file, Secret(TEXT), 0o644, backup=True, edited=True)
        assert sentences(plan.steps)[0] == (
            f"write {place.unit_file} (mode 0644); it was edited or not written by the kit, so a backup is kept"
        )

    @BOTH
    def test_what_the_manifest_knows_is_ours_without_a_seal(self, place: Place) -> None:
        older = file("[Unit]\n", 0o644, 0)
        facts = settled(place, files={place.unit_file: older}, manifest={str(place.unit_file): (older.digest or "",)})
        assert is_ours(place.unit_file, facts)
        assert install(place, facts).steps[0] == WriteFile(place.unit_file, Secret(TEXT), 0o644, backup=True)

    @BOTH
    def test_another_environment_is_written_without_a_reload(self, place: Place) -> None:
        older = file(sealed(snapshot.render(Snapshot({"PATH": "/usr/bin"}))))
        plan = install(place, settled(place, files={place.environment_file: older}))
        assert plan.steps == (WriteFile(place.environment_file, Secret(VARIABLES), 0o600, backup=True, owner=place.owner),)

    @BOTH
    def test_an_edited_environment_is_backed_up_and_named(self, place: Place) -> None:
        plan = install(place, settled(place, files={place.environment_file: file(VARIABLES + 'MORE="1"\n')}))
        assert plan.steps == (WriteFile(place.environment_file, Secret(VARIABLES), 0o600, True, True, owner=place.owner),)

    @BOTH
    def test_files_with_another_mode_are_set_right(self, place: Place) -> None:
        files = {place.unit_file: file(TEXT, 0o600, 0), place.environment_file: file(VARIABLES, 0o644)}
        assert install(place, settled(place, files=files)).steps == (
            WriteFile(place.environment_file, Secret(VARIABLES), 0o600, owner=place.owner),
            WriteFile(place.unit_file, Secret(TEXT), 0o644),
            Run(systemctl(place.scope, "daemon-reload")),
        )

    def test_an_environment_that_is_roots_is_given_to_its_user(self) -> None:
        facts = settled(MACHINE, files={ENVIRONMENT: file(VARIABLES, uid=0)})
        assert install(MACHINE, facts).steps == (WriteFile(ENVIRONMENT, Secret(VARIABLES), 0o600, owner=1000),)
        # A user's own is the writer's in any case.
        assert install(USER, settled(USER, files={USER_ENVIRONMENT: file(VARIABLES, uid=0)})) == Plan()

    def test_lingering_that_was_switched_off_is_switched_on_again_and_remembered(self) -> None:
        plan = install(USER, settled(USER, lingers=False))
        assert sentences(plan.steps) == [
            "write /home/ann/.local/share/jupyter/remotekit/service.json (mode 0600)",
            "run loginctl enable-linger ann",
        ]
        assert plan.steps[0] == WriteFile(USER_RECORD, Secret(render_record(Record(("ann",)))), 0o600)

    def test_lingering_that_was_on_before_is_not_ours_to_remember(self) -> None:
        assert [type(step) for step in install(USER, ServiceFacts()).steps] == [WriteFile, WriteFile, Run, Run]

    def test_a_record_grows_and_another_instances_install_does_not_call_it_edited(self) -> None:
        """Each instance has a manifest of its own, which knows nothing of what the other has written."""
        before = Record(("bob",), ("/home/ann/.config",))
        facts = ServiceFacts(files={USER_RECORD: file(render_record(before))}, record=before, lingers=False, missing=USER_FOLDERS[:2])
        after = Record(("bob", "ann"), ("/home/ann/.config", "/home/ann/.config/systemd"))
        assert install(USER, facts).steps[0] == WriteFile(USER_RECORD, Secret(render_record(after)), 0o600)

    @pytest.mark.parametrize("content", ["{", '{"lingering": ["ann"], "folders": []}', '{"lingering": "x", "folders": []}'])
    def test_a_damaged_record_is_backed_up_and_written_anew(self, content: str) -> None:
        damaged = file(content)
        facts = settled(USER, lingers=False, files={USER_RECORD: damaged}, record=Record())
        assert install(USER, facts).steps[0] == WriteFile(USER_RECORD, Secret(render_record(Record(("ann",)))), 0o600, True, True)

    @BOTH
    def test_nothing_of_the_environment_shows_in_what_is_printed(self, place: Place) -> None:
        assert "/usr/local/cuda" not in repr(install(place, ServiceFacts()))


class TestForget:
    """Lingering could not be switched on: what somebody switches on later is theirs."""

    def test_a_new_record_goes(self) -> None:
        assert plan_forget(USER, ServiceFacts()).steps == (RemoveFile(USER_RECORD),)

    def test_an_older_one_is_put_back(self) -> None:
        before = render_record(Record(("bob",)))
        assert plan_forget(USER, ServiceFacts(files={USER_RECORD: file(before)})).steps == (WriteFile(USER_RECORD, Secret(before), 0o600),)


class TestUninstall:
    def test_the_first_time_for_oneself(self) -> None:
        facts = settled(USER, record=Record(("ann",), tuple(map(str, USER_FOLDERS))))
        plan = plan_uninstall(USER, facts)
        assert plan.steps == (
            Run(("systemctl", "--user", "stop", USER.unit), may_fail=True),
            Run(("systemctl", "--user", "disable", USER.unit), may_fail=True),
            RemoveFile(USER_ENVIRONMENT),
            RemoveFile(USER_UNIT),
            run("systemctl", "--user", "daemon-reload"),
            Run(("systemctl", "--user", "reset-failed", USER.unit), may_fail=True),
            run("loginctl", "disable-linger", "ann"),
            *(RemoveFile(path, directory=True) for path in reversed(USER_FOLDERS)),
            RemoveFile(USER_RECORD),
        )
        assert sentences(plan.steps)[-5:] == [
            "run loginctl disable-linger ann",
            "remove /home/ann/.config/systemd/user",
            "remove /home/ann/.config/systemd",
            "remove /home/ann/.config",
            "remove /home/ann/.local/share/jupyter/remotekit/service.json",
        ]

    def test_the_first_time_for_the_machine(self) -> None:
        roots = dict.fromkeys(MACHINE.paths[5:], FOLDER) | {MACHINE.paths[4]: file("{}", uid=0)}
        facts = settled(MACHINE, record=Record((), (str(ENVIRONMENT.parent),)), files=roots)
        assert plan_uninstall(MACHINE, facts).steps == (
            Run(("systemctl", "stop", UNIT.name), may_fail=True),
            Run(("systemctl", "disable", UNIT.name), may_fail=True),
            RemoveFile(ENVIRONMENT, owner=1000),
            RemoveFile(UNIT, owner=1000),
            run("systemctl", "daemon-reload"),
            Run(("systemctl", "reset-failed", UNIT.name), may_fail=True),
            RemoveFile(ENVIRONMENT.parent, directory=True),
            RemoveFile(RECORD),
            RemoveFile(MACHINE.paths[4]),
            *(RemoveFile(path, directory=True) for path in MACHINE.paths[5:]),
        )

    @BOTH
    def test_a_second_time_there_is_nothing_to_do(self, place: Place) -> None:
        assert plan_uninstall(place, ServiceFacts()) == Plan()
        # Folders of root's stay where somebody else's files are in them: fail2ban's record, backups.
        assert plan_uninstall(place, ServiceFacts(files=dict.fromkeys(MACHINE.paths[5:], FOLDER))) == Plan()

    @BOTH
    def test_with_another_service_left_what_they_share_stays(self, place: Place) -> None:
        record = Record(("ann",), ("/home/ann/.config",))
        facts = settled(place, record=record, others=("jupyter-remotekit@gpu1.service",), lingering_needed=True)
        assert plan_uninstall(place, facts).steps == (
            Run(systemctl(place.scope, "stop", place.unit), may_fail=True),
            Run(systemctl(place.scope, "disable", place.unit), may_fail=True),
            RemoveFile(place.environment_file, owner=place.owner),
            RemoveFile(place.unit_file, owner=place.owner),
            Run(systemctl(place.scope, "daemon-reload")),
            Run(systemctl(place.scope, "reset-failed", place.unit), may_fail=True),
        )
        again = replace(facts, files={place.records.service_record: file(render_record(record))})
        assert plan_uninstall(place, again) == Plan()

    def test_with_another_users_service_left_ones_own_lingering_goes(self) -> None:
        record = Record(("bob", "ann"), ("/etc/jupyter-remotekit",))
        steps = plan_uninstall(MACHINE, settled(MACHINE, record=record, others=("jupyter-remotekit@bob.default.service",))).steps
        kept = Record(("bob",), ("/etc/jupyter-remotekit",))
        assert steps[-2:] == (
            run("loginctl", "disable-linger", "ann"),
            WriteFile(RECORD, Secret(render_record(kept)), 0o600),
        )

    def test_lingering_that_another_service_wants_stays_on(self) -> None:
        facts = settled(USER, record=Record(("ann",)), lingering_needed=True)
        # And is remembered, for when that one goes.
        assert RemoveFile(USER_RECORD) not in plan_uninstall(USER, facts).steps
        assert not any("loginctl" in str(step.describe()) for step in plan_uninstall(USER, facts).steps)

    def test_roots_copies_go_with_the_last_one(self) -> None:
        copy = SYSTEM.backups_dir / "ann.default.env.20261121T101112.000000Z"
        facts = settled(MACHINE, backups=(copy,))
        assert RemoveFile(copy) in plan_uninstall(MACHINE, facts).steps
        assert RemoveFile(copy) not in plan_uninstall(MACHINE, replace(facts, others=("jupyter-remotekit@bob.default.service",))).steps

    def test_another_ones_record_written_meanwhile_is_not_overwritten(self) -> None:
        facts = settled(MACHINE, files={RECORD: file(render_record(Record(("bob",))))}, lingers=False)
        assert install(MACHINE, facts).expects == ((RECORD, facts.file(RECORD).digest),)

    def test_lingering_that_was_on_before_stays_on(self) -> None:
        facts = settled(USER, record=Record((), ("/home/ann/.config/systemd",)))
        assert not any("loginctl" in str(step.describe()) for step in plan_uninstall(USER, facts).steps)

    def test_lingering_of_another_user_stays_on(self) -> None:
        facts = settled(USER, record=Record(("bob",)))
        assert not any("loginctl" in str(step.describe()) for step in plan_uninstall(USER, facts).steps)

    @BOTH
    def test_what_was_edited_is_kept_as_a_backup(self, place: Place) -> None:
        files = {place.unit_file: file(TEXT + "Nice=5\n"), place.environment_file: file(VARIABLES + 'MORE="1"\n')}
        steps = plan_uninstall(place, settled(place, files=files)).steps
        assert steps[2:4] == (
            RemoveFile(place.environment_file, backup=True, owner=place.owner),
            RemoveFile(place.unit_file, backup=True, owner=place.owner),
        )

    @BOTH
    def test_an_older_versions_unit_goes_without_a_backup(self, place: Place) -> None:
        steps = plan_uninstall(place, settled(place, files={place.unit_file: file(OLDER)})).steps
        assert RemoveFile(place.unit_file, owner=place.owner) in steps

    @BOTH
    def test_what_is_no_file_is_not_backed_up(self, place: Place) -> None:
        """A masked unit is a link to /dev/null; `host.apply` names it."""
        steps = plan_uninstall(place, settled(place, files={place.unit_file: LINK})).steps
        assert RemoveFile(place.unit_file, owner=place.owner) in steps

    @BOTH
    def test_without_a_unit_the_rest_is_taken_back(self, place: Place) -> None:
        steps = plan_uninstall(place, settled(place, files={place.unit_file: FileFact()})).steps
        assert steps == (
            # It may run, though its file is gone.
            Run(systemctl(place.scope, "stop", place.unit), may_fail=True),
            Run(systemctl(place.scope, "disable", place.unit), may_fail=True),
            RemoveFile(place.environment_file, owner=place.owner),
            Run(systemctl(place.scope, "daemon-reload")),
            Run(systemctl(place.scope, "reset-failed", place.unit), may_fail=True),
        )

    def test_one_that_was_cut_short_goes_on(self) -> None:
        record = Record(("ann",), ("/home/ann/.config",))
        facts = ServiceFacts(files={USER_RECORD: file(render_record(record))}, record=record)
        assert plan_uninstall(USER, facts).steps == (
            run("loginctl", "disable-linger", "ann"),
            RemoveFile(Path("/home/ann/.config"), directory=True),
            RemoveFile(USER_RECORD),
        )

    def test_a_damaged_record_takes_nothing_of_others_along(self) -> None:
        facts = settled(USER, files={USER_RECORD: file("{")}, record=parse_record(b"{"))
        assert plan_uninstall(USER, facts).steps[6:] == (RemoveFile(USER_RECORD),)

    @BOTH
    def test_installing_after_it_is_as_on_a_bare_machine(self, place: Place) -> None:
        left = ServiceFacts(lingers=False, missing=USER_FOLDERS)
        gone = {step.path for step in plan_uninstall(place, settled(place)).steps if isinstance(step, RemoveFile)}
        written = {step.path for step in install(place, left).steps if isinstance(step, WriteFile)}
        assert written - {place.records.service_record} == gone
