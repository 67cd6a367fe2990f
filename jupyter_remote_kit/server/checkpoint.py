"""What an open gate looks at, in this order: the target, the client's address, the host's name, who is signed in, guesses, the size.

All of it is settled from the headers, in the event loop, without a disk: a flood costs a look each.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from jupyter_server.utils import url_path_join
from tornado.web import RequestHandler

from jupyter_remote_kit.grammar import DEFAULT
from jupyter_remote_kit.plan import hosts
from jupyter_remote_kit.plan.audit import Action
from jupyter_remote_kit.plan.commandline import documented_command
from jupyter_remote_kit.server import initiators, logs, offers, proxied, refusals, visits, xsrf
from jupyter_remote_kit.server.exchange import ExchangeHandler
from jupyter_remote_kit.server.owners import Owner
from jupyter_remote_kit.server.streams import MOST_HEADER
from jupyter_remote_kit.server.visits import Visit, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tornado.httputil import HTTPServerRequest

    from jupyter_remote_kit.server.audit import Audit
    from jupyter_remote_kit.server.authenticator import Authenticator
    from jupyter_remote_kit.server.peers import Peers
    from jupyter_remote_kit.server.refusals import Refusal
    from jupyter_remote_kit.server.throttle import Answer

log = logging.getLogger("tornado.application")
# Of a password, and of anything that is sent by somebody who is not signed in.
MAX_BODY = 64 * 1024
# For how long a refusal slows its address down where it passes for another origin's doing. `Sec-Fetch-Site` is the sender's to write, so
# those that keep coming must not be served faster; but any page can have the owner's browser send them, and his address is itself again
# soon after. A connection that is signed in is not slowed down at all. 250 addresses have a turn each every 5 s: with that they get the
# door's 50 turns a second and no more, as with any longer time; with 2 s it is 125, with 1 s all 200 (simulated).
FOREIGN_HEAT_S = 5.0


@dataclass(frozen=True)
class Site:
    """Where the gate stands: the instance's name, the path that all of its routes begin with, and who may come, as it is declared too.

    `upstream` is where a proxy on the same machine reaches it, `settings` are those of its application, which say what origins it takes,
    and `outside` tells of a path whether there is nothing at it because it is not below `base_url`.
    """

    instance: str
    base_url: str
    peers: Peers
    allow_networks: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    upstream: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    outside: Callable[[str], bool] = lambda _: False

    def allowing_network(self, network: str) -> str:
        """What has `network` served beside those that are."""
        return self._fix("--allow-network", "allow_networks", (*(self.allow_networks or (DEFAULT,)), network))

    def allowing_host(self, name: str) -> str:
        """What has the host known by `name` too."""
        return self._fix("--allow-host", "allow_hosts", (*self.allow_hosts, name))

    def _fix(self, option: str, trait: str, values: tuple[str, ...]) -> str:
        """What sets `option`: to all of `values`, which take the place of what was declared.

        A server without an instance is set up by its own configuration file.
        """
        if not self.instance:
            return f"c.RemoteKit.{trait} = […]"
        return documented_command(self.instance, " ".join(("init", *(f"{option} {value}" for value in values))))


class Checkpoint:
    """Judges each request of a managed server."""

    def __init__(self, site: Site, authenticator: Authenticator, audit: Audit, whose: Callable[[HTTPServerRequest], Owner]) -> None:
        """`whose` tells whose handler a request would reach."""
        self._site, self._peers = site, site.peers
        self._whose = whose
        self._authenticator, self._audit = authenticator, audit
        self._login = url_path_join(site.base_url, "login")
        self._logout = url_path_join(site.base_url, "logout")
        self._version = url_path_join(site.base_url, "api")
        # jupyterlab_server never answers a stranger there: `LicensesHandler.finish` cannot be called as `write_error` calls it. What hangs
        # keeps its connection.
        self._unanswered = url_path_join(site.base_url, "lab/api/licenses")

    def inspect(self, request: HTTPServerRequest) -> Refusal | type[RequestHandler] | None:
        """Why `request` is refused, or who else answers it; `None` lets it through.

        Its `remote_ip` and `protocol` are those of the client from then on, for handlers and logs.
        """
        visit = Visit(self._peers.of(request))
        visits.note(request, visit)
        logs.caused_by(visit)
        if visit.peer.address is not None:
            # At a UNIX socket it stays what tornado makes of one (`0.0.0.0`): extensions read an address there.
            request.remote_ip = str(visit.peer)
        request.protocol = "https" if visit.peer.secure else "http"
        if refusal := self._turned_away(request, visit):
            return refusal
        offer = offers.of(request)
        visit = self._authenticator.recognise(request, visit.peer, offer)
        visits.note(request, visit)
        logs.caused_by(visit)
        if not visit.signed_in and (answer := self._guess(request, visit, offer)) and answer.wait:
            return refusals.throttled(answer, self._way_back(request))
        if refusal := self._unfit(request, visit):
            return refusal
        if visit.signed_in and self._authenticator.connections is not None:
            self._authenticator.connections.signed_in(request)
        if visit.way is Way.COOKIE and proxied.is_change(request) and xsrf.is_proved(request) and self._whose(request) is not Owner.PROXY:
            # An application behind a proxy has a comparison of its own.
            xsrf.settle(request)
        if self._is_to_be_exchanged(request, visit, offer):
            return ExchangeHandler
        return None if visit.signed_in else self._strangers_answer(request)

    def _is_to_be_exchanged(self, request: HTTPServerRequest, visit: Visit, offer: offers.Offer) -> bool:
        """Whether a browser without a session opens a page with a token in its URL that is meant for us."""
        if visit.session is not None or not offer.in_query or not offers.is_navigation(request):
            return False
        return self._authenticator.is_ours(offer.in_query) if visit.signed_in else not self._whose(request).is_other

    def _turned_away(self, request: HTTPServerRequest, visit: Visit) -> Refusal | None:
        """Who is not served whatever they bring."""
        # `GET http://elsewhere/ HTTP/1.1` and `OPTIONS *` are for proxies, and no proxy of ours sends them.
        if not request.uri or not request.uri.startswith("/"):
            return refusals.no_path(request.uri or "")
        if (part := offers.unreadable(request)) is not None:
            return refusals.unreadable(part)
        if request.method not in RequestHandler.SUPPORTED_METHODS:
            return refusals.verb(request.method or "")
        if not self._peers.admits(visit.peer):
            self._audit.record(Action.ADDRESS, request)
            return refusals.address(str(visit.peer), self._site.allowing_network(str(visit.peer)))
        if not self._peers.admits_host(request.headers.get("Host")):
            self._audit.record(Action.HOST, request, host=request.headers.get("Host", ""))
            name = request.headers.get("Host", "")
            return refusals.host(name, self._site.allowing_host(hosts.host_of(name) or "NAME"))
        if self._site.outside(request.path):
            return refusals.outside(request.path, self._site.upstream, self._site.base_url, self._login)
        return None

    def _changed_by_proxy(self, request: HTTPServerRequest, visit: Visit) -> Refusal | None:
        """What the server behind the gate would refuse without saying why. What a token came with is compared with nothing."""
        if visit.signed_in and proxied.has_lost_upgrade(request, self._site.base_url):
            refusal = refusals.no_upgrade(self._site.upstream, self._site.base_url)
            # Browsers show no answer to a WebSocket's handshake.
            log.warning("%s %s", refusal.sentence, request.path)
            return refusal
        return self._of_another_origin(request, visit)

    def _of_another_origin(self, request: HTTPServerRequest, visit: Visit) -> Refusal | None:
        """A change that a page of another origin asks for with the owner's cookies, or that passes for one behind a proxy.

        XSRF tokens do not keep it out: another subdomain may set the cookie that the form's field is compared with.
        """
        signing_in = request.path == self._login and not visit.signed_in
        if not (signing_in or visit.way is Way.COOKIE) or not proxied.is_change(request):
            return None
        told_foreign = initiators.is_told_foreign(request)
        if not (told_foreign or self._is_lost(request)):
            return None
        # Other origins that the configuration names may change things, and neither sign in nor out.
        allowed = proxied.lets_others_in(self._site.settings) and request.path not in {self._login, self._logout}
        # Another extension may have a route among Jupyter's, and take other origins there.
        if allowed or self._whose(request).is_other:
            return None
        origin = request.headers.get("Origin", "null")
        return refusals.other_site(origin) if told_foreign else refusals.other_origin(origin, request.host)

    def _is_lost(self, request: HTTPServerRequest) -> bool:
        """Whether `Origin` and `Host` differ where jupyter_server compares them; with `allow_origin` the browser's word is enough."""
        trusted = proxied.lets_others_in(self._site.settings) and initiators.is_same_origin(request)
        return not trusted and proxied.has_lost_host(request, self._site.base_url)

    def _guess(self, request: HTTPServerRequest, visit: Visit, offer: offers.Offer) -> Answer | None:
        """The answer to this client's guess: to the tokens in the headers, which are counted, or to the password that is to come."""
        authenticator = self._authenticator
        if offer.tokens:
            # Each counts: two in one request would be two guesses for the price of one.
            answers = [authenticator.count_token(request, visit, token) for token in offer.tokens]
            answer = max(answers, key=lambda answer: answer.wait)
        elif request.method == "POST" and request.path == self._login:
            # The password is in the body: counted when it is looked at, refused here before it is read.
            answer = authenticator.ask(request, visit)
        else:
            return None
        if answer.wait and authenticator.connections is not None and not visit.device:
            seconds = min(answer.wait, FOREIGN_HEAT_S) if initiators.is_foreign(request) else answer.wait
            authenticator.connections.heat(visit.peer.address, seconds)
        return answer

    def _unfit(self, request: HTTPServerRequest, visit: Visit) -> Refusal | None:
        """Why it cannot be answered as it is: what is too large, what no client of ours sends, and what a proxy has changed."""
        if not visit.signed_in and (refusal := self._large_header(request)):
            return refusal
        if refusal := self._changed_by_proxy(request, visit):
            return refusal
        if not visit.signed_in and offers.is_multipart(request):
            return refusals.multipart()
        if (not visit.signed_in or request.path == self._login) and not self._bound_body(request):
            return refusals.too_large(MAX_BODY)
        return None

    def _large_header(self, request: HTTPServerRequest) -> Refusal | None:
        connections = self._authenticator.connections
        if connections is None or connections.header_size(request) <= MOST_HEADER:
            return None
        host = hosts.host_of(request.host) or request.host
        return refusals.large_header(offers.largest_part(request), host, MOST_HEADER, self._login)

    def _way_back(self, request: HTTPServerRequest) -> str:
        """The sign-in page, with where it was to lead to."""
        asked = request.query_arguments.get("next") if request.path == self._login else None
        query = urlencode({"next": offers.leads_back(asked[-1].decode("utf-8", "replace"), self._authenticator.is_ours)}) if asked else ""
        return f"{self._login}?{query}" if query else self._login

    def _bound_body(self, request: HTTPServerRequest) -> bool:
        """Let `MAX_BODY` be read and no more; whether that will do for what is announced."""
        if request.connection is not None:
            # A chunked body announces nothing; tornado counts it and hangs up.
            request.connection.set_max_body_size(MAX_BODY)  # type: ignore[attr-defined]  # HTTP1Connection's
        return offers.announced_body(request) <= MAX_BODY

    def _strangers_answer(self, request: HTTPServerRequest) -> Refusal | type[RequestHandler] | None:
        if request.path.startswith(self._unanswered):
            return refusals.stranger(self._login)
        return StrangersVersion if request.path == self._version and request.method == "GET" else None


class StrangersVersion(RequestHandler):
    """`GET /api` for whoever is not signed in: that a Jupyter server is here, and not which; health probes ask for no more.

    None of the clients that were looked at (VS Code, PyCharm's URL check, `@jupyterlab/services`, `jupyter-kernel-client`) reads the
    version before it is signed in.
    """

    def get(self) -> None:
        """200 with an empty object."""
        self.set_header("Cache-Control", "no-store")
        self.finish({})
