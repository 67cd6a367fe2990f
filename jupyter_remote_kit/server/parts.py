"""The parts without which a managed server is not protected. Half an upgrade must not serve."""

from __future__ import annotations

import importlib
import importlib.util
from importlib.abc import InspectLoader

PARTS = (
    "jupyter_remote_kit.server.extension",
    "jupyter_remote_kit.server.gate",
    "jupyter_remote_kit.server.login",
    "jupyter_remote_kit.server.handlers",
    "jupyter_remote_kit.server.status",
    "jupyter_remote_kit.server.posture",
    "jupyter_remote_kit.server.control",
    "jupyter_remote_kit.server.tickets",
    "jupyter_remote_kit.server.tls",
    "jupyter_remote_kit.server.overlay",
    "jupyter_remote_kit.server.pages",
    "jupyter_remote_kit.server.tuning",
    "jupyter_remote_kit.host.files",
    "jupyter_remote_kit.host.paths",
    "jupyter_remote_kit.host.control",
)
# Compiled or looked for, not imported: they bring memory that only whoever asks for it should pay.
LAZY_PARTS = ("jupyter_remote_kit.host.load",)
LIBRARIES = ("argon2", "psutil", "pynvml")


def missing() -> tuple[str, ...]:
    """The parts that cannot be loaded, whatever the reason, in order."""
    broken = [part for part in PARTS if not _imports(part)]
    broken += [part for part in LAZY_PARTS if not _compiles(part)]
    return (*broken, *(name for name in LIBRARIES if importlib.util.find_spec(name) is None))


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    # A damaged module raises whatever it likes: SyntaxError, NameError, AttributeError, a C library's OSError.
    except Exception:
        return False
    return True


def _compiles(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
        code = spec.loader.get_code(name) if spec and isinstance(spec.loader, InspectLoader) else None
    except (ImportError, SyntaxError, ValueError):
        return False
    return code is not None
