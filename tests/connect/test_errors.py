"""What goes wrong between a laptop and a host: one sentence each, with what to do, and nothing left running."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit import __version__
from tests.connect.stage import KIT, Disk, Host, Lab, User, faults
from tests.connect.stage.connection import FINDS_KIT, connected
from tests.connect.stage.remains import nothing_more
from tests.e2e.stage.waiting import until

CHECKOUT = Path(__file__).parents[2]
# The last version that knew nothing of `connect`.
OLD_VERSION = "130b8b3fbf315b84de89f056486256c0ac47d215"
OLD_KIT = """\
#!{python}
import sys
sys.path.insert(0, "/opt/old/src")
from jupyter_remote_kit.cli import main
main()
"""
# The same command, by whoever has less patience.
HASTY = "from jupyter_remote_kit.host import line; line._SHELL_STARTS_S = -7.0; from jupyter_remote_kit.cli import main; main()"
HURRIED = "from jupyter_remote_kit.commands import distant; distant.KIT_S = 2; from jupyter_remote_kit.cli import main; main()"
PROGRESS = ("Connecting to ", "Looking for the server on ")
ESCAPES = r"\033]0;owned\007\033[2J\033[31mred\033[0m"


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    shells = (User("nologin", "/usr/sbin/nologin"), User("false", "/bin/false"))
    return lab.host("gpu", User("alice"), User("bob"), User("erin"), User("carl", password="Lange Leitung 7"), *shells)


@pytest.fixture
def config(lab: Lab) -> Iterator[Callable[[str], None]]:
    """Writes dana's configuration of ssh."""
    yield lab.laptop.configure
    lab.laptop.configure("")


@pytest.fixture
def profile(gpu: Host) -> Iterator[Path]:
    """Where bob's profile is written."""
    file = gpu.home("bob") / ".profile"
    kept = file.read_text()
    yield file
    file.write_text(kept)


def failed(done: subprocess.CompletedProcess[str], code: str) -> dict[str, str]:
    """The one problem in the one object on standard output; on standard error there is nothing but progress."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    envelope = json.loads(lines[0])
    assert envelope["ok"] is False
    (problem,) = envelope["problems"]
    assert problem["code"] == code
    for sentence in (problem["message"], problem["hint"]):
        assert sentence.isprintable()
    assert [line for line in done.stderr.splitlines() if not line.startswith(PROGRESS)] == []
    found: dict[str, str] = problem
    return found


def told(done: subprocess.CompletedProcess[str], problem: dict[str, str]) -> None:
    """The same, to a person: one sentence and one hint, on standard error."""
    assert (done.returncode, done.stdout) == (1, "")
    said = [line for line in done.stderr.splitlines() if not line.startswith(PROGRESS)]
    assert said == [f"error: {problem['message']}", f"  hint: {problem['hint']}"]


def fails(lab: Lab, code: str, target: str, *options: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """`connect` to `target` fails with that problem, which is told to programs and people; nothing is left running anywhere."""
    words = ("connect", target, "--no-browser", *(options or FINDS_KIT))
    with nothing_more(lab):
        problem = failed(lab.laptop.kit(*words, "--json", env=env), code)
        told(lab.laptop.kit(*words, env=env), problem)
    return problem


def started(lab: Lab, target: str) -> int:
    """Start the server there; its process."""
    done = lab.laptop.kit("start", target, "--json", *FINDS_KIT)
    assert done.returncode == 0, done.stdout + done.stderr
    pid: int = json.loads(done.stdout)["data"]["pid"]
    return pid


@contextlib.contextmanager
def serving(host: Host, options: str) -> Iterator[None]:
    """Within, the host's sshd has these options."""
    host.serve(options)
    try:
        yield
    finally:
        host.serve()


@contextlib.contextmanager
def without(path: Path) -> Iterator[None]:
    """Within, there is no such file or folder."""
    elsewhere = path.with_name(f"{path.name}.elsewhere")
    path.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(path)


# -- the way there -----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gpu")
def test_a_name_that_nobody_has(lab: Lab) -> None:
    problem = fails(lab, "host-unknown", "alice@nowhere")
    assert "Could not resolve hostname nowhere" in problem["message"]
    assert problem["hint"].endswith(": ssh alice@nowhere")


@pytest.mark.usefixtures("gpu")
def test_a_port_that_is_closed(lab: Lab) -> None:
    assert "port 2222: Connection refused" in fails(lab, "ssh-failed", "alice@gpu:2222")["message"]


@pytest.mark.usefixtures("gpu")
def test_a_network_without_a_way(lab: Lab) -> None:
    assert "Network is unreachable" in fails(lab, "ssh-failed", "alice@192.0.2.7")["message"]


def test_a_host_that_says_nothing(lab: Lab, gpu: Host) -> None:
    with lab.switch.silence(gpu.plugs[0]), nothing_more(lab):
        problem = failed(lab.laptop.kit("stop", "alice@gpu", "--json", *FINDS_KIT), "ssh-failed")
    # The second where the laptop has forgotten meanwhile which machine has that address.
    assert "timed out" in problem["message"] or "No route to host" in problem["message"]


def test_a_jump_host_that_gets_no_further(lab: Lab, config: Callable[[str], None]) -> None:
    lab.jump("gate", User("hop"))
    config("Host behind\n  HostName 192.0.2.8\n  ProxyJump hop@gate\n")
    assert "open failed: connect failed" in fails(lab, "jump-failed", "alice@behind")["message"]


@pytest.mark.usefixtures("gpu")
def test_no_ssh_on_the_laptop(lab: Lab) -> None:
    fails(lab, "no-ssh", "alice@gpu", env={"PATH": "/nowhere"})


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Host gpu\n  Bogus yes\n", "line 2: Bad configuration option: bogus"),
        ("Host gpu\n  Port\n", "line 2: "),
        ("Host gpu\n  Port none\n  Compression maybe\n", "line 3: "),
    ],
)
def test_a_broken_configuration_of_ssh(lab: Lab, config: Callable[[str], None], text: str, words: str) -> None:
    config(text)
    assert words in fails(lab, "ssh-config", "alice@gpu")["message"]


@pytest.mark.parametrize("level", ["QUIET", "DEBUG3"])
@pytest.mark.usefixtures("gpu")
def test_a_configuration_of_ssh_that_says_too_little_or_too_much(lab: Lab, config: Callable[[str], None], level: str) -> None:
    config(f"Host *\n  LogLevel {level}\n")
    assert "Could not resolve hostname nowhere" in fails(lab, "host-unknown", "alice@nowhere")["message"]


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("folder", ["a b", "a:b", "%h$(touch canary)'\"", "long" * 20])
def test_a_folder_for_sockets_that_ssh_cannot_be_told_of(lab: Lab, folder: str) -> None:
    place = f"/home/dana/{folder}"
    lab.laptop.run("mkdir", "-p", place)
    with connected(lab.laptop, "erin@gpu", "--stop-on-exit", env={"TMPDIR": place}) as connection:
        assert connection.answers()
        assert connection.stop() == 0
    assert list(lab.laptop.inside(place).iterdir()) == []


@pytest.mark.usefixtures("gpu")
def test_a_configuration_of_ssh_that_others_may_write_to(lab: Lab, config: Callable[[str], None]) -> None:
    config("Host gpu\n")
    (lab.laptop.home() / ".ssh/config").chmod(0o666)
    assert "Bad owner or permissions" in fails(lab, "ssh-config", "alice@gpu")["message"]


# -- the way in --------------------------------------------------------------------------------------------------------------------


def test_a_host_whose_key_has_changed(lab: Lab, gpu: Host) -> None:
    with gpu.another_key():
        problem = fails(lab, "host-key-changed", "alice@gpu")
    assert "Host key for gpu has changed and you have requested strict checking." in problem["message"]
    assert problem["hint"].endswith("ssh-keygen -R gpu")


def test_a_changed_key_is_forgotten_by_the_name_that_ssh_has_for_it(lab: Lab, gpu: Host, config: Callable[[str], None]) -> None:
    address = gpu.plugs[0].address
    config(f"Host box\n  HostName {address}\n  User alice\n")
    with gpu.another_key():
        assert fails(lab, "host-key-changed", "box")["hint"].endswith(f"ssh-keygen -R {address}")


def test_a_jump_host_whose_key_has_changed(lab: Lab, config: Callable[[str], None]) -> None:
    gate = lab.jump("tower", User("hop"))
    config("Host behind\n  HostName 192.0.2.8\n  ProxyJump hop@tower\n")
    with gate.another_key():
        assert fails(lab, "host-key-changed", "alice@behind")["hint"].endswith("ssh-keygen -R tower")


def test_a_jump_host_that_lets_nobody_in(lab: Lab, config: Callable[[str], None]) -> None:
    lab.jump("castle", User("guest", password="Lange Leitung 7"))
    config("Host behind\n  HostName 192.0.2.8\n  ProxyJump guest@castle\n")
    message = fails(lab, "ssh-refused", "alice@behind")["message"]
    assert "The jump host of alice@behind" in message
    assert "guest@castle: Permission denied" in message


def test_at_a_terminal_it_is_told_once_and_nothing_is_drawn_over_it(lab: Lab, gpu: Host) -> None:
    with gpu.another_key(), lab.laptop.terminal(KIT, "connect", "alice@gpu", "--no-browser", *FINDS_KIT) as terminal:
        assert terminal.finish() == 1
    shown = terminal.seen.replace("\r", "").splitlines()
    assert [line[:17] for line in shown if line.startswith("error: ")] == ["error: ssh refuse"]
    assert shown[-1].startswith("  hint: ")


@pytest.mark.usefixtures("gpu")
def test_a_host_whose_key_is_unknown(lab: Lab) -> None:
    with without(lab.laptop.home() / ".ssh/known_hosts"):
        assert "Host key verification failed" in fails(lab, "host-key-unknown", "alice@gpu")["message"]


@pytest.mark.usefixtures("gpu")
def test_a_key_that_is_refused(lab: Lab) -> None:
    problem = fails(lab, "ssh-refused", "carl@gpu")
    assert "Permission denied (publickey,password)" in problem["message"]
    assert problem["hint"].endswith("ssh-copy-id carl@gpu")


@pytest.mark.parametrize("options", ["AllowTcpForwarding no", "PermitOpen none", "DisableForwarding yes"])
def test_an_ssh_server_that_forwards_nothing(lab: Lab, gpu: Host, options: str) -> None:
    with serving(gpu, options):
        assert "AllowTcpForwarding local" in fails(lab, "no-forwarding", "erin@gpu")["hint"]


def test_an_ssh_server_that_forwards_ports_alone(lab: Lab, gpu: Host) -> None:
    with serving(gpu, "AllowStreamLocalForwarding no"), connected(lab.laptop, "erin@gpu", "--stop-on-exit") as connection:
        assert connection.answers()
        assert connection.stop() == 0


def test_a_server_that_ran_before_is_not_stopped_for_a_line_that_fails(lab: Lab, gpu: Host) -> None:
    pid = started(lab, "alice@gpu")
    with serving(gpu, "AllowTcpForwarding no"):
        fails(lab, "no-forwarding", "alice@gpu")
    assert started(lab, "alice@gpu") == pid
    lab.laptop.kit("stop", "alice@gpu", *FINDS_KIT, check=True)


# -- the account -------------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("gpu")
def test_accounts_whose_shell_runs_nothing(lab: Lab) -> None:
    assert "This account is currently not available." in fails(lab, "no-shell", "nologin@gpu")["message"]
    assert "exit code 1" in fails(lab, "no-shell", "false@gpu")["message"]


def test_a_command_that_is_forced(lab: Lab, gpu: Host) -> None:
    with serving(gpu, "Match User bob\n  ForceCommand internal-sftp\nMatch all\n"):
        assert "This service allows sftp connections only." in fails(lab, "no-shell", "bob@gpu")["message"]


def test_a_home_that_is_missing(lab: Lab, gpu: Host) -> None:
    gpu.write("/etc/ssh/bob", (gpu.home("bob") / ".ssh/authorized_keys").read_text())
    with serving(gpu, "AuthorizedKeysFile /etc/ssh/%u"), without(gpu.home("bob")):
        problem = fails(lab, "root-dir-not-writable", "bob@gpu")
    assert "/home/bob" in problem["message"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("exec 0</dev/null", "input"),
        ("exec 0</etc/passwd", "input"),
        ("exec 0<&-", "input"),
        ("exec </dev/null >/dev/null 2>&1", "input"),
        ("exec >/dev/null", "output"),
        ("exec >~/log 2>&1", "output"),
        ("exec >&-", "output"),
    ],
)
def test_a_shell_of_sshd_that_takes_its_input_or_output_away(line: str, what: str, lab: Lab, gpu: Host) -> None:
    rc = gpu.home("bob") / ".bashrc"
    kept = rc.read_text()
    rc.write_text(f"{line}\n")
    try:
        problem = fails(lab, "no-shell", "bob@gpu")
    finally:
        rc.write_text(kept)
    assert problem["message"].startswith(f"What the login shell of bob@gpu reads takes the {what} of every command away")
    assert problem["hint"].endswith("ssh bob@gpu 'grep -sn exec .bashrc .zshenv .config/fish/config.fish'")


def test_what_sshd_s_own_shell_says_as_it_ends_is_quoted_and_not_obeyed(lab: Lab, gpu: Host) -> None:
    # bash reads it for sshd, and without it there is no shell at all.
    rc = gpu.home("bob") / ".bashrc"
    kept = rc.read_text()
    rc.write_text(f"printf '{ESCAPES} {{0}} %%s [bold]no shell for you\\n'; exit 3\n")
    try:
        message = fails(lab, "no-shell", "bob@gpu")["message"]
        rc.write_text("echo 'Which project?'; read -r project\n")
        with nothing_more(lab):
            done = lab.laptop.run(sys.executable, "-c", HASTY, "connect", "bob@gpu", "--no-browser", "--json", *FINDS_KIT, check=False)
            assert failed(done, "shell-hangs")["hint"].endswith(": ssh bob@gpu 'echo ok'")
    finally:
        rc.write_text(kept)
    assert message.endswith(r"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m {0} %s [bold]no shell for you")


def test_a_profile_that_says_much_is_let_talk(lab: Lab, profile: Path) -> None:
    noise = "head -c 6000000 /dev/urandom; seq 20000; printf 'Permission denied\\nremotekit-00112233445566778899aabbccddeeff 1\\n'"
    profile.write_text(f"{noise}; {noise} >&2; printf '{ESCAPES}'; printf '{ESCAPES}' >&2\n")
    with nothing_more(lab):
        for verb in ("start", "stop"):
            done = lab.laptop.kit(verb, "bob@gpu", "--json", *FINDS_KIT)
            assert done.returncode == 0, done.stdout
            assert json.loads(done.stdout)["data"]["changed"] is True
            assert [line for line in done.stderr.splitlines() if not line.startswith(PROGRESS)] == []


# -- the kit there -----------------------------------------------------------------------------------------------------------------


def test_one_that_hangs_is_ended_and_said_to(lab: Lab, gpu: Host) -> None:
    # Nothing but a kill ends it, and what it has started.
    gpu.write("/opt/hung/bin/jupyter-remotekit", "#!/bin/sh\ntrap '' TERM HUP\nsleep 600 &\nsleep 600\n", mode=0o755)
    for folder in (gpu.inside("/opt/hung"), gpu.inside("/opt/hung/bin")):
        folder.chmod(0o755)
    words = ("connect", "alice@gpu", "--no-browser", "--json", "--env", "/opt/hung")
    with nothing_more(lab):
        problem = failed(lab.laptop.run(sys.executable, "-c", HURRIED, *words, check=False), "kit-hangs")
    # By the alias or by the whole target, as the host is known by then.
    assert re.fullmatch(r"The kit on (alice@)?gpu did not answer within 2 s, and was ended there\.", problem["message"])


def test_a_full_disk(lab: Lab) -> None:
    small = lab.host("small", User("alice"), disk=Disk(home_mb=4))
    with small.full():
        problem = fails(lab, "disk-full", "alice@small")
    assert problem["message"].endswith("the disk or the quota is full.")
    assert problem["hint"] == "On small: Make room there; what is on it: df -h /home/alice"


def test_no_python(lab: Lab) -> None:
    lab.host("bare", User("alice"), disk=Disk(python=False))
    assert "uv python install" in fails(lab, "no-python", "alice@bare", "--no-install")["hint"]
    assert "--install" not in fails(lab, "no-python", "alice@bare", "--install")["hint"]


@pytest.fixture(scope="module")
def old_kit(gpu: Host) -> None:
    """The kit of an earlier version, at /opt/old on the host."""
    if shutil.which("git") is None or subprocess.run(["git", "cat-file", "-e", OLD_VERSION], cwd=CHECKOUT, check=False).returncode != 0:
        pytest.skip("needs the history of the repository")
    source = gpu.inside("/opt/old/src")
    source.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", OLD_VERSION, "jupyter_remote_kit"], cwd=CHECKOUT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", source], input=packed.stdout, check=True)
    gpu.write("/opt/old/bin/jupyter-remotekit", OLD_KIT.format(python=sys.executable), mode=0o755)
    for folder in (gpu.inside("/opt/old"), gpu.inside("/opt/old/bin")):
        folder.chmod(0o755)


@pytest.mark.usefixtures("old_kit")
def test_a_kit_of_another_version(lab: Lab, gpu: Host) -> None:
    assert gpu.run("/opt/old/bin/jupyter-remotekit", "--version", user="erin").stdout.startswith("jupyter-remote-kit ")
    # The same number: then a version is no reason, and the kit's own words are told.
    problem = fails(lab, "kit-differs", "erin@gpu", "--env", "/opt/old")
    assert "No such option" in problem["message"]
    assert problem["hint"].startswith("On gpu: /opt/old/bin/python -m pip install --force-reinstall ")
    init = gpu.inside("/opt/old/src/jupyter_remote_kit/__init__.py")
    init.write_text(init.read_text().replace(f'"{__version__}"', '"0.0.1"'))
    problem = fails(lab, "kit-version", "erin@gpu", "--env", "/opt/old")
    assert "/opt/old/bin/jupyter-remotekit" in problem["message"]
    assert (
        f"This is version {__version__}, that of the host 0.0.1; bring both to the same, on the host: /opt/old/bin/python "
        in problem["hint"]
    )


@pytest.mark.parametrize(
    ("kit", "code", "words"),
    [
        ("#!/bin/sh\necho Traceback; echo 'ModuleNotFoundError: No module named click'; exit 1\n", "host-failed", "No module named click"),
        ("#!/bin/sh\nkill -9 $$\n", "host-failed", "exit code 137"),
        ('#!/bin/sh\necho \'{"data": {}, "problems": [], "ok": true}\'\n', "host-answer", "cannot be understood"),
        ("#!/bin/sh\necho; echo 'Module load: cuda'; echo 'bye'\n", "host-answer", "cannot be understood: Module load: cuda"),
        ("#!/gone/bin/python\n", "kit-broken", "its Python is gone"),
    ],
    ids=["traceback", "killed", "another program", "no answer", "gone"],
)
def test_a_kit_that_is_broken(lab: Lab, gpu: Host, kit: str, code: str, words: str) -> None:
    gpu.write("/home/erin/env/bin/jupyter-remotekit", kit, user="erin", mode=0o755)
    gpu.inside("/home/erin/env/bin/python").unlink(missing_ok=True)
    gpu.inside("/home/erin/env/bin/python").symlink_to(sys.executable)
    assert words in fails(lab, code, "erin@gpu", "--env", "~/env")["message"]


def test_an_environment_and_a_python_that_are_not_there(lab: Lab, gpu: Host) -> None:
    assert "'nowhere'" in fails(lab, "no-such-env", "alice@gpu", "--env", "nowhere")["message"]
    assert "'/no/python'" in fails(lab, "no-such-python", "alice@gpu", "--python", "/no/python")["message"]


# -- this machine ------------------------------------------------------------------------------------------------------------------


def test_a_port_of_this_machine_that_another_program_has(lab: Lab, gpu: Host) -> None:
    with connected(lab.laptop, "alice@gpu") as connection:
        port = connection.port
        assert connection.stop() == 0
    with lab.laptop.network(), socket.create_server(("127.0.0.1", port)):
        problem = fails(lab, "local-port-taken", "alice@gpu")
        assert str(port) in problem["message"]
        assert f"--local-port {port + 1}" in problem["hint"]
        assert fails(lab, "local-port-taken", "alice@gpu", "--local-port", str(port), *FINDS_KIT)["message"] == problem["message"]
    lab.laptop.kit("stop", "alice@gpu", *FINDS_KIT, check=True)


def test_a_port_that_was_asked_for_in_vain_is_not_remembered(lab: Lab, gpu: Host) -> None:
    with connected(lab.laptop, "alice@gpu") as connection:
        port = connection.port
        fails(lab, "already-connected", "alice@gpu", "--local-port", "27111", *FINDS_KIT)
        assert connection.stop() == 0
    with lab.laptop.network(), socket.create_server(("127.0.0.1", 27112)):
        fails(lab, "local-port-taken", "alice@gpu", "--local-port", "27112", *FINDS_KIT)
    with connected(lab.laptop, "alice@gpu", "--stop-on-exit") as connection:
        assert connection.port == port
        assert connection.stop() == 0


def test_a_user_who_forwards_ports_in_the_configuration_of_ssh(lab: Lab, gpu: Host, config: Callable[[str], None]) -> None:
    config("Host gpu\n  LocalForward 22888 localhost:22\n  RemoteForward 22889 localhost:22\n")
    with connected(lab.laptop, "alice@gpu", "--stop-on-exit") as connection:
        # Those are for the user's own ssh to make, which may run beside it.
        assert 22888 not in lab.laptop.listeners()
        assert connection.answers()
        by_hand = lab.laptop.popen("ssh", "-N", "alice@gpu", stdin=subprocess.DEVNULL)
        until(lambda: 22888 in lab.laptop.listeners(), "the user's own")
        assert faults.kill_ssh(lab.laptop, connection.process.pid) == 1
        until(connection.answers, "the line to be mended")
        assert lab.laptop.kit("list", "alice@gpu").returncode == 0
        assert lab.laptop.kit("start", "alice@gpu", *FINDS_KIT).returncode == 0
        by_hand.terminate()
        by_hand.wait(10)
        assert connection.stop() == 0


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("option", ["StdinNull yes", "SessionType none", "ForkAfterAuthentication yes", "ClearAllForwardings yes"])
def test_a_host_that_is_configured_for_tunnels(lab: Lab, config: Callable[[str], None], option: str) -> None:
    config(f"Host gpu\n  {option}\n")
    with connected(lab.laptop, "alice@gpu") as connection:
        assert connection.answers()
        assert connection.stop() == 0
    assert lab.laptop.kit("list", "alice@gpu").returncode == 0
    assert lab.laptop.kit("stop", "alice@gpu", *FINDS_KIT).returncode == 0


@pytest.mark.usefixtures("gpu")
def test_a_laptop_without_loopback(lab: Lab) -> None:
    lab.laptop.ip("addr", "flush", "dev", "lo")
    try:
        fails(lab, "no-loopback", "alice@gpu")
    finally:
        lab.laptop.ip("link", "set", "lo", "down")
        lab.laptop.ip("link", "set", "lo", "up")
    assert lab.laptop.run("ip", "-o", "addr", "show", "dev", "lo").stdout.count("inet") == 2


def test_a_host_that_is_renamed_while_it_is_connected(lab: Lab, gpu: Host) -> None:
    with connected(lab.laptop, "alice@gpu", "--stop-on-exit") as first:
        lab.laptop.kit("hosts", "rename", str(first.data["name"]), "big", check=True)
        beside = lab.laptop.kit("connect", "big", "--no-browser", *FINDS_KIT)
        assert beside.returncode == 0, beside.stderr
        assert "holds the line to big already" in beside.stdout
        assert first.stop() == 0
    lab.laptop.kit("hosts", "remove", "big", check=True)


def test_another_connect_to_the_same_server_is_told_of(lab: Lab, gpu: Host) -> None:
    with connected(lab.laptop, "alice@gpu") as first:
        with nothing_more(lab):
            beside = lab.laptop.kit("connect", "alice@gpu", "--no-browser", *FINDS_KIT)
        assert beside.returncode == 0, beside.stderr
        assert "holds the line to alice@gpu already" in beside.stdout
        assert first.url in beside.stdout
        assert first.token not in beside.stdout
        assert first.answers()
        assert first.stop() == 0
    lab.laptop.kit("stop", "alice@gpu", *FINDS_KIT, check=True)


# -- while it is connected ---------------------------------------------------------------------------------------------------------


def ended(connection: Any) -> list[str]:
    """Wait until it has ended by itself; what it has said on standard error since it was ready, but for progress."""
    rest, _ = connection.process.communicate(timeout=60)
    assert (connection.process.returncode, rest) == (1, "")
    return [line for line in connection.words() if line.startswith(("error: ", "  hint: "))]


def test_the_key_changes_while_it_is_connected(lab: Lab, gpu: Host) -> None:
    pid = started(lab, "alice@gpu")
    with nothing_more(lab), connected(lab.laptop, "alice@gpu") as connection, gpu.another_key():
        gpu.kill_sessions()
        error, hint = ended(connection)
        assert "Host key for gpu has changed and you have requested strict checking." in error
        assert hint.endswith("ssh-keygen -R gpu")
    # What it computes goes on.
    assert started(lab, "alice@gpu") == pid


def test_the_key_is_refused_while_it_is_connected(lab: Lab, gpu: Host) -> None:
    started(lab, "alice@gpu")
    with nothing_more(lab), connected(lab.laptop, "alice@gpu") as connection, without(gpu.home("alice") / ".ssh/authorized_keys"):
        gpu.kill_sessions()
        error, _ = ended(connection)
        assert "Permission denied" in error


def test_the_server_is_stopped_while_it_is_connected(lab: Lab, gpu: Host) -> None:
    started(lab, "alice@gpu")
    with connected(lab.laptop, "alice@gpu") as connection:
        gpu.run(KIT, "down", "--instance", "connect", user="alice")
        assert not connection.answers()
        error, hint = ended(connection)
        port = connection.port
        assert error == "error: The server on alice@gpu has ended, and its kernels with it."
        assert hint.endswith("remotekit connect alice@gpu")
    until(lambda: not gpu.sessions(), "the session to end")
    assert not faults.ssh_of(lab.laptop, lab.laptop.pid1)
    assert port not in lab.laptop.listeners()
