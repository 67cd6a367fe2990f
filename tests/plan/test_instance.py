"""The instance file: what is written, and what is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import ExitCode, Refused
from jupyter_remote_kit.plan import instance
from jupyter_remote_kit.plan.certificates import subjects
from jupyter_remote_kit.plan.urls import plan_urls
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials, Settings
from tests.plan.build import CREDENTIALS, HASH, INSTANCE_FILE, LEAF_FILE, ROOT_DIR, TOKEN, facts, settings, text_of

HINT = f"Fix that line, or move the file away and run init again: mv {INSTANCE_FILE} {INSTANCE_FILE}.broken && jupyter remotekit init"


def test_what_an_instance_of_the_lan_says() -> None:
    assert json.loads(text_of(settings(language="zh_CN", allow_hosts=("gpu.example.net",)))) == {
        "RemoteKit": {
            "access": "lan",
            "allow_hosts": ["gpu.example.net"],
            "allow_networks": [],
            "hsts": False,
            "instance": "default",
            "language": "zh_CN",
            "own_certificate": False,
            "plain_http": False,
            "session_days": 14,
            "trusted_proxies": [],
        },
        "RemoteKitIdentityProvider": {
            "allow_password_change": False,
            "hashed_password": HASH,
            "password_required": True,
            "secure_cookie": True,
            "token": TOKEN,
        },
        "ServerApp": {
            "allow_remote_access": True,
            "allow_root": False,
            "allow_unauthenticated_access": False,
            "certfile": str(LEAF_FILE),
            "ip": "",
            "keyfile": "",
            "no_browser_open_file": True,
            "open_browser": False,
            "port": 8800,
            "port_retries": 0,
            "root_dir": str(ROOT_DIR),
        },
    }


@pytest.mark.parametrize(
    ("changes", "section", "key", "value"),
    [
        ({"access": Access.SSH, "ip": "127.0.0.1"}, "ServerApp", "certfile", ""),
        ({"access": Access.SSH, "ip": "127.0.0.1"}, "ServerApp", "ip", "127.0.0.1"),
        ({"plain_http": True}, "ServerApp", "certfile", ""),
        ({"plain_http": True}, "RemoteKit", "plain_http", True),
        ({"certfile": Path("/c/c.pem"), "keyfile": Path("/c/k.pem")}, "ServerApp", "certfile", "/c/c.pem"),
        ({"certfile": Path("/c/c.pem"), "keyfile": Path("/c/k.pem")}, "ServerApp", "keyfile", "/c/k.pem"),
        ({"certfile": Path("/c/c.pem")}, "RemoteKit", "own_certificate", True),
        ({"access": Access.RELAY, "ip": "127.0.0.1"}, "RemoteKitIdentityProvider", "secure_cookie", True),
        ({"allow_root": True}, "ServerApp", "allow_root", True),
        ({"allow_networks": ("any",)}, "RemoteKit", "allow_networks", ["any"]),
        ({"trusted_proxies": ("127.0.0.1/32", "::1/128")}, "RemoteKit", "trusted_proxies", ["127.0.0.1/32", "::1/128"]),
        ({"session_days": 1}, "RemoteKit", "session_days", 1),
        ({"hsts": True}, "RemoteKit", "hsts", True),
    ],
)
def test_what_the_settings_lead_to(changes: dict[str, Any], section: str, key: str, value: object) -> None:
    assert json.loads(text_of(settings(**changes)))[section][key] == value


def test_without_a_password_none_is_required() -> None:
    traits = json.loads(text_of(settings(), Credentials(Secret(TOKEN))))["RemoteKitIdentityProvider"]
    assert (traits["hashed_password"], traits["password_required"]) == ("", False)


def test_a_relays_cookie_setting_goes_when_the_relay_goes() -> None:
    relay = instance.parse(INSTANCE_FILE, text_of(settings(access=Access.RELAY, ip="127.0.0.1")))
    text = instance.render(instance.traits_of(settings(), CREDENTIALS, LEAF_FILE), relay.traits).reveal()
    assert text == text_of(settings())


NETWORKS = st.lists(st.sampled_from(["10.0.0.0/8", "192.0.2.7/32", "fd00::/8", "::1/128"]), unique=True).map(tuple)
CASES = st.builds(
    Settings,
    root_dir=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).map(lambda name: Path("/home") / name),
    instance=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z"),
    access=st.sampled_from(Access),
    ip=st.sampled_from(["", "127.0.0.1", "::1", "192.168.0.107", "fd00::107"]),
    port=st.integers(1, 65535),
    language=st.sampled_from(["en", "zh_CN", "fr_FR", "kab"]),
    allow_hosts=st.lists(st.sampled_from(["a.example", "xn--mnchen-3ya.example", "203.0.113.7", "fd00::9"]), unique=True).map(tuple),
    plain_http=st.booleans(),
    allow_root=st.booleans(),
    allow_networks=st.just(("any",)) | NETWORKS,
    trusted_proxies=NETWORKS,
    session_days=st.integers(1, 365),
    hsts=st.booleans(),
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(
    CASES,
    st.none() | st.tuples(st.just(Path("/c/cert.pem")), st.just(Path("/c/key.pem"))),
    TEXTS,
    st.none() | TEXTS.filter(bool),
)
def test_what_is_written_is_read_back(chosen: Settings, own: tuple[Path, Path] | None, token: str, hashed: str | None) -> None:
    if own and chosen.tls:
        chosen = replace(chosen, certfile=own[0], keyfile=own[1])
    credentials = Credentials(Secret(token), Secret(hashed) if hashed else None)
    text = text_of(chosen, credentials)
    found = instance.parse(INSTANCE_FILE, text)
    assert found.settings == chosen
    assert found.credentials == credentials
    # Written again over itself it stays as it is, which is why a second init has nothing to do.
    leaf = Path(found.traits["ServerApp"]["certfile"]) if chosen.private_ca else None
    assert instance.render(instance.traits_of(found.settings, found.credentials, leaf), found.traits).reveal() == text


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS.filter(lambda key: key not in {"secure_cookie"}), JSON_VALUES, max_size=4))
def test_what_a_user_added_to_a_section_survives(added: dict[str, Any]) -> None:
    traits = json.loads(text_of(settings()))
    added = {key: value for key, value in added.items() if key not in traits["ServerApp"]}
    traits["ServerApp"].update(added)
    before = instance.parse(INSTANCE_FILE, json.dumps(traits))
    text = instance.render(instance.traits_of(settings(port=9000), CREDENTIALS, LEAF_FILE), before.traits).reveal()
    after = json.loads(text)["ServerApp"]
    assert {key: after[key] for key in added} == added
    assert instance.parse(INSTANCE_FILE, text).settings == settings(port=9000)


def line_of(text: str, key: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if f'"{key}":' in line)


def refusal(text: str) -> str:
    with pytest.raises(Refused) as caught:
        instance.parse(INSTANCE_FILE, text)
    (problem,) = caught.value.problems
    assert caught.value.exit_code is ExitCode.REFUSED
    assert problem.code == "instance-file-broken"
    assert str(problem.hint) == HINT
    return str(problem.message)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1: not valid JSON: Expecting value"),
        ("{", "line 1: not valid JSON: Expecting property name enclosed in double quotes"),
        ('{\n "a": 1,\n,}', "line 3: not valid JSON: Expecting property name enclosed in double quotes"),
        ('{\n "a": 1\n "b": 2\n}', "line 3: not valid JSON: Expecting ',' delimiter"),
        ('{"a": "x\ny"}', "line 1: not valid JSON: Invalid control character at"),
        ("\ufeff{}", "line 1: not valid JSON: Unexpected UTF-8 BOM"),
        ("\0\0\0\0", "line 1: not valid JSON: Expecting value"),
        ("{}\n{}", "line 2: not valid JSON: Extra data"),
        ("1" * 5000, "line 1: not valid JSON: "),
        ("[" * 100_000, "line 1: not valid JSON: "),
        ('{"a":' * 100_000, "line 1: not valid JSON: "),
        ("null", "line 1: an instance needs the sections RemoteKit, ServerApp, RemoteKitIdentityProvider"),
        ("[]", "line 1: an instance needs the sections RemoteKit, ServerApp, RemoteKitIdentityProvider"),
        ("{}", "line 1: an instance needs the sections RemoteKit, ServerApp, RemoteKitIdentityProvider"),
        (
            '{"RemoteKit": {}, "ServerApp": [], "RemoteKitIdentityProvider": {}}',
            "line 1: an instance needs the sections RemoteKit, ServerApp, RemoteKitIdentityProvider",
        ),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_file_that_is_no_instance_is_refused_with_its_line(text: str, sentence: str) -> None:
    assert refusal(text).startswith(f"{INSTANCE_FILE}, {sentence}")


NEEDED = [
    ("RemoteKit", "instance"),
    ("RemoteKit", "access"),
    ("RemoteKit", "plain_http"),
    ("RemoteKit", "allow_hosts"),
    ("RemoteKit", "language"),
    ("RemoteKit", "own_certificate"),
    ("ServerApp", "ip"),
    ("ServerApp", "port"),
    ("ServerApp", "root_dir"),
    ("ServerApp", "allow_root"),
    ("RemoteKitIdentityProvider", "token"),
    ("RemoteKitIdentityProvider", "hashed_password"),
]


@pytest.mark.parametrize(("section", "key"), NEEDED)
def test_a_missing_value_is_named(section: str, key: str) -> None:
    traits = json.loads(text_of(settings()))
    del traits[section][key]
    assert refusal(json.dumps(traits, indent=2)) == f"{INSTANCE_FILE}, line 1: {section}.{key} is missing"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *((section, key, None) for section, key in NEEDED),
        *((section, key, {"x": 1}) for section, key in NEEDED),
        ("RemoteKit", "instance", "../evil"),
        ("RemoteKit", "instance", ""),
        ("RemoteKit", "access", "wan"),
        ("RemoteKit", "access", "LAN"),
        ("RemoteKit", "plain_http", "true"),
        ("RemoteKit", "plain_http", 1),
        ("RemoteKit", "language", "zh/CN"),
        ("RemoteKit", "allow_hosts", "gpu.example.org"),
        ("RemoteKit", "allow_hosts", [1]),
        ("RemoteKit", "allow_hosts", [{}]),
        ("RemoteKit", "allow_hosts", ["-oProxyCommand=reboot"]),
        ("RemoteKit", "allow_hosts", ["a\nb"]),
        *(
            ("RemoteKit", key, value)
            for key in ("allow_networks", "trusted_proxies")
            for value in (None, "10.0.0.0/8", [7], ["10.0/8"], ["\ud800"])
        ),
        ("RemoteKit", "allow_networks", [{"any": 1}]),
        ("RemoteKit", "trusted_proxies", ["any"]),
        ("RemoteKit", "trusted_proxies", ["none"]),
        *(("RemoteKit", "session_days", value) for value in (None, 0, -1, 366, 14.0, "14", True, [14])),
        *(("RemoteKit", "hsts", value) for value in (None, 0, 1, "false", [])),
        ("ServerApp", "port", "8800"),
        ("ServerApp", "port", 8800.0),
        ("ServerApp", "port", True),
        ("ServerApp", "port", 0),
        ("ServerApp", "port", -1),
        ("ServerApp", "port", 65536),
        ("ServerApp", "ip", "300.0.0.1"),
        ("ServerApp", "ip", "gpu; reboot"),
        ("ServerApp", "root_dir", ""),
        ("ServerApp", "root_dir", "notebooks"),
        ("ServerApp", "root_dir", "/a\0b"),
        ("RemoteKitIdentityProvider", "token", 7),
        ("RemoteKitIdentityProvider", "token", "\ud800" * 32),
        ("RemoteKitIdentityProvider", "hashed_password", "\udfff"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_line(section: str, key: str, value: object) -> None:
    traits = json.loads(text_of(settings()))
    traits[section][key] = value
    text = json.dumps(traits, indent=2, sort_keys=True)
    expected = f"{INSTANCE_FILE}, line {line_of(text, key)}: {section}.{key} has a value that cannot be used"
    assert refusal(text) == expected


LATER = ("allow_networks", "trusted_proxies", "session_days", "hsts")


@pytest.mark.parametrize("absent", [LATER, *((key,) for key in LATER)], ids=" ".join)
def test_a_file_from_before_a_setting_means_its_default(absent: tuple[str, ...]) -> None:
    chosen = settings(allow_networks=("any",), trusted_proxies=("10.0.0.7/32",), session_days=3, hsts=True)
    traits = json.loads(text_of(chosen))
    for key in absent:
        del traits["RemoteKit"][key]
    bare = settings()
    assert instance.parse(INSTANCE_FILE, json.dumps(traits)).settings == replace(chosen, **{key: getattr(bare, key) for key in absent})


def test_networks_that_a_user_wrote_are_read_in_their_shortest_form() -> None:
    traits = json.loads(text_of(settings()))
    traits["RemoteKit"] |= {"allow_networks": ["any", "10.1.2.3/8", "::ffff:10.0.0.7"], "trusted_proxies": ["0.0.0.0/0", "FD00::7"]}
    found = instance.parse(INSTANCE_FILE, json.dumps(traits)).settings
    assert found.allow_networks == ("any", "10.0.0.0/8", "10.0.0.7/32")
    assert found.trusted_proxies == ("0.0.0.0/0", "fd00::7/128")


def test_settings_as_commands_show_them() -> None:
    chosen = settings(allow_networks=("any",), trusted_proxies=("10.0.0.7/32",), session_days=3, hsts=True, certfile=Path("/c/c.pem"))
    assert instance.as_data(chosen) == {
        "access": "lan",
        "ip": "0.0.0.0",
        "port": 8800,
        "scheme": "https",
        "root_dir": str(ROOT_DIR),
        "language": "en",
        "certfile": "/c/c.pem",
        "allow_hosts": [],
        "allow_networks": ["any"],
        "trusted_proxies": ["10.0.0.7/32"],
        "session_days": 3,
        "hsts": True,
    }
    assert instance.as_data(settings(ip="::1"))["certfile"] is None


@pytest.mark.parametrize("key", ["certfile", "keyfile"])
def test_an_own_certificate_needs_its_files(key: str) -> None:
    traits = json.loads(text_of(settings(certfile=Path("/c/c.pem"), keyfile=Path("/c/k.pem"))))
    del traits["ServerApp"][key]
    assert refusal(json.dumps(traits, indent=2)) == f"{INSTANCE_FILE}, line 1: ServerApp.{key} is missing"


def test_an_own_certificate_with_its_key_inside_has_no_key_file() -> None:
    chosen = settings(certfile=Path("/c/both.pem"))
    assert instance.parse(INSTANCE_FILE, text_of(chosen)).settings == chosen


def test_the_line_is_that_of_the_key_in_its_own_section() -> None:
    traits = json.loads(text_of(settings()))
    # Another section of the user's may have a trait of the same name, above ours.
    ordered = {"AAA": {"port": 1}, **traits}
    ordered["ServerApp"]["port"] = "8800"
    text = json.dumps(ordered, indent=2)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if '"port":' in line]
    assert refusal(text).startswith(f"{INSTANCE_FILE}, line {lines[1]}: ")


@pytest.mark.parametrize("host", ["localhost", "gpu.example.net", "203.0.113.7", "fd00::9"])
def test_hosts_that_were_read_serve_in_certificates_and_urls(host: str) -> None:
    found = instance.parse(INSTANCE_FILE, text_of(settings(allow_hosts=(host,)))).settings
    names, addresses = subjects(facts(), found)
    assert host in (*names, *addresses)
    assert all(url.startswith("https://") for url in plan_urls(found, facts(), Secret(TOKEN)).lab)


@pytest.mark.parametrize(
    ("content", "blanked"),
    [
        (b'{"a": {"token": "abc", "hashed_password": "x\\"y", "port": 1}}', b'{"a": {"token": "", "hashed_password": "", "port": 1}}'),
        (b'{"token" : "abc\n', b'{"token" : ""'),
        (b"not JSON at all \xff", b"not JSON at all \xff"),
        (b'{"my_token": "kept", "hashed_password": ""}', b'{"my_token": "kept", "hashed_password": ""}'),
    ],
)
def test_a_copy_holds_no_credentials(content: bytes, blanked: bytes) -> None:
    assert instance.without_credentials(content) == blanked
