"""The policy, case by case: what somebody changed about a sound instance, and what the managed server then does.

Everything here is written by hand, the outcome first. `refuses` names the findings on which the server ends with 78, `starts` those
that it shows while it serves; `dies` is for what goes wrong before the kit has a word to say: the server ends, and has not listened.

A text may name a path of the server's home between two `@` (see `managed.Home.named`). `posture` is what the policy's table is asked
where the case comes down to a posture, as changes of a sound one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from jupyter_remote_kit.plan.policy import HashKind
from jupyter_remote_kit.settings import Access

INSTANCE = "gpu1"


class Delete(Enum):
    """In the place of a value: the key is taken out of the instance file."""

    KEY = "key"


@dataclass(frozen=True)
class Case:
    """`settings`: those of the instance; `instance`: what is then changed in its file, by `section.key`; `text`: the whole file instead.

    `files`: written into the home; `modes`, `swaps`: of named paths; `breaks`: modules of the kit that are replaced, or taken away;
    `argv`, `dropped`: added to and left out of the command line; `env`: added to the environment.
    """

    name: str
    refuses: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    dies: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    instance: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    swaps: Mapping[str, str] = field(default_factory=dict)
    breaks: Mapping[str, str | None] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    posture: Mapping[str, Any] | None = None
    as_root: bool = False
    ipv6: bool = False


def refuses(name: str, *codes: str, **change: Any) -> Case:
    """The server ends with 78 and one line for each of `codes`."""
    return Case(name, refuses=codes, **{"settings": LAN, **change})


def starts(name: str, *shown: str, **change: Any) -> Case:
    """The server serves, and shows the findings `shown`."""
    return Case(name, shows=shown, **{"settings": LAN, **change})


def dies(name: str, **change: Any) -> Case:
    """The server ends before the kit is asked."""
    return Case(name, dies=True, **{"settings": LAN, **change})


# -- how the laptop reaches the host: `allow_root` everywhere, since continuous integration and rented containers run as root ------------

LAN = {"allow_root": True}
LAN_HERE = {"allow_root": True, "ip": "127.0.0.1"}
LAN_IPV4 = {"allow_root": True, "ip": "0.0.0.0"}
LAN_CLEAR = {"allow_root": True, "plain_http": True}
SSH = {"allow_root": True, "access": Access.SSH, "ip": "127.0.0.1"}
SSH_ANY = {"allow_root": True, "access": Access.SSH, "ip": ""}
RELAY = {"allow_root": True, "access": Access.RELAY, "ip": "127.0.0.1"}
RELAY_ANY = {"allow_root": True, "access": Access.RELAY, "ip": ""}
RELAY_CLEAR = {"allow_root": True, "access": Access.RELAY, "ip": "127.0.0.1", "plain_http": True}

P_SSH = {"access": Access.SSH, "loopback": True, "tls": False}
P_RELAY = {"access": Access.RELAY, "loopback": True}
CLEAR = {"tls": False}
CHOSEN = {"tls": False, "plain_http_chosen": True}

NO_CERTIFICATE = {"ServerApp.certfile": ""}
CHOICE = {"RemoteKit.plain_http": True}
NO_CHOICE = {"RemoteKit.plain_http": False}
LEAF = {"ServerApp.certfile": "@leaf@"}

# -- who gets in ---------------------------------------------------------------------------------------------------------------------

TOKEN = "0123456789abcdef" * 4
TOKEN_32 = "0123456789abcdef" * 2
TOKEN_31 = "0123456789abcdef0123456789abcde"
NO_TOKEN = ""

GOOD = "argon2:$argon2id$v=19$m=10240,t=10,p=8$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcrBe4oztDn2jonZ8BeRDo7YbCknhe4t9g"
WEAK = "argon2:$argon2id$v=19$m=1024,t=2,p=2$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcrBe4oztDn2jonZ8BeRDo7YbCknhe4t9g"
SHA1 = "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed"
ARGON2I = "argon2:$argon2i$v=19$m=10240,t=10,p=8$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcrBe4oztDn2jonZ8BeRDo7YbCknhe4t9g"
ARGON2D = "argon2:$argon2d$v=19$m=10240,t=10,p=8$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcrBe4oztDn2jonZ8BeRDo7YbCknhe4t9g"
BCRYPT = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
SHA512 = "sha512:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed"
CUT = "argon2:$argon2id$v=19$m=10240,t=10,p=8$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcr"
CUT_BY_ONE = "argon2:$argon2id$v=19$m=10240,t=10,p=8$XRWP0JgBkFCovbM6fa9tVw$lXwtfVIs+mcrBe4oztDn2jonZ8BeRDo7YbCknhe4t9"
STUB = "argon2:$argon2id$"
NO_HASH = ""


def who(token: str, hashed: str) -> dict[str, Any]:
    """Token and hash as `init` would write them."""
    identity = "RemoteKitIdentityProvider"
    return {f"{identity}.token": token, f"{identity}.hashed_password": hashed, f"{identity}.password_required": bool(hashed)}


NONE, OTHER, BROKEN, WEAK_KIND = HashKind.NONE, HashKind.OTHER, HashKind.BROKEN, HashKind.WEAK_ARGON2ID

# -- where a user writes settings ------------------------------------------------------------------------------------------------------

SERVER_PY = "config/jupyter_server_config.py"
SERVER_JSON = "config/jupyter_server_config.json"
LAB_PY = "config/jupyter_lab_config.py"
JUPYTER_PY = "config/jupyter_config.py"
NOTEBOOK_PY = "config/jupyter_notebook_config.py"
KIT_PY = "config/jupyter_remotekit_config.py"
SYSTEM_PY = "etc/jupyter_server_config.py"
SERVER_D = "etc/jupyter_server_config.d/zz_site.json"
SWITCH = "etc/jupyter_server_config.d/jupyter_remote_kit.json"

PROVIDER_ARGUMENT = ("--ServerApp.identity_provider_class",)
OWN = {"ServerApp.certfile": "@own certificate@", "ServerApp.keyfile": "@own key@", "RemoteKit.own_certificate": True}
OWN_BOTH = {"ServerApp.certfile": "@own both@", "ServerApp.keyfile": "", "RemoteKit.own_certificate": True}
HUB = {"JUPYTERHUB_API_TOKEN": "0" * 32, "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/"}
ONE_EXPOSED = {"exposed_paths": (("/x", "0644", ""),)}
TWO_EXPOSED = {"exposed_paths": (("/x", "0644", ""), ("/y", "0755", ""))}
NO_PARTS = "from jupyter_remote_kit import nothing_like_it\n"

TRANSPORT = (
    # lan: whatever is bound, TLS or a recorded choice.
    starts("lan, TLS, all interfaces", posture={}),
    starts("lan, TLS, loopback", settings=LAN_HERE, posture={"loopback": True}),
    starts("lan, TLS, all IPv4 interfaces", settings=LAN_IPV4, posture={}),
    starts("lan, TLS, plain HTTP chosen as well", instance=CHOICE, posture={"plain_http_chosen": True}),
    starts("lan, TLS, loopback, plain HTTP chosen as well", settings=LAN_HERE, instance=CHOICE, posture={"plain_http_chosen": True}),
    refuses("lan, no TLS", "plain-http", instance=NO_CERTIFICATE, posture=CLEAR),
    refuses("lan, no TLS, loopback", "plain-http", settings=LAN_HERE, instance=NO_CERTIFICATE, posture={**CLEAR, "loopback": True}),
    refuses("lan, no TLS, all IPv4 interfaces", "plain-http", settings=LAN_IPV4, instance=NO_CERTIFICATE, posture=CLEAR),
    starts("lan, plain HTTP chosen", "plain-http-chosen", settings=LAN_CLEAR, posture=CHOSEN),
    starts(
        "lan, plain HTTP chosen, loopback",
        "plain-http-chosen",
        settings={**LAN_HERE, "plain_http": True},
        posture={**CHOSEN, "loopback": True},
    ),
    starts("lan, plain HTTP chosen, IPv4", "plain-http-chosen", settings={**LAN_IPV4, "plain_http": True}, posture=CHOSEN),
    refuses("lan, the choice of plain HTTP taken out of the file", "plain-http", settings=LAN_CLEAR, instance=NO_CHOICE, posture=CLEAR),
    # ssh: loopback, and TLS is neither needed nor harmful.
    starts("ssh", settings=SSH, posture=P_SSH),
    starts("ssh, plain HTTP chosen", settings=SSH, instance=CHOICE, posture={**P_SSH, "plain_http_chosen": True}),
    starts("ssh, with TLS", settings=SSH, instance=LEAF, posture={**P_SSH, "tls": True}),
    starts("ssh, with TLS, plain HTTP chosen", settings=SSH, instance={**LEAF, **CHOICE}, posture={**P_SSH, "tls": True}),
    starts("ssh, localhost by name", settings={**SSH, "ip": "localhost"}, posture=P_SSH),
    starts("ssh, another address of loopback", settings={**SSH, "ip": "127.0.0.2"}, posture=P_SSH),
    starts("ssh, IPv6 loopback", settings={**SSH, "ip": "::1"}, posture=P_SSH, ipv6=True),
    refuses("ssh, all interfaces", "bound-beyond-loopback", settings=SSH_ANY, posture={**P_SSH, "loopback": False}),
    refuses("ssh, all IPv4 interfaces", "bound-beyond-loopback", settings={**SSH, "ip": "0.0.0.0"}, posture={**P_SSH, "loopback": False}),
    refuses("ssh, all IPv6 interfaces", "bound-beyond-loopback", settings={**SSH, "ip": "::"}, posture={**P_SSH, "loopback": False}),
    refuses(
        "ssh, all interfaces, plain HTTP chosen",
        "bound-beyond-loopback",
        settings=SSH_ANY,
        instance=CHOICE,
        posture={**P_SSH, "loopback": False, "plain_http_chosen": True},
    ),
    refuses(
        "ssh, all interfaces, with TLS",
        "bound-beyond-loopback",
        settings=SSH_ANY,
        instance=LEAF,
        posture={**P_SSH, "loopback": False, "tls": True},
    ),
    # relay: loopback, and TLS or a recorded choice, since the way to the relay is a network.
    starts("relay, TLS", settings=RELAY, posture=P_RELAY),
    starts("relay, TLS, plain HTTP chosen as well", settings=RELAY, instance=CHOICE, posture={**P_RELAY, "plain_http_chosen": True}),
    starts("relay, localhost by name", settings={**RELAY, "ip": "localhost"}, posture=P_RELAY),
    refuses("relay, no TLS", "plain-http", settings=RELAY, instance=NO_CERTIFICATE, posture={**P_RELAY, **CLEAR}),
    starts("relay, plain HTTP chosen", "plain-http-chosen", settings=RELAY_CLEAR, posture={**P_RELAY, **CHOSEN}),
    refuses("relay, all interfaces", "bound-beyond-loopback", settings=RELAY_ANY, posture={**P_RELAY, "loopback": False}),
    refuses(
        "relay, all interfaces, no TLS",
        "plain-http",
        "bound-beyond-loopback",
        settings=RELAY_ANY,
        instance=NO_CERTIFICATE,
        posture={**P_RELAY, **CLEAR, "loopback": False},
    ),
    refuses(
        "relay, all interfaces, plain HTTP chosen",
        "bound-beyond-loopback",
        settings={**RELAY_CLEAR, "ip": ""},
        posture={**P_RELAY, **CHOSEN, "loopback": False},
    ),
    refuses(
        "relay, all IPv4 interfaces",
        "bound-beyond-loopback",
        settings={**RELAY, "ip": "0.0.0.0"},
        posture={**P_RELAY, "loopback": False},
    ),
)

CREDENTIALS = (
    starts("token and password", instance=who(TOKEN, GOOD), posture={}),
    starts("token of 32 characters and password", instance=who(TOKEN_32, GOOD), posture={"token_length": 32}),
    refuses("token of 31 characters and password", "token-short", instance=who(TOKEN_31, GOOD), posture={"token_length": 31}),
    starts("password alone", instance=who(NO_TOKEN, GOOD), posture={"token_length": 0}),
    starts("token alone", "no-password", instance=who(TOKEN, NO_HASH), posture={"hash_kind": NONE}),
    starts("token of 32 characters alone", "no-password", instance=who(TOKEN_32, NO_HASH), posture={"hash_kind": NONE, "token_length": 32}),
    refuses(
        "token of 31 characters alone",
        "token-short",
        "no-credentials",
        instance=who(TOKEN_31, NO_HASH),
        posture={"hash_kind": NONE, "token_length": 31},
    ),
    refuses(
        "neither token nor password", "no-credentials", instance=who(NO_TOKEN, NO_HASH), posture={"hash_kind": NONE, "token_length": 0}
    ),
    starts("weak hash", "hash-weak", instance=who(TOKEN, WEAK), posture={"hash_kind": WEAK_KIND}),
    starts("weak hash alone", "hash-weak", instance=who(NO_TOKEN, WEAK), posture={"hash_kind": WEAK_KIND, "token_length": 0}),
    refuses(
        "weak hash, token of 31 characters",
        "token-short",
        instance=who(TOKEN_31, WEAK),
        posture={"hash_kind": WEAK_KIND, "token_length": 31},
    ),
    refuses("sha1", "hash-not-argon2id", instance=who(TOKEN, SHA1), posture={"hash_kind": OTHER}),
    refuses(
        "sha1 alone",
        "hash-not-argon2id",
        "no-credentials",
        instance=who(NO_TOKEN, SHA1),
        posture={"hash_kind": OTHER, "token_length": 0},
    ),
    refuses(
        "sha1, token of 31 characters",
        "hash-not-argon2id",
        "token-short",
        "no-credentials",
        instance=who(TOKEN_31, SHA1),
        posture={"hash_kind": OTHER, "token_length": 31},
    ),
    refuses("sha512", "hash-not-argon2id", instance=who(TOKEN, SHA512), posture={"hash_kind": OTHER}),
    refuses("argon2i", "hash-not-argon2id", instance=who(TOKEN, ARGON2I), posture={"hash_kind": OTHER}),
    refuses(
        "argon2i alone",
        "hash-not-argon2id",
        "no-credentials",
        instance=who(NO_TOKEN, ARGON2I),
        posture={"hash_kind": OTHER, "token_length": 0},
    ),
    refuses("argon2d", "hash-not-argon2id", instance=who(TOKEN, ARGON2D), posture={"hash_kind": OTHER}),
    refuses("bcrypt", "hash-not-argon2id", instance=who(TOKEN, BCRYPT), posture={"hash_kind": OTHER}),
    refuses(
        "bcrypt alone",
        "hash-not-argon2id",
        "no-credentials",
        instance=who(NO_TOKEN, BCRYPT),
        posture={"hash_kind": OTHER, "token_length": 0},
    ),
    refuses("the password itself in the place of its hash", "hash-not-argon2id", instance=who(TOKEN, "hunter2hunter2")),
    refuses("argon2id without argon2: before it", "hash-not-argon2id", instance=who(TOKEN, GOOD.partition(":")[2])),
    refuses("argon2id, cut off", "hash-broken", instance=who(TOKEN, CUT), posture={"hash_kind": BROKEN}),
    refuses("argon2id, its last character lost", "hash-broken", instance=who(TOKEN, CUT_BY_ONE)),
    refuses("argon2id, with a line end", "hash-broken", instance=who(TOKEN, GOOD + "\n")),
    refuses(
        "argon2id, cut off, alone",
        "hash-broken",
        "no-credentials",
        instance=who(NO_TOKEN, CUT),
        posture={"hash_kind": BROKEN, "token_length": 0},
    ),
    refuses(
        "argon2id, cut off, token of 31 characters",
        "hash-broken",
        "token-short",
        "no-credentials",
        instance=who(TOKEN_31, CUT),
        posture={"hash_kind": BROKEN, "token_length": 31},
    ),
    refuses("argon2id, nothing but the name", "hash-broken", instance=who(TOKEN, STUB), posture={"hash_kind": BROKEN}),
    refuses(
        "a password is required and there is none",
        "password-missing",
        instance={**who(TOKEN, NO_HASH), "RemoteKitIdentityProvider.password_required": True},
    ),
    # ssh: the token alone is what is meant.
    starts("ssh, token alone", settings=SSH, instance=who(TOKEN, NO_HASH), posture={**P_SSH, "hash_kind": NONE}),
    starts("ssh, password alone", settings=SSH, instance=who(NO_TOKEN, GOOD), posture={**P_SSH, "token_length": 0}),
    refuses(
        "ssh, neither token nor password",
        "no-credentials",
        settings=SSH,
        instance=who(NO_TOKEN, NO_HASH),
        posture={**P_SSH, "hash_kind": NONE, "token_length": 0},
    ),
    refuses(
        "ssh, token of 31 characters alone",
        "token-short",
        "no-credentials",
        settings=SSH,
        instance=who(TOKEN_31, NO_HASH),
        posture={**P_SSH, "hash_kind": NONE, "token_length": 31},
    ),
    refuses("ssh, sha1", "hash-not-argon2id", settings=SSH, instance=who(TOKEN, SHA1), posture={**P_SSH, "hash_kind": OTHER}),
    starts("ssh, weak hash", "hash-weak", settings=SSH, instance=who(TOKEN, WEAK), posture={**P_SSH, "hash_kind": WEAK_KIND}),
    starts("relay, token alone", "no-password", settings=RELAY, instance=who(TOKEN, NO_HASH), posture={**P_RELAY, "hash_kind": NONE}),
    refuses(
        "relay, neither token nor password",
        "no-credentials",
        settings=RELAY,
        instance=who(NO_TOKEN, NO_HASH),
        posture={**P_RELAY, "hash_kind": NONE, "token_length": 0},
    ),
    # What else says something of credentials has no say.
    starts("an empty token in the user's file", files={SERVER_PY: "c.IdentityProvider.token = ''\n"}, posture={}),
    starts("an empty ServerApp.token in the user's file", files={SERVER_PY: "c.ServerApp.token = ''\n"}, posture={}),
    starts("no hash in the user's file", files={SERVER_PY: "c.PasswordIdentityProvider.hashed_password = ''\n"}, posture={}),
    starts("sha1 in the user's file", files={SERVER_PY: f"c.ServerApp.password = {SHA1!r}\n"}, posture={}),
    starts("sha1 of old in the user's JSON", files={NOTEBOOK_PY: f"c.NotebookApp.password = {SHA1!r}\n"}, posture={}),
    starts("no token in the provider's own section", files={SERVER_PY: "c.ServerApp.RemoteKitIdentityProvider.token = ''\n"}, posture={}),
    starts("JUPYTER_TOKEN is short", env={"JUPYTER_TOKEN": "abc"}, posture={}),
    refuses(
        "JUPYTER_TOKEN does not stand in for the instance's",
        "no-credentials",
        instance=who(NO_TOKEN, NO_HASH),
        env={"JUPYTER_TOKEN": TOKEN},
        posture={"hash_kind": NONE, "token_length": 0},
    ),
    starts("an empty token on the command line", argv=("--IdentityProvider.token=",), posture={}),
    starts("a short token for our provider on the command line", argv=("--RemoteKitIdentityProvider.token=abc",), posture={}),
)

# XSRF checks, origins and proxies are left to the user's own configuration: wherever they are set, they count.
OPENED_BY_THE_USER = (
    refuses(
        "XSRF off, instance file", "xsrf-checks-off", instance={"ServerApp.disable_check_xsrf": True}, posture={"xsrf_checks_off": True}
    ),
    refuses(
        "XSRF off, user's .py",
        "xsrf-checks-off",
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off, user's .json",
        "xsrf-checks-off",
        files={SERVER_JSON: '{"ServerApp": {"disable_check_xsrf": true}}'},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off, JupyterLab's .py",
        "xsrf-checks-off",
        files={LAB_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off, jupyter_config.py",
        "xsrf-checks-off",
        files={JUPYTER_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off, the kit's own .py",
        "xsrf-checks-off",
        files={KIT_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off, the administrator's .py",
        "xsrf-checks-off",
        files={SYSTEM_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses("XSRF off, command line", "xsrf-checks-off", argv=("--ServerApp.disable_check_xsrf=True",), posture={"xsrf_checks_off": True}),
    refuses(
        "XSRF off, computed",
        "xsrf-checks-off",
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = bool(1)\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off, notebook of old",
        "xsrf-checks-off",
        files={LAB_PY: "c.NotebookApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF off over ssh",
        "xsrf-checks-off",
        settings=SSH,
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={**P_SSH, "xsrf_checks_off": True},
    ),
    starts("XSRF checks said to be on", files={SERVER_PY: "c.ServerApp.disable_check_xsrf = False\n"}, posture={}),
    refuses("any origin, instance file", "any-origin", instance={"ServerApp.allow_origin": "*"}, posture={"allow_any_origin": True}),
    refuses(
        "any origin, user's .py", "any-origin", files={SERVER_PY: "c.ServerApp.allow_origin = '*'\n"}, posture={"allow_any_origin": True}
    ),
    refuses(
        "any origin, user's .json",
        "any-origin",
        files={SERVER_JSON: '{"ServerApp": {"allow_origin": "*"}}'},
        posture={"allow_any_origin": True},
    ),
    refuses(
        "any origin, JupyterLab's .py", "any-origin", files={LAB_PY: "c.ServerApp.allow_origin = '*'\n"}, posture={"allow_any_origin": True}
    ),
    refuses("any origin, command line", "any-origin", argv=("--ServerApp.allow_origin=*",), posture={"allow_any_origin": True}),
    refuses(
        "any origin over ssh",
        "any-origin",
        settings=SSH,
        files={SERVER_PY: "c.ServerApp.allow_origin = '*'\n"},
        posture={**P_SSH, "allow_any_origin": True},
    ),
    refuses(
        "any origin by pattern, user's .py",
        "any-origin",
        files={SERVER_PY: "c.ServerApp.allow_origin_pat = '.*'\n"},
        posture={"allow_any_origin": True},
    ),
    refuses(
        "any origin by an anchored pattern",
        "any-origin",
        files={SERVER_PY: "c.ServerApp.allow_origin_pat = '^.*$'\n"},
        posture={"allow_any_origin": True},
    ),
    refuses(
        "any origin by scheme", "any-origin", instance={"ServerApp.allow_origin_pat": "https?://.*"}, posture={"allow_any_origin": True}
    ),
    refuses(
        "any origin by pattern, command line", "any-origin", argv=("--ServerApp.allow_origin_pat=.+",), posture={"allow_any_origin": True}
    ),
    starts("one origin", files={SERVER_PY: "c.ServerApp.allow_origin = 'https://lab.example.org'\n"}, posture={}),
    starts("a pattern of one domain", files={SERVER_PY: "c.ServerApp.allow_origin_pat = r'https://[a-z]+\\.example\\.org'\n"}, posture={}),
    refuses(
        "any proxy, instance file", "any-proxy-trusted", instance={"ServerApp.trust_xheaders": True}, posture={"trusts_any_proxy": True}
    ),
    refuses(
        "any proxy, user's .py",
        "any-proxy-trusted",
        files={SERVER_PY: "c.ServerApp.trust_xheaders = True\n"},
        posture={"trusts_any_proxy": True},
    ),
    refuses(
        "any proxy, user's .json",
        "any-proxy-trusted",
        files={SERVER_JSON: '{"ServerApp": {"trust_xheaders": true}}'},
        posture={"trusts_any_proxy": True},
    ),
    refuses("any proxy, command line", "any-proxy-trusted", argv=("--ServerApp.trust_xheaders=True",), posture={"trusts_any_proxy": True}),
    refuses(
        "any proxy, to a relay",
        "any-proxy-trusted",
        settings=RELAY,
        files={LAB_PY: "c.ServerApp.trust_xheaders = True\n"},
        posture={**P_RELAY, "trusts_any_proxy": True},
    ),
)

# -- whose addresses are served, and who is believed about them -------------------------------------------------------------------------


def networks(*allowed: str) -> dict[str, Any]:
    """The networks of the instance file, as somebody wrote them."""
    return {"RemoteKit.allow_networks": list(allowed)}


def proxies(*trusted: str) -> dict[str, Any]:
    """The trusted proxies of the instance file, as somebody wrote them."""
    return {"RemoteKit.trusted_proxies": list(trusted)}


OPEN = {"open_to_any_network": True}
ALL_PROXIES = {"every_proxy_named": True}
KIT_LISTS = "c.RemoteKit.allow_networks = ['any']\nc.RemoteKit.trusted_proxies = ['0.0.0.0/0']\n"

NETWORKS: tuple[Case, ...] = (
    starts("networks of a file from before there were any", instance={"RemoteKit.allow_networks": Delete.KEY}, posture={}),
    starts("two networks", settings={**LAN, "allow_networks": ("10.0.0.0/8", "fd00::/8")}, posture={}),
    starts("any network", "any-network-chosen", settings={**LAN, "allow_networks": ("any",)}, posture=OPEN),
    starts("any network among others", "any-network-chosen", instance=networks("10.0.0.0/8", "any"), posture=OPEN),
    starts("all of IPv4", "any-network-chosen", instance=networks("0.0.0.0/0"), posture=OPEN),
    starts("all of IPv6", "any-network-chosen", instance=networks("::/0"), posture=OPEN),
    starts("all of IPv4 as two halves", "any-network-chosen", instance=networks("0.0.0.0/1", "128.0.0.0/1"), posture=OPEN),
    starts("half of IPv4", instance=networks("0.0.0.0/1"), posture={}),
    starts("any network over ssh", settings={**SSH, "allow_networks": ("any",)}, posture={**P_SSH, **OPEN}),
    starts("any network to a relay", settings={**RELAY, "allow_networks": ("any",)}, posture={**P_RELAY, **OPEN}),
    starts("any network, the kit's own .py", files={KIT_PY: KIT_LISTS}, posture={}),
    refuses("a network that is none", "instance-file-broken", instance=networks("10.0.0")),
    refuses("the word for going back, in the file", "instance-file-broken", instance=networks("default")),
    refuses("a network that is no list", "instance-file-broken", instance={"RemoteKit.allow_networks": "any"}),
    starts("a trusted proxy", settings={**RELAY, "trusted_proxies": ("127.0.0.1/32",)}, posture=P_RELAY),
    starts("a trusted proxy in front of a lan", settings={**LAN, "trusted_proxies": ("192.168.0.7/32",)}, posture={}),
    refuses("every proxy of IPv4", "any-proxy-trusted", instance=proxies("0.0.0.0/0"), posture=ALL_PROXIES),
    refuses("every proxy of IPv6", "any-proxy-trusted", instance=proxies("127.0.0.1", "::/0"), posture=ALL_PROXIES),
    refuses("every proxy of IPv4 as IPv6", "any-proxy-trusted", instance=proxies("::ffff:0:0/96"), posture=ALL_PROXIES),
    refuses("every proxy as two halves", "any-proxy-trusted", instance=proxies("0.0.0.0/1", "128.0.0.0/1"), posture=ALL_PROXIES),
    refuses("every proxy to a relay", "any-proxy-trusted", settings=RELAY, instance=proxies("::/0"), posture={**P_RELAY, **ALL_PROXIES}),
    refuses("the word for any network as a proxy", "instance-file-broken", instance=proxies("any")),
    refuses("a session that never ends", "instance-file-broken", instance={"RemoteKit.session_days": 0}),
    refuses("a session of years", "instance-file-broken", instance={"RemoteKit.session_days": 3650}),
    refuses("HSTS in words", "instance-file-broken", instance={"RemoteKit.hsts": "yes"}),
)

ORIGIN_HEADER = "c.ServerApp.tornado_settings = {'headers': {'%s': '%s'}}\n"

# `ServerApp.tornado_settings` and other sections than ServerApp: ways around the traits.
PAST_THE_TRAITS = (
    refuses(
        "XSRF off, tornado_settings",
        "xsrf-checks-off",
        files={SERVER_PY: "c.ServerApp.tornado_settings = {'disable_check_xsrf': True}\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "XSRF cookies off, tornado_settings",
        "xsrf-checks-off",
        files={SERVER_PY: "c.ServerApp.tornado_settings = {'xsrf_cookies': False}\n"},
        posture={"xsrf_checks_off": True},
    ),
    refuses(
        "unauthenticated access, tornado_settings",
        "unauthenticated-access",
        files={SERVER_JSON: '{"ServerApp": {"tornado_settings": {"allow_unauthenticated_access": true}}}'},
        posture={"unauthenticated_access": True},
    ),
    refuses(
        "any origin, a header",
        "any-origin",
        files={SERVER_PY: ORIGIN_HEADER % ("Access-Control-Allow-Origin", "*")},
        posture={"allow_any_origin": True},
    ),
    refuses(
        "any origin, a header in small letters",
        "any-origin",
        files={LAB_PY: ORIGIN_HEADER % ("access-control-allow-origin", "*")},
        posture={"allow_any_origin": True},
    ),
    refuses(
        "any origin, a header of the notebook's of old",
        "any-origin",
        files={LAB_PY: (ORIGIN_HEADER % ("Access-Control-Allow-Origin", "*")).replace("ServerApp", "NotebookApp")},
        posture={"allow_any_origin": True},
    ),
    starts(
        "one origin, a header", files={SERVER_PY: ORIGIN_HEADER % ("Access-Control-Allow-Origin", "https://lab.example.org")}, posture={}
    ),
    starts("a policy of frames, a header", files={SERVER_PY: ORIGIN_HEADER % ("Content-Security-Policy", "frame-ancestors *")}, posture={}),
    # jupyter_server writes the trait over it (`init_webapp`).
    starts("any origin, tornado_settings", files={SERVER_PY: "c.ServerApp.tornado_settings = {'allow_origin': '*'}\n"}, posture={}),
    refuses(
        "any origin by pattern, tornado_settings",
        "any-origin",
        files={SERVER_PY: "c.ServerApp.tornado_settings = {'allow_origin_pat': '.*'}\n"},
        posture={"allow_any_origin": True},
    ),
    refuses(
        "another provider, tornado_settings",
        "identity-provider",
        files={
            SERVER_PY: "from jupyter_server.auth.identity import IdentityProvider\n"
            "c.ServerApp.tornado_settings = {'identity_provider': IdentityProvider(token='')}\n"
        },
    ),
    *(
        refuses(
            f"any origin by the pattern {pattern}",
            "any-origin",
            files={SERVER_PY: f"c.ServerApp.allow_origin_pat = r'{pattern}'\n"},
            posture={"allow_any_origin": True},
        )
        for pattern in (".*?", r"[\s\S]*", "(?i).*", "https?://[^/]*", r".*:\d+")
    ),
    # They are held against the whole origin, and fit none.
    *(
        starts(f"the pattern {pattern}", files={SERVER_PY: f"c.ServerApp.allow_origin_pat = r'{pattern}'\n"}, posture={})
        for pattern in ("https?://", "http")
    ),
    refuses(
        "an origin pattern that is none, tornado_settings",
        "any-origin",
        files={SERVER_PY: "c.ServerApp.tornado_settings = {'allow_origin_pat': '('}\n"},
        posture={"allow_any_origin": True},
    ),
    dies("an origin pattern that is none", files={SERVER_PY: "c.ServerApp.allow_origin_pat = '('\n"}),
    refuses("XSRF off, NotebookApp in the server's .py", "xsrf-checks-off", files={SERVER_PY: "c.NotebookApp.disable_check_xsrf = True\n"}),
    refuses("XSRF off, LabApp in JupyterLab's .py", "xsrf-checks-off", files={LAB_PY: "c.LabApp.disable_check_xsrf = True\n"}),
    refuses("XSRF off, LabApp in the server's .py", "xsrf-checks-off", files={SERVER_PY: "c.LabApp.disable_check_xsrf = True\n"}),
    refuses("XSRF off, JupyterApp", "xsrf-checks-off", files={SERVER_PY: "c.JupyterApp.disable_check_xsrf = True\n"}),
    refuses("any proxy, Configurable", "any-proxy-trusted", files={SERVER_PY: "c.Configurable.trust_xheaders = True\n"}),
    starts("any proxy, ExtensionApp", files={SERVER_PY: "c.ExtensionApp.trust_xheaders = True\n"}, posture={}),
    starts("any proxy, a section of nobody's", files={SERVER_PY: "c.Foo.trust_xheaders = True\n"}, posture={}),
    refuses("XSRF off, update", "xsrf-checks-off", files={SERVER_PY: "c.ServerApp.update({'disable_check_xsrf': True})\n"}),
    refuses("XSRF off, subscripts", "xsrf-checks-off", files={SERVER_PY: "c['ServerApp']['disable_check_xsrf'] = True\n"}),
    starts("XSRF off in a branch never taken", files={SERVER_PY: "if False:\n    c.ServerApp.disable_check_xsrf = True\n"}, posture={}),
    refuses("a socket", "socket-replaces-port", files={SERVER_PY: "c.ServerApp.sock = '@socket@'\n"}, posture={"replaced_by_socket": True}),
    refuses("a socket, instance file", "socket-replaces-port", instance={"ServerApp.sock": "@socket@"}),
    refuses("a socket, NotebookApp", "socket-replaces-port", files={LAB_PY: "c.NotebookApp.sock = '@socket@'\n"}),
    refuses("a socket, command line", "socket-replaces-port", argv=("--ServerApp.sock=@socket@",), posture={"replaced_by_socket": True}),
)

# What the instance itself decides: in its file it counts, elsewhere it has no effect.
DECIDED_BY_THE_INSTANCE = (
    refuses(
        "unauthenticated access, instance file",
        "unauthenticated-access",
        instance={"ServerApp.allow_unauthenticated_access": True},
        posture={"unauthenticated_access": True},
    ),
    starts("unauthenticated access, user's .py", files={SERVER_PY: "c.ServerApp.allow_unauthenticated_access = True\n"}, posture={}),
    starts(
        "unauthenticated access, user's .json", files={SERVER_JSON: '{"ServerApp": {"allow_unauthenticated_access": true}}'}, posture={}
    ),
    starts("unauthenticated access, command line", argv=("--ServerApp.allow_unauthenticated_access=True",), posture={}),
    starts("unauthenticated access, environment", env={"JUPYTER_SERVER_ALLOW_UNAUTHENTICATED_ACCESS": "true"}, posture={}),
    refuses(
        "unauthenticated access, the key taken out of the file",
        "unauthenticated-access",
        instance={"ServerApp.allow_unauthenticated_access": Delete.KEY},
        posture={"unauthenticated_access": True},
    ),
    refuses(
        "password change from the page, instance file",
        "password-change-in-page",
        instance={"RemoteKitIdentityProvider.allow_password_change": True},
        posture={"password_change_in_page": True},
    ),
    refuses(
        "password change from the page, the key taken out of the file",
        "password-change-in-page",
        instance={"RemoteKitIdentityProvider.allow_password_change": Delete.KEY},
        posture={"password_change_in_page": True},
    ),
    starts("password change from the page, user's .py", files={SERVER_PY: "c.ServerApp.allow_password_change = True\n"}, posture={}),
    starts(
        "password change from the page, JupyterLab's .py",
        files={LAB_PY: "c.PasswordIdentityProvider.allow_password_change = True\n"},
        posture={},
    ),
    starts("password change from the page, command line", argv=("--PasswordIdentityProvider.allow_password_change=True",), posture={}),
    starts("another address in the user's .py", settings=SSH, files={SERVER_PY: "c.ServerApp.ip = '0.0.0.0'\n"}, posture=P_SSH),
    starts("another address in JupyterLab's .py", settings=SSH, files={LAB_PY: "c.ServerApp.ip = '*'\n"}, posture=P_SSH),
    starts("another address on the command line", settings=SSH, argv=("--ServerApp.ip=0.0.0.0",), posture=P_SSH),
    starts("no certificate in the user's .py", files={SERVER_PY: "c.ServerApp.certfile = ''\n"}, posture={}),
    starts("plain HTTP chosen in the user's .py, TLS in force", files={SERVER_PY: "c.RemoteKit.plain_http = True\n"}, posture={}),
    refuses(
        "plain HTTP chosen in the user's .py alone",
        "plain-http",
        instance=NO_CERTIFICATE,
        files={SERVER_PY: "c.RemoteKit.plain_http = True\n"},
        posture=CLEAR,
    ),
    refuses(
        "plain HTTP chosen in the kit's own .py alone",
        "plain-http",
        instance=NO_CERTIFICATE,
        files={KIT_PY: "c.RemoteKit.plain_http = True\n"},
        posture=CLEAR,
    ),
    refuses(
        "plain HTTP chosen on the command line alone",
        "plain-http",
        instance=NO_CERTIFICATE,
        argv=("--RemoteKit.plain_http=True",),
        posture=CLEAR,
    ),
    refuses(
        "said to be ssh in the user's .py",
        "plain-http",
        instance=NO_CERTIFICATE,
        files={SERVER_PY: "c.RemoteKit.access = 'ssh'\n"},
        posture=CLEAR,
    ),
    starts(
        "port retries and a browser in JupyterLab's .py",
        files={LAB_PY: "c.LabApp.open_browser = True\nc.ServerApp.port_retries = 9\n"},
        posture={},
    ),
    starts("root allowed in the user's .py as well", files={SERVER_PY: "c.ServerApp.allow_root = True\n"}, posture={}),
    starts(
        "settings that are nobody's business",
        files={SERVER_PY: "c.ServerApp.tornado_settings = {'headers': {'X-A': 'b'}}\nc.MappingKernelManager.cull_idle_timeout = 600\n"},
        posture={},
    ),
    starts("a line of the notebook of old", files={NOTEBOOK_PY: "c.NotebookApp.port = 1234\n"}, posture={}),
)

FILES = (
    refuses("instance file 0644", "exposed-path", modes={"instance file": 0o644}, posture=ONE_EXPOSED),
    refuses("instance file 0640", "exposed-path", modes={"instance file": 0o640}, posture=ONE_EXPOSED),
    refuses("instance file 0604", "exposed-path", modes={"instance file": 0o604}, posture=ONE_EXPOSED),
    refuses("instance file 0620", "exposed-path", modes={"instance file": 0o620}, posture=ONE_EXPOSED),
    refuses("instance file 0666", "exposed-path", modes={"instance file": 0o666}, posture=ONE_EXPOSED),
    starts("instance file 0400", modes={"instance file": 0o400}, posture={}),
    refuses("its folder 0755", "exposed-path", modes={"instances folder": 0o755}, posture=ONE_EXPOSED),
    refuses("its folder 0710", "exposed-path", modes={"instances folder": 0o710}, posture=ONE_EXPOSED),
    refuses("its folder 0777", "exposed-path", modes={"instances folder": 0o777}, posture=ONE_EXPOSED),
    refuses("data folder 0755", "exposed-path", modes={"data folder": 0o755}, posture=ONE_EXPOSED),
    refuses("data folder 0770", "exposed-path", modes={"data folder": 0o770}, posture=ONE_EXPOSED),
    refuses("tls folder 0755", "exposed-path", modes={"tls folder": 0o755}, posture=ONE_EXPOSED),
    refuses("leaf 0644", "exposed-path", modes={"leaf": 0o644}, posture=ONE_EXPOSED),
    refuses("leaf 0640", "exposed-path", modes={"leaf": 0o640}, posture=ONE_EXPOSED),
    starts("leaf 0400", modes={"leaf": 0o400}, posture={}),
    refuses(
        "leaf 0644 and its folder 0755", "exposed-path", "exposed-path", modes={"leaf": 0o644, "tls folder": 0o755}, posture=TWO_EXPOSED
    ),
    refuses("cookie secret 0644", "exposed-path", modes={"cookie secret": 0o644}, posture=ONE_EXPOSED),
    starts("cookie secret 0600", modes={"cookie secret": 0o600}, posture={}),
    starts("own certificate and key", instance=OWN, posture={}),
    starts("own certificate 0644, as certificates are", instance=OWN, modes={"own certificate": 0o644}, posture={}),
    refuses("own key 0644", "exposed-path", instance=OWN, modes={"own key": 0o644}, posture=ONE_EXPOSED),
    refuses("own key 0640", "exposed-path", instance=OWN, modes={"own key": 0o640}, posture=ONE_EXPOSED),
    starts("own certificate with its key inside", instance=OWN_BOTH, posture={}),
    refuses("own certificate with its key inside 0644", "exposed-path", instance=OWN_BOTH, modes={"own both": 0o644}, posture=ONE_EXPOSED),
    refuses("ssh, data folder 0755", "exposed-path", settings=SSH, modes={"data folder": 0o755}, posture={**P_SSH, **ONE_EXPOSED}),
    refuses("no leaf", "certificate-unusable", swaps={"leaf": "absent"}),
    refuses("a leaf that is no certificate", "certificate-unusable", swaps={"leaf": "bytes"}),
    refuses("a key that is another's", "certificate-unusable", instance={**OWN, "ServerApp.keyfile": "@authority@"}),
)

BROKEN_INSTANCES = (
    refuses("no instance file", "no-instance", swaps={"instance file": "absent"}),
    refuses("instance file a link", "symlink-in-the-way", swaps={"instance file": "link"}),
    refuses("instance file a folder", "not-a-file", swaps={"instance file": "folder"}),
    refuses("instance file of bytes that are no text", "instance-file-broken", swaps={"instance file": "bytes"}),
    refuses("instance file empty", "instance-file-broken", text=""),
    refuses("instance file an empty object", "instance-file-broken", text="{}"),
    refuses("instance file a list", "instance-file-broken", text="[]"),
    refuses("instance file cut off", "instance-file-broken", text='{"RemoteKit": {"instance": "gpu1",'),
    refuses("instance file nested too deep", "instance-file-broken", text="[" * 100_000),
    refuses("no identity section", "instance-file-broken", instance={"RemoteKitIdentityProvider": Delete.KEY}),
    refuses("no token key", "instance-file-broken", instance={"RemoteKitIdentityProvider.token": Delete.KEY}),
    refuses("a token that is a number", "instance-file-broken", instance={"RemoteKitIdentityProvider.token": 12345678901234567890}),
    refuses("a port that is a text", "instance-file-broken", instance={"ServerApp.port": "8800"}),
    refuses("plain HTTP by a text", "instance-file-broken", instance={"RemoteKit.plain_http": "yes"}),
    refuses("an access that there is not", "instance-file-broken", instance={"RemoteKit.access": "wan"}),
    refuses("another instance's file", "instance-file-broken", instance={"RemoteKit.instance": "other"}),
    refuses("a setting of jupyter_server of the wrong type", "instance-setting", instance={"ServerApp.tornado_settings": "x"}),
    dies("the user's .py is no Python", files={SERVER_PY: "c.ServerApp.allow_origin = \n"}),
    dies("the user's .json is no JSON", files={SERVER_JSON: '{"ServerApp": '}),
)

THE_KIT = (
    refuses(
        "extension disabled by the administrator",
        "extension-disabled",
        files={SWITCH: '{"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": false}}}'},
    ),
    refuses(
        "extension disabled by another file",
        "extension-disabled",
        files={SERVER_D: '{"ServerApp": {"jpserver_extensions": {"jupyter_remote_kit": false}}}'},
    ),
    refuses(
        "extension disabled by the user's .py",
        "extension-disabled",
        files={SERVER_PY: "c.ServerApp.jpserver_extensions = {'jupyter_remote_kit': False}\n"},
    ),
    refuses(
        "extension disabled, and XSRF off",
        "extension-disabled",
        files={SERVER_PY: "c.ServerApp.jpserver_extensions = {'jupyter_remote_kit': False}\nc.ServerApp.disable_check_xsrf = True\n"},
    ),
    starts("the provider not named on the command line", dropped=PROVIDER_ARGUMENT, posture={}),
    starts(
        "another provider in the user's .py, ours on the command line",
        files={SERVER_PY: "c.ServerApp.identity_provider_class = 'jupyter_server.auth.identity.PasswordIdentityProvider'\n"},
        posture={},
    ),
    refuses(
        "another provider in the user's .py, none on the command line",
        "identity-provider",
        files={SERVER_PY: "c.ServerApp.identity_provider_class = 'jupyter_server.auth.identity.IdentityProvider'\n"},
        dropped=PROVIDER_ARGUMENT,
    ),
    refuses(
        "another provider on the command line",
        "identity-provider",
        dropped=PROVIDER_ARGUMENT,
        argv=("--ServerApp.identity_provider_class=jupyter_server.auth.identity.IdentityProvider",),
    ),
    dies("two providers on the command line", argv=("--ServerApp.identity_provider_class=jupyter_server.auth.identity.IdentityProvider",)),
    starts(
        "another provider in JupyterLab's .py, ours on the command line",
        files={LAB_PY: "c.ServerApp.identity_provider_class = 'jupyter_server.auth.identity.PasswordIdentityProvider'\n"},
        posture={},
    ),
    starts(
        "another provider for NotebookApp, ours on the command line",
        files={LAB_PY: "c.NotebookApp.identity_provider_class = 'jupyter_server.auth.identity.PasswordIdentityProvider'\n"},
        posture={},
    ),
    starts(
        "a login handler of old in JupyterLab's .py",
        files={LAB_PY: "c.ServerApp.login_handler_class = 'jupyter_server.auth.login.LegacyLoginHandler'\n"},
    ),
    starts(
        "a login handler of old", files={SERVER_PY: "c.ServerApp.login_handler_class = 'jupyter_server.auth.login.LegacyLoginHandler'\n"}
    ),
    refuses("no control plane", "part-missing", breaks={"server/control.py": None}, posture={"missing_parts": ("x",)}),
    refuses(
        "no tickets, and so no control plane",
        "part-missing",
        "part-missing",
        breaks={"server/tickets.py": None},
        posture={"missing_parts": ("x", "y")},
    ),
    refuses("pages that do not import", "part-missing", breaks={"server/pages.py": NO_PARTS}, posture={"missing_parts": ("x",)}),
    refuses("TLS that is no Python", "part-missing", breaks={"server/tls.py": "def\n"}),
    refuses("an overlay that raises", "part-missing", breaks={"server/overlay.py": "raise RuntimeError('half an upgrade')\n"}),
    refuses("no load", "part-missing", breaks={"host/load.py": None}),
    refuses("a status that is empty", "part-missing", breaks={"server/status.py": ""}),
    refuses("a login that is no Python", "part-missing", breaks={"server/login.py": "def\n"}),
    refuses("pages that are empty", "part-missing", breaks={"server/pages.py": ""}),
    dies("no identity provider", breaks={"server/identity.py": None}),
    dies("no gate", breaks={"server/gate.py": None}),
    dies("no extension", breaks={"server/extension.py": None}),
    dies("no policy", breaks={"plan/policy.py": None}),
    starts("in a terminal of JupyterHub", env=HUB, posture={}),
    refuses("in a terminal of JupyterHub, sha1", "hash-not-argon2id", env=HUB, instance=who(TOKEN, SHA1), posture={"hash_kind": OTHER}),
)

ROOT = (
    refuses("root without leave", "as-root", settings={}, posture={"as_root": True}, as_root=True),
    starts("root with leave", "as-root-chosen", posture={"as_root": True, "root_allowed": True}, as_root=True),
    refuses(
        "root with leave in the user's .py alone",
        "as-root",
        settings={},
        files={SERVER_PY: "c.ServerApp.allow_root = True\n"},
        posture={"as_root": True},
        as_root=True,
    ),
    refuses(
        "root with leave on the command line alone", "as-root", settings={}, argv=("--allow-root",), posture={"as_root": True}, as_root=True
    ),
    refuses(
        "root without leave over ssh",
        "as-root",
        settings={"access": Access.SSH, "ip": "127.0.0.1"},
        posture={**P_SSH, "as_root": True},
        as_root=True,
    ),
    starts(
        "root with leave, plain HTTP chosen",
        "plain-http-chosen",
        "as-root-chosen",
        settings=LAN_CLEAR,
        posture={**CHOSEN, "as_root": True, "root_allowed": True},
        as_root=True,
    ),
    refuses(
        "root without leave, no TLS, no credentials",
        "no-credentials",
        "plain-http",
        "as-root",
        settings={},
        instance={**NO_CERTIFICATE, **who(NO_TOKEN, NO_HASH)},
        posture={**CLEAR, "hash_kind": NONE, "token_length": 0, "as_root": True},
        as_root=True,
    ),
)

TOGETHER = (
    refuses(
        "no TLS and sha1",
        "hash-not-argon2id",
        "plain-http",
        instance={**NO_CERTIFICATE, **who(TOKEN, SHA1)},
        posture={**CLEAR, "hash_kind": OTHER},
    ),
    refuses(
        "no TLS, XSRF off, any origin",
        "plain-http",
        "xsrf-checks-off",
        "any-origin",
        instance=NO_CERTIFICATE,
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\nc.ServerApp.allow_origin = '*'\n"},
        posture={**CLEAR, "xsrf_checks_off": True, "allow_any_origin": True},
    ),
    refuses(
        "XSRF off in one file, any origin in another, any proxy on the command line",
        "xsrf-checks-off",
        "any-origin",
        "any-proxy-trusted",
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\n", LAB_PY: "c.ServerApp.allow_origin = '*'\n"},
        argv=("--ServerApp.trust_xheaders=True",),
        posture={"xsrf_checks_off": True, "allow_any_origin": True, "trusts_any_proxy": True},
    ),
    refuses(
        "plain HTTP chosen does not excuse a sha1 hash",
        "hash-not-argon2id",
        settings=LAN_CLEAR,
        instance=who(TOKEN, SHA1),
        posture={**CHOSEN, "hash_kind": OTHER},
    ),
    refuses(
        "plain HTTP chosen does not excuse XSRF off",
        "xsrf-checks-off",
        settings=LAN_CLEAR,
        files={SERVER_JSON: '{"ServerApp": {"disable_check_xsrf": true}}'},
        posture={**CHOSEN, "xsrf_checks_off": True},
    ),
    starts(
        "plain HTTP chosen and a weak hash",
        "hash-weak",
        "plain-http-chosen",
        settings=LAN_CLEAR,
        instance=who(TOKEN, WEAK),
        posture={**CHOSEN, "hash_kind": WEAK_KIND},
    ),
    starts(
        "plain HTTP chosen and the token alone",
        "no-password",
        "plain-http-chosen",
        settings=LAN_CLEAR,
        instance=who(TOKEN, NO_HASH),
        posture={**CHOSEN, "hash_kind": NONE},
    ),
    starts(
        "relay, plain HTTP chosen, weak hash",
        "hash-weak",
        "plain-http-chosen",
        settings=RELAY_CLEAR,
        instance=who(TOKEN, WEAK),
        posture={**P_RELAY, **CHOSEN, "hash_kind": WEAK_KIND},
    ),
    refuses(
        "ssh beyond loopback without credentials",
        "no-credentials",
        "bound-beyond-loopback",
        settings=SSH_ANY,
        instance=who(NO_TOKEN, NO_HASH),
        posture={**P_SSH, "loopback": False, "hash_kind": NONE, "token_length": 0},
    ),
    refuses(
        "ssh, unauthenticated access and any origin",
        "unauthenticated-access",
        "any-origin",
        settings=SSH,
        instance={"ServerApp.allow_unauthenticated_access": True, "ServerApp.allow_origin": "*"},
        posture={**P_SSH, "unauthenticated_access": True, "allow_any_origin": True},
    ),
    refuses(
        "unauthenticated access and password change",
        "unauthenticated-access",
        "password-change-in-page",
        instance={"ServerApp.allow_unauthenticated_access": True, "RemoteKitIdentityProvider.allow_password_change": True},
        posture={"unauthenticated_access": True, "password_change_in_page": True},
    ),
    refuses(
        "a short token and password change",
        "token-short",
        "password-change-in-page",
        instance={**who(TOKEN_31, GOOD), "RemoteKitIdentityProvider.allow_password_change": True},
        posture={"token_length": 31, "password_change_in_page": True},
    ),
    refuses(
        "an exposed leaf and XSRF off",
        "xsrf-checks-off",
        "exposed-path",
        modes={"leaf": 0o644},
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\n"},
        posture={"xsrf_checks_off": True, **ONE_EXPOSED},
    ),
    refuses("an exposed instance file hides what it says", "exposed-path", modes={"instance file": 0o644}, instance=who(TOKEN_31, SHA1)),
    refuses(
        "an exposed instance file in an exposed folder",
        "exposed-path",
        "exposed-path",
        modes={"instance file": 0o644, "instances folder": 0o755},
    ),
    refuses(
        "a broken instance file and an exposed data folder", "instance-file-broken", "exposed-path", text="{}", modes={"data folder": 0o755}
    ),
    refuses(
        "relay beyond loopback, any proxy",
        "bound-beyond-loopback",
        "any-proxy-trusted",
        settings=RELAY_ANY,
        files={SERVER_PY: "c.ServerApp.trust_xheaders = True\n"},
        posture={**P_RELAY, "loopback": False, "trusts_any_proxy": True},
    ),
    refuses(
        "relay without TLS, no password, a short token",
        "token-short",
        "no-credentials",
        "plain-http",
        settings=RELAY,
        instance={**NO_CERTIFICATE, **who(TOKEN_31, NO_HASH)},
        posture={**P_RELAY, **CLEAR, "hash_kind": NONE, "token_length": 31},
    ),
    refuses(
        "a part is missing, and XSRF off",
        "part-missing",
        breaks={"server/control.py": None},
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\n"},
    ),
    refuses(
        "everything open at once",
        "hash-not-argon2id",
        "token-short",
        "no-credentials",
        "plain-http",
        "bound-beyond-loopback",
        "xsrf-checks-off",
        "unauthenticated-access",
        "any-origin",
        "password-change-in-page",
        "any-proxy-trusted",
        "exposed-path",
        settings=RELAY_ANY,
        instance={
            **NO_CERTIFICATE,
            **who(TOKEN_31, SHA1),
            "ServerApp.allow_unauthenticated_access": True,
            "RemoteKitIdentityProvider.allow_password_change": True,
        },
        files={SERVER_PY: "c.ServerApp.disable_check_xsrf = True\nc.ServerApp.allow_origin = '*'\nc.ServerApp.trust_xheaders = True\n"},
        modes={"data folder": 0o755},
        posture={
            **P_RELAY,
            **CLEAR,
            "loopback": False,
            "hash_kind": OTHER,
            "token_length": 31,
            "xsrf_checks_off": True,
            "unauthenticated_access": True,
            "allow_any_origin": True,
            "password_change_in_page": True,
            "trusts_any_proxy": True,
            **ONE_EXPOSED,
        },
    ),
)

CASES: tuple[Case, ...] = (
    *TRANSPORT,
    *CREDENTIALS,
    *OPENED_BY_THE_USER,
    *NETWORKS,
    *PAST_THE_TRAITS,
    *DECIDED_BY_THE_INSTANCE,
    *FILES,
    *BROKEN_INSTANCES,
    *THE_KIT,
    *ROOT,
    *TOGETHER,
)

# Run for real every time; the others with REMOTEKIT_LONG=1.
SAMPLE = frozenset(
    {
        "lan, TLS, all interfaces",
        "lan, no TLS",
        "lan, plain HTTP chosen",
        "ssh",
        "relay, all interfaces, no TLS",
        "neither token nor password",
        "token of 31 characters alone",
        "sha1",
        "weak hash",
        "an empty token in the user's file",
        "XSRF off, JupyterLab's .py",
        "any origin by an anchored pattern",
        "any origin, a header",
        "any origin by the pattern .*?",
        "unauthenticated access, tornado_settings",
        "a socket",
        "any proxy, command line",
        "any network",
        "every proxy as two halves",
        "unauthenticated access, instance file",
        "another address in the user's .py",
        "instance file 0644",
        "own key 0640",
        "no leaf",
        "instance file cut off",
        "extension disabled by the user's .py",
        "no control plane",
        "root without leave",
        "everything open at once",
    }
)
