"""A folder that is held open, as far as the system goes: hosts are Linux or macOS, but a laptop may be Windows."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from jupyter_remote_kit.host.windowsfolders import HAS_MODES, READ, Folder, set_mode, sync_folder, user_id
else:
    from jupyter_remote_kit.host.posixfolders import HAS_MODES, READ, Folder, set_mode, sync_folder, user_id

__all__ = ["HAS_MODES", "READ", "Folder", "set_mode", "sync_folder", "user_id"]
