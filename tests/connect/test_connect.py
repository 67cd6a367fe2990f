"""From nothing to a cell's result: by a key, a jump host, an agent, a password; what is left when it ends, and who else can get in."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.connect.stage import KIT, Host, Lab, Laptop, User, faults
from tests.connect.stage.connection import FINDS_KIT, Connection, connected
from tests.connect.stage.laptop import BROWSER, OPENED
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.laptop import Lab as Screen
from tests.e2e.stage.waiting import until

PASSWORD = "Lange Leitung 7"
PASSPHRASE = "offen, Sesam"
# What somebody on the host tries: each port by itself, and with a token.
KNOCKING = """
import json, sys, urllib.error, urllib.request
asked = json.load(sys.stdin)
def status(port, headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/contents", headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code
token = {"Authorization": "token " + asked["token"]}
print(json.dumps([[status(port, {}), status(port, token)] for port in asked["ports"]]))
"""


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    """A host with many users, none of whom has ever used Jupyter."""
    keyed = (User(name) for name in ("alice", "bob", "erin", "frank", "grace", "heidi", "ivan"))
    return lab.host("gpu", *keyed, User("carl", password=PASSWORD))


@pytest.fixture(scope="module")
def laptop(lab: Lab) -> Laptop:
    """The module's laptop."""
    return lab.laptop


def watched(connection: Connection, canaries: Canaries) -> Connection:
    """Itself; its token is looked for from now on."""
    canaries.watch(connection.token)
    return connection


def status(host: Host, user: str) -> dict[str, Any]:
    """What the kit on the host says of the server that `connect` has started there."""
    done = host.run(KIT, "status", "--json", "--instance", "connect", user=user, check=False)
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


def names(host: Host, user: str) -> list[str]:
    """The command lines of the user's processes there."""
    uid = host.person(user).uid
    return [" ".join(process.argv) for process in host.processes() if process.uid == uid]


# -- ways in -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("browser")
def test_from_nothing_to_the_result_of_a_cell(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    assert not (gpu.home("alice") / ".jupyter").exists()
    with connected(laptop, "alice@gpu", browser=True, env=laptop.recording_browser()) as connection, laptop.page() as page:
        watched(connection, canaries)
        assert connection.data["started"] is True
        url = laptop.opened()
        ticket = parse_qs(urlsplit(url).query)["ticket"][0]
        screen = Screen(page)
        screen.open(url)
        screen.new_notebook()
        assert screen.run("import socket; socket.gethostname()") == "'gpu'"
        assert urlsplit(page.url).netloc == urlsplit(connection.url).netloc == urlsplit(url).netloc
        assert ticket not in page.url
        assert connection.token not in page.content()
        # It was good for once.
        page.context.clear_cookies()
        page.goto(url)
        assert "/login" in page.url
    assert [line for line in canaries.command_lines() if ticket in line and BROWSER not in line] == []


def test_a_second_connect_finds_the_server_and_what_it_computes(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    with connected(laptop, "erin@gpu") as first:
        watched(first, canaries)
        kernel = first.new_kernel()
        assert first.execute(kernel, "x = 41; x") == "41"
        assert first.stop() == 0
    with connected(laptop, "erin@gpu") as second:
        assert (second.data["started"], second.data["pid"]) == (False, first.data["pid"])
        assert (second.url, second.data["token_url"]) == (first.url, first.data["token_url"])
        assert second.execute(kernel, "x + 1") == "42"


def test_a_connect_beside_another_names_the_one_that_holds_the_line(laptop: Laptop, gpu: Host) -> None:
    with connected(laptop, "erin@gpu") as first:
        beside = laptop.kit("connect", "erin@gpu", "--json", "--no-browser", *FINDS_KIT)
        assert beside.returncode == 0, beside.stderr
        assert json.loads(beside.stdout)["data"]["url"] == first.url
        assert first.answers()


def test_two_users_of_a_host_do_not_meet(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    with connected(laptop, "frank@gpu") as frank, connected(laptop, "grace@gpu") as grace:
        both = [watched(connection, canaries) for connection in (frank, grace)]
        assert len({connection.port for connection in both}) == 2
        assert len({urlsplit(connection.url).hostname for connection in both}) == 2
        for connection in both:
            who = connection.execute(connection.new_kernel(), "import getpass; getpass.getuser()")
            assert who.strip("'") == connection.data["host"].partition("@")[0]
        assert frank.ask("GET", "/api/contents").status_code == 200
        frank.data["token_url"], kept = grace.data["token_url"], frank.data["token_url"]
        assert frank.ask("GET", "/api/contents").status_code == 403
        frank.data["token_url"] = kept
        ports = [urlsplit(status(gpu, user)["url"]).port for user in ("frank", "grace")]
        asked = json.dumps({"ports": ports, "token": grace.token})
        told = json.loads(gpu.run(sys.executable, "-c", KNOCKING, user="grace", input=asked).stdout)
        assert told == [[403, 403], [403, 200]]


def test_through_a_jump_host(lab: Lab, laptop: Laptop, canaries: Canaries) -> None:
    lab.jump("gate", User("hop"))
    lab.host("inner", User("alice"), inner=True)
    laptop.configure("Host inner\n  User alice\n  ProxyJump hop@gate\n")
    with connected(laptop, "inner") as connection:
        watched(connection, canaries)
        assert connection.execute(connection.new_kernel(), "import socket; socket.gethostname()") == "'inner'"
        assert connection.stop() == 0
    until(lambda: not any(process.name == "ssh" for process in laptop.processes()), "the jump's ssh to end as well")


def test_by_a_locked_key_in_an_agent(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    gpu.authorize("heidi", laptop.make_key("locked", PASSPHRASE))
    refused = laptop.kit("connect", "heidi@gpu", "--json", "--no-browser", *FINDS_KIT)
    assert refused.returncode == 1
    assert [problem["code"] for problem in json.loads(refused.stdout)["problems"]] == ["ssh-refused"]
    with laptop.agent("locked", PASSPHRASE) as found, connected(laptop, "heidi@gpu", env=found) as connection:
        watched(connection, canaries)
        assert connection.execute(connection.new_kernel(), "6 * 7") == "42"


def test_by_a_password_that_ssh_asks_for(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    canaries.watch(PASSWORD)
    with laptop.terminal(KIT, "connect", "carl@gpu", "--no-browser", *FINDS_KIT) as terminal:
        terminal.until("password: ")
        terminal.type(PASSWORD)
        shown = terminal.until(r"http://127\.0\.0\.1:\d+/\S*token=(\w+)")
        canaries.watch(shown[1])
        live = terminal.until(r"● \S+ · \d+ ms · ↓ \S+ \S+ ↑ \S+ \S+")
        assert live
        terminal.press("c")
        terminal.until("The server on .* goes on")
        assert terminal.finish() == 0
    assert PASSWORD not in terminal.seen
    assert status(gpu, "carl")["running"] is True


# -- what it says, and what is left ------------------------------------------------------------------------------------------------


def test_without_a_browser_the_urls_are_printed_and_nothing_is_opened(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    argv = (KIT, "connect", "bob@gpu", "--no-browser", *FINDS_KIT)
    with laptop.terminal(*argv, env=laptop.recording_browser()) as terminal:
        terminal.until(r"http://\S+\.localhost:\d+/lab")
        canaries.watch(terminal.until(r"http://127\.0\.0\.1:\d+/\S*token=(\w+)")[1])
        terminal.press("c")
        terminal.until("goes on")
        assert terminal.finish() == 0
    assert not laptop.inside(OPENED).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: signal.Signals(number).name)
def test_the_server_goes_on_and_nothing_else_does(laptop: Laptop, gpu: Host, canaries: Canaries, number: int) -> None:
    with connected(laptop, "bob@gpu") as connection:
        watched(connection, canaries)
        kernel = connection.new_kernel()
        assert connection.execute(kernel, "6 * 7") == "42"
        assert connection.stop(number) == 0
        assert "goes on" in connection.words()[-1]
    until(lambda: not gpu.sessions(), "the sessions to end")
    assert not any(process.name == "ssh" for process in laptop.processes())
    assert connection.port not in laptop.listeners()
    assert not [path for path in laptop.inside("/tmp").iterdir() if path.name.startswith("rk-")]
    assert status(gpu, "bob")["running"] is True
    until(lambda: all("ipykernel_launcher" in line or "--RemoteKit.instance=" in line for line in names(gpu, "bob")), "the rest to end")


def test_stop_on_exit_stops_the_server(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    with connected(laptop, "ivan@gpu", "--stop-on-exit") as connection:
        watched(connection, canaries)
        connection.new_kernel()
        assert connection.stop() == 0
        assert "stopped" in connection.words()[-1]
    until(lambda: not names(gpu, "ivan"), "the server and its kernel to end")
    assert status(gpu, "ivan")["running"] is False


@pytest.mark.parametrize("shell", [("bash", "--norc", "-i"), ("zsh", "-f", "-i")], ids=lambda shell: shell[0])
def test_closing_the_window_is_an_exit_too(laptop: Laptop, gpu: Host, canaries: Canaries, shell: tuple[str, ...]) -> None:
    with laptop.terminal(*shell) as terminal:
        terminal.type(shlex.join([str(KIT), "connect", "ivan@gpu", "--no-browser", "--stop-on-exit", *FINDS_KIT]))
        canaries.watch(terminal.until(r"http://127\.0\.0\.1:\d+/\S*token=(\w+)")[1])
        terminal.until("● ")
        # The kernel tells the session, and the shell each of its jobs.
        terminal.close()
        until(lambda: not names(gpu, "ivan"), "the server to end", 60)
    until(lambda: not any(process.name == "ssh" for process in laptop.processes()), "ssh to end as well")


def test_whoever_started_it_by_nohup_may_log_out(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    deaf = ("sh", "-c", 'trap "" HUP; exec "$@"', "sh", KIT)
    with connected(laptop, "ivan@gpu", "--stop-on-exit", program=deaf) as connection:
        watched(connection, canaries)
        connection.process.send_signal(signal.SIGHUP)
        kernel = connection.new_kernel()
        assert connection.execute(kernel, "6 * 7") == "42"
        assert connection.process.poll() is None
        assert connection.stop() == 0


def test_a_line_that_was_disowned_outlives_its_window(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    argv = (str(KIT), "connect", "ivan@gpu", "--no-browser", "--stop-on-exit", *FINDS_KIT)
    with laptop.terminal("bash", "--norc", "-i") as terminal:
        terminal.type(f"{shlex.join(argv)} & disown")
        port, token = terminal.until(r"http://127\.0\.0\.1:(\d+)/\S*token=(\w+)").groups()
        canaries.watch(token)
        terminal.until("● ")
        terminal.close()
        until(lambda: not any(process.name == "bash" for process in laptop.processes()), "the shell to end")
    (running,) = (process.pid for process in laptop.processes() if process.argv[-len(argv) :] == argv)
    assert faults.kill_ssh(laptop, running) == 1
    with laptop.network():
        answer = httpx.get(f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"}, timeout=30, trust_env=False)
    assert answer.status_code == httpx.codes.OK
    os.kill(running, signal.SIGTERM)
    until(lambda: not names(gpu, "ivan"), "the server to end", 60)


def test_no_command_line_held_a_token_or_a_password(gpu: Host, canaries: Canaries) -> None:
    seen = canaries.command_lines()
    # Both sides were looked at.
    assert any("connect alice@gpu" in line for line in seen)
    assert any("--RemoteKit.instance=connect" in line for line in seen)
    assert canaries.shown() == []


def test_what_the_laptop_keeps_is_its_users_alone_and_holds_no_token(laptop: Laptop, gpu: Host, canaries: Canaries) -> None:
    kept = [path for path in laptop.home().rglob("*") if path.is_file() and "remotekit" in str(path)]
    assert kept
    assert [str(path) for path in kept if path.stat().st_mode & 0o077] == []
    held = [path for path in laptop.home().rglob("*") if path.is_file() and canaries.inside(path.read_bytes())]
    assert held == []
