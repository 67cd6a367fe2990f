"""Which wheels fit an interpreter on another machine, and what the files of an installed package are called in a wheel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg

# PEP 600 begins with glibc 2.5; older names stand for three of its versions.
_OLDEST_GLIBC = 5
_LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
# What a host says goes into an argv on the laptop: it holds nothing that pip could take for an option, a path or a URL.
_PLATFORM = re.compile(r"(linux|macosx)-(?:[0-9.]{1,8}-)?([a-z0-9_]{1,20})\Z")
_LIBC = re.compile(r"(glibc|musl) ([0-9]{1,2})\.([0-9]{1,3})")
_PYTHON = re.compile(r"(3)\.([0-9]{1,2})\.([0-9]{1,3})")
_MACOS = re.compile(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?")
_MARKER = re.compile(r"[a-z_]{1,40}\Z")
_OWN = re.compile(r"jupyter_remote_kit-[0-9][A-Za-z0-9.!+]*-py3-none-any\.whl\Z")
_MADE_BY_INSTALLERS = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})
_SCRIPTS = frozenset({"bin", "Scripts"})

# `platform_version` is the longest, some 60 characters; together they are one word of an argv, which has bounds.
_MAX_MARKER = 500


@dataclass(frozen=True)
class HostPython:
    """An interpreter, as far as it decides which wheels fit: `--python-version`, `--abi`, `--platform` of pip, and PEP 508's markers."""

    version: str
    abi: str
    platforms: tuple[str, ...]
    markers: Mapping[str, str]

    @property
    def name(self) -> str:
        """As people are told of it."""
        return f"Python {self.version}, {self.platforms[0]}"

    @property
    def pip_options(self) -> tuple[str, ...]:
        """What makes pip download for it. Wheels only: a build would be one for this machine."""
        platforms = (word for platform in self.platforms for word in ("--platform", platform))
        return (
            *("--only-binary", ":all:", "--implementation", "cp", "--python-version", self.version),
            *("--abi", self.abi, "--abi", "abi3", "--abi", "none", *platforms),
        )

    @classmethod
    def parse(cls, text: str) -> HostPython:
        """Out of what `templates/remote/install.py` says of its interpreter. Raises `Failed` for one that nobody makes wheels for."""
        try:
            told = json.loads(text)
            markers = {
                name: value
                for name, value in told["markers"].items()
                if _MARKER.match(name) and isinstance(value, str) and len(value) <= _MAX_MARKER
            }
            version = _PYTHON.match(markers["python_full_version"])
            if version is None or markers["implementation_name"] != "cpython":
                raise ValueError(text)
            abi = f"cp{version[1]}{version[2]}{'t' if told['free_threaded'] is True else ''}"
            return cls(version[0], abi, _platforms(told), markers)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise Failed.of(
                "no-wheels",
                msg("The packages cannot be sent: there are no wheels for that Python."),
                msg("Name another one there, such as --python python3.12"),
            ) from None


def _platforms(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The platform tags that fit, the best first."""
    kind, machine = _parts(_PLATFORM, told["platform"])
    if kind == "macosx":
        major, minor = _parts(_MACOS, told["macos"])
        # pip adds the older releases, and those for both processors.
        return (f"macosx_{major}_{minor or 0}_{'arm64' if told['markers']['platform_machine'] == 'arm64' else 'x86_64'}",)
    libc, major, minor = _parts(_LIBC, told["libc"])
    newest = int(minor or 0)
    if libc == "musl":
        return (*(f"musllinux_{major}_{older}_{machine}" for older in range(newest, -1, -1)), f"linux_{machine}")
    tags = (f"manylinux_{major}_{older}_{machine}" for older in range(newest, _OLDEST_GLIBC - 1, -1))
    return (*tags, *(f"{name}_{machine}" for older, name in _LEGACY.items() if older <= newest), f"linux_{machine}")


def _parts(pattern: re.Pattern[str], text: str) -> tuple[str | None, ...]:
    match = pattern.match(text)
    if match is None:
        raise ValueError(text)
    return match.groups()


def is_own(name: str) -> bool:
    """Whether that is what a wheel of ours is called."""
    return bool(_OWN.match(name))


def name_in_wheel(recorded: str, stem: str) -> str | None:
    """What a file of RECORD is called in a wheel, `None` for what an installer makes itself. `stem` is `name-version`.

    RECORD counts from site-packages, and leaves it by `..` for files of the environment's root, which PEP 427 calls `data`. Raises
    `ValueError` for one that is elsewhere.
    """
    path = PurePosixPath(recorded)
    if path.is_absolute() or PureWindowsPath(recorded).drive:
        raise ValueError(recorded)
    parts = [part for part in path.parts if part != ".."]
    if "__pycache__" in parts or path.name in _MADE_BY_INSTALLERS:
        return None
    if path.parts[0] != "..":
        return recorded
    return None if parts[0] in _SCRIPTS else f"{stem}.data/data/{'/'.join(parts)}"


def record(files: Iterable[tuple[str, str, int]], stem: str) -> str:
    """The text of RECORD: each file's name, its SHA-256 (URL-safe base64 without padding) and its size in bytes; last itself."""
    lines = (f"{name},sha256={digest},{size}" for name, digest, size in files)
    return "\n".join((*lines, f"{stem}.dist-info/RECORD,,", ""))
