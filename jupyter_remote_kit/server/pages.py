"""No token in any page: a browser lives by its cookie alone, and what is in no page no script of a page can send away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jinja2 import Environment
from jinja2.runtime import Context

if TYPE_CHECKING:
    from tornado.web import Application

PageConfigHook = Callable[[Any, dict[str, Any]], dict[str, Any]]


def blank_tokens(web_app: Application, is_ours: Callable[[str], bool]) -> None:
    """Blank the token in JupyterLab's page config and in every template, once all extensions are loaded."""
    settings = web_app.settings
    settings.setdefault("page_config_data", {})["token"] = ""
    settings["page_config_hook"] = _blanking(settings.get("page_config_hook"))
    context_class = _tokenless(is_ours)
    for value in settings.values():
        if isinstance(value, Environment):
            value.context_class = context_class


def _tokenless(is_ours: Callable[[str], bool]) -> type[Context]:
    """A template's variables, `token` being empty: jupyter_server's `page.html` writes it into each error page's `<body>`.

    Another extension's template may call something else by that name, which stays.
    """

    class TokenlessContext(Context):
        def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401
            """jinja2's hook for looking a variable up."""
            value = super().resolve_or_missing(key)
            return "" if key == "token" and isinstance(value, str) and is_ours(value) else value

    return TokenlessContext


def _blanking(inner: PageConfigHook | None) -> PageConfigHook:
    """`inner`, the hook that another extension has set, and the token blanked in what it gives."""

    def hook(handler: Any, page_config: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
        config = inner(handler, page_config) if inner else page_config
        config["token"] = ""
        return config

    return hook
