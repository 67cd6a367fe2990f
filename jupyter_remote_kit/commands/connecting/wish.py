"""What one `connect` is to reach: the host, the server on it, and the port of this machine that it is reached by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_remote_kit import invocation
from jupyter_remote_kit.plan import addressbook, remoteserver
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost, Options
from jupyter_remote_kit.plan.kitsearch import Search
from jupyter_remote_kit.plan.localname import LocalName
from jupyter_remote_kit.plan.remoteserver import Handover
from jupyter_remote_kit.plan.target import Target
from jupyter_remote_kit.plan.urls import authority


@dataclass(frozen=True)
class Install:
    """Whether the kit is installed where the host lacks it: `None` asks. `wheel` is the kit's own, `push` sends all from this machine."""

    wanted: bool | None = None
    wheel: Path | None = None
    push: bool = False


@dataclass(frozen=True)
class Wish:
    """One server on one host. `options` are those of this command, laid over the ones that are remembered."""

    known: KnownHost
    options: Options
    language: str | None = None
    install: Install = Install()
    stop_on_exit: bool = False

    @property
    def target(self) -> Target:
        """The host, as ssh is told of it."""
        return self.known.target

    @property
    def name(self) -> str:
        """The host, as people are told of it."""
        return self.known.shown

    @property
    def instance(self) -> str:
        """The server on it."""
        return self.options.instance or remoteserver.instance_for(self.options.project_dir)

    @property
    def search(self) -> Search:
        """Where the kit is looked for."""
        return kit_search(self.known, self.options)

    @property
    def up_arguments(self) -> tuple[str, ...]:
        """What the host's kit is told, to start the server or to find it."""
        return remoteserver.up_arguments(
            self.instance, project_dir=self.options.project_dir, language=self.language, allow_root=self.options.allow_root
        )

    def command(self, verb: str) -> str:
        """The command line that means this server, as it can be pasted on this machine."""
        return invocation.command(remoteserver.server_arguments(verb, self.name, self.instance))

    def url(self, port: int, path: str) -> str:
        """A URL of this machine by the name that only this server has: cookies heed names, not ports."""
        return f"http://{authority(addressbook.url_name(self.known, self.instance), port)}{path}"

    def local_name(self, port: int) -> LocalName:
        """By what name `port` of this machine is to be asked for the server."""
        own = addressbook.url_name(self.known, self.instance)
        return LocalName(own, addressbook.former_url_name(self.known, self.instance), port)

    def remembered(self, book: AddressBook, kit: str, port: int | None, handover: Handover) -> AddressBook:
        """The address book with what has been found out; `port` is this machine's, where one was taken."""
        known = book.current(self.known)
        ports = known.ports if port is None else {**known.ports, self.instance: port}
        far_ports = {**known.far_ports, self.instance: handover.port}
        return book.with_host(replace(known, kit=kit, ports=ports, far_ports=far_ports))


def kit_search(known: KnownHost, options: Options) -> Search:
    """Where the kit of a host is looked for, with these options."""
    return Search(options.python or "", options.env or "", options.project_dir or "", known.kit or "")


def known_host(book: AddressBook, text: str, target: Target) -> KnownHost:
    """The entry of a host, or a new one for it."""
    return book.find(text) or book.find(str(target)) or KnownHost(addressbook.local_name(target, book), target, Options(), {}, None, {})
