"""What looks for secrets after the other tests finds them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tornado.web import create_signed_value

from tests.gate.leaks import leaks

TOKEN, PASSWORD = "canary-token", "canary-password"
COOKIE = create_signed_value("secret", "username-127-0-0-1-8888", "canary").decode()


@pytest.mark.parametrize(
    ("name", "text", "mode", "found"),
    [
        ("log-0", f"GET /lab?token={TOKEN}", 0o600, "the token"),
        ("data/remotekit/default/audit.jsonl", f'{{"path": "/{PASSWORD}"}}', 0o600, "a password"),
        ("data/remotekit/default/sessions.json", f'{{"cookie": "{COOKIE}"}}', 0o600, "a cookie"),
        ("config/remotekit/default.json", f'{{"token": "{TOKEN}"}}', 0o644, "the token"),
        ("config/remotekit/default.json.backup", f'{{"token": "{TOKEN}"}}', 0o600, "the token"),
        ("config/remotekit/default.json", f'{{"password": "{PASSWORD}"}}', 0o600, "a password"),
        ("config/remotekit/default.json", f'{{"token": "{TOKEN}"}}', 0o600, None),
        ("runtime/jpserver-7.json", f'{{"token": "{TOKEN}"}}', 0o600, None),
        ("log-0", "GET /lab?token=[secret]", 0o644, None),
    ],
)
def test_a_secret_is_found_where_it_does_not_belong(tmp_path: Path, name: str, text: str, mode: int, found: str | None) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    assert leaks(tmp_path, TOKEN, PASSWORD) == ([f"{name}: {found}"] if found else [])
