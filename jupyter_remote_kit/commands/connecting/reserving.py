"""The name and the port of this machine that a server is reached by, taken before the first line to it is made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from jupyter_remote_kit.commands.connecting.wish import Wish
from jupyter_remote_kit.errors import RemoteKitError
from jupyter_remote_kit.host import addressbook, localports
from jupyter_remote_kit.plan import addressbook as book_plan
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost
from jupyter_remote_kit.plan.layout import Layout


@dataclass(frozen=True)
class Reservation:
    """A wish with a name and a port that are no other host's, written down. `before` is what was known of the host, if anything was."""

    wish: Wish
    port: int
    before: KnownHost | None

    def give_back(self, layout: Layout) -> None:
        """Have it as it was, since nothing was connected to: no such host, or the port that it had. Where that cannot be, it stays."""
        with suppress(RemoteKitError, OSError):
            addressbook.change(layout, self._without)

    def _without(self, book: AddressBook) -> AddressBook:
        instance = self.wish.instance
        known = book.find(self.wish.known.name)
        if known is None or known.ports.get(instance) != self.port:
            # Somebody else has changed it meanwhile.
            return book
        if self.before is None:
            return book.without(known.name) if known == self.wish.known else book
        others = {name: port for name, port in known.ports.items() if name != instance}
        had = self.before.ports.get(instance)
        return book.with_host(replace(known, ports=others if had is None else {**others, instance: had}))


def reserve(layout: Layout, wish: Wish, port: int | None) -> Reservation:
    """Take `port`, or else the one that the server had, or a free one of its own row. Raises `Failed` where nothing can be written."""
    made: list[Reservation] = []

    def taking(book: AddressBook) -> AddressBook:
        known = book.current(wish.known)
        chosen = port or _free_port(known, wish.instance, book)
        entry = replace(known, ports={**known.ports, wish.instance: chosen})
        made.append(Reservation(replace(wish, known=entry), chosen, known if known in book.hosts else None))
        return book.with_host(entry)

    addressbook.change(layout, taking)
    return made[-1]


def _free_port(known: KnownHost, instance: str, book: AddressBook) -> int:
    candidates = book_plan.local_ports(known, instance, book)
    first = next(candidates)
    if instance in known.ports or localports.is_free(first):
        return first
    return next((port for port in candidates if localports.is_free(port)), first)
