"""What may be written in an option; whatever passes is safe in a shell, a URL and a certificate."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import idna
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import ExitCode, WrongUsage

Parser = Callable[[str], object]
PARSERS: list[Parser] = [
    grammar.instance_name,
    grammar.port,
    grammar.address,
    grammar.host_name,
    grammar.allowed_host,
    grammar.network,
    grammar.allowed_network,
    grammar.trusted_proxy,
    grammar.session_days,
    grammar.variable_name,
    grammar.watchdog_minutes,
    grammar.language,
]

# Hostile characters, and those of which names and addresses are made.
SPICE = "-._:%[]@/\\$`'\"; |&<>()*?~#!{}=+\n\r\t\0\u200b\u00ad\u2028。１ﬀßüИ计🙂\ud800"
TEXTS = st.one_of(
    st.text(),
    st.text(st.sampled_from("abcXYZ019" + SPICE), max_size=12),
    # Near what passes: ports, locales, and one hostile character at the end of them.
    st.builds("{}{}".format, st.integers(0, 99999), st.text(st.sampled_from(SPICE), max_size=1)),
    st.builds("{}{}".format, st.from_regex(r"\A[a-z]{2,3}([_-][A-Z]{2})?\Z"), st.text(st.sampled_from(SPICE), max_size=1)),
    st.builds("{}%{}".format, st.sampled_from(["fe80::1", "::1", "fd00::9"]), st.text(max_size=6)),
    st.builds("{}{}{}".format, st.text(st.sampled_from(SPICE), max_size=2), st.ip_addresses(), st.text(st.sampled_from(SPICE), max_size=2)),
    st.builds("{}/{}{}".format, st.ip_addresses(), st.integers(0, 140), st.text(st.sampled_from(SPICE), max_size=1)),
    st.sampled_from(["any", "default", "none", "Any", "any ", "default\n"]),
    st.lists(st.text(st.sampled_from("ab1-_üИ计"), min_size=1, max_size=8), min_size=1, max_size=4).map(".".join),
)


def accepted(parse: Parser, text: str) -> str | None:
    """What `parse` makes of it, as it will be printed; `None` where it rejects the text."""
    try:
        return str(parse(text))
    except WrongUsage:
        return None


@pytest.mark.parametrize("parse", [*PARSERS, grammar.user_name])
@given(text=TEXTS)
def test_any_text_is_parsed_or_wrong_usage(parse: Parser, text: str) -> None:
    try:
        parse(text)
    except WrongUsage as error:
        (problem,) = error.problems
        assert problem.hint is not None
        assert "\n" not in str(problem.message)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=TEXTS)
def test_what_passes_is_one_word_of_a_shell_and_no_option(parse: Parser, text: str) -> None:
    passed = accepted(parse, text)
    if passed is None:
        return
    assert shlex.quote(passed) == passed
    assert not passed.startswith("-")
    assert passed.isascii()


@pytest.mark.parametrize("parse", PARSERS)
@given(text=TEXTS)
def test_what_passes_passes_again_unchanged(parse: Parser, text: str) -> None:
    passed = accepted(parse, text)
    if passed is None:
        return
    assert str(parse(passed)) == passed


@pytest.mark.parametrize("parse", [grammar.host_name, grammar.address])
@given(text=TEXTS)
def test_a_host_that_passes_is_a_host_in_a_url_and_a_san(parse: Parser, text: str) -> None:
    passed = accepted(parse, text)
    if passed is None:
        return
    authority = f"[{passed}]" if ":" in passed else passed
    parts = urlsplit(f"https://{authority}:8800/lab?token=x")
    assert (parts.hostname, parts.port, parts.path, parts.username) == (passed, 8800, "/lab", None)
    try:
        address = ipaddress.ip_address(passed)
    except ValueError:
        assert x509.DNSName(passed).value == passed
    else:
        assert ipaddress.ip_address(x509.IPAddress(address).value.packed) == address


@given(TEXTS)
def test_an_instance_that_passes_is_a_file_name(text: str) -> None:
    passed = accepted(grammar.instance_name, text)
    if passed is None:
        return
    path = PurePosixPath(f"/x/{passed}.json")
    assert (path.name, path.parent) == (f"{passed}.json", PurePosixPath("/x"))
    assert len(passed) <= 32


@given(st.lists(st.text(st.sampled_from("aüßИжé计算网関한"), min_size=1, max_size=10), min_size=1, max_size=3).map(".".join))
def test_an_international_name_comes_back(name: str) -> None:
    passed = accepted(grammar.host_name, name)
    if passed is None:
        return
    assert idna.decode(passed) == idna.uts46_remap(name, std3_rules=False, transitional=False)


@given(st.from_regex(r"\A[a-z][a-z0-9]{0,9}(\.[a-z][a-z0-9]{0,9}){0,3}\Z"))
def test_ordinary_names_pass_in_any_case_and_with_a_trailing_dot(name: str) -> None:
    assert grammar.host_name(name) == name
    assert grammar.host_name(name.upper()) == name
    assert grammar.host_name(f"{name}.") == name


@given(st.ip_addresses())
def test_addresses_pass_in_their_shortest_form(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert grammar.address(address.exploded) == address
    meant = grammar.unmapped(address)
    if meant.is_unspecified:
        # The wildcard is no name of a host, and no browser asks for it.
        with pytest.raises(WrongUsage):
            grammar.host_name(str(address))
        return
    assert grammar.host_name(address.exploded) == str(meant)
    if address.version == 6:
        assert grammar.host_name(f"[{address}]") == str(meant)


@given(st.integers(1, 65535))
def test_every_port_passes(number: int) -> None:
    assert grammar.port(str(number)) == number


def test_a_port_may_be_left_to_the_kit() -> None:
    assert grammar.port_or_auto("auto") == "auto"
    assert grammar.port_or_auto("8800") == 8800
    for text in ("Auto", "auto ", "", "0"):
        with pytest.raises(WrongUsage):
            grammar.port_or_auto(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GPU", "gpu"),
        ("gpu.example.org.", "gpu.example.org"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("计算.example", "xn--lzzl24a.example"),
        ("计算。example", "xn--lzzl24a.example"),
        ("计算.example.", "xn--lzzl24a.example"),
        ("计算.example。", "xn--lzzl24a.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("gpu_1.local", "gpu_1.local"),
        ("1.gpu", "1.gpu"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("192.168.0.107", "192.168.0.107"),
        ("FD00:0::0107", "fd00::107"),
        ("[fd00::107]", "fd00::107"),
        ("::ffff:192.168.0.107", "192.168.0.107"),
        ("[::FFFF:c0a8:006b]", "192.168.0.107"),
        ("0xg", "0xg"),
        ("0x7f.example", "0x7f.example"),
    ],
)
def test_a_host_in_the_form_that_is_kept(text: str, expected: str) -> None:
    assert grammar.host_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        "a...",
        "-gpu",
        "gpu-",
        "-oProxyCommand=reboot",
        "a.-b",
        "gpu example",
        "gpu\n",
        "gpu\nevil",
        "gpu'x",
        'gpu"x',
        "gpu;reboot",
        "$(reboot)",
        "`reboot`",
        "user@gpu",
        "gpu:8800",
        "gpu/lab",
        "*.example.org",
        "*",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "1.2.3.4.5",
        "1.2.3",
        "256.0.0.1",
        "127.0.0.01",
        "１２７.0.0.1",
        "10.0.0.0/8",
        "[fd00::107",
        "fd00::107]",
        "[10.0.0.9",
        "[gpu]",
        "fd00:::1",
        "fe80::1%eth0",
        "fe80::1%$(reboot)",
        # A browser reads these as IPv4 addresses.
        "0x7f000001",
        "127.0.0.0x1",
        "gpu.0X",
        "2130706433",
        "0177.0.0.1",
        # The wildcard, in every dress.
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "\u200b",
        "\ud800",
        "gpu\0",
    ],
)
def test_what_is_no_host_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.host_name(text)
    (problem,) = caught.value.problems
    assert problem.code == "host-name"
    assert str(problem.message) == f"{text!r} is not a host name or an IP address."
    assert str(problem.hint) == "Use a name that the laptop can resolve, such as --allow-host gpu.example.org"
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "99999", "100000", "-1", "+1", "abc", "8800 ", " 8800", "8800\n", "0x50", "٨٨٠٠", "8_800"]
)
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.port(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("port", f"{text!r} is not a port number.")


@pytest.mark.parametrize("text", ["", "gpu", "localhost", "1.2.3", "[1.2.3.4]", "[::1", "x%eth0", "10.0.0.0/8", "0.0.0.0 ", "1"])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.address(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("address", f"{text!r} is not an IP address.")


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1%;reboot"])
def test_an_address_with_a_zone_is_refused_for_that(text: str) -> None:
    with pytest.raises(WrongUsage, match="has a zone") as caught:
        grammar.address(text)
    assert caught.value.problems[0].code == "address"


@pytest.mark.parametrize("text", ["default", "a", "0", "GPU-1_b", "a" * 32])
def test_instance_names(text: str) -> None:
    assert grammar.instance_name(text) == text


@pytest.mark.parametrize("text", ["", "-a", "_a", ".", "..", "../x", "a/b", "a b", "a.b", "a\n", "é", "a" * 33, "a\0"])
def test_what_is_no_instance_name_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.instance_name(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("instance-name", f"{text!r} is not an instance name.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zh_CN", "zh_CN"),
        ("zh-CN", "zh_CN"),
        ("zh_CN.UTF-8", "zh_CN"),
        ("de_DE@euro", "de_DE"),
        ("zh_CN.GB18030@pinyin", "zh_CN"),
        ("en", "en"),
        ("kab", "kab"),
        ("C", "en"),
        ("C.UTF-8", "en"),
        ("POSIX", "en"),
    ],
)
def test_languages(text: str, expected: str) -> None:
    assert grammar.language(text) == expected


@pytest.mark.parametrize(
    "text", ["", "z", "zh_", "zh__CN", "zh_CN_variants9", "chinese", "../zh", "zh/CN", "zh_CN\n", ".UTF-8", "-zh", "语言"]
)
def test_what_is_no_language_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.language(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("language", f"{text!r} is not a language.")


@given(st.ip_addresses(network="::/0") | st.ip_addresses(v=4), st.integers(0, 128))
def test_a_network_is_masked_and_comes_back(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> None:
    length = min(length, address.max_prefixlen)
    found = grammar.network(f"{address.exploded}/{length}")
    meant = grammar.unmapped(address)
    # A short mapped prefix reaches beyond IPv4: it is the IPv6 network that it says.
    assert (meant if found.version == meant.version else address) in found
    assert grammar.network(str(found)) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.0.0/24", "192.168.0.0/24"),
        ("192.168.0.107/24", "192.168.0.0/24"),
        ("192.168.0.107", "192.168.0.107/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.9.8.7/0", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("fd00::107", "fd00::107/128"),
        ("FD00:0:0::107/48", "fd00::/48"),
        ("fe80::1/10", "fe80::/10"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:0:0/95", "::fffe:0:0/95"),
        ("::1", "::1/128"),
        ("127.0.0.1/8", "127.0.0.0/8"),
    ],
)
def test_a_network_in_the_form_that_is_kept(text: str, expected: str) -> None:
    assert str(grammar.network(text)) == expected
    assert grammar.allowed_network(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "any ",
        "Any",
        "none",
        "*",
        "lan",
        "gpu.example.org",
        "10",
        "10.0.0",
        "10.0.0.0/",
        "/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "10.0.0.0/ 8",
        "10.0.0.0 /8",
        "10.0.0.0/8\n",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/0.255.255.255",
        "10.0.0.0-10.0.0.9",
        "10.0.0.0/8,192.168.0.0/16",
        "010.0.0.0/8",
        "0x0a.0.0.0/8",
        "256.0.0.0/8",
        "１０.0.0.0/8",
        "10.0.0.0/٨",
        "fd00::/129",
        "fd00:::/8",
        "[fd00::]/8",
        "fe80::%eth0/64",
        "fe80::1%;reboot",
        "::ffff:10.0.0.0/1280",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
    ],
)
def test_what_is_no_network_is_named(text: str) -> None:
    for parse in (grammar.network, grammar.allowed_network, grammar.trusted_proxy):
        if text == "none" and parse is grammar.trusted_proxy:
            continue
        with pytest.raises(WrongUsage) as caught:
            parse(text)
        (problem,) = caught.value.problems
        assert (problem.code, str(problem.message)) == ("network", f"{text!r} is not a network.")
        assert str(problem.hint) == "Use an address or a network such as --allow-network 192.168.0.0/24, or --allow-network any"
        assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("text", ["0.0.0.0/0", "9.9.9.9/0", "::/0", "fd00::/0", "::ffff:0:0/96"])
def test_a_proxy_that_holds_everybody_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.trusted_proxy(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("any-proxy", f"{text!r} holds everybody: anyone could forge their own address.")
    assert str(problem.hint) == "Name the proxy alone, such as --trusted-proxy 127.0.0.1"


def test_words_stand_for_themselves() -> None:
    assert [grammar.allowed_network(word) for word in ("any", "default")] == ["any", "default"]
    assert grammar.trusted_proxy("none") == "none"
    assert grammar.trusted_proxy("10.0.0.7") == "10.0.0.7/32"
    assert grammar.allowed_host("default") == "default"
    assert grammar.allowed_host("GPU.") == "gpu"


@pytest.mark.parametrize(("text", "days"), [("1", 1), ("14", 14), ("365", 365), ("007", 7)])
def test_days_of_a_session(text: str, days: int) -> None:
    assert grammar.session_days(text) == days


@pytest.mark.parametrize("text", ["", "0", "000", "366", "1000", "-1", "+1", "1.5", "14 ", "two", "١٤", "1_4", "14\n", "inf"])
def test_what_is_no_number_of_days_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.session_days(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("session-days", f"{text!r} is not a number of days that a session can last.")
    assert str(problem.hint) == "Use a number from 1 to 365, such as --session-days 14"


@pytest.mark.parametrize(
    "text",
    [
        "ann",
        "_apt",
        "Ann",
        "ann.lee",
        "ann-lee",
        "ann_lee",
        "u1000",
        "1ann",
        # Of a directory service: a realm, a domain, a machine.
        "ann@corp.example",
        "CORP\\ann",
        "CORP+ann",
        "gpu1$",
        "a" * 255,
    ],
)
def test_names_of_users(text: str) -> None:
    assert grammar.user_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-ann",
        "--system",
        ".ann",
        "..",
        "../ann",
        "a/b",
        "a:b",
        "a b",
        "ann ",
        "ann\n",
        "a\nb",
        "a%b",
        "a;reboot",
        "a&b",
        "a|b",
        "$(reboot)",
        "$ann",
        "a$b",
        "`id`",
        "a'b",
        'a"b',
        "a*",
        "a,b",
        "a=b",
        "a" * 256,
        "a\0",
        "\ud800",
    ],
)
def test_what_is_no_users_name_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.user_name(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("user-name", f"{text!r} is not a user's name.")
    assert str(problem.hint) == "Use the name of an account, such as --run-as alice"


@given(TEXTS | st.text(st.sampled_from("ann.@\\+-_$"), max_size=8))
def test_a_users_name_that_passes_is_a_file_name_and_no_option(text: str) -> None:
    passed = accepted(grammar.user_name, text)
    if passed is None:
        return
    assert passed == text
    assert PurePosixPath(f"/x/{passed}").parts == ("/", "x", passed)
    assert not passed.startswith(("-", "."))
    assert shlex.split(shlex.quote(passed)) == [passed]
    # Nothing that a unit, a shell in double quotes or a list of paths would take for something of its own.
    assert not set(passed) & set("%:;\"'`* \t\n")


@pytest.mark.parametrize("text", ["A", "_", "DATA_DIR", "http_proxy", "_CE_M", "X1", "none", "A" * 255])
def test_names_of_variables(text: str) -> None:
    assert grammar.variable_name(text) == text


@pytest.mark.parametrize("text", ["", "1A", "A=1", "A-B", "A.B", "A B", " A", "A\n", "$A", "${A}", "é", "A%", "A\0", "BASH_FUNC_x%%"])
def test_what_is_no_variable_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.variable_name(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("variable-name", f"{text!r} is not the name of an environment variable.")
    assert str(problem.hint) == "Name the variable without its value, such as --env DATA_DIR"


@pytest.mark.parametrize(("text", "minutes"), [("0", 0), ("000", 0), ("10", 10), ("0010", 10), ("15", 15), ("1440", 1440)])
def test_minutes_of_the_watchdog(text: str, minutes: int) -> None:
    assert grammar.watchdog_minutes(text) == minutes


@pytest.mark.parametrize(
    "text", ["", "1", "9", "1441", "9999", "00010", "-10", "+10", "10.5", "10 ", "10m", "ten", "١٠", "1_0", "10\n", "inf"]
)
def test_what_is_no_time_for_the_watchdog_is_named(text: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        grammar.watchdog_minutes(text)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("watchdog", f"{text!r} is not a time for the watchdog.")
    assert str(problem.hint) == "Use 10 to 1440 minutes: a restart ends every kernel, and a slow save is no crash"
