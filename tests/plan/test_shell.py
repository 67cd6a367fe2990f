"""What a host's shell is told, tried in every shell of this machine that somebody may have for a login shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_remote_kit.plan import shell

MARK = shell.mark("0123456789abcdef" * 2)
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


def conversation(program: str, home: Path, *requests: bytes) -> list[str]:
    """What a session prints whose login shell is `program`, as sshd would start it."""
    done = subprocess.run(
        [program, "-c", shell.session_command(MARK)],
        input=b"".join(requests),
        stdout=subprocess.PIPE,
        cwd=home,
        env={"SHELL": program, "HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8"},
        timeout=30,
        check=False,
    )
    return done.stdout.decode().split("\n")


@pytest.fixture(params=SHELLS)
def login_shell(request: pytest.FixtureRequest) -> str:
    """Each of the shells in turn."""
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"{request.param} is not installed")
    return found


def test_a_session_answers_one_request_after_the_other(login_shell: str, tmp_path: Path) -> None:
    lines = conversation(login_shell, tmp_path, shell.framed("echo one"), shell.framed("(exit 7)"), shell.framed("printf two"))
    numbers = [number for line in lines if (number := shell.trailer(line, MARK)) is not None]
    assert numbers[0] > 1
    assert numbers[1:] == [0, 7, 0]
    assert "one" in lines
    assert "two" in lines


def test_arguments_arrive_as_they_are(login_shell: str, tmp_path: Path) -> None:
    lines = conversation(login_shell, tmp_path, shell.framed(shell.running(("printf", "<%s>", *HOSTILE))))
    text = "\n".join(lines)
    assert "".join(f"<{word}>" for word in HOSTILE) in text
    assert list(tmp_path.glob("**/canary")) == []


def test_a_script_takes_its_arguments_and_the_bytes_behind_it(login_shell: str, tmp_path: Path) -> None:
    lines = conversation(
        login_shell,
        tmp_path,
        shell.framed(shell.with_arguments('printf "%s|%s" "$1" "$2"; read -r x || echo nothing', ("it's", "$HOME"))),
        shell.framed(shell.receiving('printf "%s:" "$1"; wc -c', ("a b",), 70_000)),
        b"x" * 70_000,
        shell.framed(shell.with_arguments('echo "$GREETING"', (), {"GREETING": "it's $HOME"})),
        shell.framed("echo after"),
    )
    assert "it's $HOME" in lines
    assert "it's|$HOMEnothing" in lines
    assert "a b:70000" in [line.replace(" 70000", "70000") for line in lines]
    assert "after" in lines


def test_what_a_profile_prints_is_told_from_the_session(tmp_path: Path) -> None:
    for name in (".profile", ".bash_profile"):
        tmp_path.joinpath(name).write_text("echo Welcome; printf 'no end of line'\nexport FROM_PROFILE=yes\n")
    bash = shutil.which("bash")
    assert bash is not None
    lines = conversation(bash, tmp_path, shell.framed('echo "$FROM_PROFILE"; env | grep -c REMOTEKIT_LOOP'))
    assert shell.trailer(lines[2], MARK) is not None
    assert lines[3:5] == ["yes", "0"]


def test_a_session_that_a_cut_line_has_left_behind_is_ended_and_nothing_else(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    environment = {"SHELL": bash, "HOME": str(tmp_path), "PATH": os.defpath}
    pipe = subprocess.PIPE
    left, other = (
        subprocess.Popen([bash, "-c", shell.session_command(mark)], stdin=pipe, stdout=pipe, env=environment)
        for mark in (MARK, shell.mark("f" * 32))
    )
    try:
        for process in (left, other):
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.readline()
        conversation(bash, tmp_path, shell.framed(shell.ending(left.pid, MARK)), shell.framed(shell.ending(other.pid, MARK)))
        assert left.wait(10) != 0
        assert other.poll() is None
    finally:
        for process in (left, other):
            process.kill()
            process.communicate()


def test_a_request_that_ends_nobody_succeeds(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    lines = conversation(bash, tmp_path, shell.framed(shell.ending(4_000_000, MARK)))
    assert shell.trailer(lines[-2], MARK) == 0


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
    assert not set("\n") & set(commands.pop())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30), max_size=8))
def test_any_words_come_out_as_they_went_in(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(["sh", "-c", shell.running(("printf", "%s\\0", "", *words))], capture_output=True, cwd=tmp_path, check=True)
    assert done.stdout.decode().split("\0")[1:-1] == words
    assert list(tmp_path.iterdir()) == []


def test_a_process_is_looked_after(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    requests = (shell.framed(shell.looking_after(os.getpid())), shell.framed(shell.looking_after(4_000_000)))
    codes = [code for line in conversation(bash, tmp_path, *requests) if (code := shell.trailer(line, MARK)) is not None]
    assert codes[1:] == [0, 1]
