"""What a managed server logs: never a token, hash or ticket, at whatever level."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tornado.log import LogFormatter

from jupyter_remote_kit.server.redaction import HIDDEN, install, redact

if TYPE_CHECKING:
    from tests.server.conftest import Machine


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("404 GET /api/contents/x?token=abc (127.0.0.1)", f"404 GET /api/contents/x?token={HIDDEN} (127.0.0.1)"),
        ("GET /login?next=%2Flab%3Ftoken%3Dabc%26a%3D1", f"GET /login?next=%2Flab%3Ftoken%3D{HIDDEN}"),
        ("HTTPServerRequest(uri='/remotekit/open?ticket=abc&x=1')", f"HTTPServerRequest(uri='/remotekit/open?ticket={HIDDEN}&x=1')"),
        ("Config changed: {'token': 's3cret'}", f"Config changed: {{'token': '{HIDDEN}'}}"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_is_hidden(text: str, shown: str) -> None:
    assert redact(text, ("s3cret", "")) == shown


@pytest.fixture
def redacting() -> Iterator[None]:
    """Records are redacted, as in a managed server, until the test is over."""
    made = logging.getLogRecordFactory()
    install(lambda: ("s3cret",))
    yield
    logging.setLogRecordFactory(made)


def logged(formatter: logging.Formatter) -> tuple[logging.Logger, io.StringIO]:
    """A logger of its own, and what it writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    log = logging.Logger("test")
    log.addHandler(handler)
    return log, written


@pytest.mark.usefixtures("redacting")
@pytest.mark.parametrize("formatter", [logging.Formatter(), LogFormatter(color=False)], ids=["logging", "tornado"])
def test_a_traceback_says_what_went_wrong_and_no_credential(formatter: logging.Formatter) -> None:
    log, written = logged(formatter)
    try:
        try:
            raise ConnectionError("http://gpu:8888/api?token=canary refused")
        except ConnectionError as error:
            raise RuntimeError("s3cret is wrong") from error
    except RuntimeError:
        log.exception("it failed")
    said = written.getvalue()
    assert "it failed" in said
    assert f"ConnectionError: http://gpu:8888/api?token={HIDDEN} refused" in said
    assert f"RuntimeError: {HIDDEN} is wrong" in said
    assert said.count("Traceback") == 2
    # The line of the source that raised it stands in a traceback, too.
    assert "s3cret" not in said
    assert "canary" not in said


@pytest.mark.usefixtures("redacting")
def test_a_traceback_survives_a_message_that_does_not_fit_its_values() -> None:
    record = logging.getLogRecordFactory()("n", logging.ERROR, __file__, 1, "%d", ("x",), (ValueError, ValueError("s3cret"), None))
    assert record.exc_text == f"ValueError: {HIDDEN}"


@pytest.mark.usefixtures("redacting")
def test_a_traceback_that_was_already_made_holds_no_credential() -> None:
    """As where two servers run in one process, each with secrets of its own."""
    install(lambda: ("another",))
    log, written = logged(logging.Formatter())
    try:
        raise RuntimeError("s3cret and another")
    except RuntimeError:
        log.exception("it failed")
    assert f"RuntimeError: {HIDDEN} and {HIDDEN}" in written.getvalue()


@pytest.mark.usefixtures("redacting")
def test_a_stack_holds_no_credential() -> None:
    log, written = logged(logging.Formatter())
    log.warning("here", stack_info=True)  # s3cret
    assert "Stack (most recent call last)" in written.getvalue()
    assert f"# {HIDDEN}" in written.getvalue()
    assert "s3cret" not in written.getvalue()


@pytest.mark.usefixtures("redacting")
def test_without_an_exception_there_is_no_traceback() -> None:
    log, written = logged(logging.Formatter())
    log.error("so")
    assert written.getvalue() == "so\n"


def test_no_credential_is_in_the_log_at_the_level_of_debug(machine: Machine) -> None:
    settings = machine.settings()
    traits = machine.traits(settings)
    machine.write(settings, traits)
    (machine.layout.config_dir / "jupyter_config.py").write_text("c.Application.log_level = 'DEBUG'\n")
    server = machine.start(settings)
    server.ready()
    token, hashed = traits["RemoteKitIdentityProvider"]["token"], traits["RemoteKitIdentityProvider"]["hashed_password"]
    with server.client() as client:
        assert client.get("/api/contents/nope", params={"token": token}).status_code == 404
        client.get("/login", params={"next": f"/lab?token={token}"})
        client.get("/remotekit/open", params={"ticket": "canary-of-a-ticket"})
    server.stop()
    # The level is in force, and the request that failed is there.
    assert "[D " in server.output
    assert "/api/contents/nope?token=" in server.output
    assert token not in server.output
    assert hashed not in server.output
    assert "canary-of-a-ticket" not in server.output
