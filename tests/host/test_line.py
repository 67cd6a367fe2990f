"""How ssh is started, and what is believed of its output; the lines themselves are tried in tests/connect, with a real sshd."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import sshprocess
from jupyter_remote_kit.host.line import Line, LineCut
from jupyter_remote_kit.plan.ssh import Opening
from jupyter_remote_kit.plan.target import Target


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without a network: an `ssh` that hands the command to this machine's shell, as sshd does. Its own words: ssh.said."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ ! -f {tmp_path}/ssh.said ] || cat {tmp_path}/ssh.said >&2\nfor last; do :; done\nexec /bin/sh -c "$last"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/sh")
    return tmp_path


def opening() -> Opening:
    return Opening(Target("gpu"), batch=True)


def test_ctrl_c_is_heard_again_however_many_were_started_at_once() -> None:
    async def several() -> list[object]:
        started = await asyncio.gather(*(sshprocess.start((sys.executable, "-S", "-c", "")) for _ in range(5)))
        within = signal.getsignal(signal.SIGINT)
        for process in started:
            await process.communicate()
        return [within]

    before = signal.getsignal(signal.SIGINT)
    (within,) = asyncio.run(several())
    assert within is not signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_started_does_not_hear_ctrl_c(shell: Path) -> None:
    async def work() -> str:
        process = await sshprocess.start((sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGINT))"))
        out, _ = await process.communicate()
        return out.decode().strip()

    assert asyncio.run(work()) in {str(signal.SIG_IGN), "1", "Handlers.SIG_IGN"}


def test_requests_come_one_at_a_time_and_one_that_is_given_up_disturbs_none(shell: Path) -> None:
    async def work() -> None:
        async with Line.open(opening()) as session:
            given_up = asyncio.ensure_future(session.ask("sleep 0.3; echo late"))
            await asyncio.sleep(0)
            given_up.cancel()
            answers = await asyncio.gather(*(session.ask(f"echo {number}; (exit {number})") for number in range(3)))
            assert [(answer.code, answer.lines) for answer in answers] == [(number, (str(number),)) for number in range(3)]
            assert (await session.ping(os.getpid())).alive
            assert not (await session.ping(4_000_000)).alive

    asyncio.run(work())


def test_an_answer_without_bounds_is_not_kept(shell: Path) -> None:
    async def work() -> None:
        async with Line.open(opening()) as session:
            with pytest.raises(Failed) as refused:
                await session.ask("yes 0123456789012345678901234567890123456789 | head -c 20000000")
            assert refused.value.problems[0].code == "host-answer"

    asyncio.run(work())


def test_a_shell_that_ends_is_told_with_its_own_words(shell: Path) -> None:
    shell.joinpath("ssh.said").write_text("gpu: Connection reset by peer\n")

    async def work() -> None:
        async with Line.open(opening()) as session:
            with pytest.raises(LineCut) as cut:
                await session.ask("kill -9 $$")
            assert cut.value.trouble.problem.code == "line-cut"

    asyncio.run(work())


def test_a_laptop_without_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def work() -> None:
        async with Line.open(opening()):
            raise AssertionError

    with pytest.raises(Failed) as refused:
        asyncio.run(work())
    assert refused.value.problems[0].code == "no-ssh"
