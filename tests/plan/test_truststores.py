"""A laptop's stores: facts in, exact argvs out, on each platform."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_remote_kit.plan import idetrust, nss, userstores
from jupyter_remote_kit.plan.model import MakeDirectory, Run
from jupyter_remote_kit.plan.nss import NssStore
from jupyter_remote_kit.plan.systemstore import FAMILIES, PUT, SystemStore
from jupyter_remote_kit.plan.truststores import Change, Held, Store, Wish, changes, obstacles
from jupyter_remote_kit.plan.userstores import Keychain, UserRoot
from tests.plan.trusting import FOLDER, NEW, NEW_FILE, OLD, REPLACED, UNWANTED, WANTED, argvs, pem, trusted

BOTH = {NEW.digest: Held(NEW.name), OLD.digest: Held(OLD.name)}
ONLY_OLD = {OLD.digest: Held(OLD.name)}
DEBIAN = SystemStore(FAMILIES[0], "/usr/sbin/update-ca-certificates", ("sudo", "--"))
FEDORA = SystemStore(FAMILIES[1], "/usr/bin/update-ca-trust", ("sudo", "-n", "--"))
NSSDB = Path("/home/dana/.pki/nssdb")
CHROMIUM = NssStore("Chromium", NSSDB, "/usr/bin/certutil")
KEYCHAIN = Keychain(Path("/Users/dana/Library/Keychains/login.keychain-db"))
WINDOWS = UserRoot(r"C:\Windows\System32\certutil.exe")
STORES: tuple[Store, ...] = (DEBIAN, FEDORA, CHROMIUM, KEYCHAIN, WINDOWS)


@pytest.mark.parametrize("store", STORES, ids=lambda store: type(store).__name__)
class TestEveryStore:
    def test_a_second_time_there_is_nothing_to_do(self, store: Store) -> None:
        assert replace(store, held={NEW.digest: Held(NEW.name)}).steps(REPLACED) == ()  # type: ignore[type-var]

    def test_what_is_not_there_is_not_taken_away(self, store: Store) -> None:
        assert store.steps(UNWANTED) == ()

    def test_what_is_there_and_not_trusted_is_added(self, store: Store) -> None:
        distrusted = replace(store, held={NEW.digest: Held(NEW.name, trusted=False)})  # type: ignore[type-var]
        assert argvs(distrusted.steps(WANTED)) == argvs(store.steps(WANTED)) != []

    def test_nothing_in_an_argv_is_taken_for_an_option(self, store: Store) -> None:
        # Everything after the option that it is the value of.
        odd = trusted("-x")
        for argv in argvs(replace(store, held=BOTH).steps(Wish(FOLDER, odd, (OLD,)))):  # type: ignore[type-var]
            assert not any(word.startswith(("-x", odd.label)) for word in argv)

    def test_it_is_called_by_a_sentence_and_each_failure_has_a_hint(self, store: Store) -> None:
        assert str(store.title)
        runs = [step for step in store.steps(WANTED) if isinstance(step, Run)]
        assert all(step.hint is not None and step.code for step in runs)


class TestSystemStore:
    OLD_ANCHOR = f"/usr/local/share/ca-certificates/{OLD.name}.crt"
    NEW_ANCHOR = f"/usr/local/share/ca-certificates/{NEW.name}.crt"

    def test_debian(self) -> None:
        (step,) = DEBIAN.steps(WANTED)
        assert isinstance(step, Run)
        assert step.argv == ("sudo", "--", "/bin/sh", "-c", PUT, "sh", "/usr/sbin/update-ca-certificates", "", self.NEW_ANCHOR)
        assert step.given == pem("new")
        by_hand = f"As root: install -m 644 {NEW_FILE} {self.NEW_ANCHOR} && /usr/sbin/update-ca-certificates"
        assert str(step.hint) == by_hand

    def test_fedora(self) -> None:
        anchor = f"/etc/pki/ca-trust/source/anchors/{NEW.name}.crt"
        assert argvs(FEDORA.steps(WANTED)) == [("sudo", "-n", "--", "/bin/sh", "-c", PUT, "sh", "/usr/bin/update-ca-trust", "", anchor)]
        old = f"/etc/pki/ca-trust/source/anchors/{OLD.name}.crt"
        (step,) = replace(FEDORA, held=ONLY_OLD).steps(UNWANTED)
        assert argvs((step,))[0][7:] == ("/usr/bin/update-ca-trust", "", "", old)
        assert str(step.hint) == f"As root: rm -f {old} && /usr/bin/update-ca-trust"  # type: ignore[union-attr]

    def test_root_needs_no_sudo(self) -> None:
        assert argvs(replace(DEBIAN, root=()).steps(WANTED))[0][:2] == ("/bin/sh", "-c")

    def test_one_call_replaces_the_earlier(self) -> None:
        (step,) = replace(DEBIAN, held=ONLY_OLD).steps(REPLACED)
        assert isinstance(step, Run)
        assert step.argv[5:] == ("sh", "/usr/sbin/update-ca-certificates", "--fresh", self.NEW_ANCHOR, self.OLD_ANCHOR)
        assert f"&& rm -f {self.OLD_ANCHOR} &&" in str(step.hint)

    def test_it_is_taken_back_with_nothing_on_standard_input(self) -> None:
        (step,) = replace(DEBIAN, held=BOTH).steps(Wish(FOLDER, NEW, (OLD,)))
        assert isinstance(step, Run)
        assert (step.argv[6:], step.given) == (("/usr/sbin/update-ca-certificates", "--fresh", "", self.OLD_ANCHOR), "")
        (alone,) = replace(DEBIAN, held=BOTH).steps(UNWANTED)
        assert str(alone.hint) == f"As root: rm -f {self.OLD_ANCHOR} && /usr/sbin/update-ca-certificates --fresh"  # type: ignore[union-attr]

    def test_without_root_it_is_left_and_told(self) -> None:
        alone = replace(DEBIAN, root=None)
        problem = alone.obstacle(WANTED)
        assert problem is not None
        assert problem.code == "not-root"
        assert str(problem.hint).startswith("As root: install -m 644 ")
        assert replace(alone, held=BOTH).obstacle(WANTED) is None
        assert DEBIAN.obstacle(WANTED) is None

    @pytest.mark.parametrize("fresh", ["", "--fresh"])
    def test_the_script_puts_and_removes(self, fresh: str, tmp_path: Path) -> None:
        (tmp_path / "old.crt").write_text("old")
        (tmp_path / "update").write_text('#!/bin/sh\nls "$(dirname "$0")"; printf "<%s>" "$@"\n')
        (tmp_path / "update").chmod(0o755)
        update, new, old = (str(tmp_path / name) for name in ("update", "-new.crt", "old.crt"))
        argv = ["/bin/sh", "-c", PUT, "sh", update, fresh, new, old]
        done = subprocess.run(argv, input="new", capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == (f"-new.crt\nupdate\n<{fresh}>", "")
        assert (tmp_path / "-new.crt").read_text() == "new"
        assert (tmp_path / "-new.crt").stat().st_mode & 0o777 == 0o644

    def test_the_script_fails_when_nothing_can_be_put(self, tmp_path: Path) -> None:
        words = ["/bin/true", "", str(tmp_path / "absent" / "new.crt"), str(tmp_path / "kept.crt")]
        (tmp_path / "kept.crt").write_text("kept")
        done = subprocess.run(["/bin/sh", "-c", PUT, "sh", *words], input="new", capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert (tmp_path / "kept.crt").read_text() == "kept"


class TestNssStore:
    SQL = f"sql:{NSSDB}"

    def test_it_is_added_for_servers_alone(self) -> None:
        add = ("-A", "-d", self.SQL, "-t", "C,,", "-n", NEW.name, "-i", NEW_FILE, "-f", "/dev/null")
        assert argvs(CHROMIUM.steps(WANTED)) == [("/usr/bin/certutil", *add)]

    def test_a_store_that_is_not_there_yet_is_made(self) -> None:
        folder, make, add = replace(CHROMIUM, exists=False).steps(WANTED)
        assert folder == MakeDirectory(NSSDB, 0o700)
        assert argvs((make,)) == [("/usr/bin/certutil", "-N", "-d", self.SQL, "--empty-password")]
        assert argvs((add,)) == argvs(CHROMIUM.steps(WANTED))

    def test_the_earlier_goes_by_the_nickname_that_it_has(self) -> None:
        store = replace(CHROMIUM, held={OLD.digest: Held("gpubox - by hand")})
        assert argvs(store.steps(REPLACED))[1] == ("/usr/bin/certutil", "-D", "-d", self.SQL, "-n", "gpubox - by hand", "-f", "/dev/null")

    def test_by_hand_it_asks_for_the_password(self) -> None:
        (step,) = CHROMIUM.steps(WANTED)
        assert str(step.hint).endswith(f"-n {NEW.name} -i {NEW_FILE}")  # type: ignore[union-attr]

    def test_without_certutil_the_package_is_named(self) -> None:
        problem = replace(CHROMIUM, certutil=None).obstacle(WANTED)
        assert problem is not None
        assert problem.code == "no-certutil"
        assert "libnss3-tools" in str(problem.hint)
        assert "nss-tools" in str(problem.hint)
        assert replace(CHROMIUM, certutil=None).obstacle(UNWANTED) is not None

    def test_a_store_that_is_not_there_holds_nothing_to_take_away(self) -> None:
        assert replace(CHROMIUM, certutil=None, exists=False).obstacle(UNWANTED) is None

    def test_a_listing_is_read(self) -> None:
        listing = (
            "\n"
            "Certificate Nickname                                         Trust Attributes\n"
            "                                                             SSL,S/MIME,JAR/XPI\n"
            "\n"
            "jupyter-remote-kit-gpu1-0123abcd                             C,,  \n"
            "a nickname with blanks, and commas                           CT,C,c\n"
            "\u8ba1\u7b97 - Example Ltd                                            ,,   \n"
            f"{'x' * 70} Pu,,\n"
        )
        found = nss.rows(listing)
        assert found == (
            ("jupyter-remote-kit-gpu1-0123abcd", "C,,"),
            ("a nickname with blanks, and commas", "CT,C,c"),
            ("\u8ba1\u7b97 - Example Ltd", ",,"),
            ("x" * 70, "Pu,,"),
        )
        assert [nss.vouches(flags) for _, flags in found] == [True, True, False, False]

    def test_it_is_listed(self) -> None:
        assert nss.list_argv("certutil", NSSDB) == ("certutil", "-L", "-d", self.SQL)


class TestMac:
    PATH = "/Users/dana/Library/Keychains/login.keychain-db"

    def test_it_is_trusted_for_tls_alone(self) -> None:
        add = ("add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", self.PATH, NEW_FILE)
        assert argvs(KEYCHAIN.steps(WANTED)) == [("/usr/bin/security", *add)]

    def test_it_goes_with_its_trust_settings(self) -> None:
        delete = ("delete-certificate", "-t", "-Z", ("cd" * 20).upper(), self.PATH)
        assert argvs(replace(KEYCHAIN, held=BOTH).steps(UNWANTED)) == [("/usr/bin/security", *delete)]
        assert KEYCHAIN.obstacle(WANTED) is None

    def test_a_listing_is_read(self) -> None:
        listing = f'SHA-256 hash: {"AB" * 32}\nSHA-1 hash: {"AB" * 20}\nkeychain: "x"\nSHA-1 hash: {"0c" * 20}\n'
        assert userstores.thumbprints(listing) == {"ab" * 20, "0c" * 20}
        assert userstores.keychain_argv(KEYCHAIN.path) == ("/usr/bin/security", "find-certificate", "-a", "-Z", self.PATH)


class TestWindows:
    PROGRAM = r"C:\Windows\System32\certutil.exe"

    def test_it_is_added_to_the_users_own_roots(self) -> None:
        assert argvs(WINDOWS.steps(WANTED)) == [(self.PROGRAM, "-user", "-addstore", "Root", NEW_FILE)]

    def test_it_goes_by_its_thumbprint(self) -> None:
        assert argvs(replace(WINDOWS, held=BOTH).steps(UNWANTED)) == [(self.PROGRAM, "-user", "-delstore", "Root", "cd" * 20)]
        assert WINDOWS.obstacle(WANTED) is None

    def test_it_is_looked_for_by_its_thumbprint(self) -> None:
        assert userstores.user_root_argv(self.PROGRAM, "ab" * 20) == (self.PROGRAM, "-user", "-store", "Root", "ab" * 20)


class TestTogether:
    def test_a_store_that_cannot_be_changed_does_not_hold_the_others_up(self) -> None:
        stores: tuple[Store, ...] = (replace(DEBIAN, root=None), CHROMIUM, replace(CHROMIUM, certutil=None), KEYCHAIN)
        assert changes(stores, WANTED) == (Change(CHROMIUM, CHROMIUM.steps(WANTED)), Change(KEYCHAIN, KEYCHAIN.steps(WANTED)))

    def test_only_what_needs_a_change_is_changed(self) -> None:
        assert changes((replace(CHROMIUM, held=BOTH), KEYCHAIN), WANTED) == (Change(KEYCHAIN, KEYCHAIN.steps(WANTED)),)

    def test_each_reason_is_told_once_and_those_that_browsers_go_by_apart(self) -> None:
        without = replace(CHROMIUM, certutil=None)
        stores: tuple[Store, ...] = (replace(DEBIAN, root=None), without, replace(without, browser="Firefox"))
        assert [problem.code for problem in obstacles(stores, WANTED, vital=True)] == ["no-certutil"]
        assert [problem.code for problem in obstacles(stores, WANTED, vital=False)] == ["not-root"]
        assert obstacles((CHROMIUM,), WANTED, vital=True) == ()


class TestIdes:
    BUNDLE = Path("/home/dana/my files/bundle.pem")

    @pytest.mark.parametrize(
        ("platform", "expected"),
        [
            ("linux", "  VS Code: quit it, and start it by: NODE_EXTRA_CA_CERTS='/home/dana/my files/bundle.pem' code"),
            (
                "darwin",
                "  VS Code: quit it, run this, and start it again: launchctl setenv NODE_EXTRA_CA_CERTS '/home/dana/my files/bundle.pem'",
            ),
            ("win32", '  VS Code: quit it, run this, and start it again: setx NODE_EXTRA_CA_CERTS "/home/dana/my files/bundle.pem"'),
        ],
    )
    def test_what_to_set(self, platform: str, expected: str) -> None:
        vscode, pycharm = idetrust.notes(platform, Path("/x/gpu1.crt"), self.BUNDLE)
        assert str(vscode) == expected
        assert str(pycharm) == "  PyCharm: add /x/gpu1.crt under Settings, Tools, Server Certificates."
