"""An address or a port of the user's own configuration that has no effect is named, with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.overridden import overridden
from jupyter_remote_kit.settings import Access
from tests.plan.build import settings

FILE = Path("/home/ann/.jupyter/jupyter_server_config.py")
JSON = FILE.with_suffix(".json")
SSH: dict[str, Any] = {"access": Access.SSH, "ip": "127.0.0.1"}


def found(text: str, path: Path = FILE, **chosen: Any) -> list[tuple[str, str, str]]:
    """Code, sentence and hint of each."""
    return [(row.code, str(row.message), str(row.hint)) for row in overridden([ConfigText(path, text.encode())], settings(**chosen))]


def test_both_are_named_with_file_and_line_and_with_the_option_that_says_the_same() -> None:
    assert found("c.ServerApp.ip = '192.168.0.7'\n\nc.ServerApp.port = 9999\n") == [
        (
            "ip-overridden",
            f"{FILE}, line 1: ServerApp.ip is '192.168.0.7' here; this instance is served on '0.0.0.0'.",
            "To serve there: jupyter remotekit init --ip 192.168.0.7",
        ),
        (
            "port-overridden",
            f"{FILE}, line 3: ServerApp.port is 9999 here; this instance is served on 8800.",
            "To serve there: jupyter remotekit init --port 9999",
        ),
    ]


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", {}),
        ("c.ServerApp.ip = '0.0.0.0'; c.ServerApp.port = 8800", {}),
        ("c.ServerApp.ip = '*'", {}),
        ("c.ServerApp.ip = ''", {}),
        ("c.ServerApp.ip = 'localhost'", SSH),
        ("c.ServerApp.ip = address(); c.ServerApp.port = int('9')", {}),
        ("c.KernelManager.ip = '10.0.0.1'", {}),
        ("c.ServerApp.port = 9999\nc.ServerApp.port = 8800", {}),
        ("c.ServerApp.port = (", {}),
    ],
)
def test_what_says_the_same_or_cannot_be_known_is_not_named(text: str, chosen: dict[str, Any]) -> None:
    assert found(text, **chosen) == []


@pytest.mark.parametrize(
    ("text", "chosen", "command"),
    [
        ("c.NotebookApp.port = 9999", {"instance": "gpu1"}, "init --port 9999 --instance gpu1"),
        ("c.ServerApp.port = 0", {}, "init --help"),
        ("c.ServerApp.port = True", {}, "init --help"),
        ("c.ServerApp.port = '9999'", {}, "init --help"),
        ("c.ServerApp.ip = '*'", SSH, "init --access lan --ip 0.0.0.0"),
        ("c.ServerApp.ip = '::1'", SSH, "init --ip ::1"),
        ("c.ServerApp.ip = 'localhost'", {}, "init --ip 127.0.0.1"),
        ("c.ServerApp.ip = 'gpubox'", {}, "init --help"),
        ("c.ServerApp.ip = 7", {}, "init --help"),
    ],
)
def test_the_hint_is_a_command_that_there_is(text: str, chosen: dict[str, Any], command: str) -> None:
    ((_, _, hint),) = found(text, **chosen)
    assert hint == f"To serve there: jupyter remotekit {command}"


def test_of_several_files_the_last_one_counts() -> None:
    texts = [ConfigText(FILE, b"c.ServerApp.port = 9999"), ConfigText(JSON, b'{"ServerApp": {"port": 7777}}')]
    (row,) = overridden(texts, settings())
    assert str(row.message).startswith(f"{JSON}, line 1: ServerApp.port is 7777 here")
