"""Finds out how the kit is called from this user's shell, and how pip is called for its environment.

Standard library only, and little of it: a command that words one hint pays for nothing else.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from jupyter_remote_kit.invocation import DOCUMENTED, Invocation

SCRIPT = "jupyter-remotekit"
DISTRIBUTION = "jupyter-remote-kit"


def of_shell() -> Invocation:
    """In a command that the user has typed: its PATH is the shell's."""
    path = os.environ.get("PATH", "")
    return Invocation(_program(path), _jupyter(path), _pip_install(), _package())


def of_server() -> Invocation:
    """In the server: the launcher has put this environment first on its PATH, which no shell of the user's need have."""
    return Invocation(_program(""), _jupyter(""), _pip_install(), _package())


def _program(path: str) -> str:
    script = own_script()
    if script is None:
        return quoted(sys.executable, "-m", "jupyter_remote_kit")
    if _is_in(_first_on(path, "jupyter"), script.parent):
        return DOCUMENTED.program
    # Where pipx and `uv tool` put a link to the script alone.
    if _is_in(_first_on(path, SCRIPT), script.parent):
        return SCRIPT
    return quoted(str(script))


def own_script() -> Path | None:
    """The console script beside this interpreter, or where `pip install --user` has put it; `None` where there is none."""
    name = f"{SCRIPT}.exe" if sys.platform == "win32" else SCRIPT
    candidates = [Path(sys.executable).with_name(name)]
    called = Path(os.path.abspath(sys.argv[0])) if sys.argv and sys.argv[0] else None  # noqa: PTH100  # a link is how it is called
    if called is not None and called.name == name:
        candidates.append(called)
    found = next((path for path in candidates if path.is_file()), None)
    return found or next((path for path in _listed(name) if path.is_file()), None)


def _listed(name: str) -> list[Path]:
    """Where the installer has put it: `pip install --user` puts it below the home."""
    from importlib import metadata

    try:
        files = metadata.distribution(DISTRIBUTION).files or ()
    except metadata.PackageNotFoundError:
        return []
    return [Path(os.path.abspath(str(entry.locate()))) for entry in files if entry.name == name]  # noqa: PTH100  # as it is called


def _jupyter(path: str) -> str:
    """Jupyter's own program in this environment."""
    beside = Path(sys.executable).parent
    if _is_in(_first_on(path, DOCUMENTED.jupyter), beside):
        return DOCUMENTED.jupyter
    return quoted(sys.executable, "-m", "jupyter")


def _pip_install() -> str:
    """`PYTHON -m pip install`; uv makes environments without pip, and installs into them by itself."""
    from importlib.util import find_spec

    with_pip = quoted(sys.executable, "-m", "pip", "install")
    if find_spec("pip") is not None:
        return with_pip
    if uv := _first_on(os.environ.get("PATH", ""), "uv"):
        return quoted(str(uv), "pip", "install", "--python", sys.executable)
    return f"{quoted(sys.executable, '-m', 'ensurepip')} && {with_pip}"


def _package() -> str:
    """What pip is to install: the place that this package was installed from (PEP 610), or else its name in an index."""
    import json
    from importlib import metadata

    try:
        record = json.loads(metadata.distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
        url = record.get("url")
        if "vcs_info" in record:
            # As pip takes it; the commit that was current then is not asked for, the branch or tag is.
            branch = record["vcs_info"].get("requested_revision")
            url = f"{record['vcs_info']['vcs']}+{url}{f'@{branch}' if branch else ''}"
    except (metadata.PackageNotFoundError, ValueError, LookupError, TypeError, OSError, AttributeError):
        return DOCUMENTED.package
    return quoted(url) if isinstance(url, str) and url and _stands(url) else DOCUMENTED.package


def _stands(url: str) -> bool:
    """Whether a place on this disk is still there; one elsewhere is taken at its word."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    return parts.scheme != "file" or Path(unquote(parts.path)).exists()


def _first_on(path: str, name: str) -> Path | None:
    """The program that a shell with this PATH would run."""
    if not path:
        return None
    import shutil

    found = shutil.which(name, path=path)
    return Path(os.path.abspath(found)) if found else None  # noqa: PTH100  # where a link leads is looked at apart


def _is_in(program: Path | None, folder: Path) -> bool:
    """Whether a program is in that folder, or a link to one there."""
    if program is None:
        return False
    return os.path.realpath(folder) in {os.path.realpath(program.parent), os.path.dirname(os.path.realpath(program))}  # noqa: PTH120


def quoted(*words: str) -> str:
    """These words in the user's shell."""
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline(words)
    return shlex.join(words)
