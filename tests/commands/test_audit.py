"""`audit` reads what the server has recorded, with and without one that runs, and follows it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import psutil
import pytest

from jupyter_remote_kit.host.rotating import RotatingFile
from jupyter_remote_kit.plan import audit
from jupyter_remote_kit.plan.audit import Action
from tests.commands.host import PATIENCE_S, Host, console_script

NOW = datetime.now(timezone.utc)


def _record(host: Host, *addresses: str, minutes_ago: float = 0, limit: int = 10_000_000) -> None:
    log = RotatingFile(host.layout.audit_file("default"), limit=limit, kept=5)
    for address in addresses:
        moment = NOW - timedelta(minutes=minutes_ago)
        log.write(audit.line(audit.event(Action.GUESS, moment, {"client": address, "user_agent": "curl/8", "route": "/login"})))
    log.close()


def _clients(outcome_data: dict[str, list[dict[str, str]]]) -> list[str]:
    return [event["client"] for event in outcome_data["events"]]


def test_nothing_is_recorded_yet(ssh_host: Host) -> None:
    outcome = ssh_host.must("audit", "--json")
    assert outcome.data == {"instance": "default", "events": []}
    assert "Nothing is recorded" in ssh_host.must("audit").out


def test_a_name_that_no_instance_has(ssh_host: Host) -> None:
    for argv in ((), ("--follow",), ("--since", "1h")):
        outcome = ssh_host.run("audit", "--instance", "typo", "--json", *argv)
        assert (outcome.code, outcome.codes) == (78, ["no-instance"])
    told = ssh_host.run("audit", "--instance", "typo")
    assert (told.code, told.out) == (78, "")
    assert "There is no instance 'typo' yet" in told.err


def test_what_an_instance_has_left_is_shown(host: Host) -> None:
    _record(host, *(f"192.0.2.{number}" for number in range(3)), limit=100)
    host.layout.audit_file("default").unlink()
    assert _clients(host.must("audit", "--json").data) == ["192.0.2.0", "192.0.2.1"]


def test_long_files_are_printed_as_they_are_read(host: Host) -> None:
    """A reader that takes the first lines does not wait for all; nor does the memory."""
    _record(host, *["192.0.2.7"] * 60_000)
    for argv in (("audit",), ("audit", "--since", "1d"), ("audit", "--follow", "--since", "1d")):
        process = subprocess.Popen([console_script(), *argv], env=host.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            at_once = psutil.Process(process.pid).memory_info().rss
            for _ in range(40_000):
                assert process.stdout.readline() == first
            assert psutil.Process(process.pid).memory_info().rss < at_once + 4_000_000
        finally:
            process.kill()
            process.communicate()


def test_what_is_recorded(host: Host) -> None:
    _record(host, "192.0.2.7", "2001:db8::1")
    assert _clients(host.must("audit", "--json").data) == ["192.0.2.7", "2001:db8::1"]
    first, second = host.must("audit").out.splitlines()
    assert "wrong guess" in first
    assert first.endswith("192.0.2.7        /login  curl/8")
    assert "2001:db8::1" in second


def test_in_chinese(host: Host) -> None:
    _record(host, "192.0.2.7")
    assert "猜错" in host.run("audit", variables={"LANG": "zh_CN.UTF-8"}).out


def test_over_rotations_in_order(host: Host) -> None:
    addresses = [f"192.0.2.{number}" for number in range(20)]
    _record(host, *addresses, limit=700)
    assert host.layout.audit_file("default").with_name("audit.jsonl.3").exists()
    assert _clients(host.must("audit", "--json").data) == addresses


def test_since(host: Host) -> None:
    _record(host, "192.0.2.1", minutes_ago=90)
    _record(host, "192.0.2.2", minutes_ago=10)
    assert _clients(host.must("audit", "--json", "--since", "1h").data) == ["192.0.2.2"]
    assert _clients(host.must("audit", "--json", "--since", "2026-01-01").data) == ["192.0.2.1", "192.0.2.2"]
    assert _clients(host.must("audit", "--json", "--since", "9999-01-01").data) == []


def test_a_time_without_a_zone_is_local(host: Host) -> None:
    _record(host, "192.0.2.1", minutes_ago=30)
    east, west = {"TZ": "UTC-12"}, {"TZ": "UTC+12"}
    when = NOW.strftime("%Y-%m-%dT%H:%M")
    assert _clients(host.run("audit", "--json", "--since", when, variables=east).data) == ["192.0.2.1"]
    assert _clients(host.run("audit", "--json", "--since", when, variables=west).data) == []


@pytest.mark.parametrize("when", ["gestern", "", "-1h", "2026-02-30", "1y"])
def test_a_time_that_is_none(host: Host, when: str) -> None:
    outcome = host.run("audit", "--json", "--since", when)
    assert (outcome.code, outcome.codes) == (2, ["since"])


@pytest.mark.parametrize(
    "argv",
    [
        ("--follow", "--install-fail2ban"),
        ("--since", "1h", "--remove-fail2ban"),
        ("--install-fail2ban", "--remove-fail2ban"),
    ],
)
def test_options_that_exclude_each_other(host: Host, argv: tuple[str, ...]) -> None:
    outcome = host.run("audit", "--json", *argv)
    assert (outcome.code, outcome.codes) == (2, ["contradiction"])


def test_lines_that_cannot_be_read_are_told(host: Host) -> None:
    _record(host, "192.0.2.7")
    with host.layout.audit_file("default").open("ab") as file:
        file.write(b'{"torn\n')
    outcome = host.must("audit", "--json")
    assert (_clients(outcome.data), outcome.codes) == (["192.0.2.7"], ["lines-unreadable"])
    told = host.must("audit")
    assert (len(told.out.splitlines()), told.err) == (1, "warning: Lines that cannot be read: 1.\n")


def test_a_file_that_others_can_use_is_refused(host: Host) -> None:
    _record(host, "192.0.2.7")
    host.layout.audit_file("default").chmod(0o644)
    for argv in (("audit", "--json"), ("audit", "--json", "--follow")):
        outcome = host.run(*argv)
        assert (outcome.code, outcome.codes) == (78, ["file-exposed"])
    assert host.run("audit").code == 78


def test_a_closed_pipe_ends_it(host: Host) -> None:
    # Less than a pipe holds: after these nothing is written that could fail.
    _record(host, *(f"192.0.2.{number}" for number in range(200)))
    command = f"{console_script()} audit --follow --since 1d | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=host.environment, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
    assert len(done.stdout.splitlines()) == 1


@contextmanager
def _following(host: Host, *argv: str) -> Iterator[tuple[subprocess.Popen[bytes], io.BufferedReader]]:
    process = subprocess.Popen(
        [console_script(), "audit", "--follow", *argv],
        env=host.environment,
        cwd=host.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert isinstance(process.stdout, io.BufferedReader)
        yield process, process.stdout
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(PATIENCE_S)
def test_followed_as_json_one_object_a_line(host: Host) -> None:
    _record(host, *(f"192.0.2.{number}" for number in range(20)))
    with _following(host, "--json") as (process, out):
        # The last ten, as `tail -f` does.
        assert [json.loads(out.readline())["client"] for _ in range(10)] == [f"192.0.2.{number}" for number in range(10, 20)]
        for address in ("192.0.2.100", "192.0.2.101"):
            _record(host, address)
            assert json.loads(out.readline())["client"] == address
        # Rotated meanwhile.
        _record(host, "192.0.2.102", "192.0.2.103", limit=100)
        assert [json.loads(out.readline())["client"] for _ in range(2)] == ["192.0.2.102", "192.0.2.103"]
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, rest, err) == (0, b"", b"")


@pytest.mark.timeout(PATIENCE_S)
def test_followed_before_there_is_a_file(ssh_host: Host) -> None:
    with _following(ssh_host) as (process, out):
        _record(ssh_host, "192.0.2.7")
        assert b"192.0.2.7" in out.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_full_disk_behind_it_is_told(host: Host) -> None:
    _record(host, "192.0.2.7")
    with open(os.devnull, "rb") as nothing, open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [console_script(), "audit", "--follow"],
            env=host.environment,
            stdin=nothing,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 1
    assert b"cannot be written to" in done.stderr


def test_whoever_is_not_root_is_told_the_line_for_it(ssh_host: Host) -> None:
    # Before root is asked for: over ssh there is nobody that a firewall could shut out.
    outcome = ssh_host.run("audit", "--install-fail2ban", "--json")
    assert outcome.code == 1
    assert outcome.codes in (["nobody-to-ban"], ["no-fail2ban"])


def test_there_is_nothing_to_take_back(host: Host) -> None:
    outcome = host.must("audit", "--remove-fail2ban", "--instance", "never-was", "--json")
    assert outcome.data == {"instance": "never-was", "steps": [], "changed": False}
