"""Whatever can refuse a command is looked at before its first question, and before anything is written."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import room
from tests.commands.host import PASSWORD, Host
from tests.commands.terminal import Terminal

QUESTIONS = re.compile(r"\[y/N\]|Repeat the password|Sign-in password|Language of the interface|How does the laptop")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who is refused")


@contextmanager
def taken_port(host: Host) -> Iterator[list[str]]:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        yield ["--port", str(other.getsockname()[1])]


@contextmanager
def as_root(host: Host) -> Iterator[list[str]]:
    yield []


@contextmanager
def file_as_root_dir(host: Host) -> Iterator[list[str]]:
    place = host.folder / "notes.txt"
    place.write_text("x")
    yield ["--root-dir", str(place)]


@contextmanager
def root_dir_below_a_file(host: Host) -> Iterator[list[str]]:
    (host.folder / "notes.txt").write_text("x")
    yield ["--root-dir", str(host.folder / "notes.txt" / "new")]


@contextmanager
def long_root_dir(host: Host) -> Iterator[list[str]]:
    yield ["--root-dir", str(host.folder / ("a" * 256))]


@contextmanager
def no_certificate(host: Host) -> Iterator[list[str]]:
    yield ["--access", "lan", "--certfile", str(host.folder / "none.pem"), "--keyfile", str(host.folder / "none.pem")]


@contextmanager
def foreign_address(host: Host) -> Iterator[list[str]]:
    yield ["--access", "lan", "--ip", "192.0.2.77"]


@contextmanager
def file_in_the_way(host: Host) -> Iterator[list[str]]:
    host.layout.data_dir.parent.mkdir(parents=True, exist_ok=True)
    host.layout.data_dir.write_text("x")
    yield []


@contextmanager
def file_as_runtime_dir(host: Host) -> Iterator[list[str]]:
    host.layout.runtime_dir.parent.mkdir(parents=True, exist_ok=True)
    host.layout.runtime_dir.write_text("x")
    yield []


@contextmanager
def refused_configuration(host: Host) -> Iterator[list[str]]:
    host.layout.config_dir.mkdir(parents=True)
    (host.layout.config_dir / "jupyter_server_config.py").write_text("c.ServerApp.allow_origin = '*'\n")
    yield []


@contextmanager
def unserved_base_url(host: Host) -> Iterator[list[str]]:
    host.layout.config_dir.mkdir(parents=True)
    (host.layout.config_dir / "jupyter_server_config.json").write_text('{"ServerApp": {"base_url": "/a+b/"}}')
    yield []


Situation = Callable[[Host], object]
CASES = [
    pytest.param("init", as_root, "as-root", marks=needs_root),
    pytest.param("up", as_root, "as-root", marks=needs_root),
    pytest.param("up --detach", as_root, "as-root", marks=needs_root),
    ("init --allow-root", file_as_root_dir, "root-dir-not-a-directory"),
    ("up --allow-root", file_as_root_dir, "root-dir-not-a-directory"),
    ("init --allow-root", root_dir_below_a_file, "root-dir-not-writable"),
    ("up --allow-root", long_root_dir, "root-dir-not-writable"),
    ("init --allow-root", no_certificate, None),
    ("init --allow-root", foreign_address, "address-not-here"),
    ("init --allow-root", file_in_the_way, "not-a-directory"),
    ("up --allow-root", file_in_the_way, "not-a-directory"),
    ("up --allow-root", file_as_runtime_dir, "not-a-directory"),
    ("up --allow-root", taken_port, "port-taken"),
    ("up --allow-root --detach", taken_port, "port-taken"),
    ("up --allow-root", refused_configuration, "any-origin"),
    ("up --allow-root --detach", unserved_base_url, "base-url-not-served"),
]


@pytest.mark.parametrize(("words", "situation", "code"), CASES)
def test_nothing_is_asked_and_nothing_written(
    host: Host, words: str, situation: Callable[[Host], contextmanager[list[str]]], code: str | None
) -> None:
    with situation(host) as options:
        before = host.tree()
        with Terminal(host, *words.split(), *options) as terminal:
            assert terminal.finish() in {1, 78}
            assert not QUESTIONS.search(terminal.seen), terminal.seen
            assert "Traceback" not in terminal.seen
        assert host.tree() == before
        # A program is told the same.
        outcome = host.run(*words.split(), *options, "--access", "lan", "--password-stdin", "--json", stdin=PASSWORD)
        assert outcome.code in {1, 78}
        assert code is None or code in outcome.codes
        # Without a question the lock of a start comes first, and its folder.
        assert "--detach" in words or host.tree() == before


def test_a_way_that_is_left_is_asked_for(host: Host) -> None:
    """The address is taken for the whole network, but not for loopback: over ssh it could be served."""
    with Terminal(host, "init", "--allow-root", "--ip", "127.0.0.1") as terminal:
        terminal.answer("How does the laptop reach this host", "ssh")
        terminal.answer("Language of the interface", "en")
        assert terminal.finish() == 0


@pytest.mark.parametrize("words", ["password", "token"])
def test_what_cannot_be_written_is_told_before_the_question(lan_host: Host, words: str) -> None:
    folder = lan_host.layout.instance_data_dir("default")
    moved = folder.with_name("moved")
    folder.rename(moved)
    folder.write_text("x")
    before = lan_host.tree()
    with Terminal(lan_host, words) as terminal:
        assert terminal.finish() == 1, terminal.seen
        assert not QUESTIONS.search(terminal.seen), terminal.seen
        assert "is not a directory" in terminal.seen
    assert lan_host.tree() == before


def test_a_full_disk_keeps_nobody_from_removing(tmp_path: Path) -> None:
    with pytest.raises(Failed) as full:
        room.check((tmp_path / "a/b",), least=1 << 62)
    assert full.value.problems[0].code == "disk-full"
    room.check((tmp_path / "a/b",), least=0)


@pytest.mark.parametrize("words", ["connect", "start", "trust"])
def test_a_laptop_that_cannot_remember_asks_no_host(host: Host, words: str) -> None:
    host.layout.data_dir.parent.mkdir(parents=True, exist_ok=True)
    host.layout.data_dir.write_text("x")
    outcome = host.run(words, "192.0.2.1", "--json", *(("--yes",) if words == "trust" else ()))
    assert outcome.code == 1
    assert outcome.codes == ["not-a-directory"]
    assert "ssh" not in outcome.everything


@pytest.mark.parametrize("words", ["connect", "start"])
def test_a_wheel_that_is_none_is_named_before_a_host_is_asked(host: Host, words: str, tmp_path: Path) -> None:
    wheel = tmp_path / "jupyter_remote_kit-1-py3-none-any.whl"
    wheel.write_text("x")
    outcome = host.run(words, "192.0.2.1", "--install", "--wheel", str(wheel), "--json")
    assert outcome.codes == ["wheel"]
    assert not host.layout.hosts_file.exists()
