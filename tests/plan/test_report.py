"""What a host says of itself, as people read it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan.report import Gpu, Report, Server, duration_in_words, gpus_in_words, load_in_words, parse

GIB = 1 << 30
ANSWER: dict[str, Any] = {
    "load": {"cpu_count": 16, "load_average": [2.14, 1.0, 0.5]},
    "gpus": [
        {"utilization_percent": 97, "memory_used_bytes": 41 * GIB, "memory_total_bytes": 80 * GIB},
        {"utilization_percent": None, "memory_used_bytes": None, "memory_total_bytes": 80 * GIB},
    ],
    "servers": [{"instance": "connect", "state": "running", "kernels": 2, "uptime_s": 90061, "root_dir": "/home/alice/\x1b[2J"}],
}


def test_a_host_with_gpus_and_a_server() -> None:
    report = parse(ANSWER)
    assert report.servers == (Server("connect", "running", 2, 90061, "/home/alice/\\x1b[2J"),)
    assert gpus_in_words(report.gpus) == "97 % 41/80 GiB, -"
    assert load_in_words(report) == "2.1/16"


def test_a_host_without_gpus_and_one_whose_driver_does_not_answer() -> None:
    assert gpus_in_words(parse({**ANSWER, "gpus": []}).gpus) == "-"
    assert gpus_in_words(parse({**ANSWER, "gpus": None}).gpus) == "?"


@pytest.mark.parametrize(
    ("load", "words"), [({"cpu_count": 2}, "-"), ({"load_average": []}, "-"), ({"load_average": [1.26]}, "1.3"), ("no", "-")]
)
def test_a_load_that_is_known_in_part(load: object, words: str) -> None:
    assert load_in_words(parse({"load": load})) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7500, "2 h 5 min"),
        (90061, "1 d 1 h"),
        (8_640_000, "100 d 0 h"),
    ],
)
def test_how_long(seconds: float | None, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_numbers_that_are_none() -> None:
    row = {"instance": 7, "state": None, "kernels": True, "uptime_s": 10**400, "root_dir": ["x"]}
    assert parse({"servers": [row, "no"]}).servers == (Server("-", "-", None, None, None),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
KEYS = st.sampled_from(["load", "gpus", "servers", "load_average", "cpu_count", "instance", "kernels", "uptime_s", "utilization_percent"])
ODD = st.recursive(JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20)


@given(st.dictionaries(KEYS, ODD, max_size=5))
def test_whatever_a_host_says_can_be_shown(data: dict[str, Any]) -> None:
    report = parse(data)
    words = [gpus_in_words(report.gpus), load_in_words(report), *(duration_in_words(server.uptime_s) for server in report.servers)]
    assert all(word.isprintable() and word for word in words)


def test_a_report_is_plain_data() -> None:
    assert parse({}) == Report((), None, None, None)
    assert Gpu(None, None, None) == Gpu(None, None, None)
