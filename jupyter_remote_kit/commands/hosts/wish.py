"""What may be said of a host: by `connect`, `start` and `stop` for once, by `hosts add` and `hosts set` from now on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jupyter_remote_kit import grammar
from jupyter_remote_kit.commands.context import Decorated, Parsed, one_of, option, with_options
from jupyter_remote_kit.messages import marked
from jupyter_remote_kit.plan import remotepaths
from jupyter_remote_kit.plan.addressbook import Options

_WHERE: tuple[Callable[[Any], Any], ...] = (
    option(
        "--python", type=Parsed("interpreter", remotepaths.python), metavar="PYTHON", help=marked("The host's Python that has the kit.")
    ),
    option(
        "--env",
        type=Parsed("environment", remotepaths.environment),
        metavar="ENV",
        help=marked("The host's environment that has the kit: a conda environment's name, or a folder."),
    ),
    option(
        "--project-dir",
        type=Parsed("folder", remotepaths.project_dir),
        metavar="DIR",
        help=marked("The host's folder to work in; your home there by default. Each folder has a server of its own."),
    ),
    option("--instance", type=Parsed("name", grammar.instance_name), metavar="NAME", help=marked("Which server on the host.")),
    option(
        "--login-profile/--no-login-profile",
        default=None,
        help=marked("Read your login profile on the host, and give it 45 s instead of 10, or do not read it."),
    ),
)
_HOW: tuple[Callable[[Any], Any], ...] = (
    option("--allow-root/--no-allow-root", default=None, help=marked("Allow the host to serve as root.")),
    option("--browser/--no-browser", default=None, help=marked("Open a browser, or only print the URLs.")),
)


def where_options(function: Decorated) -> Decorated:
    """Which server on the host, and where its kit is."""
    return with_options(function, _WHERE)


def wish_options(function: Decorated) -> Decorated:
    """One for each field of `Options`; what is not said stays as it is."""
    return with_options(function, (*_WHERE, *_HOW))


def laid_over(options: Options, said: dict[str, Any]) -> Options:
    """`options` with what the command line says. Raises `WrongUsage` for both an interpreter and an environment."""
    one_of(("--python", said["python"]), ("--env", said["env"]))
    given = {key: value for key, value in said.items() if value is not None}
    # Either says where the kit is: the one that is named takes the place of the other.
    if said["python"]:
        options = replace(options, env=None)
    if said["env"]:
        options = replace(options, python=None)
    return replace(options, **given)
