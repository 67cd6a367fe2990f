"""What a laptop's user may say of places on a host: a folder, an interpreter, an environment. The host's shell is handed them as data.

Whether they exist only the host knows. What passes here is no option of any program, and has no character that a terminal would obey.
"""

from __future__ import annotations

import re

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import msg

# PATH_MAX of Linux.
MAX_BYTES = 4096
# What is no path: conda allows all in the name of an environment but these (`PrefixData.validate_name`, conda 24), and one that a
# project has, such as `.venv`, is named like any folder.
_NOT_IN_NAME = re.compile(r"[/ :#]")
# Controls and separators of lines; and lone surrogates, which stand for bytes that were no UTF-8: what is sent to a host is text.
_NO_TEXT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def project_dir(text: str) -> str:
    """A folder on the host: absolute, below the home, or beginning with `~`. Raises `WrongUsage`."""
    if _is_place(text):
        return text
    raise WrongUsage.of(
        "project-dir",
        msg("{text!r} is not a folder that a host can be told.", text=text),
        msg("Use the folder's path on the host, such as --project-dir ~/project"),
    )


def python(text: str) -> str:
    """An interpreter on the host: its whole path, which may begin with `~`, or a program of the PATH there. Raises `WrongUsage`."""
    if _is_name(text) or _is_whole(text):
        return text
    raise WrongUsage.of(
        "remote-python",
        msg("{text!r} is not a Python interpreter that a host can be told.", text=text),
        msg("Use a program or its whole path, such as --python python3.12 or --python ~/venv/bin/python"),
    )


def environment(text: str) -> str:
    """An environment on the host: the whole path of its folder, which may begin with `~`, or conda's name for it. Raises `WrongUsage`."""
    if _is_name(text) or _is_whole(text):
        return text
    raise WrongUsage.of(
        "remote-env",
        msg("{text!r} is not an environment that a host can be told.", text=text),
        msg("Use its name or its whole path, such as --env torch or --env ~/project/.venv"),
    )


def is_kit(text: str) -> bool:
    """Whether `text` could be the path of the kit, which a host has told."""
    return text.startswith("/") and _is_place(text)


def _is_name(text: str) -> bool:
    return text not in {".", ".."} and not text.startswith("~") and not _NOT_IN_NAME.search(text) and _is_place(text)


def _is_whole(text: str) -> bool:
    return text.startswith(("/", "~")) and _is_place(text)


def _is_place(text: str) -> bool:
    # A character has a byte at least; only what is text can be encoded.
    if not text or text.startswith("-") or len(text) > MAX_BYTES or _NO_TEXT.search(text):
        return False
    return len(text.encode()) <= MAX_BYTES
