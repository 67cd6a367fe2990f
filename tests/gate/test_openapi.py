"""The server's own routes are what their description says: schemathesis finds nothing."""

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
# A stranger's POST, PUT, PATCH or DELETE is refused for want of XSRF's cookie (403) before anybody looks at its verb.
WHO = {"signed in": ("--header", f"Authorization: token {TOKEN}"), "a stranger": ("--exclude-checks", "unsupported_method")}
UNDECLARED = ("HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")


@pytest.mark.parametrize("path", ["/remotekit/api/health", "/remotekit/api/status", "/remotekit/open"])
def test_no_other_verb_is_taken(path: str, loopback: tuple[Machine, Server]) -> None:
    with loopback[1].client(headers={"Authorization": f"token {TOKEN}"}) as client:
        for verb in UNDECLARED:
            answer = client.request(verb, path)
            assert (answer.status_code, "GET" in answer.headers["Allow"]) == (405, True), verb


@pytest.mark.parametrize("options", WHO.values(), ids=WHO)
def test_schemathesis_finds_nothing(
    options: tuple[str, ...], loopback: tuple[Machine, Server], tmp_path: Path, long: bool, figure: Callable[[str], None]
) -> None:
    machine, server = loopback
    words = {"--checks": "all", "--url": server.url, "--seed": SEED, "--max-examples": LONG if long else SHORT, "--workers": 1}
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
