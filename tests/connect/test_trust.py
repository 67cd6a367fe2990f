"""A laptop that trusts a host's private authority: a real browser, the system's real store, and hosts that send something else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connect.stage import KIT, Host, Lab, Laptop, User
from tests.connect.stage.connection import FINDS_KIT
from tests.host.certificate_maker import HOSTILE, made

LONG = os.environ.get("REMOTEKIT_LONG") == "1"
long_form = pytest.mark.skipif(not LONG, reason="in the long form (REMOTEKIT_LONG=1)")
PORT = 8800
NSSDB = ".local/share/pki/nssdb"
FIREFOX = ".mozilla/firefox/abcd.default"
ANCHORS = "/usr/local/share/ca-certificates"
RECORD = ".local/share/jupyter/remotekit/trusted.json"
TRUSTED = ".local/share/jupyter/remotekit/trusted"
SUDOERS = "/etc/sudoers.d/dana"
PROGRAMS = ("curl", "python")
# As somebody who opens a URL. No flag is about certificates; the profile is the same one each time.
CHROMIUM = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
# Whoever has an account on the host decides what its kit says; $0 is this script, the file beside it what it prints.
FAKE_KIT = '#!/bin/sh\ncat "${0%/*}/said"\n'


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    """A host with a server of alice's on the network."""
    host = lab.host("gpu", User("alice"), User("bob"), User("mallory"))
    words = ("up", "--detach", "--generate-password", "--access", "lan", "--ip", "0.0.0.0", "--port", str(PORT), "--json")
    host.run(KIT, *words, user="alice", timeout=120)
    return host


@pytest.fixture(scope="module", autouse=True)
def few_authorities(lab: Lab) -> None:
    """The laptop's system trusts three of the world's authorities: a hundred and fifty take it ten seconds each time."""
    if shutil.which("update-ca-certificates"):
        lab.laptop.run("sh", "-c", "sed -i '/^[#!]/d;4,$d' /etc/ca-certificates.conf; rm -rf /etc/ssl/certs/*", user="root")
        lab.laptop.run("update-ca-certificates", user="root")


@pytest.fixture
def laptop(lab: Lab) -> Iterator[Laptop]:
    """The laptop of somebody who trusts nobody yet, and nobody any more afterwards."""
    yield lab.laptop
    mine = [f"/home/dana/{name}" for name in (".pki", ".local", ".mozilla", ".config", ".cache", "profile")]
    lab.laptop.run("rm", "-rf", *mine, ".pki", ".local", SUDOERS, user="root")
    if any(lab.laptop.inside(ANCHORS).glob("jupyter-remote-kit-*")):
        lab.laptop.run("sh", "-c", f"rm {ANCHORS}/jupyter-remote-kit-*; update-ca-certificates --fresh", user="root")


def renew(host: Host, name: str) -> None:
    """Have alice's host make a new authority, which is for this name as well; her server takes it up."""
    host.run(KIT, "init", "--allow-host", name, "--new-authority", "--yes", "--json", user="alice")


def trust(laptop: Laptop, *words: str, user: str | None = None, code: int = 0) -> dict[str, Any]:
    """`trust … --json` on the laptop; its envelope."""
    asking = () if "--remove" in words else FINDS_KIT
    done = laptop.kit("trust", *asking, *words, "--json", user=user)
    assert done.returncode == code, done.stdout + done.stderr
    envelope: dict[str, Any] = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    return envelope


def codes(envelope: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in envelope["problems"]]


def certutil(laptop: Laptop, folder: str, *words: str) -> str:
    return laptop.run("certutil", "-d", f"sql:{folder}", *words).stdout


def nicknames(laptop: Laptop, folder: str) -> list[str]:
    return [" ".join(line.split()) for line in certutil(laptop, folder, "-L").splitlines()[4:]]


def browse(laptop: Laptop, url: str = f"https://gpu:{PORT}/login") -> str:
    """What dana's browser makes of a page: its text, or why it does not show it."""
    done = laptop.run(*CHROMIUM, "--user-data-dir=/home/dana/profile", "--dump-dom", url, check=False)
    return done.stdout + done.stderr


def opens(laptop: Laptop) -> bool:
    """Whether the browser shows the sign-in page; anything but that and its warning fails."""
    seen = browse(laptop)
    refused, shown = "ERR_CERT_AUTHORITY_INVALID" in seen, 'type="password"' in seen
    assert refused is not shown, seen
    return shown


def reaches(laptop: Laptop, program: str) -> bool:
    """Whether a program that goes by the system's store finds the host's certificate good."""
    url = f"https://gpu:{PORT}/remotekit/api/health"
    script = f"import urllib.request; print(urllib.request.urlopen('{url}').read().decode())"
    argv = {"curl": ("curl", "-sS", url), "python": ("/usr/bin/python3", "-I", "-c", script)}[program]
    done = laptop.run(*argv, check=False)
    if done.returncode != 0:
        assert "certificate verify failed" in done.stderr or "SSL certificate problem" in done.stderr
    return done.returncode == 0


def needs(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name, path="/usr/bin:/usr/sbin:/bin") is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.mark.usefixtures("browser")
class TestBrowser:
    def test_it_refuses_before_opens_after_and_refuses_again(self, laptop: Laptop, gpu: Host) -> None:
        assert not opens(laptop)
        found = trust(laptop, "alice@gpu", "--yes", "--no-system")
        assert found["data"]["changed"] is True
        assert opens(laptop)
        trust(laptop, "alice@gpu", "--remove", "--yes", "--no-system")
        assert not opens(laptop)
        assert nicknames(laptop, NSSDB) == []

    def test_one_that_was_never_started_opens_and_a_renewed_authority_takes_the_place_of_the_earlier(
        self, laptop: Laptop, gpu: Host
    ) -> None:
        first = trust(laptop, "alice@gpu", "--yes", "--no-system")["data"]
        assert opens(laptop)
        renew(gpu, "another.lan")
        # The new authority has signed the earlier one: a laptop that has not fetched it yet is still served.
        assert opens(laptop)
        renewed = trust(laptop, "alice@gpu", "--yes", "--no-system")
        assert renewed["data"]["fingerprint"] != first["fingerprint"]
        assert any(first["fingerprint"] in message for message in renewed["messages"])
        assert opens(laptop)
        assert len(nicknames(laptop, ".pki/nssdb")) == 1
        assert [path.name for path in (laptop.home() / TRUSTED).glob("*.crt")] == [Path(renewed["data"]["certificate_file"]).name]


class TestStores:
    def test_a_second_time_nothing_changes(self, laptop: Laptop, gpu: Host) -> None:
        needs("certutil")
        first = trust(laptop, "alice@gpu", "--yes", "--no-system")
        assert first["data"]["stores"]
        before = tree(laptop)
        second = trust(laptop, "alice@gpu", "--yes", "--no-system")
        assert (second["data"]["changed"], second["data"]["steps"], second["data"]["stores"]) == (False, [], [])
        assert second["messages"][0] == "Nothing to do: this machine trusts gpu already."
        assert tree(laptop) == before

    def test_profiles_of_firefox(self, laptop: Laptop, gpu: Host) -> None:
        needs("certutil")
        laptop.run("mkdir", "-p", FIREFOX)
        certutil(laptop, FIREFOX, "-N", "--empty-password")
        trust(laptop, "alice@gpu", "--yes", "--no-system")
        (line,) = nicknames(laptop, FIREFOX)
        assert line.startswith("jupyter-remote-kit-gpu-")
        assert line.endswith(" C,,")
        trust(laptop, "alice@gpu", "--remove", "--yes", "--no-system")
        assert nicknames(laptop, FIREFOX) == []

    def test_one_that_cannot_be_changed_is_named_and_the_others_go_on(self, laptop: Laptop, gpu: Host) -> None:
        needs("certutil")
        laptop.run("mkdir", "-p", FIREFOX)
        laptop.write(f"/home/dana/{FIREFOX}/cert9.db", "no database", user="dana")
        found = trust(laptop, "alice@gpu", "--yes", "--no-system", code=1)
        assert codes(found) == ["nss-store"]
        assert FIREFOX in found["problems"][0]["message"]
        assert len(nicknames(laptop, ".pki/nssdb")) == 1

    def test_without_certutil_the_package_is_named(self, laptop: Laptop, gpu: Host) -> None:
        needs("certutil", "chromium")
        laptop.run("mv", "/usr/bin/certutil", "/usr/bin/certutil.away", user="root")
        try:
            found = trust(laptop, "alice@gpu", "--yes", "--no-system", code=1)
        finally:
            laptop.run("mv", "/usr/bin/certutil.away", "/usr/bin/certutil", user="root")
        assert codes(found) == ["no-certutil"]
        assert "libnss3-tools" in found["problems"][0]["hint"]
        # What IDEs are given is there all the same.
        assert laptop.inside(found["data"]["bundle_file"]).read_text().startswith("-----BEGIN CERTIFICATE-----")

    def test_what_ides_are_given(self, laptop: Laptop, gpu: Host) -> None:
        found = trust(laptop, "alice@gpu", "--yes", "--no-system")
        own = gpu.inside("/home/alice/.local/share/jupyter/remotekit/tls/ca.crt").read_text()
        for key in ("certificate_file", "bundle_file"):
            assert laptop.inside(found["data"][key]).read_text() == own
        assert (laptop.home() / RECORD).stat().st_mode & 0o777 == 0o600
        words = [message for message in found["messages"] if found["data"]["bundle_file"] in message]
        assert words == [f"  VS Code: quit it, and start it by: NODE_EXTRA_CA_CERTS={found['data']['bundle_file']} code"]

    @long_form
    def test_several_hosts_are_in_one_bundle(self, laptop: Laptop, gpu: Host) -> None:
        gpu.run(KIT, "init", "--generate-password", "--access", "lan", "--port", "8801", user="bob")
        alice, bob = (trust(laptop, f"{user}@gpu", "--yes", "--no-system")["data"] for user in ("alice", "bob"))
        assert alice["bundle_file"] == bob["bundle_file"]
        assert laptop.inside(bob["bundle_file"]).read_text().count("BEGIN CERTIFICATE") == 2
        assert trust(laptop, "alice@gpu", "--yes", "--no-system")["data"]["changed"] is False
        assert codes(trust(laptop, "gpu", "--remove", "--yes", code=1)) == ["several-hosts"]
        trust(laptop, "bob@gpu", "--remove", "--yes", "--no-system")
        own = gpu.inside("/home/alice/.local/share/jupyter/remotekit/tls/ca.crt").read_text()
        assert laptop.inside(alice["bundle_file"]).read_text() == own

    def test_it_is_taken_back_without_the_host_and_nothing_is_left(self, laptop: Laptop, gpu: Host) -> None:
        trust(laptop, "alice@gpu", "--yes", "--no-system")
        gpu.stop_serving()
        try:
            assert trust(laptop, "alice@gpu", "--yes", "--no-system", code=1)["problems"]
            assert trust(laptop, "gpu", "--remove", "--yes", "--no-system")["data"]["changed"] is True
        finally:
            gpu.serve()
        assert nicknames(laptop, ".pki/nssdb") == []
        assert not (laptop.home() / RECORD).exists()
        assert not (laptop.home() / TRUSTED).exists()

    def test_a_dry_run_shows_the_plan_and_does_nothing(self, laptop: Laptop, gpu: Host) -> None:
        before = tree(laptop)
        found = trust(laptop, "alice@gpu", "--dry-run")
        assert any("certutil -A -d sql:/home/dana/.pki/nssdb" in step for step in found["data"]["steps"])
        assert found["data"]["changed"] is False
        assert tree(laptop) == before


class TestSystem:
    def test_programs_of_the_system_trust_it_until_it_is_taken_back(self, laptop: Laptop, gpu: Host) -> None:
        needs("update-ca-certificates", "curl")
        assert [reaches(laptop, program) for program in PROGRAMS] == [False, False]
        found = trust(laptop, "alice@gpu", "--yes", user="root")
        assert f"the system's store, {ANCHORS}" in found["data"]["stores"]
        assert [reaches(laptop, program) for program in PROGRAMS] == [True, True]
        assert trust(laptop, "alice@gpu", "--yes", user="root")["data"]["changed"] is False
        trust(laptop, "alice@gpu", "--remove", "--yes", user="root")
        assert [reaches(laptop, program) for program in PROGRAMS] == [False, False]
        assert list(laptop.inside(ANCHORS).glob("jupyter-remote-kit-*")) == []
        assert list(laptop.inside("/etc/ssl/certs").glob("jupyter-remote-kit-*")) == []

    def test_one_call_of_sudo_does_roots_part(self, laptop: Laptop, gpu: Host) -> None:
        needs("sudo", "update-ca-certificates")
        allow_sudo(laptop)
        trust(laptop, "alice@gpu", "--yes")
        assert reaches(laptop, "python")
        (anchor,) = laptop.inside(ANCHORS).glob("jupyter-remote-kit-*")
        assert (anchor.stat().st_uid, anchor.stat().st_mode & 0o777) == (0, 0o644)
        renew(gpu, "renewed.lan")
        trust(laptop, "alice@gpu", "--yes")
        (renewed,) = laptop.inside(ANCHORS).glob("jupyter-remote-kit-*")
        assert renewed != anchor
        assert reaches(laptop, "python")
        trust(laptop, "alice@gpu", "--remove", "--yes")
        assert not reaches(laptop, "python")

    def test_sudo_that_refuses_is_named_and_the_others_go_on(self, laptop: Laptop, gpu: Host) -> None:
        needs("sudo", "update-ca-certificates", "certutil")
        found = trust(laptop, "alice@gpu", "--yes", code=1)
        assert codes(found) == ["system-store"]
        assert found["problems"][0]["hint"].startswith("As root: install -m 644 /home/dana/")
        assert len(nicknames(laptop, ".pki/nssdb")) == 1
        # What it says can be pasted.
        laptop.run("sh", "-c", found["problems"][0]["hint"].partition(": ")[2], user="root")
        assert reaches(laptop, "python")

    @long_form
    def test_what_root_has_not_given_up_is_remembered(self, laptop: Laptop, gpu: Host) -> None:
        needs("sudo", "update-ca-certificates")
        allow_sudo(laptop)
        trust(laptop, "alice@gpu", "--yes")
        laptop.run("rm", SUDOERS, user="root")
        left = trust(laptop, "alice@gpu", "--remove", "--yes", code=1)
        assert codes(left) == ["system-store"]
        assert reaches(laptop, "python")
        assert not (laptop.home() / TRUSTED).exists()
        allow_sudo(laptop)
        assert trust(laptop, "alice@gpu", "--remove", "--yes")["data"]["changed"] is True
        assert not reaches(laptop, "python")
        assert not (laptop.home() / RECORD).exists()

    def test_without_sudo_the_rest_goes_on(self, laptop: Laptop, gpu: Host) -> None:
        needs("sudo", "update-ca-certificates")
        laptop.run("mv", "/usr/bin/sudo", "/usr/bin/sudo.away", user="root")
        try:
            found = trust(laptop, "alice@gpu", "--yes")
        finally:
            laptop.run("mv", "/usr/bin/sudo.away", "/usr/bin/sudo", user="root")
        assert codes(found) == ["not-root"]
        assert len(nicknames(laptop, ".pki/nssdb")) == 1
        assert not reaches(laptop, "python")


class TestAsking:
    def test_it_shows_what_the_host_itself_shows_and_asks(self, laptop: Laptop, gpu: Host) -> None:
        own = json.loads(gpu.run(KIT, "trust", "--here", "--json", user="alice").stdout)["data"]
        with laptop.terminal(KIT, "trust", *FINDS_KIT, "alice@gpu", "--no-system") as screen:
            screen.until(r"Trust it\? \[y/N\]: ")
            assert own["fingerprint"] in screen.seen
            assert "gpu.local" in screen.seen
            assert own["not_after"][:10] in screen.seen
            screen.type("n")
            assert screen.finish() == 1
        assert not (laptop.home() / RECORD).exists()
        with laptop.terminal(KIT, "trust", *FINDS_KIT, "alice@gpu", "--no-system") as screen:
            screen.until(r"Trust it\? \[y/N\]: ")
            screen.type("y")
            screen.until(r"gpu is trusted by:")
            assert screen.finish() == 0
        assert len(nicknames(laptop, ".pki/nssdb")) == 1

    def test_sudo_asks_on_the_terminal(self, laptop: Laptop, gpu: Host) -> None:
        needs("sudo", "chpasswd", "update-ca-certificates")
        laptop.run("chpasswd", input="dana:Gelbe Tinte 4\n", user="root")
        laptop.write(SUDOERS, "dana ALL=(ALL) ALL\n", mode=0o440)
        with laptop.terminal(KIT, "trust", *FINDS_KIT, "alice@gpu", "--yes") as screen:
            screen.until(r"run sudo -- /bin/sh -c ")
            screen.until(r"password for dana: ")
            screen.type("Gelbe Tinte 4")
            assert screen.finish() == 0
        assert reaches(laptop, "python")


class TestHostile:
    """Whoever has an account on the host can have its kit say anything."""

    def said(self, gpu: Host, data: object) -> tuple[str, ...]:
        """Have mallory's kit say it; the options by which it is found."""
        gpu.write("/home/mallory/env/bin/jupyter-remotekit", FAKE_KIT, user="mallory", mode=0o755)
        envelope = {"command": "trust", "ok": True, "data": data, "messages": [], "problems": []}
        gpu.write("/home/mallory/env/bin/said", json.dumps(envelope) + "\n", user="mallory")
        return ("mallory@gpu", "--env", "/home/mallory/env", "--yes", "--json")

    def tried(self, laptop: Laptop, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return laptop.kit("trust", *words)

    # Each of the others is refused in tests/host.
    @pytest.mark.parametrize("name", [*HOSTILE] if LONG else ["without constraints", "a name with control characters", "128 KiB"])
    def test_what_could_vouch_for_others_is_refused_with_one_sentence(self, name: str, laptop: Laptop, gpu: Host) -> None:
        sent, code = HOSTILE[name]
        before = tree(laptop)
        done = self.tried(laptop, self.said(gpu, {"certificate": sent, "fingerprint": "00", "names": ["gpu"]}))
        assert (done.returncode, done.stderr) == (78, "")
        (problem,) = json.loads(done.stdout)["problems"]
        assert problem["code"] == code
        assert problem["message"].isprintable()
        assert problem["hint"]
        assert tree(laptop) == before

    def test_names_that_are_not_its_own_are_shown_to_a_person_and_pass_without_one_by_their_fingerprint(
        self, laptop: Laptop, gpu: Host
    ) -> None:
        strange = ("accounts.google.com", "8.8.8.8")
        sent = made(names=("gpu", strange[0]), networks=(f"{strange[1]}/32", "127.0.0.1/32", "::1/128"))
        before, words = tree(laptop), self.said(gpu, {"certificate": sent})
        refused = self.tried(laptop, words)
        assert refused.returncode == 78
        assert codes(json.loads(refused.stdout)) == ["authority-strange"]
        with laptop.terminal(KIT, "trust", *words[:-2], "--no-system") as screen:
            screen.until(r"Trust it\? \[y/N\]: ")
            assert f"does not seem to be gpu: {', '.join(strange)}." in screen.seen
            screen.type("n")
            assert screen.finish() == 1
        assert tree(laptop) == before
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(sent)).hexdigest()
        known = self.tried(laptop, (*words, "--no-system", "--fingerprint", digest))
        assert json.loads(known.stdout)["data"]["strange"] == list(strange)
        assert len(list((laptop.home() / TRUSTED).glob("*.crt"))) == 1

    @pytest.mark.parametrize("data", [{"certificate": 1}, *([{}, {"certificate": ["x"]}, {"certificate": None}] if LONG else [])], ids=str)
    def test_what_is_no_answer_is_refused(self, data: object, laptop: Laptop, gpu: Host) -> None:
        done = self.tried(laptop, self.said(gpu, data))
        assert done.returncode == 78
        assert [problem["code"] for problem in json.loads(done.stdout)["problems"]] == ["authority-unreadable"]

    def test_what_the_host_says_of_its_certificate_is_not_believed(self, laptop: Laptop, gpu: Host) -> None:
        own = json.loads(gpu.run(KIT, "trust", "--here", "--json", user="alice").stdout)["data"]
        lies = {**own, "fingerprint": "00:11", "names": ["bank.example"], "not_after": "\x1b[2J", "label": "../../x"}
        done = self.tried(laptop, (*self.said(gpu, lies), "--no-system"))
        data = json.loads(done.stdout)["data"]
        assert (data["fingerprint"], data["names"], data["not_after"]) == (own["fingerprint"], own["names"], own["not_after"])
        assert str(Path(data["certificate_file"]).parent) == f"/home/dana/{TRUSTED}"


def allow_sudo(laptop: Laptop) -> None:
    """Let dana have root run anything, without a password."""
    laptop.write(SUDOERS, "dana ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)


def tree(laptop: Laptop) -> dict[str, bytes]:
    """What is in the home, without what a browser leaves there."""
    home = laptop.home()
    files = (path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(home / "profile"))
    return {str(path.relative_to(home)): path.read_bytes() for path in files}
