"""A laptop, hosts, and the network between them."""

from __future__ import annotations

import contextlib

from tests.connect.stage.hosts import Host
from tests.connect.stage.laptop import PERSON, Laptop
from tests.connect.stage.machine import PLAIN, Disk, Machine
from tests.connect.stage.people import User
from tests.connect.stage.wires import Switch

LAPTOP, FIRST_HOST = 2, 11


class Lab:
    """`with Lab() as lab: lab.host("gpu", User("alice"))`. All of it goes in the end, whatever has become of it.

    A user without a password has the laptop's keys authorised (dana's and root's), and the laptop knows the key of every host.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self._life = contextlib.ExitStack()
        self._number = FIRST_HOST

    def __enter__(self) -> Lab:
        try:
            self.switch = Switch()
            self._life.callback(self.switch.close)
            self.laptop = Laptop()
            self._life.callback(self.laptop.close)
            self.laptop.plugs.append(self.switch.plug(self.laptop.pid1, "near", LAPTOP))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Take everything away."""
        self._life.close()

    def host(self, name: str, *users: User, inner: bool = False, disk: Disk = PLAIN, sshd: str = "") -> Host:
        """Add a host. An `inner` one is not in the laptop's reach: only a jump host leads to it."""
        return self._added(Host(name, *users, disk=disk, sshd=sshd), ("far",) if inner else ("near",))

    def jump(self, name: str = "gate", *users: User, sshd: str = "") -> Host:
        """Add a host that has a foot in both segments, and routes nothing."""
        return self._added(Host(name, *users, disk=PLAIN, sshd=sshd), ("near", "far"))

    def _added(self, host: Host, segments: tuple[str, ...]) -> Host:
        self._life.callback(host.close)
        for number, segment in enumerate(segments):
            host.plugs.append(self.switch.plug(host.pid1, segment, self._number, f"eth{number}"))
        self._number += 1
        self.hosts[host.name] = host
        keys = [self.laptop.public_key(user=user) for user in (PERSON, "root")]
        for user in host.keyed:
            host.authorize(user, *keys)
        self.name_everything()
        return host

    def name_everything(self) -> None:
        """Tell every machine the names of all, and the laptop the keys of the hosts."""
        machines: list[Machine] = [self.laptop, *self.hosts.values()]
        rows = "".join(f"{machine.plugs[0].address} {machine.name}.lab {machine.name}\n" for machine in machines)
        for machine in machines:
            machine.inside("/etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{rows}")
        known = "".join(f"{_names(host)} {host.key}\n" for host in self.hosts.values())
        for user in (PERSON, "root"):
            self.laptop.know(known, user)


def _names(host: Host) -> str:
    return ",".join([host.name, f"{host.name}.lab", *(plug.address for plug in host.plugs)])
