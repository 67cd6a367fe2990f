"""A session behind each profile of the table, in a real login shell: it answers, it is quick about it, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.plan import kitsearch, shell
from jupyter_remote_kit.plan.kitsearch import Search
from jupyter_remote_kit.plan.shell import Profile
from tests.connect.cases.profiles import CASES, FOREVER, SAYS, Case
from tests.e2e.stage.waiting import until
from tests.plan.session import Session

# The same on every Python.
pytestmark = pytest.mark.slow

LONG = os.environ.get("REMOTEKIT_LONG") == "1"
PROFILE_S = 2
KIT = f"#!{sys.executable} -I\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], os.getcwd()]))\n"
ARGUMENTS = ("up", "--root-dir", "it's $HOME; `touch canary`\n数据\\n%b", "")
# What /bin/sh is elsewhere: bash on RHEL and macOS, zsh where a macOS was told so.
BASH, ZSH = '#!/bin/dash\nexec /bin/bash --posix "$@"\n', '#!/bin/dash\nexec /usr/bin/zsh --emulate sh "$@"\n'


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a kit; nothing that was started with it for its home is left, but what means to stay."""
    folder = tmp_path / "home"
    kit = folder / ".local/bin/jupyter-remotekit"
    kit.parent.mkdir(parents=True)
    kit.write_text(KIT)
    kit.chmod(0o755)
    yield folder
    until(lambda: not at_work(folder), f"{at_work(folder)} to end")
    assert list(folder.rglob("canary")) == []


def at_work(home: Path) -> list[str]:
    """What still runs of a session in this home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PWD", "").startswith(str(home)) or process.cwd() == str(home):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def write(home: Path, case: Case) -> str:
    """Put its files there; the login shell's path."""
    for name, text in case.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    found = shutil.which(case.login_shell)
    if found is None:
        pytest.skip(f"{case.login_shell} is not installed")
    return found


def check(session: Session, home: Path, case: Case) -> None:
    """It answers, takes a payload, finds the kit, and has what the profile has set."""
    assert (session.greeting.profile, session.noise[:-1]) == (case.profile, ["words"] if "echo words" in str(case.files) else [])
    assert session.ask("(exit 7)") == (7, [])
    # Only programs say so, and the loop runs none.
    code, lines = session.ask(shell.receiving('printf "%s:" "$1"; cat', ("a b",), 9), b"x\n" * 4 + b"y")
    said = re.sub(r"ERROR: ld\.so: object .* from LD_PRELOAD cannot be preloaded .*: ignored\.\n?", "", "\n".join(lines))
    assert (code, said.replace("\n\n", "\n")) == (0, "a b:x\nx\nx\nx\ny")
    request = shell.with_arguments(distant.template("kit.sh"), (*Search(kit=f"{home}/.local/bin/jupyter-remotekit").words, *ARGUMENTS))
    code, lines = session.ask(request)
    assert json.loads(kitsearch.parse(lines, code, "gpu").said[-1]) == [list(ARGUMENTS), str(home)]
    if not case.profile.failed:
        for expression, value in {"${FROM_PROFILE:-no}": "yes", **case.reaches}.items():
            word = f"${expression}" if expression.isidentifier() else expression
            assert session.ask(f'( printf "%s" "{word}" )') == (0, [value.replace("$HOME", str(home))] if value else []), word
    time.sleep(1.2 if "TMOUT=1" in str(case.files) else 0)
    assert session.ask(":") == (0, [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_session_behind_it(home: Path, case: Case) -> None:
    login_shell = write(home, case)
    begun = time.monotonic()
    with Session(login_shell, home, profile_s=PROFILE_S if case.profile is Profile.LATE else 10, environ=case.environ) as session:
        if case.profile is Profile.ENDED:
            assert time.monotonic() - begun < PROFILE_S
        check(session, home, case)


# By default those of which a bash inherits more than variables of another bash, and a sample for zsh; all with `REMOTEKIT_LONG=1`.
IN_TIME = tuple(case for case in CASES if case.profile is not Profile.LATE)
INHERITED = tuple(
    case for case in IN_TIME if any(word in str(case.files) for word in ("export -f", "SHELLOPTS", "BASH_ENV", "TMOUT", "IFS"))
)


@pytest.mark.parametrize(
    ("case", "script"),
    [(case, BASH) for case in (IN_TIME if LONG else INHERITED)] + [(case, ZSH) for case in IN_TIME[:: 1 if LONG else 8]],
    ids=lambda given: given.name if isinstance(given, Case) else given.split()[2].rpartition("/")[2],
)
def test_so_it_is_where_another_shell_is_bin_sh(home: Path, case: Case, script: str, tmp_path: Path) -> None:
    if shutil.which(script.split()[2]) is None:
        pytest.skip("this shell is not installed")
    sh = tmp_path / "sh"
    sh.write_text(script)
    sh.chmod(0o755)
    with Session(write(home, case), home, environ=case.environ, sh=str(sh)) as session:
        check(session, home, case)


@pytest.mark.parametrize("sh", ["/bin/sh", "bash", "zsh"])
def test_a_line_that_is_gone_meanwhile_ends_the_profile(home: Path, tmp_path: Path, sh: str) -> None:
    (home / ".bash_profile").write_text(f"nohup {FOREVER} & echo $! >meant; {FOREVER} & {FOREVER}\n")
    if sh != "/bin/sh":
        (tmp_path / "sh").write_text(BASH if sh == "bash" else ZSH)
        (tmp_path / "sh").chmod(0o755)
        sh = str(tmp_path / "sh")
    session = Session("/bin/bash", home, sh=sh)
    until(lambda: sum(FOREVER in words for words in at_work(home)) == 3, "the profile to get there")
    session.end()
    meant = int((home / "meant").read_text())
    try:
        until(lambda: at_work(home) == [FOREVER], "the rest to end", 5)
        assert psutil.Process(meant).cmdline() == FOREVER.split()
    finally:
        psutil.Process(meant).kill()


def test_it_is_not_read_where_it_is_not_wanted(home: Path) -> None:
    (home / ".bash_profile").write_text(f"touch canary; {FOREVER}\n")
    with Session("/bin/bash", home, profile_s=0) as session:
        assert session.greeting.profile is Profile.NONE
        assert session.ask("echo here") == (0, ["here"])


def test_a_session_leaves_it(home: Path) -> None:
    (home / ".bash_profile").write_text(f"ulimit -v 60000; export PYTHONHOME=/gone; umask 077\n{SAYS}")
    with Session("/bin/bash", home) as session:
        assert session.ask("( umask; echo $PYTHONHOME )") == (0, ["0077", "/gone"])
        greeting = session.leave_profile()
        assert (greeting.pid, greeting.profile) == (session.process.pid, Profile.UNFIT)
        assert session.ask("( umask; echo $PYTHONHOME$FROM_PROFILE; ulimit -v )") == (0, ["0022", "", "unlimited"])
