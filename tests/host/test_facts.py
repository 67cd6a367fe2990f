"""What is known of this machine, without asking another one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import certificates, facts
from jupyter_remote_kit.host.files import make_directory, write_atomic
from jupyter_remote_kit.plan.facts import Facts, FileKind
from jupyter_remote_kit.plan.layout import Layout

NOW = datetime.now(timezone.utc)


def gather(layout: Layout, root_dir: Path, **more: object) -> Facts:
    return facts.gather(layout, paths=[layout.instance_file("default")], instance="default", root_dir=root_dir, **more)  # type: ignore[arg-type]


def test_a_bare_machine(layout: Layout, tmp_path: Path) -> None:
    found = gather(layout, tmp_path / "work", with_user_config=False)
    assert (found.uid, found.layout, found.python) == (os.geteuid(), layout, Path(sys.executable))
    assert found.now.utcoffset() is not None
    assert abs((found.now - datetime.now(timezone.utc)).total_seconds()) < 10
    assert found.file(tmp_path / "work").kind is FileKind.ABSENT
    assert found.file(layout.instance_file("default")).kind is FileKind.ABSENT
    assert (found.manifest, found.ca, found.leaf, found.own_certificate, found.user_config) == ({}, None, None, None, ())
    assert found.names[-1] == "localhost"


def test_what_init_wrote_is_seen_again(layout: Layout, tmp_path: Path) -> None:
    for folder in (layout.instances_dir, layout.tls_dir, layout.instance_data_dir("default")):
        make_directory(folder)
    authority = certificates.make_authority(("gpu1",), ("192.0.2.7",), NOW)
    write_atomic(layout.ca_file, authority, 0o600)
    write_atomic(layout.leaf_file("default"), certificates.issue_leaf(authority, ("gpu1",), (), NOW), 0o600)
    write_atomic(layout.instance_file("default"), b"{}", 0o600)
    write_atomic(layout.manifest_file("default"), json.dumps({"/a": ["1", "2"]}).encode(), 0o600)
    found = gather(layout, tmp_path)
    assert found.ca is not None
    assert found.leaf is not None
    assert found.leaf.issuer_digest == found.ca.digest
    assert found.file(layout.instance_file("default")).content == b"{}"
    assert found.manifest == {"/a": ("1", "2")}
    assert found.file(tmp_path).kind is FileKind.DIRECTORY


def test_damaged_files_count_as_absent(layout: Layout, tmp_path: Path) -> None:
    for path in (layout.ca_file, layout.leaf_file("default"), layout.manifest_file("default")):
        make_directory(path.parent)
        path.write_bytes(b"\xff\x00 damaged")
    found = gather(layout, tmp_path)
    assert (found.ca, found.leaf, found.manifest) == (None, None, {})


def test_a_root_directory_behind_a_link_is_a_directory(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "disk")
    assert gather(layout, tmp_path / "work").file(tmp_path / "work").kind is FileKind.DIRECTORY


def test_an_own_certificate_that_cannot_be_read_is_named(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"absent\.pem"):
        gather(layout, tmp_path, certfile=tmp_path / "absent.pem")


def test_the_users_own_configuration_comes_with_its_text(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(layout.config_dir))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "")
    path = layout.config_dir / "jupyter_lab_config.py"
    path.parent.mkdir()
    path.write_bytes("c.ServerApp.ip = '*'  # 全部\n".encode())
    broken = layout.config_dir / "jupyter_server_config.json"
    broken.write_bytes(b"\xff{")
    texts = {config.path: config.content for config in gather(layout, tmp_path).user_config}
    assert texts[path].decode() == "c.ServerApp.ip = '*'  # 全部\n"
    assert texts[broken] == b"\xff{"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de_DE@euro"}, "de_DE"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh_CN"),
        ({"LANG": "not a locale"}, "en"),
    ],
)
def test_the_locale(environment: dict[str, str], language: str) -> None:
    assert facts.locale(environment) == language


@pytest.mark.parametrize(
    ("own", "hosts", "names"),
    [
        ("gpu1", "", ("gpu1", "gpu1.local", "localhost")),
        ("GPU1", "10.0.0.5 gpu1.example.org gpu1 # 10.0.0.6 gpu1.wrong.org", ("gpu1", "gpu1.example.org", "gpu1.local", "localhost")),
        ("gpu1.example.org", "10.0.0.5 gpu1.example.org gpu1", ("gpu1.example.org", "localhost")),
        ("gpu1", "10.0.0.6 gpu2.example.org gpu2\n\nbroken", ("gpu1", "gpu1.local", "localhost")),
        ("localhost", "127.0.0.1 localhost.localdomain localhost", ("localhost",)),
        ("bad name!", "", ("localhost",)),
        ("10.0.0.5", "", ("localhost",)),
        ("", "", ("localhost",)),
    ],
)
def test_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, hosts: str, names: tuple[str, ...]) -> None:
    (tmp_path / "hosts").write_text(hosts)
    monkeypatch.setattr(facts, "HOSTS_FILE", tmp_path / "hosts")
    monkeypatch.setattr(socket, "gethostname", lambda: own)
    assert facts.host_names() == names


def test_no_name_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getfqdn", "getnameinfo"):
        monkeypatch.setattr(socket, name, refuse)
    assert facts.host_names()
    assert facts.host_addresses() is not None


IN_A_NAMESPACE = """
set -e
ip link set lo up
for name in eth0 docker0 br-0123456789ab virbr0 lxcbr0 cni0 podman1 br0 down0; do
    count=$((count + 1))
    ip link add $name type veth peer name peer$count
    ip link set peer$count up
    [ $name = down0 ] || ip link set $name up
done
ip addr add 192.0.2.7/24 dev eth0
ip addr add 169.254.3.4/16 dev eth0
ip -6 addr add 2001:db8::7/64 dev eth0 nodad
ip -6 addr add 2001:db8::dead/64 dev eth0 nodad preferred_lft 0
ip addr add 192.0.2.99/24 dev down0
ip addr add 172.17.0.1/16 dev docker0
ip addr add 172.18.0.1/16 dev br-0123456789ab
ip addr add 192.168.122.1/24 dev virbr0
ip addr add 10.0.3.1/24 dev lxcbr0
ip addr add 10.88.0.1/16 dev cni0
ip addr add 10.89.0.1/16 dev podman1
ip addr add 198.51.100.4/24 dev br0
exec "$PYTHON" -c 'from jupyter_remote_kit.host.facts import host_addresses; print(*host_addresses())'
"""


def test_the_addresses_of_a_machine_with_containers() -> None:
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("network namespaces need root, unshare and ip")
    command = ["unshare", "--net", "sh", "-c", IN_A_NAMESPACE]
    done = subprocess.run(command, env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True, check=False)
    if "not supported" in done.stderr or "not permitted" in done.stderr or "Unknown device type" in done.stderr:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.stdout.split() == ["192.0.2.7", "198.51.100.4", "2001:db8::7"], done.stderr


def test_temporary_addresses_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stable, temporary, mixed = (f"20010db80000000000000000000000{last}" for last in ("01", "02", "03"))
    table = tmp_path / "if_inet6"
    table.write_text(f"{stable} 02 40 00 80     eth0\n{temporary} 02 40 00 01     eth0\n{mixed} 02 40 00 a21     eth0\nshort\n")
    monkeypatch.setattr(facts, "IPV6_TABLE", table)
    assert {str(address) for address in facts._unusable_ipv6()} == {"2001:db8::2", "2001:db8::3"}


@pytest.mark.parametrize(
    "name", ["docker0", "br-0123456789ab", "virbr0", "virbr0-nic", "lxdbr0", "cni-podman0", "flannel.1", "cali0123456789a"]
)
def test_bridges_of_containers(name: str) -> None:
    assert facts._is_bridge(name)


@pytest.mark.parametrize(
    "name", ["eth0", "enp3s0", "br0", "bridge0", "wlan0", "tailscale0", "wg0", "br-lan", "veth-not-there", "docker-ish"]
)
def test_other_interfaces(name: str) -> None:
    assert not facts._is_bridge(name)
