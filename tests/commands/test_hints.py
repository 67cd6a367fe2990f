"""Every hint: the commands in it are commands that there are, and those that can be tried cheaply mend what they are about."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import click
import pytest

from jupyter_remote_kit import invocation
from jupyter_remote_kit.cli import _root
from jupyter_remote_kit.commands import banning
from jupyter_remote_kit.commands.context import Context
from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.invocation import DOCUMENTED, Invocation
from jupyter_remote_kit.messages import untranslated
from jupyter_remote_kit.plan.layout import Layout
from jupyter_remote_kit.server import overlay, unixsocket
from tests import hints
from tests.commands.host import SSH, Host, Outcome, detached, free_port

# The same on every Python.
pytestmark = pytest.mark.slow


class How(Enum):
    """How a hint is held to its word."""

    TRIED = "run below, in the situation that produces it"
    ELSEWHERE = "run in the situation that produces it by another test, on a stage of its own"
    COMMAND = "a command of ours, held to the command tree"
    WORDS = "what only a person can do or decide"
    SYSTEM = "a program of the system's that shows what is the matter"


TRIED = """control-socket-exposed exposed-path instance-file-broken no-instance no-session not-a-directory not-a-file
not-running password-missing root-dir-not-a-directory session-id still-running
symlink-in-the-way overlay-broken usage nothing-to-set unknown-host port-taken yes-missing restart-needed
runtime-folder-exposed"""
# tests/commands/test_loading.py, tests/host/test_socketfolder.py, tests/service, tests/connect, tests/gate/test_fail2ban.py, tests/server.
ELSEWHERE = """permission root-dir-not-writable
directory-in-the-way not-loaded part-missing control-socket no-service other-scope hand-written-unit lingering
runs-outside not-told not-started
unit-masked systemd-only no-kit kit-broken host-key-unknown host-key-changed fail2ban-outdated fail2ban-stopped no-audit
already-connected server-ended as-root hash-broken hash-not-argon2id hash-weak token-short no-credentials no-password control-timeout
control-failed service-installed others-instance no-authority plain-http-chosen defect key-encrypted file-exposed file-too-large
extension-failed extension-needed"""
COMMAND = """authority-changes authority-ends certificate-early
credentials-waiting not-in-force certificate-expired certificate-expires certificate-lacks
already-running any-network-chosen any-proxy-trusted authority-replaced authority-unreadable bound-beyond-loopback
certificate-unusable extension-disabled handover-alone host-failed hosts-version instance-setting kit-version
kit-differs language-pack name-taken no-browser no-certificate no-script nobody-to-ban not-protected own-files plain-http server-moves
start-busy host-missing not-root no-systemd fail2ban-left others-kept not-reached host-answer"""
WORDS = """certificate-ends-soon address-not-here address-awaited
any-origin authority-other authority-out-of-date authority-strange certificate-names certificate-out-of-date
changed-meanwhile contradiction editable empty-password empty-token fingerprint host host-command host-slow identity-provider
identity-provider-replaced install-busy install-failed jail-taken key-does-not-fit known-host-name legacy-hash legacy-notebookapp
line-cut line-silent local-port-taken login-replaced no-forwarding no-free-port no-such-env no-wheels not-ready nothing-to-try old-python
password-change-in-page password-in-host password-is-a-name password-option-missing password-short path project-dir remote-env
remote-python runs-elsewhere secrets-left-out several-hosts since socket-replaces-port system-python timeout unauthenticated-access
unauthenticated-access-in-settings wheel xsrf-checks-off no-such-python base-url-not-served"""
SYSTEM = """address-late kit-hangs
busy certificate-unreadable disk-full ends-at-logout fail2ban-reload host-shell host-unknown journal-closed jump-failed
key-unreadable no-certutil no-fail2ban no-loopback no-program no-python no-shell no-ssh no-sudo no-user-manager not-for-user not-yours
peers-unknown process-stays record-damaged shell-hangs ssh-config ssh-failed ssh-refused sudo-refused unit-not-loaded unknown-user user-site
wrong-owner"""
TABLE = {
    code: how
    for how, codes in (
        (How.TRIED, TRIED),
        (How.ELSEWHERE, ELSEWHERE),
        (How.COMMAND, COMMAND),
        (How.WORDS, WORDS),
        (How.SYSTEM, SYSTEM),
    )
    for code in codes.split()
}
# Sentences in which a command stands as the documentation has it: it is for another machine, or no command at all.
AS_DOCUMENTED = (
    "On the laptop: ",
    "This kit is installed for you alone",
    "systemctl {verb} failed",
    "Another jupyter remotekit command",
    "Compare it with what the host itself says: ",
    "Use what the host itself says: ",
    "If the date is right, make a new one on the host: ",
    "Compare its fingerprint with what the host itself says: ",
)


def test_every_hint_has_a_row_and_every_row_a_hint() -> None:
    assert {hint.code for hint in hints.hints() if hint.code} == set(TABLE)


def test_what_is_said_to_be_tried_is_tried() -> None:
    assert set(SITUATIONS) == {code for code, how in TABLE.items() if how is How.TRIED}


def test_no_sentence_holds_a_command_that_is_not_this_machines() -> None:
    bare = [(place, sentence) for place, sentence in hints.sentences() if hints.BARE.search(sentence)]
    assert [row for row in bare if not row[1].startswith(AS_DOCUMENTED)] == []


SILENT = Context(untranslated, as_json=False, emit=lambda _: None, remark=lambda _: None)


def _parse(command: click.Command, words: list[str], context: click.Context | None = None) -> None:
    """Have click parse the words, as it does before it calls a command; what the options' own types refuse is an error as well."""
    with command.make_context(command.name, words, parent=context, obj=SILENT) as made:
        if isinstance(command, click.Group) and words:
            name, below, rest = command.resolve_command(made, words)
            assert below is not None, name
            _parse(below, rest, made)


# What the sentence around it adds, or what a computed part may be.
COMPLETED = {
    "trust": "trust ann@gpu",
    "audit X": "audit --install-fail2ban",
    "service installX": "service install --system",
    "connect X X--install": "connect gpu1 --install",
    "service install --port X --replace": "service install --port 8801 --replace",
}


@pytest.mark.parametrize(("place", "text"), hints.commands(), ids=lambda value: value)
def test_the_command_line_knows_it(place: str, text: str) -> None:
    words = shlex.split(COMPLETED.get(text, text).replace("X", "gpu1"))
    try:
        _parse(_root(), words)
    except click.exceptions.Exit:
        assert words[-1] == "--help"  # it was shown
    except (click.UsageError, RemoteKitError) as error:
        pytest.fail(f"{place}: {text}: {error}")


def test_each_option_that_a_sentence_names_is_one_of_ours() -> None:
    known: set[str] = set()

    def collect(command: click.Command, context: click.Context) -> None:
        known.update(name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                collect(below, context)

    collect(_root(), click.Context(_root(), obj=SILENT))
    # Of other programs, or said of what is not there.
    others = {"--user", "--shutdown", "--paths", "--fingerprint"} - known
    for place, sentence in hints.sentences():
        for named in re.findall(r"(?<![\w-])--[a-z][a-z-]+", sentence):
            assert named in known | others, (place, sentence)


@dataclass(frozen=True)
class Situation:
    """What is wrong, which command fails at it, and whether its hint is an option to add to that command."""

    make: Callable[[Host], None]
    argv: tuple[str, ...]
    option: bool = False
    again: bool = True
    """Whether the command that failed is run again after the hint, and works; a hint may be the command to use instead."""


def nothing(_: Host) -> None:
    """It fails as it stands."""


def instance(host: Host) -> None:
    host.must("init", *SSH, "--port", str(free_port()))


def with_instance(change: Callable[[Host], object]) -> Callable[[Host], None]:
    def make(host: Host) -> None:
        instance(host)
        change(host)

    return make


def at_socket(host: Host) -> Path:
    host.layout.runtime_dir.mkdir(mode=0o700, exist_ok=True)
    return host.layout.control_socket("default")


def an_open_socket(host: Host) -> None:
    with closing(unixsocket.listen(at_socket(host))):
        at_socket(host).chmod(0o666)


def an_open_runtime_folder(host: Host) -> None:
    at_socket(host).parent.chmod(0o777)


def moved(host: Host, kind: str) -> None:
    """Something else where the folder or the file of the instances should be."""
    folder, file = host.layout.instances_dir, host.layout.instance_file("default")
    if kind == "folder":
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.write_text("")
        return
    folder.mkdir(mode=0o700, parents=True)
    if kind == "link":
        file.symlink_to("/nowhere")
    else:
        os.mkfifo(file)


def a_known_host(host: Host) -> None:
    host.must("hosts", "add", "ann@gpu.example.org")


def a_taken_port(host: Host) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    host.variables["TAKEN"] = str(listener.getsockname()[1])
    host.must("init", *SSH, "--port", host.variables["TAKEN"])
    TAKEN.append(listener)


TAKEN: list[socket.socket] = []
SITUATIONS: dict[str, Situation] = {
    "no-instance": Situation(nothing, ("urls",), again=False),
    "not-running": Situation(instance, ("sessions",), again=False),
    "session-id": Situation(instance, ("sessions", "--end", "x", "--instance", "gpu1"), again=False),
    "usage": Situation(nothing, ("init", "--no-such-option"), again=False),
    "nothing-to-set": Situation(a_known_host, ("hosts", "set", "gpu"), again=False),
    "unknown-host": Situation(nothing, ("hosts", "rename", "gpu9", "gpu8"), again=False),
    "yes-missing": Situation(instance, ("remove",), option=True),
    "password-missing": Situation(nothing, ("init", "--access", "lan", "--allow-root", "--password-stdin"), again=False),
    "instance-file-broken": Situation(
        with_instance(lambda host: host.layout.instance_file("default").write_text("{")), ("urls",), again=False
    ),
    "control-socket-exposed": Situation(with_instance(an_open_socket), ("status",)),
    "runtime-folder-exposed": Situation(with_instance(an_open_runtime_folder), ("status",)),
    "symlink-in-the-way": Situation(lambda host: moved(host, "link"), ("init", *SSH)),
    "not-a-file": Situation(lambda host: moved(host, "pipe"), ("init", *SSH)),
    "not-a-directory": Situation(lambda host: moved(host, "folder"), ("init", *SSH)),
    "root-dir-not-a-directory": Situation(
        lambda host: (host.home / "file").write_text("") and None, ("init", *SSH, "--root-dir", "file"), option=True
    ),
    "port-taken": Situation(a_taken_port, ("up", "--detach"), option=True),
}
# Tried by a test of their own below.
SITUATIONS |= dict.fromkeys(
    ("still-running", "restart-needed", "no-session", "exposed-path", "overlay-broken"),
    Situation(nothing, ()),
)


def hint_of(outcome: Outcome) -> str:
    """What is to be pasted: all of it, or what stands behind the sentence's last colon."""
    lines = [line.partition("hint: ")[2] for line in outcome.err.splitlines() if line.startswith("  hint: ")]
    assert lines, outcome.everything
    _, colon, command = lines[0].rpartition(": ")
    return command if colon else lines[0]


def paste(host: Host, command: str) -> Outcome:
    """The hint, as it stands."""
    return host.paste(command)


@pytest.mark.parametrize("code", [code for code, situation in SITUATIONS.items() if situation.argv])
def test_done_as_it_stands_it_mends(host: Host, code: str) -> None:
    situation = SITUATIONS[code]
    situation.make(host)
    failed = host.run(*situation.argv, "--json")
    assert failed.codes[0] == code, failed.everything
    hint = hint_of(host.run(*situation.argv))
    if situation.option:
        option = hint[hint.index("--") :] if "--" in hint else hint
        mended = host.run(*situation.argv, *shlex.split(option), "--json")
        if situation.argv[0] == "up":
            host.must("down")
            TAKEN.pop().close()
        assert mended.code == 0, mended.everything
        return
    if code in {"not-running"}:
        hint = f"{hint} --detach"
    pasted = paste(host, hint)
    assert code not in [problem["code"] for problem in _problems(host, hint)], pasted.everything
    if situation.again:
        assert pasted.code == 0, pasted.everything
        assert host.run(*situation.argv, "--json").code == 0
    if code == "not-running":
        assert host.run(*situation.argv).code == 0
        host.must("down")


def _problems(host: Host, hint: str) -> list[dict[str, str]]:
    """What a command of ours says that was pasted a second time; of others nothing."""
    last = hint.rpartition("&& ")[2]
    if "jupyter remotekit" not in last or " --help" in last or "| " in last:
        return []
    said = paste(host, f"{last} --json").out
    problems: list[dict[str, str]] = json.loads(said)["problems"] if said.startswith("{") else []
    return problems


def test_a_server_that_runs_is_stopped_by_the_hint(host: Host) -> None:
    with detached(host, *SSH, "--port", str(free_port())):
        assert host.run("sessions", "--end", "01234567", "--json").codes == ["no-session"]
        assert paste(host, hint_of(host.run("sessions", "--end", "01234567"))).code == 0
        changed = ("up", "--detach", "--port", str(free_port()))
        assert host.run(*changed, "--json").codes == ["restart-needed"]
        assert host.run("remove", "--yes", "--json").codes == ["still-running"]
        assert paste(host, hint_of(host.run("remove", "--yes"))).code == 0
        assert host.must(*changed, "--json").data["changed"] is True
        host.must("down")
        host.must("remove", "--yes")


def test_what_others_can_read_is_closed_by_the_hint(host: Host) -> None:
    instance(host)
    host.layout.instance_file("default").chmod(0o644)
    outcome = host.run("urls")
    assert outcome.code == 78
    assert paste(host, hint_of(outcome)).code == 0
    host.must("urls")


@pytest.mark.parametrize(
    ("variables", "argv"),
    [
        # As in a home that is `/dev/null`.
        ({"JUPYTER_CONFIG_DIR": "/dev/null/.jupyter", "JUPYTER_DATA_DIR": "/dev/null/.local/share/jupyter"}, ()),
        ({"JUPYTER_DATA_DIR": "/etc/passwd"}, ()),
        ({}, ("--certfile", "/dev/null")),
        ({}, ("--certfile", "/etc", "--keyfile", "/etc")),
        ({}, ("--certfile", "/etc/passwd/cert.pem")),
        ({}, ("--certfile", "/dev/full/cert.pem")),
    ],
    ids=str,
)
def test_what_is_not_the_users_is_not_moved(host: Host, variables: dict[str, str], argv: tuple[str, ...]) -> None:
    asked = ("init", "--yes", "--allow-root", "--generate-password", *argv)
    outcome = host.run(*asked, variables=variables)
    assert outcome.code
    assert "mv " not in outcome.everything
    hint = hint_of(outcome)
    if " && export " in hint:
        making, _, chosen = hint.replace("/var/tmp", str(host.home)).partition(" && export ")
        assert paste(host, making).code == 0
        assert host.run(*asked, variables={**variables, **dict(word.split("=", 1) for word in shlex.split(chosen))}).code == 0
    else:
        assert paste(host, hint).code == 0


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a\nb", "'a\\nb' has a line break or a zero byte in it: such a path is not used."),
        (b"\xff", "'\\udcff' is not UTF-8: such a path is not used."),
        ("~no-such-user/x", "'~no-such-user/x' begins with the home of a user who does not exist."),
        ("", "The path is empty."),
    ],
)
def test_a_path_that_is_not_used_is_refused_with_the_reason(host: Host, path: str | bytes, reason: str) -> None:
    outcome = host.run("init", "--yes", "--root-dir", path)
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, f"error: {reason}")


def test_defaults_that_are_broken_are_written_again_by_the_hint(host: Host) -> None:
    instance(host)
    file = host.layout.overlay_file("default")
    file.write_text("{")
    with pytest.raises(Failed) as broken:
        overlay.read(file, "default")
    pasted = paste(host, str(broken.value.problems[0].hint))
    assert pasted.code == 0, pasted.everything
    assert overlay.read(file, "default")


def test_root_is_told_the_whole_command_however_the_user_calls_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "config", tmp_path / "data", tmp_path / "my runtime")
    invocation.settle(lambda: Invocation("/opt/kit/bin/jupyter-remotekit"))
    try:
        words = shlex.split(banning.root_command(layout, "gpu1", "--install-fail2ban"))
    finally:
        invocation.settle(lambda: DOCUMENTED)
    assert words[:2] == ["sudo", "env"]
    assert f"JUPYTER_RUNTIME_DIR={layout.runtime_dir}" in words
    assert words[-4:] == ["audit", "--install-fail2ban", "--instance", "gpu1"]
    assert Path(words[-5]).name == "jupyter-remotekit"
