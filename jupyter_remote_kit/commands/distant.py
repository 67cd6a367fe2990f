"""What the laptop's commands share: a line to a host, and the kit at the other end of it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from jupyter_remote_kit import __version__
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import Failed, Problem, RemoteKitError
from jupyter_remote_kit.host import sshprocess
from jupyter_remote_kit.host.line import Answer, Line, LineCut
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import kitsearch, preflight, remoteserver, shell
from jupyter_remote_kit.plan.kitsearch import Search
from jupyter_remote_kit.plan.remoteserver import other_version
from jupyter_remote_kit.plan.shell import Profile
from jupyter_remote_kit.plan.ssh import Opening, Platform, is_socket_folder
from jupyter_remote_kit.plan.target import Target
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.words import LANGUAGE_VARIABLE, terminal_locale

T = TypeVar("T")

CONNECT_S = 10
"""How long a host may take to a first answer."""

KIT_S = 40
"""How long the kit of a host may take to its answer before it is ended there, but for a server's own start."""

# The signals that end it, the last of which is the second.
_ENDED_S = 10.0
# The kit ends a server that does not start within 60 s (`host.starting`), and says so.
_STARTS_S = 80.0
_MOST_BEGINS = 20


def _no_number(word: str) -> float:
    """NaN and infinities are Python's own: in what we pass on they would be no JSON."""
    raise ValueError(word)


_JSON = json.JSONDecoder(parse_constant=_no_number)
# What a shell says of a process that TERM or KILL has ended.
_SIGNALLED = (128 + signal.SIGTERM, 128 + 9)
_CODE = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_MOST_WORDS = 500
_OF_THE_FOLDER = ("root-dir-not-a-directory", "root-dir-not-writable")

PLATFORM = Platform.WINDOWS if sys.platform == "win32" else Platform.POSIX


@dataclass(frozen=True)
class Reply:
    """What the host's kit said: the path at which it was found, and the `data` of its result."""

    kit: str
    data: dict[str, Any]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end; a line that is cut on the way is a failure like others. Raises `RemoteKitError`."""
    try:
        with _broken_pipes_are_errors():
            return asyncio.run(work)
    except LineCut as cut:
        raise Failed(cut.trouble.problem) from None


def heed_signals() -> None:
    """From now on a terminal that is closed, or a service manager, ends the task that runs as Ctrl-C does: asyncio cancels it.

    A window that is closed tells twice, by the kernel and by the shell: the second time does not cut short what the first has begun.
    Whoever was started by `nohup` goes on.
    """
    if not hasattr(signal, "SIGHUP"):
        # Windows has no such signals, and asyncio no handlers for them.
        return
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  # whoever calls this is one
    loop = asyncio.get_running_loop()

    def hang_up() -> None:
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, hang_up)


@contextmanager
def answerable() -> Iterator[None]:
    """Within, Ctrl-C ends a question at once: asyncio's own handler would only take note of it, and wait for the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _broken_pipes_are_errors() -> Iterator[None]:
    """Within, what is written to a connection whose other end is gone raises, and does not end the process as `… | head` shall."""
    if not hasattr(signal, "SIGPIPE"):
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


@asynccontextmanager
async def opened(context: Context, target: Target, profile_s: int) -> AsyncIterator[Line]:
    """A line for one command. ssh asks its questions on the terminal, where there is one. Raises `LineCut`."""
    batch = not context.interactive
    settings = await sshprocess.settings(target)
    connect_s = settings.patience_s(CONNECT_S, batch=batch)
    opening = Opening(target, batch=batch, connect_s=connect_s, for_tunnels=settings.for_tunnels, profile_s=profile_s)
    async with Line.open(opening, shown(context)) as line:
        yield line


def shown(context: Context) -> Callable[[str], None] | None:
    """Shows what ssh says before somebody is let in: banners, and what it asks about."""
    if not context.interactive:
        return None
    return lambda words: context.remark(printable(words))


async def ask_kit(line: Line, search: Search, host: str, arguments: tuple[str, ...]) -> Reply:
    """Find the kit on the host, and have it do something, all in one request. `host` is its name, for sentences.

    Where the kit does not even start in the environment that the login profile makes (PYTHONHOME, ulimit -v), it is asked without that.
    Raises `LineCut`; `kitsearch.NotFound` where there is no kit; and `Failed` or `Refused` in the words of the host's kit.
    """
    try:
        return await _asked(line, search, host, arguments)
    except _KitFailed:
        if line.greeting.profile is not Profile.USED:
            raise
        await line.leave_profile()
        return await _asked(line, search, host, arguments)


class _KitFailed(Failed):
    """The kit has not come to an answer."""


async def _asked(line: Line, search: Search, host: str, arguments: tuple[str, ...]) -> Reply:
    told = {LANGUAGE_VARIABLE: terminal_locale(), remoteserver.KNOWN_AS: host}
    answer = await _within(line, shell.bounded(template("kit.sh"), (*search.words, *arguments), told, KIT_S), host)
    found = kitsearch.parse(answer.lines, answer.code, host)
    envelope = _envelope(found.said)
    if envelope is None:
        # Half an answer may hold a token: what looks like one is not shown. What fails says why in its last line.
        said_by_it = [said for said in found.said if said.strip() and "{" not in said]
        if answer.code == 0:
            words = said_by_it[0] if said_by_it else "-"
            raise Failed.of(
                "host-answer",
                msg("The kit on {host} gave an answer that cannot be understood: {words}", host=host, words=_shown_words(words)),
                msg("On {host}: {words}", host=host, words=f"{shell.quoted((printable(found.kit),))} status"),
            )
        words = said_by_it[-1] if said_by_it else f"exit code {answer.code}"
        raise _KitFailed.of(
            "host-failed",
            msg("The kit on {host} failed: {words}", host=host, words=_shown_words(words)),
            msg("On {host}: {words}", host=host, words=f"{shell.quoted((printable(found.kit),))} status"),
        )
    if envelope["ok"] is not True:
        for row in envelope["problems"]:
            if isinstance(row, dict) and row.get("code") == "usage":
                raise await _not_known(line, host, found.kit, str(row.get("message")))
        raise _failure(answer.code)(*(_theirs(host, row) for row in envelope["problems"]))
    return Reply(found.kit, envelope["data"])


async def _within(line: Line, request: str, host: str) -> Answer:
    """The answer, unless the kit hangs. Raises `Failed` then, and as `Line.ask`."""
    begun = time.monotonic()
    deadline = begun + KIT_S + _ENDED_S

    def heard(said: str) -> None:
        nonlocal deadline
        if said.strip() == remoteserver.STARTING:
            deadline = time.monotonic() + _STARTS_S

    asking = asyncio.ensure_future(line.ask(request, on_line=heard))
    try:
        while not asking.done() and time.monotonic() < deadline:
            await asyncio.wait({asking}, timeout=deadline - time.monotonic())
    finally:
        if not asking.done():
            asking.cancel()
    late = time.monotonic() - begun >= KIT_S and (asking.cancelled() or not asking.done() or asking.result().code in _SIGNALLED)
    if late:
        message = msg("The kit on {host} did not answer within {seconds} s, and was ended there.", host=host, seconds=KIT_S)
        raise Failed.of(
            "kit-hangs", message, msg("Look for what it waits for on {host}: a disk that does not answer, most often", host=host)
        )
    return asking.result()


def template(name: str) -> str:
    """One of the scripts that a host runs: constant text, which takes its arguments as `$1` and so on."""
    return (resources.files("jupyter_remote_kit") / "templates" / "remote" / name).read_text(encoding="utf-8")


@contextmanager
def control_folder() -> Iterator[Path]:
    """A folder that only this user can enter, for the sockets of one connection: below TMPDIR, unless ssh could not be told of that."""
    usual = tempfile.gettempdir()
    above = usual if not PLATFORM.multiplexes or is_socket_folder(usual) else "/tmp"  # noqa: S108  # made by mkdtemp, 0700
    with tempfile.TemporaryDirectory(prefix="rk-", dir=above, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _envelope(said: tuple[str, ...]) -> dict[str, Any] | None:
    """The one JSON object of a command of ours, among what a library may have printed beside it."""
    for line in reversed(said):
        # Something else may have begun the line: `module load` and wrappers do.
        for begin in islice(re.finditer(r'\{"', line), _MOST_BEGINS):
            try:
                found, _ = _JSON.raw_decode(line, begin.start())
            except (ValueError, RecursionError):
                continue
            if _is_envelope(found):
                return dict(found)
    return None


def _is_envelope(found: object) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("data"), dict) or not isinstance(found.get("problems"), list):
        return False
    # One that failed says why.
    return isinstance(found.get("ok"), bool) and (found["ok"] or bool(found["problems"]))


async def _not_known(line: Line, host: str, kit: str, words: str) -> Failed:
    """The host's kit knows no such command, or no such option. What it is told is ours, and no slip of the user's.

    Only its version tells whether that is the reason.
    """
    answer = await line.ask(shell.running((kit, "--version")))
    theirs = next((said.split()[-1] for said in reversed(answer.lines) if said.strip()), "?")
    if theirs != __version__:
        message = msg("The kit on {host} ({kit}) does not know what it is asked.", host=host, kit=printable(kit))
        return Failed.of("kit-version", message, other_version(__version__, _shown_words(theirs), kit))
    return Failed.of(
        "kit-differs",
        msg("The kit on {host} is not what it says it is, {version}: {words}", host=host, version=theirs, words=_shown_words(words)),
        msg("On {host}: {words}", host=host, words=remoteserver.reinstalled(kit, __version__)),
    )


def _theirs(host: str, row: object) -> Problem:
    """A problem in the host's words, which are in the user's language already: the kit there was told which."""
    told = row if isinstance(row, dict) else {}
    code, message, hint = (told.get(key) for key in ("code", "message", "hint"))
    to_do = msg("On {host}: {words}", host=host, words=_shown_words(hint)) if isinstance(hint, str) else None
    if code in _OF_THE_FOLDER:
        # Said of an option that has another name on this side.
        to_do = preflight.choose_another(host, str(message))
    return Problem(
        code if isinstance(code, str) and _CODE.match(code) else "host-failed",
        msg("{host} says: {words}", host=host, words=_shown_words(str(message or "-"))),
        to_do,
    )


def _shown_words(text: str) -> str:
    """What a host has said, as far as a person reads it."""
    return printable(text[:_MOST_WORDS]) + ("…" if len(text) > _MOST_WORDS else "")


def _failure(code: int) -> type[RemoteKitError]:
    kinds: tuple[type[RemoteKitError], ...] = (Failed, *RemoteKitError.__subclasses__())
    return next((kind for kind in kinds if kind.exit_code == code), Failed)
