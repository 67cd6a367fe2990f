"""What would refuse the kit on a host, or its server, looked at before a person is asked and before anything is installed there.

The kit itself says it best, but is not there yet. `templates/remote/preflight.py` looks, and this judges what it tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jupyter_remote_kit.errors import Problem, Refused
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import shell
from jupyter_remote_kit.plan.terminal import printable

_MARK = "remotekit-preflight "
_PROJECT = re.compile(r"/project\b")
# An environment of the kit's own is of 277 MB, and its wheels of some 80 (2026-11, CPython 3.12).
NEEDED_BYTES = 360_000_000
_LEAST_BYTES = 1 << 20
_MEGABYTE = 1_000_000


def order(instance: str, root_dir: str | None, *, own: bool) -> str:
    """What the script is told."""
    return json.dumps({"own": own, "instance": instance, "root_dir": root_dir})


def check(lines: Sequence[str], host: str, *, own: bool, allow_root: bool) -> None:
    """Raises `Refused` for what the script has seen. Where it tells nothing of use, the installation finds out by itself."""
    told = next((line[len(_MARK) :] for line in lines if line.startswith(_MARK)), "")
    try:
        facts = json.loads(told)
        problem = next(_problems(facts, host, own=own, allow_root=allow_root), None)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return
    if problem is not None:
        raise Refused(problem)


def _problems(facts: Mapping[str, Any], host: str, *, own: bool, allow_root: bool) -> Iterator[Problem]:
    if facts["root"] and not (allow_root or facts["root_allowed"]):
        yield Problem(
            "as-root",
            msg("The server on {host} would run as root, and so would every notebook.", host=host),
            msg("Connect as an ordinary user of it, or, in a rented container, add --allow-root"),
        )
    root_dir = facts["root_dir"]
    if root_dir is not None and not (root_dir["directory"] and root_dir["writable"]):
        what = _unusable(root_dir, host)
        # Where the home itself is what cannot be used, another folder in it is no help.
        in_home = any(place["at"] == root_dir["at"] and not place["writable"] for place in facts["keeps"])
        yield what if in_home else Problem(what.code, what.message, choose_another(host, str(root_dir["path"])))
    for place in (*facts["installs"], *facts["keeps"]):
        if not (place["directory"] and place["writable"]):
            yield _unusable(place, host)
        needed = NEEDED_BYTES if own and place in facts["installs"] and place["at"] != place["path"] else _LEAST_BYTES
        if isinstance(place["free"], int) and place["free"] < needed:
            yield Problem(
                "disk-full",
                msg(
                    "{host} has {free} MB left for {path}, and {needed} MB are needed.",
                    host=host,
                    free=place["free"] // _MEGABYTE,
                    path=printable(str(place["path"])),
                    needed=-(-needed // _MEGABYTE),
                ),
                _there(host, "df", "-h", place["at"]),
            )


def choose_another(host: str, words: str) -> Message:
    """The hint for a folder that cannot be used on the host; `words` name it, and it is not the one that is named here."""
    folder = "~/notebooks" if _PROJECT.search(words) else "~/project"
    return msg("Choose another folder on {host}: --project-dir {folder}", host=host, folder=folder)


def _unusable(place: Mapping[str, Any], host: str) -> Problem:
    at = str(place["at"])
    path = printable(at)
    if not place["directory"]:
        message = msg("{path} on {host} is not a directory.", path=path, host=host)
        return Problem("not-a-directory", message, _there(host, "mv", at, f"{at}.aside"))
    message = msg("Nothing can be written to {path} on {host}.", path=path, host=host)
    # Another user's folder is for that user, or for root, to open.
    return Problem("permission", message, _there(host, *(("chmod", "u+rwx") if place["own"] else ("ls", "-ld")), at))


def _there(host: str, *words: str) -> Message:
    """A command for the host; what it names are the host's own words."""
    return msg("On {host}: {words}", host=host, words=shell.quoted(tuple(map(printable, words))))
