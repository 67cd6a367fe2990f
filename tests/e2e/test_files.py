"""Files are whole or not there at all: `init` is killed, the disk is full, somebody else's file is in the way."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host

KILLS = int(os.environ.get("REMOTEKIT_KILLS", "15"))
LONG = KILLS > 100
PUBLIC = (".overrides.json", "ca.crt")
FAILED, REFUSED = 1, 78


@pytest.fixture
def day(host: Host) -> Iterator[Host]:
    """A host on its first day."""
    host.empty_home()
    yield host
    host.empty_home()


@pytest.fixture
def settled(day: Host, canaries: Canaries) -> Host:
    """A host that `init` has set up."""
    day.kit("init", "--allow-root", "--password-stdin", stdin=f"{canaries.password()}\n").expect()
    canaries.watch_instance(day.instance_file())
    return day


# -- killed at any moment -------------------------------------------------------------------------------------------------------------


def complete(path: Path) -> None:
    """Raises when `path` is not a whole file of its kind, or can be used by others."""
    mode = path.stat().st_mode & 0o777
    assert mode == (0o644 if path.name.endswith(PUBLIC) else 0o600), f"{path}: {mode:o}"
    if path.suffix == ".json":
        json.loads(path.read_text())
    if path.suffix == ".pem":
        text = path.read_bytes()
        key = load_pem_private_key(text, None).public_key()
        kind = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert x509.load_pem_x509_certificate(text).public_key().public_bytes(*kind) == key.public_bytes(*kind), path
    if path.suffix == ".crt":
        x509.load_pem_x509_certificate(path.read_bytes())


def temporary(host: Host) -> list[Path]:
    return [Path(name) for name in host.state() if name.endswith(".tmp")]


def private_or_public(path: Path) -> bool:
    """Whether a file that a killed `init` left behind is its owner's alone, or one of those with nothing secret in them."""
    mode, content = path.stat().st_mode & 0o777, path.read_bytes()
    return mode == 0o600 or (mode == 0o644 and not any(secret in content for secret in (b"PRIVATE KEY", b'"token"', b"argon2")))


def killed(host: Host, delay: float, *options: str, stdin: str) -> bool:
    """Start `init`, and kill it after `delay` seconds; whether it was still running then."""
    argv = [host.prefix / "bin" / "jupyter-remotekit", "init", "--allow-root", "--password-stdin", *options]
    silent = subprocess.DEVNULL
    process = host.machine.popen(argv, host.env(), stdin=subprocess.PIPE, stdout=silent, stderr=silent, cwd=host.home)
    with process:
        process.stdin.write(stdin)  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        time.sleep(delay)
        alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()  # type: ignore[union-attr]
    return alive


@pytest.mark.timeout(120 + 20 * KILLS)
def test_init_killed_at_any_moment_leaves_old_or_new_files_and_the_next_one_settles(day: Host, canaries: Canaries) -> None:
    password = canaries.password()
    given = f"{password}\n"
    begun = time.monotonic()
    day.kit("init", "--allow-root", "--password-stdin", stdin=given).expect()
    takes = time.monotonic() - begun
    canaries.watch_instance(day.instance_file())
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    hits, port, old_port = 0, 8800, 8800
    for number in range(KILLS):
        where = f"seed {seed}, round {number}"
        if number % 3 == 2:
            day.empty_home()
            old_port = 0
        port = 9000 + number
        options = ("--port", str(port), "--language", ("en", "zh_CN")[number % 2], "--allow-host", f"n{number}.gpubox")
        before = {name: data for name, (_, _, data) in day.state().items()}
        # Half of the time goes into starting Python; the files are written in the last third.
        hits += killed(day, chance.uniform(0.3, 1.1) * takes, *options, stdin=given)
        for name, (_, _, data) in day.state().items():
            if not name.endswith((".tmp", "lock")) and before.get(name) != data:
                complete(Path(name))
        assert all(private_or_public(path) for path in temporary(day)), where
        if day.instance_file().exists():
            assert day.instance()["ServerApp"]["port"] in {old_port, port}, where
        if LONG or number % 5 == 4:
            day.up(*(() if day.instance_file().exists() else ("--password-stdin",)), stdin=given)
            day.kit("down").expect()
        begun = time.monotonic()
        day.kit("init", "--allow-root", "--password-stdin", *options, stdin=given).expect()
        # A machine is busier at one time than at another: the next kill is timed by the `init` before it.
        takes = time.monotonic() - begun
        assert day.kit("init", "--allow-root", *options, "--json").expect().data["changed"] is False, where
        canaries.watch_instance(day.instance_file())
        for name in day.state():
            complete(Path(name))
        assert temporary(day) == [], where
        old_port = port
    assert hits > KILLS // 4, f"only {hits} of {KILLS} were still at work (seed {seed})"


# -- a machine that cannot write --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(*argv: str | Path) -> Iterator[None]:
    """`mount …`, undone in the end; the last word is the place."""
    subprocess.run(["mount", *map(str, argv)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(argv[-1])], check=True)


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """`folder`, with what is in it, on a disk without a free byte."""
    copy = folder.with_name(f"{folder.name}.copy")
    shutil.copytree(folder, copy)
    with mounted("-t", "tmpfs", "-o", f"size=512k,mode={folder.stat().st_mode & 0o777:o}", "none", folder):
        shutil.copytree(copy, folder, dirs_exist_ok=True)
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"\0" * 512)
        yield
    shutil.rmtree(copy)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` on a disk that is mounted read-only; root's rights do not help there."""
    with mounted("--bind", folder, folder):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


@contextlib.contextmanager
def somebody_elses(path: Path) -> Iterator[None]:
    """`path` belongs to another user."""
    os.chown(path, 65534, 65534)
    yield
    os.chown(path, 0, 0)


@contextlib.contextmanager
def link_in_the_way(path: Path) -> Iterator[None]:
    """`path` is a link to where it was, as somebody would put there to have another file written."""
    target = path.with_name(f"target-of-{path.name}")
    path.rename(target)
    path.symlink_to(target)
    yield
    assert path.is_symlink()
    path.unlink()
    target.rename(path)


TROUBLES: dict[str, tuple[Callable[[Path], contextlib.AbstractContextManager[None]], str, str]] = {
    "a full disk under the configuration": (full_disk, ".jupyter", "full"),
    "a full disk under the data": (full_disk, ".local/share/jupyter", "full"),
    "a read-only configuration": (read_only, ".jupyter", "read-only"),
    "read-only data": (read_only, ".local/share/jupyter", "read-only"),
    "somebody else's instance file": (somebody_elses, ".jupyter/remotekit/default.json", "belongs to another user"),
    "somebody else's overlay": (somebody_elses, ".jupyter/remotekit/default.overrides.json", "belongs to another user"),
    "somebody else's folder of instances": (somebody_elses, ".jupyter/remotekit", "belongs to another user"),
    "somebody else's certificate": (somebody_elses, ".local/share/jupyter/remotekit/tls/leaf-default.pem", "belongs to another user"),
    "somebody else's authority": (somebody_elses, ".local/share/jupyter/remotekit/tls/ca.pem", "belongs to another user"),
    "somebody else's TLS folder": (somebody_elses, ".local/share/jupyter/remotekit/tls", "belongs to another user"),
    "a link for the instance file": (link_in_the_way, ".jupyter/remotekit/default.json", "symbolic link"),
    "a link for the overlay": (link_in_the_way, ".jupyter/remotekit/default.overrides.json", "symbolic link"),
    "a link for the folder of instances": (link_in_the_way, ".jupyter/remotekit", "symbolic link"),
    "a link for the certificate": (link_in_the_way, ".local/share/jupyter/remotekit/tls/leaf-default.pem", "symbolic link"),
    "a link for the authority": (link_in_the_way, ".local/share/jupyter/remotekit/tls/ca.pem", "symbolic link"),
    "a link for the TLS folder": (link_in_the_way, ".local/share/jupyter/remotekit/tls", "symbolic link"),
    "a link for the backups": (link_in_the_way, ".local/share/jupyter/remotekit/backups", "symbolic link"),
}


def contents(host: Host) -> dict[str, bytes]:
    """What the files hold that matter; a backup more is no harm."""
    return {name: data for name, (_, _, data) in host.state().items() if "/backups/" not in name and "lock" not in name}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_init_fails_with_a_sentence_and_leaves_the_original_as_it_is_with(trouble: str, settled: Host) -> None:
    make, where, sentence = TROUBLES[trouble]
    before = contents(settled)
    options = ("--port", "8899", "--language", "zh_CN", "--allow-host", "other.example", "--new-authority", "--yes")
    with make(settled.home / where):
        # Everything would change: the instance, its overlay, the authority, the leaf. A key of another user's is refused.
        done = settled.kit("init", "--allow-root", *options)
        done.expect(REFUSED if trouble == "somebody else's authority" else FAILED)
        lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, done.err
        assert sentence in lines[0]
        assert str(settled.home) in lines[0]
    held = settled.instance_file().read_bytes()
    after = contents(settled)
    # What came before the obstacle may be new, and is whole; the file with the obstacle is not touched.
    obstacle = settled.home / where
    for name, data in before.items():
        assert after.get(name) == data or not (Path(name) == obstacle or obstacle in Path(name).parents), name
        complete(Path(name))
    assert json.loads(held)
    assert temporary(settled) == []
    settled.kit("init", "--allow-root", *options).expect()
    assert settled.kit("init", "--allow-root", *options[:-2], "--json").expect().data["changed"] is False


def test_an_edited_file_is_backed_up_and_named(settled: Host) -> None:
    overlay = settled.config_dir / "remotekit" / "default.overrides.json"
    mine = overlay.read_text().replace("true", "false")
    overlay.write_text(mine)
    done = settled.kit("init", "--allow-root", "--language", "zh_CN").expect()
    kept = [path for path in (settled.data_dir / "remotekit" / "backups").iterdir() if path.read_text() == mine]
    assert len(kept) == 1
    assert str(overlay) in done.out + done.err
    assert kept[0].stat().st_mode & 0o777 == 0o600
