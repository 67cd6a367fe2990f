"""Hosts to run commands on: an empty one, one that is reached over ssh, one on a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.host import LAN, PASSWORD, SSH, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host on which the kit was never used."""
    return Host(tmp_path / "host")


@pytest.fixture
def ssh_host(host: Host) -> Host:
    """A host with an instance that is reached over ssh, without a password."""
    host.must("init", *SSH)
    return host


@pytest.fixture
def lan_host(host: Host) -> Host:
    """A host with an instance on the network, with a password and the private CA."""
    host.must("init", *LAN, stdin=PASSWORD)
    return host
