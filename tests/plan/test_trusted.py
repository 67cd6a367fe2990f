"""What a laptop remembers of whom it trusts, and the files that follow from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.plan import trusted as record
from jupyter_remote_kit.plan.facts import FileFact, FileKind
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import MakeDirectory, RemoveFile, Step, WriteFile
from jupyter_remote_kit.plan.trusted import Damaged, Trusted
from jupyter_remote_kit.secret import Secret
from tests.plan.trusting import authority, pem, sha256, trusted

LAYOUT = Layout(Path("/home/dana/.jupyter"), Path("/home/dana/.local/share/jupyter"), Path("/run/user/1000/jupyter"))
FOLDER, RECORD = LAYOUT.trusted_dir, LAYOUT.trusted_file
BUNDLE = FOLDER / "bundle.pem"


def row(**changes: object) -> dict[str, object]:
    """An entry, as it is on disk."""
    entry = json.loads(record.render([trusted("gpu1")]))["authorities"][0]
    return {**entry, **changes}


class TestRecord:
    def test_it_is_read_back(self) -> None:
        entries = (trusted("gpu1", "alice@gpu1", "gpu1"), trusted("gpu2", withdrawn=True))
        assert record.parse(record.render(entries).encode()) == entries

    def test_there_may_be_none(self) -> None:
        assert record.parse(None) == ()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"[]",
            b"\xff",
            b"null",
            b'{"version": 2, "authorities": []}',
            b'{"version": 1}',
            b'{"version": 1, "authorities": [1]}',
        ],
    )
    def test_what_is_no_record_is_damaged(self, content: bytes) -> None:
        with pytest.raises(Damaged):
            record.parse(content)

    @pytest.mark.parametrize(
        "changes",
        [
            {"label": "../../etc/passwd"},
            {"label": "-n"},
            {"label": ""},
            {"label": "a\n"},
            {"label": None},
            {"thumbprint": "-f"},
            {"thumbprint": 1},
            {"digest": "00" * 32},
            {"certificate": "nothing"},
            {"certificate": pem("gpu1") + pem("gpu2")},
            {"hosts": "gpu1"},
            {"hosts": [1]},
        ],
        ids=str,
    )
    def test_an_entry_that_we_would_not_write_is_damaged(self, changes: dict[str, Any]) -> None:
        with pytest.raises(Damaged):
            record.parse(json.dumps({"version": 1, "authorities": [row(**changes)]}).encode())

    def test_a_withdrawn_one_says_so_in_so_many_words(self) -> None:
        (entry,) = record.parse(json.dumps({"version": 1, "authorities": [row(withdrawn="yes")]}).encode())
        assert not entry.withdrawn


class TestAdding:
    def test_the_first(self) -> None:
        digest = sha256("gpu1")
        assert record.adding((), authority("gpu1"), "gpu1", "alice@gpu1") == (
            Trusted(f"gpu1-{digest[:8]}", digest, "ab" * 20, pem("gpu1"), ("alice@gpu1",)),
        )

    def test_a_second_time_nothing_changes(self) -> None:
        once = record.adding((trusted("other"),), authority("gpu1"), "gpu1", "alice@gpu1")
        assert record.adding(once, authority("gpu1"), "gpu1", "alice@gpu1") == once

    def test_another_name_of_the_same_host_is_remembered_too(self) -> None:
        (entry,) = record.adding((trusted("gpu1", "alice@gpu1"),), authority("gpu1"), "10.0.0.1", "alice@10.0.0.1")
        assert (entry.label, entry.hosts) == (trusted("gpu1").label, ("alice@gpu1", "alice@10.0.0.1"))

    def test_a_renewed_one_takes_the_place_of_the_earlier(self) -> None:
        other = trusted("gpu2")
        old, kept, new = record.adding((trusted("old", "alice@gpu1"), other), authority("gpu1"), "gpu1", "alice@gpu1")
        assert kept == other
        assert (old.digest, old.hosts, old.withdrawn) == (sha256("old"), (), True)
        assert (new.digest, new.hosts, new.withdrawn) == (sha256("gpu1"), ("alice@gpu1",), False)

    def test_the_earlier_stays_for_another_host_that_has_it(self) -> None:
        old, new = record.adding((trusted("old", "alice@gpu1", "alice@gpu2"),), authority("gpu1"), "gpu1", "alice@gpu1")
        assert (old.hosts, old.withdrawn) == (("alice@gpu2",), False)
        assert new.hosts == ("alice@gpu1",)

    def test_one_that_was_to_go_is_trusted_again(self) -> None:
        (entry,) = record.adding((trusted("gpu1", withdrawn=True),), authority("gpu1"), "gpu1", "alice@gpu1")
        assert not entry.withdrawn

    def test_it_is_found_by_its_digest(self) -> None:
        entries = (trusted("gpu1"), trusted("gpu2"))
        assert record.find(entries, sha256("gpu2")) == entries[1]
        assert record.find(entries, sha256("gpu3")) is None


class TestRemoving:
    ALICE, BOB = trusted("one", "alice@gpu1", "alice@10.0.0.1"), trusted("two", "bob@gpu1")

    def test_it_keeps_its_hosts_until_the_stores_have_given_it_up(self) -> None:
        gone, kept = record.removing((self.ALICE, self.BOB), [self.ALICE])
        assert (gone.hosts, gone.withdrawn) == (self.ALICE.hosts, True)
        assert kept == self.BOB

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("alice@gpu1", (ALICE,)),
            ("alice@10.0.0.1", (ALICE,)),
            ("bob@gpu1", (BOB,)),
            ("10.0.0.1", (ALICE,)),
            ("gpu1", (ALICE, BOB)),
            ("carol@gpu1", ()),
            ("gpu2", ()),
        ],
    )
    def test_a_host_is_known_by_its_names(self, host: str, expected: tuple[Trusted, ...]) -> None:
        assert record.of_host((self.ALICE, self.BOB), host) == expected


def written(*entries: Trusted) -> dict[Path, FileFact]:
    """The files as they are once the plan for these was carried out."""
    found = {FOLDER: FileFact(FileKind.DIRECTORY, 0o700)}
    for step in record.file_steps(entries, LAYOUT, {}):
        if isinstance(step, WriteFile):
            found[step.path] = FileFact(FileKind.FILE, step.mode, content=step.content.reveal().encode())
    return found


def steps(files: dict[Path, FileFact], *entries: Trusted) -> list[Step]:
    return list(record.file_steps(entries, LAYOUT, files))


class TestFiles:
    ONE, TWO, GONE = trusted("gpu1"), trusted("gpu2"), trusted("old", withdrawn=True)

    def test_the_first_makes_the_folder_and_the_record_comes_before_the_rest(self) -> None:
        assert steps({}, self.ONE) == [
            MakeDirectory(FOLDER, 0o700),
            WriteFile(RECORD, Secret(record.render([self.ONE])), 0o600),
            WriteFile(FOLDER / f"{self.ONE.label}.crt", Secret(pem("gpu1")), 0o644),
            WriteFile(BUNDLE, Secret(pem("gpu1")), 0o644),
        ]

    def test_a_second_time_there_is_nothing_to_do(self) -> None:
        assert steps(written(self.ONE, self.TWO), self.ONE, self.TWO) == []

    def test_several_hosts_are_in_one_bundle(self) -> None:
        assert written(self.ONE, self.TWO)[BUNDLE].content == (pem("gpu1") + pem("gpu2")).encode()

    @pytest.mark.parametrize("damage", [{"content": b"edited"}, {"mode": 0o666}], ids=str)
    def test_what_was_changed_by_hand_is_written_again(self, damage: dict[str, Any]) -> None:
        files = {**written(self.ONE), BUNDLE: FileFact(FileKind.FILE, **{"mode": 0o644, "content": pem("gpu1").encode(), **damage})}
        assert [step.path for step in steps(files, self.ONE) if isinstance(step, WriteFile)] == [BUNDLE]

    def test_what_is_withdrawn_is_in_the_record_alone(self) -> None:
        files = written(self.ONE, trusted("old"))
        assert steps(files, self.ONE, self.GONE) == [
            WriteFile(RECORD, Secret(record.render([self.ONE, self.GONE])), 0o600),
            WriteFile(BUNDLE, Secret(pem("gpu1")), 0o644),
            RemoveFile(FOLDER / f"{self.GONE.label}.crt"),
        ]

    def test_in_the_end_nothing_is_left(self) -> None:
        assert set(steps(written(self.ONE))) == {
            RemoveFile(RECORD),
            RemoveFile(FOLDER / f"{self.ONE.label}.crt"),
            RemoveFile(BUNDLE),
            RemoveFile(FOLDER, directory=True),
        }
        assert steps(written(self.ONE))[-1] == RemoveFile(FOLDER, directory=True)
        assert steps({}) == []

    @pytest.mark.parametrize(
        ("name", "ours"), [("gpu1-0123abcd.crt", True), ("my-own.crt", False), ("bundle.pem", False), ("gpu1-0123abcd.crt.bak", False)]
    )
    def test_our_files_are_known_by_their_names(self, name: str, ours: bool) -> None:
        assert record.is_ours(FOLDER / name) is ours
