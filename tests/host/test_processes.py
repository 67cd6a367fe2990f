"""Processes are started so that they outlive us, and ended one at a time."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import logind, processes
from jupyter_remote_kit.host.processes import Launch, wait_for

STUBBORN = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
# Blocked and waited for: a handler would be lost that comes between the word and the pause.
POLITE = (
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM});print('ready', flush=True); signal.sigwait({signal.SIGTERM})"
)
ENVIRONMENT = {"PATH": os.environ["PATH"]}


def launch(tmp_path: Path, code: str, **environment: str) -> Launch:
    return Launch((sys.executable, "-c", code), {**ENVIRONMENT, **environment}, tmp_path, tmp_path / "server.log")


def logged(tmp_path: Path, words: str) -> str:
    text = wait_for(lambda: (content := (tmp_path / "server.log").read_text()) and words in content and content, 10, 0.02)
    assert text, (tmp_path / "server.log").read_text()
    return str(text)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", POLITE], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


class TestSpawn:
    def test_the_pid_is_the_servers_own_and_it_has_its_own_session(self, tmp_path: Path) -> None:
        code = (
            "import os, signal;"
            f"own_session = os.getsid(0) != {os.getsid(0)};"
            "no_input = os.fstat(0).st_rdev == os.stat('/dev/null').st_rdev;"
            "print(os.getpid(), own_session, os.getcwd(), os.environ['WORD'], no_input, flush=True);"
            "signal.pause()"
        )
        pid = processes.spawn_detached(launch(tmp_path, code, WORD="密"), "jupyter-remotekit-test")
        try:
            assert logged(tmp_path, "\n") == f"{pid} True {tmp_path} 密 True\n"
            assert psutil.Process(pid).ppid() != os.getpid()
            assert stat.S_IMODE((tmp_path / "server.log").stat().st_mode) == 0o600
        finally:
            processes.terminate(pid, None, 5)

    def test_it_keeps_no_descriptor_of_ours(self, tmp_path: Path) -> None:
        with (tmp_path / "open").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            pid = processes.spawn_detached(launch(tmp_path, "import signal; print('ready', flush=True); signal.pause()"), "x")
            try:
                logged(tmp_path, "ready")
                assert str(tmp_path / "open") not in {entry.path for entry in psutil.Process(pid).open_files()}
                assert psutil.Process(pid).num_fds() == 3
            finally:
                processes.terminate(pid, None, 5)

    def test_what_it_prints_is_appended(self, tmp_path: Path) -> None:
        (tmp_path / "server.log").write_text("before\n")
        (tmp_path / "server.log").chmod(0o644)
        processes.spawn_detached(launch(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)"), "x")
        assert logged(tmp_path, "err") == "before\nout\nerr\n"
        assert stat.S_IMODE((tmp_path / "server.log").stat().st_mode) == 0o600

    def test_a_long_log_is_set_aside(self, tmp_path: Path) -> None:
        with (tmp_path / "server.log").open("wb") as file:
            file.truncate(processes.MAX_LOG + 1)
        processes.spawn_detached(launch(tmp_path, "print('anew')"), "x")
        assert logged(tmp_path, "anew") == "anew\n"
        assert (tmp_path / "server.log.1").stat().st_size == processes.MAX_LOG + 1

    def test_a_log_that_is_a_link_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "server.log").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(Failed, match="symbolic link"):
            processes.spawn_detached(launch(tmp_path, "pass"), "x")
        assert not (tmp_path / "elsewhere").exists()

    def test_a_program_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Failed, match="/no/such/python"):
            processes.spawn_detached(Launch(("/no/such/python",), ENVIRONMENT, tmp_path), "x")

    def test_a_program_that_the_kernel_refuses_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "program").write_bytes(b"\x7fELF no program")
        (tmp_path / "program").chmod(0o755)
        with pytest.raises(Failed, match=str(tmp_path / "program")):
            processes.spawn_detached(Launch((str(tmp_path / "program"),), ENVIRONMENT, tmp_path), "x")

    def test_a_folder_that_is_not_there_is_a_failure(self, tmp_path: Path) -> None:
        with pytest.raises(Failed):
            processes.spawn_detached(Launch((sys.executable, "-c", "pass"), ENVIRONMENT, tmp_path / "absent"), "x")

    def test_it_survives_whoever_started_it(self, tmp_path: Path) -> None:
        log = tmp_path / "server.log"
        code = (
            "import pathlib, sys; from jupyter_remote_kit.host.processes import Launch, spawn_detached;"
            f"folder, log = pathlib.Path({str(tmp_path)!r}), pathlib.Path({str(log)!r});"
            f"print(spawn_detached(Launch((sys.executable, '-c', {POLITE!r}), {{}}, folder, log), 'x'))"
        )
        starter = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, start_new_session=True)
        pid = int(starter.stdout)
        logged(tmp_path, "ready")
        assert processes.process_alive(pid, None)
        assert processes.terminate(pid, processes.create_time(pid), 10)
        assert not processes.process_alive(pid, None)


class TestExec:
    def test_it_becomes_the_server_and_loses_no_word(self, tmp_path: Path) -> None:
        code = (
            "import os, pathlib, sys; from jupyter_remote_kit.host.processes import Launch, exec_server;"
            "sys.stdout.write(f'{os.getpid()} ');"
            "exec_server(Launch((sys.executable, '-c', 'import os; print(os.getpid(), os.environ)'), {'A': 'b'}, pathlib.Path('/')))"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            output, _ = process.communicate(timeout=30)
        assert output.split()[:2] == [str(process.pid)] * 2
        assert "'A': 'b'" in output
        assert "HOME" not in output

    def test_a_program_that_is_not_there_is_a_failure(self, tmp_path: Path) -> None:
        with pytest.raises(Failed, match="nothing-of-the-kind"):
            processes.exec_server(Launch(("nothing-of-the-kind",), ENVIRONMENT, tmp_path))


class TestTerminate:
    def test_a_polite_one_goes_by_itself(self, child: subprocess.Popen[bytes]) -> None:
        assert processes.terminate(child.pid, processes.create_time(child.pid), 10)
        assert child.wait(10) == 0

    def test_a_stubborn_one_is_killed_after_its_grace(self) -> None:
        with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            assert not processes.terminate(process.pid, None, 0.2)
            assert process.wait(10) == -signal.SIGKILL

    def test_a_later_process_with_the_same_id_is_left_alone(self, child: subprocess.Popen[bytes]) -> None:
        started = processes.create_time(child.pid)
        assert started is not None
        assert processes.terminate(child.pid, started - 3600, 5)
        assert child.poll() is None

    def test_only_that_one_is_ended(self, child: subprocess.Popen[bytes]) -> None:
        with subprocess.Popen([sys.executable, "-c", POLITE], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"ready\n"
            processes.terminate(other.pid, None, 10)
        assert child.poll() is None

    def test_one_that_is_gone_is_gone(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
            process.wait(30)
        assert processes.terminate(process.pid, None, 1)

    def test_without_pidfds_it_works_as_well(self, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
        assert processes.terminate(child.pid, processes.create_time(child.pid), 10)
        assert child.wait(10) == 0


class TestAlive:
    def test_this_process(self) -> None:
        started = processes.create_time(os.getpid())
        assert started is not None
        assert processes.process_alive(os.getpid(), started)
        assert processes.process_alive(os.getpid(), started + 1)
        assert not processes.process_alive(os.getpid(), started - 60)

    def test_a_zombie_is_not(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
            assert wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, 30, 0.02)
            assert not processes.process_alive(process.pid, None)

    @pytest.mark.parametrize("pid", [-1, 2**22 + 1, 2**40])
    def test_what_is_no_process_is_not(self, pid: int) -> None:
        assert not processes.process_alive(pid, None)
        assert processes.create_time(pid) is None


class TestWaitFor:
    def test_the_first_true_answer(self) -> None:
        answers = iter([None, 0, "third", "fourth"])
        assert wait_for(lambda: next(answers), 10, 0) == "third"

    def test_it_asks_at_least_once(self) -> None:
        assert wait_for(lambda: "now", 0, 1) == "now"

    def test_it_gives_up_at_the_deadline_and_not_much_later(self) -> None:
        asked: list[float] = []
        before = time.monotonic()
        assert wait_for(lambda: asked.append(0), 0.1, 60) is None
        assert 0.1 <= time.monotonic() - before < 10
        assert len(asked) == 2


SEEN = "os.environ.get('XDG_RUNTIME_DIR'), os.environ.get('INVOCATION_ID')"
RUNNER = """#!{python}
import os, sys
os.environ["INVOCATION_ID"] = "of the scope"
with open({record!r}, "w") as record:
    print(*sys.argv[1:], sep="\\n", file=record)
at = sys.argv.index("--") + 1
os.execv(sys.argv[at], sys.argv[at:])
"""


@pytest.fixture
def with_scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose user has a manager, and a folder on PATH for a stand-in of systemd-run: the edge of the machine."""
    monkeypatch.setattr(logind, "user_manager", lambda _: tmp_path)
    monkeypatch.setattr(logind, "scope_helps", lambda: True)
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "systemd-run"


@pytest.mark.parametrize("own", [{}, {"XDG_RUNTIME_DIR": "/run/user/1"}], ids=["without a login", "in a login"])
def test_a_scope_of_the_users_manager_is_asked_for(own: dict[str, str], tmp_path: Path, with_scopes: Path) -> None:
    record = tmp_path / "record"
    with_scopes.write_text(RUNNER.format(python=sys.executable, record=str(record)))
    with_scopes.chmod(0o755)
    pid = processes.spawn_detached(
        launch(
            tmp_path, f"import os; print(os.getpid(), [{SEEN}], flush=True)\n" + POLITE, PATH=f"{with_scopes.parent}:/usr/bin:/bin", **own
        ),
        "jupyter-remotekit-default",
    )
    try:
        # What systemd-run needs and sets does not reach the server.
        assert logged(tmp_path, "ready") == f"{pid} {[own.get('XDG_RUNTIME_DIR'), None]}\nready\n"
        argv = record.read_text().splitlines()
        assert argv[:6] == ["--user", "--scope", "--quiet", "--collect", "--unit=jupyter-remotekit-default", "--"]
        assert argv[argv.index(sys.executable) + 1] == "-c"
    finally:
        processes.terminate(pid, None, 5)


def test_without_a_bus_it_starts_all_the_same(tmp_path: Path, with_scopes: Path) -> None:
    shutil.copy("/bin/false", with_scopes)
    pid = processes.spawn_detached(launch(tmp_path, POLITE, PATH=f"{with_scopes.parent}:/usr/bin:/bin"), "jupyter-remotekit-default")
    try:
        assert logged(tmp_path, "ready") == "ready\n"
        assert processes.process_alive(pid)
    finally:
        processes.terminate(pid, None, 5)


def test_when_a_process_was_started_by_the_clock_of_files(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.touch()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        after.touch()
        started = processes.started_at(process.pid)
        assert started is not None
        # The kernel counts in ticks of 10 ms.
        assert before.stat().st_mtime - 0.05 <= started <= after.stat().st_mtime + 0.05
    finally:
        process.communicate()
    assert processes.started_at(process.pid) is None
