"""What a host's shell is told, tried in every shell of this machine that somebody may have for a login shell."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_remote_kit.plan import shell
from jupyter_remote_kit.plan.shell import Greeting, Profile
from tests.e2e.stage.waiting import until
from tests.plan.session import MARK, Session

SHELLS = ("bash", "dash", "zsh", "fish", "tcsh", "ksh93")
HOSTILE = (
    "it's",
    '"; touch canary; "',
    "$(touch canary)",
    "`touch canary`",
    "a\\b\\\\c",
    "!!",
    "a\nb",
    "-rf",
    "~root",
    "*",
    "",
    " ",
    "数据 é",
    "\x01\x1b[2J",
    "%s%n",
    "'\\''",
)


@pytest.fixture(params=SHELLS)
def login_shell(request: pytest.FixtureRequest) -> str:
    """Each of the shells in turn."""
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"{request.param} is not installed")
    return found


def test_a_session_answers_one_request_after_the_other(login_shell: str, tmp_path: Path) -> None:
    with Session(login_shell, tmp_path) as session:
        assert session.greeting.pid == session.process.pid
        assert session.ask("echo one") == (0, ["one"])
        assert session.ask("(exit 7)") == (7, [])
        assert session.ask("printf two") == (0, ["two"])
        assert session.ask("pwd") == (0, [str(tmp_path)])


def test_arguments_arrive_as_they_are(login_shell: str, tmp_path: Path) -> None:
    with Session(login_shell, tmp_path) as session:
        _, lines = session.ask(shell.running(("printf", "<%s>", *HOSTILE)))
    assert "\n".join(lines) == "".join(f"<{word}>" for word in HOSTILE)
    assert list(tmp_path.glob("**/canary")) == []


def test_a_script_that_hangs_is_ended_with_all_that_it_has_started(login_shell: str, tmp_path: Path) -> None:
    with Session(login_shell, tmp_path) as session:
        before = set(psutil.Process(session.process.pid).children(recursive=True))
        request = 'echo $$ >pid; echo "$1$GREETING"; exit 7'
        assert session.ask(shell.bounded(request, ("it's ",), {"GREETING": "me"}, 20)) == (7, ["it's me"])
        until(lambda: not _group(tmp_path), "the group to end")
        assert set(psutil.Process(session.process.pid).children(recursive=True)) <= before
        hung = 'echo $$ >pid; trap "" HUP; sleep 600 & sleep 600; echo no'
        code, lines = session.ask(shell.bounded(hung, (), {}, 1))
        assert (code in {143, 137}, "no" in lines) == (True, False)
        assert session.ask("echo on") == (0, ["on"])
    until(lambda: not _group(tmp_path), "the group to end")


def _group(folder: Path) -> list[int]:
    """The processes that are left of the group whose number a request has written down."""
    group, found = int((folder / "pid").read_text()), []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def test_a_script_that_hangs_is_ended_where_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    with Session(bash, tmp_path) as session:
        assert session.process.stdin is not None
        session.process.stdin.write(shell.framed(shell.bounded('trap "" HUP; sleep 600 & echo $$ >pid; sleep 600', (), {}, 2)))
        session.process.stdin.flush()
        until((tmp_path / "pid").exists, "the script to begin")
        session.process.kill()
    assert _group(tmp_path), "the laptop is gone before the time is over"
    until(lambda: not _group(tmp_path), "the group to end")


def test_a_script_takes_its_arguments_and_the_bytes_behind_it(login_shell: str, tmp_path: Path) -> None:
    with Session(login_shell, tmp_path) as session:
        request = shell.with_arguments('printf "%s|%s" "$1" "$2"; read -r x || echo nothing', ("it's", "$HOME"))
        assert session.ask(request) == (0, ["it's|$HOMEnothing"])
        code, (line,) = session.ask(shell.receiving('printf "%s:" "$1"; wc -c', ("a b",), 70_000), b"x" * 70_000)
        assert (code, line.replace(" 70000", "70000")) == (0, "a b:70000")
        assert session.ask(shell.with_arguments('echo "$GREETING"', (), {"GREETING": "it's $HOME"})) == (0, ["it's $HOME"])
        assert session.ask("echo after") == (0, ["after"])


@pytest.mark.parametrize("before", [(), ("env", "--ignore-signal=HUP")], ids=["", "below nohup"])
def test_a_session_that_a_cut_line_has_left_behind_is_ended_and_nothing_else(before: tuple[str, ...], tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    other_mark = shell.mark("f" * 32)
    for profile_s in (0, shell.PROFILE_S):
        with (
            Session(bash, tmp_path, profile_s=profile_s, before=before) as left,
            Session(bash, tmp_path, profile_s=profile_s, mark=other_mark, before=before) as other,
            Session(bash, tmp_path, mark=shell.mark("e" * 32)) as session,
        ):
            _, (worker,) = left.ask("echo $$")
            for each in (left, other):
                assert session.ask(shell.ending(each.greeting.pid, MARK)) == (0, [])
            assert left.process.wait(10) != 0
            until(lambda number=worker: not psutil.pid_exists(int(number)), "the loop behind the profile to end")  # type: ignore[misc]
            assert other.process.poll() is None
            assert other.ask("echo here") == (0, ["here"])


def test_a_request_that_ends_nobody_succeeds(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    with Session(bash, tmp_path) as session:
        assert session.ask(shell.ending(4_000_000, MARK)) == (0, [])


@pytest.mark.parametrize("line", ["", "remotekit-0123 0", f"{MARK} ", f"{MARK} x", f" {MARK} 0", f"{MARK} 0 ", f"{shell.mark('f' * 32)} 0"])
def test_another_line_is_no_trailer(line: str) -> None:
    assert shell.trailer(line, MARK) is None


@pytest.mark.parametrize("mark", ["", "remotekit-$(id)", "remotekit-0123456789abcdef'", "remotekit-ABCDEF0123456789"])
def test_only_a_mark_goes_into_the_command(mark: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        shell.session_command(mark)


def test_no_argument_holds_a_zero_byte() -> None:
    with pytest.raises(ValueError, match=r"^"):
        shell.quoted(("a\0b",))


def test_the_command_is_the_same_for_every_host() -> None:
    commands = {shell.session_command(mark).replace(mark, "") for mark in (MARK, shell.mark("f" * 32))}
    assert len(commands) == 1
    command = commands.pop()
    assert not set("\n") & set(command)
    # fish takes two backslashes in single quotes for one, and csh looks for its history behind a `!`.
    assert "\\\\" not in command
    assert re.findall(r"![^ ]", command) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30), max_size=8))
def test_any_words_come_out_as_they_went_in(words: list[str], tmp_path: Path, open_session: Session) -> None:
    assert open_session.ask(shell.running(("sh", "-c", 'printf "%s\\0" "" "$@" >out', "sh", *words)))[0] == 0
    assert (tmp_path / "out").read_bytes().decode().split("\0")[1:-1] == words
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture(params=["C.UTF-8", "zh_CN.GBK", "C"])
def open_session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """One in each of these locales."""
    with Session("/bin/sh", tmp_path, environ={"LC_ALL": request.param}) as session:
        yield session


def test_a_process_is_looked_after(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    with Session(bash, tmp_path) as session:
        assert [session.ask(shell.looking_after(pid))[0] for pid in (os.getpid(), 4_000_000)] == [0, 1]


@pytest.mark.parametrize("line", ["", f"{MARK}", f"{MARK} x", f"{MARK} 7 gone 0", f"{MARK} 7 late", f"{shell.mark('f' * 32)} 7"])
def test_another_line_is_no_greeting(line: str) -> None:
    assert shell.greeting(line, MARK) is None


def test_a_greeting_tells_what_has_become_of_the_profile() -> None:
    assert shell.greeting(f"{MARK} 7", MARK) == Greeting(7, Profile.NONE, 0)
    assert shell.greeting(f"{MARK} 7 used 0", MARK) == Greeting(7, Profile.USED, 0)
    assert shell.greeting(f"{MARK} 7 ended 3", MARK) == Greeting(7, Profile.ENDED, 3)
    assert [profile for profile in Profile if profile.failed] == [Profile.LATE, Profile.ENDED, Profile.UNFIT]
