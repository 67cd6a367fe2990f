"""The laptop: its browser, its trust store, and its place on the network."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.stage.hosts import SYSTEM_PATH

CHROMIUM = ("chromium", "chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STARTS_WITHIN_MS = 40_000
FETCH = """async ([method, path, body]) => {
  const xsrf = document.cookie.match(/_xsrf=([^;]+)/)[1];
  const headers = {'X-XSRFToken': xsrf, 'Content-Type': 'application/json'};
  const answer = await fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
  if (!answer.ok) { throw new Error(`${method} ${path}: ${answer.status}`); }
  return answer.status === 204 ? null : await answer.json();
}"""
WIDE = {"width": 1280, "height": 800}


def reason_to_skip() -> str | None:
    """Why there is no browser here; `None` when there is one."""
    missing = [] if chromium() else ["chromium"]
    missing += [] if shutil.which("certutil") else ["libnss3-tools"]
    return f"needs {', '.join(missing)} (Debian's packages)" if missing else None


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def artefact(name: str) -> Path:
    """Where a picture or a text is kept for people to look at."""
    folder = Path(os.environ.get("REMOTEKIT_ARTEFACTS") or Path(__file__).parents[1] / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


class Network(Protocol):
    """Where programs can be run as on another machine."""

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """`argv` to be run as on that machine."""


@dataclass
class Laptop:
    """A person's machine. `home` holds the browser's trust store; each browser is a fresh profile."""

    machine: Network
    home: Path

    def trust(self, ca: Path) -> None:
        """Import `ca` as a person would: as an authority for web sites, in the store of the browser."""
        store = self.home / ".pki" / "nssdb"
        store.mkdir(parents=True)
        for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "gpubox", "-i", str(ca)]):
            subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True, text=True)

    @contextlib.contextmanager
    def browser(self) -> Iterator[Browser]:
        """A Chromium on this laptop. No certificate flag of any kind is set."""
        wrapper = self.home / "chromium"
        argv = self.machine.command(["env", f"HOME={self.home}", chromium() or ""])
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
        wrapper.chmod(0o755)
        environment = {"HOME": str(self.home), "PATH": SYSTEM_PATH, "LANG": "C.UTF-8"}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=wrapper, args=list(FLAGS), env=dict(environment), timeout=STARTS_WITHIN_MS)
            try:
                yield browser
            finally:
                browser.close()

    @contextlib.contextmanager
    def page(self, language: str = "en-US") -> Iterator[Page]:
        """One tab of a fresh browser; what it complains about on its console is no failure of ours."""
        with self.browser() as browser:
            context = browser.new_context(viewport=WIDE, locale=language)
            context.set_default_timeout(STARTS_WITHIN_MS)
            yield context.new_page()


class Lab:
    """JupyterLab in a tab, as somebody uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def sign_in(self, url: str, password: str) -> None:
        """Open `url`, type the password into the form that appears, and wait for JupyterLab."""
        self.page.goto(url)
        expect(self.page).to_have_url(re.compile(r"/login"))
        self.page.fill("input[type=password]", password)
        self.page.press("input[type=password]", "Enter")
        self.ready()

    def ready(self) -> None:
        """Wait until JupyterLab has drawn itself."""
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        self.page.wait_for_selector(".jp-Launcher, .jp-Document", state="visible")

    def open(self, url: str) -> None:
        """Open a page of JupyterLab as somebody who is signed in already."""
        self.page.goto(url)
        self.ready()

    def new_notebook(self) -> None:
        """From the launcher, with the first kernel there; the page is connected to it then.

        A cell that is run before is dropped without a word (https://github.com/jupyterlab/jupyterlab/issues/8490).
        """
        with self.page.expect_websocket(lambda socket: "/api/kernels/" in socket.url):
            # Its category is translated; the first section is that of the notebooks.
            self.page.click(".jp-Launcher-section >> nth=0 >> .jp-LauncherCard >> nth=0")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell .cm-content")
        self.idle()

    def idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()

    def run(self, code: str, cell: int = 0) -> str:
        """Type `code` into a cell and run it with Shift+Enter; returns what it prints."""
        self.type(code, cell)
        self.page.keyboard.press("Shift+Enter")
        output = self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")
        output.first.wait_for()
        return output.first.inner_text().strip()

    def type(self, text: str, cell: int = 0) -> None:
        """Type into a cell, key by key."""
        self.page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(cell).click()
        self.page.keyboard.type(text, delay=20)

    def menus(self) -> list[str]:
        """The words of the menu bar."""
        return [text.strip() for text in self.page.locator(".lm-MenuBar-itemLabel").all_inner_texts()]

    def token_in_page(self) -> str:
        """What JupyterLab's page configuration says of a token."""
        token: str = self.page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).token")
        return token

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Send a request as a script of the page does, with its cookie and its XSRF token; returns the answer's JSON."""
        answer: object = self.page.evaluate(FETCH, [method, path, body])
        return answer

    def picture(self, name: str) -> None:
        """Keep a screenshot."""
        self.page.screenshot(path=artefact(name))
