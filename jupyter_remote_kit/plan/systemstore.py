"""The store of a Linux system, which is root's: what curl, Python and most programs go by."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.model import Run, Step
from jupyter_remote_kit.plan.truststores import Held, Wish, missing


@dataclass(frozen=True)
class Family:
    """How a family of systems does it: the folder of root's own authorities, the program that reads them, and the file that it makes.

    `fresh` is what the program is told where one was removed, so that nothing leads to it any more.
    """

    anchors: Path
    program: str
    bundle: Path
    fresh: str = ""


FAMILIES = (
    # Debian, Ubuntu: update-ca-certificates(8).
    Family(Path("/usr/local/share/ca-certificates"), "update-ca-certificates", Path("/etc/ssl/certs/ca-certificates.crt"), "--fresh"),
    # Fedora, RHEL: update-ca-trust(8).
    Family(Path("/etc/pki/ca-trust/source/anchors"), "update-ca-trust", Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")),
)
# Root writes what comes on standard input to the one file, removes the others, and has the system read all of them again: one call, so
# that sudo asks once. It is constant; what goes where are its arguments, and no file of the user's is read with root's rights.
PUT = (
    "umask 022; update=$1 fresh=$2 new=$3; shift 3; "
    'if [ -n "$new" ]; then cat >"$new.new" && mv -f -- "$new.new" "$new" || { rm -f -- "$new.new"; exit 1; }; fi; '
    'rm -f -- "$@" && exec "$update" ${fresh:+"$fresh"}'
)


@dataclass(frozen=True)
class SystemStore:
    """`update` is the path of the program. `root` are the words before what root is to run, none of them for root; `None`: no way there.

    `held` has what the bundle or the folder has; it is `trusted` where the bundle has it.
    """

    family: Family
    update: str
    root: tuple[str, ...] | None
    held: Mapping[str, Held] = field(default_factory=dict)
    vital: bool = False

    @property
    def title(self) -> Message:
        """The folder tells the family."""
        return msg("the system's store, {path}", path=self.family.anchors)

    def steps(self, wish: Wish) -> tuple[Step, ...]:
        """One call of root, which takes all of it."""
        new = [self._file(entry.name) for entry in missing(self.held, wish)]
        old = [self._file(entry.name) for entry in wish.unwanted if entry.digest in self.held]
        if not new and not old:
            return ()
        words = ("/bin/sh", "-c", PUT, "sh", self.update, self.family.fresh if old else "", *(new or [""]), *old)
        given = wish.wanted.certificate if wish.wanted and new else ""
        return (Run((*(self.root or ()), *words), "system-store", hint=self._by_hand(wish, new, old), given=given),)

    def obstacle(self, wish: Wish) -> Problem | None:
        """An ordinary user without sudo can be told what root would do."""
        steps = self.steps(wish)
        if self.root is not None or not steps:
            return None
        hint = steps[0].hint if isinstance(steps[0], Run) else None
        return Problem(
            "not-root", msg("{path} is root's, and there is no sudo: the system's store stays as it is.", path=self.family.anchors), hint
        )

    def _file(self, name: str) -> str:
        return str(self.family.anchors / f"{name}.crt")

    def _by_hand(self, wish: Wish, new: list[str], old: list[str]) -> Message:
        source = [wish.file(wish.wanted)] if wish.wanted else []
        lines = [("install", "-m", "644", *source, target) for target in new]
        lines += [("rm", "-f", *old)] if old else []
        update = (self.update, self.family.fresh) if old and self.family.fresh else (self.update,)
        return msg("As root: {command}", command=" && ".join(map(shlex.join, (*lines, update))))
