"""The filter against the real `fail2ban-regex`, and filter and jail in a real fail2ban, in a mount and network namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from jupyter_remote_kit.plan import audit, fail2ban
from jupyter_remote_kit.plan.audit import REPEATED_TOKEN, Action
from tests.commands.host import LAN, PASSWORD, SSH, Host, Outcome, console_script
from tests.gate.cases.hostile import CASES

PATIENCE_S = 60.0
NOW = datetime.now(timezone.utc)
# What an attacker would have banned.
VICTIM = "198.51.100.1"
FORGED = (
    f'", "client": "{VICTIM}"',
    f'", "action": "refused-guess", "client": "{VICTIM}", "x": "',
    f', "action": "refused-guess", "client": "{VICTIM}"}}',
    f'{{"time": "2026-11-20T10:11:12.123Z", "action": "refused-guess", "client": "{VICTIM}"}}',
    f'\n{{"time": "2026-11-20T10:11:12.123Z", "action": "refused-guess", "client": "{VICTIM}"}}',
    f'\u2028{{"time": "2026-11-20T10:11:12.123Z", "action": "refused-guess", "client": "{VICTIM}"}}',
    f'\x85{{"time": "2026-11-20T10:11:12.123Z", "action": "refused-guess", "client": "{VICTIM}"}}',
    f"\\{{VICTIM}} {VICTIM} <ADDR> {VICTIM}",
    VICTIM,
)


def _search(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed (tests/prepare.sh)")
    return found


def _line(action: Action, client: str, moment: datetime = NOW, **details: str) -> bytes:
    return audit.line(audit.event(action, moment, {"client": client, "user_agent": "curl/8", "route": "/login", **details}))


@pytest.fixture
def matched(tmp_path: Path) -> Callable[[list[bytes]], list[str]]:
    """The addresses that `fail2ban-regex` finds in these lines with our filter."""
    program = _search("fail2ban-regex")
    (tmp_path / "filter.conf").write_text(fail2ban.render_filter())

    def found(lines: list[bytes]) -> list[str]:
        log = tmp_path / "audit.jsonl"
        log.write_bytes(b"".join(lines))
        argv = [program, "--out", "ip", str(log), str(tmp_path / "filter.conf")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert "ERROR" not in done.stderr, done.stderr
        return done.stdout.split()

    return found


def test_who_is_counted(matched: Callable[[list[bytes]], list[str]]) -> None:
    lines = [_line(action, f"192.0.2.{number}") for number, action in enumerate(Action)]
    lines += [_line(Action.GUESS, client) for client in ("2001:db8::7", "unix", "various", "", "2001:db8::/64")]
    counted = [f"192.0.2.{number}" for number, action in enumerate(Action) if action in {Action.GUESS, Action.ADDRESS}]
    assert matched(lines) == [*counted, "2001:db8::7"]


def test_nobody_can_have_somebody_else_counted(matched: Callable[[list[bytes]], list[str]]) -> None:
    texts = [*FORGED, *(case.text for case in CASES)]
    lines = [_line(action, "192.0.2.7", user_agent=text, route=text, host=text) for text in texts for action in (Action.GUESS, Action.HOST)]
    lines += [_line(Action.SIGN_IN, "192.0.2.7", **{text: text, "reason": text}) for text in texts]
    assert matched(lines) == ["192.0.2.7"] * len(texts)


def test_a_token_that_is_repeated_is_not_counted(matched: Callable[[list[bytes]], list[str]]) -> None:
    """An IDE that was left running with yesterday's polls for as long as its owner sleeps."""
    lines = [_line(Action.GUESS, f"192.0.2.{number}", reason=REPEATED_TOKEN) for number in range(10)]
    lines.append(audit.line(audit.event(Action.GUESS, NOW, {"client": "192.0.2.20", "reason": REPEATED_TOKEN}, repeated=19)))
    lines += [_line(Action.GUESS, "192.0.2.30", reason=reason) for reason in ("token", "password", "throttled", f"{REPEATED_TOKEN}s")]
    lines.append(_line(Action.GUESS, "2001:db8::7", reason=REPEATED_TOKEN))
    lines.append(_line(Action.GUESS, "192.0.2.40", reason="cross-site"))
    assert matched(lines) == ["192.0.2.30"] * 4


def test_a_password_that_was_not_looked_at_for_the_sake_of_others_is_not_counted(matched: Callable[[list[bytes]], list[str]]) -> None:
    lines = [_line(Action.GUESS, "192.0.2.40", reason="busy") for _ in range(5)]
    assert matched([*lines, _line(Action.GUESS, "192.0.2.50", reason="busybody")]) == ["192.0.2.50"]


def test_nobody_can_pass_a_guess_off_as_repeated(matched: Callable[[list[bytes]], list[str]]) -> None:
    claims = (
        f'", "reason": "{REPEATED_TOKEN}"',
        f', "reason": "{REPEATED_TOKEN}"}}',
        f'", "reason": "{REPEATED_TOKEN}", "x": "',
        REPEATED_TOKEN,
    )
    lines = [_line(Action.GUESS, "192.0.2.7", user_agent=text, route=text, reason="token") for text in claims]
    assert matched(lines) == ["192.0.2.7"] * len(claims)


def test_the_time_is_read_in_its_zone(tmp_path: Path) -> None:
    """A line counts for ten minutes from when it was written, wherever the host is."""
    program = _search("fail2ban-regex")
    (tmp_path / "filter.conf").write_text(fail2ban.render_filter())
    (tmp_path / "log").write_bytes(_line(Action.GUESS, "192.0.2.7", datetime(2026, 11, 20, 10, 11, 12, 123000, timezone.utc)))
    argv = [program, "--out", "<time>", str(tmp_path / "log"), str(tmp_path / "filter.conf")]
    for zone in ("UTC", "Asia/Shanghai", "UTC+7"):
        done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "TZ": zone}, timeout=PATIENCE_S, check=True)
        assert float(done.stdout) == pytest.approx(1795169472.123)


# -- a real fail2ban -------------------------------------------------------------------------------------------------------------------


@dataclass
class Sandbox:
    """A host in namespaces in which /etc/fail2ban, /var/lib and /run are its own."""

    host: Host
    keeper: subprocess.Popen[bytes]

    def enter(self, *argv: str, stdin: str = "") -> Outcome:
        """Run a program in there."""
        done = subprocess.run(
            ["nsenter", f"--target={self.keeper.pid}", "--mount", "--net", f"--wd={self.host.home}", *argv],
            input=stdin.encode(),
            env=self.host.environment,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def kit(self, *argv: str, stdin: str = "") -> Outcome:
        """A command of ours, as root."""
        return self.enter(console_script(), *argv, "--json", stdin=stdin)

    def etc(self) -> dict[str, bytes]:
        """What fail2ban's folders hold."""
        script = "cd /etc/fail2ban && find . -type f -exec sha256sum {} +"
        return {line[66:]: line[:64].encode() for line in self.enter("sh", "-c", script).out.splitlines()}

    def client(self, *words: str) -> str:
        return self.enter("fail2ban-client", *words).out

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.enter("cat", "/var/lib/fail2ban.log").everything
            time.sleep(0.1)


SET_UP = """
set -e
mount -t tmpfs none /run; mkdir /run/fail2ban
cp -a /etc/fail2ban "$1"; mount --bind "$1" /etc/fail2ban
mount -t tmpfs none /var/lib; mkdir /var/lib/fail2ban
rm -f /etc/fail2ban/jail.d/*
printf '[DEFAULT]\\nbanaction = dummy\\n[sshd]\\nenabled = false\\n' > /etc/fail2ban/jail.local
printf '[Definition]\\nlogtarget = /var/lib/fail2ban.log\\n' > /etc/fail2ban/fail2ban.local
ip link set lo up
echo ready
exec sleep infinity
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    _search("fail2ban-server")
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    # pytest's own folder is closed to other users.
    with tempfile.TemporaryDirectory(prefix="remotekit-") as folder:
        Path(folder).chmod(0o755)
        argv = ["unshare", "--mount", "--net", "sh", "-c", SET_UP, "sh", f"{folder}/etc"]
        keeper = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert keeper.stdout is not None
        try:
            if keeper.stdout.readline() != b"ready\n":
                pytest.skip("this machine does not allow namespaces")
            yield Sandbox(Host(Path(folder) / "host"), keeper)
        finally:
            keeper.kill()
            keeper.communicate()


@pytest.fixture
def running(sandbox: Sandbox) -> Iterator[Sandbox]:
    """With fail2ban running and an instance that has an audit."""
    assert sandbox.kit("init", *LAN, "--trusted-proxy", "10.9.0.0/16", stdin=PASSWORD).code == 0
    log = sandbox.host.layout.audit_file("default")
    log.touch(0o600)
    assert sandbox.enter("fail2ban-server", "-b").code == 0
    sandbox.until(lambda: "pong" in sandbox.client("ping"))
    yield sandbox
    sandbox.client("stop")
    sandbox.until(lambda: "pong" not in sandbox.client("ping"))


def test_installed_it_bans_who_guesses_and_never_loopback_or_a_proxy(running: Sandbox, figure: Callable[[str], None]) -> None:
    outcome = running.kit("audit", "--install-fail2ban")
    assert (outcome.code, outcome.data["changed"], outcome.codes) == (0, True, [])
    assert "jupyter-remotekit-default" in running.client("status")
    clients = ("192.0.2.7", "2001:db8::7", "127.0.0.1", "127.9.9.9", "::1", "10.9.8.7", "unix", "various")
    log = running.host.layout.audit_file("default")
    began = time.monotonic()
    with log.open("ab") as file:
        moment = datetime.now(timezone.utc)
        for client in clients:
            file.writelines([_line(Action.GUESS, client, moment, user_agent=FORGED[0])] * fail2ban.MAX_RETRY)
        file.writelines([_line(Action.GUESS, "192.0.2.8", moment)] * (fail2ban.MAX_RETRY - 1))
        file.writelines([_line(Action.HOST, "192.0.2.9", moment)] * 50)
        file.writelines([_line(Action.GUESS, "192.0.2.10", moment - timedelta(hours=2))] * 50)
        # After the others, so that they have been read when it is banned.
        file.writelines([_line(Action.ADDRESS, "192.0.2.77", moment)] * fail2ban.MAX_RETRY)
    running.until(lambda: "192.0.2.77" in running.client("get", "jupyter-remotekit-default", "banip"))
    assert set(running.client("get", "jupyter-remotekit-default", "banip").split()) == {"192.0.2.7", "2001:db8::7", "192.0.2.77"}
    figure(f"fail2ban banned after {time.monotonic() - began:.1f} s")


def test_a_second_time_changes_nothing_and_it_is_taken_back(running: Sandbox) -> None:
    before = running.etc()
    assert running.kit("audit", "--install-fail2ban", "--dry-run").data["changed"] is False
    assert running.etc() == before
    assert running.kit("audit", "--install-fail2ban").data["changed"] is True
    installed = running.etc()
    assert sorted(set(installed) - set(before)) == ["./filter.d/jupyter-remotekit.conf", "./jail.d/jupyter-remotekit-default.conf"]
    again = running.kit("audit", "--install-fail2ban")
    assert (again.code, again.data["changed"], again.data["steps"], running.etc()) == (0, False, [], installed)
    assert "fail2ban-outdated" not in running.kit("init").codes
    told = running.kit("init", "--port", "8801")
    (outdated,) = (problem for problem in told.envelope["problems"] if problem["code"] == "fail2ban-outdated")
    assert running.enter("sh", "-c", outdated["hint"].removeprefix("sudo ")).code == 0
    assert "fail2ban-outdated" not in running.kit("init").codes
    assert "port = 8801" in running.enter("cat", "/etc/fail2ban/jail.d/jupyter-remotekit-default.conf").out
    assert running.kit("audit", "--remove-fail2ban").data["changed"] is True
    assert running.etc() == before
    assert running.enter("ls", "/var/lib").out.split() == ["fail2ban", "fail2ban.log"]
    assert "jupyter-remotekit-default" not in running.client("status")
    assert running.kit("audit", "--remove-fail2ban").data["changed"] is False


def test_what_was_edited_is_backed_up(running: Sandbox) -> None:
    running.kit("audit", "--install-fail2ban")
    running.enter("sh", "-c", "echo maxretry = 3 >> /etc/fail2ban/jail.d/jupyter-remotekit-default.conf")
    steps = running.kit("audit", "--install-fail2ban").data["steps"]
    assert ["backup" in step for step in steps] == [True]
    kept = running.enter("sh", "-c", "cat /var/lib/jupyter/remotekit/backups/*")
    assert "maxretry = 3" in kept.out
    running.enter("sh", "-c", "echo maxretry = 4 >> /etc/fail2ban/jail.d/jupyter-remotekit-default.conf")
    assert running.kit("audit", "--remove-fail2ban").data["changed"] is True
    kept = running.enter("sh", "-c", "cat /var/lib/jupyter/remotekit/backups/*")
    assert "maxretry = 4" in kept.out
    assert "maxretry = 3" not in kept.out


def test_remove_takes_it_back_as_well(running: Sandbox) -> None:
    before = running.etc()
    running.kit("audit", "--install-fail2ban")
    shown = running.kit("remove", "--dry-run").data["steps"]
    assert any("/etc/fail2ban/jail.d/jupyter-remotekit-default.conf" in step for step in shown)
    outcome = running.kit("remove", "--yes")
    assert (outcome.code, outcome.data["steps"]) == (0, shown)
    assert running.etc() == before
    assert "jupyter-remotekit-default" not in running.client("status")


def test_without_a_running_fail2ban_it_is_written_and_said(sandbox: Sandbox) -> None:
    sandbox.kit("init", *LAN, stdin=PASSWORD)
    missing = sandbox.kit("audit", "--install-fail2ban")
    assert (missing.code, missing.codes) == (1, ["no-audit"])
    sandbox.host.layout.audit_file("default").touch(0o600)
    outcome = sandbox.kit("audit", "--install-fail2ban")
    assert (outcome.code, outcome.codes) == (0, ["fail2ban-stopped"])
    # It starts with it.
    assert sandbox.enter("fail2ban-client", "-t").code == 0


def test_another_versions_filter_is_told(sandbox: Sandbox) -> None:
    sandbox.kit("init", *LAN, stdin=PASSWORD)
    sandbox.host.layout.audit_file("default").touch(0o600)
    assert sandbox.kit("audit", "--install-fail2ban").code == 0
    assert "fail2ban-outdated" not in sandbox.kit("init").codes
    sandbox.enter("sh", "-c", "sed -i s/cross-site/other/ /etc/fail2ban/filter.d/jupyter-remotekit.conf")
    assert "fail2ban-outdated" in sandbox.kit("init").codes


def test_there_is_nobody_to_ban_behind_ssh(sandbox: Sandbox) -> None:
    sandbox.kit("init", *SSH)
    outcome = sandbox.kit("audit", "--install-fail2ban")
    assert (outcome.code, outcome.codes) == (1, ["nobody-to-ban"])


def test_without_fail2ban_the_package_is_named(sandbox: Sandbox) -> None:
    sandbox.kit("init", *LAN, stdin=PASSWORD)
    sandbox.enter("rm", "-r", "/etc/fail2ban/jail.d")
    outcome = sandbox.kit("audit", "--install-fail2ban")
    assert (outcome.code, outcome.codes) == (1, ["no-fail2ban"])
    assert outcome.envelope["problems"][0]["hint"] == "sudo apt-get install fail2ban"


def test_another_user_is_given_the_line_that_root_can_run(sandbox: Sandbox) -> None:
    """An ordinary user's instance: he is told the line, and root runs it on files that are not root's."""
    host, uid = sandbox.host, 54321
    kit = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", console_script())
    for folder in (host.folder, host.home):
        os.chown(folder, uid, uid)
    if sandbox.enter(*kit, "--version").code != 0:
        pytest.skip("another user cannot run this environment")
    made = sandbox.enter(*kit, "init", "--access", "lan", "--password-stdin", stdin=PASSWORD)
    assert made.code == 0, made.everything
    log = host.layout.audit_file("default")
    log.touch(0o600)
    os.chown(log, uid, uid)
    told = sandbox.enter(*kit, "audit", "--install-fail2ban", "--json")
    assert (told.code, told.codes) == (1, ["not-root"])
    line = json.loads(told.out)["problems"][0]["hint"]
    assert line.startswith("sudo env JUPYTER_CONFIG_DIR=")
    outcome = sandbox.enter("sh", "-c", line.removeprefix("sudo ") + " --json")
    assert (outcome.code, outcome.codes) == (0, ["fail2ban-stopped"]), outcome.everything
    assert f"logpath = {log} head" in sandbox.enter("cat", "/etc/fail2ban/jail.d/jupyter-remotekit-default.conf").out
    # Root has left nothing among the user's files, and `remove` says what is left of root's.
    assert {path.lstat().st_uid for path in host.layout.data_dir.rglob("*")} == {uid}
    told = sandbox.enter(*kit, "audit", "--remove-fail2ban", "--json")
    assert (told.code, told.codes) == (1, ["not-root"])
    removed = sandbox.enter(*kit, "remove", "--yes", "--json")
    assert (removed.code, removed.codes) == (0, ["fail2ban-left"])
    line = removed.envelope["problems"][0]["hint"]
    assert sandbox.enter("sh", "-c", line.removeprefix("sudo ")).code == 0
    assert sandbox.enter("ls", "/etc/fail2ban/jail.d").out == ""
