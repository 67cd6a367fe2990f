"""Which passwords are refused: those that a stranger would try first."""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import MIN_PASSWORD_LENGTH


def check_password(password: Secret, user: str, host_names: Iterable[str]) -> None:
    """Refuse a password that is short, or the name of the user or of the host. Raises `Refused`."""
    text = password.reveal()
    hint = msg("Choose a longer one, or let the kit do it: --generate-password")
    if len(text) < MIN_PASSWORD_LENGTH:
        message = msg("The password has {length} characters; at least {least} are needed.", length=len(text), least=MIN_PASSWORD_LENGTH)
        raise Refused.of("password-short", message, hint)
    names = {user.casefold()}
    for name in host_names:
        names |= {name.casefold(), name.partition(".")[0].casefold()}
    if text.casefold() in names:
        raise Refused.of("password-is-a-name", msg("The password is the name of the user or of the host."), hint)
