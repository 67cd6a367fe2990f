"""Which folders several machines share."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan.mounts import on_network

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
30 22 0:40 / /home rw shared:2 master:1 - autofs systemd-1 rw,fd=51
31 30 0:41 / /home/alice rw,relatime shared:3 - nfs4 nas:/export/alice rw,vers=4.2,addr=10.0.0.2
32 31 0:42 / /home/alice/scratch rw - xfs /dev/nvme0n1 rw
33 22 0:43 / /mnt/my\040disk\134\134x rw - fuse.sshfs alice@nas:/x rw,user_id=0
34 22 0:44 / /data rw - ext4 /dev/sdb1 rw
35 34 0:45 / /data rw - beegfs beegfs_nodev rw
36 22 0:46 / /wsl rw - 9p drvfs rw
37 22 0:47 / /odd rw - overlay a\040-\040b rw
"""


@pytest.mark.parametrize(
    "path",
    [
        "/home/alice",
        "/home/alice/.local/share/jupyter/runtime",
        r"/mnt/my disk\\x/runtime",
        # Mounted over another.
        "/data/runtime",
    ],
)
def test_a_network_file_system_is_shared(path: str) -> None:
    assert on_network(TABLE, path)


@pytest.mark.parametrize(
    "path",
    ["/", "/root/.local", "/home/alice/scratch/runtime", "/home/alicea", "/home/bob", "/mnt/my", "/wsl/x", "/odd", "/home/alice-2/x"],
)
def test_a_disk_of_this_machine_is_not(path: str) -> None:
    assert not on_network(TABLE, path)


@pytest.mark.parametrize("kind", ["nfs", "cifs", "smb3", "lustre", "gpfs", "ceph", "afs", "glusterfs", "fuse.glusterfs", "panfs", "pvfs2"])
def test_those_of_clusters_are_known(kind: str) -> None:
    assert on_network(f"1 0 0:1 / / rw - {kind} server rw", "/home")


@pytest.mark.parametrize("table", ["", "\n", "nothing that could be read\n", "1 0 - nfs x rw\n", "1 0 0:1 / /other rw - nfs x rw"])
def test_of_a_table_that_says_nothing_nothing_is_believed(table: str) -> None:
    assert not on_network(table, "/home")
