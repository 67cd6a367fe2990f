"""What decides whether a server outlives a log-out, as logind and systemd would show it; the folders are the edge of the machine.

On real ones: tests/service/test_detached.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_remote_kit.host import logind, whoami


@pytest.mark.parametrize(
    ("place", "lingering", "manager", "killed", "survives"),
    [
        ("0::/system.slice/cron.service", False, False, True, True),
        ("0::/user.slice/user-7.slice/session-3.scope", False, True, False, True),
        ("0::/user.slice/user-7.slice/session-3.scope", False, True, True, False),
        ("0::/user.slice/user-7.slice/session-3.scope", True, True, True, True),
        ("0::/user.slice/user-7.slice/session-3.scope", True, False, True, False),
        ("0::/user.slice/user-7.slice/session-3.scope", False, True, None, None),
        ("0::/user.slice/user-7.slice/user@7.service/app.slice/x.scope", False, True, False, False),
        ("0::/user.slice/user-7.slice/user@7.service/app.slice/x.scope", True, True, True, True),
    ],
)
def test_who_survives(  # noqa: PLR0913
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
    lingering: bool,
    manager: bool,
    killed: bool | None,
    survives: bool | None,
) -> None:
    monkeypatch.setattr(logind, "_runs", lambda: True)
    monkeypatch.setattr(logind, "LINGERING", tmp_path)
    if lingering:
        (tmp_path / whoami.user_name()).touch()
    monkeypatch.setattr(logind, "_control_group", lambda: place)
    monkeypatch.setattr(logind, "user_manager", lambda _: tmp_path if manager else None)
    monkeypatch.setattr(logind, "kill_user_processes", lambda: killed)
    assert logind.survives_logout() is survives
