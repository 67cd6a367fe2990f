"""What was said this time, over what the instance is, over the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.errors import ExitCode, Refused, WrongUsage
from jupyter_remote_kit.plan.answers import Answers, address_awaited, check_machine, is_loopback, merge
from jupyter_remote_kit.settings import Access, Settings
from tests.plan.build import HOME, facts, settings

OWN = {"certfile": Path("/c/cert.pem"), "keyfile": Path("/c/key.pem")}
SSH = {"access": Access.SSH, "ip": "127.0.0.1"}
RELAY = {"access": Access.RELAY, "ip": "127.0.0.1"}


def merged(answers: Answers, existing: Settings | None = None) -> Settings:
    return merge(answers, existing, home=HOME, locale="zh_CN")


def test_a_first_init_without_answers_serves_the_home_to_the_network_in_the_terminals_language() -> None:
    assert merged(Answers()) == Settings(root_dir=HOME, language="zh_CN")


@pytest.mark.parametrize(("access", "ip"), [(Access.LAN, ""), (Access.SSH, "127.0.0.1"), (Access.RELAY, "127.0.0.1")])
def test_each_access_has_an_address_of_its_own(access: Access, ip: str) -> None:
    assert merged(Answers(access=access)).ip == ip


@pytest.mark.parametrize(
    ("existing", "answers", "expected"),
    [
        pytest.param({}, {}, {}, id="nothing said, nothing changed"),
        pytest.param({"ip": "192.168.0.107"}, {"access": Access.LAN}, {"ip": "192.168.0.107"}, id="the same access keeps its address"),
        pytest.param({"ip": "192.168.0.107"}, {"access": Access.SSH}, SSH, id="another access takes its own address"),
        pytest.param(SSH, {"access": Access.LAN}, {}, id="from ssh to lan"),
        pytest.param({"ip": "192.168.0.107"}, {"ip": "0.0.0.0"}, {"ip": ""}, id="all IPv4 addresses"),
        pytest.param({}, {"ip": "::"}, {"ip": ""}, id="all IPv6 addresses"),
        pytest.param({}, {"ip": "fd00::107"}, {"ip": "fd00::107"}, id="one address"),
        pytest.param(SSH, {"ip": "::1"}, {**SSH, "ip": "::1"}, id="the other loopback"),
        pytest.param({"port": 9000}, {}, {"port": 9000}, id="the port is kept"),
        pytest.param({"port": 9000}, {"port": 9001}, {"port": 9001}, id="the port is changed"),
        pytest.param({}, {"root_dir": Path("/data")}, {"root_dir": Path("/data")}, id="root directory"),
        pytest.param({}, {"language": "en"}, {"language": "en"}, id="language"),
        pytest.param({"allow_hosts": ("a.example",)}, {}, {"allow_hosts": ("a.example",)}, id="names are kept"),
        pytest.param(
            {"allow_hosts": ("a.example",)},
            {"allow_hosts": ("b.example", "c.example", "b.example")},
            {"allow_hosts": ("b.example", "c.example")},
            id="names are replaced, each once",
        ),
        pytest.param({"allow_root": True}, {}, {"allow_root": True}, id="leave for root is kept"),
        pytest.param({"allow_root": True}, {"allow_root": False}, {"allow_root": False}, id="leave for root is taken back"),
        pytest.param({}, OWN, OWN, id="own certificate"),
        pytest.param(OWN, {}, OWN, id="own certificate is kept"),
        pytest.param(OWN, {"port": 9000}, {**OWN, "port": 9000}, id="own certificate is kept beside a change"),
        pytest.param(OWN, {"certfile": Path("/d/both.pem")}, {"certfile": Path("/d/both.pem")}, id="another one with its key inside"),
        pytest.param(OWN, {"private_ca": True}, {}, id="back to the private authority"),
        pytest.param(OWN, {"plain_http": True}, {"plain_http": True}, id="plain HTTP instead of a certificate"),
        pytest.param(OWN, {"access": Access.SSH}, SSH, id="ssh needs no certificate"),
        pytest.param(OWN, {"access": Access.RELAY}, {**OWN, **RELAY}, id="a relay may use it"),
        pytest.param({"plain_http": True}, {}, {"plain_http": True}, id="plain HTTP is kept"),
        pytest.param({"plain_http": True}, {"plain_http": False}, {}, id="plain HTTP is taken back"),
        pytest.param({"plain_http": True}, OWN, OWN, id="a certificate instead of plain HTTP"),
        pytest.param({"plain_http": True}, {"private_ca": True}, {}, id="the private authority instead of plain HTTP"),
        pytest.param({"plain_http": True}, {"access": Access.SSH}, SSH, id="ssh instead of plain HTTP"),
        pytest.param({"plain_http": True}, {"access": Access.RELAY}, {**RELAY, "plain_http": True}, id="plain HTTP to a relay"),
        pytest.param({"allow_hosts": ("a.example",)}, {"allow_hosts": ()}, {}, id="names are taken back"),
        pytest.param({}, {"allow_networks": ("any",)}, {"allow_networks": ("any",)}, id="any network"),
        pytest.param({"allow_networks": ("any",)}, {"port": 9000}, {"allow_networks": ("any",), "port": 9000}, id="networks are kept"),
        pytest.param({"allow_networks": ("any",)}, {"allow_networks": ()}, {}, id="back to the networks of the access"),
        pytest.param(
            {"allow_networks": ("any",)},
            {"allow_networks": ("10.0.0.0/8", "fd00::/8", "10.0.0.0/8")},
            {"allow_networks": ("10.0.0.0/8", "fd00::/8")},
            id="networks are replaced, each once",
        ),
        pytest.param({}, {"trusted_proxies": ("::1/128",)}, {"trusted_proxies": ("::1/128",)}, id="a trusted proxy"),
        pytest.param({"trusted_proxies": ("::1/128",)}, {}, {"trusted_proxies": ("::1/128",)}, id="a trusted proxy is kept"),
        pytest.param({"trusted_proxies": ("::1/128",)}, {"trusted_proxies": ()}, {}, id="no proxy is trusted any more"),
        pytest.param({"session_days": 3}, {}, {"session_days": 3}, id="days of a session are kept"),
        pytest.param({"session_days": 3}, {"session_days": 365}, {"session_days": 365}, id="days of a session are changed"),
        pytest.param({}, {"hsts": True}, {"hsts": True}, id="HSTS"),
        pytest.param({"hsts": True}, {}, {"hsts": True}, id="HSTS is kept"),
        pytest.param({"hsts": True}, {"hsts": False}, {}, id="HSTS is taken back"),
        pytest.param({"hsts": True}, {"access": Access.SSH}, SSH, id="HSTS ends where TLS ends"),
        pytest.param({"hsts": True}, {"plain_http": True}, {"plain_http": True}, id="HSTS ends with plain HTTP"),
        pytest.param({"plain_http": True}, {"hsts": True, "private_ca": True}, {"hsts": True}, id="HSTS comes with TLS"),
        pytest.param({**RELAY, "plain_http": True}, {"hsts": True}, {**RELAY, "plain_http": True, "hsts": True}, id="HSTS of a relay"),
    ],
)
def test_an_answer_is_laid_over_what_is(existing: dict[str, Any], answers: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged(Answers(**answers), settings(**existing)) == settings(**expected)


@pytest.mark.parametrize(
    ("answers", "code", "sentence"),
    [
        ({"keyfile": Path("/k")}, "contradiction", "--keyfile does not go with --certfile."),
        ({"certfile": Path("/c"), "plain_http": True}, "contradiction", "--plain-http does not go with --certfile."),
        ({"certfile": Path("/c"), "private_ca": True}, "contradiction", "--private-ca does not go with --certfile."),
        ({"access": Access.SSH, "certfile": Path("/c")}, "contradiction", "--access ssh does not go with --certfile, --plain-http."),
        ({"access": Access.SSH, "plain_http": True}, "contradiction", "--access ssh does not go with --certfile, --plain-http."),
        ({"access": Access.SSH, "private_ca": True}, "contradiction", "--access ssh does not go with --certfile, --plain-http."),
        (
            {"access": Access.SSH, "ip": "192.168.0.107"},
            "bound-beyond-loopback",
            "With --access ssh the server listens on loopback only, not on 192.168.0.107.",
        ),
        (
            {"access": Access.RELAY, "ip": "0.0.0.0"},
            "bound-beyond-loopback",
            "With --access relay the server listens on loopback only, not on 0.0.0.0.",
        ),
    ],
)
def test_answers_that_contradict_each_other_are_wrong_usage(answers: dict[str, Any], code: str, sentence: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        merged(Answers(**answers))
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == (code, sentence)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_name_alone_says_nothing_of_an_instance() -> None:
    assert not Answers("gpu1").named
    assert Answers("gpu1", port=8801).named
    assert Answers("gpu1", plain_http=False).named


def test_plain_http_and_the_private_authority_exclude_each_other() -> None:
    # Accepted, one of the two would be ignored.
    with pytest.raises(WrongUsage):
        Answers(plain_http=True, private_ca=True).check()


@pytest.mark.parametrize("answers", [{"access": Access.SSH}, {"plain_http": True}, {"certfile": Path("/c/cert.pem")}])
def test_a_new_authority_where_none_is_used_is_wrong_usage(answers: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage):
        Answers(new_authority=True, **answers).check()


@pytest.mark.parametrize("answers", [{"access": Access.SSH}, {"access": Access.LAN, "plain_http": True}])
def test_hsts_without_tls_is_wrong_usage_where_the_command_line_tells(answers: dict[str, Any]) -> None:
    with pytest.raises(WrongUsage) as caught:
        Answers(hsts=True, **answers).check()
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("contradiction", "--hsts means nothing without TLS, which this server does not speak.")
    assert str(problem.hint) == "Leave --hsts out"


@pytest.mark.parametrize(
    ("existing", "answers"),
    [(SSH, {}), ({"plain_http": True}, {}), ({}, {"plain_http": True}), ({**RELAY, "plain_http": True}, {"access": Access.LAN})],
)
def test_hsts_without_tls_is_refused_where_the_instance_tells(existing: dict[str, Any], answers: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="--hsts means nothing without TLS"):
        merged(Answers(hsts=True, **answers), settings(**existing))


@pytest.mark.parametrize("access", [Access.LAN, Access.RELAY])
def test_a_port_that_may_change_is_for_ssh_alone(access: Access) -> None:
    with pytest.raises(WrongUsage) as caught:
        Answers(access=access, auto_port=True).check()
    (problem,) = caught.value.problems
    assert str(problem.message) == "--port auto may choose another port at each start, and every URL with it."
    assert str(problem.hint) == "Name the port, such as --port 8800, or add --access ssh"
    with pytest.raises(Refused, match="--port auto may choose"):
        merged(Answers(auto_port=True), settings(access=access, ip=access.default_ip))
    assert merged(Answers(access=Access.SSH, auto_port=True), settings(access=access)) == settings(**SSH)


@pytest.mark.parametrize("answers", [{"plain_http": True}, {"certfile": Path("/c")}, {"private_ca": True}])
def test_an_option_that_an_ssh_instance_has_no_use_for_is_refused(answers: dict[str, Any]) -> None:
    # The command line alone does not tell; the instance does. Accepted, the option would be ignored.
    with pytest.raises(Refused):
        merged(Answers(**answers), settings(**SSH))


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"access": Access.SSH, "ip": "127.0.0.1", "auto_port": True},
        {"access": Access.RELAY, "ip": "::1"},
        {"access": Access.RELAY, "plain_http": True},
        {"access": Access.RELAY, **OWN},
        {"access": Access.LAN, "ip": "192.168.0.107"},
        {"certfile": Path("/c")},
        {"plain_http": False, "private_ca": True},
    ],
)
def test_answers_that_go_together_are_accepted(answers: dict[str, Any]) -> None:
    Answers(**answers).check()
    assert merged(Answers(**answers))


def test_an_address_that_the_instances_access_does_not_allow_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        merged(Answers(ip="0.0.0.0"), settings(**SSH))
    (problem,) = caught.value.problems
    assert str(problem.message) == "With --access ssh the server listens on loopback only, not on 0.0.0.0."
    assert str(problem.hint) == "Leave --ip out, or use --access lan"


@pytest.mark.parametrize("ip", ["", "0.0.0.0", "::", "*", "127.0.0.1", "127.8.8.8", "::1", "localhost", "192.168.0.107", "fd00::107"])
def test_addresses_of_this_host_are_served(ip: str) -> None:
    check_machine(settings(ip=ip), facts())


@pytest.mark.parametrize(
    ("addresses", "hint"),
    [
        (("192.168.0.107", "fd00::107"), "Use one of 192.168.0.107, fd00::107, or --ip 0.0.0.0 for all of them"),
        ((), "Use one of 127.0.0.1, or --ip 0.0.0.0 for all of them"),
    ],
)
def test_an_address_that_is_not_here_names_those_that_are(addresses: tuple[str, ...], hint: str) -> None:
    with pytest.raises(Refused) as caught:
        check_machine(settings(ip="10.0.0.9"), facts(addresses=addresses))
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("address-not-here", "This host does not have the address 10.0.0.9.")
    assert str(problem.hint) == hint


def test_an_address_that_the_instance_had_before_is_awaited() -> None:
    chosen = settings(ip="10.0.0.9")
    check_machine(chosen, facts(), before=chosen)
    (problem,) = address_awaited(chosen, facts())
    assert (problem.code, str(problem.message)) == (
        "address-awaited",
        "This host does not have the address 10.0.0.9 now: the server waits for it before it serves.",
    )
    assert address_awaited(chosen, facts(local_addresses=("10.0.0.9",))) == ()
    with pytest.raises(Refused):
        check_machine(chosen, facts(), before=settings())


@pytest.mark.parametrize(("uid", "allow_root", "refused"), [(0, False, True), (0, True, False), (1000, False, False)])
def test_root_is_refused_without_leave(uid: int, allow_root: bool, refused: bool) -> None:
    chosen, machine = settings(allow_root=allow_root), facts(uid=uid)
    if not refused:
        check_machine(chosen, machine)
        return
    with pytest.raises(Refused, match="The server would run as root, and so would every notebook"):
        check_machine(chosen, machine)


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("localhost", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("128.0.0.1", False),
        ("localhost.example.org", False),
        ("gpu.localhost", True),
        ("LOCALHOST.", True),
        ("::1%lo", True),
        ("fe80::1%eth0", False),
        ("mylocalhost", False),
        ("gpu", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(ip: str, expected: bool) -> None:
    assert is_loopback(ip) is expected
