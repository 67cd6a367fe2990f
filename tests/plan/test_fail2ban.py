"""The filter and the jail that fail2ban is given."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.plan import fail2ban
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.fail2ban import FILTER_FILE, Jail
from jupyter_remote_kit.plan.layout import SYSTEM
from jupyter_remote_kit.plan.model import Plan, WriteFile

LOG = Path("/home/ann/.local/share/jupyter/remotekit/instances/gpu1/audit.jsonl")
JAIL = Jail("gpu1", 8800, LOG, ("10.0.0.0/8",))
JAIL_FILE = Path("/etc/fail2ban/jail.d/jupyter-remotekit-gpu1.conf")
FOLDER = FileFact(FileKind.DIRECTORY, 0o700)


def _file(text: str, mode: int = 0o644) -> FileFact:
    return FileFact(FileKind.FILE, mode, content=text.encode())


def _known(*facts: tuple[Path, FileFact]) -> dict[str, tuple[str, ...]]:
    return {str(path): (fact.digest or "",) for path, fact in facts}


def _written(plan: Plan) -> list[tuple[Path, bool]]:
    return [(step.path, step.edited) for step in plan.steps if isinstance(step, WriteFile)]


READY = {FILTER_FILE: _file(fail2ban.render_filter()), JAIL_FILE: _file(fail2ban.render_jail(JAIL))}


def test_filter_and_jail_are_written() -> None:
    assert _written(fail2ban.plan_install(JAIL, {}, {})) == [(FILTER_FILE, False), (JAIL_FILE, False)]


def test_a_second_time_there_is_nothing_to_do() -> None:
    assert fail2ban.plan_install(JAIL, READY, _known(*READY.items())).steps == ()


def test_the_jail() -> None:
    text = fail2ban.render_jail(JAIL)
    assert "[jupyter-remotekit-gpu1]\n" in text
    assert "\nport = 8800\n" in text
    assert f"\nlogpath = {LOG} head\n" in text
    assert "\nignoreip = 127.0.0.0/8 ::1 10.0.0.0/8\n" in text


def test_another_port_is_a_change_of_ours() -> None:
    plan = fail2ban.plan_install(Jail("gpu1", 8801, LOG), READY, _known(*READY.items()))
    assert _written(plan) == [(JAIL_FILE, False)]


@pytest.mark.parametrize(
    ("jail", "fitting"),
    [
        (JAIL, True),
        (Jail("gpu1", 8801, LOG, ("10.0.0.0/8",)), False),
        (Jail("gpu1", 880, LOG, ("10.0.0.0/8",)), False),
        (Jail("gpu1", 8800, LOG), False),
        (Jail("gpu1", 8800, LOG, ("10.0.0.0/8", "192.0.2.1/32")), False),
    ],
)
def test_a_jail_fits_while_port_and_proxies_are_the_same(jail: Jail, fitting: bool) -> None:
    edited = fail2ban.render_jail(JAIL).replace("maxretry = 5", "maxretry = 3").encode()
    assert fail2ban.fits(edited, jail) is fitting
    assert not fail2ban.fits(None, jail)


def test_what_was_edited_is_named_and_backed_up() -> None:
    files = {**READY, FILTER_FILE: _file("[Definition]\n")}
    plan = fail2ban.plan_install(JAIL, files, _known(*READY.items()))
    assert _written(plan) == [(FILTER_FILE, True)]
    assert all(step.backup for step in plan.steps if isinstance(step, WriteFile))


def test_a_jail_of_another_users_instance_stays() -> None:
    other = _file(fail2ban.render_jail(Jail("gpu1", 8800, Path("/home/bob/audit.jsonl"))))
    with pytest.raises(Failed) as error:
        fail2ban.plan_install(JAIL, {JAIL_FILE: other}, _known((JAIL_FILE, other)))
    assert error.value.problems[0].code == "jail-taken"


@pytest.mark.parametrize(
    "path", ["/home/a\nb/audit.jsonl", "/home/100%/audit.jsonl", "/home/a;b", "/home/[x]/a", "/home/*", "/home/<HOST>"]
)
def test_a_path_that_fail2ban_would_read_as_something_else(path: str) -> None:
    with pytest.raises(Failed) as error:
        fail2ban.render_jail(Jail("gpu1", 8800, Path(path)))
    assert error.value.problems[0].code == "log-path"


def test_the_log_of_a_jail() -> None:
    assert fail2ban.log_of(fail2ban.render_jail(Jail("x", 1, Path("/home/a b/audit.jsonl"))).encode()) == "/home/a b/audit.jsonl"
    assert fail2ban.log_of(b"[sshd]\n") is None
    assert fail2ban.log_of(None) is None


def test_a_name_refused_is_not_counted() -> None:
    assert "refused-guess|refused-address" in fail2ban.render_filter()
    assert "refused-host" not in fail2ban.render_filter()


def test_all_is_taken_back_with_the_last_jail() -> None:
    files = {**READY, **{path: FOLDER for path in fail2ban.paths_read("gpu1") if path not in READY}}
    backup = SYSTEM.backups_dir / "jupyter-remotekit-gpu1.conf.20261120T101112.000000Z"
    files[backup] = _file("old", 0o600)
    steps = fail2ban.plan_remove("gpu1", files, _known(*READY.items()), other_jails=()).steps
    assert {step.path for step in steps} == {*fail2ban.paths_read("gpu1"), backup}
    assert not any(step.backup for step in steps if not isinstance(step, WriteFile))


def test_the_filter_stays_for_another_jail() -> None:
    steps = fail2ban.plan_remove("gpu1", READY, _known(*READY.items()), other_jails=(Path("x"),)).steps
    assert [step.path for step in steps] == [JAIL_FILE]


def test_what_was_edited_is_kept_when_it_is_taken_back() -> None:
    known = {str(path): (sha256(b"other").hexdigest(),) for path in READY}
    steps = fail2ban.plan_remove("gpu1", READY, known, other_jails=()).steps
    assert {(step.path, step.backup) for step in steps if not isinstance(step, WriteFile)} == {(JAIL_FILE, True), (FILTER_FILE, True)}


def test_without_a_jail_there_is_nothing_to_take_back() -> None:
    assert fail2ban.plan_remove("gpu1", {SYSTEM.data_root: FOLDER}, {}, other_jails=()).steps == ()
