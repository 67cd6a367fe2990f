"""What a person sees of a line: one live line on a terminal, a sentence for each change elsewhere. All on standard error.

Where that is gone (a window that was closed over a `disown`), nothing is seen, and the line is no worse.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_remote_kit.commands.context import Context, is_terminal
from jupyter_remote_kit.messages import Message, msg

if TYPE_CHECKING:
    from rich.live import Live


class Screen:
    """Shows the state of the line to `host`."""

    def __init__(self, context: Context, host: str) -> None:
        self._context = context
        self._host = host
        self._live: Live | None = None
        self._drawn = ""

    def connecting(self, *, by_way: bool = False) -> None:
        """A line is being made: ssh may ask something below this. `by_way`: through another host, which may take as long as it likes."""
        if by_way:
            self.say(msg("Connecting to {host} by way of another host; Ctrl-C ends it …", host=self._host))
        else:
            self.say(msg("Connecting to {host} …", host=self._host))

    def working(self, message: Message) -> None:
        """What is being done on the host."""
        self._state(message)

    def up(self) -> None:
        """There is a line."""
        self.say(msg("Connected to {host}.", host=self._host))

    def alive(self, round_trip_s: float | None, down: int, up: int) -> None:
        """The line is alive; bytes since the beginning. For a terminal alone: this comes each second."""
        if not is_terminal(sys.stderr):
            return
        from rich.filesize import decimal

        trip = "-" if round_trip_s is None else f"{round_trip_s * 1000:.0f} ms"
        self._state(msg("● {host} · {trip} · ↓ {down} ↑ {up}", host=self._host, trip=trip, down=decimal(down), up=decimal(up)))

    def down(self, reason: Message, seconds: float) -> None:
        """The line is gone; the next try comes in so many seconds."""
        self._state(
            msg("○ {host}: {reason} Next try in {seconds} s; Ctrl-C ends it.", host=self._host, reason=reason, seconds=round(seconds))
        )

    def say(self, message: Message) -> None:
        """A sentence that stays, above the live line."""
        self.clear()
        with suppress(OSError):
            self._context.remark(self._context.say(message))

    def clear(self) -> None:
        """Leave the terminal to others: ssh may have to ask something."""
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()
            self._live = None
            self._drawn = ""

    def _state(self, message: Message) -> None:
        with suppress(OSError):
            self._draw(self._context.say(message))

    def _draw(self, text: str) -> None:
        if not is_terminal(sys.stderr):
            self._context.remark(text)
            return
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            # Transient: what is over is wiped away, and the terminal's history holds sentences only.
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        if text == self._drawn:
            return
        from rich.text import Text

        self._drawn = text
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)
