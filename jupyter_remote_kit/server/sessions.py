"""Who is signed in: one entry a cookie, kept over a restart, ended one by one or all at once.

The cookie holds 256 random bits, the table and its file their SHA-256 only: a copy of the file signs nobody in. A dump of the memory does:
there are the secrets of those who came by token, which are handed out again, beside the token itself and the key that signs every cookie.
The table lives on the event loop; its file is written elsewhere.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from traitlets.log import get_logger

from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.host import files
from jupyter_remote_kit.host.trouble import quoted
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.facts import FileKind
from jupyter_remote_kit.server import report
from jupyter_remote_kit.server.hangup import hang_up, is_open
from jupyter_remote_kit.server.saving import Saver
from jupyter_remote_kit.server.session import MAX_SESSIONS, Session, Why, parse, render

if TYPE_CHECKING:
    from tornado.websocket import WebSocketHandler

__all__ = ["Session", "Sessions", "Why"]

SECRET_BYTES = 32
MAX_CLIENT = 256
# JSON writes a character of a hostile user agent as six bytes (\u0000), twice over beyond the first plane.
MAX_FILE = 4 * 1024 * 1024
SAVE_SEEN_EVERY_S = 60.0


def _unheard(_session: Session, _why: Why) -> None:
    """Stands in where nobody listens."""


class Sessions:
    """The sessions of one server, at most `MAX_SESSIONS`. Without a `path` they are gone with the process.

    `on_end` is called with each session that ends, whatever it ended of.
    """

    def __init__(
        self,
        path: Path | None,
        lifetime_s: float,
        *,
        clock: Callable[[], float] = time.time,
        on_end: Callable[[Session, Why], None] = _unheard,
    ) -> None:
        self.lifetime_s = lifetime_s
        self._path = path
        self._on_end = on_end
        self._clock = clock
        self._key_id: str | None = None
        self._by_digest: dict[str, Session] = {}
        self._sockets: dict[str, WeakSet[WebSocketHandler]] = {}
        self._loose: WeakSet[WebSocketHandler] = WeakSet()
        # By address and client, what was handed to those that came by token: secret and digest.
        self._pollers: dict[tuple[str, str], tuple[str, str]] = {}
        self._saver = Saver(path) if path is not None else None
        self._saved_at = clock()

    def use_key(self, key_id: str) -> tuple[Session, ...]:
        """`key_id` names the cookie key in force, and is no secret; sessions of another one end. Returns those.

        The first call reads the file. One that cannot be believed costs a warning, and everybody a sign-in.
        """
        if self._key_id is None:
            saved_key, saved = self._read()
            self._key_id = key_id
            if saved_key == key_id:
                self._take_up(saved)
                return ()
            self._save()
            for session in saved:
                self._on_end(session, Why.ROTATED)
            return saved
        if key_id == self._key_id:
            return ()
        self._key_id = key_id
        return self.end_all(Why.ROTATED)

    # -- signing in -----------------------------------------------------------------------------------------------------------------

    def open(self, *, way: str, address: str, client: str) -> str:
        """A new session; returns the secret for its cookie.

        In a full table the session that was not seen for longest gives way, and before people's those of programs, which come with the
        token again.
        """
        now = self._clock()
        self._sweep(now)
        while len(self._by_digest) >= MAX_SESSIONS:
            programs = {digest for _, digest in self._pollers.values()}
            oldest = min(self._by_digest.values(), key=lambda session: (session.digest not in programs, session.last_seen))
            self._remove(oldest, Why.CROWDED_OUT)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        digest = _digest(secret)
        self._by_digest[digest] = Session(self._free_id(), digest, way, address, client[:MAX_CLIENT], now, now, now + self.lifetime_s)
        self._save()
        return secret

    def open_for_token(self, *, address: str, client: str) -> tuple[str, bool]:
        """The one session of such a client that came by token, and whether it is new.

        An IDE without a cookie jar asks every few seconds (vscode-jupyter): each time it is the same one.
        """
        key = (address, client[:MAX_CLIENT])
        secret, _ = self._pollers.get(key, ("", ""))
        if secret and self.find(secret) is not None:
            return secret, False
        secret = self.open(way="token", address=address, client=client)
        self._pollers[key] = (secret, _digest(secret))
        return secret, True

    # -- each request ---------------------------------------------------------------------------------------------------------------

    def find(self, secret: str) -> Session | None:
        """The session of a cookie's secret, seen now; `None` when there is none, or it is over. Constant work, nothing on the disk."""
        session = self._by_digest.get(_digest(secret))
        if session is None:
            return None
        now = self._clock()
        current = self._in_time(session, now)
        if current is None:
            self._remove(session, Why.EXPIRED)
            self._save()
            return None
        # Within a second nobody can tell, and a page of 80 requests needs no 80 new entries.
        if not 0 <= now - current.last_seen < 1:
            current = replace(current, last_seen=now)
        if current is not session:
            self._change(current, now)
        return current

    def holds(self, session: Session) -> bool:
        """Whether `session` has not ended."""
        return session.digest in self._by_digest

    def seen(self, session: Session, *, address: str, client: str) -> None:
        """Note where `session` is used from now, and by what; a websocket of an IDE may say nothing of itself."""
        current = self._by_digest.get(session.digest)
        client = client[:MAX_CLIENT]
        if current is None or (current.address == address and client in {"", current.client}):
            return
        self._change(replace(current, address=address, client=client or current.client), self._clock())

    def attach(self, session: Session | None, socket: WebSocketHandler) -> None:
        """Let `socket` be hung up on when `session` ends, and at once when it has ended meanwhile; without one, when all end."""
        if session is None:
            self._loose.add(socket)
        elif session.digest in self._by_digest:
            self._sockets.setdefault(session.digest, WeakSet()).add(socket)
        else:
            hang_up((socket,))

    # -- signing out ----------------------------------------------------------------------------------------------------------------

    def end(self, id: str, why: Why = Why.ENDED) -> Session | None:
        """End the session with this id and hang up on its websockets; `None` when there is none. `saved` tells when the file knows."""
        session = next((session for session in self._by_digest.values() if session.id == id), None)
        if session is not None:
            self._remove(session, why)
            self._save()
        return session

    def end_all(self, why: Why = Why.ENDED) -> tuple[Session, ...]:
        """End every session, and hang up on every websocket."""
        ended = tuple(self._by_digest.values())
        self._pollers.clear()
        for session in ended:
            self._remove(session, why)
        hang_up(self._loose)
        self._loose.clear()
        self._save()
        return ended

    async def saved(self) -> None:
        """Return once the file knows of everything until now: whoever ended a session is told so after that."""
        if self._saver is not None:
            await self._saver.saved()

    def close(self) -> None:
        """Write the file for the last time. Websockets are left to the server, which is ending."""
        if self._saver is not None:
            if self._key_id is not None:
                self._save()
            self._saver.close()

    def rows(self) -> list[dict[str, Any]]:
        """What may be shown, those seen last first; `websockets` is how many are open."""
        self._sweep(self._clock())
        return [
            session.row() | {"websockets": sum(is_open(socket) for socket in self._sockets.get(session.digest, ()))}
            for session in sorted(self._by_digest.values(), key=lambda session: session.last_seen, reverse=True)
        ]

    # -- within ---------------------------------------------------------------------------------------------------------------------

    def _in_time(self, session: Session, now: float) -> Session | None:
        """`session` as it counts at `now`; `None` when it is over.

        One from the future was opened before the clock was set back: its time begins now, or it would last until the clock is there again.
        """
        if session.created > now:
            return replace(session, created=now, last_seen=now, expires=min(session.expires, now + self.lifetime_s))
        return session if now < session.expires else None

    def _change(self, session: Session, now: float) -> None:
        self._by_digest[session.digest] = session
        # abs: a clock that was set back must not keep the file from being written for as long.
        if abs(now - self._saved_at) >= SAVE_SEEN_EVERY_S:
            self._save()

    def _remove(self, session: Session, why: Why) -> None:
        del self._by_digest[session.digest]
        hang_up(self._sockets.pop(session.digest, ()))
        self._pollers = {key: known for key, known in self._pollers.items() if known[1] != session.digest}
        self._on_end(session, why)

    def _sweep(self, now: float) -> None:
        for session in [session for session in self._by_digest.values() if self._in_time(session, now) is None]:
            self._remove(session, Why.EXPIRED)

    def _free_id(self) -> str:
        taken = {session.id for session in self._by_digest.values()}
        while (id := secrets.token_hex(4)) in taken:
            pass
        return id

    # -- the file -------------------------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        self._saved_at = self._clock()
        if self._saver is not None:
            # The sessions are frozen: the copy is made here, the work is done there.
            self._saver.put(partial(render, self._key_id, tuple(self._by_digest.values())))

    def _read(self) -> tuple[str | None, tuple[Session, ...]]:
        """Key and sessions of the file; nothing where there is none, or none to believe."""
        if self._path is None or files.file_fact(self._path, with_content=False).kind is FileKind.ABSENT:
            return None, ()
        try:
            return parse(files.read_private(self._path, limit=MAX_FILE))
        except RemoteKitError as error:
            problems = error.problems
        except (ValueError, OverflowError, RecursionError):  # what JSON can hold, and no time is
            problems = ()
        # The hint of others (chmod) would mend nothing any more: it is written anew, privately, at once.
        told = Problem(
            "sessions-file",
            msg("The list of sessions in {path} is not used; everybody signs in again.", path=quoted(self._path)),
        )
        for line in report.lines((*(replace(problem, hint=None) for problem in problems), told)):
            get_logger().warning("%s", line)
        return None, ()

    def _take_up(self, saved: Iterable[Session]) -> None:
        now = self._clock()
        for session in saved:
            # A lifetime that was shortened counts for those that are signed in as well.
            capped = replace(
                session,
                last_seen=min(max(session.last_seen, session.created), now),
                expires=min(session.expires, session.created + self.lifetime_s),
            )
            current = self._in_time(capped, now)
            if current is not None:
                self._by_digest[current.digest] = current


def _digest(secret: str) -> str:
    # A cookie may hold what is no Unicode text; it must be compared, not raise.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
