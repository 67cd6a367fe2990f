"""How a hint words one of our own commands, so that it can be pasted for the instance that it is about."""

from __future__ import annotations

from jupyter_remote_kit.invocation import DOCUMENTED, command
from jupyter_remote_kit.settings import DEFAULT_INSTANCE


def own_command(instance: str, text: str) -> str:
    """One of our commands for `instance`, as it is called on this machine; the default one goes without saying."""
    return command(arguments(instance, text))


def documented_command(instance: str, text: str) -> str:
    """The same as in the documentation: for pages that unauthenticated clients see, to which no path of this machine is told."""
    return f"{DOCUMENTED.program} {arguments(instance, text)}"


def arguments(instance: str, text: str) -> str:
    """What stands behind the program."""
    return text if instance == DEFAULT_INSTANCE else f"{text} --instance {instance}"
