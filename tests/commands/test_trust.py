"""`trust` as far as one machine goes: what a host says of its own authority, and which command lines are none."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from tests.commands.host import PASSWORD, Host


def test_a_host_shows_its_own_authority(lan_host: Host) -> None:
    found = lan_host.run("trust", "--here", "--json")
    assert (found.code, found.err) == (0, "")
    data = found.data
    assert data["certificate"] == lan_host.layout.ca_certificate_file.read_text()
    assert {"localhost"} <= set(data["names"])
    assert {"127.0.0.1", "::1"} <= set(data["addresses"])
    assert data["not_after"].endswith("+00:00")
    # What laptops are told is a certificate that programs take.
    assert ssl.create_default_context(cadata=data["certificate"]).get_ca_certs()
    assert "PRIVATE" not in found.out


def test_people_get_what_they_compare(lan_host: Host) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    shown = lan_host.must("trust", "--here").out
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(lan_host.layout.ca_certificate_file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"SHA-256 fingerprint: {answer.strip().partition('=')[2]}\n" in shown
    assert "-----BEGIN CERTIFICATE-----\n" in shown


@pytest.mark.parametrize(
    ("options", "sentence", "hint"),
    [
        (("--access", "ssh"), "reached over ssh", "jupyter remotekit connect"),
        (("--access", "lan", "--plain-http", "--password-stdin"), "without TLS", "jupyter remotekit init --no-plain-http"),
        (None, "no instance 'default'", "jupyter remotekit init"),
    ],
    ids=["ssh", "plain", "none"],
)
def test_a_host_without_one_says_so_and_what_to_do(host: Host, options: tuple[str, ...] | None, sentence: str, hint: str) -> None:
    if options:
        host.must("init", "--allow-root", *options, stdin=PASSWORD)
    outcome = host.run("trust", "--here", "--json")
    assert (outcome.code, outcome.codes) == (1, ["no-authority"])
    (problem,) = outcome.envelope["problems"]
    assert sentence in problem["message"]
    assert hint in problem["hint"]


def test_a_host_with_a_certificate_of_its_own_has_none(lan_host: Host) -> None:
    leaf = str(lan_host.layout.leaf_file("default"))
    shutil.copy(leaf, lan_host.home / "own.pem")
    lan_host.must("init", "--certfile", str(lan_host.home / "own.pem"), "--keyfile", str(lan_host.home / "own.pem"))
    outcome = lan_host.run("trust", "--here", "--json")
    assert (outcome.code, outcome.codes) == (1, ["no-authority"])
    assert "own.pem" in outcome.envelope["problems"][0]["message"]
    assert outcome.envelope["problems"][0]["hint"].endswith("jupyter remotekit init --private-ca")


def test_an_instance_may_be_named(lan_host: Host) -> None:
    lan_host.must("init", "--instance", "second", "--access", "ssh", "--allow-root")
    assert lan_host.run("trust", "--here", "--json").code == 0
    assert lan_host.run("trust", "--here", "--json", "--instance", "default").code == 0
    assert lan_host.run("trust", "--here", "--json", "--instance", "second").codes == ["no-authority"]


def test_an_authority_that_is_damaged_is_named(lan_host: Host) -> None:
    lan_host.layout.ca_certificate_file.write_text("nothing")
    outcome = lan_host.run("trust", "--here", "--json")
    assert (outcome.code, outcome.codes) == (1, ["authority-unreadable"])
    assert str(lan_host.layout.ca_certificate_file) in outcome.envelope["problems"][0]["message"]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ((), "host-missing"),
        (("--remove",), "host-missing"),
        (("--here", "gpu1"), "contradiction"),
        (("--here", "--remove"), "contradiction"),
        (("--here", "--dry-run"), "contradiction"),
        (("--here", "--no-system"), "contradiction"),
        (("--here", "--env", "lab"), "contradiction"),
        (("--remove", "--yes", "--python", "/usr/bin/python3", "gpu1"), "contradiction"),
        (("--remove", "--yes", "--instance", "second", "gpu1"), "contradiction"),
        (("gpu1",), "yes-missing"),
        (("--remove", "gpu1"), "yes-missing"),
        (("--yes", "--", "-oProxyCommand=touch canary"), "host"),
        (("--yes", "gpu1;touch canary"), "host"),
        (("--yes", "alice:secret@gpu1"), "password-in-host"),
        (("--yes", "gpu1", "gpu2"), "usage"),
    ],
    ids=str,
)
def test_command_lines_that_are_none_are_refused_before_anything_is_asked(host: Host, argv: tuple[str, ...], code: str) -> None:
    before = host.tree()
    outcome = host.run("trust", "--json", *argv)
    assert (outcome.code, outcome.err) == (2, "")
    assert outcome.codes == [code]
    assert outcome.envelope["problems"][0]["hint"]
    assert host.tree() == before


def test_what_was_never_trusted_needs_no_removing(host: Host) -> None:
    before = host.tree()
    for option in ("--yes", "--dry-run"):
        outcome = host.run("trust", "--remove", "alice@gpu1", option, "--json")
        assert outcome.code == 0
        assert outcome.data == {"host": "alice@gpu1", "changed": False}
        assert outcome.envelope["messages"] == ["Nothing to do: this machine trusts no authority of gpu1."]
    assert host.tree() == before
