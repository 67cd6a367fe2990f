"""What a host that would refuse the kit, or its server, is told of before anything is installed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.plan import preflight

GOOD = {"path": "/home/alice/x", "at": "/home/alice/x", "own": True, "directory": True, "writable": True, "free": 10**12}
FACTS: dict[str, Any] = {"root": False, "root_allowed": False, "installs": [GOOD], "keeps": [GOOD], "root_dir": None}


def told(**facts: Any) -> tuple[str, ...]:
    return ("Module load: cuda", f"remotekit-preflight {json.dumps(FACTS | facts)}", "bye")


@pytest.mark.parametrize(
    ("facts", "options"),
    [
        ({}, {}),
        ({"root": True}, {"allow_root": True}),
        ({"root": True, "root_allowed": True}, {}),
        ({"root_dir": GOOD}, {}),
        ({"installs": []}, {}),
        ({"installs": [GOOD | {"free": None}]}, {}),
        # What is there already needs little more.
        ({"installs": [GOOD | {"free": 2 << 20}]}, {}),
        ({"installs": [GOOD | {"at": "/home/alice", "free": 2 << 20}]}, {"own": False}),
    ],
)
def test_a_host_that_takes_it(facts: dict[str, Any], options: dict[str, bool]) -> None:
    preflight.check(told(**facts), "gpu", **{"own": True, "allow_root": False, **options})


@pytest.mark.parametrize(
    ("facts", "code", "words", "mend"),
    [
        ({"root": True}, "as-root", "The server on gpu would run as root", "add --allow-root"),
        (
            {"root_dir": GOOD | {"directory": False}},
            "not-a-directory",
            "/home/alice/x on gpu is not a directory.",
            "--project-dir ~/project",
        ),
        (
            {"root_dir": GOOD | {"writable": False}},
            "permission",
            "Nothing can be written to /home/alice/x on gpu.",
            "--project-dir ~/project",
        ),
        # Never the folder that has just failed, nor another one in a home that is itself the reason.
        (
            {"root_dir": GOOD | {"path": "/home/alice/project", "writable": False}},
            "permission",
            "Nothing can be written to",
            "--project-dir ~/notebooks",
        ),
        (
            {"root_dir": GOOD | {"at": "/home/alice", "writable": False}, "keeps": [GOOD | {"at": "/home/alice", "writable": False}]},
            "permission",
            "Nothing can be written to /home/alice on gpu.",
            "On gpu: chmod u+rwx /home/alice",
        ),
        ({"installs": [GOOD | {"writable": False}]}, "permission", "Nothing can be written to", "On gpu: chmod u+rwx /home/alice/x"),
        ({"installs": [GOOD | {"writable": False, "own": False, "at": "/o p"}]}, "permission", "to /o p on gpu.", "On gpu: ls -ld '/o p'"),
        ({"keeps": [GOOD | {"directory": False, "at": "/x"}]}, "not-a-directory", "/x on gpu", "On gpu: mv /x /x.aside"),
        ({"keeps": [GOOD | {"directory": False, "at": "/x\x1b[2J"}]}, "not-a-directory", r"/x\x1b[2J on gpu", r"mv '/x\x1b[2J' "),
        (
            {"installs": [GOOD | {"at": "/home", "free": 95_999_999}]},
            "disk-full",
            "gpu has 95 MB left for /home/alice/x, and 360 MB",
            "On gpu: df -h /home",
        ),
        ({"keeps": [GOOD | {"free": 0}]}, "disk-full", "gpu has 0 MB left for /home/alice/x, and 2 MB are needed.", "df -h /home/alice/x"),
    ],
)
def test_what_refuses_it(facts: dict[str, Any], code: str, words: str, mend: str) -> None:
    with pytest.raises(Refused) as refused:
        preflight.check(told(**facts), "gpu", own=True, allow_root=False)
    (problem,) = refused.value.problems
    assert problem.code == code
    assert words in str(problem.message)
    assert mend in str(problem.hint)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("no facts",),
        ("remotekit-preflight ",),
        ("remotekit-preflight []",),
        ("remotekit-preflight {}",),
        ('remotekit-preflight {"root": 1}',),
    ],
)
def test_where_nothing_is_told_the_installation_finds_out(lines: tuple[str, ...]) -> None:
    preflight.check(lines, "gpu", own=True, allow_root=True)


def test_the_order_is_one_object() -> None:
    assert json.loads(preflight.order("connect", "~/数据", own=True)) == {"own": True, "instance": "connect", "root_dir": "~/数据"}
