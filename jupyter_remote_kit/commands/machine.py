"""What several commands need of this machine: its instances, as they are on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.host import instances, paths, socketfolder
from jupyter_remote_kit.host.control import ControlClient
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.changes import held, not_in_force
from jupyter_remote_kit.plan.instance import Instance
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Credentials, Settings

if TYPE_CHECKING:
    from jupyter_remote_kit.plan.facts import Facts


def others(layout: Layout, name: str) -> tuple[str, ...]:
    """The names of the other instances, sorted."""
    if not layout.instances_dir.is_dir():
        return ()
    found = (path.name[: -len(".json")] for path in layout.instances_dir.glob("*.json") if not path.name.endswith(".overrides.json"))
    return tuple(sorted(other for other in found if other != name))


def settings_of_others(layout: Layout, name: str) -> tuple[Settings, ...]:
    """The settings of the other instances. One that cannot be read says so when it is itself used, not here."""
    found = []
    for other in others(layout, name):
        with suppress(RemoteKitError):
            instance = instances.load(layout, other)
            if instance:
                found.append(instance.settings)
    return tuple(found)


def gather(settings: Settings, *, own_certificate: bool = True) -> Facts:
    """The facts that the plan of `settings` reads.

    Without `own_certificate` the user's files (certificate, configuration) are left alone: a disk that is not there for a moment must
    not keep anybody from changing a password.
    """
    from jupyter_remote_kit.host import facts  # psutil, which `status` is quicker without
    from jupyter_remote_kit.plan.init import managed_paths

    layout = paths.layout()
    return facts.gather(
        layout,
        paths=(*managed_paths(settings, layout), settings.root_dir),
        instance=settings.instance,
        root_dir=settings.root_dir,
        certfile=settings.certfile if own_certificate else None,
        keyfile=settings.keyfile if own_certificate else None,
        with_user_config=own_certificate,
    )


def change_credentials(found: Instance, credentials: Credentials, known: Facts, made: Secret | None = None) -> bool:
    """Write other credentials and let a running server take them. Says whether one did, and so ended its sessions.

    `made` is a password that was made just now: from the writing on it is told, whatever fails.
    """
    from jupyter_remote_kit.host import apply
    from jupyter_remote_kit.plan.init import plan_credentials

    layout, name = known.layout, found.settings.instance
    apply.apply(plan_credentials(found, credentials, known), layout=layout, instance=name, now=known.now)
    with password_told(made):
        running = client(layout, name)
        try:
            if running.status() is None:
                return False
            running.reload_credentials()
        except RemoteKitError as error:
            raise not_in_force(name, error) from error
        return True


def in_force(status: Mapping[str, Any], written: Settings) -> tuple[dict[str, Any], str | None]:
    """What the running server that told this of itself has of its settings (`changes.held`), and the digest of its credentials.

    One of an earlier version tells neither: it counts as having what is `written`.
    """
    told = status.get("in_force") or {}
    return told.get("settings") or {**held(written), "access": status["posture"]["access"]}, told.get("credentials")


def check_changeable(found: Instance) -> None:
    """Raises `RemoteKitError` where other credentials could not be written, or a running server could not be told of them."""
    from jupyter_remote_kit.host import room

    layout, name = paths.layout(), found.settings.instance
    room.check((layout.instances_dir, layout.instance_data_dir(name)))
    client(layout, name).status()


@contextmanager
def password_told(password: Secret | None) -> Iterator[None]:
    """Whatever fails within, a password that was made just now and is written already is told with it: it is shown once."""
    try:
        yield
    except RemoteKitError as error:
        if password is None:
            raise
        told = Problem("password-made", msg("The password, shown this once: {password}", password=password.reveal()))
        raise type(error)(*error.problems, told) from error


def client(layout: Layout, name: str) -> ControlClient:
    """The control socket of the server of `name`, whether or not one runs."""
    return socketfolder.client(layout, name)


def entries_below(folder: Path) -> tuple[Path, ...]:
    """Everything in `folder`, deepest first, so that each may be removed in this order. Links are listed, never followed."""
    if folder.is_symlink() or not folder.is_dir():
        return ()
    found: list[Path] = []
    for child in sorted(folder.iterdir()):
        found += [*entries_below(child), child]
    return tuple(found)


def finding_problems(findings: Iterable[object]) -> tuple[Problem, ...]:
    """Findings as the control socket gives them (JSON objects, already in a language), as problems."""
    problems = []
    for finding in findings:
        if isinstance(finding, dict):
            fix = finding.get("fix")
            problems.append(Problem(finding["code"], msg("{text}", text=finding["message"]), msg("{text}", text=fix) if fix else None))
    return tuple(problems)
