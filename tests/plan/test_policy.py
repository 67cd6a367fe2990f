"""The rows of the policy: code, severity, sentence and fix. Their combinations are in tests/policy."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest

from jupyter_remote_kit.plan.policy import HashKind, Mode, Posture, ServedCertificate, Severity, check, refused
from jupyter_remote_kit.settings import Access

SOUND = Posture()
EVERYTHING = Posture(
    access=Access.RELAY,
    tls=False,
    token_length=8,
    hash_kind=HashKind.OTHER,
    xsrf_checks_off=True,
    unauthenticated_access=True,
    allow_any_origin=True,
    password_change_in_page=True,
    trusts_any_proxy=True,
    every_proxy_named=True,
    as_root=True,
    exposed_paths=(("/a b/key", "0644", ""),),
    missing_parts=("argon2",),
)


@pytest.mark.parametrize(
    ("changes", "code", "severity", "sentence", "fix"),
    [
        (
            {"certificate": ServedCertificate("2026-03-01", -1)},
            "certificate-expired",
            Severity.WARN,
            "The certificate has expired on 2026-03-01.",
            "jupyter remotekit init",
        ),
        (
            {"certificate": ServedCertificate("2026-03-21", 20, private_ca=False)},
            "certificate-expires",
            Severity.WARN,
            "The certificate is valid until 2026-03-21.",
            "Renew it in its place; a running server takes the new one by itself.",
        ),
        (
            {"certificate": ServedCertificate("2027-03-01", 300, begins="2026-03-02")},
            "certificate-early",
            Severity.WARN,
            "The certificate is valid from 2026-03-02 on, which has not come by this host's clock.",
            "See whether the clock is right: date",
        ),
        (
            {"certificate": ServedCertificate("2027-03-01", 300, since="2016-01-02", change_over_ends="2026-03-20")},
            "authority-ends",
            Severity.WARN,
            "Laptops that trust only the authority of 2016-01-02 warn at every address from 2026-03-20 on; they have to trust the new one,"
            " too.",
            "jupyter remotekit urls",
        ),
        (
            {"certificate": ServedCertificate("2027-03-01", 21, lacking=("10.0.0.9", "gpu2"))},
            "certificate-lacks",
            Severity.WARN,
            "The certificate is not for 10.0.0.9, gpu2: browsers warn there.",
            "jupyter remotekit init --new-authority",
        ),
        (
            {"certificate": ServedCertificate("2027-03-01", 300, warned=("10.0.0.9",), since="2026-01-02")},
            "authority-changes",
            Severity.INFO,
            "Laptops that trust only the authority of 2026-01-02 warn at 10.0.0.9; they have to trust the new one, too.",
            "jupyter remotekit urls",
        ),
        (
            {"hash_kind": HashKind.OTHER},
            "hash-not-argon2id",
            Severity.REFUSE,
            "The password hash is not an argon2id hash.",
            "jupyter remotekit password",
        ),
        (
            {"hash_kind": HashKind.BROKEN, "instance": "gpu1"},
            "hash-broken",
            Severity.REFUSE,
            "The password hash is damaged: no password can match it.",
            "jupyter remotekit password --instance gpu1",
        ),
        (
            {"hash_kind": HashKind.WEAK_ARGON2ID},
            "hash-weak",
            Severity.WARN,
            "The password hash is easier to crack than jupyter_server's default.",
            "jupyter remotekit password",
        ),
        (
            {"token_length": 31},
            "token-short",
            Severity.REFUSE,
            "The token has 31 characters; at least 32 are needed.",
            "jupyter remotekit token",
        ),
        (
            {"token_length": 0, "hash_kind": HashKind.NONE},
            "no-credentials",
            Severity.REFUSE,
            "Neither a token nor a password protects this server.",
            "jupyter remotekit password",
        ),
        (
            {"hash_kind": HashKind.NONE},
            "no-password",
            Severity.INFO,
            "No password is set: people sign in with the token.",
            "jupyter remotekit password",
        ),
        (
            {"tls": False},
            "plain-http",
            Severity.REFUSE,
            "Passwords and notebooks would travel over the network unencrypted, as plain HTTP.",
            "jupyter remotekit init",
        ),
        (
            {"tls": False, "plain_http_chosen": True},
            "plain-http-chosen",
            Severity.WARN,
            "Plain HTTP was chosen: anyone along the way can read and change what is sent.",
            "jupyter remotekit init --no-plain-http",
        ),
        (
            {"access": Access.RELAY},
            "bound-beyond-loopback",
            Severity.REFUSE,
            "With --access relay the server must listen on loopback only.",
            "jupyter remotekit init --ip 127.0.0.1",
        ),
        (
            {"xsrf_checks_off": True},
            "xsrf-checks-off",
            Severity.REFUSE,
            "XSRF checks are off: any web page could run code here through the browser.",
            "Remove ServerApp.disable_check_xsrf from the configuration",
        ),
        (
            {"unauthenticated_access": True},
            "unauthenticated-access",
            Severity.REFUSE,
            "Request handlers that declare no authentication would be open to anyone.",
            "Set ServerApp.allow_unauthenticated_access to False",
        ),
        (
            {"allow_any_origin": True},
            "any-origin",
            Severity.REFUSE,
            "Pages from any origin may use this server.",
            "Remove allow_origin='*' from the configuration",
        ),
        (
            {"password_change_in_page": True},
            "password-change-in-page",
            Severity.REFUSE,
            "The password could be changed from the login page by whoever holds the token.",
            "Set PasswordIdentityProvider.allow_password_change to False",
        ),
        (
            {"trusts_any_proxy": True},
            "any-proxy-trusted",
            Severity.REFUSE,
            "Anyone could forge their own address: every peer is trusted as a proxy.",
            "Remove ServerApp.trust_xheaders from the configuration",
        ),
        (
            {"every_proxy_named": True},
            "any-proxy-trusted",
            Severity.REFUSE,
            "Anyone could forge their own address: every peer is trusted as a proxy.",
            "jupyter remotekit init --trusted-proxy none",
        ),
        (
            {"open_to_any_network": True, "instance": "gpu1"},
            "any-network-chosen",
            Severity.WARN,
            "Any network may connect: only the password and the token keep strangers out.",
            "jupyter remotekit init --allow-network default --instance gpu1",
        ),
        (
            {"exposed_paths": (("/a b/key", "0644", ""),)},
            "exposed-path",
            Severity.REFUSE,
            "Other users can read /a b/key (mode 0644).",
            "chmod -R go= '/a b/key'",
        ),
        (
            {"exposed_paths": (("/a b/key", "0600", "1001"),)},
            "exposed-path",
            Severity.REFUSE,
            "/a b/key belongs to another user (1001), who can read and change it.",
            "sudo chown -R \"$(id -u)\" '/a b/key'",
        ),
        (
            {"replaced_by_socket": True},
            "socket-replaces-port",
            Severity.REFUSE,
            "ServerApp.sock would replace the address and port that the instance names.",
            "Remove ServerApp.sock from the configuration",
        ),
        (
            {"missing_parts": ("argon2",)},
            "part-missing",
            Severity.REFUSE,
            "A part of the kit cannot be loaded: argon2.",
            "pip install --force-reinstall jupyter-remote-kit",
        ),
        (
            {"as_root": True},
            "as-root",
            Severity.REFUSE,
            "The server would run as root, and so would every notebook.",
            "jupyter remotekit up --allow-root",
        ),
        (
            {"as_root": True, "root_allowed": True},
            "as-root-chosen",
            Severity.WARN,
            "The server runs as root, and so does every notebook.",
            None,
        ),
    ],
)
def test_a_row_of_the_table(changes: dict[str, Any], code: str, severity: Severity, sentence: str, fix: str | None) -> None:
    (finding,) = check(replace(SOUND, **changes))
    assert (finding.code, finding.severity, str(finding.message)) == (code, severity, sentence)
    assert (str(finding.fix) if finding.fix else None) == fix
    assert refused((finding,)) is (severity is Severity.REFUSE)


def test_a_sound_instance_has_no_findings() -> None:
    assert check(SOUND) == ()
    assert not refused(())


@pytest.mark.parametrize("length", [32, 33, 64])
def test_a_token_of_32_characters_is_long_enough(length: int) -> None:
    assert check(replace(SOUND, token_length=length)) == ()


def test_over_ssh_the_token_alone_suffices_and_tls_is_not_missed() -> None:
    assert check(Posture(access=Access.SSH, loopback=True, tls=False, hash_kind=HashKind.NONE)) == ()


def test_a_short_token_is_told_beside_a_password_that_would_do() -> None:
    assert [finding.code for finding in check(replace(SOUND, token_length=8))] == ["token-short"]
    codes = [finding.code for finding in check(replace(SOUND, token_length=8, hash_kind=HashKind.NONE))]
    assert codes == ["token-short", "no-credentials"]


@pytest.mark.parametrize("access", [Access.SSH, Access.RELAY])
def test_what_is_not_on_a_network_of_its_own_may_be_reached_from_any(access: Access) -> None:
    assert check(Posture(access=access, loopback=True, open_to_any_network=True)) == ()


def test_everything_at_once_is_told_in_a_fixed_order() -> None:
    assert [finding.code for finding in check(EVERYTHING)] == [
        "hash-not-argon2id",
        "token-short",
        "no-credentials",
        "plain-http",
        "bound-beyond-loopback",
        "any-proxy-trusted",
        "xsrf-checks-off",
        "unauthenticated-access",
        "any-origin",
        "password-change-in-page",
        "any-proxy-trusted",
        "exposed-path",
        "part-missing",
        "as-root",
    ]


def test_every_fix_that_is_a_command_can_be_pasted() -> None:
    fixes = [str(finding.fix) for finding in check(replace(EVERYTHING, instance="gpu1")) if finding.fix]
    commands = [fix for fix in fixes if fix.startswith(("jupyter ", "chmod ", "pip "))]
    assert len(commands) == 9
    assert all(shlex.split(command)[0] in {"jupyter", "chmod", "pip"} for command in commands)
    assert all(command.endswith(" --instance gpu1") for command in commands if command.startswith("jupyter "))


@pytest.mark.parametrize("mode", [Mode.HUB, Mode.UNMANAGED])
def test_on_loopback_or_under_a_hub_there_is_nothing_to_find(mode: Mode) -> None:
    assert check(replace(EVERYTHING, mode=mode, loopback=True)) == ()


def test_a_hub_is_left_alone_wherever_it_listens() -> None:
    assert check(replace(EVERYTHING, mode=Mode.HUB)) == ()


def test_an_unmanaged_server_beyond_loopback_is_warned_and_never_refused() -> None:
    posture = replace(EVERYTHING, mode=Mode.UNMANAGED, access=None)
    findings = check(posture)
    assert not refused(findings)
    assert {finding.severity for finding in findings} == {Severity.WARN}
    managed = [finding.code for finding in check(replace(posture, mode=Mode.MANAGED))]
    assert [finding.code for finding in findings] == managed
    assert "no-password" not in [row.code for row in check(replace(posture, token_length=64, hash_kind=HashKind.NONE))]
