"""Plans become files, one command at a time, and a kill at any moment leaves files that are known as ours."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import certificates
from jupyter_remote_kit.host.apply import apply
from jupyter_remote_kit.host.locks import LOCK_NAME, exclusive
from jupyter_remote_kit.host.manifest import read_manifest
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import IssueAuthority, IssueLeaf, KeepCopy, MakeDirectory, Plan, RemoveFile, Run, Step, WriteFile
from jupyter_remote_kit.secret import Secret

NOW = datetime.now(timezone.utc)
NAMES, ADDRESSES = ("gpu1", "localhost"), ("192.0.2.7", "::1")


def run(layout: Layout, *steps: Step) -> None:
    apply(Plan(steps), layout=layout, instance="default", now=NOW)


def folders(layout: Layout) -> tuple[Step, ...]:
    return tuple(
        MakeDirectory(path) for path in (layout.instances_dir, layout.data_root, layout.tls_dir, layout.instance_data_dir("default"))
    )


def certificate_steps(layout: Layout) -> tuple[Step, ...]:
    return (
        IssueAuthority(layout.ca_file, layout.ca_certificate_file, NAMES, ADDRESSES),
        IssueLeaf(layout.ca_file, layout.leaf_file("default"), NAMES, ADDRESSES),
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_everything_is_written_with_its_mode_and_its_digest(layout: Layout) -> None:
    instance, overlay = layout.instance_file("default"), layout.overlay_file("default")
    run(
        layout,
        *folders(layout),
        *certificate_steps(layout),
        WriteFile(overlay, Secret("{}\n"), 0o644),
        WriteFile(instance, Secret('{"密": 1}\n')),
    )
    assert instance.read_text(encoding="utf-8") == '{"密": 1}\n'
    written = {
        instance: 0o600,
        overlay: 0o644,
        layout.ca_file: 0o600,
        layout.ca_certificate_file: 0o644,
        layout.leaf_file("default"): 0o600,
    }
    assert {path: mode_of(path) for path in written} == written
    assert [mode_of(path) for path in (layout.instances_dir, layout.data_root, layout.tls_dir)] == [0o700] * 3
    assert read_manifest(layout.manifest_file("default")) == {str(path): (digest(path),) for path in written}
    assert mode_of(layout.manifest_file("default")) == 0o600


def test_the_leaf_is_the_authoritys_and_its_certificate_is_beside_it(layout: Layout) -> None:
    run(layout, *folders(layout), *certificate_steps(layout))
    authority = certificates.read_authority(layout.ca_file.read_bytes())
    leaf = certificates.read_leaf(layout.leaf_file("default").read_bytes())
    assert authority is not None
    assert leaf is not None
    assert (leaf.issuer_digest, leaf.names, leaf.addresses) == (authority.digest, NAMES, ADDRESSES)
    assert layout.ca_certificate_file.read_bytes() == certificates.certificate_of(layout.ca_file.read_bytes())


def test_a_leaf_renewed_later_keeps_the_authority(layout: Layout) -> None:
    run(layout, *folders(layout), *certificate_steps(layout))
    authority, before = layout.ca_file.read_bytes(), layout.leaf_file("default").read_bytes()
    run(layout, certificate_steps(layout)[1])
    assert layout.ca_file.read_bytes() == authority
    after = certificates.read_leaf(layout.leaf_file("default").read_bytes())
    assert layout.leaf_file("default").read_bytes() != before
    assert after is not None
    assert after.issuer_digest == certificates.read_authority(authority).digest  # type: ignore[union-attr]
    assert not layout.backups_dir.exists()


def test_an_authority_without_its_certificate_gets_it_again(layout: Layout) -> None:
    """What a kill between the two leaves behind."""
    run(layout, *folders(layout), *certificate_steps(layout))
    expected = layout.ca_certificate_file.read_bytes()
    layout.ca_certificate_file.write_bytes(b"of an older one")
    run(layout, certificate_steps(layout)[1])
    assert layout.ca_certificate_file.read_bytes() == expected


def test_a_replaced_authority_is_kept_as_a_backup(layout: Layout) -> None:
    run(layout, *folders(layout), *certificate_steps(layout))
    old = layout.ca_file.read_bytes()
    run(layout, *certificate_steps(layout))
    copies = [path for path in layout.backups_dir.iterdir() if path.name.startswith("ca.pem.")]
    assert [path.read_bytes() for path in copies] == [old]


def test_an_authority_that_gives_way_stays_beside_the_new_one(layout: Layout) -> None:
    run(layout, *folders(layout), *certificate_steps(layout))
    old, older_leaf = layout.ca_file.read_bytes(), layout.previous_leaf_file("default")
    authority = IssueAuthority(layout.ca_file, layout.ca_certificate_file, NAMES, (*ADDRESSES, "10.0.0.9"), layout.previous_ca_file)
    older = IssueLeaf(layout.previous_ca_file, older_leaf, NAMES, ADDRESSES, vouched_by=layout.ca_file)
    run(layout, authority, certificate_steps(layout)[1], older)
    assert layout.previous_ca_file.read_bytes() == old
    assert {mode_of(path) for path in (layout.previous_ca_file, older_leaf)} == {0o600}
    new = certificates.read_authority(layout.ca_file.read_bytes())
    leaf, above = (certificates.read_leaf(path.read_bytes()) for path in (older_leaf, layout.leaf_file("default")))
    assert leaf is not None
    assert above is not None
    assert new is not None
    assert (leaf.root_digest, above.issuer_digest) == (new.digest, new.digest)
    # Alone, as when time renews it.
    before = older_leaf.read_bytes()
    run(layout, older)
    assert older_leaf.read_bytes() != before


def test_an_exposed_authority_issues_nothing(layout: Layout) -> None:
    run(layout, *folders(layout), *certificate_steps(layout))
    before = layout.leaf_file("default").read_bytes()
    layout.ca_file.chmod(0o644)
    with pytest.raises(Exception, match="0644"):
        run(layout, certificate_steps(layout)[1])
    assert layout.leaf_file("default").read_bytes() == before


def test_a_backup_is_made_only_where_the_plan_asks(layout: Layout) -> None:
    path = layout.instance_file("default")
    run(layout, *folders(layout), WriteFile(path, Secret("one")))
    run(layout, WriteFile(path, Secret("two")))
    assert not layout.backups_dir.exists()
    run(layout, WriteFile(path, Secret("three"), backup=True))
    assert [copy.read_text() for copy in layout.backups_dir.iterdir()] == ["two"]


def test_an_empty_plan_touches_nothing(layout: Layout) -> None:
    run(layout)
    assert not layout.data_dir.exists()


def test_a_failing_step_leaves_what_stood_there_and_a_journal_that_knows_both(layout: Layout, tmp_path: Path) -> None:
    first, second = layout.instance_file("default"), layout.overlay_file("default")
    run(layout, *folders(layout), WriteFile(first, Secret("one")), WriteFile(second, Secret("old")))
    second.unlink()
    second.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failed, match="symbolic link"):
        run(layout, WriteFile(first, Secret("two")), WriteFile(second, Secret("new")))
    assert first.read_text() == "two"
    assert second.is_symlink()
    assert digest(first) in read_manifest(layout.manifest_file("default"))[str(first)]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}', "null"])
def test_a_damaged_manifest_is_written_anew(layout: Layout, damage: str) -> None:
    path, manifest = layout.instance_file("default"), layout.manifest_file("default")
    run(layout, *folders(layout))
    manifest.write_text(damage)
    run(layout, WriteFile(path, Secret("one")))
    assert json.loads(manifest.read_text()) == {str(path): [digest(path)]}


def test_remove_takes_everything_back_and_nothing_else(layout: Layout) -> None:
    config, manifest = layout.instance_file("default"), layout.manifest_file("default")
    run(layout, *folders(layout), WriteFile(config, Secret("one")))
    (layout.config_dir / "jupyter_lab_config.py").write_text("c = get_config()\n")
    run(
        layout,
        RemoveFile(config),
        RemoveFile(layout.instances_dir / "absent.json"),
        RemoveFile(manifest),
        RemoveFile(layout.instance_data_dir("default"), directory=True),
        RemoveFile(layout.instance_data_dir("default").parent, directory=True),
        RemoveFile(layout.tls_dir, directory=True),
        RemoveFile(layout.data_root, directory=True),
        RemoveFile(layout.instances_dir, directory=True),
    )
    assert not layout.data_root.exists()
    assert [path.name for path in layout.config_dir.iterdir()] == ["jupyter_lab_config.py"]


def test_a_directory_with_a_users_file_in_it_stays(layout: Layout) -> None:
    run(layout, *folders(layout))
    (layout.data_root / "notes.txt").write_text("mine")
    run(layout, RemoveFile(layout.data_root, directory=True))
    assert (layout.data_root / "notes.txt").read_text() == "mine"
    assert (layout.data_root / LOCK_NAME).exists()


def test_remove_does_not_follow_a_link(layout: Layout, tmp_path: Path) -> None:
    run(layout, *folders(layout))
    (tmp_path / "precious").write_text("mine")
    layout.instance_file("default").symlink_to(tmp_path / "precious")
    with pytest.raises(Failed, match="symbolic link"):
        run(layout, RemoveFile(layout.instance_file("default")))
    assert (tmp_path / "precious").read_text() == "mine"
    assert layout.instance_file("default").is_symlink()


def test_a_removed_file_is_backed_up_and_forgotten(layout: Layout) -> None:
    path, other = layout.instance_file("default"), layout.overlay_file("default")
    run(layout, *folders(layout), WriteFile(path, Secret("one")), WriteFile(other, Secret("two")))
    run(layout, RemoveFile(path, backup=True))
    assert [copy.read_text() for copy in layout.backups_dir.iterdir()] == ["one"]
    assert set(read_manifest(layout.manifest_file("default"))) == {str(other)}


def test_a_copy_is_kept_of_what_stays_as_it_is(layout: Layout, tmp_path: Path) -> None:
    unit = tmp_path / "jupyter.service"
    unit.write_text("[Service]\n")
    unit.chmod(0o644)
    before = unit.stat()
    run(layout, KeepCopy(unit))
    (copy,) = layout.backups_dir.iterdir()
    assert (copy.name.startswith("jupyter.service."), copy.read_text(), mode_of(copy)) == (True, "[Service]\n", 0o600)
    assert unit.stat() == before
    # It is somebody else's, and not known as ours afterwards.
    assert read_manifest(layout.manifest_file("default")) == {}


def test_without_a_copy_nothing_follows(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="gone"):
        run(layout, KeepCopy(tmp_path / "gone"), Run(("touch", str(tmp_path / "done"))))
    assert not (tmp_path / "done").exists()


def test_programs_are_run_in_their_place_among_the_steps(layout: Layout, tmp_path: Path) -> None:
    """systemd is told of a unit after it was written, and before it goes."""
    path, seen = layout.instance_file("default"), tmp_path / "seen"
    run(layout, *folders(layout), WriteFile(path, Secret("one")), Run(("cp", str(path), str(seen))), RemoveFile(path))
    assert seen.read_text() == "one"
    assert not path.exists()
    assert read_manifest(layout.manifest_file("default")) == {}


def test_a_program_that_fails_ends_the_plan_in_the_words_of_its_step(layout: Layout) -> None:
    first, second = layout.instance_file("default"), layout.overlay_file("default")
    failing = Run(("false",), code="lingering", sentence=msg("It cannot be switched on."), hint=msg("mend it"))
    with pytest.raises(Failed) as error:
        run(layout, *folders(layout), WriteFile(first, Secret("one")), failing, WriteFile(second, Secret("two")))
    (problem,) = error.value.problems
    assert (problem.code, str(problem.message), str(problem.hint)) == ("lingering", "It cannot be switched on.", "mend it")
    assert not second.exists()
    # What was written, and what would have been, is known as ours by the next one.
    assert set(read_manifest(layout.manifest_file("default"))) == {str(first), str(second)}
    run(layout, Run(("false",), may_fail=True), WriteFile(second, Secret("two")))
    assert second.read_text() == "two"


def test_a_file_is_given_to_its_owner_and_taken_back_from_them(layout: Layout, foreign_uid: int) -> None:
    path = layout.instance_file("default")
    run(layout, *folders(layout), WriteFile(path, Secret("one"), owner=foreign_uid))
    assert (path.read_text(), path.stat().st_uid, mode_of(path)) == ("one", foreign_uid, 0o600)
    run(layout, WriteFile(path, Secret("two"), backup=True, owner=foreign_uid))
    assert (path.read_text(), path.stat().st_uid) == ("two", foreign_uid)
    (copy,) = layout.backups_dir.iterdir()
    assert (copy.read_text(), copy.stat().st_uid) == ("one", 0)
    run(layout, RemoveFile(path, owner=foreign_uid))
    assert not path.exists()


@pytest.mark.parametrize("owner", [None, 54321])
def test_a_file_of_somebody_else_again_is_neither_written_nor_removed(layout: Layout, foreign_uid: int, owner: int | None) -> None:
    path = layout.instance_file("default")
    run(layout, *folders(layout), WriteFile(path, Secret("one"), owner=foreign_uid))
    for step in (WriteFile(path, Secret("two"), owner=owner), RemoveFile(path, owner=owner)):
        with pytest.raises(Failed) as error:
            run(layout, step)
        assert error.value.problems[0].code == "wrong-owner"
    assert (path.read_text(), path.stat().st_uid) == ("one", foreign_uid)


def test_a_read_only_disk_is_a_sentence(read_only: Path) -> None:
    layout = Layout(read_only / "config", read_only / "data", read_only / "runtime")
    with pytest.raises(Failed, match="read-only"):
        run(layout, *folders(layout))


HOLDER = textwrap.dedent(
    """
    import pathlib, sys
    from jupyter_remote_kit.host.locks import exclusive
    from jupyter_remote_kit.plan.layout import Layout
    base = pathlib.Path(sys.argv[1])
    with exclusive(Layout(base / "config", base / "data", base / "runtime")):
        print("held", flush=True)
        sys.stdin.readline()
    """
)


def test_two_commands_do_not_interleave(layout: Layout, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Failed, match="Another jupyter remotekit command"), exclusive(layout, wait_s=0.2):
            pass
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        with exclusive(layout, wait_s=10):
            holder.wait(10)
    assert mode_of(layout.data_root / LOCK_NAME) == 0o600


def test_a_killed_holder_frees_the_lock(layout: Layout, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        holder.wait(10)
    with exclusive(layout, wait_s=1):
        assert (layout.data_root / LOCK_NAME).exists()


APPLIER = textwrap.dedent(
    """
    import itertools, pathlib, sys
    from datetime import datetime, timezone
    from jupyter_remote_kit.host.apply import apply
    from jupyter_remote_kit.plan.layout import Layout
    from jupyter_remote_kit.plan.model import IssueAuthority, IssueLeaf, MakeDirectory, Plan, WriteFile
    from jupyter_remote_kit.secret import Secret
    base = pathlib.Path(sys.argv[1])
    layout = Layout(base / "config", base / "data", base / "runtime")
    names = ("gpu1",)
    for number in itertools.count():
        plan = Plan((
            *map(MakeDirectory, (layout.instances_dir, layout.data_root, layout.tls_dir, layout.instance_data_dir("default"))),
            IssueAuthority(layout.ca_file, layout.ca_certificate_file, names, ()),
            IssueLeaf(layout.ca_file, layout.leaf_file("default"), names, ()),
            WriteFile(layout.instance_file("default"), Secret(sys.argv[2] + str(number) * 2000 + "end")),
        ))
        print("round", flush=True)
        apply(plan, layout=layout, instance="default", now=datetime.now(timezone.utc))
    """
)


@pytest.mark.slow
def test_after_a_kill_every_file_is_whole_and_known_as_ours(layout: Layout, tmp_path: Path) -> None:
    chance = random.Random(11)
    ours = (layout.instance_file("default"), layout.ca_file, layout.ca_certificate_file, layout.leaf_file("default"))
    for attempt in range(15):
        with subprocess.Popen([sys.executable, "-c", APPLIER, str(tmp_path), str(attempt)], stdout=subprocess.PIPE) as applier:
            assert applier.stdout is not None
            assert applier.stdout.readline() == b"round\n"
            with pytest.raises(subprocess.TimeoutExpired):
                applier.wait(chance.uniform(0, 0.15))
            applier.send_signal(signal.SIGKILL)
        manifest = read_manifest(layout.manifest_file("default"))
        present = [path for path in ours if path.exists()]
        assert all(digest(path) in manifest[str(path)] for path in present)
        assert all(mode_of(path) == (0o644 if path.suffix == ".crt" else 0o600) for path in present)
        if layout.instance_file("default").exists():
            assert layout.instance_file("default").read_text().endswith("end")
            assert certificates.read_leaf(layout.leaf_file("default").read_bytes()).key_fits  # type: ignore[union-attr]
            assert certificates.read_authority(layout.ca_file.read_bytes()).key_fits  # type: ignore[union-attr]
    run(layout, *folders(layout), *certificate_steps(layout), WriteFile(layout.instance_file("default"), Secret("settled")))
    litter = [name for folder in (layout.instances_dir, layout.tls_dir) for name in os.listdir(folder) if name.endswith(".tmp")]  # noqa: PTH208
    assert litter == []
    assert layout.instance_file("default").read_text() == "settled"
