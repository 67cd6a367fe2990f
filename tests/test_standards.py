"""Each grammar of the kit beside the standard, or the program, that it stands for: what is legal there works here or is refused, and why.

The source stands in each row. Where a row is refused that the source allows, `why` says what would go wrong with it; the word "ours" marks
what this kit decides itself.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit import grammar
from jupyter_remote_kit.commands.options import PATH
from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.plan import authority, hashes, hostnames, hosts, networks, remotepaths, snapshot, target
from jupyter_remote_kit.plan.policy import HashKind
from jupyter_remote_kit.words import locale_of, negotiated_locale

SSH_C, SSH_CONFIG = "ssh.c of OpenSSH 9.2 (valid_hostname, valid_ruser)", "ssh_config(5)"
ODD = "a\tb\n%h $x \"y\" 'z' \\ 数据"
HASH = "argon2:$argon2id$v=19$m=10240,t=10,p=8$c2FsdHNhbHRzYWx0c2E$c2FsdHNhbHRzYWx0c2FsdHNhbHQ"


@dataclass(frozen=True)
class Row:
    """A value of one grammar; `taken` as what, or `None` for refused."""

    grammar: str
    value: str
    taken: object
    source: str
    why: str = ""


def taken(*rows: tuple[str, str, object, str]) -> list[Row]:
    return [Row(*row) for row in rows]


def refused(*rows: tuple[str, str, str, str]) -> list[Row]:
    return [Row(name, value, None, source, why) for name, value, source, why in rows]


PARSERS: dict[str, Callable[[str], Any]] = {
    "ssh host": target.parse,
    "host name": grammar.host_name,
    "Host header": hosts.host_of,
    "address": lambda text: str(grammar.address(text)),
    "network": lambda text: str(grammar.network(text)),
    "source address": lambda text: str(networks.plain(text)),
    "port": grammar.port,
    "user": grammar.user_name,
    "variable": grammar.variable_name,
    "instance": grammar.instance_name,
    "host's name in URLs": hostnames.parse,
    "locale": grammar.language,
    "base_url": lambda text: text if grammar.is_base_url(text) else None,
    "folder on a host": remotepaths.project_dir,
    "environment on a host": remotepaths.environment,
    "interpreter on a host": remotepaths.python,
    "folder": lambda text: PATH.convert(text, None, None),
    "fingerprint": authority.digest_of,
    "password hash": lambda text: text if hashes.hash_kind(text) in {HashKind.ARGON2ID, HashKind.WEAK_ARGON2ID} else None,
    "value in a service's environment": lambda text: snapshot.take({"CUDA_X": text}, Path("/bin")).variables.get("CUDA_X"),
}

TABLE: list[Row] = [
    *taken(
        ("ssh host", "aws/something/1", target.Target("aws/something/1"), SSH_CONFIG),
        ("ssh host", "gpu+a100", target.Target("gpu+a100"), SSH_CONFIG),
        ("ssh host", "实验室", target.Target("实验室"), SSH_CONFIG),
        ("ssh host", "[gpu:1]", target.Target("gpu:1"), f"{SSH_CONFIG}; the brackets are ours, for what looks like a port"),
        ("ssh host", "GPU_1", target.Target("GPU_1"), SSH_CONFIG),
        ("ssh host", "gpu.example.org.", target.Target("gpu.example.org."), "RFC 1034, 3.1"),
        ("ssh host", "fe80::1%eth0", target.Target("fe80::1%eth0"), "RFC 4007, 11"),
        ("ssh host", "ssh://[fe80::1%25eth0]:22", target.Target("fe80::1%eth0", None, 22), "RFC 6874, 2"),
        ("ssh host", "ssh://LAB%5Calice@gpu/", target.Target("gpu", "LAB\\alice"), "misc.c of OpenSSH (parse_uri); RFC 3986, 2.1"),
        ("ssh host", "LAB\\alice@gpu", target.Target("gpu", "LAB\\alice"), f"{SSH_C}; names of a Windows domain"),
        ("ssh host", "alice@realm@gpu", target.Target("gpu", "alice@realm"), SSH_C),
        ("ssh host", "alice.b+x@gpu", target.Target("gpu", "alice.b+x"), f"{SSH_C}; useradd(8) --badname"),
        ("ssh host", "Alice Doe@gpu", target.Target("gpu", "Alice Doe"), SSH_C),
        ("host name", "GPU.Example.org.", "gpu.example.org", "RFC 1034, 3.1; RFC 4343"),
        ("host name", "gpu", "gpu", "RFC 1123, 2.1: one label"),
        ("host name", "gpu_1.lab", "gpu_1.lab", "RFC 2181, 11: any label; resolvers and browsers take the underscore"),
        ("host name", "gpu_1.实验室.lab", "gpu_1.xn--qbtm5249b.lab", "RFC 5891; UTS 46"),
        ("host name", "1gpu.lab", "1gpu.lab", "RFC 1123, 2.1"),
        ("host name", "a" * 63 + ".lab", "a" * 63 + ".lab", "RFC 1035, 2.3.4: 63 octets"),
        ("host name", ".".join(["a" * 62] * 4), ".".join(["a" * 62] * 4), "RFC 1035, 2.3.4: 253 octets"),
        ("host name", "[::1]", "::1", "RFC 3986, 3.2.2"),
        ("Host header", "GPU:8800", "gpu", "RFC 9110, 7.2"),
        ("Host header", "[::1]:8800", "::1", "RFC 3986, 3.2.2"),
        ("address", "[fd00::1]", "fd00::1", "RFC 3986, 3.2.2"),
        ("network", "10.1.2.3/8", "10.0.0.0/8", "RFC 4632, 3.1; host bits are masked"),
        ("source address", "fe80::1%eth0", "fe80::1", "RFC 4007, 11"),
        ("port", "08800", 8800, "RFC 3986, 3.2.3: digits"),
        ("user", "alice@lab.example", "alice@lab.example", "sssd.conf(5), full_name_format"),
        ("user", "LAB\\alice", "LAB\\alice", "winbind"),
        ("user", "李雷", "李雷", "useradd(8) --badname; user-util.c of systemd (VALID_USER_RELAX)"),
        ("user", "pc$", "pc$", "useradd(8): Samba machine accounts"),
        ("variable", "A" * 300, "A" * 300, "POSIX.1-2017, XBD 8.1: no bound"),
        ("locale", "zh_CN.UTF-8", "zh_CN", "POSIX.1-2017, XBD 8.2"),
        ("locale", "en_US@euro", "en_US", "POSIX.1-2017, XBD 8.2"),
        ("locale", "C.UTF-8", "en", "POSIX.1-2017, XBD 7.2"),
        ("locale", "zh-Hans-CN", "zh_CN", "RFC 5646, 2.1"),
        ("locale", "zh_Hans_CN.UTF-8", "zh_CN", "what macOS sets"),
        ("locale", "zh-Hant", "zh_TW", "RFC 5646, 2.1"),
        ("locale", "zh-Hant-HK", "zh_HK", "RFC 5646, 2.1"),
        ("locale", "zh", "zh_CN", "RFC 5646, 2.1; JupyterLab has packs with a region alone"),
        ("locale", "zh-cn", "zh_CN", "RFC 5646, 2.1.1: any case"),
        ("locale", "es-419", "es_419", "RFC 5646, 2.2.4: a region of UN M.49"),
        ("locale", "sr-Latn-RS", "sr_RS", "RFC 5646, 2.1"),
        ("locale", "ca-ES-valencia", "ca_ES", "RFC 5646, 2.2.5: variants"),
        ("base_url", "/gpu%20box/~alice@lab:1/", "/gpu%20box/~alice@lab:1/", "RFC 3986, 3.3"),
        ("base_url", "lab", "lab", "ServerApp.base_url adds the slashes"),
        ("folder on a host", "~/我的 数据/100%/it's", "~/我的 数据/100%/it's", "POSIX.1-2017, XBD 3.271"),
        ("environment on a host", "实验@2", "实验@2", "conda: PrefixData.validate_name"),
        ("environment on a host", ".venv", ".venv", "venv of a project"),
        ("interpreter on a host", "python3.12", "python3.12", "POSIX.1-2017, XBD 3.282"),
        ("interpreter on a host", "~/my env/bin/python", "~/my env/bin/python", "POSIX.1-2017, XBD 3.271"),
        ("folder", "/srv/100% it's 数据", Path("/srv/100% it's 数据"), "POSIX.1-2017, XBD 3.271"),
        ("fingerprint", "AB" + ":ab" * 31, "ab" * 32, "openssl-x509(1) -fingerprint"),
        ("password hash", HASH, HASH, "RFC 9106; the PHC string format"),
        ("value in a service's environment", ODD, ODD, "systemd.exec(5), EnvironmentFile="),
    ),
    *refused(
        ("ssh host", "gpu;id", SSH_C, "ssh refuses it"),
        ("ssh host", "gpu,cpu", SSH_C, "ssh refuses it"),
        ("ssh host", "-gpu", SSH_C, "ssh refuses it"),
        ("ssh host", "gpu 1", SSH_C, "ssh refuses it"),
        ("ssh host", "gpu\x1b", SSH_C, "ssh refuses it"),
        ("ssh host", "gpu*", SSH_CONFIG, "a pattern"),
        ("ssh host", "gpu[1]", SSH_CONFIG, "ours: a pattern of the shell that runs a ProxyCommand with %h"),
        ("ssh host", "gpu#1", SSH_CONFIG, "ours: zsh and make read it as a pattern or a comment"),
        ("ssh host", "gpu=1", SSH_CONFIG, "ours: an assignment, or zsh's =command"),
        ("ssh host", "alice\\@gpu", SSH_C, "ssh refuses it"),
        ("ssh host", "alice -x@gpu", SSH_C, "ssh refuses it"),
        ("ssh host", "%r@gpu", "ssh_config(5) of OpenSSH 10, User", "it is expanded"),
        ("ssh host", "alice:pw@gpu", "RFC 3986, 3.2.1", "a password in a command line; deprecated"),
        ("ssh host", "ssh://gpu/path", "misc.c of OpenSSH (parse_uri)", "ssh refuses it"),
        ("ssh host", "http://gpu", SSH_C, "no URI of ssh"),
        ("host name", "a" * 64, "RFC 1035, 2.3.4", "longer than 63 octets"),
        ("host name", ".".join(["a" * 63] * 4), "RFC 1035, 2.3.4", "longer than 253 octets"),
        ("host name", "-gpu", "RFC 952", "begins with a hyphen"),
        ("host name", "gpu.1", "WHATWG URL, ends in a number", "browsers read an IPv4 address"),
        ("host name", "fe80::1%eth0", "RFC 6874", "a certificate has no zone, and browsers open no such URL"),
        ("host name", "*.lab", "RFC 9525, 6.3", "ours: a name is declared in full"),
        ("Host header", "gpu:", "RFC 3986, 3.2.3", "ours: legal, but no client sends it, and cookies would be named by it"),
        ("Host header", "g%70u", "RFC 3986, 3.2.2", "ours: no client encodes a name"),
        ("address", "fe80::1%eth0", "RFC 4007, 11", "ours: no browser opens a URL with a zone"),
        ("network", "10.0.0.0/255.0.0.0", "RFC 4632, 3.1", "no CIDR"),
        ("network", "0.0.0.0", "RFC 1122, 3.2.1.3", "ours: it is meant for all of them: any"),
        ("port", "0", "RFC 6335, 6", "reserved"),
        ("user", "a b", "passwd(5)", "ours: shells part it"),
        ("user", "a:b", "passwd(5)", "parts the fields"),
        ("user", "-a", "useradd(8)", "an option"),
        ("variable", "BASH_FUNC_x%%", "bash(1)", "systemd takes no such name (env_name_is_valid)"),
        ("variable", "A=B", "POSIX.1-2017, XBD 8.1", "the value comes from the shell"),
        ("instance", "a.b", "systemd.unit(5)", "ours: it is part of file names, of a unit's name and of a label in a URL"),
        ("host's name in URLs", "实验室", "RFC 6761, 6.3", "ours: a label of `<name>.localhost`, which is read as it is typed"),
        ("locale", "chinese", "RFC 5646, 2.2.1", "JupyterLab has no locale of that form"),
        ("base_url", "/a+b/", "RFC 3986, 3.3", "jupyter_server reads a regular expression: 404"),
        ("base_url", "/a(b)/", "RFC 3986, 3.3", "jupyter_server reads a regular expression: it does not start"),
        ("base_url", "/a;b/", "RFC 6265, 4.1.1", "ends the Path of a cookie: 500"),
        ("base_url", "/实验室/", "RFC 3986, 2.1", "not encoded: no request matches it"),
        ("base_url", "//gpu/", "RFC 3986, 3.3", "a host stands after it"),
        ("folder on a host", "a\nb", "POSIX.1-2017, XBD 3.271", "ours: a terminal would show something else"),
        ("folder on a host", "-a", "POSIX.1-2017, XBD 12.2", "an option; ./-a is meant"),
        ("environment on a host", "a b", "conda: PrefixData.validate_name", "conda refuses it"),
        ("fingerprint", "ab" * 20, "RFC 5280", "ours: SHA-1 is broken"),
        ("password hash", "sha1:abc:def", "jupyter_server.auth.security", "ours: cracked in minutes"),
        (
            "value in a service's environment",
            "\x1b[1m",
            "env-util.c of systemd 239",
            "a control character: the variable is left out and named",
        ),
        ("value in a service's environment", "\udcff", "systemd.exec(5), EnvironmentFile=", "no UTF-8: the variable is left out and named"),
    ),
]


def shown(row: Row) -> str:
    return f"{row.grammar}: {row.value[:20]!a} ({'taken' if row.taken is not None else 'refused'})"


@pytest.mark.parametrize("row", TABLE, ids=shown)
def test_a_value_is_taken_or_refused(row: Row) -> None:
    if row.taken is not None:
        assert PARSERS[row.grammar](row.value) == row.taken
        return
    assert row.why
    found = None
    with contextlib.suppress(RemoteKitError):
        found = PARSERS[row.grammar](row.value)
    assert found is None


def test_every_grammar_has_both() -> None:
    assert set(PARSERS) == {row.grammar for row in TABLE}
    assert len({(row.grammar, row.value) for row in TABLE}) == len(TABLE)


OF_SSH = [row for row in TABLE if row.grammar == "ssh host"]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh")
@pytest.mark.parametrize("row", [row for row in OF_SSH if isinstance(row.taken, target.Target)], ids=shown)
def test_the_real_ssh_understands_what_is_taken(row: Row) -> None:
    meant = row.taken
    assert isinstance(meant, target.Target)
    done = subprocess.run(["ssh", "-F", "/dev/null", "-G", *meant.words], capture_output=True, text=True, check=True)
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert said["host"] == meant.host
    assert said["user"] == meant.user or meant.user is None


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh")
@pytest.mark.parametrize("row", [row for row in OF_SSH if row.why == "ssh refuses it"], ids=shown)
def test_the_real_ssh_refuses_as_well(row: Row) -> None:
    done = subprocess.run(["ssh", "-F", "/dev/null", "-G", "--", row.value], capture_output=True, text=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("text", ["zh-Hans-CN", "zh-CN", "zh", "en-GB", "en"])
def test_a_header_and_a_locale_mean_the_same(text: str) -> None:
    assert negotiated_locale(text) == re.sub("en_.*", "en", locale_of(text) or "")
