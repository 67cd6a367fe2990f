"""Several people who type at the same time, each on a server of their own, since most of it is waiting.

A server of their own: the pages of one server share a language server, and would wait for each other's completions.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from playwright.async_api import Browser, Locator, Page, async_playwright

from jupyter_remote_kit.server import jediserver
from tests.e2e.stage.hosts import SYSTEM_PATH, Host
from tests.e2e.stage.laptop import FETCH, FLAGS, STARTS_WITHIN_MS, WIDE, Laptop, chromium

COMPLETER = "@jupyterlab/completer-extension:manager"
SLOW = Path(__file__).with_name("slow_language_server.py")
POPUP = ".jp-Completer:not(.lm-mod-hidden)"
EDITOR = ":is(.jp-Notebook .jp-CodeCell, .jp-FileEditor) .cm-content"
CURSOR_LINE = "(node => (node.closest ? node : node.parentElement).closest('.cm-line'))(getSelection().focusNode)"
READY_WITHIN_MS = 90_000
T = TypeVar("T")


@dataclass(frozen=True)
class Piece:
    """Lines to be typed. `pauses` are taken in turn, at every fifth character and before each Enter, or there alone."""

    lines: tuple[str, ...]
    pauses: tuple[float, ...]
    only_before_enter: bool = False


@dataclass(frozen=True)
class Desk:
    """A server in a home of its own, on a port of its own."""

    host: Host
    port: int
    password: str

    def serve(self, slowed: float | None) -> None:
        """Start it; with `slowed` every answer of its language server comes so many seconds later."""
        self.host.home.mkdir(mode=0o755)
        self.work.mkdir()
        if slowed is not None:
            self._slow(slowed)
        options = ("--access", "ssh", "--port", str(self.port), "--root-dir", self.work, "--password-stdin")
        self.host.up(*options, stdin=f"{self.password}\n")

    @property
    def work(self) -> Path:
        return self.host.home / "work"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _slow(self, seconds: float) -> None:
        server = (str(self.host.prefix / "bin" / "python"), jediserver.__file__)
        spec = {
            "argv": [sys.executable, str(SLOW), str(seconds), *server],
            "languages": ["python"],
            "version": 2,
            "mime_types": ["text/x-python", "text/x-ipython"],
        }
        self.host.config_dir.mkdir(exist_ok=True)
        servers = {"language_servers": {"jedi-language-server": spec}}
        (self.host.config_dir / "jupyter_server_config.json").write_text(json.dumps({"LanguageServerManager": servers}))


class Typist:
    """A person at a desk: one page, in which one document at a time is open."""

    def __init__(self, desk: Desk, page: Page) -> None:
        self.desk, self.page = desk, page
        self._numbers = itertools.count()

    async def sign_in(self) -> None:
        await self.page.goto(f"{self.desk.url}/lab?reset")
        await self.page.fill("input[type=password]", self.desk.password)
        await self.page.press("input[type=password]", "Enter")
        await self._ready()

    async def complete(self, on: bool) -> None:
        """Switch completion while typing off or on, as the settings editor does."""
        await self.set(COMPLETER, {"autoCompletion": on})

    async def set(self, plugin: str, values: dict[str, object]) -> None:
        await self.page.evaluate(FETCH, ["PUT", f"/lab/api/settings/{plugin}", {"raw": json.dumps(values)}])

    async def open(self, kind: str, *sources: str, server: bool = True) -> Path:
        """Open a new document, a file or a notebook with `sources` as cells, and go to its end; with `server` once it can complete."""
        path = self.desk.work / f"typed{next(self._numbers)}{kind}"
        path.write_text(notebook(*sources) if kind == ".ipynb" else "".join(sources))
        await self.page.goto(f"{self.desk.url}/lab/tree/{path.name}?reset")
        await self._ready()
        if kind == ".ipynb":
            await self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
        await self.page.locator(EDITOR).last.click()
        await self.page.keyboard.press("Control+End")
        if server:
            await self.page.locator(".lsp-statusbar-item", has_text="Fully initialized").wait_for(timeout=READY_WITHIN_MS)
        return path

    async def type(self, piece: Piece) -> None:
        """Type `piece`, key by key; what JupyterLab indents by itself is typed over."""
        pauses, count = itertools.cycle(piece.pauses), 0
        for number, line in enumerate(piece.lines):
            if number:
                await asyncio.sleep(next(pauses))
                await self.keys("Enter", "Shift+Home")
            for character in line:
                await self.page.keyboard.type(character)
                count += 1
                if count % 5 == 0 and not piece.only_before_enter:
                    await asyncio.sleep(next(pauses))
        await asyncio.sleep(next(pauses))

    async def keys(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def saved(self, path: Path) -> str:
        """Save, and return what is in the file, or in the last cell of the notebook; while it is being written it is empty."""
        before = path.stat().st_mtime_ns
        await self.keys("Control+s")
        await eventually(lambda: path.stat().st_mtime_ns != before and bool(text_in(path)), "the document to be saved")
        return text_in(path) or ""

    async def typed(self, kind: str, piece: Piece, *, server: bool = True) -> str:
        """What is in a new document after `piece` has been typed into it."""
        path = await self.open(kind, "", server=server)
        await self.type(piece)
        return await self.saved(path)

    async def line(self) -> str:
        """The text of the line with the cursor."""
        text: str = await self.page.evaluate(f"{CURSOR_LINE}.textContent")
        return text

    async def line_box(self) -> dict[str, float]:
        """Where the line with the cursor is, in pixels."""
        box: dict[str, float] = await self.page.evaluate(f"{CURSOR_LINE}.getBoundingClientRect().toJSON()")
        return box

    async def first_item(self, within: float = 10, wanted: str | None = None) -> str | None:
        """The first suggestion of the popup, as soon as there is one, or as soon as it is `wanted`; `None` when there is none in time."""
        items = self.page.locator(f"{POPUP} .jp-Completer-item:first-child .jp-Completer-match")
        if not await seen(items.get_by_text(wanted, exact=True) if wanted else items, within):
            wanted = None
        return wanted or (await items.first.inner_text() if await items.count() else None)

    @property
    def popup(self) -> Locator:
        return self.page.locator(POPUP)

    async def clear_line(self) -> None:
        if await self.popup.count():
            await self.keys("Escape")
        await self.keys("Shift+Home", "Backspace")

    async def _ready(self) -> None:
        await self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        await self.page.wait_for_selector(".jp-Launcher, .jp-Document", state="visible")


async def seen(what: Locator, within: float) -> bool:
    """Whether it shows in time."""
    with contextlib.suppress(Exception):
        await what.wait_for(timeout=within * 1000)
        return True
    return False


async def eventually(condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """As `waiting.until`, while others go on typing."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            message = f"waited {seconds} s for {what}"
            raise TimeoutError(message)
        await asyncio.sleep(0.05)
    return value


def text_in(path: Path) -> str | None:
    """A file's text, or that of a notebook's last cell; `None` while it is being written."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    try:
        source = json.loads(text)["cells"][-1]["source"]
    except ValueError:
        return None
    return source if isinstance(source, str) else "".join(source)


def notebook(*sources: str) -> str:
    """A notebook with `sources` as cells, as JupyterLab writes it."""
    cells = [
        {"cell_type": "code", "id": f"cell{number}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for number, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


async def side_by_side(laptop: Laptop, work: Iterable[tuple[Desk, Callable[[Typist], Awaitable[None]]]]) -> None:
    """Do every piece of work at its desk, all at the same time; the first that fails ends them."""
    wrapper = laptop.home / "chromium-for-typists"
    argv = laptop.machine.command(["env", f"HOME={laptop.home}", chromium() or ""])
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    wrapper.chmod(0o755)
    environment: dict[str, str | float | bool] = {"HOME": str(laptop.home), "PATH": SYSTEM_PATH, "LANG": "C.UTF-8"}
    async with async_playwright() as playwright:
        # Its pages do not take each other the focus: Playwright has each of them believe that it has it.
        browser = await playwright.chromium.launch(executable_path=wrapper, args=list(FLAGS), env=environment, timeout=STARTS_WITHIN_MS)
        try:
            await asyncio.gather(*(_sit_down(browser, desk, do) for desk, do in work))
        finally:
            await browser.close()


async def _sit_down(browser: Browser, desk: Desk, do: Callable[[Typist], Awaitable[None]]) -> None:
    context = await browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    context.set_default_timeout(STARTS_WITHIN_MS * 2)
    typist = Typist(desk, await context.new_page())
    await typist.sign_in()
    await do(typist)
