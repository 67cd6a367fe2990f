"""The steps of a plan. Frozen data: `host.apply` executes them, `--dry-run` prints them, tests compare them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from jupyter_remote_kit.errors import Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, PRIVATE_FILE, PUBLIC_FILE
from jupyter_remote_kit.secret import Secret


@dataclass(frozen=True)
class MakeDirectory:
    """Create a directory and its missing parents (those with mode 0755 less the umask), or set the mode of an existing one."""

    path: Path
    mode: int = PRIVATE_DIR

    def describe(self) -> Message:
        """One line for people."""
        return msg("create the directory {path} (mode {mode})", path=self.path, mode=format(self.mode, "04o"))


@dataclass(frozen=True)
class WriteFile:
    """Write a file whole. `backup` keeps what stands there now; `edited` names it as somebody else's work.

    `owner` is the user whom root gives the file to; `None`: it is the writer's own.
    """

    path: Path
    content: Secret
    mode: int = PRIVATE_FILE
    backup: bool = False
    edited: bool = False
    owner: int | None = None

    def describe(self) -> Message:
        """One line for people; the content is a secret."""
        if self.edited:
            return msg(
                "write {path} (mode {mode}); it was edited or not written by the kit, so a backup is kept",
                path=self.path,
                mode=format(self.mode, "04o"),
            )
        return msg("write {path} (mode {mode})", path=self.path, mode=format(self.mode, "04o"))


@dataclass(frozen=True)
class IssueAuthority:
    """Make a private CA constrained to these names and addresses; writes `ca_file`, and the certificate alone beside it.

    With `previous_file` the CA that is there is kept in it.
    """

    ca_file: Path
    certificate_file: Path
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    previous_file: Path | None = None

    def describe(self) -> Message:
        """One line for people."""
        return msg(
            "create a private certificate authority in {path} for {names} only",
            path=self.ca_file,
            names=", ".join(self.names + self.addresses),
        )


@dataclass(frozen=True)
class ExportAuthority:
    """Write the certificate of the CA in `ca_file`, without its key, for laptops to import."""

    ca_file: Path
    certificate_file: Path

    def describe(self) -> Message:
        """One line for people."""
        return msg("write {path} (mode {mode})", path=self.certificate_file, mode=format(PUBLIC_FILE, "04o"))


@dataclass(frozen=True)
class IssueLeaf:
    """Issue a server certificate from the CA in `ca_file`, with these SANs; key and chain in one file.

    `vouched_by`: the file of another CA, which signs that of `ca_file`: the chain then leads to either.
    """

    ca_file: Path
    leaf_file: Path
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    vouched_by: Path | None = None

    def describe(self) -> Message:
        """One line for people."""
        return msg("issue a certificate in {path} for {names}", path=self.leaf_file, names=", ".join(self.names + self.addresses))


@dataclass(frozen=True)
class RemoveFile:
    """Remove a file of ours, or an empty directory of ours. `backup` keeps what stands there; `owner` may own it beside us."""

    path: Path
    directory: bool = False
    backup: bool = False
    owner: int | None = None

    def describe(self) -> Message:
        """One line for people."""
        return msg("remove {path}", path=self.path)


@dataclass(frozen=True)
class KeepCopy:
    """Put a copy of somebody else's file among the backups; the file stays as it is."""

    path: Path

    def describe(self) -> Message:
        """One line for people."""
        return msg("keep a copy of {path}", path=self.path)


@dataclass(frozen=True)
class Run:
    """Run a program to its end. Where it fails, `code`, `sentence` and `hint` say what that means to the user, and nothing follows.

    `may_fail`: it does not matter whether there was anything for it to do. `given` is what it reads on its standard input.
    """

    argv: tuple[str, ...]
    code: str = "command-failed"
    sentence: Message | None = None
    hint: Message | None = None
    may_fail: bool = False
    given: str = ""

    def describe(self) -> Message:
        """One line for people, as it could be pasted."""
        return msg("run {argv}", argv=shlex.join(self.argv))


Step = MakeDirectory | WriteFile | IssueAuthority | ExportAuthority | IssueLeaf | RemoveFile | KeepCopy | Run


@dataclass(frozen=True)
class Plan:
    """Steps in order, and what the user should know beside them. No steps: nothing to do.

    `expects` says what the plan was made on: the SHA-256 of a file, or `None` where there was none. When that is no longer so, another
    command has been at work meanwhile, and the plan would undo what it did.
    """

    steps: tuple[Step, ...] = ()
    findings: tuple[Problem, ...] = ()
    expects: tuple[tuple[Path, str | None], ...] = ()
