"""Why there is no line, from the words of OpenSSH 8 and 9."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan.shell import NO_INPUT, NO_OUTPUT
from jupyter_remote_kit.plan.sshtrouble import (
    Trouble,
    cut,
    explain,
    no_shell,
    not_opened,
    prohibits_forwarding,
    silent,
    slow_shell,
)
from jupyter_remote_kit.plan.target import Target

CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key for gpu has changed and you have requested strict checking.
Host key verification failed."""
# By a jump host that is reached, and does not reach the host itself.
BEHIND = """channel 0: open failed: {reason}
stdio forwarding failed
kex_exchange_identification: Connection closed by remote host
Connection closed by UNKNOWN port 65535"""
REFUSED_BY_JUMP = """hop@gate: Permission denied (publickey).
kex_exchange_identification: Connection closed by remote host
Connection closed by UNKNOWN port 65535"""
BAD_LINES = """/root/.ssh/config: line 2: Bad configuration option: bogus
/root/.ssh/config: terminating, 1 bad configuration options"""


@pytest.mark.parametrize(
    ("said", "code", "lasting", "words"),
    [
        (CHANGED, "host-key-changed", True, "Host key for gpu has changed and you have requested strict checking."),
        (
            "No ED25519 host key is known for gpu and you have requested strict checking.\nHost key verification failed.",
            "host-key-unknown",
            True,
            "Host key verification failed.",
        ),
        ("Host key verification failed.\nConnection closed by UNKNOWN port 65535", "host-key-unknown", True, "verification failed"),
        ("alice@gpu: Permission denied (publickey).", "ssh-refused", True, "Permission denied (publickey)"),
        (
            "Received disconnect from UNKNOWN port 65535:2: Too many authentication failures",
            "ssh-refused",
            True,
            "alice@gpu lets nobody in",
        ),
        (REFUSED_BY_JUMP, "ssh-refused", True, "The jump host of alice@gpu lets nobody in"),
        ("Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures", "ssh-refused", True, "Too many"),
        ("ssh: Could not resolve hostname gpu: Name or service not known", "host-unknown", False, "gpu: Name"),
        ("ssh: connect to host gpu port 22: Connection refused", "ssh-failed", False, "Connection refused"),
        ("ssh: connect to host gpu port 22: Connection timed out", "ssh-failed", False, "timed out"),
        ("/root/.ssh/config: line 3: Bad configuration option: nonsense", "ssh-config", True, "nonsense"),
        (BAD_LINES, "ssh-config", True, "line 2: Bad configuration option: bogus"),
        ("Bad owner or permissions on /root/.ssh/config", "ssh-config", True, "on /root/.ssh/config"),
        (
            BEHIND.format(reason="connect failed: No route to host"),
            "jump-failed",
            False,
            "channel 0: open failed: connect failed: No route",
        ),
        (BEHIND.format(reason="connect failed: Temporary failure in name resolution"), "jump-failed", False, "name resolution"),
        (BEHIND.format(reason="administratively prohibited: open failed"), "no-forwarding", True, ""),
        ("channel 3: open failed: administratively prohibited: open failed", "no-forwarding", True, ""),
        ("", "line-cut", False, ""),
        ("Connection to gpu closed by remote host.", "line-cut", False, ""),
        ("\x1b]0;title\x07 evil", "ssh-failed", False, "\\x1b]0;title\\x07 evil"),
    ],
)
def test_one_sentence_with_the_words_of_ssh(said: str, code: str, lasting: bool, words: str) -> None:
    trouble = explain(Target("gpu", "alice"), said.splitlines(), batch=False)
    assert (trouble.problem.code, trouble.lasting) == (code, lasting)
    assert words in str(trouble.problem.message)
    assert "\n" not in str(trouble.problem.message)
    assert trouble.problem.hint is not None


@pytest.mark.parametrize("said", ["Permission denied (password).", "Host key verification failed."])
def test_what_a_person_could_answer_is_told_from_what_nobody_can(said: str) -> None:
    assert explain(Target("gpu"), [said], batch=True).asks
    assert not explain(Target("gpu"), [said], batch=False).asks


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        (Target("gpu"), "ssh-copy-id gpu"),
        (Target("gpu", "alice", 2222), "ssh-copy-id -p 2222 alice@gpu"),
    ],
)
def test_the_hint_can_be_pasted(target: Target, hint: str) -> None:
    assert str(explain(target, ["Permission denied"], batch=False).problem.hint).endswith(hint)


@pytest.mark.parametrize(
    ("target", "said", "name"),
    [
        (Target("gpu"), CHANGED, "gpu"),
        (Target("box"), CHANGED.replace("gpu", "10.0.0.7"), "10.0.0.7"),
        (Target("gpu", None, 2222), CHANGED.replace("gpu", "[gpu]:2222"), "'[gpu]:2222'"),
        (Target("gpu"), CHANGED.replace("gpu", "$(id);x"), "'$(id);x'"),
        # Words of a version that says it otherwise.
        (Target("gpu"), "REMOTE HOST IDENTIFICATION HAS CHANGED", "gpu"),
        (Target("gpu", None, 2222), "REMOTE HOST IDENTIFICATION HAS CHANGED", "'[gpu]:2222'"),
    ],
)
def test_a_key_is_forgotten_by_the_name_that_ssh_knows_it_by(target: Target, said: str, name: str) -> None:
    assert str(explain(target, said.splitlines(), batch=False).problem.hint).endswith(f"ssh-keygen -R {name}")


def test_forwarding_that_is_prohibited_is_seen_among_other_words() -> None:
    assert prohibits_forwarding(["hello", "channel 2: open failed: administratively prohibited: open failed"])
    assert not prohibits_forwarding(["channel 2: open failed: connect failed: Connection refused"])


def test_an_end_that_was_not_opened_is_told_from_one_that_is_slow() -> None:
    assert not_opened(["hello", "channel 2: open failed: connect failed: open failed"])
    assert not not_opened(["hello", "open failed"])


def test_a_line_that_was_there_is_cut_whatever_a_profile_has_said() -> None:
    said = ["bash: /opt/modules: Permission denied", "Timeout, server gpu not responding."]
    trouble = cut(Target("gpu", "alice"), said)
    assert (trouble.problem.code, trouble.lasting) == ("line-cut", False)
    assert str(trouble.problem.message) == "The line to alice@gpu was cut: Timeout, server gpu not responding."
    assert str(cut(Target("gpu"), ["bash: /opt/modules: Permission denied"]).problem.code) == "line-cut"
    assert str(cut(Target("gpu"), ["Connection to gpu closed by remote host."]).problem.message) == "The line to gpu was cut."


@pytest.mark.parametrize(
    ("printed", "said", "words"),
    [
        ("This account is currently not available.", ["Authorised users only"], "This account is currently not available."),
        ("\x1b[2J", [], "\\x1b[2J"),
        ("", ["Hi alice! GitHub does not provide shell access."], "Hi alice! GitHub does not provide shell access."),
        ("", [], "exit code 1"),
    ],
)
def test_a_shell_that_ends_at_once_is_quoted(printed: str, said: list[str], words: str) -> None:
    trouble = no_shell(Target("gpu", "alice"), printed, said, 1)
    assert (trouble.problem.code, trouble.lasting) == ("no-shell", False)
    assert str(trouble.problem.message) == f"The login shell of alice@gpu runs no commands: {words}"
    assert str(trouble.problem.hint) == "Try it by hand: ssh alice@gpu"


GPU_2222 = Target("gpu", None, 2222)


@pytest.mark.parametrize(
    ("trouble", "code", "message", "command"),
    [
        (slow_shell(GPU_2222, 45), "shell-hangs", "The shell of gpu:2222 did not answer within 45 s.", "ssh -p 2222 gpu 'echo ok'"),
        (silent(GPU_2222), "line-silent", "gpu:2222 gives no sign of life.", "ssh -p 2222 gpu"),
    ],
)
def test_what_answers_nothing_may_do_so_later(trouble: Trouble, code: str, message: str, command: str) -> None:
    assert (trouble.problem.code, str(trouble.problem.message), trouble.lasting) == (code, message, False)
    assert str(trouble.problem.hint).endswith(f": {command}")


@pytest.mark.parametrize(("code", "what"), [(NO_INPUT, "input"), (NO_OUTPUT, "output")])
def test_an_input_or_output_that_is_taken_away_is_told_whatever_was_printed(code: int, what: str) -> None:
    problem = no_shell(Target("gpu", "alice"), "words", ("more",), code).problem
    assert problem.code == "no-shell"
    assert f"takes the {what} of every command away" in str(problem.message)
    assert "ssh alice@gpu 'grep" in str(problem.hint)
