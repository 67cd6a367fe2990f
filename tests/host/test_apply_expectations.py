"""A plan holds only while the instance is what it was made on."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host.apply import apply
from jupyter_remote_kit.host.files import file_fact
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.model import Plan, WriteFile
from jupyter_remote_kit.secret import Secret

NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)


def test_a_change_of_another_command_is_not_undone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "config", tmp_path / "data", tmp_path / "runtime")
    path = layout.instance_file("default")
    layout.instances_dir.mkdir(parents=True, mode=0o700)
    step = WriteFile(path, Secret("mine"))
    apply(Plan((step,), expects=((path, None),)), layout=layout, instance="default", now=NOW)
    seen = file_fact(path).digest

    theirs = WriteFile(path, Secret("theirs"), backup=True)
    apply(Plan((theirs,), expects=((path, seen),)), layout=layout, instance="default", now=NOW)
    late = WriteFile(path, Secret("late"), backup=True)
    with pytest.raises(Failed) as caught:
        apply(Plan((late,), expects=((path, seen),)), layout=layout, instance="default", now=NOW)
    assert [problem.code for problem in caught.value.problems] == ["changed-meanwhile"]
    assert path.read_text() == "theirs"
