"""Real stores of NSS, filled and emptied by the real certutil; and where stores are looked for."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import authorities, certificates, trusted, truststores
from jupyter_remote_kit.plan import trusted as record
from jupyter_remote_kit.plan.authority import Authority, accept
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.nss import NssStore
from jupyter_remote_kit.plan.trusted import Trusted
from jupyter_remote_kit.plan.truststores import Wish, changes
from tests.host.certificate_maker import made

NOW = datetime.now(timezone.utc)
PLACES = (
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    ".mozilla/firefox/abcd.default-esr",
    ".mozilla/firefox/a profile, with blanks & more",
    ".config/mozilla/firefox/efgh.default",
    "snap/firefox/common/.mozilla/firefox/ijkl.default",
    "snap/chromium/current/.pki/nssdb",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/mnop.default",
    ".var/app/org.chromium.Chromium/.pki/nssdb",
)
needs_certutil = pytest.mark.skipif(shutil.which("certutil") is None, reason="needs certutil (Debian: libnss3-tools)")


@pytest.fixture(autouse=True)
def _usual_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


def authority(age: int = 0) -> Authority:
    """One of a host called gpu1, made so many days ago; each has a key of its own, and the same subject."""
    pem = certificates.certificate_of(certificates.make_authority(("gpu1",), ("127.0.0.1",), NOW - timedelta(days=age)))
    return accept(authorities.read(pem), "gpu1", NOW - timedelta(days=age))


def certutil(folder: Path, *words: str) -> str:
    argv = ["certutil", "-d", f"sql:{folder}", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout


def store(folder: Path) -> Path:
    """An empty store, as a browser makes it."""
    folder.mkdir(parents=True)
    certutil(folder, "-N", "--empty-password")
    return folder


def nicknames(folder: Path) -> list[str]:
    """What is in a store, with its flags."""
    return [" ".join(line.split()) for line in certutil(folder, "-L").splitlines()[4:]]


def found(home: Path, *entries: Trusted) -> dict[str, NssStore]:
    """The stores of NSS by their place in the home."""
    stores = truststores.gather(entries, home, None, system=False)
    return {str(one.folder.relative_to(home)): one for one in stores if isinstance(one, NssStore)}


def bring_about(layout: Layout, home: Path, wanted: Trusted | None, *unwanted: Trusted) -> list[str]:
    """Do what `trust` does; the places that were changed."""
    entries = (*((wanted,) if wanted else ()), *unwanted)
    trusted.write(layout, trusted.read(layout), entries)
    planned = changes(found(home, *entries).values(), Wish(layout.trusted_dir, wanted, unwanted))
    for change in planned:
        truststores.change(change)
    return [str(change.store.folder.relative_to(home)) for change in planned if isinstance(change.store, NssStore)]


@needs_certutil
class TestNss:
    def test_it_is_in_every_store_once_and_gone_again(self, layout: Layout, tmp_path: Path) -> None:
        for place in PLACES:
            store(tmp_path / place)
        (entry,) = record.adding((), authority(), "gpu1", "alice@gpu1")
        assert sorted(bring_about(layout, tmp_path, entry)) == sorted(PLACES)
        assert {line for place in PLACES for line in nicknames(tmp_path / place)} == {f"{entry.name} C,,"}
        assert bring_about(layout, tmp_path, entry) == []
        (gone,) = record.removing((entry,), [entry])
        assert sorted(bring_about(layout, tmp_path, None, gone)) == sorted(PLACES)
        assert [line for place in PLACES for line in nicknames(tmp_path / place)] == []
        assert bring_about(layout, tmp_path, None, gone) == []

    def test_nss_itself_finds_a_servers_certificate_good_by_it(self, layout: Layout, tmp_path: Path) -> None:
        folder = store(tmp_path / ".pki/nssdb")
        made_here = certificates.make_authority(("gpu1",), ("127.0.0.1",), NOW)
        (tmp_path / "leaf.pem").write_bytes(certificates.issue_leaf(made_here, ("gpu1",), ("127.0.0.1",), NOW))
        found_here = accept(authorities.read(certificates.certificate_of(made_here)), "gpu1", NOW)
        (entry,) = record.adding((), found_here, "gpu1", "alice@gpu1")
        certutil(folder, "-A", "-t", ",,", "-n", "leaf", "-i", str(tmp_path / "leaf.pem"))
        with pytest.raises(subprocess.CalledProcessError):
            certutil(folder, "-V", "-u", "V", "-n", "leaf")
        bring_about(layout, tmp_path, entry)
        assert "certificate is valid" in certutil(folder, "-V", "-u", "V", "-n", "leaf")

    @pytest.mark.parametrize("age", [1, -1], ids=["older", "of a clock that was ahead"])
    def test_a_renewed_one_takes_the_place_of_the_earlier_of_the_same_subject(self, age: int, layout: Layout, tmp_path: Path) -> None:
        folder = store(tmp_path / ".pki/nssdb")
        (old,) = record.adding((), authority(age), "gpu1", "alice@gpu1")
        bring_about(layout, tmp_path, old)
        withdrawn, new = record.adding((old,), authority(), "gpu1", "alice@gpu1")
        bring_about(layout, tmp_path, new, withdrawn)
        assert nicknames(folder) == [f"{new.name} C,,"]
        assert found(tmp_path, new, withdrawn)[".pki/nssdb"].held.keys() == {new.digest}

    @pytest.mark.parametrize("age", [0, 1, 2])
    def test_of_several_of_one_subject_each_is_told_from_the_others(self, age: int, layout: Layout, tmp_path: Path) -> None:
        folder = store(tmp_path / ".pki/nssdb")
        entries = {days: record.adding((), authority(days), "gpu1", "alice@gpu1")[0] for days in (1, 0, 2)}
        for days, entry in entries.items():
            (tmp_path / "ca.crt").write_text(entry.certificate)
            certutil(folder, "-A", "-t", "C,,", "-n", f"-n \u8ba1\u7b97 {days}", "-i", str(tmp_path / "ca.crt"))
        assert bring_about(layout, tmp_path, entries[age]) == []
        (gone,) = record.removing((entries[age],), [entries[age]])
        assert bring_about(layout, tmp_path, None, gone) == [".pki/nssdb"]
        assert sorted(nicknames(folder)) == [f"-n \u8ba1\u7b97 {days} C,," for days in range(3) if days != age]

    def test_one_that_is_there_without_trust_is_trusted(self, layout: Layout, tmp_path: Path) -> None:
        folder = store(tmp_path / ".pki/nssdb")
        (entry,) = record.adding((), authority(), "gpu1", "alice@gpu1")
        (tmp_path / "ca.crt").write_text(entry.certificate)
        certutil(folder, "-A", "-t", ",,", "-n", "distrusted", "-i", str(tmp_path / "ca.crt"))
        assert bring_about(layout, tmp_path, entry) == [".pki/nssdb"]
        assert nicknames(folder) == ["distrusted C,,"]
        assert bring_about(layout, tmp_path, entry) == []

    def test_a_store_with_a_password_is_named_and_asks_nothing(self, layout: Layout, tmp_path: Path) -> None:
        folder = tmp_path / ".mozilla/firefox/abcd.default"
        folder.mkdir(parents=True)
        (tmp_path / "password").write_text("correct horse")
        certutil(folder, "-N", "-f", str(tmp_path / "password"))
        (entry,) = record.adding((), authority(), "gpu1", "alice@gpu1")
        with pytest.raises(Failed) as caught:
            bring_about(layout, tmp_path, entry)
        (problem,) = caught.value.problems
        assert problem.code == "nss-store"
        assert str(problem.message).startswith(f"Firefox, {folder}: not changed: ")
        assert str(problem.hint).endswith(f"-n {entry.name} -i {layout.trusted_dir / entry.label}.crt")

    def test_a_store_that_is_damaged_is_named(self, layout: Layout, tmp_path: Path) -> None:
        folder = tmp_path / ".mozilla/firefox/abcd.default"
        folder.mkdir(parents=True)
        (folder / "cert9.db").write_text("no database")
        (entry,) = record.adding((), authority(), "gpu1", "alice@gpu1")
        with pytest.raises(Failed) as caught:
            bring_about(layout, tmp_path, entry)
        assert str(folder) in str(caught.value.problems[0].message)


class TestPlaces:
    @pytest.fixture
    def programs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Programs on the PATH, which has no others."""
        folder = tmp_path / "bin"
        folder.mkdir()
        monkeypatch.setattr("jupyter_remote_kit.host.programs.SEARCHED", ())
        monkeypatch.setenv("PATH", str(folder))

        def add(name: str) -> None:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)

        return add

    def test_without_a_browser_there_is_none(self, tmp_path: Path, programs: Callable[[str], None]) -> None:
        assert found(tmp_path) == {}

    @pytest.mark.parametrize("name", ["chromium", "google-chrome-stable", "microsoft-edge"])
    def test_a_browser_that_has_none_yet_gets_one(self, name: str, tmp_path: Path, programs: Callable[[str], None]) -> None:
        programs(name)
        assert {place: one.exists for place, one in found(tmp_path).items()} == {".pki/nssdb": False}

    def test_the_one_that_it_has_is_taken_whatever_its_place(self, tmp_path: Path, programs: Callable[[str], None]) -> None:
        programs("chromium")
        (tmp_path / ".local/share/pki/nssdb").mkdir(parents=True)
        assert {place: one.exists for place, one in found(tmp_path).items()} == {".local/share/pki/nssdb": False}

    @pytest.mark.parametrize(
        ("variable", "place"), [("XDG_DATA_HOME", "xdg/pki/nssdb"), ("XDG_CONFIG_HOME", "xdg/mozilla/firefox/abcd.default")]
    )
    def test_the_users_folders_may_be_elsewhere(
        self, variable: str, place: str, tmp_path: Path, programs: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, str(tmp_path / "xdg"))
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "cert9.db").touch()
        assert {folder: one.exists for folder, one in found(tmp_path).items()} == {place: True}

    def test_a_snap_has_a_home_of_its_own(self, tmp_path: Path, programs: Callable[[str], None]) -> None:
        (tmp_path / "snap/chromium/current").mkdir(parents=True)
        assert {place: one.exists for place, one in found(tmp_path).items()} == {"snap/chromium/current/.pki/nssdb": False}

    def test_without_certutil_a_store_is_found_all_the_same(self, tmp_path: Path, programs: Callable[[str], None]) -> None:
        (tmp_path / ".mozilla/firefox/abcd.default").mkdir(parents=True)
        (tmp_path / ".mozilla/firefox/abcd.default/cert9.db").touch()
        (one,) = found(tmp_path).values()
        assert one.certutil is None
        problem = one.obstacle(Wish(tmp_path))
        assert problem is not None
        assert problem.code == "no-certutil"


# Microsoft's certutil as far as it is used here: a store is a folder, a certificate a file by its thumbprint.
CERTUTIL_EXE = """\
#!/bin/sh
[ "$1 $3" = "-user Root" ] || exit 2
store=${0%/*}/root
mkdir -p "$store"
case $2 in
  -addstore) cp "$4" "$store/$(openssl x509 -in "$4" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | tr A-F a-f)" ;;
  -delstore) rm "$store/$4" ;;
  -store) cat "$store/$4" ;;
esac
"""


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_windows_own_certutil_is_called_by_its_full_path(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of that program: NSS's has the same name, and comes first on the PATH of this test's machine."""
    program = tmp_path / "System32" / "certutil.exe"
    program.parent.mkdir()
    program.write_text(CERTUTIL_EXE)
    program.chmod(0o755)
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    (entry,) = record.adding((), authority(), "gpu1", "alice@gpu1")
    trusted.write(layout, (), (entry,))
    for wish in (Wish(layout.trusted_dir, entry), Wish(layout.trusted_dir, None, (entry,))):
        for count in (1, 0):
            planned = changes(truststores.gather((entry,), tmp_path, None, system=True, platform="win32"), wish)
            assert len(planned) == count
            for change in planned:
                truststores.change(change)


class TestRecord:
    def entry(self) -> Trusted:
        return record.adding((), accept(authorities.read(made().encode()), "gpu1", NOW), "gpu1", "alice@gpu1")[0]

    def test_it_is_private_and_read_back(self, layout: Layout) -> None:
        entry = self.entry()
        trusted.write(layout, (), (entry,))
        assert trusted.read(layout) == (entry,)
        assert layout.trusted_file.stat().st_mode & 0o777 == 0o600
        assert layout.trusted_dir.stat().st_mode & 0o777 == 0o700
        assert (layout.trusted_dir / "bundle.pem").read_text() == entry.certificate

    def test_nothing_is_left_of_it(self, layout: Layout) -> None:
        entry = self.entry()
        trusted.write(layout, (), (entry,))
        (layout.trusted_dir / "left-0123abcd.crt").write_text("by a command that was killed")
        trusted.write(layout, (entry,), ())
        assert not layout.trusted_file.exists()
        assert not layout.trusted_dir.exists()

    def test_what_is_not_ours_stays(self, layout: Layout) -> None:
        entry = self.entry()
        trusted.write(layout, (), (entry,))
        (layout.trusted_dir / "mine.crt").write_text("mine")
        trusted.write(layout, (entry,), ())
        assert [path.name for path in layout.trusted_dir.iterdir()] == ["mine.crt"]

    def test_a_damaged_one_is_named(self, layout: Layout) -> None:
        layout.trusted_file.parent.mkdir(parents=True)
        layout.trusted_file.write_text("{")
        with pytest.raises(Failed) as caught:
            trusted.read(layout)
        (problem,) = caught.value.problems
        assert problem.code == "record-damaged"
        assert str(layout.trusted_file) in str(problem.hint)

    def test_one_that_was_changed_meanwhile_is_left_alone(self, layout: Layout) -> None:
        entry = self.entry()
        trusted.write(layout, (), (entry,))
        with pytest.raises(Failed) as caught:
            trusted.write(layout, (), (self.entry(),))
        assert caught.value.problems[0].code == "changed-meanwhile"
        assert trusted.read(layout) == (entry,)
