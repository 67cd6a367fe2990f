"""What a list of sessions calls a client."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan.clients import described

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CASES = [
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128 (Linux)"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome 126 (Windows)"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68", "Edge 126 (Windows)"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0", "Opera 110 (Linux)"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome 126 (ChromeOS)"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/120.0.0.0 Safari/537.36", "Chrome 120 (Linux)"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36", "Chrome 126 (Android)"),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
        "Safari 17 (macOS)",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148"
        " Safari/604.1",
        "Safari 17 (iOS)",
    ),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Code/1.90.2 Chrome/122.0.6261.156 Electron/29.4.0 Safari/537.36", "VS Code 1.90 (Linux)"),
    ("Mozilla/5.0 (OpenBSD) Firefox/99.0", "Firefox 99"),
    # Anything else is shown as it is.
    ("Mozilla/5.0 (X11; Linux x86_64) Konqueror", "Mozilla/5.0 (X11; Linux x86_64) Konqueror"),
    ("python-requests/2.32.3", "python-requests/2.32.3"),
    ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)"),
    ("Firefox/128 Linux", "Firefox/128 Linux"),
    ("\x1b[2J", "\x1b[2J"),
    ("", ""),
]


@pytest.mark.parametrize(("user_agent", "shown"), CASES, ids=[shown[:30].encode("unicode_escape").decode() for _, shown in CASES])
def test_a_browser_and_its_system_are_told_in_short(user_agent: str, shown: str) -> None:
    assert described(user_agent) == shown
