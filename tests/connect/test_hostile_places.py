"""Hostile words as folders, environments and interpreters of a real host: each is meant literally, and nothing is ever evaluated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan import remotepaths
from tests.connect.cases.hostile import ASLEEP, LIVE, TEXTS
from tests.connect.stage import KIT, Host, Lab, Laptop, User, recorder
from tests.connect.stage.connection import FINDS_KIT
from tests.connect.stage.recorder import Questions

WRITABLE = ("/home", "/root", "/tmp", "/run", "/var/tmp", "/dev/shm")
SHELLS = {"bob": "/bin/bash", "dora": "/bin/dash", "zoe": "/usr/bin/zsh", "finn": "/usr/bin/fish", "tess": "/usr/bin/tcsh"}
# One for each of them.
FOLDERS = {
    "bob": "$(touch canary) {0} %s [red]",
    "dora": "`touch canary`;touch canary",
    "zoe": "*(e:'touch canary':) {a,b}",
    "finn": '(touch canary) "$HOME" 数据 \u202e',
    "tess": "!! ';touch canary;' \\`touch canary`",
}
# Whether some shell, called `$0`, evaluates `$1` in one kind of quotes, or in none.
SNAPS = """\
cd; >x
for quote in "" "'" '"'; do
  rm -f canary
  "$0" -c "echo $quote$1$quote" >/dev/null 2>&1 </dev/null
  [ -e canary ] && exit 0
done
exit 1
"""
EVIL = "\x1b]0;owned\x07\x1b[2J\u202e{0} {words} %s [red]\n"


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest) -> str:
    """One of each login shell."""
    name: str = request.param
    needs(SHELLS[name])
    return name


def needs(*shells: str) -> None:
    """Skip the test where one of these is not installed."""
    missing = [shell for shell in shells if not Path(shell).exists()]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


@pytest.fixture(scope="module")
def gpu(lab: Lab) -> Host:
    """A host with a user of each login shell, and a kit that only records."""
    host = lab.host("gpu", *(User(name, shell) for name, shell in SHELLS.items()))
    recorder.settle(host)
    return host


@pytest.fixture(autouse=True)
def nothing_was_evaluated(lab: Lab) -> Iterator[None]:
    """No file is called canary afterwards, on any machine."""
    yield
    for machine in (lab.laptop, *lab.hosts.values()):
        assert machine.run("find", *WRITABLE, "-xdev", "-type", "f", "-name", "canary*", user="root").stdout == ""


@pytest.fixture
def cage(lab: Lab) -> Iterator[Laptop]:
    """The laptop, on which canaries are let live for once."""
    yield lab.laptop
    lab.laptop.run("sh", "-c", "rm -f ~/canary ~/x")


def test_the_traps_snap_where_nobody_quotes(cage: Laptop) -> None:
    """The test of the tests."""
    needs(*SHELLS.values())

    def snaps(text: str) -> bool:
        return any(cage.run("bash", "-c", SNAPS, shell, text, check=False).returncode == 0 for shell in SHELLS.values())

    assert [text for text in LIVE if not snaps(text)] == []


def passing(parse: Callable[[str], str], texts: tuple[str, ...]) -> list[str]:
    """Those that the command line would take."""
    found = []
    for text in texts:
        try:
            found.append(parse(text))
        except WrongUsage:
            continue
    return found


def questions(user: str, texts: tuple[str, ...]) -> Questions:
    """All that can be asked with these texts."""
    made = Questions(f"/home/{user}")
    for text in passing(remotepaths.project_dir, texts):
        made.about_project(text)
    for text in passing(remotepaths.environment, (*texts, *(f"~/{text}" for text in texts))):
        made.about_environment(text)
    for text in passing(remotepaths.python, tuple(f"~/{text}/py" for text in texts if text in {*LIVE, *ASLEEP})):
        made.about_python(text)
    return made


def test_every_place_is_meant_literally(lab: Lab, gpu: Host) -> None:
    made = questions("bob", TEXTS)
    assert len(made.asked) >= 500
    assert recorder.differences(lab.laptop, gpu, "bob", made) == []


def test_so_it_is_for_each_login_shell(lab: Lab, gpu: Host, user: str) -> None:
    # A part of them for each.
    made = questions(user, (*LIVE, *ASLEEP)[list(SHELLS).index(user) :: len(SHELLS)])
    assert made.asked
    assert recorder.differences(lab.laptop, gpu, user, made) == []


def test_a_server_serves_a_folder_of_any_name(lab: Lab, gpu: Host, user: str) -> None:
    folder = FOLDERS[user]
    words = (f"{user}@gpu", "--project-dir", f"~/{folder}", "--json", *FINDS_KIT)
    started = lab.laptop.kit("start", *words)
    assert started.returncode == 0, started.stdout
    assert gpu.inside(f"/home/{user}/{folder}").is_dir()
    there = json.loads(gpu.run(KIT, "list", "--here", "--json", user=user).stdout)["data"]["servers"]
    assert [server["root_dir"] for server in there] == [f"/home/{user}/{folder}"]
    assert json.loads(lab.laptop.kit("stop", *words).stdout)["data"]["changed"] is True


def test_what_a_host_says_is_shown_and_not_obeyed(lab: Lab, gpu: Host) -> None:
    said = {"ok": False, "data": {}, "problems": [{"code": EVIL, "message": EVIL, "hint": EVIL}]}
    gpu.write("/home/bob/evil.json", f"{EVIL}\n{json.dumps(said)}\n", user="bob")
    gpu.write("/home/bob/evil/bin/jupyter-remotekit", "#!/bin/sh\ncat ~/evil.json; exit 1\n", user="bob", mode=0o755)
    done = lab.laptop.kit("stop", "bob@gpu", "--env", "~/evil")
    shown = r"\x1b]0;owned\x07\x1b[2J\u202e{0} {words} %s [red]\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: gpu says: {shown}\n  hint: On gpu: {shown}\n"
