"""The wheels that a laptop sends to a host: the kit's own, made of what is installed here, and those that pip downloads for the host."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import foreignpip, trouble
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import wheels as plan
from jupyter_remote_kit.plan.installing import DISTRIBUTION
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.plan.wheels import HostPython

# Several hosts in a row get the same; by tomorrow there may be fixes.
_FRESH_S = 24 * 3600.0
_CHUNK = 1 << 18
# What a wheel says of when it was made: the same files make the same wheel.
_MADE = (2020, 1, 1, 0, 0, 0)


def check(wheel: Path) -> None:
    """See that what the user has named is a wheel of ours. Raises `Failed`."""
    with trouble.os_errors(wheel), wheel.open("rb") as file:
        is_zip = zipfile.is_zipfile(file)
    if not is_zip or not plan.is_own(wheel.name):
        raise Failed.of("wheel", msg("{path} is not a wheel of jupyter-remote-kit.", path=wheel), _build("."))


def _build(sources: str) -> Message:
    command = f"{sys.executable} -m pip wheel --no-deps --wheel-dir dist {sources}"
    return msg("Build one from its sources, and name it with --wheel: {command}", command=command)


def own(folder: Path) -> Path:
    """A wheel of the kit that is installed here, made in `folder`. Raises `Failed` where its files are elsewhere, or missing."""
    distribution = metadata.distribution(DISTRIBUTION)
    stem = f"{DISTRIBUTION.replace('-', '_')}-{distribution.version}"
    recorded = [str(file).replace("\\", "/") for file in distribution.files or ()]
    if "jupyter_remote_kit/__init__.py" not in recorded:
        # Only a pointer to its sources is installed.
        raise Failed.of("editable", msg("The kit on this machine is installed for editing, so it cannot be sent."), _build("SOURCES"))
    wheel = folder / f"{stem}-py3-none-any.whl"
    rows: list[tuple[str, str, int]] = []
    try:
        with zipfile.ZipFile(wheel, "w") as archive:
            for path in recorded:
                name = plan.name_in_wheel(path, stem)
                if name is not None:
                    data = Path(str(distribution.locate_file(path))).read_bytes()
                    rows.append((name, _digest(data), len(data)))
                    archive.writestr(zipfile.ZipInfo(name, _MADE), data, zipfile.ZIP_DEFLATED)
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD", _MADE), plan.record(rows, stem))
    except (FileNotFoundError, ValueError) as error:
        raise Failed.of(
            "own-files",
            msg("The kit on this machine is not whole, so it cannot be sent: {reason}", reason=str(error)),
            msg("Install it again: {command}", command=invocation.reinstall()),
        ) from None
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


async def collected(host: HostPython, requirements: Sequence[str | Path], store: Path, *, hear: Callable[[str], None]) -> tuple[Path, ...]:
    """Wheels for `requirements` and all that they require on `host`, from `store` or downloaded into it; `hear` gets the lines of pip.

    Raises `Failed` with the last words of pip.
    """
    digest = hashlib.sha256(json.dumps([dict(host.markers), host.platforms]).encode())
    for requirement in requirements:
        digest.update(requirement.read_bytes() if isinstance(requirement, Path) else requirement.encode())
    folder = store / digest.hexdigest()[:16]
    if not _is_fresh(folder):
        with trouble.os_errors(store):
            store.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(store)
            part = Path(tempfile.mkdtemp(prefix="part-", dir=store))
        try:
            await _download(host, requirements, part, hear)
            if not _is_fresh(folder):
                # Else another `connect` was sooner.
                with trouble.os_errors(store):
                    part.replace(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return tuple(sorted(folder.glob("*.whl")))


def _is_fresh(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime < _FRESH_S
    except FileNotFoundError:
        return False


def _sweep(store: Path) -> None:
    for folder in store.iterdir():
        if not _is_fresh(folder):
            shutil.rmtree(folder, ignore_errors=True)


async def _download(host: HostPython, requirements: Sequence[str | Path], folder: Path, hear: Callable[[str], None]) -> None:
    quiet = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-color")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", foreignpip.__file__, json.dumps(dict(host.markers)), "download", *quiet),
        *("--dest", str(folder), *host.pip_options, *map(str, requirements)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said: list[str] = []
    try:
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        async for data in process.stdout:
            said.append(data.decode(errors="replace").strip())
            hear(said[-1])
        code = await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if code:
        errors = [line for line in said if line.startswith("ERROR:")] or [line for line in said if line] or [f"exit code {code}"]
        raise Failed.of(
            "no-wheels",
            msg("pip on this machine finds no packages for {python}: {words}", python=host.name, words=printable(errors[-1])),
            msg("See where pip looks on this machine: {python} -m pip config list", python=sys.executable),
        )


@dataclass(frozen=True)
class Parcel:
    """Files as one tar, made while it is sent."""

    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """How long the tar is, in bytes."""
        return sum(len(_header(file)) + _padded(file.stat().st_size) for file in self.files) + 2 * tarfile.BLOCKSIZE

    def parts(self, sent: Callable[[int], None]) -> Iterator[bytes]:
        """The tar in parts; `sent` is told how many bytes have been taken."""
        done = 0
        for part in self._parts():
            yield part
            done += len(part)
            sent(done)

    def _parts(self) -> Iterator[bytes]:
        for path in self.files:
            yield _header(path)
            with path.open("rb") as file:
                while data := file.read(_CHUNK):
                    yield data
            size = path.stat().st_size
            yield bytes(_padded(size) - size)
        yield bytes(2 * tarfile.BLOCKSIZE)


def _header(path: Path) -> bytes:
    info = tarfile.TarInfo(path.name)
    info.size = path.stat().st_size
    return info.tobuf(tarfile.GNU_FORMAT)


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
