"""What `init`, `up`, `down`, `urls`, `status`, `password`, `token` and `remove` do to a host, from the first day to the last."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stage.browsers import opened, recording_browser
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import PORT, Done, Host, process_ended, wait_ended
from tests.e2e.stage.ides import vscode_sign_in
from tests.e2e.stage.laptop import Laptop
from tests.e2e.stage.namespaces import Namespace
from tests.e2e.stage.waiting import until


@pytest.fixture
def laptop_machine(cable: tuple[Host, Laptop]) -> Namespace:
    """The laptop's place on the network; these tests need no browser."""
    return cable[1].machine


@pytest.fixture
def day(host: Host) -> Iterator[Host]:
    """A host on its first day."""
    host.empty_home()
    yield host
    host.empty_home()


# -- a running server -----------------------------------------------------------------------------------------------------------------


def test_up_detach_returns_when_https_answers(day: Host, laptop_machine: Namespace, canaries: Canaries) -> None:
    password = canaries.password()
    done = day.up("--access", "lan", "--password-stdin", stdin=f"{password}\n")
    # No waiting in between: what it says is already so.
    with day.http(laptop_machine) as http:
        assert http.get("/remotekit/api/health").json() == {"status": "ok"}
    canaries.watch_instance(day.instance_file())
    assert done.data["pid"] in day.machine.pids()
    assert Path(done.data["log"]).stat().st_mode & 0o777 == 0o600
    assert "https://10.77.1.1:8800/lab" in done.data["lab"]
    assert "https://gpubox:8800/lab" in done.data["lab"]
    assert "https://[fd00:77:1::1]:8800/lab" in done.data["lab"]
    assert done.data["ssh"] == "ssh -N -L 8800:127.0.0.1:8800 root@10.77.1.1"
    assert day.token() not in done.out
    people = day.kit("status").expect().out
    assert f"Process: {done.data['pid']}" in people


def test_up_in_the_foreground_is_the_server_and_says_so_once(
    day: Host, laptop_machine: Namespace, canaries: Canaries, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    argv = [day.prefix / "bin" / "jupyter-remotekit", "up", "--allow-root", "--access", "lan", "--generate-password", "--json"]
    with out.open("w") as stdout:
        process = day.machine.popen(argv, day.env(), stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=day.home)
    until(lambda: out.read_text().strip(), "the one object of up", 60)
    said = json.loads(out.read_text())
    canaries.watch_instance(day.instance_file())
    canaries.watch(said["data"]["password"])
    assert said["ok"] is True
    with day.http(laptop_machine) as http:
        assert vscode_sign_in(http, said["data"]["password"]) is not None
    day.kit("down").expect()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(out.read_text().splitlines()) == 1
    assert said["data"]["password"] not in err


def test_open_signs_a_local_browser_in_by_a_ticket_that_works_once(day: Host, tmp_path: Path, canaries: Canaries) -> None:
    browser, seen = recording_browser(tmp_path)
    password = canaries.password()
    day.up("--access", "lan", "--password-stdin", "--open", stdin=f"{password}\n", BROWSER=browser)
    canaries.watch_instance(day.instance_file())
    ticket = opened(seen)
    assert canaries.inside(seen.read_bytes()) == []
    path = f"{ticket.path}?{ticket.query}"
    with day.http(day.machine, f"{ticket.scheme}://{ticket.netloc}") as http:
        assert http.get(path).status_code == httpx.codes.FOUND
        assert http.get("/lab").status_code == httpx.codes.OK
        http.cookies.clear()
        assert "/login" in http.get(path).headers["Location"]
        assert http.get("/lab").status_code == httpx.codes.FOUND


def test_a_port_that_a_stranger_holds_is_left_to_them(day: Host) -> None:
    day.kit("init", "--allow-root", "--access", "ssh").expect()
    program = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 8800)); s.listen(); time.sleep(600)"
    stranger = day.machine.popen(["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/env", "python3", "-c", program], day.env())
    until(day.listening, "the stranger to listen")
    done = day.kit("up", "--detach", "--allow-root", "--json").expect(1)
    assert done.codes == ["port-taken"]
    assert stranger.poll() is None
    day.stop_everything()
    stranger.wait()


def test_a_changed_answer_keeps_password_token_and_authority(day: Host, canaries: Canaries) -> None:
    day.kit("init", "--allow-root", "--password-stdin", stdin=f"{canaries.password()}\n").expect()
    before = canaries.watch_instance(day.instance_file())
    authority, leaf = day.ca.read_bytes(), (day.tls_dir / "leaf-default.pem").read_bytes()
    done = day.kit("init", "--allow-root", "--port", "8801", "--language", "zh_CN", "--json").expect()
    after = day.instance()
    assert done.data["changed"] is True
    assert after["RemoteKitIdentityProvider"] == before["RemoteKitIdentityProvider"]
    assert after["ServerApp"] == {**before["ServerApp"], "port": 8801}
    assert after["RemoteKit"] == {**before["RemoteKit"], "language": "zh_CN"}
    assert day.ca.read_bytes() == authority
    assert (day.tls_dir / "leaf-default.pem").read_bytes() == leaf


# -- the end --------------------------------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    listed = subprocess.run(["ps", "--no-headers", "-o", "pid", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def started_kernel(http: httpx.Client, host: Host, pid: int, name: str = "default") -> list[int]:
    """Start a kernel; the processes that are new below the server."""
    before = set(children(pid))
    answer = http.post("/api/kernels", json={"name": "python3"}, headers=host.token_header(name))
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return until(lambda: sorted(set(children(pid)) - before), "the kernel's process")


def test_down_ends_exactly_that_server_and_its_kernels(day: Host, canaries: Canaries) -> None:
    first = day.up("--access", "ssh").data["pid"]
    second = day.up("--access", "ssh", "--instance", "second", "--port", "8801").data["pid"]
    for name in ("default", "second"):
        canaries.watch_instance(day.instance_file(name))
    with day.http(day.machine, "http://127.0.0.1:8800") as http:
        ends = started_kernel(http, day, first)
    with day.http(day.machine, "http://127.0.0.1:8801") as http:
        stays = started_kernel(http, day, second, "second")
    done = day.kit("down", "--json").expect()
    assert done.data["pid"] == first
    assert done.data["kernels"] == 1
    assert process_ended(first)
    for pid in ends:
        wait_ended(pid)
    assert not day.listening(8800)
    assert not process_ended(second)
    assert not any(map(process_ended, stays))
    assert day.kit("status", "--instance", "second", "--json").expect().data["running"] is True
    assert day.kit("down", "--json").expect().data["changed"] is False


def test_a_server_that_was_killed_is_no_obstacle(day: Host, canaries: Canaries) -> None:
    pid = day.up("--access", "ssh").data["pid"]
    canaries.watch_instance(day.instance_file())
    day.stop_everything()
    assert day.kit("status", "--json").expect().data["running"] is False
    assert day.kit("down", "--json").expect().data["changed"] is False
    assert day.up().data["pid"] != pid


def listing(done: Done) -> str:
    return "\n".join(done.json["messages"])


def test_remove_takes_back_exactly_what_was_written(day: Host) -> None:
    own = day.config_dir / "jupyter_server_config.py"
    own.parent.mkdir()
    own.write_text("c.ServerApp.max_body_size = 1\n")
    (day.home / "notebook.ipynb").write_text("{}")
    day.data_dir.mkdir(parents=True)
    before = day.files()
    day.kit("init", "--allow-root", "--generate-password").expect()
    day.kit("init", "--allow-root", "--port", "8802", "--language", "zh_CN").expect()
    assert day.files() != before
    shown = day.kit("remove", "--dry-run", "--json").expect()
    assert str(day.instance_file()) in listing(shown)
    assert day.instance_file().exists()
    day.kit("remove", "--yes", "--json").expect()
    assert day.files() == before
    assert own.read_text() == "c.ServerApp.max_body_size = 1\n"
    assert day.kit("remove", "--yes", "--json").expect().data["changed"] is False


def test_remove_on_a_fresh_home_leaves_no_file(day: Host) -> None:
    day.kit("init", "--allow-root", "--generate-password").expect()
    day.kit("remove", "--yes").expect()
    assert {name for name, kind in day.files().items() if kind == "file"} == set()


def test_remove_after_a_server_has_run_leaves_nothing_of_the_kits(day: Host, canaries: Canaries) -> None:
    day.up("--generate-password", "--access", "lan")
    canaries.watch_instance(day.instance_file())
    assert day.kit("remove", "--yes", "--json").expect(1).codes == ["still-running"]
    day.kit("down").expect()
    day.kit("remove", "--yes").expect()
    assert [name for name in day.files() if "remotekit" in name] == []


def test_remove_of_one_instance_leaves_the_other_whole(day: Host, canaries: Canaries) -> None:
    day.kit("init", "--allow-root", "--generate-password").expect()
    kept = {name: data for name, data in day.state().items() if "lock" not in name}
    authority = day.ca.read_bytes()
    day.kit("init", "--allow-root", "--generate-password", "--instance", "second", "--port", "8801").expect()
    day.kit("remove", "--yes", "--instance", "second").expect()
    assert day.ca.read_bytes() == authority
    assert {name: data for name, data in day.state().items() if name in kept} == kept
    assert not day.instance_file("second").exists()
    day.up()
    canaries.watch_instance(day.instance_file())


# -- the others -----------------------------------------------------------------------------------------------------------------------


def test_an_ordinary_jupyter_lab_is_untouched(day: Host, canaries: Canaries) -> None:
    day.kit("init", "--allow-root", "--generate-password", "--language", "zh_CN").expect()
    canaries.watch_instance(day.instance_file())
    argv = [day.prefix / "bin" / "jupyter", "lab", "--no-browser", "--allow-root"]
    with (day.home / "lab.log").open("w") as log:
        lab = day.machine.popen(argv, day.env(), stderr=log, stdin=subprocess.DEVNULL, cwd=day.home)
    until(lambda: day.listening(8888), "jupyter lab on its own port", 60)
    assert not day.listening(PORT)
    info = json.loads(next(day.runtime_dir.glob("jpserver-*.json")).read_text())
    assert info["token"] not in {"", day.token()}
    assert info["password"] is False
    with day.http(day.machine, "http://127.0.0.1:8888") as http:
        own = {"Authorization": f"token {info['token']}"}
        assert http.get("/api/kernels", headers=own).is_success
        http.cookies.clear()
        assert http.get("/api/kernels", headers=day.token_header()).status_code == httpx.codes.FORBIDDEN
        http.cookies.clear()
        page = http.get("/lab", headers=own).text
        settings = http.get("/lab/api/settings/@jupyterlab/translation-extension:plugin", headers=own).json()
        assert http.get("/remotekit/api/status", headers=own).json()["posture"]["mode"] == "unmanaged"
    assert re.search(r'"token":\s*"([^"]*)"', page)[1] == info["token"]  # type: ignore[index]
    assert settings["settings"] == {}
    assert settings["schema"]["properties"]["locale"]["default"] == "default"
    lab.terminate()
    lab.wait(20)
    assert "remotekit" not in (day.home / "lab.log").read_text().replace("jupyter_remote_kit |", "")
