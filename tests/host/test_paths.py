"""Where files are, as Jupyter says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_remote_kit.host import paths


def test_the_variables_of_jupyter_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name))
    layout = paths.layout()
    assert (layout.config_dir, layout.data_dir, layout.runtime_dir) == (tmp_path / "CONFIG", tmp_path / "DATA", tmp_path / "RUNTIME")


def test_relative_folders_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "here/../there")
    assert paths.layout().config_dir == tmp_path / "there"


def test_a_folder_of_jupyters_that_is_a_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "dotfiles")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "link"))
    assert paths.layout().config_dir == tmp_path / "dotfiles"


def test_the_users_configuration_is_found_in_the_order_of_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user, system = tmp_path / "user", tmp_path / "system"
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(user))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(user))
    monkeypatch.setattr(paths.jupyter, "SYSTEM_CONFIG_PATH", [str(system)])
    monkeypatch.setattr(paths.jupyter, "ENV_CONFIG_PATH", [])
    read = [
        system / "jupyter_server_config.json",
        user / "jupyter_config.py",
        user / "jupyter_lab_config.py",
        user / "jupyter_notebook_config.json",
        user / "jupyter_remotekit_config.py",
        user / "jupyter_server_config.py",
        user / "jupyter_server_config.json",
    ]
    other = [user / "jupyter_nbconvert_config.py", user / "jupyter_lab_config.py.bak", user / "migrated", user / "notes_config.py"]
    for path in [*read, *other]:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (user / "jupyter_server_config.d").mkdir()
    assert [path for path in paths.user_config_paths() if tmp_path in path.parents] == read


def test_jupyter_really_reads_those_names() -> None:
    """The base names are jupyter_server's and JupyterLab's own; a rename there must not go unnoticed."""
    from jupyter_server.serverapp import ServerApp
    from jupyterlab.labapp import LabApp

    assert ServerApp().config_file_name == "jupyter_server_config"
    assert LabApp().config_file_name == "jupyter_lab_config"


def test_asking_for_the_status_loads_nothing_heavy() -> None:
    code = (
        "import sys; from jupyter_remote_kit.host import control, paths;"
        "paths.layout(); control.ControlClient(paths.layout().control_socket('none')).status();"
        "print(sorted({'psutil','cryptography','argon2','pynvml','tornado','jupyter_server','http.client','ssl'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
