"""The laptop's address book on its disk."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_remote_kit.errors import Problem, Refused
from jupyter_remote_kit.host import files, locks, trouble
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import hostsfile
from jupyter_remote_kit.plan.addressbook import AddressBook
from jupyter_remote_kit.plan.layout import PRIVATE_FILE, Layout


def load(layout: Layout) -> AddressBook:
    """The book; empty where there is none. Raises `Refused` for a file that cannot be used."""
    return _parsed(layout, _content(layout))


def change(layout: Layout, function: Callable[[AddressBook], AddressBook]) -> AddressBook:
    """Put in place what `function` makes of the book, and return that. One process at a time, so that none loses what another has added.

    A file that was edited by hand is copied first: nothing that is meant gets lost, but the look of it does. Raises as `load`.
    """
    with locks.exclusive(layout):
        content = _content(layout)
        before = _parsed(layout, content)
        after = function(before)
        if after == before:
            return after
        if content is not None and content != hostsfile.render(before):
            files.backup(layout.hosts_file, layout.backups_dir)
        files.write_atomic(layout.hosts_file, hostsfile.render(after), PRIVATE_FILE)
    return after


def _content(layout: Layout) -> bytes | None:
    return files.read_private(layout.hosts_file) if layout.hosts_file.exists() else None


def _parsed(layout: Layout, content: bytes | None) -> AddressBook:
    if content is None:
        return AddressBook()
    try:
        return hostsfile.parse(content)
    except Refused as error:
        path, problem = layout.hosts_file, error.problems[0]
        anew = msg("Mend it, or move it away to begin anew: mv {path} {path}.broken", path=trouble.quoted(path))
        raise Refused(Problem(problem.code, msg("{path}: {reason}", path=path, reason=problem.message), problem.hint or anew)) from None
