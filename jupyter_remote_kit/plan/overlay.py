"""The instance's default settings of JupyterLab: its language, and completion while typing. A user's own settings win over them."""

from __future__ import annotations

import json

from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Settings

TRANSLATION = "@jupyterlab/translation-extension:plugin"
COMPLETER = "@jupyterlab/completer-extension:manager"
PROVIDER_TIMEOUT_MS = 15_000
"""JupyterLab drops a later answer, by default after a second: less than a language server takes for its first one on a busy host.

Nothing waits for it in vain: the labextension asks neither a busy kernel nor a language server that is not up."""


def render(settings: Settings) -> Secret:
    """The overlay's text, in the form of JupyterLab's `overrides.json`: plugin id → setting → value."""
    overlay = {
        TRANSLATION: {"locale": settings.language},
        COMPLETER: {"autoCompletion": True, "providerTimeout": PROVIDER_TIMEOUT_MS},
    }
    return Secret(json.dumps(overlay, indent=2, sort_keys=True) + "\n")
