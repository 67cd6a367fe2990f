"""A server extension of another package, copied into the path of the servers under test: the shapes that extensions register."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.web import RedirectHandler, RequestHandler, StaticFileHandler, authenticated
from tornado.websocket import WebSocketHandler

TEMPLATE = "{{ token }}|{{ own.token }}"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "other_extension"}]


class Page(JupyterHandler):
    @authenticated
    def get(self) -> None:
        self.set_header("Content-Type", "text/html")
        self.finish("<script>1</script>")

    @authenticated
    def post(self) -> None:
        self.finish("posted")


class Forgetful(JupyterHandler):
    """It does not say who may read it."""

    def get(self) -> None:
        self.finish("public")


class Api(APIHandler):
    @authenticated
    def get(self) -> None:
        self.finish({"token": self.get_argument("token", "")})


class Twice(JupyterHandler):
    """It asks a second time who is there."""

    @authenticated
    async def get(self) -> None:
        user = await self.identity_provider.get_user(self)
        self.finish({"same": user.username == self.current_user.username})


class Plain(RequestHandler):
    """tornado's own, without Jupyter's headers: a bare server adds none."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.set_header("Cache-Control", "no-store")
        self.finish("window.ran = true")

    def head(self) -> None:
        self.set_header("Content-Type", "text/plain")

    def delete(self) -> None:
        self.set_status(202)

    def check_xsrf_cookie(self) -> None:
        pass


class Templated(JupyterHandler):
    """A template whose variable `token` is the extension's own."""

    @authenticated
    def get(self) -> None:
        environment: Environment = self.settings["other_extension_jinja2_env"]
        given = self.get_argument("given", "its-own")
        self.finish(environment.get_template("page").render(token=given, own={"token": "x"}))


class Socket(WebSocketHandler):
    def check_origin(self, origin: str) -> bool:
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[-1] if subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


def _load_jupyter_server_extension(app: Any) -> None:
    folder = Path(tempfile.mkdtemp())
    (folder / "a.txt").write_text("window.ran = true")
    web_app = app.web_app
    web_app.settings["other_extension_jinja2_env"] = Environment(loader=DictLoader({"page": TEMPLATE}), autoescape=True)

    def at(path: str, under: str = "other") -> str:
        return url_path_join(web_app.settings["base_url"], under, path)

    web_app.add_handlers(
        ".*",
        [
            (at("page"), Page),
            (at("forgetful"), Forgetful),
            (at("twice"), Twice),
            (at("api"), Api),
            (at("plain"), Plain),
            # Among Jupyter's own.
            (at("plain", "api/other"), Plain),
            (at("socket", "api/other"), Socket),
            (at("template"), Templated),
            (at("socket"), Socket),
            (at("moved"), RedirectHandler, {"url": "/other/plain"}),
            (at("static/(.*)"), StaticFileHandler, {"path": str(folder)}),
        ],
    )
