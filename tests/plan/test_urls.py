"""What a laptop opens."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyter_remote_kit.plan.urls import plan_urls
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access
from tests.plan.build import HOME, TOKEN, facts, settings

LAN = (
    "https://192.168.0.107:8800/lab",
    "https://[fd00::107]:8800/lab",
    "https://gpu.example.org:8800/lab",
    "https://gpu:8800/lab",
    "https://gpu.local:8800/lab",
)
FORWARD = "ssh -N -L 8800:127.0.0.1:8800 ann@192.168.0.107"


@pytest.mark.parametrize(
    ("chosen", "machine", "lab", "ssh"),
    [
        pytest.param({}, {}, LAN, FORWARD, id="lan"),
        pytest.param({"ip": "0.0.0.0"}, {}, LAN, FORWARD, id="lan, by its wildcard"),
        pytest.param({"certfile": Path("/c")}, {}, LAN, FORWARD, id="own certificate"),
        pytest.param(
            {"plain_http": True, "port": 9000},
            {"addresses": ("192.168.0.107",), "names": ("localhost",)},
            ("http://192.168.0.107:9000/lab",),
            "ssh -N -L 9000:127.0.0.1:9000 ann@192.168.0.107",
            id="plain HTTP on another port",
        ),
        pytest.param(
            {"ip": "fd00::107", "allow_hosts": ("gpu.example.net",)},
            {},
            ("https://[fd00::107]:8800/lab", "https://gpu.example.net:8800/lab"),
            "ssh -N -L 8800:[fd00::107]:8800 ann@192.168.0.107",
            id="one IPv6 address and a further name",
        ),
        pytest.param(
            {"allow_hosts": ("gpu", "203.0.113.7")},
            {},
            (
                "https://192.168.0.107:8800/lab",
                "https://[fd00::107]:8800/lab",
                "https://gpu:8800/lab",
                "https://203.0.113.7:8800/lab",
                "https://gpu.example.org:8800/lab",
                "https://gpu.local:8800/lab",
            ),
            FORWARD,
            id="further names, each once",
        ),
        pytest.param({"access": Access.SSH, "ip": "127.0.0.1"}, {}, ("http://localhost:8800/lab",), FORWARD, id="ssh"),
        pytest.param(
            {"access": Access.SSH, "ip": "::1"},
            {},
            ("http://localhost:8800/lab",),
            "ssh -N -L 8800:[::1]:8800 ann@192.168.0.107",
            id="ssh on the other loopback",
        ),
        pytest.param({"access": Access.RELAY, "ip": "127.0.0.1"}, {}, ("https://localhost:8800/lab",), FORWARD, id="relay"),
        pytest.param(
            {"access": Access.RELAY, "ip": "127.0.0.1", "plain_http": True}, {}, ("http://localhost:8800/lab",), FORWARD, id="clear relay"
        ),
        pytest.param(
            {},
            {"addresses": (), "names": ("localhost",)},
            ("https://localhost:8800/lab",),
            "ssh -N -L 8800:127.0.0.1:8800 ann@HOST",
            id="a machine without a network",
        ),
        pytest.param(
            {},
            {"addresses": ()},
            ("https://gpu.example.org:8800/lab", "https://gpu:8800/lab", "https://gpu.local:8800/lab"),
            "ssh -N -L 8800:127.0.0.1:8800 ann@gpu.example.org",
            id="names alone",
        ),
    ],
)
def test_urls_and_the_ssh_line(chosen: dict[str, Any], machine: dict[str, Any], lab: tuple[str, ...], ssh: str) -> None:
    urls = plan_urls(settings(**chosen), facts(**machine), Secret(TOKEN))
    assert urls.lab == lab
    assert urls.ssh == ssh
    assert [url.reveal() for url in urls.token] == [f"{url[: -len('lab')]}?token={TOKEN}" for url in lab]
    assert TOKEN not in repr(urls)


def test_a_token_with_any_character_survives_in_its_url() -> None:
    token = "a&b=c d#e?f%2B+ü/" * 2
    for url in plan_urls(settings(), facts(), Secret(token)).token:
        assert parse_qs(urlsplit(url.reveal()).query)["token"] == [token]


@pytest.mark.parametrize("user", ["ann", "LAB\\ann", "ann lee"])
def test_the_ssh_line_can_be_pasted_whatever_the_users_name(user: str) -> None:
    # Accounts of a Windows domain have such names (winbind, sssd).
    line = plan_urls(settings(), facts(user=user, home=HOME), Secret(TOKEN)).ssh
    assert shlex.split(line) == ["ssh", "-N", "-L", "8800:127.0.0.1:8800", f"{user}@192.168.0.107"]
