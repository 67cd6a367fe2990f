"""Where Jupyter keeps its files on this machine, as jupyter_core says."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_core import paths as jupyter

from jupyter_remote_kit.plan.layout import Layout

# `jupyter_config` is read by every Jupyter application (jupyter_core `application.py`, load_config_file), `jupyter_server_config` by
# ServerApp, `jupyter_<name>_config` by each ExtensionApp when it is linked (jupyter_server `extension/application.py`).
_CONFIG_PATTERNS = ("jupyter_config", "jupyter_*_config")

# Applications of Jupyter's own that are no part of a server, so their files say nothing about ours.
_NOT_SERVERS = frozenset(
    f"jupyter_{name}_config" for name in ("client", "console", "execute", "kernelspec", "nbconvert", "qtconsole", "run", "trust")
)


def layout() -> Layout:
    """The three folders of jupyter_core, absolute; `JUPYTER_CONFIG_DIR`, `JUPYTER_DATA_DIR` and `JUPYTER_RUNTIME_DIR` are honoured."""
    return Layout(
        config_dir=_absolute(jupyter.jupyter_config_dir()),
        data_dir=_absolute(jupyter.jupyter_data_dir()),
        runtime_dir=_absolute(jupyter.jupyter_runtime_dir()),
    )


def user_config_paths() -> tuple[Path, ...]:
    """The existing configuration files that a Jupyter server with extensions reads, in the order of loading: a later one wins.

    Absolute; the suffix is `.py` or `.json`. Source: traitlets `Application._load_config_files`, which loads the search path from its
    end, and of two files of one name the JSON one last.
    """
    found: list[Path] = []
    for folder in reversed([_absolute(text) for text in jupyter.jupyter_config_path()]):
        stems = sorted({path.stem for pattern in _CONFIG_PATTERNS for path in folder.glob(f"{pattern}.*")} - _NOT_SERVERS)
        # The base file comes first: it is loaded before any application's own.
        stems.sort(key=lambda stem: stem != "jupyter_config")
        found.extend(path for stem in stems for path in (folder / f"{stem}.py", folder / f"{stem}.json") if path.is_file())
    return tuple(dict.fromkeys(found))


def _absolute(text: str) -> Path:
    path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # resolve() would follow every link on the way
    # A folder of Jupyter's that is itself a link (dotfiles kept elsewhere, a runtime folder on a local disk) is the user's choice of a
    # place; only below it is a link something in our way.
    return path.resolve() if path.is_symlink() else path
