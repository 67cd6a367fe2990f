"""Reads `~/.ssh/config` and what it includes, as ssh itself does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jupyter_remote_kit.host import sshconfig


@pytest.fixture
def ssh(tmp_path: Path) -> Path:
    folder = tmp_path / ".ssh"
    (folder / "config.d").mkdir(parents=True)
    return folder


def test_who_has_no_configuration_has_no_hosts(tmp_path: Path) -> None:
    assert sshconfig.names(tmp_path) == ()


def test_what_is_included_counts_and_what_is_missing_does_not(ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (ssh / "config").write_text(f"Include config.d/*.conf ~/more.conf {tmp_path}/absolute nowhere ~nobody-at-all/x [\nHost last first\n")
    (ssh / "config.d" / "b.conf").write_text("Host second\n")
    (ssh / "config.d" / "a.conf").write_text("Host first\nInclude config.d/deeper\n")
    (ssh / "config.d" / "deeper").write_text("Host deeper\n")
    (ssh / "config.d" / "c.other").write_text("Host other\n")
    (tmp_path / "more.conf").write_text("Host more\n")
    (tmp_path / "absolute").write_text("Host absolute\n")
    assert set(sshconfig.names()) == {"first", "deeper", "second", "more", "absolute", "last"}
    assert sshconfig.names()[:2] == ("last", "first")


def test_a_file_that_includes_itself_ends(ssh: Path, tmp_path: Path) -> None:
    (ssh / "config").write_text("Host one\nInclude config config\n")
    assert sshconfig.names(tmp_path) == ("one",)


def test_what_is_deeper_than_ssh_looks_is_not_looked_at(ssh: Path, tmp_path: Path) -> None:
    for depth in range(20):
        (ssh / ("config" if depth == 0 else f"level{depth}")).write_text(f"Host host{depth}\nInclude level{depth + 1}\n")
    assert sshconfig.names(tmp_path) == tuple(f"host{depth}" for depth in range(17))


def test_what_is_no_text_or_no_file_is_no_trouble(ssh: Path, tmp_path: Path) -> None:
    os.mkfifo(ssh / "config.d" / "pipe")
    (ssh / "config.d" / "folder").mkdir()
    (ssh / "config.d" / "bytes").write_bytes(b"Host caf\xe9 good\n\xff\0\n")
    (ssh / "config").write_text("Include config.d/*\nHost own\n")
    assert set(sshconfig.names(tmp_path)) == {"good", "own"}


def test_ssh_reads_those_names_from_the_same_files(ssh: Path, tmp_path: Path) -> None:
    """ssh itself is asked which host each name means."""
    (ssh / "config").write_text(f'Include {ssh}/config.d/*\nHost "b" c=d\n  HostName is-b\n')
    (ssh / "config.d" / "one").write_text("Host=a\nHostName=is-a\n")
    for name in sshconfig.names(tmp_path):
        said = subprocess.run(["ssh", "-F", str(ssh / "config"), "-G", "--", name], capture_output=True, text=True, check=True, timeout=30)
        assert f"hostname is-{name}\n" in said.stdout
    assert sshconfig.names(tmp_path) == ("b", "a")
