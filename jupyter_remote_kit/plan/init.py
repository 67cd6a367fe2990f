"""The plan of `init`: from settings, credentials and facts to the files that should stand there."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed, Problem, Refused
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import certificates, instance, overlay, userconfig
from jupyter_remote_kit.plan.answers import address_awaited, check_machine
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.facts import Facts, FileKind
from jupyter_remote_kit.plan.instance import Instance
from jupyter_remote_kit.plan.layout import PRIVATE_DIR, PRIVATE_FILE, PUBLIC_FILE, Layout
from jupyter_remote_kit.plan.model import IssueAuthority, MakeDirectory, Plan, Step, WriteFile
from jupyter_remote_kit.plan.overridden import overridden
from jupyter_remote_kit.plan.writing import write_unless_same
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Credentials, Settings

SOURCE_LANGUAGE = "en"
SHIPPED_LANGUAGES = (SOURCE_LANGUAGE, "zh_CN")


def plan_init(  # noqa: PLR0913  # what is asked, what is, and what may be done
    settings: Settings,
    credentials: Credentials,
    facts: Facts,
    *,
    existing: Instance | None = None,
    others: Iterable[Settings] = (),
    new_authority: bool = False,
) -> Plan:
    """What `init` does. A second one with the same answers has no steps.

    With `new_authority` the private CA may be replaced where it is not for all names and addresses of the instances.

    Raises `Refused` where this machine, or the user's own certificate, does not allow it, and `Failed` where the root directory is absent
    and cannot be made.
    """
    check_machine(settings, facts, existing.settings if existing else None)
    findings = (
        *address_awaited(settings, facts),
        *certificates.check_own(settings, facts, existing.settings if existing else None),
        *_language_findings(settings),
        *userconfig.findings(facts.user_config),
        *overridden(facts.user_config, settings),
    )
    steps = tuple(_steps(settings, credentials, facts, existing, certificates.steps(settings, facts, others, new_authority=new_authority)))
    issued = next((step for step in steps if isinstance(step, IssueAuthority)), None)
    if issued and existing and existing.settings.private_ca:
        findings += (_authority_replaced(settings, facts, kept=issued.previous_file is not None),)
    elif not issued:
        findings += (*_uncertified(settings, facts), *certificates.early(settings, facts))
    # Two instances that are made at once would else make an authority each, and the server of one show a leaf of neither's.
    shared = ((facts.layout.ca_file, facts.file(facts.layout.ca_file).digest),) if issued else ()
    return Plan(steps, findings, (*_expects(settings, facts, existing), *shared))


def plan_credentials(existing: Instance, credentials: Credentials, facts: Facts) -> Plan:
    """Other credentials for an instance whose settings stay as they are."""
    settings = existing.settings
    leaf = facts.layout.leaf_file(settings.instance) if settings.private_ca else None
    content = instance.render(instance.traits_of(settings, credentials, leaf), existing.traits)
    steps = tuple(_file(facts.layout.instance_file(settings.instance), content, PRIVATE_FILE, facts))
    return Plan(steps, expects=_expects(settings, facts, existing))


def managed_paths(settings: Settings, layout: Layout) -> tuple[Path, ...]:
    """Every path whose fact the plan reads, but for the root directory."""
    files = (layout.ca_file, layout.ca_certificate_file, layout.overlay_file(settings.instance), layout.instance_file(settings.instance))
    return (*private_folders(settings, layout), *files)


def _expects(settings: Settings, facts: Facts, existing: Instance | None) -> tuple[tuple[Path, str | None], ...]:
    return ((facts.layout.instance_file(settings.instance), existing.digest if existing else None),)


def _authority_replaced(settings: Settings, facts: Facts, *, kept: bool) -> Problem:
    replaced = msg("The private certificate authority is a new one: laptops that trusted the old one have to fetch it.")
    beside = msg(
        "The private certificate authority is a new one. Laptops that trust the old one go on at its names and addresses, and warn at"
        " the others until they trust the new one, too."
    )
    sentence = beside if kept else replaced
    if kept and facts.previous_ca is not None:
        sentence = msg(
            "The private certificate authority is a new one. Laptops that trust the one before it go on at its names and addresses; those"
            " that trust only the one of {since}, which came before that, warn at every address until they trust the new one, too.",
            since=f"{facts.previous_ca.not_before:%Y-%m-%d}",
        )
    return Problem("authority-replaced", sentence, msg("{command}", command=own_command(settings.instance, "urls")))


def _uncertified(settings: Settings, facts: Facts) -> tuple[Problem, ...]:
    """Addresses and names of the host that came after its authority."""
    hosts = certificates.uncertified(settings, facts)
    if not hosts:
        return ()
    message = msg(
        "The private certificate authority, which laptops trust, is not for {hosts}: browsers warn there until you have a new one made.",
        hosts=", ".join(hosts),
    )
    return (Problem("certificate-lacks", message, msg("{command}", command=own_command(settings.instance, "init --new-authority"))),)


def secret_paths(settings: Settings, layout: Layout) -> tuple[Path, ...]:
    """What nobody else may read: the private folders, and the files that hold a key, a hash or a token."""
    files = [layout.instance_file(settings.instance)]
    if settings.private_ca:
        files += [layout.ca_file, layout.leaf_file(settings.instance)]
        files += [layout.previous_ca_file, layout.previous_leaf_file(settings.instance)]
    elif settings.tls and settings.certfile:
        # One's own; a certificate without a key beside it holds the key itself.
        files.append(Path(settings.keyfile or settings.certfile))
    return (*private_folders(settings, layout), *files)


def private_folders(settings: Settings, layout: Layout) -> tuple[Path, ...]:
    """The folders that the kit keeps to itself, outermost first."""
    folders = (layout.instances_dir, layout.data_root, layout.backups_dir, layout.instance_data_dir(settings.instance))
    return (*folders, layout.tls_dir) if settings.private_ca else folders


def _steps(
    settings: Settings, credentials: Credentials, facts: Facts, existing: Instance | None, certificate_steps: Iterable[Step]
) -> Iterator[Step]:
    # First, since it is what a user may have misspelt.
    yield from _root_directory(settings, facts, existing)
    for folder in private_folders(settings, facts.layout):
        fact = facts.file(folder)
        if fact.kind is not FileKind.DIRECTORY or fact.mode != PRIVATE_DIR:
            yield MakeDirectory(folder)
    yield from certificate_steps
    layout = facts.layout
    leaf = layout.leaf_file(settings.instance) if settings.private_ca else None
    traits = instance.traits_of(settings, credentials, leaf)
    yield from _file(layout.overlay_file(settings.instance), overlay.render(settings), PUBLIC_FILE, facts)
    # Last, since it names the others: a killed init leaves no instance that refers to a certificate that is not there.
    kept = existing.traits if existing else None
    yield from _file(layout.instance_file(settings.instance), instance.render(traits, kept), PRIVATE_FILE, facts)


def _file(path: Path, content: Secret, mode: int, facts: Facts) -> Iterator[WriteFile]:
    return write_unless_same(path, content, mode, facts.file(path), facts.manifest.get(str(path), ()))


def _another_root(path: Path, facts: Facts) -> str:
    """A root directory that can be used, or made, where `path` cannot; as a shell reads it."""
    home = facts.file(facts.home)
    if facts.home != path and home.kind is FileKind.DIRECTORY and home.writable:
        return shlex.quote(str(facts.home))
    # Unlike /tmp it outlives a reboot. Any user can write to it: one of a fixed name could be another's.
    return '"$(mktemp -d /var/tmp/notebooks.XXXXXX)"'


def _root_directory(settings: Settings, facts: Facts, existing: Instance | None) -> Iterator[MakeDirectory]:
    path, fact = settings.root_dir, facts.file(settings.root_dir)
    hint = msg("Choose another one: --root-dir {folder}", folder=_another_root(path, facts))
    if fact.kind is FileKind.ABSENT and fact.writable:
        yield MakeDirectory(path)
    elif fact.kind is FileKind.ABSENT:
        # Not refused for good (78): a disk that is mounted later has it.
        raise Failed.of("root-dir-not-writable", msg("You cannot make the root directory {path}.", path=path), hint)
    elif fact.kind is not FileKind.DIRECTORY:
        raise Refused.of("root-dir-not-a-directory", msg("The root directory {path} is not a directory.", path=path), hint)
    elif not fact.writable:
        closed = Problem("root-dir-not-writable", msg("You cannot write to the root directory {path}.", path=path), hint)
        # Where a disk is to be mounted, the folder may be root's until then.
        raise Failed(closed) if existing is not None and existing.settings.root_dir == path else Refused(closed)


def _language_findings(settings: Settings) -> Iterator[Problem]:
    if settings.language not in SHIPPED_LANGUAGES and settings.language.partition("_")[0] != SOURCE_LANGUAGE:
        pack = f"jupyterlab-language-pack-{settings.language.replace('_', '-')}"
        yield Problem(
            "language-pack",
            msg("The interface shows {language} only where its language pack is installed.", language=settings.language),
            msg("{command}", command=invocation.install(pack)),
        )
