"""On macOS launchd runs the agent: each verb of systemd's is answered by what does the same there."""

from __future__ import annotations

import json

import pytest

from jupyter_remote_kit import cli
from jupyter_remote_kit.commands.service import agent


@pytest.mark.parametrize(
    ("verb", "does_the_same"),
    [
        ("start", "launchctl kickstart gui/"),
        ("stop", "launchctl kill SIGTERM gui/"),
        ("restart", "launchctl kickstart -k gui/"),
        ("status", "launchctl print gui/"),
        ("logs", "tail -f "),
    ],
)
def test_a_verb_names_what_does_the_same(
    verb: str, does_the_same: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(agent, "here", lambda: True)
    with pytest.raises(SystemExit) as ended:
        cli.main(["service", verb, "--json"])
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (ended.value.code, problem["code"]) == (1, "systemd-only")
    assert problem["hint"].startswith(does_the_same)
