"""What the laptop's port answers by itself, so that no host is sent another's cookies."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan import localname
from jupyter_remote_kit.plan.localname import GOES_ON, LocalName

OWN = LocalName("gpu-example-org.localhost", "gpu.example.org.localhost", 21876)
PAGE = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
MISDIRECTED = localname.misdirected(OWN)


def head(host: str, *fields: str, line: str = "GET /lab?a=1 HTTP/1.1") -> bytes:
    """The beginning of a connection as a browser makes it."""
    return "\r\n".join((line, f"Host: {host}", *fields, "", "")).encode("latin-1")


@pytest.mark.parametrize(
    "host",
    [
        "gpu-example-org.localhost:21876",
        "GPU-Example-Org.localhost.:21876",
        "gpu-example-org.localhost",
        # Programs that resolve no other name.
        "localhost:21876",
        "127.0.0.1:21876",
        "[::1]:21876",
        # The host refuses other names.
        "evil.example:21876",
        "evillocalhost:21876",
        "a b",
        "",
    ],
)
@pytest.mark.parametrize("fields", [(PAGE,), ("Accept: */*", "Upgrade: websocket"), ()])
def test_what_is_meant_for_the_server_goes_on(host: str, fields: tuple[str, ...]) -> None:
    assert localname.decide(head(host, *fields), OWN) is GOES_ON


@pytest.mark.parametrize(
    "host", ["cpu.localhost:21876", "gpu.example.org.localhost:21876", "a.gpu-example-org.localhost:21876", "x.localhost."]
)
def test_a_page_at_another_name_is_the_same_page_at_this_servers(host: str) -> None:
    decision = localname.decide(head(host, PAGE), OWN)
    assert decision is not None
    lines = decision.answer.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 307 Temporary Redirect"
    assert "Location: http://gpu-example-org.localhost:21876/lab?a=1" in lines
    assert "Cache-Control: no-store" in lines
    assert lines[-2:] == ["", ""]


@pytest.mark.parametrize(
    "host",
    [
        *("-x.gpu-example-org.localhost", "x-.gpu-example-org.localhost", "a$b.localhost", "a!b.localhost", "a~b.localhost"),
        *("a*b.localhost", "xn--.localhost", ".gpu.localhost", "..localhost", f"{'a' * 64}.localhost", "a b.localhost", "\xe4.localhost"),
        # The server's own name, as another host of the browser's.
        *("gpu-example-org.localhost..", "GPU-EXAMPLE-ORG.LOCALHOST..", "gpu-example-org.localhost:0", "gpu-example-org.localhost:99999"),
        *("-x.localhost:", "-x.localhost.:21876", "gpu.example.org.localhost.."),
    ],
)
@pytest.mark.parametrize("fields", [(PAGE,), ("Accept: */*",)])
def test_what_a_browser_takes_for_a_name_and_no_host_does_reaches_none(host: str, fields: tuple[str, ...]) -> None:
    assert localname.decide(head(host, *fields), OWN) == MISDIRECTED


def test_a_request_for_another_server_is_told_this_ones_url() -> None:
    fields, _, body = MISDIRECTED.answer.partition(b"\r\n\r\n")
    assert fields.startswith(b"HTTP/1.1 421 Misdirected Request\r\nContent-Type: text/plain")
    assert f"Content-Length: {len(body)}".encode() in fields
    assert body == b"This port is for http://gpu-example-org.localhost:21876/\n"


def test_a_target_cannot_write_headers_nor_lead_elsewhere() -> None:
    told = localname.decide(head("x.localhost", PAGE, line="GET //evil.example/\xfc\n?q=\xe4 HTTP/1.1"), OWN)
    assert told is not None
    assert b"\r\nLocation: http://gpu-example-org.localhost:21876//evil.example/%FC%0A?q=%E4\r\n" in told.answer
    for line in ("GET http://evil.example/ HTTP/1.1", "GET /a b HTTP/1.1", "GET /", "GET "):
        assert localname.decide(head("x.localhost", PAGE, line=line), OWN) == MISDIRECTED


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("GET /x.png HTTP/1.1", ("Accept: image/avif,*/*",)),
        ("GET /api/kernels/x/channels HTTP/1.1", (PAGE, "Upgrade: websocket")),
        ("POST /login HTTP/1.1", (PAGE,)),
        ("PUT /api/contents/a HTTP/1.1", ()),
    ],
)
def test_at_another_name_nothing_but_a_page_is_answered_and_a_tab_of_the_former_name_goes_on(line: str, fields: tuple[str, ...]) -> None:
    assert localname.decide(head("cpu.localhost:21876", *fields, line=line), OWN) == MISDIRECTED
    assert localname.decide(head("gpu.example.org.localhost:21876", *fields, line=line), OWN) is GOES_ON


@pytest.mark.parametrize("host", ["gpu-example-org.localhost:21876", "cpu.localhost:21876", "localhost"])
def test_it_is_decided_by_what_has_come_and_never_otherwise(host: str) -> None:
    whole = head(host, PAGE)
    decisions = [localname.decide(whole[:length], OWN) for length in range(len(whole) + 1)]
    assert decisions[0] is None
    assert decisions[-1] is not None
    assert {decision for decision in decisions if decision is not None} == {decisions[-1]}


def test_a_header_without_an_end_is_not_held_for_ever() -> None:
    for begun in (b"GET / HTTP/1.1\r\nHost: x.localhost\r\nCookie: ", b"GET /", b"GET / HTTP/1.1\r\nCookie: "):
        assert localname.decide(begun + b"a" * localname.MOST_HEADER, OWN) == MISDIRECTED
        assert localname.decide(begun + b"a" * 1024, OWN) is None


@pytest.mark.parametrize("begun", [b"\x16\x03\x01\x02", b"early", b"GE(", b"SSH-2.0-x", b"A" * 21])
def test_what_no_browser_sends_goes_on(begun: bytes) -> None:
    assert localname.decide(begun, OWN) is GOES_ON


def test_a_request_without_a_host_is_the_servers_to_refuse() -> None:
    assert localname.decide(b"GET / HTTP/1.0\r\n\r\n", OWN) is GOES_ON
