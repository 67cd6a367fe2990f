"""What the server of an instance, or whoever starts it, has written down: which process it is, and where.

Without psutil, which `status` is quicker without.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_remote_kit.host import files, whoami
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.plan.terminal import printable


def read(layout: Layout, instance: str) -> dict[str, Any] | None:
    """The runtime file: pid, host, create_time and, once the server listens, port; or `None`. The process may be gone since."""
    content = files.file_fact(layout.runtime_file(instance)).content
    try:
        record = json.loads(content or b"null")
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("pid"), int) else None


def other_host(record: dict[str, Any] | None) -> str | None:
    """Whose record it is, where hosts that share a home share it: the other host's name, fit to be shown, or `None` for this one."""
    host = record.get("host") if record is not None else None
    return printable(host) if isinstance(host, str) and host != whoami.host_name() else None


def elsewhere(layout: Layout, instance: str) -> str | None:
    """The name of the other host that has started the instance; `None` where this one has, or nobody."""
    return other_host(read(layout, instance))
