"""Whose an answer is, what is put on it, and what is taken out of a request before it leaves for an application; without a server."""

from __future__ import annotations

import pytest
from jupyter_server.base.handlers import AuthenticatedFileHandler, FileFindHandler
from jupyter_server.files.handlers import FilesHandler
from jupyter_server.nbconvert.handlers import NbconvertFileHandler
from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server_proxy.api import ServersInfoHandler
from jupyter_server_proxy.handlers import AddSlashHandler, LocalProxyHandler, RemoteProxyHandler, SuperviseAndProxyHandler
from jupyterlab_server.handlers import LabHandler
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application, ErrorHandler, RequestHandler

from jupyter_remote_kit.server import headers, offers, owners, upstream
from jupyter_remote_kit.server.login import LoginHandler
from jupyter_remote_kit.server.owners import Owner
from jupyter_remote_kit.server.responses import RefusalHandler

OURS = "canary-token-0123456789abcdef0123456789"
NAMES = {"username-gpu-8888", "remotekit-device-gpu-8888"}


def is_ours(text: str) -> bool:
    return text == OURS


def a_request(uri: str = "/", **carried: str) -> HTTPServerRequest:
    given = HTTPHeaders({"Host": "gpu:8888", **carried})
    return HTTPServerRequest(start_line=RequestStartLine("GET", uri, "HTTP/1.1"), headers=given, connection=None)


class Derived(SuperviseAndProxyHandler):
    """As jupyter-rsession-proxy and jupyter-server-proxy's own configuration make them."""


class Tree(RequestHandler):
    """As Jupyter Notebook's."""

    __module__ = "notebook.app"


@pytest.mark.parametrize(
    ("handler", "owner"),
    [
        (Tree, Owner.JUPYTER),
        (LoginHandler, Owner.KIT),
        (RefusalHandler, Owner.KIT),
        (ContentsHandler, Owner.JUPYTER),
        (LabHandler, Owner.JUPYTER),
        (FileFindHandler, Owner.FILES),
        (FilesHandler, Owner.FILES),
        (AuthenticatedFileHandler, Owner.FILES),
        (NbconvertFileHandler, Owner.FILES),
        (LocalProxyHandler, Owner.PROXY),
        (ServersInfoHandler, Owner.OTHER),
        (Derived, Owner.PROXY),
        (ErrorHandler, Owner.OTHER),
    ],
)
def test_whose_a_handler_is(handler: type[RequestHandler], owner: Owner) -> None:
    app = Application([(r"/.*", handler)])
    owners.note_handlers(app)
    request = a_request()
    assert owners.find_owner(app, request) is owner
    assert owners.owner_of(request) is owner


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (LocalProxyHandler, True),
        (RemoteProxyHandler, True),
        (SuperviseAndProxyHandler, True),
        (Derived, True),
        (AddSlashHandler, False),
        (ServersInfoHandler, False),
        (ContentsHandler, False),
    ],
)
def test_which_handlers_forward_requests(handler: type[RequestHandler], answer: bool) -> None:
    assert upstream.is_proxy(handler) is answer


@pytest.mark.parametrize("owner", Owner)
@pytest.mark.parametrize("hsts", [False, True])
def test_what_an_answer_has_already_stays(owner: Owner, hsts: bool) -> None:
    request = a_request()
    request.protocol = "https"
    setattr(request, "remotekit_owner", owner)  # noqa: B010  # as `note_handlers` does
    own = {
        "Referrer-Policy": "unsafe-url",
        "Permissions-Policy": "camera=*",
        "Content-Security-Policy": "frame-ancestors *",
        "X-Content-Type-Options": "x",
        "Strict-Transport-Security": "max-age=1",
        "Server": "Werkzeug/3.1",
    }
    _, found, _ = headers.protective(hsts=hsts)(request).transform_first_chunk(200, HTTPHeaders(own), b"", finishing=True)
    assert dict(found.get_all()) == own


@pytest.mark.parametrize("owner", Owner)
def test_hsts_is_on_what_is_not_anothers(owner: Owner) -> None:
    request = a_request()
    request.protocol = "https"
    setattr(request, "remotekit_owner", owner)  # noqa: B010
    _, found, _ = headers.protective(hsts=True)(request).transform_first_chunk(200, HTTPHeaders(), b"", finishing=True)
    assert ("Strict-Transport-Security" in found) == (owner not in {Owner.OTHER, Owner.PROXY})


COOKIES = {
    "a=1; username-gpu-8888=x; b=2": "a=1; b=2",
    "username-gpu-8888=x": None,
    "username-gpu-8888=x; remotekit-device-gpu-8888=y": None,
    "username-gpu-8888 = x; a=1": "a=1",
    "username-gpu-8889=another server's": "username-gpu-8889=another server's",
    "a=username-gpu-8888; b=c=d": "a=username-gpu-8888; b=c=d",
    'a="1 2"; _xsrf=2|x': 'a="1 2"; _xsrf=2|x',
    "": "",
}


@pytest.mark.parametrize("cookie", COOKIES)
def test_of_cookies_ours_alone_are_withheld(cookie: str) -> None:
    request = a_request(Cookie=cookie)
    upstream.withhold(request, NAMES, is_ours)
    assert (request.headers.get("Cookie") or None) == (COOKIES[cookie] or None)


def test_each_of_several_cookie_headers_is_looked_at() -> None:
    request = a_request()
    for text in ("a=1; username-gpu-8888=x", "username-gpu-8888=y", "b=2"):
        request.headers.add("Cookie", text)
    upstream.withhold(request, NAMES, is_ours)
    assert request.headers.get_list("Cookie") == ["a=1", "b=2"]


AUTHORIZATIONS = {
    f"token {OURS}": None,
    f"Bearer {OURS}": None,
    f"BEARER   {OURS} ": None,
    "Bearer theirs": "Bearer theirs",
    f"Bearer {OURS}x": f"Bearer {OURS}x",
    "Basic dTpw": "Basic dTpw",
    f"Basic {OURS}": f"Basic {OURS}",
}


@pytest.mark.parametrize("value", AUTHORIZATIONS)
def test_of_authorizations_ours_alone_is_withheld(value: str) -> None:
    request = a_request(Authorization=value)
    upstream.withhold(request, NAMES, is_ours)
    assert request.headers.get("Authorization") == AUTHORIZATIONS[value]


QUERIES = {
    f"token={OURS}": "",
    f"a=1&token={OURS}&b=2": "a=1&b=2",
    f"a=%20+%2B&&x&y=&token={OURS}&=&z==": "a=%20+%2B&&x&y=&=&z==",
    f"%74oken={OURS}": "",
    f"token={OURS[:-1]}%{ord(OURS[-1]):x}": "",
    f"token=+{OURS}%20": "",
    "token=theirs&token=&token": "token=theirs&token=&token",
    f"token={OURS}&token=theirs": "token=theirs",
    f"Token={OURS}&token[]={OURS}": f"Token={OURS}&token[]={OURS}",
    "q=%FF%FE&r=\xfc": "q=%FF%FE&r=\xfc",
    "": "",
}


@pytest.mark.parametrize("query", QUERIES)
def test_of_a_query_our_token_alone_is_taken(query: str) -> None:
    assert offers.without_ours(query, is_ours) == QUERIES[query]
    request = a_request(f"/app?{query}")
    upstream.withhold(request, NAMES, is_ours)
    assert request.query == QUERIES[query]


REFERERS = {
    f"https://gpu:8888/lab?token={OURS}": "https://gpu:8888/lab",
    f"https://gpu:8888/proxy/80/?a=%20&token={OURS}&b=c?": "https://gpu:8888/proxy/80/?a=%20&b=c?",
    "https://gpu:8888/proxy/80/?token=theirs": "https://gpu:8888/proxy/80/?token=theirs",
    "https://gpu:8888/?": "https://gpu:8888/?",
    "": "",
}


@pytest.mark.parametrize("referer", REFERERS)
def test_of_a_referrer_our_token_alone_is_taken(referer: str) -> None:
    request = a_request(Referer=referer)
    upstream.withhold(request, NAMES, is_ours)
    assert request.headers["Referer"] == REFERERS[referer]


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        (f"/app/a%20b/?token={OURS}", "/app/a%20b/"),
        (f"//evil.example/?token={OURS}&a", "/evil.example/?a"),
        # Raw UTF-8, as tornado reads a request line.
        (f"/app/\xc3\xbc?q=\xc3\xa4&token={OURS}", "/app/%C3%BC?q=%C3%A4"),
    ],
)
def test_where_an_exchange_leads(uri: str, location: str) -> None:
    assert offers.without_token(a_request(uri), is_ours) == location
