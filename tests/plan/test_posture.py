"""What an instance declares before its server runs."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.plan.policy import HashKind, Mode, Posture, check
from jupyter_remote_kit.plan.posture import declared, problem, shown
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials
from tests.plan.build import CREDENTIALS, HASH, TOKEN, settings


def test_all_of_it() -> None:
    chosen = settings(
        instance="gpu1",
        access=Access.RELAY,
        ip="::1",
        plain_http=True,
        allow_root=True,
        allow_networks=("any",),
        trusted_proxies=("0.0.0.0/1", "10.0.0.0/8", "128.0.0.0/1"),
    )
    assert declared(chosen, Credentials(Secret(TOKEN)), as_root=True, exposed_paths=[("/x", "0644", "")]) == Posture(
        mode=Mode.MANAGED,
        instance="gpu1",
        access=Access.RELAY,
        loopback=True,
        tls=False,
        plain_http_chosen=True,
        token_length=64,
        hash_kind=HashKind.NONE,
        every_proxy_named=True,
        open_to_any_network=True,
        as_root=True,
        root_allowed=True,
        exposed_paths=(("/x", "0644", ""),),
    )


@pytest.mark.parametrize(
    ("changes", "hashed", "expected"),
    [
        ({}, HASH, {"loopback": False, "tls": True, "hash_kind": HashKind.ARGON2ID}),
        ({"access": Access.SSH, "ip": "127.0.0.1"}, None, {"loopback": True, "tls": False, "hash_kind": HashKind.NONE}),
        ({"ip": "192.168.0.107"}, "sha1:a:b", {"loopback": False, "tls": True, "hash_kind": HashKind.OTHER}),
    ],
)
def test_transport_and_hash(changes: dict[str, Any], hashed: str | None, expected: dict[str, Any]) -> None:
    credentials = Credentials(Secret(TOKEN), Secret(hashed) if hashed else None)
    found = declared(settings(**changes), credentials, as_root=False)
    assert {key: getattr(found, key) for key in expected} == expected


def test_a_fresh_instance_has_nothing_to_find() -> None:
    assert check(declared(settings(), CREDENTIALS, as_root=False)) == ()


def test_warnings_are_shown_and_what_is_merely_listed_is_not() -> None:
    findings = check(Posture(tls=False, plain_http_chosen=True, hash_kind=HashKind.NONE))
    assert [finding.code for finding in findings] == ["no-password", "plain-http-chosen"]
    assert shown(findings) == (problem(findings[1]),)
    assert problem(findings[1]) == Problem("plain-http-chosen", findings[1].message, findings[1].fix)


@pytest.mark.parametrize(
    ("changes", "everybody"),
    [
        ({}, (False, False)),
        ({"allow_networks": ("10.0.0.0/8", "fd00::/8")}, (False, False)),
        ({"allow_networks": ("any",)}, (True, False)),
        ({"allow_networks": ("::/0",)}, (True, False)),
        ({"trusted_proxies": ("127.0.0.1/32",)}, (False, False)),
        ({"trusted_proxies": ("::/1", "8000::/1")}, (False, True)),
    ],
)
def test_networks_that_hold_everybody(changes: dict[str, Any], everybody: tuple[bool, bool]) -> None:
    found = declared(settings(**changes), CREDENTIALS, as_root=False)
    assert (found.open_to_any_network, found.every_proxy_named) == everybody
