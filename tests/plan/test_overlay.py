"""An instance's defaults of JupyterLab."""

from __future__ import annotations

import json

import pytest

from jupyter_remote_kit.plan import overlay
from tests.plan.build import settings


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_language_and_completion_while_typing(language: str) -> None:
    text = overlay.render(settings(language=language)).reveal()
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "@jupyterlab/translation-extension:plugin": {"locale": language},
        "@jupyterlab/completer-extension:manager": {"autoCompletion": True, "providerTimeout": 15_000},
    }
