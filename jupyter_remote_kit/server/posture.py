"""What a server really is, read from the traits in force: the policy's input, after every configuration file has had its say."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server import utils

from jupyter_remote_kit.errors import Refused, WrongUsage
from jupyter_remote_kit.plan import networks, policy
from jupyter_remote_kit.plan.answers import is_loopback
from jupyter_remote_kit.plan.extensions import FailedExtension, SkippedFile
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.origins import ANY, headers_allow_any_origin, matches_any_origin
from jupyter_remote_kit.plan.policy import Finding, Mode, Posture
from jupyter_remote_kit.plan.posture import problem
from jupyter_remote_kit.settings import MIN_TOKEN_LENGTH, Access

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_remote_kit.server.kitstate import KitState

# How this jupyter_server anchors an `allow_origin_pat`: whole since CVE-2026-40110, at the beginning alone before.
ORIGIN_MATCH = re.fullmatch if hasattr(utils, "origin_matches_pat") else re.match


def collect(app: ServerApp, kit: KitState, *, missing_parts: tuple[str, ...] = ()) -> Posture:
    """The posture of `app`, whose `kit` is linked and whose identity provider exists. Reads modes of files, no contents."""
    managed = kit.mode is Mode.MANAGED
    provider: Any = app.identity_provider
    # Another provider than jupyter_server's own (OAuth, say) has no token of its own; whether it is sound is not ours to judge.
    token = getattr(provider, "token", "")
    hashed = getattr(provider, "hashed_password", "")
    judged = managed or hasattr(provider, "hashed_password")
    # What the handlers look at. `ServerApp.tornado_settings` goes past the traits of the same names.
    in_force = {**app.tornado_settings, **getattr(app, "web_app", _NotYet).settings}
    return Posture(
        mode=kit.mode,
        instance=kit.instance or "default",
        access=Access(kit.access) if managed else None,
        loopback=bool(app.sock) or is_loopback(app.ip),
        replaced_by_socket=managed and bool(app.sock),
        tls=bool(app.ssl_options or app.certfile),
        plain_http_chosen=managed and kit.plain_http,
        token_length=len(token) if judged else MIN_TOKEN_LENGTH,
        hash_kind=hash_kind(hashed),
        xsrf_checks_off=app.disable_check_xsrf or bool(in_force.get("disable_check_xsrf")) or not in_force.get("xsrf_cookies", True),
        unauthenticated_access=app.allow_unauthenticated_access or bool(in_force.get("allow_unauthenticated_access")),
        allow_any_origin=_allows_any_origin(app, in_force),
        password_change_in_page=getattr(provider, "allow_password_change", False),
        trusts_any_proxy=app.trust_xheaders,
        # Without us they protect nothing, and so cannot be too wide.
        every_proxy_named=managed and _hold_everybody(kit.trusted_proxies),
        open_to_any_network=managed and _hold_everybody(kit.allow_networks),
        as_root=os.geteuid() == 0,
        root_allowed=app.allow_root,
        exposed_paths=exposed_paths(app, kit) if managed else (),
        missing_parts=missing_parts,
        failed_extensions=_failures(app),
        certificate=kit.served_certificate if managed else None,
    )


def failed_extensions(app: ServerApp) -> tuple[Finding, ...]:
    """The findings on other packages' extensions alone."""
    return policy.extension_findings(_failures(app))


def _failures(app: ServerApp) -> tuple[FailedExtension | SkippedFile, ...]:
    # jupyter_server's own manager, where the launcher is not ours, keeps none.
    return tuple(getattr(app.extension_manager, "failures", ()))


class _NotYet:
    """Stands in for the web application before there is one."""

    settings: ClassVar[dict[str, Any]] = {}


def _origin_pattern(app: ServerApp, in_force: dict[str, Any]) -> str:
    """The pattern of allowed origins; jupyter_server compiles the trait, a setting may be either."""
    pattern = in_force.get("allow_origin_pat") or app.allow_origin_pat
    return str(getattr(pattern, "pattern", pattern))


def _allows_any_origin(app: ServerApp, in_force: dict[str, Any]) -> bool:
    if ANY in (app.allow_origin, in_force.get("allow_origin")) or headers_allow_any_origin(in_force.get("headers")):
        return True
    return matches_any_origin(_origin_pattern(app, in_force), ORIGIN_MATCH)


def _hold_everybody(declared: list[str]) -> bool:
    """Whether these networks hold all of one family. What is no network holds nobody; the gate that is built of it says what is wrong."""
    try:
        return networks.covers_a_family(networks.parse(declared))
    except WrongUsage:
        return False


def exposed_paths(app: ServerApp, kit: KitState) -> tuple[tuple[str, str, str], ...]:
    """What of ours, and the key that signs the cookies, others than the owner can reach, as `files.exposed` has it."""
    from jupyter_remote_kit.host import files, paths  # an ordinary `jupyter lab` imports this module, and needs no disk

    layout = paths.layout()
    private: list[Path] = []
    if kit.instance:
        private += [layout.instances_dir, layout.instance_file(kit.instance), layout.instance_data_dir(kit.instance)]
    private.append(layout.tls_dir)
    private += _keys(app.certfile, app.keyfile)
    private.append(Path(app.cookie_secret_file))
    return files.exposed(dict.fromkeys(private))


def check_keys(certfile: str, keyfile: str) -> None:
    """Raises `Refused` where others than the owner can reach the key of a certificate that is to be served."""
    from jupyter_remote_kit.host import files

    findings = policy.check(Posture(exposed_paths=files.exposed(_keys(certfile, keyfile))))
    if findings:
        raise Refused(*map(problem, findings))


def _keys(certfile: str, keyfile: str) -> list[Path]:
    """Where the private key is. A certificate beside a key of its own is public; one without holds the key itself."""
    return [Path(name) for name in (keyfile or certfile,) if name]
