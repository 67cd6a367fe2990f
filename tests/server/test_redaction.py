"""What a managed server logs: never a token, hash or ticket, at whatever level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_remote_kit.server.redaction import HIDDEN, redact

if TYPE_CHECKING:
    from tests.server.conftest import Machine


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("404 GET /api/contents/x?token=abc (127.0.0.1)", f"404 GET /api/contents/x?token={HIDDEN} (127.0.0.1)"),
        ("GET /login?next=%2Flab%3Ftoken%3Dabc%26a%3D1", f"GET /login?next=%2Flab%3Ftoken%3D{HIDDEN}"),
        ("HTTPServerRequest(uri='/remotekit/open?ticket=abc&x=1')", f"HTTPServerRequest(uri='/remotekit/open?ticket={HIDDEN}&x=1')"),
        ("Config changed: {'token': 's3cret'}", f"Config changed: {{'token': '{HIDDEN}'}}"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_is_hidden(text: str, shown: str) -> None:
    assert redact(text, ("s3cret", "")) == shown


def test_no_credential_is_in_the_log_at_the_level_of_debug(machine: Machine) -> None:
    settings = machine.settings()
    traits = machine.traits(settings)
    machine.write(settings, traits)
    (machine.layout.config_dir / "jupyter_config.py").write_text("c.Application.log_level = 'DEBUG'\n")
    server = machine.start(settings)
    server.ready()
    token, hashed = traits["RemoteKitIdentityProvider"]["token"], traits["RemoteKitIdentityProvider"]["hashed_password"]
    with server.client() as client:
        assert client.get("/api/contents/nope", params={"token": token}).status_code == 404
        client.get("/login", params={"next": f"/lab?token={token}"})
        client.get("/remotekit/open", params={"ticket": "canary-of-a-ticket"})
    server.stop()
    # The level is in force, and the request that failed is there.
    assert "[D " in server.output
    assert "/api/contents/nope?token=" in server.output
    assert token not in server.output
    assert hashed not in server.output
    assert "canary-of-a-ticket" not in server.output
