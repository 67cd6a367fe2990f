"""Installs the kit on a host, from the host's own index or with what this machine sends."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from jupyter_remote_kit import __version__
from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.host import paths, wheels
from jupyter_remote_kit.host.line import Answer, Line
from jupyter_remote_kit.host.wheels import Parcel
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan import installing as plan
from jupyter_remote_kit.plan import kitsearch, shell
from jupyter_remote_kit.plan import preflight as plan_preflight
from jupyter_remote_kit.plan.installing import Order, Place, Progress, Report
from jupyter_remote_kit.plan.kitsearch import Found, NotFound, Search
from jupyter_remote_kit.plan.terminal import printable
from jupyter_remote_kit.plan.wheels import HostPython

_MEGABYTE = 1_000_000
_TENTHS = 10


@dataclass(frozen=True)
class Wanted:
    """Where the kit is to be, as `plan.kitsearch.Search` has it; the kit's own wheel on this machine, if it is named; and whether
    everything is sent from here. `host` is the host's name in sentences."""

    python: str | None = None
    env: str | None = None
    project_dir: str | None = None
    wheel: Path | None = None
    push: bool = False
    host: str = "HOST"

    @property
    def search(self) -> Search:
        """The search that has found no kit."""
        return Search(self.python or "", self.env or "", self.project_dir or "")


async def preflight(line: Line, wanted: Wanted, missing: NotFound, instance: str, *, allow_root: bool) -> None:
    """See that the host would refuse neither the kit nor the server of `instance`.

    Raises `LineCut` and `Refused`; nothing is written there.
    """
    place = _place_without_kit(missing)
    order = plan_preflight.order(instance, wanted.project_dir, own=place.own)
    answer = await line.ask(shell.running((place.python, "-I", "-c", distant.template("preflight.py"), order)))
    plan_preflight.check(answer.lines, wanted.host, own=place.own, allow_root=allow_root)


async def install(line: Line, wanted: Wanted, *, show: Callable[[Message], None]) -> str:
    """Install this version of the kit on the host, and return its path there. One that is there already is left as it is.

    `show` is told what is done. Raises `LineCut`, and `Failed` when it could not be installed; nothing of it is left there then.
    """
    if wanted.wheel is not None:
        wheels.check(wanted.wheel)
    found = await _look(line, wanted)
    if isinstance(found, Found) and not wanted.wheel and any(said.split()[-1:] == [__version__] for said in found.said):
        return found.kit
    place = await _place(line, wanted, found)
    show(_beginning(wanted.host, place))
    with tempfile.TemporaryDirectory(prefix="remotekit-", ignore_cleanup_errors=True) as folder:
        kit = await _Work(line, wanted, show, Path(folder)).carry_out(Order(place, __version__))
    show(msg("Installed: {kit}", kit=printable(kit)))
    return kit


async def _look(line: Line, wanted: Wanted) -> Found | NotFound:
    answer = await line.ask(shell.with_arguments(distant.template("kit.sh"), (*wanted.search.words, "--version")))
    try:
        return kitsearch.parse(answer.lines, answer.code, wanted.host)
    except NotFound as missing:
        if not missing.installable:
            raise
        return missing


async def _place(line: Line, wanted: Wanted, found: Found | NotFound) -> Place:
    """Where it goes: into what the user has named, else into an environment of its own. Raises `NotFound` where no Python is fit for it."""
    if isinstance(found, NotFound):
        return _place_without_kit(found)
    if found.python is not None:
        return Place(found.python.path, own=False)
    if wanted.env:
        return Place(str(PurePosixPath(found.kit).parent / "python"), own=False)
    # A kit of another version, which somebody else may need as it is.
    survey = await line.ask(shell.with_arguments(distant.template("kit.sh"), Search().words))
    try:
        kitsearch.parse(survey.lines, survey.code, wanted.host)
    except NotFound as missing:
        if missing.installable:
            return Place(plan.choose(missing.absence.usable_pythons).path, own=True)
        raise
    raise AssertionError


def _place_without_kit(missing: NotFound) -> Place:
    named, pythons = missing.absence.option, missing.absence.usable_pythons
    return Place(pythons[0].path, own=False) if named else Place(plan.choose(pythons).path, own=True)


def _beginning(host: str, place: Place) -> Message:
    if place.own:
        return msg(
            "Installing jupyter-remote-kit {version} on {host}, into an environment of its own made by {python} …",
            version=__version__,
            host=host,
            python=printable(place.python),
        )
    return msg(
        "Installing jupyter-remote-kit {version} on {host}, into the environment of {python} …",
        version=__version__,
        host=host,
        python=printable(place.python),
    )


class _Work:
    """One installation: orders, until the host has all that it lacks. `folder` is for what is made here meanwhile."""

    def __init__(self, line: Line, wanted: Wanted, show: Callable[[Message], None], folder: Path) -> None:
        self._line, self._wanted, self._show, self._folder = line, wanted, show, folder
        self._host_python = ""

    async def carry_out(self, order: Order) -> str:
        """The path of the kit."""
        if self._wanted.push:
            await self._ask(replace(order, describe=True), Parcel(()))
            order = order.with_sent("index")
        elif self._wanted.wheel:
            order = order.with_sent("kit")
        while True:
            answer, report = await self._ask(order, await self._parcel(order))
            if report.kit is not None:
                return report.kit
            if report.lacks is None or report.lacks in order.sent:
                raise plan.trouble(self._wanted.host, answer.code, answer.lines, order)
            self._show(plan.sent_because(report.lacks, self._wanted.host, order))
            order = order.with_sent(report.lacks)

    async def _ask(self, order: Order, parcel: Parcel) -> tuple[Answer, Report]:
        """Have the host carry an order out, and show how it goes."""
        request = shell.receiving(plan.RUN, order.argv(distant.template("install.py")), parcel.size)
        answer = await self._line.ask(request, payload=parcel.parts(self._sending(parcel)), on_line=self._hearing())
        report = plan.read(answer.lines)
        if report.host is None:
            raise plan.trouble(self._wanted.host, answer.code, answer.lines, order)
        self._host_python = report.host
        return answer, report

    async def _parcel(self, order: Order) -> Parcel:
        """The wheels that are sent with an order."""
        own = (self._wanted.wheel or wheels.own(self._folder),) if "kit" in order.sent else ()
        pip = ("pip",) if "pip" in order.sent else ()
        if "index" in order.sent:
            return Parcel(await self._collected(*own, *pip))
        return Parcel((*own, *(await self._collected(*pip) if pip else ())))

    async def _collected(self, *requirements: str | Path) -> tuple[Path, ...]:
        host = HostPython.parse(self._host_python)
        self._show(msg("Collecting packages for {python} …", python=host.name))
        return await wheels.collected(host, requirements, paths.layout().wheels_dir, hear=self._hearing())

    def _hearing(self) -> Callable[[str], None]:
        progress = Progress(self._wanted.host)

        def hear(line: str) -> None:
            told = progress.heard(line)
            if told is not None:
                self._show(told)

        return hear

    def _sending(self, parcel: Parcel) -> Callable[[int], None]:
        """Tells of each tenth of a parcel that has been sent."""
        size, told = parcel.size, 0

        def sent(done: int) -> None:
            nonlocal told
            if size > _MEGABYTE and done * _TENTHS // size > told:
                told = done * _TENTHS // size
                self._show(msg("Sent {done} of {size} MB …", done=done // _MEGABYTE, size=size // _MEGABYTE))

        return sent
