"""Commands are worded as they are called on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_remote_kit import invocation
from jupyter_remote_kit.invocation import DOCUMENTED, Invocation
from jupyter_remote_kit.plan.commandline import documented_command, own_command


@pytest.fixture(autouse=True)
def as_documented() -> Iterator[None]:
    """Whatever a test settles ends with it."""
    yield
    invocation.settle(lambda: DOCUMENTED)


def test_they_are_as_documented_until_the_process_says_otherwise() -> None:
    assert own_command("default", "up --detach") == "jupyter remotekit up --detach"
    assert own_command("gpu1", "down") == "jupyter remotekit down --instance gpu1"
    assert invocation.of_jupyter("server extension list") == "jupyter server extension list"
    assert invocation.reinstall() == "pip install --force-reinstall jupyter-remote-kit"
    assert invocation.upgrade() == "pip install --upgrade jupyter-remote-kit"
    assert invocation.install("jupyterlab-language-pack-fr-FR") == "pip install jupyterlab-language-pack-fr-FR"


def test_an_error_has_its_hint_where_the_process_cannot_say() -> None:
    def find() -> Invocation:
        raise AttributeError

    invocation.settle(find)
    assert own_command("gpu1", "down") == "jupyter remotekit down --instance gpu1"


def test_the_process_is_asked_once_and_only_where_a_command_is_worded() -> None:
    asked = []

    def find() -> Invocation:
        asked.append(1)
        return Invocation("'/my venv/bin/jupyter-remotekit'", "/v/bin/python -m jupyter", "/v/bin/python -m pip install", "/src/kit")

    invocation.settle(find)
    assert asked == []
    assert own_command("gpu1", "down") == "'/my venv/bin/jupyter-remotekit' down --instance gpu1"
    assert invocation.reinstall() == "/v/bin/python -m pip install --force-reinstall /src/kit"
    # To a client that is not signed in no path of this machine is told.
    assert documented_command("gpu1", "password") == "jupyter remotekit password --instance gpu1"
    assert asked == [1]
