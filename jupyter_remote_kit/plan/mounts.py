"""What /proc/self/mountinfo tells of a path: whether other machines may have the same files (proc_pid_mountinfo(5))."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

# Without 9p and virtiofs, by which a virtual machine and WSL have the files of the one machine that they run on.
_NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "coda"),
        *("lustre", "gpfs", "beegfs", "fhgfs", "ceph", "glusterfs", "orangefs", "pvfs2", "panfs", "wekafs", "gfs2", "ocfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.juicefs", "fuse.mfs", "fuse.moosefs", "fuse.s3fs"),
    }
)
_ESCAPED = re.compile(r"\\([0-7]{3})")
_MOUNT_POINT = 4


def on_network(mountinfo: str, path: str) -> bool:
    """Whether `path`, absolute and without links in it, is on a file system that several machines share."""
    return _kind(mountinfo, PurePosixPath(path)) in _NETWORK


def _kind(mountinfo: str, path: PurePosixPath) -> str | None:
    """The type of the file system below the longest mount point that holds `path`; of several mounted there, the last covers the others."""
    kind, depth = None, 0
    for line in mountinfo.split("\n"):
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) <= _MOUNT_POINT:
            continue
        point = PurePosixPath(_ESCAPED.sub(lambda escape: chr(int(escape[1], 8)), fields[_MOUNT_POINT]))
        if len(point.parts) >= depth and path.is_relative_to(point):
            kind, depth = after.partition(" ")[0], len(point.parts)
    return kind
