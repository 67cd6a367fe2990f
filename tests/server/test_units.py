"""The parts that need no server: modes, tickets, overlays, the cache of the status."""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.serverapp import ServerApp

from jupyter_remote_kit.errors import Failed, Problem
from jupyter_remote_kit.host import facts
from jupyter_remote_kit.messages import msg, untranslated
from jupyter_remote_kit.plan.policy import Finding, Mode, Posture, Severity
from jupyter_remote_kit.server import cookies, mode, overlay, parts, report
from jupyter_remote_kit.server.identity import RemoteKitIdentityProvider
from jupyter_remote_kit.server.kitstate import find_kit
from jupyter_remote_kit.server.peers import Declared, Peers
from jupyter_remote_kit.server.status import Cached, is_secure
from jupyter_remote_kit.server.tickets import LIFETIME_SECONDS, MAX_OUTSTANDING, Tickets
from jupyter_remote_kit.settings import Access

TOKEN = "canary-token-0123456789abcdef0123456789"
HUB = {"JUPYTERHUB_API_TOKEN": "t", "JUPYTERHUB_SERVICE_PREFIX": "/user/a/"}
HubProvider = type("HubProvider", (PasswordIdentityProvider,), {"__module__": "jupyterhub.singleuser.extension"})


@pytest.mark.parametrize(
    ("instance", "enforce", "provider", "environ", "expected"),
    [
        ("", False, PasswordIdentityProvider, {}, Mode.UNMANAGED),
        ("", True, PasswordIdentityProvider, {}, Mode.MANAGED),
        ("default", False, PasswordIdentityProvider, {}, Mode.MANAGED),
        ("", False, RemoteKitIdentityProvider, {}, Mode.MANAGED),
        ("", False, PasswordIdentityProvider, HUB, Mode.HUB),
        ("", False, PasswordIdentityProvider, {"JUPYTERHUB_API_TOKEN": "t"}, Mode.UNMANAGED),
        ("", False, HubProvider, {}, Mode.HUB),
        ("default", False, HubProvider, HUB, Mode.HUB),
        # `up` in a terminal of JupyterHub
        ("default", False, PasswordIdentityProvider, HUB, Mode.MANAGED),
        ("", False, RemoteKitIdentityProvider, HUB, Mode.MANAGED),
    ],
)
def test_mode(instance: str, enforce: bool, provider: type, environ: dict[str, str], expected: Mode) -> None:
    assert mode.decide(instance=instance, enforce=enforce, provider_class=provider, environ=environ) is expected


def test_the_kit_is_that_of_our_own_package_once_it_is_linked() -> None:
    def server(**packages: Any) -> Any:
        extensions = {name: SimpleNamespace(extension_points={"remotekit": SimpleNamespace(app=app)}) for name, app in packages.items()}
        return SimpleNamespace(extension_manager=SimpleNamespace(extensions=extensions))

    ours, other = SimpleNamespace(_linked=True), SimpleNamespace(_linked=True)
    assert find_kit(server(another_package=other, jupyter_remote_kit=ours)) is ours
    assert find_kit(server(another_package=other)) is None
    assert find_kit(server(jupyter_remote_kit=SimpleNamespace(_linked=False))) is None
    assert find_kit(server(jupyter_remote_kit=None)) is None
    # Before the extensions are looked for.
    assert find_kit(cast("ServerApp", SimpleNamespace())) is None


def test_a_ticket_is_good_once_and_in_time() -> None:
    now = [0.0]
    tickets = Tickets(lambda: now[0])
    first, second, third = tickets.issue(), tickets.issue(), tickets.issue()
    assert len({first, second, third}) == 3
    assert [tickets.redeem(first), tickets.redeem(first), tickets.redeem("")] == [True, False, False]
    now[0] = LIFETIME_SECONDS
    assert not tickets.redeem(second)
    tickets = Tickets()
    issued = [tickets.issue() for _ in range(MAX_OUTSTANDING + 1)]
    assert not tickets.redeem(issued[0])
    assert tickets.redeem(issued[1])
    tickets.revoke_all()
    assert not tickets.redeem(issued[2])


def test_overlay_lies_under_what_is_there() -> None:
    below = {"a": 1, "b": {"x": 1, "y": 1}, "c": {"z": 1}}
    assert overlay.under(below, {"b": {"y": 2}, "c": 3}) == {"a": 1, "b": {"x": 1, "y": 2}, "c": 3}


@pytest.mark.parametrize("text", ["{", "[]", '{"plugin": 1}'])
def test_a_broken_overlay_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "overlay.json"
    path.write_text(text)
    with pytest.raises(Failed) as caught:
        overlay.read(path, "default")
    assert str(path) in str(caught.value)
    assert overlay.read(tmp_path / "absent", "default") == {}


def test_a_line_is_one_line() -> None:
    finding = Finding("code", Severity.REFUSE, msg("{value} is\nwrong.", value="a\nb"), msg("do this"))
    assert report.line(finding, untranslated) == "code: a b is wrong. — do this"
    assert report.line(Problem("code", msg("So.")), untranslated) == "code: So."
    assert report.refusal_line(finding, untranslated) == "refused [code]: a b is wrong. — do this"


def test_refusal_ends_the_process_with_78(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        report.refuse([Problem("one", msg("A.")), Problem("two", msg("B."))])
    assert caught.value.code == 78
    assert capsys.readouterr().err == "refused [one]: A.\nrefused [two]: B.\n"


def test_no_part_is_missing_here() -> None:
    assert parts.missing() == ()


@pytest.mark.parametrize(
    ("posture", "protocol", "expected"),
    [
        (Posture(tls=True), "https", True),
        (Posture(access=Access.SSH, tls=False, loopback=True), "http", True),
        (Posture(access=Access.SSH, tls=False, loopback=False), "http", False),
        (Posture(access=Access.RELAY, tls=False, loopback=True), "http", False),
        (Posture(access=Access.RELAY, tls=True, loopback=True), "http", True),
        (Posture(access=Access.LAN, tls=False), "http", False),
        (Posture(access=None, tls=False, loopback=True, mode=Mode.UNMANAGED), "http", True),
        (Posture(access=None, tls=False, loopback=False, mode=Mode.HUB), "https", True),
    ],
)
def test_secure(posture: Posture, protocol: str, expected: bool) -> None:
    assert is_secure(posture, protocol) is expected


def test_many_askers_make_one_measurement_a_second() -> None:
    now, measured = [0.0], []

    async def measure() -> int:
        measured.append(now[0])
        await asyncio.sleep(0)
        return len(measured)

    async def ask() -> list[int]:
        cached = Cached(measure, lambda: now[0])
        answers = list(await asyncio.gather(*(cached.get() for _ in range(20))))
        now[0] = 0.9
        answers.append(await cached.get())
        now[0] = 1.1
        return [*answers, await cached.get()]

    assert asyncio.run(ask()) == [1] * 21 + [2]


def test_what_is_declared_and_loopback_are_served_without_asking_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def names() -> tuple[str, ...]:
        asked.append("names")
        return ("gpubox",)

    monkeypatch.setattr(facts, "host_names", names)
    peers = Peers(Declared(allow_hosts=("alias.example",), certificate_names=lambda: ("*.lab.example", "2001:db8::7")))
    for header in ("localhost:8800", "127.0.0.1", "[::1]", "alias.example", "gpu.lab.example", "[2001:db8::7]:8800"):
        assert peers.admits_host(header)
    for header in (None, "", "*.lab.example", "gpubox/lab"):
        assert not peers.admits_host(header)
    assert asked == []
    assert peers.admits_host("gpubox:8800")
    assert not peers.admits_host("lab.example")
    assert asked == ["names"]


def test_a_wildcard_that_is_no_certificates_is_none() -> None:
    assert not Peers(Declared(allow_hosts=("*.lab.example",))).admits_host("gpu.lab.example")


@given(st.one_of(st.text(), st.text().map(TOKEN.__add__), st.integers(1, len(TOKEN)).map(lambda length: TOKEN[:length])))
@example(TOKEN)
@example("\ud800")
def test_a_token_is_compared_by_a_digest_of_one_length_whatever_is_offered(text: str) -> None:
    provider = RemoteKitIdentityProvider(parent=ServerApp(), token=TOKEN)
    compare, seen = hmac.compare_digest, []

    def spy(one: bytes, other: bytes) -> bool:
        seen.append((len(one), len(other)))
        return compare(one, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hmac, "compare_digest", spy)
        assert provider.is_token(text) is (text == TOKEN)
    # Of nothing at all no time can tell anything.
    assert seen == ([(32, 32)] if text else [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, "Lax"),
        ({"SameSite": "None"}, "Lax"),
        ({"samesite": None}, "Lax"),
        ({"SameSite": "none"}, "Lax"),
        ({"samesite": "Strict"}, "Strict"),
    ],
)
def test_a_cookie_is_lax_at_least_whatever_cookie_options_say(said: dict[str, Any], expected: str) -> None:
    handler: Any = SimpleNamespace(request=SimpleNamespace(protocol="http"))
    options = cookies.options(handler, given={**said, "HttpOnly": False}, base_url="/", secure=False)
    assert (options["samesite"], options["httponly"]) == (expected, True)
