"""The laptop's half of `list`: many hosts asked at once, each for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.commands.connecting import loginprofile
from jupyter_remote_kit.commands.connecting.wish import kit_search, known_host
from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.host import addressbook, paths, sshprocess
from jupyter_remote_kit.host.line import Line, LineCut
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import target
from jupyter_remote_kit.plan.addressbook import KnownHost
from jupyter_remote_kit.plan.ssh import Opening

# After it has answered: the way in, and the kit's own start on a busy machine.
_ANSWERS_S = 12.0
_AT_ONCE = 48


@dataclass(frozen=True)
class Found:
    """What one host has said of itself, as `here.servers_here` has it; or why it has not. `warnings` are of the way there."""

    known: KnownHost
    data: dict[str, Any] | None = None
    problem: Problem | None = None
    warnings: tuple[Problem, ...] = ()


def known(texts: tuple[str, ...]) -> tuple[KnownHost, ...]:
    """The hosts that are named, or all that are remembered. Raises `WrongUsage` for what is neither known nor a host."""
    book = addressbook.load(paths.layout())
    if not texts:
        return book.hosts
    # Two names of a host that the book has may stand for two projects; of others the target is all that there is.
    found = (known_host(book, text, target.parse(text)) for text in texts)
    return tuple({(host.name, str(host.target)): host for host in found}.values())


@contextmanager
def live(wanted: bool) -> Iterator[Callable[[Callable[[], str]], None]]:
    """Where it is wanted: hands out what draws a text on the terminal, in the place of the one before; wiped away in the end."""
    if not wanted:
        yield lambda _: None
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, transient=True) as screen:
        yield lambda draw: screen.update(Text.from_ansi(draw()), refresh=True)


async def ask_all(hosts: tuple[KnownHost, ...], connect_s: int, came: Callable[[Found], None], *, batch: bool) -> tuple[Found, ...]:
    """All hosts at once, in their order; `came` is handed each as it comes. One that is slow or dead holds up none of the others."""

    # Three pipes each, and 256 descriptors are all that a macOS gives by itself.
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(known: KnownHost) -> Found:
        async with room:
            found = await _ask(known, connect_s, batch=batch)
        came(found)
        return found

    return tuple(await asyncio.gather(*map(one, hosts)))


async def _ask(known: KnownHost, connect_s: int, *, batch: bool) -> Found:
    patience = connect_s + known.options.profile_s + _ANSWERS_S if batch else None
    try:
        return await asyncio.wait_for(_asked(known, connect_s, batch=batch), patience)
    except asyncio.TimeoutError:
        late = msg("{host} did not answer within {seconds} s.", host=known.shown, seconds=round(patience or 0))
        return Found(known, problem=Problem("host-slow", late, msg("Give it longer: --timeout {seconds}", seconds=connect_s * 4)))
    except LineCut as cut:
        return Found(known, problem=cut.trouble.problem)
    except RemoteKitError as error:
        return Found(known, problem=error.problems[0])
    except OSError as error:
        reason = error.strerror or str(error)
        return Found(known, problem=Problem("os-error", msg("{host} cannot be asked: {reason}", host=known.shown, reason=reason)))


async def _asked(known: KnownHost, connect_s: int, *, batch: bool) -> Found:
    settings = await sshprocess.settings(known.target)
    # Whoever answers what a jump host asks takes their time; where nobody does, `--timeout` says how long it may take.
    patience_s = connect_s if batch else settings.patience_s(connect_s, batch=False)
    opening = Opening(known.target, batch=batch, connect_s=patience_s, for_tunnels=settings.for_tunnels, profile_s=known.options.profile_s)
    async with Line.open(opening) as line:
        # Another host's is remembered once it is connected to.
        remembered = known in addressbook.load(paths.layout()).hosts
        warnings = loginprofile.left(line, known, known.options) if remembered else ()
        reply = await distant.ask_kit(line, kit_search(known, known.options), known.shown, ("list", "--here", "--json"))
    return Found(known, data=reply.data, warnings=warnings)
