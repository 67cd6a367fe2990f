"""What kind of machine this is, as far as it decides who starts services here."""

from __future__ import annotations

import platform
from enum import Enum
from pathlib import Path

_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))


class Surroundings(Enum):
    """Kinds of machines that have no systemd, or need not have one."""

    MACOS = "macos"
    WSL = "wsl"
    CONTAINER = "container"
    OTHER = "other"


def here() -> Surroundings:
    """The kind of this machine."""
    if platform.system() == "Darwin":
        return Surroundings.MACOS
    # Both versions of WSL call their kernel so.
    if "microsoft" in platform.release().lower():
        return Surroundings.WSL
    return Surroundings.CONTAINER if any(path.exists() for path in _CONTAINERS) else Surroundings.OTHER
