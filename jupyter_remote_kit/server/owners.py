"""Whose handler answers a request: the kit's, Jupyter's own, or another extension's, which is not ours to change."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from tornado.web import StaticFileHandler

from jupyter_remote_kit.server import upstream
from jupyter_remote_kit.server.gate import Gate

if TYPE_CHECKING:
    from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
    from tornado.web import Application, RequestHandler

_ATTRIBUTE = "remotekit_owner"
_KIT = "jupyter_remote_kit"
_JUPYTER = frozenset({"jupyter_server", "jupyter_server_terminals", "jupyterlab", "jupyterlab_server", "nbclassic", "notebook"})
# By name: jupyter_server imports nbconvert only for a conversion.
_NBCONVERT = "jupyter_server.nbconvert.handlers"


class Owner(Enum):
    """Whose an answer is."""

    KIT = "the kit's"
    JUPYTER = "a page or an API of jupyter_server, JupyterLab or Jupyter Notebook"
    FILES = "a file that one of them delivers: the user's, or an extension's"
    OTHER = "another extension's"
    PROXY = "of an application behind jupyter-server-proxy"

    @property
    def is_other(self) -> bool:
        """Whether it is for another package to decide what it takes and says."""
        return self in {Owner.OTHER, Owner.PROXY}


def note_handlers(web_app: Application) -> None:
    """Note for each request from now on which handler tornado has found for it.

    A transform of an answer is given the request alone, and a URL does not tell: extensions register whatever paths they like.
    """
    find = web_app.get_handler_delegate

    def noting(request: HTTPServerRequest, target_class: type[RequestHandler], *args: Any, **kwargs: Any) -> HTTPMessageDelegate:
        setattr(request, _ATTRIBUTE, _owner_of_class(target_class))
        return find(request, target_class, *args, **kwargs)

    web_app.get_handler_delegate = noting  # type: ignore[method-assign, assignment]  # every router asks the application for it


def find_owner(web_app: Application, request: HTTPServerRequest) -> Owner:
    """Whose handler is going to answer `request` once the gate has let it through; after `note_handlers`."""
    router = web_app.default_router
    for rule in router.rules:
        if isinstance(rule.matcher, Gate):
            continue
        found = rule.matcher.match(request)
        if found is not None and router.get_target_delegate(rule.target, request, **found) is not None:
            break
    return owner_of(request)


def owner_of(request: HTTPServerRequest) -> Owner:
    """Whose the answer to `request` is; the kit's where no handler was looked for."""
    owner = getattr(request, _ATTRIBUTE, Owner.KIT)
    return owner if isinstance(owner, Owner) else Owner.KIT


def _owner_of_class(handler: type[RequestHandler]) -> Owner:
    package = handler.__module__.partition(".")[0]
    if package == _KIT:
        return Owner.KIT
    if package not in _JUPYTER:
        return Owner.PROXY if upstream.is_proxy(handler) else Owner.OTHER
    return Owner.FILES if handler.__module__ == _NBCONVERT or issubclass(handler, StaticFileHandler) else Owner.JUPYTER
