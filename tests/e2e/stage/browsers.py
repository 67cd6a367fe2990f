"""A browser that is no browser: it writes down what it was asked to open."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tests.e2e.stage.waiting import until


def recording_browser(folder: Path) -> tuple[str, Path]:
    """A `BROWSER` that only writes down how it was called, and where."""
    seen, program = folder / "opened", folder / "browser"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\n')
    program.chmod(0o755)
    return f"{program} %s", seen


def opened(seen: Path) -> SplitResult:
    """The URL that the browser was called with."""
    text = until(lambda: seen.read_text().strip() if seen.exists() else "", "the browser to be opened", 20)
    return urlsplit(next(line for line in text.splitlines() if "://" in line))
