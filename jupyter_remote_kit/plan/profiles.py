"""How far a service is confined. What each profile says to systemd is in `templates/service`, with the reason beside every line."""

from __future__ import annotations

from enum import Enum

from jupyter_remote_kit.messages import Message, msg
from jupyter_remote_kit.plan.units import Scope


class Profile(str, Enum):
    """From the closest to none."""

    STRICT = "strict"
    CONTAINERS = "containers"
    SUDO = "sudo"
    BARE = "bare"


_NOTHING = msg("Nothing is confined: terminals and cells may do whatever you may.")
_FORBIDS = {
    Scope.SYSTEM: {
        Profile.STRICT: msg(
            "Terminals and cells have no sudo, no containers and no debuggers, do not see other people's processes, "
            "and cannot change the system's own files."
        ),
        Profile.CONTAINERS: msg(
            "Terminals and cells have no sudo, do not see other people's processes, and cannot change the system's own files; "
            "containers and debuggers work."
        ),
        Profile.SUDO: msg(
            "Terminals and cells have sudo for packages, files, users and services, but not for kernel modules, the network or the clock, "
            "and /tmp is their own."
        ),
        Profile.BARE: _NOTHING,
    },
    Scope.USER: {
        Profile.STRICT: msg("Terminals and cells have no sudo, no containers and no debuggers; files are not protected further."),
        Profile.CONTAINERS: msg("Terminals and cells have no sudo; containers and debuggers work."),
        Profile.SUDO: _NOTHING,
        Profile.BARE: _NOTHING,
    },
}


def default(scope: Scope) -> Profile:
    """In the user's own manager nothing that terminals would miss is taken away; a system service has no reason for sudo."""
    return Profile.SUDO if scope is Scope.USER else Profile.CONTAINERS


def forbids(scope: Scope, profile: Profile) -> Message:
    """One sentence that says what a profile takes away; in the user's own manager less can be had."""
    return _FORBIDS[scope][profile]


def wants_manager(scope: Scope, profile: Profile) -> bool:
    """Whether the user's own manager has to run as long as the service does: to run it, or for podman in it."""
    return scope is Scope.USER or profile is not Profile.STRICT
