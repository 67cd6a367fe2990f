"""The options that `init` and `up` share, parsed into `Answers`; and where a password comes from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from jupyter_remote_kit import grammar
from jupyter_remote_kit.commands.context import Decorated, Parsed, dry_run_option, one_of, option, with_options, yes_option
from jupyter_remote_kit.errors import Failed, WrongUsage
from jupyter_remote_kit.messages import Message, marked, msg
from jupyter_remote_kit.plan.answers import WILDCARDS, Answers
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access

MAX_PASSWORD_BYTES = 4096


@dataclass(frozen=True)
class PasswordSource:
    """Where the password comes from: standard input, the kit itself, or nowhere (a prompt, or the one that is set)."""

    from_stdin: bool = False
    generate: bool = False
    _read: list[Secret] = field(default_factory=list, compare=False, repr=False)

    @property
    def named(self) -> bool:
        """Whether an option says where."""
        return self.from_stdin or self.generate

    def read_stdin(self, command: str) -> Secret:
        """The first line of standard input, as often as it is asked for.

        Raises `Failed` when there is none, or one that cannot be typed; `command` makes one.
        """
        if self._read:
            return self._read[0]
        line = sys.stdin.buffer.readline(MAX_PASSWORD_BYTES + 1) if sys.stdin else b""
        if len(line) > MAX_PASSWORD_BYTES:
            raise Failed.of("password-long", msg("The password on standard input is longer than {bytes} bytes.", bytes=MAX_PASSWORD_BYTES))
        try:
            text = line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise Failed.of("password-encoding", msg("The password on standard input is not UTF-8.")) from None
        if not text:
            hint = msg("Pipe one in, or have one made: {command}", command=command)
            raise Failed.of("password-missing", msg("Standard input holds no password."), hint)
        self._read.append(Secret(text))
        return self._read[0]


def _address_or_wildcard(text: str) -> str:
    return "0.0.0.0" if text in WILDCARDS else str(grammar.address(text))  # noqa: S104


def _absolute_path(text: str) -> Path:
    if "\n" in text or "\0" in text:
        # It would be one in a unit, in a jail of fail2ban's and in what is printed.
        raise _no_path(text, msg("{path!r} has a line break or a zero byte in it: such a path is not used.", path=text))
    try:
        text.encode()
        path = Path(text).expanduser().absolute()
    except UnicodeEncodeError:
        raise _no_path(text, msg("{path!r} is not UTF-8: such a path is not used.", path=text)) from None
    except RuntimeError:
        raise _no_path(text, msg("{path!r} begins with the home of a user who does not exist.", path=text)) from None
    except OSError:
        raise _no_path(text, msg("{path!r} is below the current directory, which is gone.", path=text)) from None
    if not text:
        raise _no_path(text, msg("The path is empty."))
    return path


def _no_path(text: str, sentence: Message) -> WrongUsage:
    return WrongUsage.of("path", sentence, msg("Give the full path of a folder"))


HOST = Parsed("name", grammar.allowed_host)
NETWORK = Parsed("network", grammar.allowed_network)
PROXY = Parsed("network", grammar.trusted_proxy)
PATH = Parsed("path", _absolute_path)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    option(
        "--access",
        type=click.Choice([access.value for access in Access]),
        help=marked("How the laptop reaches the host: over the network (lan, the default), over ssh, or through a relay."),
    ),
    option(
        "--ip", type=Parsed("address", _address_or_wildcard), metavar="ADDRESS", help=marked("The address to listen on; all by default.")
    ),
    option(
        "--port",
        type=Parsed("port", grammar.port_or_auto),
        metavar="PORT",
        help=marked("The port to listen on; 8800 by default. With --access ssh, auto takes one that is free."),
    ),
    option("--root-dir", type=PATH, metavar="DIR", help=marked("The folder that holds your notebooks; your home by default.")),
    option("--password-stdin", is_flag=True, help=marked("Read the password from standard input.")),
    option("--generate-password", is_flag=True, help=marked("Make a password, if none is set, and print it once.")),
    option("--certfile", type=PATH, metavar="FILE", help=marked("Your own certificate with its chain, PEM.")),
    option("--keyfile", type=PATH, metavar="FILE", help=marked("The key of your own certificate, PEM.")),
    option("--private-ca", is_flag=True, help=marked("Use the private authority again instead of your own certificate.")),
    option(
        "--new-authority",
        is_flag=True,
        help=marked("Make a new private authority, if the one that laptops trust is not for all addresses of this host."),
    ),
    option(
        "--language", type=Parsed("locale", grammar.language), metavar="LOCALE", help=marked("The interface's language, such as zh_CN.")
    ),
    option(
        "--allow-host",
        "allow_hosts",
        type=HOST,
        multiple=True,
        metavar="NAME",
        help=marked("Another name or address of this host, for the certificate and in requests; may be repeated; default takes them back."),
    ),
    option(
        "--allow-network",
        "allow_networks",
        type=NETWORK,
        multiple=True,
        metavar="CIDR",
        help=marked("A network that may connect; may be repeated; any opens it, default stands for the private ones."),
    ),
    option(
        "--trusted-proxy",
        "trusted_proxies",
        type=PROXY,
        multiple=True,
        metavar="CIDR",
        help=marked("A reverse proxy or tunnel that is believed about its clients; may be repeated; none takes it back."),
    ),
    option(
        "--session-days",
        type=Parsed("days", grammar.session_days),
        metavar="DAYS",
        help=marked("How long people stay signed in; 14 days by default."),
    ),
    option(
        "--hsts/--no-hsts",
        default=None,
        help=marked("Tell browsers to use HTTPS alone for this name, on whatever port."),
    ),
    option("--plain-http/--no-plain-http", default=None, help=marked("Serve without TLS; recorded as your choice.")),
    option("--allow-root", is_flag=True, default=None, help=marked("Allow serving as root, as rented containers usually need.")),
)


def instance_options(function: Decorated) -> Decorated:
    """Everything that `init` and `up` have in common."""
    return with_options(function, (*_OPTIONS, yes_option, dry_run_option))


def listed(option_name: str, values: tuple[str, ...], *, back: str, alone: str = "", added: bool = False) -> tuple[str, ...] | None:
    """What a repeatable option says: `None` when it was not given, empty for the word that goes `back`.

    Raises `WrongUsage` when a word that stands `alone` comes with others; going back does, unless `added` says that others add to it.
    """
    if not values:
        return None
    alone_words = {alone} if added else {back, alone}
    word = next((value for value in values if value in alone_words), None)
    if word is not None and set(values) != {word}:
        raise WrongUsage.of(
            "contradiction",
            msg("{one} does not go with {other}.", one=f"{option_name} {word}", other=option_name),
            msg("Leave out one of the two"),
        )
    return () if set(values) == {back} else tuple(dict.fromkeys(values))


def parse(instance: str, said: dict[str, Any]) -> tuple[Answers, PasswordSource]:
    """The options as click gives them, as `Answers`. Raises `WrongUsage` for what argv alone suffices to reject."""
    one_of(("--password-stdin", said["password_stdin"]), ("--generate-password", said["generate_password"]))
    auto_port = said["port"] == grammar.AUTO
    answers = Answers(
        instance=instance,
        access=Access(said["access"]) if said["access"] else None,
        ip=said["ip"],
        port=None if auto_port else said["port"],
        auto_port=auto_port,
        root_dir=said["root_dir"],
        language=said["language"],
        certfile=said["certfile"],
        keyfile=said["keyfile"],
        private_ca=said["private_ca"],
        new_authority=said["new_authority"],
        allow_hosts=listed("--allow-host", said["allow_hosts"], back=grammar.DEFAULT),
        plain_http=said["plain_http"],
        allow_root=said["allow_root"],
        allow_networks=listed("--allow-network", said["allow_networks"], back=grammar.DEFAULT, alone=grammar.ANY_NETWORK, added=True),
        trusted_proxies=listed("--trusted-proxy", said["trusted_proxies"], back=grammar.NONE),
        session_days=said["session_days"],
        hsts=said["hsts"],
    )
    answers.check()
    return answers, PasswordSource(said["password_stdin"], said["generate_password"])
