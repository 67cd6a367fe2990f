"""Where the files are: the table of the design."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.layout import Layout

LAYOUT = Layout(Path("/c"), Path("/d"), Path("/r"))


def test_every_path_is_below_one_of_jupyters_folders() -> None:
    assert {
        "instances": LAYOUT.instances_dir,
        "instance": LAYOUT.instance_file("gpu1"),
        "overlay": LAYOUT.overlay_file("gpu1"),
        "data": LAYOUT.data_root,
        "tls": LAYOUT.tls_dir,
        "ca": LAYOUT.ca_file,
        "ca certificate": LAYOUT.ca_certificate_file,
        "leaf": LAYOUT.leaf_file("gpu1"),
        "backups": LAYOUT.backups_dir,
        "instance data": LAYOUT.instance_data_dir("gpu1"),
        "log": LAYOUT.server_log("gpu1"),
        "sessions": LAYOUT.sessions_file("gpu1"),
        "audit": LAYOUT.audit_file("gpu1"),
        "manifest": LAYOUT.manifest_file("gpu1"),
        "socket": LAYOUT.control_socket("gpu1"),
        "runtime": LAYOUT.runtime_file("gpu1"),
        "lock": LAYOUT.start_lock("gpu1"),
    } == {
        "instances": Path("/c/remotekit"),
        "instance": Path("/c/remotekit/gpu1.json"),
        "overlay": Path("/c/remotekit/gpu1.overrides.json"),
        "data": Path("/d/remotekit"),
        "tls": Path("/d/remotekit/tls"),
        "ca": Path("/d/remotekit/tls/ca.pem"),
        "ca certificate": Path("/d/remotekit/tls/ca.crt"),
        "leaf": Path("/d/remotekit/tls/leaf-gpu1.pem"),
        "backups": Path("/d/remotekit/backups"),
        "instance data": Path("/d/remotekit/instances/gpu1"),
        "log": Path("/d/remotekit/instances/gpu1/server.log"),
        "sessions": Path("/d/remotekit/instances/gpu1/sessions.json"),
        "audit": Path("/d/remotekit/instances/gpu1/audit.jsonl"),
        "manifest": Path("/d/remotekit/instances/gpu1/manifest.json"),
        "socket": Path("/r/remotekit-gpu1.sock"),
        "runtime": Path("/r/remotekit-gpu1.json"),
        "lock": Path("/d/remotekit/gpu1.lock"),
    }


def test_an_instance_called_tls_or_backups_takes_nobodys_folder() -> None:
    shared = {LAYOUT.tls_dir, LAYOUT.backups_dir, LAYOUT.data_root}
    assert not shared & {LAYOUT.instance_data_dir(name) for name in ("tls", "backups", "instances")}


def test_the_variables_lead_to_the_same_folders() -> None:
    assert LAYOUT.variables == {"JUPYTER_CONFIG_DIR": "/c", "JUPYTER_DATA_DIR": "/d", "JUPYTER_RUNTIME_DIR": "/r"}


def test_what_a_laptop_keeps_of_its_hosts() -> None:
    assert (LAYOUT.hosts_file, LAYOUT.wheels_dir) == (Path("/d/remotekit/hosts.json"), Path("/d/remotekit/wheels"))


def test_the_socket_that_ssh_leads_to_is_no_control_socket_of_any_instance() -> None:
    assert LAYOUT.door_socket("gpu1") == Path("/r/remotekit-gpu1.http.sock")
    with pytest.raises(WrongUsage):
        grammar.instance_name("gpu1.http")
