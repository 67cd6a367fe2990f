"""What a host is told to install, and what its answers mean."""

from __future__ import annotations

import json
import shlex

import pytest

from jupyter_remote_kit.plan.installing import Order, Place, Progress, Report, choose, read, sent_because, trouble
from jupyter_remote_kit.plan.kitsearch import Python

PLACE = Place("/usr/bin/python3", own=True)
ORDER = Order(PLACE, "0.1.0")
PUSHED = ORDER.with_sent("index")


def python(version: str, path: str = "", *, complete: bool = True) -> Python:
    major, minor, micro = map(int, version.split("."))
    return Python((major, minor, micro), complete, path or f"/opt/{version}/bin/python3")


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        pytest.param([python("3.10.2")], "3.10.2", id="the only one"),
        pytest.param([python("3.10.2"), python("3.13.0"), python("3.12.9")], "3.13.0", id="the newest"),
        pytest.param([python("3.14.0"), python("3.11.2"), python("3.13.1")], "3.13.1", id="the newest that is known"),
        pytest.param([python("3.14.0"), python("3.15.1")], "3.15.1", id="one that is not known, where there is no other"),
        pytest.param([python("3.12.3", complete=False), python("3.10.2")], "3.10.2", id="one that brings pip"),
        pytest.param([python("3.12.3", complete=False), python("3.14.2")], "3.12.3", id="one without pip rather than an unknown one"),
    ],
)
def test_the_best_interpreter(pythons: list[Python], chosen: str) -> None:
    assert choose(pythons).number == chosen


def test_of_equals_the_first_that_was_found() -> None:
    assert choose([python("3.12.3", "/a"), python("3.12.3", "/b")]).path == "/a"


class TestOrder:
    def test_is_one_argv(self) -> None:
        *start, told = ORDER.argv("print(1)")
        assert start == ["/usr/bin/python3", "-I", "-c", "print(1)"]
        assert json.loads(told) == {
            "own": True,
            "requirement": "jupyter-remote-kit==0.1.0",
            "probe": "segno>=1.6",
            "offline": False,
            "describe": False,
        }

    def test_without_an_index_everything_is_sent(self) -> None:
        assert PUSHED.sent == {"index", "kit"}
        assert json.loads(PUSHED.argv("")[-1])["offline"] is True

    def test_what_is_lacking_comes_on_top(self) -> None:
        assert ORDER.with_sent("kit").sent == {"kit"}
        assert ORDER.with_sent("pip").with_sent("index").sent == {"pip", "kit", "index"}
        assert json.loads(ORDER.with_sent("kit").argv("")[-1])["offline"] is False


@pytest.mark.parametrize(
    ("lines", "report"),
    [
        ((), Report()),
        (("Collecting click", "remotekit-alive", "remotekit-kit", "remotekit-lacks"), Report()),
        (('remotekit-host {"a": 1}', "remotekit-lacks index"), Report(lacks="index", host='{"a": 1}')),
        (("remotekit-host {}", "x", "remotekit-kit /a b/jupyter-remotekit"), Report(kit="/a b/jupyter-remotekit", host="{}")),
    ],
)
def test_what_the_installer_has_said(lines: tuple[str, ...], report: Report) -> None:
    assert read(lines) == report


FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
DENIED = "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/opt/conda/x'"


@pytest.mark.parametrize(
    ("lines", "code", "order", "told"),
    [
        pytest.param(
            ("Collecting click", FULL, "", "remotekit-alive"),
            1,
            ORDER,
            ("disk-full", f"The disk of gpu1 is full, or the quota is used up: {FULL}", "On gpu1: df -h ~"),
            id="full disk",
        ),
        pytest.param(
            ("Error: [Errno 122] Disk quota exceeded: '/home/ann/x'",),
            1,
            ORDER,
            (
                "disk-full",
                "The disk of gpu1 is full, or the quota is used up: Error: [Errno 122] Disk quota exceeded: '/home/ann/x'",
                "On gpu1: df -h ~",
            ),
            id="quota",
        ),
        pytest.param(
            (DENIED,),
            1,
            ORDER,
            (
                "permission",
                f"It cannot be installed on gpu1, permission denied: {DENIED}",
                "Leave out --python and --env: it gets an environment of its own",
            ),
            id="no permission",
        ),
        pytest.param(
            ("error: externally-managed-environment", "", "× This environment is externally managed", "hint: See PEP 668."),
            1,
            ORDER,
            (
                "system-python",
                "/usr/bin/python3 on gpu1 belongs to the system, which installs its packages itself.",
                "Leave out --python: it gets an environment of its own",
            ),
            id="the system's Python",
        ),
        pytest.param(
            (
                "WARNING: Retrying after [Errno 111] Connection refused",
                "ERROR: Could not find a version",
                "ERROR: No matching distribution",
                "x",
            ),
            1,
            ORDER,
            (
                "install-failed",
                "The installation on gpu1 failed: ERROR: No matching distribution",
                "Send all packages from this machine: add --push",
            ),
            id="the last error",
        ),
        pytest.param(
            ("Collecting click", "/x/python was ended by signal 9"),
            1,
            PUSHED,
            (
                "install-failed",
                "The installation on gpu1 failed: /x/python was ended by signal 9",
                "Name another Python there: --python PYTHON",
            ),
            id="killed, with all packages sent",
        ),
        pytest.param(
            ("remotekit-alive", " "),
            137,
            ORDER,
            ("install-failed", "The installation on gpu1 failed: exit code 137", "Send all packages from this machine: add --push"),
            id="without a word",
        ),
        pytest.param(
            ("remotekit-host {}", "remotekit-busy /home/ann/a b/installing-1"),
            75,
            ORDER,
            (
                "install-busy",
                "Another installation is at work on gpu1.",
                "Try again when it is done; if it was killed, on gpu1: rm -r '/home/ann/a b/installing-1'",
            ),
            id="another one at work",
        ),
        pytest.param(
            (),
            75,
            ORDER,
            (
                "install-busy",
                "Another installation is at work on gpu1.",
                "Try again when it is done; if it was killed, on gpu1: rm -r -",
            ),
            id="another one at work, somewhere",
        ),
    ],
)
def test_one_sentence_and_what_to_do(lines: tuple[str, ...], code: int, order: Order, told: tuple[str, str, str]) -> None:
    (problem,) = trouble("gpu1", code, lines, order).problems
    assert (problem.code, str(problem.message), str(problem.hint)) == told


def test_a_path_survives_the_shell_that_it_is_pasted_into() -> None:
    path = "/home/ann/it's; touch canary/installing-1"
    (problem,) = trouble("gpu1", 75, (f"remotekit-busy {path}",), ORDER).problems
    assert shlex.split(str(problem.hint).partition("gpu1: ")[2]) == ["rm", "-r", path]


def test_what_pip_says_drives_no_terminal() -> None:
    (problem,) = trouble("gpu1", 1, ("ERROR: \x1b[31mred\x1b[0m",), ORDER).problems
    assert "\x1b" not in str(problem.message)


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ("pip", "/usr/bin/python3 on gpu1 has no pip (on Debian it is in python3-venv): it is sent from here."),
        ("kit", "pip on gpu1 finds no jupyter-remote-kit 0.1.0: it is sent from here."),
        ("index", "pip on gpu1 reaches no index: all packages are sent from here."),
    ],
)
def test_why_something_is_sent(lacks: str, told: str) -> None:
    assert str(sent_because(lacks, "gpu1", ORDER)) == told


def test_an_installation_is_told_in_a_few_sentences() -> None:
    progress = Progress("gpu1")
    lines = [
        "remotekit-alive",
        "remotekit-environment /home/ann/\x1benv",
        "Installing collected packages: pip",
        "remotekit-index",
        "remotekit-install",
        *(f"Collecting package-{number}" for number in range(30)),
        *(f"Processing ./package-{number}.whl" for number in range(20)),
        "  Downloading package.whl (1.2 MB)",
        "Installing collected packages: webencodings, click, tornado",
        "Successfully installed click-8",
    ]
    assert [str(told) for told in map(progress.heard, lines) if told] == [
        r"Making the environment /home/ann/\x1benv …",
        "Asking the package index of gpu1 …",
        "Packages found: 25 …",
        "Packages found: 50 …",
        "Installing 3 packages …",
    ]
