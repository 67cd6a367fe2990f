"""What `init` leaves, and that a second one changes what was asked for and nothing else."""

from __future__ import annotations

import json
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jupyter_server.auth.security import passwd_check

from tests.commands.host import LAN, PASSWORD, SSH, Host, Tree


def _differences(before: Tree, after: Tree) -> set[str]:
    """The paths of our files whose content differs, backups and the kit's own journal aside."""
    changed = {path for path in {*before, *after} if before.get(path, ())[2:] != after.get(path, ())[2:]}
    return {
        path
        for path in changed
        if not path.startswith("home/") and "/backups/" not in path and Path(path).name not in {"manifest.json", "lock"}
    }


def _changed_traits(before: dict[str, dict[str, object]], after: dict[str, dict[str, object]]) -> set[str]:
    return {
        f"{section}.{key}"
        for section in {*before, *after}
        for key in {*before.get(section, {}), *after.get(section, {})}
        if before.get(section, {}).get(key) != after.get(section, {}).get(key)
    }


def test_everything_is_written_and_only_for_its_owner(lan_host: Host) -> None:
    layout = lan_host.layout
    modes = {path: stat.S_IMODE(mode) for path, (mode, _, _) in lan_host.tree().items()}
    private = [layout.instance_file("default"), layout.ca_file, layout.leaf_file("default")]
    folders = [layout.instances_dir, layout.data_root, layout.tls_dir, layout.backups_dir, layout.instance_data_dir("default")]
    assert {modes[str(path.relative_to(lan_host.folder))] for path in private} == {0o600}
    assert {modes[str(path.relative_to(lan_host.folder))] for path in folders} == {0o700}
    assert [path for path, mode in modes.items() if mode & 0o022 and not path.startswith("home")] == []


def test_instances_that_are_made_at_once_share_one_authority(host: Host) -> None:
    names = ("a", "b", "c")
    with ThreadPoolExecutor() as others:
        made = list(others.map(lambda name: host.run("init", *LAN, "--instance", name, "--json", stdin=PASSWORD), names))
    assert [outcome.code for outcome in made] == [0, 0, 0], made
    authority = host.layout.ca_certificate_file.read_text()
    assert [name for name in names if authority not in host.layout.leaf_file(name).read_text()] == []
    assert len({str(step) for outcome in made for step in outcome.data["steps"] if "private certificate authority in" in step}) == 1
    assert list(host.layout.backups_dir.glob("ca.pem.*")) == []


def test_by_hand_section_1_is_done(lan_host: Host) -> None:
    written = lan_host.instance()
    expected = {
        "allow_remote_access": True,
        "open_browser": False,
        "ip": "",
        "port": 8800,
        "port_retries": 0,
        "root_dir": str(lan_host.home),
    }
    assert {key: written["ServerApp"][key] for key in expected} == expected
    assert written["RemoteKitIdentityProvider"]["password_required"] is True
    assert len(lan_host.token) >= 32


def test_nothing_is_written_where_no_server_could_be_told_of_it(host: Host) -> None:
    host.layout.runtime_dir.mkdir(parents=True, exist_ok=True)
    host.layout.runtime_dir.chmod(0o777)
    before = host.tree()
    for more in ((), ("--dry-run",)):
        outcome = host.run("init", *SSH, "--json", *more)
        assert (outcome.code, outcome.codes) == (78, ["runtime-folder-exposed"])
    assert host.tree() == before


def test_the_password_is_the_one_that_jupyter_server_accepts(lan_host: Host) -> None:
    assert lan_host.hashed.startswith("argon2:$argon2id$")
    assert passwd_check(lan_host.hashed, PASSWORD)
    assert not passwd_check(lan_host.hashed, PASSWORD + " ")


def test_only_the_first_line_of_standard_input_is_the_password(host: Host) -> None:
    host.must("init", *LAN, stdin=f"{PASSWORD}\r\nand more\n")
    assert passwd_check(host.hashed, PASSWORD)


def test_a_password_is_never_cut_short(host: Host) -> None:
    """What is longer than can be read is refused: half of it would be the password that nobody knows."""
    password = "long" * 1250
    outcome = host.run("init", *SSH, "--password-stdin", "--json", stdin=password)
    if outcome.code == 0:
        assert passwd_check(host.hashed, password)
    else:
        assert outcome.code in {1, 78}
        assert not host.layout.instances_dir.exists()


def test_a_generated_password_is_shown_once_and_stays(host: Host) -> None:
    argv = ("init", "--access", "lan", "--allow-root", "--generate-password", "--json")
    first = host.run(*argv)
    password = first.data["password"]
    assert passwd_check(host.hashed, password)
    assert sum(password in message for message in first.envelope["messages"]) == 1
    before = host.tree()
    second = host.run(*argv)
    assert second.code == 0
    assert second.data["changed"] is False
    assert password not in second.everything
    assert "password" not in second.data
    assert host.tree() == before


@pytest.mark.parametrize(
    ("argv", "stdin"),
    [(("init",), ""), (("init", *LAN), PASSWORD), (("init", "--access", "lan", "--port", "8800"), ""), (("init", "--yes"), "")],
    ids=["bare", "same password", "same answers", "yes"],
)
def test_a_second_init_changes_nothing_and_says_so(lan_host: Host, argv: tuple[str, ...], stdin: str) -> None:
    before = lan_host.tree()
    outcome = lan_host.must(*argv, stdin=stdin)
    assert outcome.out == "Nothing to do: everything is as it should be.\n"
    assert lan_host.tree() == before


@pytest.mark.parametrize(
    ("argv", "traits", "files"),
    [
        (("--port", "8899"), {"ServerApp.port"}, set()),
        (("--language", "zh_CN"), {"RemoteKit.language"}, {"config/remotekit/default.overrides.json"}),
        (("--root-dir", "books"), {"ServerApp.root_dir"}, set()),
        (("--ip", "127.0.0.1"), {"ServerApp.ip"}, set()),
        (("--plain-http",), {"RemoteKit.plain_http", "ServerApp.certfile", "RemoteKitIdentityProvider.secure_cookie"}, set()),
        (("--access", "ssh"), {"RemoteKit.access", "ServerApp.ip", "ServerApp.certfile", "RemoteKitIdentityProvider.secure_cookie"}, set()),
        (
            ("--access", "relay"),
            {"RemoteKit.access", "ServerApp.ip"},
            set(),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_changed_answer_changes_that_alone(lan_host: Host, argv: tuple[str, ...], traits: set[str], files: set[str]) -> None:
    before, written = lan_host.tree(), lan_host.instance()
    assert lan_host.run("init", *argv, "--json").data["changed"] is True
    assert _changed_traits(written, lan_host.instance()) == traits
    assert _differences(before, lan_host.tree()) == {"config/remotekit/default.json", *files}
    lan_host.must("init")
    assert _changed_traits(written, lan_host.instance()) == traits


def test_another_password_changes_the_hash_alone(lan_host: Host) -> None:
    before = lan_host.instance()
    lan_host.must("init", "--password-stdin", stdin="another good password")
    assert _changed_traits(before, lan_host.instance()) == {"RemoteKitIdentityProvider.hashed_password"}
    assert passwd_check(lan_host.hashed, "another good password")


def test_a_name_below_the_hosts_own_needs_no_new_authority(lan_host: Host) -> None:
    layout = lan_host.layout
    # This machine's own name may be a registry's, below which nothing is permitted.
    lan_host.must("init", "--allow-host", "box.example.org", "--new-authority")
    authority, leaf, token = layout.ca_file.read_bytes(), layout.leaf_file("default").read_bytes(), lan_host.token
    lan_host.must("init", "--allow-host", "box.example.org", "--allow-host", "gpu.box.example.org")
    assert layout.ca_file.read_bytes() == authority
    assert layout.leaf_file("default").read_bytes() != leaf
    assert lan_host.token == token


def test_a_key_that_the_user_added_survives(ssh_host: Host) -> None:
    file = ssh_host.layout.instance_file("default")
    file.write_text(file.read_text().replace('"ServerApp": {', '"ServerApp": {\n    "iopub_data_rate_limit": 1e9,'))
    outcome = ssh_host.must("init", "--port", "8801")
    assert ssh_host.instance()["ServerApp"]["iopub_data_rate_limit"] == 1e9
    assert "it was edited" in outcome.out
    assert list(ssh_host.layout.backups_dir.iterdir())


def test_names_from_other_scripts_and_with_a_trailing_dot_are_understood(host: Host) -> None:
    hosts = (
        "gpu.example.org.",
        "GPU2.Example.ORG",
        "b\u00fccher.example",
        "192.168.0.7",
        "[2001:db8::0007]",
        "gpu.example.org",
    )
    argv = [word for name in hosts for word in ("--allow-host", name)]
    outcome = host.run("init", "--access", "lan", "--allow-root", "--generate-password", "--dry-run", "--json", *argv)
    expected = ["gpu.example.org", "gpu2.example.org", "xn--bcher-kva.example"]
    assert outcome.data["settings"]["allow_hosts"][:3] == expected
    assert outcome.data["settings"]["allow_hosts"].count("gpu.example.org") == 1
    assert "2001:db8::7" in outcome.data["settings"]["allow_hosts"]


def test_the_root_directory_is_made(host: Host) -> None:
    host.must("init", *SSH, "--root-dir", "~/new/books")
    assert (host.home / "new" / "books").is_dir()


@pytest.mark.parametrize(
    ("locale", "language"),
    [("zh_CN.UTF-8", "zh_CN"), ("en_US.UTF-8", "en_US"), ("C.UTF-8", "en"), ("", "en")],
    ids=["zh", "us", "c", "none"],
)
def test_the_language_is_the_terminals_unless_said(host: Host, locale: str, language: str) -> None:
    host.variables["LANG"] = locale
    assert host.run("init", *SSH, "--dry-run", "--json").data["settings"]["language"] == language
    assert host.run("init", *SSH, "--dry-run", "--json", "--language", "zh-CN").data["settings"]["language"] == "zh_CN"


def test_an_english_terminal_is_told_nothing_of_language_packs(host: Host) -> None:
    """JupyterLab itself is in English: there is no pack to install."""
    host.variables["LANG"] = "en_US.UTF-8"
    assert "language-pack" not in host.run("init", *SSH, "--dry-run", "--json").codes


def test_instances_do_not_touch_each_other(lan_host: Host) -> None:
    written = lan_host.layout.instance_file("default").read_bytes()
    lan_host.must("init", *SSH, "--instance", "gpu1", "--port", "8802")
    assert lan_host.layout.instance_file("default").read_bytes() == written
    assert lan_host.instance("gpu1")["ServerApp"]["port"] == 8802
    assert lan_host.instance("gpu1")["RemoteKitIdentityProvider"]["token"] != lan_host.token
    assert lan_host.run("status", "--instance", "gpu1", "--json").data["configured"] is True


@pytest.mark.parametrize(
    ("name", "text", "code", "line"),
    [
        ("jupyter_server_config.py", "c = get_config()\n\nc.ServerApp.disable_check_xsrf = True\n", "xsrf-checks-off", 3),
        ("jupyter_server_config.json", '{\n "ServerApp": {\n  "allow_origin": "*"\n }\n}\n', "any-origin", 3),
        ("jupyter_lab_config.py", "c.NotebookApp.ip = '*'\n", "legacy-notebookapp", 1),
        ("jupyter_server_config.py", "c.PasswordIdentityProvider.hashed_password = 'sha1:abc:def'\n", "legacy-hash", 1),
        ("jupyter_server_config.py", "c.ServerApp.password = ''\n", "empty-password", 1),
        ("jupyter_server_config.json", '{\n "ServerApp": {,\n', "config-broken", 2),
        ("jupyter_server_config.py", "c.ServerApp.ip = \n", "config-broken", 1),
    ],
    ids=lambda value: str(value)[:24],
)
def test_the_users_own_configuration_is_named_with_its_line_and_left_alone(host: Host, name: str, text: str, code: str, line: int) -> None:
    host.layout.config_dir.mkdir()
    file = host.layout.config_dir / name
    file.write_text(text)
    found = host.run("init", *SSH, "--json").envelope["problems"]
    assert next(problem["message"] for problem in found if problem["code"] == code).startswith(f"{file}, line {line}: ")
    assert file.read_text() == text


GATE = {"allow_networks": [], "trusted_proxies": [], "session_days": 14, "hsts": False}


def _gate(host: Host, *options: str) -> dict[str, object]:
    settings = host.must("init", "--json", *options).data["settings"]
    written = host.instance()["RemoteKit"]
    shown = {key: settings[key] for key in GATE}
    assert {key: written[key] for key in GATE} == shown
    return shown


def test_the_settings_of_the_gate_are_kept_changed_and_taken_back(lan_host: Host) -> None:
    assert _gate(lan_host) == GATE
    chosen = ("--allow-network", "192.168.7.9/24", "--trusted-proxy", "::ffff:10.0.0.7", "--session-days", "30", "--hsts")
    expected = {"allow_networks": ["192.168.7.0/24"], "trusted_proxies": ["10.0.0.7/32"], "session_days": 30, "hsts": True}
    assert _gate(lan_host, *chosen) == expected
    assert _gate(lan_host) == expected
    assert lan_host.must("init", *chosen).out == "Nothing to do: everything is as it should be.\n"
    assert _gate(lan_host, "--allow-network", "any") == {**expected, "allow_networks": ["any"]}
    back = ("--allow-network", "default", "--trusted-proxy", "none", "--session-days", "14", "--no-hsts")
    assert _gate(lan_host, *back) == GATE


def test_any_network_is_said_every_time(lan_host: Host) -> None:
    for _ in range(2):
        outcome = lan_host.must("init", "--allow-network", "any", "--json")
        assert "any-network-chosen" in outcome.codes
        assert outcome.envelope["problems"][0]["hint"] == "jupyter remotekit init --allow-network default"
    assert "any-network-chosen" not in lan_host.must("init", "--allow-network", "default", "--json").codes


def test_names_of_the_host_are_taken_back(lan_host: Host) -> None:
    lan_host.must("init", "--allow-host", "gpu.example.org")
    assert lan_host.must("init", "--json").data["settings"]["allow_hosts"] == ["gpu.example.org"]
    assert lan_host.must("init", "--allow-host", "default", "--json").data["settings"]["allow_hosts"] == []


def test_an_instance_file_from_before_the_gate_is_completed(lan_host: Host) -> None:
    path = lan_host.layout.instance_file("default")
    traits = lan_host.instance()
    for key in GATE:
        del traits["RemoteKit"][key]
    path.write_text(json.dumps(traits))
    assert lan_host.must("status", "--json").data["settings"]["session_days"] == 14
    assert lan_host.must("init", "--json").data["changed"]
    assert _gate(lan_host) == GATE
    assert lan_host.must("init", "--json").data["changed"] is False


def test_proxies_that_are_everybody_are_not_started_with(lan_host: Host) -> None:
    path = lan_host.layout.instance_file("default")
    traits = lan_host.instance()
    traits["RemoteKit"]["trusted_proxies"] = ["0.0.0.0/0"]
    path.write_text(json.dumps(traits))
    outcome = lan_host.run("up", "--detach", "--json")
    assert (outcome.code, outcome.codes) == (78, ["any-proxy-trusted"])
    assert outcome.envelope["problems"][0]["hint"] == "jupyter remotekit init --trusted-proxy none"
    assert "any-proxy-trusted" not in lan_host.must("init", "--trusted-proxy", "none", "--json").codes


@pytest.mark.parametrize("command", ["urls", "status", "token", "password", "init", "up"])
def test_a_broken_instance_file_is_78_with_its_line(ssh_host: Host, command: str) -> None:
    more = {"token": ("--show",), "password": ("--generate-password",)}.get(command, ())
    file = ssh_host.layout.instance_file("default")
    lines = file.read_text().splitlines()
    lines[6] = lines[6].replace('":', '"')
    file.write_text("\n".join(lines))
    before = ssh_host.tree()
    outcome = ssh_host.run(command, *more, "--json")
    assert outcome.code == 78
    assert outcome.codes == ["instance-file-broken"]
    assert outcome.envelope["problems"][0]["message"].startswith(f"{file}, line 7: ")
    assert str(file) in outcome.envelope["problems"][0]["hint"]
    assert ssh_host.tree() == before


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ('"port": 8800', '"port": "8800"', "ServerApp.port"),
        ('"port": 8800', '"port": 0', "ServerApp.port"),
        ('"port": 8800', '"port": 65536', "ServerApp.port"),
        ('"access": "ssh"', '"access": "wan"', "RemoteKit.access"),
        ('"instance": "default"', '"instance": "../up"', "RemoteKit.instance"),
        ('"ip": "127.0.0.1"', '"ip": "everywhere"', "ServerApp.ip"),
        ('"allow_hosts": []', '"allow_hosts": [7]', "RemoteKit.allow_hosts"),
        ('"allow_hosts": []', '"allow_hosts": ["a b"]', "RemoteKit.allow_hosts"),
        ('"allow_networks": []', '"allow_networks": ["10.0.0"]', "RemoteKit.allow_networks"),
        ('"trusted_proxies": []', '"trusted_proxies": ["proxy"]', "RemoteKit.trusted_proxies"),
        ('"session_days": 14', '"session_days": 0', "RemoteKit.session_days"),
        ('"hsts": false', '"hsts": 0', "RemoteKit.hsts"),
    ],
    ids=lambda value: value.replace('"', ""),
)
def test_a_value_in_the_instance_file_that_cannot_be_is_78_with_its_line(ssh_host: Host, old: str, new: str, name: str) -> None:
    file = ssh_host.layout.instance_file("default")
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    line = next(number for number, content in enumerate(file.read_text().splitlines(), 1) if new.split(":")[0] in content)
    outcome = ssh_host.run("urls", "--json")
    assert outcome.code == 78
    assert outcome.codes == ["instance-file-broken"]
    assert f"{file}, line {line}: {name}" in outcome.envelope["problems"][0]["message"]


@pytest.mark.parametrize("command", ["urls", "up", "init"])
def test_an_instance_file_that_others_can_read_is_78(ssh_host: Host, command: str) -> None:
    file = ssh_host.layout.instance_file("default")
    file.chmod(0o644)
    outcome = ssh_host.run(command, "--json")
    assert outcome.code == 78
    assert str(file) in outcome.envelope["problems"][0]["message"]
    assert outcome.envelope["problems"][0]["hint"] == f"chmod 600 {file}"


def test_an_ordinary_jupyter_server_is_untouched(lan_host: Host) -> None:
    """`init` writes nothing that an ordinary `jupyter lab` reads."""
    ours = [path for path, (mode, _, _) in lan_host.tree().items() if stat.S_ISREG(mode)]
    assert all("remotekit" in Path(path).parts for path in ours)
    assert sys.prefix not in str(lan_host.folder)
