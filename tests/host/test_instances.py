"""Instances as they are on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed, Refused, RemoteKitError
from jupyter_remote_kit.host import instances
from jupyter_remote_kit.plan.instance import render, traits_of
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Credentials, Settings


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "config", tmp_path / "data", tmp_path / "runtime")
    made.instances_dir.mkdir(parents=True)
    return made


def write(layout: Layout, content: bytes | None = None) -> Path:
    path = layout.instance_file("gpu1")
    traits = traits_of(Settings(root_dir=Path("/srv"), instance="gpu1"), Credentials(Secret("t" * 32)), None)
    path.write_bytes(render(traits).reveal().encode() if content is None else content)
    path.chmod(0o600)
    return path


def test_one_that_is_there(layout: Layout) -> None:
    write(layout)
    found = instances.require(layout, "gpu1")
    assert found.settings.root_dir == Path("/srv")
    assert instances.load(layout, "gpu1") == found


def test_one_that_is_not(layout: Layout) -> None:
    assert instances.load(layout, "gpu1") is None
    with pytest.raises(Refused, match="There is no instance 'gpu1' yet") as caught:
        instances.require(layout, "gpu1")
    assert str(caught.value.problems[0].hint) == "jupyter remotekit init --instance gpu1"
    with pytest.raises(Refused) as caught:
        instances.require(layout, "default")
    assert str(caught.value.problems[0].hint) == "jupyter remotekit init"


def test_one_that_is_no_text(layout: Layout) -> None:
    path = write(layout, b'{\n"a": "caf\xe9"}')
    with pytest.raises(Refused, match=f"{path}, line 2: not UTF-8"):
        instances.load(layout, "gpu1")


@pytest.mark.parametrize(("way", "kind"), [("exposed", Refused), ("link", Failed), ("folder", Failed)])
def test_one_that_cannot_be_used(layout: Layout, way: str, kind: type[RemoteKitError]) -> None:
    path = write(layout)
    if way == "exposed":
        path.chmod(0o644)
    else:
        path.rename(path.with_suffix(".real"))
        path.mkdir(mode=0o700) if way == "folder" else path.symlink_to(path.with_suffix(".real"))
    with pytest.raises(RemoteKitError) as caught:
        instances.load(layout, "gpu1")
    assert type(caught.value) is kind
