"""The parts without which a managed server is not protected. Half an upgrade must not serve."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from importlib.abc import InspectLoader
from pathlib import Path

PACKAGE = "jupyter_remote_kit"
FOLDER = Path(__file__).parents[1]
# Each with a name that the others use: an empty file imports without a complaint.
PARTS = {
    "jupyter_remote_kit.server.extension": "RemoteKit",
    "jupyter_remote_kit.server.kitstate": "find_kit",
    "jupyter_remote_kit.server.identity": "RemoteKitIdentityProvider",
    "jupyter_remote_kit.server.gate": "Gate",
    "jupyter_remote_kit.server.checkpoint": "Checkpoint",
    "jupyter_remote_kit.server.refusals": "Refusal",
    "jupyter_remote_kit.server.responses": "RefusalHandler",
    "jupyter_remote_kit.server.templates": "Page",
    "jupyter_remote_kit.server.exchange": "ExchangeHandler",
    "jupyter_remote_kit.server.offers": "of",
    "jupyter_remote_kit.server.visits": "visit_of",
    "jupyter_remote_kit.server.peers": "Peers",
    "jupyter_remote_kit.server.authenticator": "Authenticator",
    "jupyter_remote_kit.server.throttle": "Throttle",
    "jupyter_remote_kit.server.verifier": "Verifier",
    "jupyter_remote_kit.server.cookies": "values",
    "jupyter_remote_kit.server.devices": "Devices",
    "jupyter_remote_kit.server.keys": "derive",
    "jupyter_remote_kit.server.sessions": "Sessions",
    "jupyter_remote_kit.server.session": "Session",
    "jupyter_remote_kit.server.audit": "Audit",
    "jupyter_remote_kit.server.connections": "GuardedServer",
    "jupyter_remote_kit.server.headers": "protective",
    "jupyter_remote_kit.server.owners": "note_handlers",
    "jupyter_remote_kit.server.upstream": "withhold",
    "jupyter_remote_kit.server.logs": "limited",
    "jupyter_remote_kit.server.protection": "Protection",
    "jupyter_remote_kit.server.login": "LoginHandler",
    "jupyter_remote_kit.server.handlers": "StatusHandler",
    "jupyter_remote_kit.server.status": "Status",
    "jupyter_remote_kit.server.posture": "collect",
    "jupyter_remote_kit.server.control": "Control",
    "jupyter_remote_kit.server.tickets": "Tickets",
    "jupyter_remote_kit.server.tls": "Certificate",
    "jupyter_remote_kit.server.overlay": "merge",
    "jupyter_remote_kit.server.pages": "blank_tokens",
    "jupyter_remote_kit.server.redaction": "install",
    "jupyter_remote_kit.server.tuning": "settle",
    "jupyter_remote_kit.server.notify": "manager",
    "jupyter_remote_kit.server.service": "Service",
    "jupyter_remote_kit.server.health": "Endpoint",
    "jupyter_remote_kit.server.watchdog": "Watchdog",
    "jupyter_remote_kit.server.journal": "divert",
    "jupyter_remote_kit.server.journald": "Journal",
    "jupyter_remote_kit.server.userconfig": "refusing",
    "jupyter_remote_kit.server.extensions": "install",
    "jupyter_remote_kit.server.applied": "place",
    "jupyter_remote_kit.host.files": "read_private",
    "jupyter_remote_kit.host.instances": "require",
    "jupyter_remote_kit.host.paths": "layout",
    "jupyter_remote_kit.host.control": "socket_address",
}
# Compiled or looked for, not imported: they bring memory that only whoever asks for it should pay.
LAZY_PARTS = ("jupyter_remote_kit.host.gpus", "jupyter_remote_kit.host.load", "jupyter_remote_kit.host.passwords")
LIBRARIES = ("argon2", "psutil", "pynvml")


def missing() -> tuple[str, ...]:
    """The parts that cannot be loaded, whatever the reason, in order."""
    return tuple(faults())


def faults() -> dict[str, Exception]:
    """The parts that cannot be loaded, in order, each with what its import has raised."""
    return dict(_faults())


def is_own(error: Exception) -> bool:
    """Whether it is a file of ours that is missing, damaged or of another version, and no library's."""
    if isinstance(error, ImportError) and error.name:
        return error.name.partition(".")[0] == PACKAGE
    if isinstance(error, SyntaxError):
        return str(error.filename).startswith(str(FOLDER))
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_filename.startswith(str(FOLDER))


def _faults() -> Iterator[tuple[str, Exception]]:
    for part, look in _looks().items():
        try:
            look()
        # A damaged module raises whatever it likes: SyntaxError, NameError, AttributeError, a C library's OSError.
        except Exception as error:
            yield part, error


def _looks() -> dict[str, Callable[[], None]]:
    """How each part is looked at; what is wrong is raised."""
    imports = {part: partial(_import, part, name) for part, name in PARTS.items()}
    return {**imports, **{part: partial(_compile, part) for part in LAZY_PARTS}, **{name: partial(_find, name) for name in LIBRARIES}}


def _import(part: str, name: str) -> None:
    module = importlib.import_module(part)
    if not hasattr(module, name):
        message = f"{name!r} is not in {module.__file__}"
        raise ImportError(message, name=part, path=module.__file__)


def _find(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        raise _absent(name)


def _compile(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or not isinstance(spec.loader, InspectLoader) or spec.loader.get_code(name) is None:
        raise _absent(name)


def _absent(name: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {name!r}", name=name)
