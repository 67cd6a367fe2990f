"""Runs other programs to their end: what they are told is an argv, never a line for a shell."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.model import Run

# sbin is not on every user's PATH, nor on that of every su.
SEARCHED = ("/usr/local/sbin", "/usr/sbin", "/sbin")
# As long as systemd gives a unit to stop, and to start.
PATIENCE_S = 240.0
# How soon a reader who went away is noticed.
_QUIET_S = 0.5


@dataclass(frozen=True)
class Done:
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last thing that it said."""
        lines = [line.strip() for line in (self.out + "\n" + self.err).splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


def find(name: str) -> str | None:
    """The path of a program; `None` where there is none."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SEARCHED)))


def run(step: Run) -> None:
    """Run a step of a plan. Raises `Failed` in its words when it fails."""
    done = call(step.argv, given=step.given)
    if done.code == 0 or step.may_fail:
        return
    sentence = step.sentence or msg("{argv} failed: {reason}", argv=shlex.join(step.argv), reason=done.last_line)
    raise Failed.of(step.code, sentence, step.hint or msg("Run it by hand to see more: {argv}", argv=shlex.join(step.argv)))


def call(
    argv: tuple[str, ...],
    *,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
    patience_s: float = PATIENCE_S,
    aloud: bool = False,
) -> Done:
    """Run `argv` with `given` on its standard input; `aloud` leaves standard error to the terminal, as sudo's prompts want it.

    Raises `Failed` when there is no such program, or when it takes longer than `patience_s` seconds.
    """
    program = find(argv[0]) if not argv[0].startswith("/") else argv[0]
    if program is None:
        raise no_program(argv[0])
    try:
        done = subprocess.run(  # noqa: S603  # an argv, no shell
            (program, *argv[1:]),
            input=given or "",
            stdout=subprocess.PIPE,
            stderr=None if aloud else subprocess.PIPE,
            env={**_environment(argv), **(environment or {})},
            text=True,
            errors="replace",
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_long(argv, patience_s) from None
    except OSError as error:
        raise Failed.of("no-program", msg("{name} cannot be run: {reason}", name=program, reason=error.strerror)) from error
    return Done(done.returncode, done.stdout, done.stderr or "")


@contextmanager
def lines(argv: tuple[str, ...]) -> Iterator[Iterator[str | None]]:
    """Run `argv` and hand its lines on as they come; `None` while there are none. It ends with the context."""
    program = find(argv[0])
    if program is None:
        raise no_program(argv[0])
    process = subprocess.Popen(  # noqa: S603  # an argv, no shell
        (program, *argv[1:]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=_environment(argv)
    )
    assert process.stdout is not None  # noqa: S101  # a pipe was asked for
    try:
        yield _lines(process.stdout.fileno())
    finally:
        process.terminate()
        # Closed first: what still writes to a pipe that nobody reads would never end.
        process.stdout.close()
        process.wait()


def _lines(coming: int) -> Iterator[str | None]:
    rest = b""
    while True:
        if not select.select([coming], [], [], _QUIET_S)[0]:
            yield None
            continue
        part = os.read(coming, 65536)
        if not part:
            yield from (line.decode(errors="replace") for line in (rest,) if line)
            return
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)


def _too_long(argv: tuple[str, ...], patience_s: float) -> Failed:
    return Failed.of("command-timeout", msg("{argv} did not end within {seconds} s.", argv=shlex.join(argv), seconds=int(patience_s)))


def no_program(name: str) -> Failed:
    """There is no such program."""
    return Failed.of("no-program", msg("There is no program {name!r} on this machine.", name=name), msg("command -v {name}", name=name))


def call_as(user: str, argv: tuple[str, ...], environment: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> Done:
    """As root, run `argv` with the rights, the groups and the home of `user`, and nothing of this environment but the language.

    Raises `Failed` where that user cannot, or when it takes longer than `patience_s` seconds.
    """
    import pwd  # which a laptop with Windows lacks; it has other programs to run

    account = pwd.getpwnam(user)
    own = {name: value for name, value in os.environ.items() if name in {"LANG", "LANGUAGE"} or name.startswith("LC_")}
    home = {"HOME": account.pw_dir, "USER": user, "LOGNAME": user, "SHELL": account.pw_shell, "PATH": os.defpath}
    try:
        done = subprocess.run(  # noqa: S603  # an argv, no shell
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**own, **home, **environment},
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(user, account.pw_gid),
            # Without root's terminal: what this user has put into the interpreter's way could type into it.
            start_new_session=True,
            text=True,
            errors="replace",
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_long(argv, patience_s) from None
    except OSError as error:
        raise Failed.of(
            "not-for-user",
            msg("{user} cannot run {program}: {reason}", user=user, program=argv[0], reason=error.strerror),
            msg("namei -l {program}", program=shlex.quote(argv[0])),
        ) from error
    return Done(done.returncode, done.stdout, done.stderr)


def runtime_folder() -> Path:
    """Where the sockets of this user's own manager are: always there, also where sudo or cron leave the variable unset."""
    return Path(f"/run/user/{os.geteuid()}")


def _environment(argv: tuple[str, ...]) -> Mapping[str, str]:
    """Ours, and where the user's own manager is for whoever asks it."""
    return {**os.environ, "XDG_RUNTIME_DIR": str(runtime_folder())} if "--user" in argv else dict(os.environ)
