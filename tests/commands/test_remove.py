"""`remove` takes back what was written, and nothing of the user's."""

from __future__ import annotations

from tests.commands.host import PASSWORD, SSH, Host


def _left(host: Host) -> list[str]:
    return [path for path in host.tree() if not path.startswith("home")]


def test_nothing_is_left(lan_host: Host) -> None:
    (lan_host.home / "mine.ipynb").write_text("{}")
    lan_host.must("init", "--port", "8801")
    lan_host.must("init", "--language", "zh_CN")
    outcome = lan_host.run("remove", "--yes", "--json")
    assert outcome.code == 0
    assert outcome.data["changed"] is True
    assert [path for path in _left(lan_host) if path not in {"config", "data", "runtime"}] == []
    assert (lan_host.home / "mine.ipynb").read_text() == "{}"


def test_a_second_time_there_is_nothing_to_do(ssh_host: Host) -> None:
    ssh_host.must("remove", "--yes")
    before = ssh_host.tree()
    outcome = ssh_host.run("remove", "--yes", "--json")
    assert (outcome.code, outcome.data["changed"], outcome.data["steps"]) == (0, False, [])
    assert ssh_host.tree() == before


def test_what_goes_is_what_the_dry_run_showed(lan_host: Host) -> None:
    shown = lan_host.run("remove", "--dry-run", "--json").data["steps"]
    assert lan_host.run("remove", "--yes", "--json").data["steps"] == shown
    assert any(str(lan_host.layout.ca_file) in step for step in shown)


def test_the_users_own_files_stay_where_they_are(lan_host: Host) -> None:
    own = lan_host.layout.config_dir / "jupyter_server_config.py"
    own.write_text("c.ServerApp.notebook_dir = '/srv'\n")
    beside = lan_host.layout.tls_dir / "mine.pem"
    beside.write_text("mine")
    lan_host.must("remove", "--yes")
    assert own.read_text() == "c.ServerApp.notebook_dir = '/srv'\n"
    assert beside.read_text() == "mine"
    assert not lan_host.layout.ca_file.exists()


def test_another_instance_keeps_its_files_and_the_authority(lan_host: Host) -> None:
    argv = ("--access", "lan", "--allow-root", "--password-stdin", "--instance", "gpu1", "--port", "8802")
    lan_host.must("init", *argv, stdin=PASSWORD)
    authority = lan_host.layout.ca_file.read_bytes()
    removed = lan_host.run("remove", "--yes")
    assert lan_host.layout.ca_file.read_bytes() == authority
    assert not lan_host.layout.instance_file("default").exists()
    again = lan_host.run("remove", "--yes")
    assert "has written nothing for the instance 'default'" in again.out
    for outcome in (removed, again):
        assert outcome.code == 0
        assert "What other instances have stays: gpu1." in outcome.err
        assert "remove --instance gpu1" in outcome.err
    assert lan_host.run("init", "--instance", "gpu1", "--json").data["changed"] is False


def test_a_broken_instance_can_be_removed(ssh_host: Host) -> None:
    ssh_host.layout.instance_file("default").write_text("{ no json")
    ssh_host.must("remove", "--yes")
    assert not ssh_host.layout.instances_dir.exists()
    assert ssh_host.run("init", *SSH, "--json").data["changed"] is True
