"""What `trust` shows: whom, in which stores, and what is left to do by hand."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from jupyter_remote_kit.commands.connecting.wish import Wish as Host
from jupyter_remote_kit.errors import ExitCode, Problem
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import idetrust, strangers
from jupyter_remote_kit.plan import trusted as record
from jupyter_remote_kit.plan.authority import Authority, fingerprint
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import Step
from jupyter_remote_kit.plan.trusted import Trusted
from jupyter_remote_kit.plan.truststores import Change, Wish
from jupyter_remote_kit.result import Result


@dataclass(frozen=True)
class Outcome:
    """What this laptop is to trust, and what has become of it. `authority` is `None` where one is taken back.

    `steps` are all that were to be taken, `changes` those of each store, `done` the stores that were changed. `left` says which stores
    stay as they are, `failures` what went wrong. `system` is false where root's store was not to be touched.
    """

    host: Host
    layout: Layout
    before: tuple[Trusted, ...]
    after: tuple[Trusted, ...]
    authority: Authority | None = None
    steps: tuple[Step, ...] = ()
    changes: tuple[Change, ...] = ()
    done: tuple[Message, ...] = ()
    left: tuple[Problem, ...] = ()
    failures: tuple[Problem, ...] = ()
    system: bool = True

    @property
    def wish(self) -> Wish:
        """What the stores are to hold."""
        return Wish(self.layout.trusted_dir, self.trusted, self.withdrawn)

    @property
    def trusted(self) -> Trusted | None:
        """What every store is to hold."""
        return record.find(self.after, self.authority.digest) if self.authority else None

    @property
    def withdrawn(self) -> tuple[Trusted, ...]:
        """What no store is to hold any more."""
        return tuple(entry for entry in self.after if entry.withdrawn)


def announced(outcome: Outcome) -> Result:
    """What is to be done, and about whom."""
    steps = tuple(msg("  {step}", step=step.describe()) for step in outcome.steps)
    messages = (*_replaced(outcome), msg("This will be done:"), *steps)
    return Result("trust", messages=messages, rows=_rows(outcome), problems=_strange(outcome))


def tried(outcome: Outcome) -> Result:
    """The same, where it is only to be shown."""
    if not outcome.steps:
        return told(outcome, asked=False)
    steps = tuple(msg("  {step}", step=step.describe()) for step in outcome.steps)
    messages = (*_replaced(outcome), msg("This would be done:"), *steps)
    problems = (*_strange(outcome), *outcome.failures, *outcome.left)
    return Result("trust", _data(outcome, changed=False), messages, _rows(outcome), problems=problems)


def told(outcome: Outcome, *, asked: bool) -> Result:
    """What has become of it. Where it was `asked` about, the authority has been shown already."""
    lines = tuple(msg("  {step}", step=title) for title in outcome.done)
    messages = (*_head(outcome), *lines, *_replaced(outcome), *_advice(outcome))
    return Result(
        "trust",
        _data(outcome, changed=bool(outcome.steps)),
        messages,
        () if asked else _rows(outcome),
        problems=(*outcome.failures, *outcome.left),
        exit_code=ExitCode.FAILED if outcome.failures else ExitCode.DONE,
    )


def nothing_trusted(host: Host, entries: tuple[Trusted, ...]) -> Result:
    """Nothing is known of that host."""
    known = tuple(dict.fromkeys(name for entry in entries for name in entry.hosts))
    messages = [msg("Nothing to do: this machine trusts no authority of {host}.", host=host.name)]
    messages += [msg("It trusts those of {hosts}.", hosts=", ".join(known))] if known else []
    return Result("trust", {"host": str(host.target), "changed": False}, tuple(messages))


def _head(outcome: Outcome) -> tuple[Message, ...]:
    name, trusted = outcome.host.name, outcome.authority is not None
    if outcome.done:
        return (msg("{host} is trusted by:", host=name) if trusted else msg("{host} is trusted no more by:", host=name),)
    if outcome.steps or outcome.failures:
        return ()
    already = msg("Nothing to do: this machine trusts {host} already.", host=name)
    none = msg("Nothing to do: no store of this machine that can be changed has the authority of {host}.", host=name)
    return (already if trusted else none,)


def _replaced(outcome: Outcome) -> tuple[Message, ...]:
    """A host that has made a new authority; whoever had the old one's key could still use it."""
    if outcome.authority is None:
        return ()
    old = [entry for entry in outcome.withdrawn if entry not in outcome.before]
    return tuple(
        msg(
            "{host} has a new authority; the earlier one goes: {fingerprint}", host=outcome.host.name, fingerprint=fingerprint(entry.digest)
        )
        for entry in old
    )


def _strange(outcome: Outcome) -> tuple[Problem, ...]:
    return strangers.findings(outcome.authority, outcome.host.name) if outcome.authority else ()


def _advice(outcome: Outcome) -> tuple[Message, ...]:
    again = (msg("A browser that runs sees it when it is started again."),) if outcome.done else ()
    system = () if outcome.system else (msg("The system's store was left alone."),)
    trusted, folder = outcome.trusted, outcome.layout.trusted_dir
    if trusted is None:
        return (*again, *system)
    ides = idetrust.notes(sys.platform, record.file_of(trusted, folder), record.bundle_of(folder))
    return (*again, *system, msg("IDEs have stores of their own:"), *ides)


def _rows(outcome: Outcome) -> tuple[tuple[Message, str], ...]:
    found = outcome.authority
    if found is None:
        return tuple((msg("SHA-256 fingerprint"), fingerprint(entry.digest)) for entry in outcome.withdrawn)
    return (
        (msg("Host"), str(outcome.host.target)),
        (msg("Names"), ", ".join((*found.names, *found.addresses))),
        (msg("Valid until"), f"{found.not_after:%Y-%m-%d}"),
        (msg("SHA-256 fingerprint"), fingerprint(found.digest)),
    )


def _data(outcome: Outcome, *, changed: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "host": str(outcome.host.target),
        "steps": [str(step.describe()) for step in outcome.steps],
        "stores": [str(title) for title in outcome.done],
        "changed": changed,
    }
    found, trusted, folder = outcome.authority, outcome.trusted, outcome.layout.trusted_dir
    if found is None or trusted is None:
        return {**data, "fingerprints": [fingerprint(entry.digest) for entry in outcome.withdrawn]}
    return {
        **data,
        "fingerprint": fingerprint(found.digest),
        "names": list(found.names),
        "addresses": list(found.addresses),
        "strange": list(found.strange),
        "not_after": found.not_after.isoformat(),
        "certificate_file": str(record.file_of(trusted, folder)),
        "bundle_file": str(record.bundle_of(folder)),
    }
