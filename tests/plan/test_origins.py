"""Which settings let the pages of any origin in."""

from __future__ import annotations

import re
import time

import pytest

from jupyter_remote_kit.plan.origins import headers_allow_any_origin, matches_any_origin


@pytest.mark.parametrize(
    "pattern",
    [
        ".*",
        "^.*$",
        ".*?",
        ".+",
        r"[\s\S]*",
        "(?i).*",
        "(?:.*)",
        "https?://.*",
        r"https?://[^/]+",
        r"https?://[\w.]+(:\d+)?",
        "http://.*",
        "https://.*",
        r".*:\d+",
        "https://lab.example.org|.*",
        "(",
        "*",
        "[",
        "(?P<a>x)(?P<a>y)",
    ],
)
def test_any_origin(pattern: str) -> None:
    assert matches_any_origin(pattern)


@pytest.mark.parametrize(
    "pattern",
    ["", r"https://lab\.example\.org", r"https://[a-z]+\.example\.org(:\d+)?", r"http://10\..*", "https?://", "http", "null", "^$", "(?!)"],
)
def test_some_origins(pattern: str) -> None:
    assert not matches_any_origin(pattern)


@pytest.mark.parametrize("pattern", ["https?://", "http", "", "h"])
def test_a_server_that_looks_at_the_beginning_alone(pattern: str) -> None:
    assert matches_any_origin(pattern, re.match) is bool(pattern)


@pytest.mark.parametrize("pattern", ["(.+)+#", "(.*)*#", r"([a-z:/]+)+#", "(a|aa)+#", r"(\w+\W*)+#"])
def test_a_pattern_that_backtracks_ends_in_time(pattern: str) -> None:
    started = time.monotonic()
    assert not matches_any_origin(pattern)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Access-Control-Allow-Origin": "*"}, True),
        ({"access-control-allow-origin": " * "}, True),
        ({"X": "*", "ACCESS-CONTROL-ALLOW-ORIGIN": "*"}, True),
        ({"Access-Control-Allow-Origin": "https://lab.example.org"}, False),
        ({"Content-Security-Policy": "*"}, False),
        ({}, False),
        (None, False),
        ("Access-Control-Allow-Origin: *", False),
        ({1: None}, False),
    ],
)
def test_headers(headers: object, expected: bool) -> None:
    assert headers_allow_any_origin(headers) is expected
