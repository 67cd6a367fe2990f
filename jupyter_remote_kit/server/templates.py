"""The kit's own pages, each in the language of whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader

import jupyter_remote_kit
from jupyter_remote_kit.messages import Message
from jupyter_remote_kit.words import catalogue, negotiated_locale

if TYPE_CHECKING:
    from tornado.web import RequestHandler

_TEMPLATES = Environment(loader=FileSystemLoader(Path(jupyter_remote_kit.__file__).parent / "templates"), autoescape=True)


class Page:
    """One page of `templates/`.

    Make it when a module is imported: without the file that part of the kit is missing, and `parts` keeps the server from starting.
    """

    def __init__(self, name: str) -> None:
        self._template = _TEMPLATES.get_template(name)

    def render(self, locale: str, **values: object) -> str:
        """The HTML, its sentences in the language of `locale`."""
        translate = catalogue(locale)
        words = {name: value.render(translate) if isinstance(value, Message) else value for name, value in values.items()}
        return self._template.render(language=locale.replace("_", "-"), **words)


def asked_locale(handler: RequestHandler) -> str:
    """The locale that the client asks for. The answer is kept nowhere, and depends on this header."""
    handler.set_header("Cache-Control", "no-store")
    handler.set_header("Vary", "Accept-Language")
    return negotiated_locale(handler.request.headers.get("Accept-Language", ""))
