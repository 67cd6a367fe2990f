"""The text of a unit, from a template and a profile of `templates/service`; and what a unit of ours says of itself."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jupyter_remote_kit.plan import units
from jupyter_remote_kit.plan.profiles import wants_manager
from jupyter_remote_kit.plan.seal import sealed, unsealed
from jupyter_remote_kit.plan.service import Service

_NOTES = re.compile(r"(?m)^\[X-JupyterRemoteKit\]\n((?:[A-Za-z]+=.*\n)*)")
_SECONDS = re.compile(r"[0-9]{1,9}\Z")
_PLACEHOLDER = re.compile(r"@([A-Z_]+)@")
_UNWATCHED = "# No watchdog: a restart ends every kernel, and a slow save on a network disk is no crash."
_NO_USER_MANAGER = "# The user's own manager is out of reach of this profile: through it a process could leave the sandbox."
_USER_MANAGER = """# The user's own manager, which lingering keeps: podman needs it.
Wants=user@{uid}.service
After=user@{uid}.service"""
_WATCHED = """# Asked for: a server that has hung for so long is killed and started again, and its kernels end.
# Without a core file, which would hold secrets.
WatchdogSignal=SIGKILL
WatchdogSec={seconds}"""


@dataclass(frozen=True)
class Notes:
    """What a unit of ours says of itself, in a section that systemd passes over (systemd.unit(5): sections that begin with `X-`)."""

    version: str
    profile: str
    watchdog_s: int | None


def render_unit(service: Service, template: str, sandbox: str) -> str:
    """The unit. `template` is that of the scope, `sandbox` the profile's part of it."""
    place = service.place
    python, script = service.program
    notes = {"Version": service.version, "Profile": service.profile.value, "WatchdogSec": service.watchdog_s or 0}
    values = {
        "UNIT": place.unit,
        "DESCRIPTION": units.specifiers(f"JupyterLab of {place.user} (jupyter-remote-kit, instance {place.instance})"),
        "MOUNTS": units.path_list((service.root_dir, place.home, python)),
        "USER_MANAGER": _USER_MANAGER.format(uid=place.uid) if wants_manager(place.scope, service.profile) else _NO_USER_MANAGER,
        "USER": units.specifiers(place.user),
        # Where a root directory cannot be said: the server goes there by itself in any case.
        "ROOT_DIR": units.whole_line(service.root_dir) or "~",
        "ENVIRONMENT_FILE": units.environment_file(place.environment_file) or "",
        "EXEC_START": units.command_line(python, str(script), "service", "run", "--instance", place.instance),
        "WATCHDOG": _WATCHED.format(seconds=service.watchdog_s) if service.watchdog_s else _UNWATCHED,
        "PROFILE": service.profile.value,
        "SANDBOX": sandbox.strip(),
        "NOTES": "\n".join(f"{name}={value}" for name, value in notes.items()),
    }
    return sealed(_PLACEHOLDER.sub(lambda match: values[match[1]], template))


def notes_of(content: bytes | None) -> Notes | None:
    """What the unit says of itself; `None` of what is no unit of ours."""
    found = _NOTES.search((content or b"").decode(errors="replace"))
    if found is None:
        return None
    said = dict(line.partition("=")[::2] for line in found[1].splitlines())
    watchdog = said.get("WatchdogSec", "")
    return Notes(said.get("Version", ""), said.get("Profile", ""), int(watchdog) or None if _SECONDS.match(watchdog) else None)


def changed_lines(before: bytes | None, after: str) -> Iterator[str]:
    """What differs between a unit that stands there and the new one, as `diff -U0` shows it; the seal differs anyhow."""
    old, new = (unsealed(text).splitlines() for text in ((before or b"").decode(errors="replace"), after))
    yield from difflib.unified_diff(old, new, "installed", "new", n=0, lineterm="")
