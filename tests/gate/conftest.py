"""The gate from outside: real servers, in network namespaces where addresses matter. Everything here prints its figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The tests are imported by path (`--import-mode=importlib`), so what they share has to be found.
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).parent))

from load.network import crowd
from stage import namespaces
from stage.hosts import Host
from stage.namespaces import Namespace

LONG = os.environ.get("REMOTEKIT_LONG") == "1"


@pytest.fixture(scope="session")
def long() -> bool:
    """Whether the long forms were asked for (`make test-long`)."""
    return LONG


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Namespace]]:
    """A host with nothing on it, and a machine with 250 addresses that reaches it. Skips where there can be no namespaces."""
    if reason := namespaces.reason_to_skip():
        pytest.skip(reason)
    with crowd() as pair:
        yield pair
