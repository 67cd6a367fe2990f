"""The hosts that a laptop knows: where they are, how `connect` is to go about them, and what was found out the last time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import hostnames
from jupyter_remote_kit.plan.shell import PATIENT_PROFILE_S, PROFILE_S
from jupyter_remote_kit.plan.target import Target

# Below the ephemeral ports of Linux, macOS and Windows, which any program may have got; no browser blocks one of them.
FIRST_PORT, LAST_PORT = 21000, 28999


@dataclass(frozen=True)
class Options:
    """What `connect` does at a host unless its command line says otherwise; each as `plan.remotepaths` and `grammar` have it.

    `login_profile`: whether the session reads it; `None` for where it is done in the usual time.
    """

    project_dir: str | None = None
    python: str | None = None
    env: str | None = None
    instance: str | None = None
    allow_root: bool = False
    browser: bool = True
    login_profile: bool | None = None

    @property
    def profile_s(self) -> int:
        """Seconds that the login profile has; 0 where it is not read."""
        return {None: PROFILE_S, True: PATIENT_PROFILE_S, False: 0}[self.login_profile]


DEFAULTS = Options()


@dataclass(frozen=True)
class KnownHost:
    """One host.

    By instance: `ports` of this machine, which stay the same, and `far_ports` of the host's loopback, as they were the last time. `kit`
    is the path on the host where the kit was found the last time. `label` stands for it in URLs where the one of its name is another's.
    """

    name: str
    target: Target
    options: Options = DEFAULTS
    ports: Mapping[str, int] = field(default_factory=dict)
    kit: str | None = None
    far_ports: Mapping[str, int] = field(default_factory=dict)
    label: str = ""

    @property
    def shown(self) -> str:
        """What people call it, and may type: `实验室` rather than the name that was made of it for a URL."""
        return str(self.target) if hostnames.is_made(self.name, self.target) else self.name


@dataclass(frozen=True)
class AddressBook:
    """All of them, in the order in which they were added. No two clash in URLs (`hostnames.clash`)."""

    hosts: tuple[KnownHost, ...] = ()

    def find(self, text: str) -> KnownHost | None:
        """The host of that name, else the first with that target."""
        named = (known for known in self.hosts if known.name == text)
        meant = (known for known in self.hosts if str(known.target) == text)
        return next(named, None) or next(meant, None)

    def current(self, known: KnownHost) -> KnownHost:
        """What the book says of a host now; the host itself where it says nothing, under another name where its own was taken meanwhile."""
        named = self.find(known.name)
        if named is not None and named.target == known.target:
            return named
        return known if self.is_free(known.name) else replace(known, name=local_name(known.target, self), label="")

    def without_profile(self, known: KnownHost) -> AddressBook:
        """With this host, whose login profile is not read any more."""
        now = self.current(known)
        return self.with_host(replace(now, options=replace(now.options, login_profile=False)))

    def with_host(self, known: KnownHost) -> AddressBook:
        """With this one, in the place of the one of that name. Raises `Failed` where the name clashes with another."""
        if any(host.name == known.name for host in self.hosts):
            return AddressBook(tuple(known if host.name == known.name else host for host in self.hosts))
        self.check_free(known.name)
        return AddressBook((*self.hosts, known))

    def without(self, name: str) -> AddressBook:
        """Without the host of that name, if there is one."""
        return AddressBook(tuple(known for known in self.hosts if known.name != name))

    def renamed(self, old: str, new: str) -> AddressBook:
        """With another name for a host. Raises `Failed` where there is no such host, or the new name clashes."""
        if not any(known.name == old for known in self.hosts):
            raise unknown(old)
        self.without(old).check_free(new)
        return AddressBook(tuple(replace(known, name=new, label="") if known.name == old else known for known in self.hosts))

    def is_free(self, name: str) -> bool:
        """Whether a new host could have this name."""
        return not any(hostnames.clash(name, taken) for host in self.hosts for taken in _taken(host))

    def check_free(self, name: str) -> None:
        """Raises `Failed` where a new host could not have this name."""
        for known in self.hosts:
            if any(hostnames.clash(name, taken) for taken in _taken(known)):
                raise Failed.of(
                    "name-taken",
                    msg(
                        "{name} cannot be a host's name beside {other}, which is that of {target}.",
                        name=name,
                        other=known.name,
                        target=known.target,
                    ),
                    msg("Choose another, or rename the other: {command}", command=invocation.command(f"hosts rename {known.name} NAME")),
                )


def unknown(text: str) -> Failed:
    """There is no such host in the book."""
    return Failed.of(
        "unknown-host",
        msg("{host!r} is none of the hosts that this machine knows.", host=text),
        msg("List them: {command}", command=invocation.command("hosts")),
    )


def local_name(target: Target, book: AddressBook) -> str:
    """The name for a host that is new in the book: its own, made fit for `<name>.localhost`."""
    return hostnames.name_for(target, [taken for known in book.hosts for taken in _taken(known)])


def _taken(known: KnownHost) -> tuple[str, ...]:
    """What no name of another host may clash with: a label clashes as a name of the same text."""
    return (known.name, known.label) if known.label else (known.name,)


def url_name(known: KnownHost, instance: str) -> str:
    """The name in a server's URL, which no other server has."""
    return hostnames.url_name(known.label or known.name, instance)


def former_url_name(known: KnownHost, instance: str) -> str:
    """The name in bookmarks of a server that are older than `url_name`."""
    return hostnames.former_url_name(known.name, instance)


def local_ports(known: KnownHost, instance: str, book: AddressBook) -> Iterator[int]:
    """The ports of this machine that a server may have, the best first: the one that it had, else a row of its own without others'."""
    if instance in known.ports:
        yield known.ports[instance]
        return
    others = {port for host in book.hosts for port in host.ports.values()}
    width = LAST_PORT - FIRST_PORT + 1
    start = int(hashlib.sha256(f"{known.target} {instance}".encode()).hexdigest(), 16)
    row = [FIRST_PORT + (start + step) % width for step in range(width)]
    yield from (port for port in row if port not in others)
    # A port of another host that is free is better than none.
    yield from (port for port in row if port in others)
