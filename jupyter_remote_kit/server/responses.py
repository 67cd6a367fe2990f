"""How a refusal is answered: a page for browsers, JSON for programs, and plain text for a header that was not parsed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tornado import escape
from tornado.web import HTTPError, RequestHandler, stream_request_body

from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.server.refusals import Refusal
from jupyter_remote_kit.server.templates import Page
from jupyter_remote_kit.words import catalogue, negotiated_locale

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.httputil import HTTPHeaders

    from jupyter_remote_kit.messages import Translate

PAGE = Page("refused.html")
LOCALES = ("en", "zh_CN")


@stream_request_body
class RefusalHandler(RequestHandler):
    """Answers with a `Refusal` as soon as the headers are there: a body is neither waited for nor read.

    A plain tornado handler: jupyter_server's `prepare` would look for a user first.
    """

    def initialize(self, refusal: Refusal) -> None:
        """`refusal` is what the gate decided."""
        self._refusal = refusal

    def prepare(self) -> None:
        """Answer before any verb is looked at; tornado runs no method after a `finish` here."""
        write(self, self._refusal)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Nothing is expected: tornado closes a connection whose answer came before its body."""
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Verbs that tornado does not know end here, before `prepare`."""
        write(self, self._refusal)

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here that could be forged."""

    def log_exception(self, *args: Any) -> None:
        """A verb that is none is the client's mistake, not worth a traceback."""
        if not isinstance(args[1], HTTPError):
            super().log_exception(*args)


def write(handler: RequestHandler, refusal: Refusal) -> None:
    """Finish `handler` with `refusal`."""
    handler.set_status(refusal.status)
    headers, body = rendered(refusal, handler.request.headers)
    # tornado ends the connection after an answer that came before the body was read, and does not tell the client.
    for name, value in (headers | {"Connection": "close"}).items():
        handler.set_header(name, value)
    handler.finish(body)


def rendered(refusal: Refusal, asked: HTTPHeaders) -> tuple[dict[str, str], str]:
    """The headers of the answer and its body, by the `Accept` and `Accept-Language` of the request's headers."""
    locale = negotiated_locale(asked.get("Accept-Language", ""))
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Language", **refusal.headers}
    if "text/html" in asked.get("Accept", ""):
        return headers | {"Content-Type": "text/html; charset=utf-8"}, _page(refusal, locale)
    translate = catalogue(locale)
    answer = {"message": refusal.sentence.render(translate), "reason": None, "hint": _hint(refusal, translate)}
    return headers | {"Content-Type": "application/json; charset=UTF-8"}, escape.json_encode(answer)


def _page(refusal: Refusal, locale: str) -> str:
    """The refusal as HTML."""
    return PAGE.render(
        locale,
        title=msg("JupyterLab"),
        sentence=refusal.sentence,
        hint=refusal.hint,
        command=refusal.command,
        sign_in=refusal.sign_in,
        advice=refusal.advice.hint if refusal.advice else "",
        lines=refusal.advice.lines if refusal.advice else (),
        back=msg("Back to the sign-in page"),
    )


def _hint(refusal: Refusal, translate: Translate) -> str | None:
    parts = [refusal.hint.render(translate), refusal.command]
    if refusal.advice is not None:
        parts += [refusal.advice.hint.render(translate), "; ".join(f"{line.program}: {line.text}" for line in refusal.advice.lines)]
    return " ".join(part for part in parts if part) or None


def unasked(refusal: Refusal) -> bytes:
    """A whole answer to a header that was not parsed: in every language, since there is no telling which one is asked for."""
    lines = []
    for locale in LOCALES:
        translate = catalogue(locale)
        lines.append(" ".join(part for part in (refusal.sentence.render(translate), _hint(refusal, translate)) if part))
    body = "\n".join((*lines, "")).encode()
    status = HTTPStatus(refusal.status)
    head = (
        f"HTTP/1.1 {status} {status.phrase}",
        "Content-Type: text/plain; charset=utf-8",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "Connection: close",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
