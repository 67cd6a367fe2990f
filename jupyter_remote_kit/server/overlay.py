"""An instance's default settings of JupyterLab (language, completion), below everybody else's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.routing import Router, RuleRouter

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.commandline import own_command
from jupyter_remote_kit.plan.overlay import TRANSLATION

if TYPE_CHECKING:
    from tornado.web import Application

Settings = dict[str, dict[str, Any]]


def read(path: Path, instance: str) -> Settings:
    """The overlay at `path`, plugin id → settings, as an `overrides.json` has them; empty where there is none.

    Raises `Failed` when it is not that.
    """
    try:
        overlay = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _broken(path, instance, str(error)) from error
    if not isinstance(overlay, dict) or not all(isinstance(values, dict) for values in overlay.values()):
        raise _broken(path, instance, "not an object of objects")
    return overlay


def merge(web_app: Application, overlay: Settings) -> int:
    """Put `overlay` under the overrides that JupyterLab's handlers share; returns how many dictionaries took it.

    jupyterlab_server reads the overrides once and gives one dictionary to its settings and translation handlers
    (`jupyterlab_server/handlers.py`, add_handlers); it has no folder of overrides that only one server reads. What an administrator
    wrote into `overrides.json` wins, and so do the user's settings.
    """
    shared = {id(overrides): overrides for overrides in _overrides(web_app.default_router)}
    for overrides in shared.values():
        for plugin, values in overlay.items():
            overrides[plugin] = under(values, overrides.get(plugin, {}))
        _speak(overrides.get(TRANSLATION, {}).get("locale"))
    return len(shared)


def under(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` completed by `below`, in depth; `above` wins."""
    merged = dict(below)
    for key, value in above.items():
        low = merged.get(key)
        merged[key] = under(low, value) if isinstance(low, Mapping) and isinstance(value, Mapping) else value
    return merged


def _speak(locale: str | None) -> None:
    """Have the server translate schemas and names of languages into `locale` too, for whoever chose none.

    `SchemaHandler.get_current_locale` looks at what the user has set and then at a constant, the locale of the process; an override of the
    schema's default is not asked (`jupyterlab_server/settings_utils.py` 2.28). The constant is therefore ours: LANG would change what the
    kernels inherit.
    """
    if locale is None or locale == "default":
        return
    for name in ("jupyterlab_server.settings_utils", "jupyterlab_server.translations_handler"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "SYS_LOCALE"):
            module.__dict__["SYS_LOCALE"] = locale


def _overrides(router: Router) -> Iterator[Settings]:
    if not isinstance(router, RuleRouter):
        return
    for rule in router.rules:
        if isinstance(rule.target, Router):
            yield from _overrides(rule.target)
        elif isinstance(rule.target, type) and rule.target.__module__.startswith("jupyterlab_server."):
            overrides = rule.target_kwargs.get("overrides")
            if isinstance(overrides, dict):
                yield overrides


def _broken(path: Path, instance: str, reason: str) -> Failed:
    return Failed.of(
        "overlay-broken",
        msg("{path} holds no settings of JupyterLab: {reason}", path=path, reason=reason),
        msg("{command}", command=own_command(instance, "init")),
    )
