"""What of a host could refuse the kit, or its server, once it is installed. A laptop sends this text there; nothing is written.

It is told one JSON object: `own`, whether the kit gets an environment of its own (else it goes into the one of this interpreter);
`instance`, the server's name; `root_dir`, the folder that it is to serve, or `null`. `plan/preflight.py` reads the one line that is
printed. Nothing but the standard library is there.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any


def folder(variable: str, otherwise: str) -> Path:
    """A folder that a variable names, where it is absolute."""
    named = os.environ.get(variable, "")
    return Path(named) if named.startswith("/") else Path.home() / otherwise


def state(path: Path) -> dict[str, Any]:
    """Whether something can be put below `path`, and how many bytes are free there; `at` is as much of it as there is."""
    found = next(place for place in (path, *path.parents) if os.path.lexists(place))
    try:
        system = os.statvfs(found)
        free, fixed = system.f_bavail * system.f_frsize, bool(system.f_flag & os.ST_RDONLY)
    except OSError:
        free, fixed = None, False
    writable = not fixed and os.access(found, os.W_OK | os.X_OK)
    own = not fixed and found.lstat().st_uid == os.geteuid()
    return {"path": str(path), "at": str(found), "own": own, "directory": found.is_dir(), "writable": writable, "free": free}


def root_allowed(instance: str) -> bool:
    """Whether an earlier kit has left an instance that may be served as root."""
    try:
        text = (folder("JUPYTER_CONFIG_DIR", ".jupyter") / "remotekit" / f"{instance}.json").read_text(encoding="utf-8")
        return json.loads(text)["RemoteKit"]["allow_root"] is True
    except (OSError, ValueError, LookupError, TypeError):
        return False


def main() -> None:
    """Look, and tell."""
    order = json.loads(sys.argv[1])
    kept = [folder("JUPYTER_CONFIG_DIR", ".jupyter"), folder("JUPYTER_DATA_DIR", ".local/share/jupyter")]
    environment = folder("XDG_DATA_HOME", ".local/share") / "jupyter-remote-kit" / "env"
    # Without an environment pip installs for the user alone where it may not write.
    isolated = sys.prefix != sys.base_prefix or Path(sys.prefix, "conda-meta").is_dir()
    places = [environment] if order["own"] else [Path(sysconfig.get_path(name)) for name in ("purelib", "scripts") if isolated]
    root_dir = order["root_dir"]
    told = {
        "root": os.geteuid() == 0,
        "root_allowed": root_allowed(order["instance"]),
        "installs": [state(path) for path in places],
        "keeps": [state(path) for path in kept],
        "root_dir": state(Path(os.path.abspath(os.path.expanduser(root_dir)))) if root_dir else None,  # noqa: PTH100, PTH111  # `~bob`
    }
    sys.stdout.write(f"remotekit-preflight {json.dumps(told)}\n")


if __name__ == "__main__":
    main()
