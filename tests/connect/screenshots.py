"""The README's picture of `connect`: a laptop's terminal, in English and in Chinese.

`python -m tests.connect.screenshots` connects a laptop to a host with a real sshd, works through the line for a moment, and has a browser
draw what the terminal then shows, its secrets left out.
"""

from __future__ import annotations

import re

import pexpect

from tests.connect.stage import Lab, User, reason_to_skip
from tests.connect.stage.connection import FINDS_KIT
from tests.connect.stage.laptop import PERSON
from tests.connect.stage.machine import KIT
from tests.e2e.screenshots import FOLDER, STORIES, Screen, Story, draw_terminal
from tests.e2e.stage import laptop as browsers

HOST, USER = "gpubox", "mei"
TYPED = f"jupyter remotekit connect {USER}@{HOST}"
COLUMNS, LINES = 160, 40
# rich draws a live line, and wipes it away in the end; one that is still there has no end.
_LIVE = re.compile(r"\x1b\[\?25l(?P<frames>.*?)(?:\n?\x1b\[\?25h\r\x1b\[1A\x1b\[2K|\Z)", re.DOTALL)
_WIPED = "\x1b[2K"


def shown(printed: str) -> str:
    """What is left on the screen: of a live line the last frame, if it is still drawn; no secrets."""

    def last(live: re.Match[str]) -> str:
        over = live[0].endswith(_WIPED)
        return "" if over else live["frames"].rpartition(_WIPED)[2].strip("\r\n")

    text = _LIVE.sub(last, printed.replace("\r\n", "\n"))
    return re.sub(r"(token|ticket)=[\w-]+", r"\1=…", text).rstrip()


def connected(lab: Lab, story: Story) -> str:
    """What the terminal shows while somebody works through the line."""
    environment = {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(LINES), "LANG": story.locale}
    program, *argv = lab.laptop.command((KIT, *TYPED.split()[2:], "--no-browser", *FINDS_KIT), PERSON, environment)
    terminal = pexpect.spawn(program, argv, dimensions=(LINES, COLUMNS), timeout=90, encoding="utf-8")
    try:
        terminal.expect(r"(http://[\w.]+:\d+)/remotekit/\S+")
        printed = terminal.before + terminal.after
        address = terminal.match[0]
        with lab.laptop.page() as page:
            page.goto(address)
            page.wait_for_selector(".jp-Launcher")
            terminal.expect(r"↓ [\d.]+ MB ↑ [\d.]+ \w+")
        printed += terminal.before + terminal.after
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    return shown(printed)


def main() -> None:
    """Take the pictures."""
    if reason := reason_to_skip() or browsers.reason_to_skip():
        raise SystemExit(reason)
    for story in STORIES:
        with Lab() as lab:
            lab.host(HOST, User(USER))
            printed = connected(lab, story)
            with lab.laptop.page() as page:
                screen = Screen(f"{PERSON}@laptop", TYPED, printed)
                draw_terminal(page, story.browser, screen, FOLDER / f"terminal-connect{story.suffix}.png")


if __name__ == "__main__":
    main()
