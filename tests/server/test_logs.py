"""What a flood leaves in the log, and that nobody else loses a line: jupyter_server's own access log, real records, real handlers."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest
from jupyter_server.log import log_request
from jupyter_server.prometheus.metrics import HTTP_REQUEST_DURATION_SECONDS
from tornado import http1connection
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.log import app_log, gen_log
from tornado.routing import Matcher, Rule
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jupyter_remote_kit.plan.networks import source_of
from jupyter_remote_kit.server import logs, visits
from jupyter_remote_kit.server.logs import LogLimit, caused_by, limited
from jupyter_remote_kit.server.visits import Peer, Visit, Way

PREFIX = "[W 2026-01-01 00:00:00.000 ServerApp] "


NO_ROUTES = Application()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Log:
    """The log of a server: the handler that ServerApp has, and tornado's loggers below it, as `ServerApp.init_logging` ties them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.limit = LogLimit(self.clock)
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter(PREFIX.replace("%", "%%") + "%(message)s"))
        self.handler.setLevel(logging.INFO)
        self.app = logging.getLogger("TestServerApp")

    @property
    def lines(self) -> list[str]:
        return [line.removeprefix(PREFIX) for line in self.stream.getvalue().splitlines()]

    @property
    def size(self) -> int:
        return len(self.stream.getvalue().encode())

    def left_out(self) -> int:
        """How many lines the summaries tell of."""
        return sum(
            int(told.group(1)) for line in self.lines if (told := re.match(r"(\d+) (similar lines|lines of strangers) left out", line))
        )


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    # A server that ran in this process has given them its own name.
    for name in ("tornado.access", "tornado.application", "tornado.general"):
        logging.getLogger(name).name = name
    tornado = logging.getLogger("tornado")
    before = (tornado.parent, tornado.level, tornado.propagate)
    made.app.propagate, tornado.propagate, tornado.parent = False, True, made.app
    made.app.setLevel(logging.DEBUG)
    tornado.setLevel(logging.DEBUG)
    made.app.addHandler(made.handler)
    made.limit.install(made.app, tornado, logging.getLogger("asyncio"))
    caused = logs._cause.set(None)
    yield made
    logs._cause.reset(caused)
    made.app.removeHandler(made.handler)
    tornado.parent, tornado.level, tornado.propagate = before
    assert logging.lastResort is not None
    logging.lastResort.removeFilter(made.limit)


def visit(address: str = "192.0.2.1", *, signed_in: bool = False) -> Visit:
    ip = ip_address(address)
    return Visit(Peer(ip, source_of(ip), secure=False), way=Way.COOKIE if signed_in else None)


class Handler(RequestHandler):
    """A handler as jupyter_server's access log wants it, with a `log`."""

    log = logging.getLogger("TestServerApp")


def answered(who: Visit, status: int = 403, uri: str = "/api/status", method: str = "GET", **headers: str) -> Handler:
    """A request of `who` that was answered with `status`."""

    class Connection:
        no_keep_alive = False

        def set_close_callback(self, callback: Callable[[], None]) -> None: ...

    line = RequestStartLine(method, uri, "HTTP/1.1")
    request = HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "host:8800", **headers}), connection=Connection())  # type: ignore[arg-type]
    request.remote_ip = str(who.peer)
    visits.note(request, who)
    handler = Handler(NO_ROUTES, request)
    handler.set_status(status)
    return handler


access = partial(log_request, record_prometheus_metrics=False)

# -- the access log --------------------------------------------------------------------------------------------------------------------


def test_a_flood_of_250_addresses_leaves_less_than_1_mb_and_says_how_much_it_left_out(log: Log) -> None:
    to_log = limited(access, log.limit)
    flood = [answered(visit(f"198.51.100.{n}"), 401, "/login?next=%2Flab", "POST", Referer="https://host/login") for n in range(250)]
    for n in range(120_000):
        log.clock.now += 1 / 2000
        to_log(flood[n % 250])
        if n % 2:
            gen_log.info("Malformed HTTP message from %s: %s", f"198.51.100.{n % 250}", "Malformed HTTP request line")
        if n % 4 == 0:
            gen_log.warning("SSL Error on %s %s: %s", n, ("198.51.100.1", n), "[SSL: HTTP_REQUEST] http request (_ssl.c:1006)")
    assert log.size < 1_000_000
    log.limit.tell(log.app)
    written = sum("left out" not in line for line in log.lines)
    assert log.left_out() + written == 120_000 + 60_000 + 30_000
    assert written > 500


def test_one_address_leaves_much_less(log: Log) -> None:
    to_log, flood = limited(access, log.limit), answered(visit())
    for _ in range(120_000):
        log.clock.now += 1 / 2000
        to_log(flood)
    assert log.size < 40_000


def test_rotating_addresses_leave_less_than_1_mb(log: Log) -> None:
    to_log = limited(access, log.limit)
    for n in range(20_000):
        log.clock.now += 1 / 500
        to_log(answered(visit(f"2001:db8:{n >> 8:x}:{n & 255:x}::1")))
    assert log.size < 1_000_000
    log.limit.tell(log.app)
    assert log.left_out() + sum("left out" not in line for line in log.lines) == 20_000


def test_long_uris_are_cut_and_cost_more(log: Log) -> None:
    to_log = limited(access, log.limit)
    for n in range(250):
        flood = answered(visit(f"198.51.100.{n}"), 404, "/" + "a" * 60_000, Referer="http://x/" + "b" * 60_000)
        for _ in range(40):
            log.clock.now += 1 / 2000
            to_log(flood)
    assert log.size < 500_000
    assert max(map(len, log.lines)) < 1100


def test_a_day_of_flood_is_less_than_100_mb(log: Log) -> None:
    to_log, flood = limited(access, log.limit), [answered(visit(f"198.51.100.{n}")) for n in range(250)]
    hours = 0.5
    for n in range(18_000):
        log.clock.now += 0.1
        to_log(flood[n % 250])
    assert log.size / hours * 24 < 100_000_000


def test_those_signed_in_lose_no_line_behind_the_address_of_a_flood(log: Log) -> None:
    to_log = limited(access, log.limit)
    stranger, owner = answered(visit()), answered(visit(signed_in=True), 404, "/api/contents/missing.ipynb")
    for _ in range(3000):
        to_log(stranger)
        to_log(owner)
    assert sum("missing.ipynb" in line for line in log.lines) == 3000


def test_a_stranger_elsewhere_keeps_a_line_while_one_address_floods(log: Log) -> None:
    to_log = limited(access, log.limit)
    for _ in range(10_000):
        to_log(answered(visit("198.51.100.1")))
    to_log(answered(visit("203.0.113.7"), 403, "/lab"))
    assert log.lines[-1].startswith("403 GET /lab (@203.0.113.7)")


def test_an_ide_that_polls_unauthenticated_for_an_hour_loses_no_line(log: Log) -> None:
    to_log = limited(access, log.limit)
    for at in range(0, 3600, 3):
        log.clock.now = 2000.0 + at
        to_log(answered(visit(), 403, f"/api/sessions?{1_700_000_000_000 + at}"))
    assert len(log.lines) == 1200


def test_the_sign_in_page_of_ten_people_behind_one_address_loses_no_line(log: Log) -> None:
    to_log = limited(access, log.limit)
    for _ in range(10):
        to_log(answered(visit(), 302, "/"))
        to_log(answered(visit(), 302, "/lab?"))
        to_log(answered(visit(), 404, "/favicon.ico"))
        to_log(answered(visit(), 401, "/login?next=%2Flab", "POST"))
        to_log(answered(visit(), 302, "/login?next=%2Flab", "POST"))
    assert len(log.lines) == 50
    assert not log.left_out()


def test_the_lines_come_back_with_a_summary_in_front(log: Log) -> None:
    to_log = limited(access, log.limit)
    for _ in range(1000):
        to_log(answered(visit()))
    written = len(log.lines)
    log.clock.now += 60
    to_log(answered(visit(), 403, "/after"))
    assert log.lines[written] == f"{1000 - written} similar lines left out"
    assert log.lines[written + 1].startswith("403 GET /after")
    to_log(answered(visit(), 403, "/later"))
    assert log.lines[written + 2].startswith("403 GET /later")


def test_what_was_left_out_is_told_once(log: Log) -> None:
    to_log = limited(access, log.limit)
    for _ in range(1000):
        to_log(answered(visit()))
    written = len(log.lines)
    log.limit.tell(log.app)
    log.limit.tell(log.app)
    assert log.lines[written:] == [f"{1000 - written} lines of strangers left out"]


def test_answers_that_are_not_logged_are_not_counted_either(log: Log) -> None:
    to_log = limited(access, log.limit)
    for _ in range(5000):
        to_log(answered(visit(), 200, "/login"))
        to_log(answered(visit(), 304, "/static/style.css"))
    log.limit.tell(log.app)
    assert log.lines == []


def test_with_debug_every_answer_is_there(log: Log) -> None:
    log.handler.setLevel(logging.DEBUG)
    to_log = limited(access, log.limit)
    for _ in range(5000):
        to_log(answered(visit(), 200, "/login"))
    assert len(log.lines) == 5000


@pytest.mark.parametrize(("uri", "referer"), [("//[", ""), ("/", "http://["), ("/?token=secret", "//[?token=secret")])
def test_a_line_that_jupyter_server_cannot_put_together_is_written_plainly(log: Log, uri: str, referer: str) -> None:
    limited(access, log.limit)(answered(visit(), 404, uri, Referer=referer))
    (line,) = log.lines
    assert re.fullmatch(r"404 'GET' '/*\[?' \(192\.0\.2\.1\)", line)


def test_made_up_methods_do_not_fill_the_histogram(log: Log) -> None:
    def methods() -> int:
        return len({labels["method"] for metric in HTTP_REQUEST_DURATION_SECONDS.collect() for _, labels, *_ in metric.samples})

    to_log = limited(log_request, log.limit)
    to_log(answered(visit(), 404, "/", "GET"))
    before = methods()
    for n in range(50):
        to_log(answered(visit(), 405, "/", f"X{n}"))
    assert methods() == before
    assert log.lines[-1] == "405 'X49' '/' (192.0.2.1)"


def test_an_error_of_a_stranger_keeps_its_headers(log: Log) -> None:
    limited(access, log.limit)(answered(visit(), 500, "/api/status", Host="host:8800"))
    assert '"Host": "host:8800"' in log.stream.getvalue()
    assert log.lines[-1].startswith("500 GET /api/status")


def test_a_request_that_came_past_the_gate_is_limited_by_its_address(log: Log) -> None:
    to_log, handler = limited(access, log.limit), answered(visit())
    visits.note(handler.request, None)  # type: ignore[arg-type]
    for _ in range(1000):
        to_log(handler)
    assert 50 < len(log.lines) < 300


# -- other lines -----------------------------------------------------------------------------------------------------------------------


def as_caused_by(who: Visit, do: Callable[[], Any]) -> None:
    caused = logs._cause.set(None)
    try:
        caused_by(who)
        do()
    finally:
        logs._cause.reset(caused)


def test_what_handlers_log_for_strangers_is_limited_by_place(log: Log) -> None:
    def flood() -> None:
        for n in range(5000):
            log.app.warning(f"Clearing invalid/expired login cookie username-{n}")  # as jupyter_server has it

    as_caused_by(visit(), flood)
    as_caused_by(visit("192.0.2.9"), lambda: log.app.warning("another place"))
    assert len(log.lines) < 1000
    assert log.lines[-1] == "another place"


def test_what_handlers_log_for_those_signed_in_is_not(log: Log) -> None:
    def upload() -> None:
        for n in range(20_000):
            log.app.info("Uploading file to %s", f"data/{n}")

    as_caused_by(visit(signed_in=True), upload)
    assert len(log.lines) == 20_000


def test_what_the_server_logs_by_itself_is_not(log: Log) -> None:
    for n in range(20_000):
        log.app.error("Kernel %s died, restarting", n)
    assert len(log.lines) == 20_000


def test_a_traceback_of_a_kernel_is_whole(log: Log) -> None:
    def fails() -> None:
        try:
            raise RuntimeError("x" * 50_000)
        except RuntimeError:
            app_log.error("Uncaught exception in ZMQStream callback", exc_info=True)

    as_caused_by(visit(signed_in=True), fails)
    assert log.stream.getvalue().count("x") > 50_000


def test_a_traceback_that_a_stranger_causes_is_cut_and_counted_by_its_length(log: Log) -> None:
    def flood() -> None:
        for _ in range(1000):
            try:
                raise RuntimeError("x" * 50_000)
            except RuntimeError:
                app_log.error("Uncaught exception %s", "GET /" + "y" * 50_000, exc_info=True)

    as_caused_by(visit(), flood)
    assert log.lines[0].startswith("Uncaught exception GET /y")
    assert 3 <= log.stream.getvalue().count("Uncaught exception") <= 10
    assert log.size < 100_000


def test_debug_lines_are_left_alone(log: Log) -> None:
    log.handler.setLevel(logging.DEBUG)
    for n in range(5000):
        gen_log.debug("frame %d", n)
    assert len(log.lines) == 5000


def test_a_record_whose_values_do_not_fit_is_left_to_logging(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    log.handler.handle(logging.LogRecord("tornado.general", logging.WARNING, __file__, 1, "%d", ("no number",), None))
    gen_log.warning("the next")
    assert log.lines == ["the next"]
    assert "Logging error" in capsys.readouterr().err


def test_two_handlers_write_the_same_lines(log: Log) -> None:
    second = logging.StreamHandler(io.StringIO())
    log.app.addHandler(second)
    log.limit.install(log.app)
    for n in range(3000):
        gen_log.info("Malformed HTTP message from %s", n)
    log.app.removeHandler(second)
    assert second.stream.getvalue().splitlines() == log.lines
    assert len(log.lines) < 1000


def test_asyncio_without_a_handler_is_limited_on_its_last_resort(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    record = partial(logging.LogRecord, "asyncio", logging.ERROR, __file__, 1)
    assert logging.lastResort is not None
    for n in range(5000):
        logging.lastResort.handle(record(f"Fatal error on SSL transport {n}", (), None))
    assert 100 < len(stream.getvalue().splitlines()) < 1000


def test_the_limit_itself_holds_a_bounded_number_of_names(log: Log) -> None:
    tracemalloc.start()
    for n in range(logs.MOST):
        log.limit.covers(f"2001:db8:0:{n:x}::/64")
    full, _ = tracemalloc.get_traced_memory()
    for n in range(20 * logs.MOST):
        log.limit.covers(f"2001:db8:1:{n:x}::/64")
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert full < 1_000_000
    assert after - full < 100_000


# -- a real server: the cause of a line travels from the headers to all that the request starts --------------------------------------------


class Signs(Matcher):
    """A gate that lets everybody through, and knows those with a certain header."""

    def match(self, request: HTTPServerRequest) -> None:
        who = visit("127.0.0.1", signed_in="X-Signed-In" in request.headers)
        visits.note(request, who)
        caused_by(who)


class Chatty(Handler):
    """Logs before and after an await, and from a callback of its own that comes later."""

    async def get(self) -> None:
        self.log.warning("before %s", "." * 200)
        await asyncio.sleep(0)
        self.log.warning("after %s", "." * 200)
        asyncio.get_running_loop().call_later(0.001, lambda: self.log.warning("later %s", "." * 200))


def test_lines_of_a_real_request_know_whose_they_are(log: Log) -> None:
    rounds = 1000

    async def main() -> None:
        web_app = Application([("/", Chatty)], log_function=limited(access, log.limit))
        web_app.default_router.rules.insert(0, Rule(Signs(), Chatty))
        sock, port = bind_unused_port()
        server = HTTPServer(web_app)
        server.add_socket(sock)
        client = AsyncHTTPClient(force_instance=True, max_clients=4)
        for headers in ({}, {"X-Signed-In": "yes"}):
            await asyncio.gather(*(client.fetch(f"http://127.0.0.1:{port}/", headers=headers) for _ in range(rounds)))
            await asyncio.sleep(0.05)
        # Nobody knows whose these are: they never get as far as their headers.
        for _ in range(rounds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
            await reader.read()
            writer.close()
            await writer.wait_closed()
        server.stop()
        client.close()

    asyncio.run(main())
    for line in ("before", "after", "later"):
        assert rounds + 200 < sum(each.startswith(line) for each in log.lines) < rounds + 300
    malformed = sum(line.startswith("Malformed HTTP") for line in log.lines)
    assert 100 < malformed < rounds


def test_tornados_lines_are_limited_under_the_servers_name_too(log: Log) -> None:
    """jupyter_server renames tornado's loggers to its own; what tornado says of a stranger's connection is tornado's all the same."""
    for number in range(3000):
        record = logging.LogRecord(
            "ServerApp", logging.WARNING, http1connection.__file__, 344, "Malformed HTTP message %d", (number,), None
        )
        log.handler.handle(record)
    assert 0 < len(log.lines) < 1000
