"""What an instance is asked to be. Parsed and validated once, at the edge; frozen from then on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from jupyter_remote_kit.secret import Secret

DEFAULT_INSTANCE = "default"
DEFAULT_PORT = 8800
MIN_TOKEN_LENGTH = 32
MIN_PASSWORD_LENGTH = 8
DEFAULT_SESSION_DAYS = 14
MAX_SESSION_DAYS = 365


class Access(str, Enum):
    """How the laptop reaches the host; the table of section 3 of the design."""

    LAN = "lan"
    SSH = "ssh"
    RELAY = "relay"

    @property
    def default_ip(self) -> str:
        """`lan` binds every interface of either family (the empty string, as in tornado's `listen`), the others loopback."""
        return "" if self is Access.LAN else "127.0.0.1"

    @property
    def needs_password(self) -> bool:
        """Whether people come in by a password; over ssh the token suffices."""
        return self is not Access.SSH


@dataclass(frozen=True)
class Settings:
    """One instance, as declared.

    `ip` is an address, or empty for all interfaces; `root_dir` is absolute; `certfile` and `keyfile` are the user's own certificate,
    `None` where the private CA is used; `allow_hosts` are further names and addresses that the certificate must carry and that requests
    may name in `Host`, in the form that `grammar.host_name` gives; `language` is a JupyterLab locale such as `zh_CN`.

    `allow_networks` are those that may talk to the server, as CIDR or the word `any`; none means the default of the access.
    `trusted_proxies` are those that are believed about whom they speak for, as CIDR. A session ends after `session_days` days. `hsts`
    tells browsers never to use plain HTTP for this name again, on whatever port.
    """

    root_dir: Path
    instance: str = DEFAULT_INSTANCE
    access: Access = Access.LAN
    ip: str = ""
    port: int = DEFAULT_PORT
    language: str = "en"
    certfile: Path | None = None
    keyfile: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    plain_http: bool = False
    allow_root: bool = False
    allow_networks: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    session_days: int = DEFAULT_SESSION_DAYS
    hsts: bool = False

    @property
    def tls(self) -> bool:
        """Whether the server itself speaks TLS: never over ssh, which encrypts already, nor where plain HTTP was chosen."""
        return self.access is not Access.SSH and not self.plain_http

    @property
    def scheme(self) -> str:
        """`https` or `http`, as the server speaks it."""
        return "https" if self.tls else "http"

    @property
    def private_ca(self) -> bool:
        """Whether the certificate is ours to issue and renew."""
        return self.tls and self.certfile is None


@dataclass(frozen=True)
class Credentials:
    """Who gets in: an argon2id hash for people (`None`: no password), a random token for IDEs."""

    token: Secret
    hashed_password: Secret | None = None
