"""How a hint words one of our own commands, so that it can be pasted for the instance that it is about."""

from __future__ import annotations

from jupyter_remote_kit.settings import DEFAULT_INSTANCE


def own_command(instance: str, text: str) -> str:
    """`jupyter remotekit …` for `instance`; the default one goes without saying."""
    return f"jupyter remotekit {text}" if instance == DEFAULT_INSTANCE else f"jupyter remotekit {text} --instance {instance}"
