"""What a user of a managed server gets: signing in, staying in, being signed out, stopping."""

from __future__ import annotations

import json
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import websocket

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.host import passwords, socketfolder
from jupyter_remote_kit.plan.instance import traits_of
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials

if TYPE_CHECKING:
    from tests.server.conftest import Machine

PASSWORD = "Correct-horse-7"
TOKEN = "canary-token-0123456789abcdef0123456789"
WITH_TOKEN = {"Authorization": f"token {TOKEN}"}


def test_login_with_the_password_as_vs_code_does_it(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        assert client.get("/api/kernels").status_code == 403
        assert client.get("/tree?").headers["location"].startswith("/login")
        page = client.get("/login?")
        assert page.status_code == 200
        xsrf = page.cookies["_xsrf"]
        wrong = client.post("/login?", data={"_xsrf": xsrf, "password": PASSWORD + "x"})
        assert wrong.status_code == 401
        assert "Wrong password or token." in wrong.text
        right = client.post("/login?", data={"_xsrf": xsrf, "password": PASSWORD})
    assert right.status_code == 302
    first = right.headers.get_list("set-cookie")[0]
    assert first.startswith("username-127-0-0-1-")
    assert "HttpOnly" in first
    assert "SameSite=Lax" in first
    assert "Secure" not in first
    name, _, value = first.split(";")[0].partition("=")
    with server.client(cookies={name: value}) as editor:
        assert editor.get("/remotekit/api/status").json()["posture"]["mode"] == "managed"


def test_login_cookie_comes_first_though_a_stale_one_was_sent(machine: Machine) -> None:
    settings = machine.settings()
    traits = machine.traits(settings)
    traits["ServerApp"]["base_url"] = "/deep/"
    machine.write(settings, traits)
    server = machine.start(settings)
    server.ready()
    name = f"username-127-0-0-1-{settings.port}"
    with server.client() as client:
        xsrf = client.get("/deep/login").cookies["_xsrf"]
        headers = {"Cookie": f"_xsrf={xsrf}; {name}=stale"}
        answer = client.post("/deep/login", data={"_xsrf": xsrf, "password": PASSWORD}, headers=headers)
    assert answer.status_code == 302
    first = answer.headers.get_list("set-cookie")[0]
    assert first.startswith(f"{name}=")
    assert "expires=" in first
    assert '=""' not in first


@pytest.mark.parametrize("given", [TOKEN, f" {TOKEN}\n"])
def test_the_password_field_takes_the_token_too(machine: Machine, given: str) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        xsrf = client.get("/login").cookies["_xsrf"]
        assert client.post("/login", data={"_xsrf": xsrf, "password": given}).status_code == 302


def test_tokens_are_taken_from_header_and_query_and_wrong_ones_are_not(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client() as client:
        for headers in (WITH_TOKEN, {"Authorization": f"Bearer {TOKEN}"}):
            assert client.get("/api/kernels", headers=headers).status_code == 200
            client.cookies.clear()
        assert client.get("/api/kernels", params={"token": TOKEN}).status_code == 200
        client.cookies.clear()
        # Five of them, and no token at all: one more would be told to wait.
        for wrong in ("", TOKEN[:-1], TOKEN + "0", "пароль", "\ud800".encode("utf-8", "surrogatepass")):
            assert client.get("/api/kernels", params={"token": wrong}).status_code == 403, wrong
        assert client.get("/api/kernels", headers={"Authorization": b"token \xff\xfe"}).status_code == 403


def test_no_token_in_any_page_nor_in_a_world_readable_file(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.signed_in() as client:
        lab = client.get("/lab").text
        config = lab.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0]
        assert json.loads(config)["token"] == ""
        for path in ("/lab", "/lab/tree/nothing", "/doc", "/login", "/no/such/page", "/api/contents/nothing", "/tree", "/logout"):
            answer = client.get(path, follow_redirects=True)
            assert TOKEN not in answer.text, path
            assert machine.hashed_password not in answer.text, path
    for path in machine.home.rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o077:
            assert TOKEN not in path.read_text(errors="replace"), path
    assert not list(machine.layout.runtime_dir.glob("*open.html"))
    assert TOKEN not in server.output


def test_the_interface_is_chinese_at_the_first_load_and_the_users_own_settings_win(machine: Machine) -> None:
    server = machine.start(machine.settings(language="zh_CN"))
    server.ready()
    plugin = "/lab/api/settings/@jupyterlab/translation-extension:plugin"
    with server.client(headers=WITH_TOKEN) as client:
        setting = client.get(plugin).json()
        assert setting["schema"]["properties"]["locale"]["default"] == "zh_CN"
        # The schema's words are translated on the server, by the locale that it believes to be in force.
        assert setting["schema"]["title"] == "语言"
        assert client.get("/lab/api/translations/").json()["data"]["zh_CN"]["displayName"].startswith("中文")
        completer = client.get("/lab/api/settings/@jupyterlab/completer-extension:manager").json()
        assert completer["schema"]["properties"]["autoCompletion"]["default"] is True
        client.put(plugin, json={"raw": '{"locale": "en"}'}, headers=WITH_TOKEN)
        assert client.get(plugin).json()["settings"] == {"locale": "en"}
        assert client.get(plugin).json()["schema"]["title"] == "Language"


def test_what_an_administrator_set_for_everybody_wins_over_the_instances_defaults(machine: Machine) -> None:
    labconfig = machine.home / "etc" / "labconfig"
    labconfig.mkdir()
    overrides = {"@jupyterlab/completer-extension:manager": {"autoCompletion": False}}
    (labconfig / "default_setting_overrides.json").write_text(json.dumps(overrides))
    server = machine.start(machine.settings())
    server.ready()
    with server.client(headers=WITH_TOKEN) as client:
        completer = client.get("/lab/api/settings/@jupyterlab/completer-extension:manager").json()
    assert completer["schema"]["properties"]["autoCompletion"]["default"] is False


def test_a_broken_overlay_costs_a_warning_only(machine: Machine) -> None:
    settings = machine.settings()
    machine.write(settings)
    machine.layout.overlay_file("default").write_text("{")
    server = machine.start(settings)
    assert server.ready()["ready"] is True
    assert "overlay-broken" in server.output


def test_control_socket_and_runtime_file_tell_and_go(machine: Machine) -> None:
    settings = machine.settings()
    server = machine.start(settings)
    status = server.ready()
    runtime_file, socket = machine.layout.runtime_file("default"), machine.layout.control_socket("default")
    runtime = json.loads(runtime_file.read_text())
    process = psutil.Process(server.process.pid)
    assert (status["pid"], status["port"], status["kernels"], status["instance"]) == (process.pid, settings.port, 0, "default")
    assert runtime["pid"] == process.pid
    assert abs(runtime["create_time"] - process.create_time()) < 1
    assert runtime["url"].startswith(server.url)
    # Where `connect` leads to, too.
    kept = (runtime_file, socket, socketfolder.door_socket(machine.layout, "default"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert TOKEN not in runtime_file.read_text()
    with server.client(headers=WITH_TOKEN) as client:
        kernel = client.post("/api/kernels", json={"name": "python3"})
        assert kernel.status_code == 201, kernel.text
    assert server.control.status()["kernels"] == 1
    children = process.children(recursive=True)
    assert children
    server.control.shutdown()
    assert server.ended() == 0
    assert not runtime_file.exists()
    assert not socket.exists()
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_socket_left_behind_is_replaced_and_a_second_server_is_not(machine: Machine) -> None:
    settings = machine.settings()
    first = machine.start(settings)
    first.ready()
    first.process.kill()
    first.ended()
    assert machine.layout.control_socket("default").exists()
    second = machine.start(settings)
    second.wait_until(lambda: (status := second.control.status()) and status["pid"] == second.process.pid)
    elsewhere = machine.settings()
    machine.write(elsewhere)
    third = machine.start(elsewhere)
    assert third.ended() == 1
    assert "refused [already-running]: " in third.output
    assert second.control.status()["pid"] == second.process.pid


def test_two_servers_on_one_port_the_second_fails(machine: Machine) -> None:
    settings = machine.settings()
    machine.start(settings).ready()
    other = machine.settings(instance="other", port=settings.port)
    machine.write(other)
    second = machine.start(other)
    assert second.ended() == 1
    assert f"port {settings.port} is not available" in second.output


def test_tickets_sign_in_once(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    path = server.control.ticket()
    with server.client() as client:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, "/lab")
        assert client.get("/remotekit/api/status").status_code == 200
    with server.client() as other:
        for used in (path, "/remotekit/open?ticket=x", "/remotekit/open"):
            answer = other.get(used)
            assert (answer.status_code, answer.headers["location"]) == (302, "/login?link=expired")
        assert "This link has expired." in other.get("/login?link=expired").text
        assert other.get("/remotekit/api/status").status_code == 403
    assert path.partition("=")[2] not in server.output


@pytest.mark.parametrize(
    ("instance", "known_as", "command"),
    [
        ("connect", "gpu", "jupyter remotekit connect gpu</code>"),
        ("lab-1", "gpu.lab", "jupyter remotekit connect gpu.lab --instance lab-1</code>"),
        ("connect", "", "jupyter remotekit connect [USER@]HOST</code>"),
    ],
)
def test_without_a_password_the_page_says_how_to_come_in_again(machine: Machine, instance: str, known_as: str, command: str) -> None:
    settings = machine.settings(instance=instance)
    machine.write(settings, traits_of(settings, Credentials(Secret(TOKEN), None), machine.layout.leaf_file(instance)))
    server = machine.start(settings)
    server.ready()
    path = server.control.ticket(known_as)
    with server.client() as client:
        client.get(path)
    with server.client() as other:
        page = other.get(other.get(path).headers["location"]).text
    assert "This link has expired." in page
    assert command in page
    assert ">Token</label>" in page
    assert "jupyter remotekit password" not in page


def new_credentials(machine: Machine, path: Path, **changes: str) -> None:
    traits = json.loads(path.read_text())
    traits["RemoteKitIdentityProvider"].update(changes)
    path.write_text(json.dumps(traits))


def closing_code(channel: websocket.WebSocket) -> int:
    """The code with which the server hangs up; fails after the socket's time-out."""
    while True:
        opcode, data = channel.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            channel.shutdown()
            return int.from_bytes(data[:2], "big")


@pytest.mark.parametrize("what", ["token", "hashed_password"])
def test_new_credentials_end_every_session_at_once_and_after_a_restart(machine: Machine, what: str) -> None:
    settings = machine.settings()
    path = machine.write(settings)
    server = machine.start(settings)
    server.ready()
    fresh = {"token": "rotated-" + TOKEN, "hashed_password": passwords.hash_password(Secret("Another-horse-8")).reveal()}[what]
    with server.signed_in() as client:
        kernel = client.post("/api/kernels", headers={"X-XSRFToken": client.cookies["_xsrf"]}, json={"name": "python3"}).json()["id"]
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        channel = websocket.create_connection(
            f"ws://127.0.0.1:{settings.port}/api/kernels/{kernel}/channels?session_id=s", cookie=cookie, timeout=10
        )
        new_credentials(machine, path, **{what: fresh})
        assert client.get("/api/kernels").status_code == 200
        server.control.reload_credentials()
        assert client.get("/api/kernels").status_code == 403
        assert closing_code(channel) == 1008
        with server.client(headers={"Authorization": f"token {TOKEN}"}) as editor:
            assert editor.get("/api/kernels").status_code == (403 if what == "token" else 200)
    old_cookies = dict(pair.split("=", 1) for pair in cookie.split("; "))
    server.control.shutdown()
    assert server.ended() == 0
    again = machine.start(settings)
    again.ready()
    with again.client(cookies=old_cookies) as client:
        assert client.get("/api/kernels").status_code == 403


def test_sessions_survive_a_restart_with_the_same_credentials(machine: Machine) -> None:
    settings = machine.settings()
    server = machine.start(settings)
    server.ready()
    with server.signed_in() as client:
        server.control.shutdown()
        assert server.ended() == 0
        machine.start(settings).ready()
        assert client.get("/api/kernels").status_code == 200


@pytest.mark.parametrize("changes", [{"token": "short"}, {"hashed_password": "sha1:12:34"}])
def test_credentials_that_the_policy_refuses_are_not_taken(machine: Machine, changes: dict[str, str]) -> None:
    settings = machine.settings()
    path = machine.write(settings)
    server = machine.start(settings)
    server.ready()
    new_credentials(machine, path, **changes)
    with pytest.raises(Failed):
        server.control.reload_credentials()
    with server.client(headers=WITH_TOKEN) as client:
        assert client.get("/api/kernels").status_code == 200
        client.cookies.clear()
        assert client.get("/api/kernels", headers={"Authorization": "token short"}).status_code == 403


def test_https_with_secure_cookies_and_a_renewed_certificate_without_a_restart(machine: Machine) -> None:
    settings = machine.settings(access=Access.LAN)
    old = machine.issue_leaf().read_bytes()
    server = machine.start(settings)
    posture = server.ready()["posture"]
    assert (posture["scheme"], posture["secure"], posture["access"]) == ("https", True, "lan")
    with server.signed_in() as client:
        assert client.get("/remotekit/api/status").json()["posture"]["secure"] is True
    with server.client() as client:
        client.get("/login")
        answer = client.post("/login", data={"_xsrf": client.cookies["_xsrf"], "password": PASSWORD})
        assert "Secure" in answer.headers.get_list("set-cookie")[0]
    assert machine.issue_leaf().read_bytes() != old
    server.control.reload_certificate()
    server.verify = ssl.create_default_context(cafile=str(machine.layout.ca_certificate_file))
    with server.client() as client:
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}
    machine.layout.leaf_file("default").write_text("no certificate")
    with pytest.raises(Failed):
        server.control.reload_certificate()
    with server.client() as client:
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}


def test_an_ordinary_jupyter_lab_does_not_read_the_instance(machine: Machine) -> None:
    settings = machine.settings(language="zh_CN")
    machine.write(settings).write_text("{ broken")
    server = machine.start_plain(settings, "--IdentityProvider.token=plain")
    with server.client(headers={"Authorization": "token plain"}) as client:

        def answers() -> bool:
            try:
                return client.get("/remotekit/api/status").status_code == 200
            except Exception:
                return False

        server.wait_until(answers)
        status = client.get("/remotekit/api/status").json()
    assert status["posture"]["mode"] == "unmanaged"
    assert status["posture"]["instance"] is None
    assert status["language"] is None
    assert not machine.layout.control_socket("default").exists()
    assert "jupyter-remote-kit:" not in server.output


def test_instance_wins_over_what_the_user_configured_elsewhere(machine: Machine) -> None:
    browser = machine.home / "browser"
    browser.write_text(f"#!/bin/sh\ntouch {machine.home}/opened\n")
    browser.chmod(0o755)
    machine.environment["BROWSER"] = str(browser)
    machine.configure(
        "jupyter_server_config.py",
        "c.ServerApp.ip = '0.0.0.0'\n"
        "c.ServerApp.port = 1\n"
        "c.ServerApp.allow_unauthenticated_access = True\n"
        "c.ServerApp.certfile = '/nonexistent'\n"
        "c.ServerApp.password = 'sha1:aa:bb'\n"
        "c.ServerApp.cookie_secret = b'guessable'\n"
        "c.PasswordIdentityProvider.hashed_password = 'sha1:aa:bb'\n"
        "c.IdentityProvider.token = 'users'\n"
        "c.ServerApp.RemoteKitIdentityProvider.token = 'more-specific'\n"
        "c.RemoteKit.access = 'lan'\n",
    )
    machine.configure("jupyter_server_config.json", json.dumps({"ServerApp": {"root_dir": "/"}}))
    machine.configure(
        "jupyter_lab_config.py",
        "c.ServerApp.ip = '0.0.0.0'\nc.NotebookApp.ip = '*'\nc.NotebookApp.port = 2\nc.LabApp.open_browser = True\n"
        "c.NotebookApp.notebook_dir = '/'\nc.ServerApp.allow_origin_pat = ''\n",
    )
    machine.configure("jupyter_remotekit_config.py", "c.ServerApp.port = 3\nc.RemoteKit.language = 'fr'\n")
    machine.configure("jupyter_notebook_config.py", "c.NotebookApp.ip = '*'\n")
    settings = machine.settings(language="zh_CN")
    machine.write(settings)
    server = machine.start(settings)
    status = server.ready()
    assert (status["ip"], status["port"], status["language"], status["scheme"]) == ("127.0.0.1", settings.port, "zh_CN", "http")
    listening = {connection.laddr for connection in psutil.Process(status["pid"]).net_connections("tcp") if connection.status == "LISTEN"}
    assert ("127.0.0.1", settings.port) in listening
    assert {address.ip for address in listening} == {"127.0.0.1"}
    (machine.root / "here.txt").touch()
    with server.client(headers=WITH_TOKEN) as client:
        assert [entry["name"] for entry in client.get("/api/contents").json()["content"]] == ["here.txt"]
        assert client.get("/remotekit/api/status").json()["posture"]["access"] == "ssh"
    with server.client() as client:
        for token in ("users", "more-specific"):
            assert client.get("/api/kernels", headers={"Authorization": f"token {token}"}).status_code == 403
        assert client.post("/api/kernels", json={}).status_code == 403
    assert not (machine.home / "opened").exists()


def test_chinese_findings_follow_the_requests_language(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with server.client(headers=WITH_TOKEN) as client:
        english = client.get("/remotekit/api/status", headers={"Accept-Language": "en"}).json()["posture"]["findings"]
        chinese = client.get("/remotekit/api/status", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).json()["posture"]["findings"]
    assert [row["code"] for row in english] == [row["code"] for row in chinese]


def test_an_unmanaged_server_that_others_reach_gives_one_warning_and_serves(machine: Machine) -> None:
    settings = machine.settings()
    server = machine.start_plain(settings, "--ip=0.0.0.0", "--IdentityProvider.token=plain")
    server.wait_until(lambda: "is running at" in server.output)
    output = server.output
    assert output.count("jupyter-remote-kit:") == 1
    assert "plain-http: " in output
    assert "token-short: " in output
    assert "remotekit.server.identity" not in output


def test_a_certificate_that_init_has_changed_is_served_without_a_restart(machine: Machine) -> None:
    settings = machine.settings(access=Access.LAN)
    authority = machine.issue_leaf()
    path = machine.write(settings)
    server = machine.start(settings)
    server.ready()
    leaf = machine.layout.leaf_file("default").read_text()
    machine.issue_leaf()
    own = machine.home / "own.crt", machine.home / "own.key"
    text = machine.layout.leaf_file("default").read_text()
    begin = text.index("-----BEGIN PRIVATE KEY")
    own[0].write_text(text[:begin])
    own[1].write_text(text[begin:])
    own[1].chmod(0o644)
    machine.layout.leaf_file("default").write_text(leaf)
    old, new = server.verify, ssl.create_default_context(cafile=str(authority))

    def named(certfile: str, keyfile: str) -> None:
        traits = json.loads(path.read_text())
        traits["ServerApp"].update(certfile=certfile, keyfile=keyfile)
        traits["RemoteKit"]["own_certificate"] = bool(keyfile)
        path.write_text(json.dumps(traits))

    for certfile, keyfile, reason in ((str(own[0]), str(own[1]), "Other users can read"), ("", "", "names no certificate")):
        named(certfile, keyfile)
        with pytest.raises(Failed, match=reason):
            server.control.reload_certificate()
        server.verify = old
        with server.client() as client:
            assert client.get("/remotekit/api/health").json() == {"status": "ok"}
    own[1].chmod(0o600)
    named(str(own[0]), str(own[1]))
    server.control.reload_certificate()
    server.verify = new
    with server.client() as client:
        assert client.get("/remotekit/api/health").json() == {"status": "ok"}
    # The posture looks at the key in use.
    own[1].chmod(0o640)
    server.wait_until(lambda: "exposed-path" in {row["code"] for row in server.control.status()["posture"]["findings"]})


def test_a_server_without_tls_has_no_certificate_to_reload(machine: Machine) -> None:
    server = machine.start(machine.settings())
    server.ready()
    with pytest.raises(Failed, match="plain HTTP"):
        server.control.reload_certificate()
