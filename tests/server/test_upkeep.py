"""The looks that a running server takes at its certificate: when, and what it says of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan import instance
from jupyter_remote_kit.plan.instance import Instance
from jupyter_remote_kit.server import upkeep
from jupyter_remote_kit.server.upkeep import WHOLE_LOOK_EVERY_S, Upkeep
from tests.plan.build import INSTANCE_FILE, settings, text_of

LOG = logging.getLogger("upkeep")
PLAIN = instance.parse(INSTANCE_FILE, text_of(settings(plain_http=True)))


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{kind}_DIR", str(tmp_path / kind.lower()))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The clock of this machine, as `time.time` tells it."""
    shown = SimpleNamespace(now=1_800_000_000.0)
    monkeypatch.setattr(upkeep, "time", SimpleNamespace(time=lambda: shown.now))
    return shown


def test_a_whole_look_is_taken_each_hour_and_when_the_clock_is_set_back(clock: SimpleNamespace) -> None:
    looks: list[float] = []

    def read() -> Instance:
        looks.append(clock.now)
        return PLAIN

    looking = Upkeep(read, lambda: True, lambda: None, LOG)
    # One of a wrong date may have issued what is not valid yet by the right one.
    for moved, taken in ((0.0, 1), (15.0, 1), (WHOLE_LOOK_EVERY_S, 2), (-86400.0, 3), (15.0, 3)):
        clock.now += moved
        asyncio.run(looking.look())
        assert len(looks) == taken


def test_what_cannot_be_served_is_said_once_until_it_is_something_else(caplog: pytest.LogCaptureFixture) -> None:
    reasons = ["PEM lib", "PEM lib", "no start line"]

    def fail() -> None:
        # Each time another object, as the errors of the system are.
        raise Failed.of("certificate-unusable", msg("It cannot be used: {reason}", reason=OSError(reasons.pop(0))))

    looking = Upkeep(lambda: PLAIN, lambda: False, fail, LOG)
    for _ in range(3):
        asyncio.run(looking.look())
    assert [row.getMessage().partition("used: ")[2].strip() for row in caplog.records] == ["PEM lib", "no start line"]
