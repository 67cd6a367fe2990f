"""What arrives at a journald: a datagram socket of the test, real log records, and a real server whose standard error is the journal."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_remote_kit import words
from jupyter_remote_kit.server import journal
from jupyter_remote_kit.server import journald as native
from jupyter_remote_kit.server.journal import JournalHandler
from tests.server.conftest import PASSWORD, TOKEN
from tests.server.systemd import Journal

if TYPE_CHECKING:
    from tests.server.conftest import Machine, Server

WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
LOGGER = "TestJournal"


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal")
    yield made
    made.socket.close()


@pytest.fixture
def text() -> io.StringIO:
    """What is written without a journal."""
    return io.StringIO()


@pytest.fixture
def log(journald: Journal, text: io.StringIO) -> Iterator[logging.Logger]:
    """A logger as jupyter_server has one, whose handler writes to the journal, and to `text` without it."""
    stderr = logging.StreamHandler(text)
    stderr.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    made = logging.getLogger(LOGGER)
    made.propagate = False
    made.setLevel(logging.DEBUG)
    written = native.Journal(str(journald.path))
    made.handlers = [JournalHandler(stderr, written, "lab")]
    yield made
    made.handlers.clear()
    written.close()


def test_a_record_is_one_entry_with_its_level_place_and_instance(log: logging.Logger, journald: Journal) -> None:
    line = sys._getframe().f_lineno + 1
    log.warning("%d kernels of %s", 3, "ada")
    assert journald.entries() == [
        {
            "MESSAGE": "3 kernels of ada",
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "jupyter-remotekit",
            "LOGGER": LOGGER,
            "CODE_FILE": __file__,
            "CODE_LINE": str(line),
            "CODE_FUNC": test_a_record_is_one_entry_with_its_level_place_and_instance.__name__,
            "REMOTEKIT_INSTANCE": "lab",
        }
    ]


@pytest.mark.parametrize(("level", "priority"), [(10, "7"), (15, "7"), (20, "6"), (25, "6"), (30, "4"), (40, "3"), (50, "2"), (60, "2")])
def test_levels_are_those_of_syslog(level: int, priority: str, log: logging.Logger, journald: Journal) -> None:
    log.log(level, "said")
    assert [entry["PRIORITY"] for entry in journald.entries()] == [priority]


def test_a_traceback_and_a_stack_are_part_of_the_message(log: logging.Logger, journald: Journal) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("It failed", stack_info=True)
    (entry,) = journald.entries()
    assert entry["MESSAGE"].startswith("It failed\nTraceback (most recent call last):\n")
    assert "ValueError: two\nlines\nStack (most recent call last):\n" in entry["MESSAGE"]


HOSTILE = ("a\nPRIORITY=0", "a\n_UID=0\nMESSAGE=b", "\n", "\n\0\0\0\0\0\0\0\0", "MESSAGE\n", "=", "", "\r\n.\r\n", "\x1b[31m", "字" * 100)


@pytest.mark.parametrize("sent", HOSTILE)
def test_what_a_stranger_sends_is_a_value_and_nothing_else(sent: str, log: logging.Logger, journald: Journal) -> None:
    logging.getLogger(LOGGER).info("%s", sent)
    record = logging.LogRecord(f"x{sent}", 20, f"/a{sent}", 1, "b", (), None, func=f"f{sent}")
    log.handle(record)
    first, second = journald.entries()
    # Control characters would make a blob of it, which `journalctl` does not show.
    assert first["MESSAGE"] == sent.replace("\0", "\\x00").replace("\r", "\\x0d").replace("\x1b", "\\x1b")
    assert (second["LOGGER"], second["CODE_FILE"], second["CODE_FUNC"]) == (f"x{sent}", f"/a{sent}", f"f{sent}")
    assert (set(first), first["PRIORITY"], second["PRIORITY"]) == (set(second), "6", "6")


def test_half_a_character_is_no_reason_to_lose_a_line(log: logging.Logger, journald: Journal) -> None:
    # Not through the logger, whose records pytest looks at as well.
    log.handlers[0].handle(logging.LogRecord(LOGGER, 20, __file__, 1, "\ud800 and \udcff", (), None))
    assert [entry["MESSAGE"] for entry in journald.entries()] == ["\\ud800 and \\udcff"]


@pytest.mark.parametrize("length", [100_000, 300_000, 5_000_000])
def test_what_is_too_large_is_shortened(length: int, log: logging.Logger, journald: Journal) -> None:
    log.info("%s", "begin" + "\n" * length)
    (entry,) = journald.entries()
    assert entry["MESSAGE"].startswith("begin\n")
    assert len(entry["MESSAGE"]) > 50_000
    assert (len(entry["MESSAGE"]) == length + 5) or entry["MESSAGE"].endswith("…")


def test_the_level_and_the_filters_of_the_handler_stay_in_force(journald: Journal) -> None:
    stderr = logging.StreamHandler()
    stderr.setLevel(logging.WARNING)
    stderr.addFilter(lambda record: "first" not in record.getMessage())
    written = native.Journal(str(journald.path))
    handler = JournalHandler(stderr, written, "lab")
    stderr.addFilter(lambda record: "second" not in record.getMessage())
    log = logging.getLogger(LOGGER)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.handlers = [handler]
    try:
        for text in ("first", "second", "third"):
            log.warning("the %s", text)
            log.info("the %s, as information", text)
    finally:
        log.handlers.clear()
        written.close()
    assert [entry["MESSAGE"] for entry in journald.entries()] == ["the third"]


def test_without_a_journal_a_record_is_text_again_and_with_one_an_entry(log: logging.Logger, journald: Journal, text: io.StringIO) -> None:
    log.info("one")
    assert len(journald.entries()) == 1
    journald.close()
    log.info("two")
    assert text.getvalue() == "[INFO] two\n"
    journald.start()
    log.info("three")
    assert [entry["MESSAGE"] for entry in journald.entries()] == ["three"]
    assert text.getvalue() == "[INFO] two\n"


def test_a_journal_that_is_started_again_gets_the_next_record(log: logging.Logger, journald: Journal, text: io.StringIO) -> None:
    log.info("one")
    journald.close()
    journald.start()
    log.info("two")
    assert [entry["MESSAGE"] for entry in journald.entries()] == ["two"]
    assert text.getvalue() == ""


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_a_journal_that_does_not_read_stops_nobody_and_is_told_of_what_it_missed(
    log: logging.Logger, journald: Journal, text: io.StringIO, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LANGUAGE", locale)
    began = time.monotonic()
    for number in range(2000):
        log.info("record %d", number)
    # It waits for a moment once, not for each record.
    assert time.monotonic() - began < 2
    taken = journald.entries()
    assert 0 < len(taken) < 2000
    log.error("the next")
    gap, following = journald.entries()
    assert gap["MESSAGE"] == words.catalogue(locale)("Log records left out: {count}. The journal took none.").format(
        count=2000 - len(taken)
    )
    assert (gap["PRIORITY"], following["MESSAGE"]) == ("4", "the next")
    assert text.getvalue() == ""


def test_a_record_that_cannot_be_formatted_hurts_nobody(log: logging.Logger, journald: Journal, text: io.StringIO) -> None:
    log.handlers[0].handle(logging.LogRecord(LOGGER, 20, __file__, 1, "%d", ("no number",), None))
    log.info("the next")
    assert [entry["MESSAGE"] for entry in journald.entries()] == ["the next"]


def test_standard_error_is_the_journal_only_where_it_is_the_very_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream, (tmp_path / "other").open("w") as other:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert journal.is_standard_error(environ, stream.fileno())
        # What a service starts inherits the variable, and writes elsewhere.
        assert not journal.is_standard_error(environ, other.fileno())
        assert not journal.is_standard_error({}, stream.fileno())
        assert not journal.is_standard_error({"JOURNAL_STREAM": ""}, stream.fileno())
        closed = stream.fileno()
    assert not journal.is_standard_error(environ, closed)


# -- a server ----------------------------------------------------------------------------------------------------------------------------


def journalled(machine: Machine, journald: Journal, *more: str) -> Server:
    """A server whose standard error is the journal: the file is, by its inode; and whose journal is that of the test."""
    log = machine.home / f"log-{len(machine.servers)}"
    log.touch()
    status = log.stat()
    machine.environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    machine.configure(
        "jupyter_server_config.py",
        f"from jupyter_remote_kit.server import journal\njournal.divert.__defaults__ = ({str(journald.path)!r},)\n",
    )
    return machine.start(machine.settings(), more=more)


def test_a_server_writes_entries_in_the_place_of_text(machine: Machine, journald: Journal) -> None:
    with journald.reading():
        server = journalled(machine, journald)
        server.ready()
        with server.client(headers=WITH_TOKEN) as client:
            assert client.get("/api/kernels/nothing", params={"token": TOKEN}).status_code == 404
        with server.client() as client:
            for number in range(200):
                client.get(f"/api/contents/{number}/{'x' * 300}")
        server.stop()
    entries = journald.entries()
    assert {entry["REMOTEKIT_INSTANCE"] for entry in entries} == {"default"}
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"jupyter-remotekit"}
    assert {"ServerApp", "LabApp"} <= {entry["LOGGER"] for entry in entries}
    stopping = next(entry for entry in entries if "received signal 15" in entry["MESSAGE"])
    assert (stopping["PRIORITY"], stopping["CODE_FUNC"]) == ("2", "_signal_stop")
    # `--debug` was not asked for.
    assert "7" not in {entry["PRIORITY"] for entry in entries}
    assert any("/api/kernels/nothing" in entry["MESSAGE"] for entry in entries)
    text = "".join(repr(entry) for entry in entries)
    assert TOKEN not in text
    assert PASSWORD not in text
    # Strangers cannot fill it: 80 lines of one source at once, and one in 2 s after that (server/logs.py).
    assert sum("x" * 300 in entry["MESSAGE"] for entry in entries) < 100
    # What is written before the extension is linked stays text, and so do lines of other libraries.
    assert "received signal" not in server.output
    assert "Serving notebooks" not in server.output


def test_a_refusal_stays_a_line_of_text(machine: Machine, journald: Journal) -> None:
    server = journalled(
        machine, journald, "--ServerApp.disable_check_xsrf=True", "--ServerApp.tornado_settings={'disable_check_xsrf': True}"
    )
    assert server.ended() == 78
    assert "refused [xsrf-checks-off]: " in server.output
    assert not any("refused [" in entry["MESSAGE"] for entry in journald.entries())


def test_a_server_without_the_variable_writes_text(machine: Machine, journald: Journal) -> None:
    server = journalled(machine, journald)
    server.stop()
    machine.environment["JOURNAL_STREAM"] = "1:1"
    journald.entries()
    # The instance is there, and its configuration names the test's journal.
    server = machine.start(machine.settings())
    server.ready()
    server.stop()
    assert "Serving notebooks" in server.output
    assert journald.entries() == []


def test_a_server_whose_journal_goes_away_goes_on_in_text(machine: Machine, journald: Journal) -> None:
    with journald.reading():
        server = journalled(machine, journald)
        server.ready()
    journald.close()
    with server.client(headers=WITH_TOKEN) as client:
        assert client.get("/api/kernels/nothing").status_code == 404
    server.wait_until(lambda: "/api/kernels/nothing" in server.output)
    server.stop()
    assert "received signal 15, stopping" in server.output
