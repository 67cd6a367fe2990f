"""Authorities, and what a laptop remembers of them, written by hand."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from jupyter_remote_kit.plan.authority import SERVER_AUTH, Authority, AuthorityFact
from jupyter_remote_kit.plan.model import Run, Step
from jupyter_remote_kit.plan.trusted import Trusted
from jupyter_remote_kit.plan.truststores import Wish

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
FOLDER = Path("/home/dana/.local/share/jupyter/remotekit/trusted")


def pem(content: str) -> str:
    """A text in the form of a certificate."""
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(content.encode()).decode()}\n-----END CERTIFICATE-----\n"


def sha256(content: str) -> str:
    """The digest of that one."""
    return hashlib.sha256(content.encode()).hexdigest()


def fact(**changes: object) -> AuthorityFact:
    """What the kit's own authority says of itself, but for `changes`."""
    made = AuthorityFact(
        pem=pem("gpu1"),
        digest=sha256("gpu1"),
        thumbprint="ab" * 20,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=3650),
        is_authority=True,
        signs_itself=True,
        constrained=True,
        names=("gpu1", "gpu1.local", "localhost"),
        networks=("192.168.0.107/32", "127.0.0.1/32", "fd00::2/128", "::1/128"),
        purposes=(SERVER_AUTH,),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def authority(content: str = "gpu1") -> Authority:
    """One that is to be trusted."""
    return Authority(pem(content), sha256(content), "ab" * 20, ("gpu1", "localhost"), ("127.0.0.1",), NOW + timedelta(days=3650))


def trusted(content: str = "gpu1", *hosts: str, withdrawn: bool = False, thumbprint: str = "ab" * 20) -> Trusted:
    """What is remembered of it."""
    digest = sha256(content)
    return Trusted(f"{content}-{digest[:8]}", digest, thumbprint, pem(content), hosts or (f"alice@{content}",), withdrawn)


NEW, OLD = trusted("new"), trusted("old", withdrawn=True, thumbprint="cd" * 20)
WANTED = Wish(FOLDER, NEW)
UNWANTED = Wish(FOLDER, None, (OLD,))
REPLACED = Wish(FOLDER, NEW, (OLD,))
NEW_FILE = str(FOLDER / f"{NEW.label}.crt")


def argvs(steps: tuple[Step, ...]) -> list[tuple[str, ...]]:
    """What is run."""
    return [step.argv for step in steps if isinstance(step, Run)]
