"""The server's own routes are what their description says: schemathesis, with all of its checks, finds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import jupyter_remote_kit.server
from tests.server.conftest import TOKEN, Machine, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
OPENAPI = Path(jupyter_remote_kit.server.__file__).parent / "openapi.yaml"
SHORT, LONG = 50, 1_000
SEED = 20_261_121
WHO = {"signed in": ("--header", f"Authorization: token {TOKEN}"), "a stranger": ()}


@pytest.mark.parametrize("options", WHO.values(), ids=WHO)
def test_schemathesis_finds_nothing(
    options: tuple[str, ...], loopback: tuple[Machine, Server], tmp_path: Path, long: bool, figure: Callable[[str], None]
) -> None:
    machine, server = loopback
    # jupyter_server asks who it is, and for XSRF's cookie, before it looks at the verb: 403 where that check wants 405.
    checks = {"--checks": "all", "--exclude-checks": "unsupported_method"}
    words = checks | {"--url": server.url, "--seed": SEED, "--max-examples": LONG if long else SHORT, "--workers": 1}
    argv = [Path(sys.executable).parent / "schemathesis", "--no-color", "run", OPENAPI]
    # It keeps what it has found in the working directory.
    done = subprocess.run(
        [*argv, *(str(word) for pair in words.items() for word in pair), *options],
        cwd=tmp_path,
        env=machine.environ() | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    report = done.stdout.partition("=== FAILURES ===")[2] or done.stdout[-3000:] + done.stderr
    figure(next((line.strip() for line in done.stdout.splitlines() if "generated" in line), "no summary"))
    assert done.returncode == 0, report
