"""The name of an instance that one host has alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit import grammar
from jupyter_remote_kit.plan.instancename import of_host

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True)


@pytest.mark.parametrize(
    ("instance", "host", "name"),
    [
        ("connect", "gpu2", "connect-gpu2"),
        ("connect", "GPU2.cluster.example.org", "connect-gpu2"),
        ("default", "node_07-a", "default-node-07-a"),
        ("a", "b" * 30, "a-" + "b" * 30),
    ],
)
def test_the_hosts_name_is_added(instance: str, host: str, name: str) -> None:
    assert of_host(instance, host) == name


def test_what_is_too_long_or_has_no_letters_is_told_apart() -> None:
    long = {of_host("deep-learning-0a1b2c", f"ip-10-0-12-{number}") for number in range(100, 200)}
    assert len(long) == 100
    assert all(name.startswith("deep-learning-0a1b2c-ip-1") for name in long)
    assert of_host("connect", "主机一") != of_host("connect", "主机二")


@given(NAMES, st.text(max_size=80))
def test_it_is_a_good_name_whatever_the_host_is_called(instance: str, host: str) -> None:
    name = of_host(instance, host)
    assert grammar.instance_name(name) == name
    assert name != instance
