"""Hostile words in every place of a command line, and of the files behind it: refused, or passed through literally."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_remote_kit import cli
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan import remotepaths, shell, target
from jupyter_remote_kit.plan.target import Target
from tests.connect.cases.hostile import CASES, TEXTS, Case, Place
from tests.connect.stage import Lab, User

SHELLS = ("/bin/bash", "/bin/dash", "/usr/bin/zsh", "/usr/bin/fish", "/usr/bin/tcsh")
# What a terminal obeys; the rest may be shown.
CONTROLS = re.compile("[\0-\x08\x0a-\x1f\x7f-\x9f]")
# An option of ours for ssh, in which there is no word of the user's.
SSH_OPTION = re.compile(r"[A-Z][A-Za-z0-9]+=[A-Za-z0-9…]+\Z")
NO_MARK = shell.mark("0" * 16)
# An ssh that writes down what it is given.
SPY = '#!/bin/sh\nprintf "%s\\0" "$@" >~/given\nexec /usr/bin/ssh "$@"\n'


@dataclass(frozen=True)
class Told:
    """How a command has ended, and the one object that it has printed."""

    code: int
    envelope: dict[str, Any]


Tell = Callable[[list[str]], Told]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Tell]:
    """Runs a command line of the kit in this process, on a laptop of its own that knows the host `gpu`."""
    for variable in [name for name in os.environ if name.startswith(("LC_", "JUPYTER"))]:
        monkeypatch.delenv(variable)
    own = {"HOME": tmp_path, "LANG": "C.UTF-8", "JUPYTER_DATA_DIR": tmp_path / "data", "JUPYTER_RUNTIME_DIR": tmp_path / "runtime"}
    for variable, value in own.items():
        monkeypatch.setenv(variable, str(value))
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGPIPE)

    def run(argv: list[str]) -> Told:
        with pytest.raises(SystemExit) as ended:
            cli.main(argv)
        out, err = capsys.readouterr()
        assert err == ""
        return Told(int(ended.value.code or 0), json.loads(out))

    assert run(["hosts", "add", "gpu", "--json"]).code == 0
    yield run
    signal.signal(signal.SIGPIPE, before)
    assert [path for path in tmp_path.rglob("canary*") if path.is_file()] == []


def refused(told: Told, code: int) -> bool:
    """Whether it was refused, by `code` and one sentence. A terminal finds nothing to obey in what is said."""
    assert not any(CONTROLS.search(sentence) for sentence in told.envelope["messages"])
    assert told.envelope["ok"] is (told.code == 0)
    if told.code == 0:
        return False
    assert told.code == code, told.envelope
    (problem,) = told.envelope["problems"]
    assert not CONTROLS.search(f"{problem['message']}{problem['hint']}"), problem
    return True


def of_ssh(argv: list[str]) -> Target:
    """The host that a call of ssh means, in which every other word is a constant of ours."""
    assert argv[0] == "ssh"
    assert argv[-1] == shell.session_command(NO_MARK)
    options: dict[str, str] = {}
    rest = argv[1:-1]
    while rest[0] != "--":
        option, value, *rest = rest
        assert option in {"-o", "-l", "-p"}
        assert SSH_OPTION.match(value) if option == "-o" else not value.startswith("-")
        options[option] = value
    (host,) = rest[1:]
    assert not host.startswith("-")
    return Target(host, options.get("-l"), int(options["-p"]) if "-p" in options else None)


# -- the command line --------------------------------------------------------------------------------------------------------------


def test_there_are_enough_of_them() -> None:
    assert len({case.text for case in CASES}) >= 500
    assert {case.place for case in CASES} == set(Place)


@pytest.mark.parametrize("place", Place)
def test_it_is_refused_or_taken_literally(place: Place, tell: Tell) -> None:
    outcomes = set()
    for case in (case for case in CASES if case.place is place):
        told = tell(place.argv(case.text))
        outcomes.add(refused(told, 2))
        if told.code == 0:
            taken_literally(case, told.envelope["data"])
    # No number among them is a port, and whatever is not known can be forgotten.
    assert outcomes == {Place.LOCAL_PORT: {True}, Place.OLD_NAME: {False}}.get(place, {True, False})


def taken_literally(case: Case, data: dict[str, Any]) -> None:
    """What the plan of a command holds of a text that was let through."""
    if case.place is Place.HOST:
        meant = of_ssh(data["ssh"])
        user, port = f"{meant.user}@" if meant.user else "", f":{meant.port}" if meant.port else ""
        written = re.sub(r":0+([1-9]\d*)\Z", r":\1", case.text.removeprefix("ssh://"))
        assert written in {f"{user}{meant.host}{port}", f"{user}[{meant.host}]{port}"}
    elif case.place in {Place.NAME, Place.NEW_NAME}:
        assert data["host"]["name"] == case.text.lower()
        assert re.fullmatch(r"[a-z0-9.-]+", data["host"]["name"])
    elif case.place is Place.OLD_NAME:
        assert data["changed"] is False
    else:
        assert of_ssh(data["ssh"]) == Target("gpu")
    if case.place is Place.PROJECT_DIR:
        assert data["there"][data["there"].index("--root-dir") + 1] == case.text


# -- what a file says --------------------------------------------------------------------------------------------------------------

ENTRIES: dict[str, Callable[[str], dict[str, Any]]] = {
    "name": lambda text: {"name": text},
    "target": lambda text: {"target": text},
    "user": lambda text: {"target": f"{text}@gpu"},
    "project_dir": lambda text: {"options": {"project_dir": text}},
    "python": lambda text: {"options": {"python": text}},
    "env": lambda text: {"options": {"env": text}},
    "instance": lambda text: {"options": {"instance": text}},
    "browser": lambda text: {"options": {"browser": text}},
    "option": lambda text: {"options": {text: True}},
    "kit": lambda text: {"kit": text},
    "port": lambda text: {"ports": {"connect": text}},
    "server": lambda text: {"far_ports": {text: 8888}},
    "field": lambda text: {text: text},
}


@pytest.mark.parametrize("place", ENTRIES)
def test_an_address_book_that_was_edited(place: str, tell: Tell, tmp_path: Path) -> None:
    outcomes = set()
    for text in TEXTS:
        written = json.dumps({"name": "box", "target": "gpu", **ENTRIES[place](text)})
        # JSON makes one character of two surrogates.
        entry = json.loads(written)
        (tmp_path / "data/remotekit/hosts.json").write_text(f'{{"version": 1, "hosts": [{written}]}}')
        told = tell(["connect", "box", "--dry-run", "--json"])
        outcomes.add(refused(told, 78))
        if told.code == 0:
            # What is not in the book is taken for the name of a host.
            assert of_ssh(told.envelope["data"]["ssh"]) == target.parse(str(entry["target"] if entry["name"] == "box" else "box"))
    # A path that is none of a kit's is forgotten.
    assert (True in outcomes) is (place != "kit")


def test_names_of_hosts_in_the_configuration_of_ssh(lab: Lab) -> None:
    names = [text for text in TEXTS if text.isprintable() and text.strip()]
    lab.laptop.configure("".join(f"Host {shlex.quote(name)} {name}\n" for name in names))
    listed = lab.laptop.kit("hosts", "list", "--json", check=True)
    asking = {"_JUPYTER_REMOTEKIT_COMPLETE": "bash_complete", "COMP_LINE": "jupyter-remotekit connect "}
    completed = lab.laptop.kit(env=asking, check=True)
    lab.laptop.configure("")
    of_ssh_config = json.loads(listed.stdout)["data"]["ssh_config"]
    assert of_ssh_config
    assert [name for name in of_ssh_config if target.parse(target.literal(name)) != Target(name)] == []
    assert {line.split("\t")[1] for line in completed.stdout.splitlines()} == {*of_ssh_config}
    assert lab.laptop.run("find", "/home", "/tmp", "-type", "f", "-name", "canary*", user="root").stdout == ""


@pytest.mark.parametrize("host", ["gpu", "alice@gpu:22", "a@realm@gpu", "[fd00::7]:22", "a.b-c_d@127.0.0.1:1"])
def test_what_a_dry_run_shows_is_what_ssh_is_given(lab: Lab, host: str) -> None:
    if not lab.hosts:
        lab.host("gpu", User("alice"))
    lab.laptop.write("/home/dana/bin/ssh", SPY, user="dana", mode=0o755)
    shown = json.loads(lab.laptop.kit("start", host, "--dry-run", "--json").stdout)["data"]["ssh"]
    lab.laptop.kit("stop", host, "--json", env={"PATH": "/home/dana/bin:/usr/bin:/bin"})
    given = lab.laptop.inside("/home/dana/given").read_text().split("\0")[:-1]
    assert re.sub("remotekit-[0-9a-f]+", NO_MARK, given.pop()) == shown[-1]
    assert of_ssh(["ssh", *given, shown[-1]]) == of_ssh(shown)


# -- anything at all ---------------------------------------------------------------------------------------------------------------

SHORT = tuple(text for text in TEXTS if len(text) < 100)
WORDS = st.lists(st.sampled_from(SHORT) | st.text(max_size=8), min_size=1, max_size=4).map("".join)
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,9}", fullmatch=True)
HOSTS = st.lists(NAMES | st.sampled_from(["@", ":", "22", "%", "::1", "[", "]", "ssh://"]) | WORDS, max_size=5).map("".join)


@pytest.fixture(params=SHELLS)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A session as a host has it, in each login shell."""
    if not Path(request.param).exists():
        pytest.skip(f"needs {request.param}")
    argv = [request.param, "-c", shell.session_command(NO_MARK)]
    environment = {"SHELL": request.param, "HOME": str(tmp_path), "PATH": os.defpath, "LANG": "C.UTF-8"}
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, env=environment)
    assert process.stdout is not None
    while shell.greeting(process.stdout.readline().decode().rstrip("\n"), NO_MARK) is None:
        pass
    yield process
    process.communicate(timeout=30)
    assert list(tmp_path.rglob("canary*")) == []


def answer(session: subprocess.Popen[bytes]) -> str:
    """What it has printed, up to the next trailer."""
    assert session.stdout is not None
    lines: list[str] = []
    while (line := session.stdout.readline().decode()) and shell.trailer(line.rstrip("\n"), NO_MARK) is None:
        lines.append(line)
    assert line, lines
    return "".join(lines).rstrip("\n")


def test_any_place_comes_out_of_a_real_shell_as_it_went_in(session: subprocess.Popen[bytes]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(text=WORDS, prefix=st.sampled_from(["", "~/", "/"]))
    def comes_out(text: str, prefix: str) -> None:
        try:
            place = remotepaths.project_dir(f"{prefix}{text}")
        except WrongUsage:
            return
        request = shell.with_arguments('printf "%s\\0" "$@" "$PLACE" | base64 -w0', ("x", place), {"PLACE": place})
        assert session.stdin is not None
        session.stdin.write(shell.framed(request))
        session.stdin.flush()
        assert base64.b64decode(answer(session)).decode().split("\0") == ["x", place, place, ""]

    comes_out()


@settings(max_examples=200, deadline=None)
@given(text=HOSTS)
def test_ssh_understands_a_host_as_it_was_meant(text: str) -> None:
    try:
        meant = target.parse(text)
    except WrongUsage:
        return
    assert target.parse(str(meant)) == meant
    done = subprocess.run(["ssh", "-F", "/dev/null", "-G", *meant.words], capture_output=True, text=True, check=True)
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert said["host"] == meant.host
    assert meant.user in {None, said["user"]}
    assert said["port"] == str(meant.port or 22)
