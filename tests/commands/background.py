"""Commands that run beside the test, and waiting for what they leave."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.commands.host import PATIENCE_S, Host, Outcome, console_script


@contextmanager
def begun(host: Host, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """The console script, running; killed at the end if it still does."""
    process = subprocess.Popen(
        [console_script(), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=host.environment,
        cwd=host.home,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def outcome(process: subprocess.Popen[str]) -> Outcome:
    """What it left, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return Outcome(process.returncode, out, err)


@contextmanager
def ended_after(host: Host, *instances: str) -> Iterator[None]:
    """Whatever servers of these instances are left, are ended by the process ids that they wrote down."""
    try:
        yield
    finally:
        for instance in instances:
            host.run("down", "--instance", instance)
