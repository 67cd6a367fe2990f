"""`trust` as far as one machine goes: what a host says of its own authority, and which command lines are none."""

from __future__ import annotations

import hashlib
import json
import shutil
import ssl
import subprocess

import pytest

from jupyter_remote_kit.plan.authority import fingerprint
from tests.commands.host import PASSWORD, Host
from tests.host.certificate_maker import made

# A host without a network between: whatever ssh would run there is run here.
SSH = """#!/bin/sh
[ "$1" != -G ] || exec echo "hostname gpu1.lab.example"
while [ $# -gt 1 ]; do shift; done
exec /bin/sh -c "$1"
"""
KIT = '#!/bin/sh\ncat "${0%/*}/said"\n'
STRANGE = ["accounts.google.com", "8.8.8.8"]
HOSTILE = made(names=("box", "gpu1.lab.example", STRANGE[0]), networks=(f"{STRANGE[1]}/32", "192.168.0.107/32", "::1/128"))
DIGEST = hashlib.sha256(ssl.PEM_cert_to_DER_cert(HOSTILE)).hexdigest()


@pytest.fixture
def asking(host: Host) -> tuple[str, ...]:
    """The words that ask a host whose kit sends an authority for others as well."""
    said = {"command": "trust", "ok": True, "data": {"certificate": HOSTILE}, "messages": [], "problems": []}
    scripts = host.home / "env" / "bin"
    scripts.mkdir(parents=True)
    for name, text in (("ssh", SSH), ("jupyter-remotekit", KIT), ("said", json.dumps(said) + "\n")):
        (scripts / name).write_text(text)
        (scripts / name).chmod(0o755)
    host.variables["PATH"] = f"{scripts}:{host.environment['PATH']}"
    return ("trust", "box", "--env", str(scripts.parent), "--no-system", "--json")


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
        (("--here", "--fingerprint", "ab" * 32), "contradiction"),
        (("--remove", "--yes", "--fingerprint", "ab" * 32, "gpu1"), "contradiction"),
        (("--yes", "--fingerprint", "ab" * 20, "gpu1"), "fingerprint"),
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


@pytest.mark.parametrize("known", [DIGEST, DIGEST.upper(), fingerprint(DIGEST)], ids=["hex", "upper", "colons"])
def test_names_that_are_not_the_hosts_pass_by_their_fingerprint(host: Host, asking: tuple[str, ...], known: str) -> None:
    found = host.run(*asking, "--yes", "--dry-run", "--fingerprint", known)
    assert (found.code, found.data["strange"], found.data["fingerprint"]) == (0, STRANGE, fingerprint(DIGEST))


def test_they_are_shown_where_nothing_is_done(host: Host, asking: tuple[str, ...]) -> None:
    shown = host.run(*asking, "--dry-run")
    assert shown.code == 0
    assert shown.data["strange"] == STRANGE
    assert shown.envelope["problems"][0]["message"].endswith(f": {', '.join(STRANGE)}.")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--yes",), "authority-strange"),
        (("--yes", "--dry-run"), "authority-strange"),
        (("--yes", "--fingerprint", "ab" * 32), "authority-other"),
        (("--dry-run", "--fingerprint", "ab" * 32), "authority-other"),
    ],
    ids=str,
)
def test_without_a_person_they_are_refused(host: Host, asking: tuple[str, ...], options: tuple[str, ...], code: str) -> None:
    before = host.tree()
    outcome = host.run(*asking, *options)
    assert (outcome.code, outcome.codes) == (78, [code])
    assert outcome.envelope["problems"][0]["hint"]
    assert host.tree() == before
