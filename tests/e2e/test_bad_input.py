"""Whatever is written in an option, the answer is an exit code that means something, one sentence, and no traceback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Done, Host

WRONG_USAGE, FAILED, REFUSED = 2, 1, 78
INIT = ("init", "--allow-root", "--generate-password")

ARGV_ALONE = {
    "port 0": ((*INIT, "--port", "0"), "'0' is not a port number."),
    "port 65536": ((*INIT, "--port", "65536"), "'65536' is not a port number."),
    "port abc": ((*INIT, "--port", "abc"), "'abc' is not a port number."),
    "port -1": ((*INIT, "--port=-1"), "'-1' is not a port number."),
    "port with digits of another script": ((*INIT, "--port", "٨٨٠٠"), "is not a port number."),
    "port with a blank": ((*INIT, "--port", " 8800"), "is not a port number."),
    "empty port": ((*INIT, "--port", ""), "is not a port number."),
    "port missing": ((*INIT, "--port"), "--port"),
    "address that is a name": ((*INIT, "--ip", "gpubox"), "'gpubox' is not an IP address."),
    "address with a zone": ((*INIT, "--ip", "10.0.0.300"), "'10.0.0.300' is not an IP address."),
    "address with a newline": ((*INIT, "--ip", "10.77.1.1\n"), "is not an IP address."),
    "address beyond loopback over ssh": (("init", "--access", "ssh", "--ip", "10.77.1.1"), "loopback"),
    "unknown access": ((*INIT, "--access", "wan"), "wan"),
    "host name with a newline": ((*INIT, "--allow-host", "gpu\nbox"), "is not a host name"),
    "host name with a quote": ((*INIT, "--allow-host", 'gpu"box'), "is not a host name"),
    "host name with a backtick": ((*INIT, "--allow-host", "gpu`id`"), "is not a host name"),
    "host name with a leading dash": ((*INIT, "--allow-host", "-rf"), "is not a host name"),
    "host name with a blank": ((*INIT, "--allow-host", "gpu box"), "is not a host name"),
    "host name with an empty label": ((*INIT, "--allow-host", "gpu..lab"), "is not a host name"),
    "host name too long": ((*INIT, "--allow-host", "a" * 64), "is not a host name"),
    "host name with a star": ((*INIT, "--allow-host", "*.lab"), "is not a host name"),
    "empty host name": ((*INIT, "--allow-host", ""), "is not a host name"),
    "instance with a path": ((*INIT, "--instance", "../default"), "'../default' is not an instance name."),
    "instance with a newline": ((*INIT, "--instance", "gpu\n"), "is not an instance name."),
    "instance with a leading dash": ((*INIT, "--instance=-rf"), "'-rf' is not an instance name."),
    "empty instance": ((*INIT, "--instance", ""), "'' is not an instance name."),
    "language that is none": ((*INIT, "--language", "chinesisch"), "'chinesisch' is not a language."),
    "language with a path": ((*INIT, "--language", "../zh"), "'../zh' is not a language."),
    "empty root directory": ((*INIT, "--root-dir", ""), "The path is empty."),
    "root directory with a newline": ((*INIT, "--root-dir", "/a\nb"), "has a line break or a zero byte in it"),
    "key without its certificate": ((*INIT, "--keyfile", "key.pem"), "--keyfile does not go with --certfile"),
    "certificate and plain HTTP": ((*INIT, "--certfile", "c.pem", "--plain-http"), "--plain-http does not go with --certfile"),
    "certificate and private CA": ((*INIT, "--certfile", "c.pem", "--private-ca"), "--private-ca does not go with --certfile"),
    "plain HTTP over ssh": (("init", "--access", "ssh", "--plain-http"), "--access ssh does not go with"),
    "both password options": ((*INIT, "--password-stdin"), "--password-stdin does not go with --generate-password"),
    "network that is a name": ((*INIT, "--allow-network", "gpubox"), "'gpubox' is not a network."),
    "network with a long prefix": ((*INIT, "--allow-network", "10.0.0.0/33"), "'10.0.0.0/33' is not a network."),
    "networks and any": ((*INIT, "--allow-network", "any", "--allow-network", "10.0.0.0/8"), "--allow-network any does not go with"),
    "proxies that are everybody": ((*INIT, "--trusted-proxy", "0.0.0.0/0"), "'0.0.0.0/0' holds everybody"),
    "session of years": ((*INIT, "--session-days", "3650"), "'3650' is not a number of days"),
    "HSTS over ssh": (("init", "--access", "ssh", "--hsts"), "--hsts means nothing without TLS"),
    "no password option": (("init", "--allow-root", "--access", "lan"), "a password"),
    "relay without a password option": (("init", "--allow-root", "--access", "relay"), "a password"),
    "unknown option": ((*INIT, "--passwort"), "--passwort"),
    "surplus argument": ((*INIT, "surplus"), "surplus"),
    "unknown command": (("inti",), "inti"),
    "up: port 0": (("up", "--detach", "--port", "0"), "'0' is not a port number."),
    "up: dry run and open": (("up", "--allow-root", "--generate-password", "--dry-run", "--open"), "--dry-run does not go with --open"),
    "down: unknown option": (("down", "--force"), "--force"),
    "urls: instance": (("urls", "--instance", "a/b"), "'a/b' is not an instance name."),
    "password: no option": (("password",), "no terminal"),
    "password: both": (("password", "--password-stdin", "--generate-password"), "does not go with"),
    "token: no yes": (("token",), "--yes"),
    "token: show and dry run": (("token", "--show", "--dry-run"), "--show does not go with --dry-run"),
    "remove: no yes": (("remove",), "--yes"),
}

THE_MACHINES_STATE = {
    "address that this host lacks": ((*INIT, "--ip", "192.0.2.7"), REFUSED, "does not have the address 192.0.2.7"),
    "root without leave": (("init", "--generate-password"), REFUSED, "--allow-root"),
    "root directory that is a file": ((*INIT, "--root-dir", "{home}/file"), REFUSED, "{home}/file"),
    "root directory below a file": ((*INIT, "--root-dir", "{home}/file/below"), FAILED, "{home}/file"),
    "root directory on a read-only disk": ((*INIT, "--root-dir", "/proc/1/notebooks"), FAILED, "/proc/1"),
    "certificate that is absent": ((*INIT, "--certfile", "{home}/absent.pem"), FAILED, "{home}/absent.pem"),
    "certificate that is none": ((*INIT, "--certfile", "{home}/file"), FAILED, "{home}/file"),
    "up: address that this host lacks": (("up", "--detach", *INIT[1:], "--ip", "192.0.2.7"), REFUSED, "192.0.2.7"),
    "urls without an instance": (("urls",), REFUSED, "no instance 'default'"),
    "password without an instance": (("password", "--generate-password"), REFUSED, "no instance 'default'"),
    "token without an instance": (("token", "--yes"), REFUSED, "no instance 'default'"),
}

PASSWORDS = {
    "nothing": (None, FAILED, "holds no password"),
    "an empty line": ("\n", FAILED, "holds no password"),
    "seven characters": ("1234567\n", REFUSED, "has 7 characters; at least 8 are needed"),
    "the host's name": ("gpubox.lab\n", REFUSED, "name"),
}


@pytest.fixture(autouse=True)
def untouched(host: Host) -> Iterator[None]:
    """Nothing that is refused leaves anything behind."""
    (host.home / "file").write_text("a file\n")
    yield
    host.empty_home()


def refused(done: Done, code: int, fragment: str) -> None:
    """The contract of a refusal on a terminal: a code, one sentence, a hint."""
    done.expect(code)
    lines = done.err.splitlines()
    assert lines[0].startswith("error: "), done.err
    assert fragment in done.err
    assert sum(line.startswith("error: ") for line in lines) == 1, done.err
    assert done.out == ""


def refused_as_json(done: Done, code: int, fragment: str) -> None:
    """The same as one object."""
    done.expect(code)
    answer = done.json
    assert set(answer) == {"command", "ok", "data", "messages", "problems"}
    assert answer["ok"] is False
    assert len(answer["problems"]) == 1
    problem = answer["problems"][0]
    assert set(problem) == {"code", "message", "hint"}
    assert fragment in json.dumps([problem["message"], problem["hint"]], ensure_ascii=False).replace('\\"', '"')
    assert problem["code"]
    assert problem["hint"]
    assert done.err == ""


@pytest.mark.parametrize("case", ARGV_ALONE)
def test_argv_alone_suffices_to_reject(case: str, host: Host) -> None:
    argv, fragment = ARGV_ALONE[case]
    refused(host.kit(*argv), WRONG_USAGE, fragment)
    refused_as_json(host.kit(*argv, "--json"), WRONG_USAGE, fragment)
    assert list(host.files()) == ["file"]


@pytest.mark.parametrize("case", THE_MACHINES_STATE)
def test_the_machine_refuses(case: str, host: Host) -> None:
    argv, code, fragment = THE_MACHINES_STATE[case]
    argv = tuple(word.format(home=host.home) for word in argv)
    fragment = fragment.format(home=host.home)
    refused(host.kit(*argv), code, fragment)
    refused_as_json(host.kit(*argv, "--json"), code, fragment)
    if code == REFUSED:
        assert list(host.files()) == ["file"]
    # What failed half-way may leave folders behind, but neither an instance nor a key.
    assert not host.instance_file().exists()
    assert list(host.home.rglob("*.pem")) == []


@pytest.mark.parametrize("case", PASSWORDS)
def test_the_password_on_standard_input_is_refused_when_it_is(case: str, host: Host) -> None:
    text, code, fragment = PASSWORDS[case]
    argv = ("init", "--allow-root", "--password-stdin")
    refused(host.kit(*argv, stdin=text), code, fragment)
    refused_as_json(host.kit(*argv, "--json", stdin=text), code, fragment)
    assert not host.instance_file().exists()


def test_the_password_that_is_the_users_name_is_refused(host: Host) -> None:
    # `ip netns exec` lays the files of this folder over those of /etc.
    accounts = Path("/etc/netns", host.machine.label, "passwd")
    accounts.write_text("grace.hopper:x:0:0::/root:/bin/bash\n")
    try:
        refused(host.kit("init", "--allow-root", "--password-stdin", stdin="Grace.Hopper\n"), REFUSED, "name")
    finally:
        accounts.unlink()


def test_a_root_directory_inside_another_users_home_is_refused_and_untouched(host: Host) -> None:
    other = host.home.parent / "other"
    other.mkdir(mode=0o700)
    subprocess.run(["chown", "65534:65534", str(other)], check=True)
    # What an ordinary user lacks: the right to go anywhere. The interpreter may lie where only root gets to, so the user stays root.
    plain = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
    kit = host.prefix / "bin" / "jupyter-remotekit"
    refused(host.run(*plain, kit, *INIT, "--root-dir", other / "notebooks"), FAILED, f"{other}/notebooks")
    assert list(other.iterdir()) == []
    assert not host.instance_file().exists()
    other.rmdir()


NAMES_THAT_WORK = {
    "bücher.example": "xn--bcher-kva.example",
    "gpu.example.org.": "gpu.example.org",
    "GPU.Example.ORG": "gpu.example.org",
    "例え.jp": "xn--r8jz45g.jp",
    "gpu_1.lab": "gpu_1.lab",
    "192.0.2.80": "192.0.2.80",
    "[2001:db8::0:80]": "2001:db8::80",
}


def test_names_that_work_are_in_the_certificate(host: Host) -> None:
    options = [word for name in NAMES_THAT_WORK for word in ("--allow-host", name)]
    done = host.kit(*INIT, "--json", *options).expect()
    assert done.data["settings"]["allow_hosts"] == list(dict.fromkeys(NAMES_THAT_WORK.values()))
    leaf = x509.load_pem_x509_certificate((host.tls_dir / "leaf-default.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    there = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    assert set(NAMES_THAT_WORK.values()) <= there
    assert {"gpubox", "10.77.1.1", "fd00:77:1::1", "localhost"} <= there


@pytest.mark.parametrize("name", ["-rf", 'it\'s "数据" und $HOME `id` %s{0} \\ Bücher'])
def test_a_root_directory_with_an_odd_name_is_made_and_served(name: str, host: Host, canaries: Canaries) -> None:
    root = host.home / name / "notebooks"
    argv = ("--access", "ssh", f"--root-dir={root}")
    host.up(*argv)
    canaries.watch_instance(host.instance_file())
    (root / "there.txt").write_text("there")
    with host.http(host.machine, "http://127.0.0.1:8800") as client:
        listed = client.get("/api/contents", headers=host.token_header()).json()
    assert [entry["name"] for entry in listed["content"]] == ["there.txt"]
    host.kit("down").expect()


def test_a_name_relative_to_the_working_directory_is_taken_as_absolute(host: Host) -> None:
    kit = host.prefix / "bin" / "jupyter-remotekit"
    host.run(kit, *INIT, "--root-dir", "work", cwd=host.home).expect()
    assert host.instance()["ServerApp"]["root_dir"] == str(host.home / "work")
    assert Path(host.home / "work").is_dir()
