"""A login profile on a host that a session goes without: said in one line, and remembered."""

from __future__ import annotations

from contextlib import suppress

from jupyter_remote_kit import invocation
from jupyter_remote_kit.errors import Problem, RemoteKitError
from jupyter_remote_kit.host import addressbook, paths
from jupyter_remote_kit.host.line import Line
from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.addressbook import KnownHost, Options
from jupyter_remote_kit.plan.shell import Greeting, Profile, quoted


def left(line: Line, known: KnownHost, options: Options) -> tuple[Problem, ...]:
    """What is to be said of the profile, if anything. A later line to that host does not read it, nor wait for it."""
    greeting = line.greeting
    if not greeting.profile.failed:
        return ()
    # Where it cannot be written down, the next line finds out again.
    with suppress(RemoteKitError, OSError):
        addressbook.change(paths.layout(), lambda book: book.without_profile(known))
    again = invocation.command(f"hosts set {quoted((known.shown,))} --login-profile")
    hint = msg("Once it is mended, have it read again: {command}", command=again)
    return (Problem(f"profile-{greeting.profile.value}", _reason(greeting, known.shown, options.profile_s), hint),)


def _reason(greeting: Greeting, host: str, seconds: int) -> Message:
    if greeting.profile is Profile.LATE:
        return msg("The login profile on {host} was not done within {seconds} s; from now on it is not read.", host=host, seconds=seconds)
    if greeting.profile is Profile.ENDED:
        return msg(
            "The login profile on {host} ends the shell, or starts another one (exit code {code}); from now on it is not read.",
            host=host,
            code=greeting.code,
        )
    return msg("With the login profile on {host} the kit there does not start; from now on it is not read.", host=host)
