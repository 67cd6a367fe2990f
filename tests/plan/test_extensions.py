"""What is said of other packages' extensions that fail, and what switches them off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.plan import policy
from jupyter_remote_kit.plan.extensions import FailedExtension, SkippedFile, Switch, is_alone, switches_of
from jupyter_remote_kit.plan.policy import Posture, Severity

FOLDER = Path("/home/ann/.jupyter/jupyter_server_config.d")
PROGRAM = "/home/ann/venv/bin/jupyter"
ALONE = Switch(FOLDER / "dusty.json", alone=True, option="--user", program=PROGRAM)

FIXES: dict[str, tuple[FailedExtension, str]] = {
    "a module that is gone": (
        FailedExtension("dusty", "gone", ALONE),
        "rm /home/ann/.jupyter/jupyter_server_config.d/dusty.json",
    ),
    "a module that fails": (
        FailedExtension("dusty", "fails", ALONE, whole=True),
        "/home/ann/venv/bin/jupyter server extension disable --user dusty",
    ),
    "a folder of root's": (
        FailedExtension("dusty", "fails", Switch(FOLDER / "dusty.json", option="--system", program=PROGRAM, writable=False), whole=True),
        "sudo /home/ann/venv/bin/jupyter server extension disable --system dusty",
    ),
    "a file of root's": (
        FailedExtension("dusty", "gone", Switch(Path("/etc/jupyter") / FOLDER.name / "a b.json", alone=True, writable=False)),
        "sudo rm '/etc/jupyter/jupyter_server_config.d/a b.json'",
    ),
    "a file that has the last word over the command's": (
        FailedExtension("dusty", "fails", Switch(FOLDER / "zz.json", option="--user"), whole=True),
        "Set dusty to false in /home/ann/.jupyter/jupyter_server_config.d/zz.json",
    ),
    "a file of several": (
        FailedExtension("dusty", "gone", Switch(FOLDER / "all.json", option="--user")),
        "Set dusty to false in /home/ann/.jupyter/jupyter_server_config.d/all.json",
    ),
    "a folder that the command does not know": (
        FailedExtension("dusty", "fails", Switch(Path("/opt/etc") / FOLDER.name / "dusty.json"), whole=True),
        "Set dusty to false in /opt/etc/jupyter_server_config.d/dusty.json",
    ),
    "the user's configuration": (
        FailedExtension("dusty", "fails", Switch(FOLDER.parent / "jupyter_server_config.json", option="--user"), whole=True),
        "Set dusty to false in /home/ann/.jupyter/jupyter_server_config.json",
    ),
    "no file": (FailedExtension("dusty", "gone", Switch(), whole=True), "Remove dusty from ServerApp.jpserver_extensions"),
}


@pytest.mark.parametrize("case", FIXES)
def test_what_switches_it_off_is_something_that_does(case: str) -> None:
    failed, fix = FIXES[case]
    assert str(failed.fix) == fix


def test_the_sentence_names_the_extension_the_file_and_the_reason() -> None:
    assert str(FailedExtension("dusty", "it is gone", ALONE).message) == (
        "The server extension dusty, switched on by /home/ann/.jupyter/jupyter_server_config.d/dusty.json, has failed: it is gone"
    )
    assert str(FailedExtension("dusty", "it is gone", Switch()).message) == "The server extension dusty has failed: it is gone"


def test_a_file_that_is_skipped_is_corrected_or_removed() -> None:
    skipped = SkippedFile(FOLDER / "a.json", "ValueError: no", writable=False)
    assert str(skipped.message) == f"{FOLDER}/a.json is skipped, and the server extensions that it switches on: ValueError: no"
    assert str(skipped.fix) == f"Correct the file, or remove it: sudo rm {FOLDER}/a.json"
    assert str(SkippedFile(FOLDER / "a.json", "no").fix) == f"Correct the file, or remove it: rm {FOLDER}/a.json"


def test_each_is_a_warning_of_a_managed_server_and_refuses_nothing() -> None:
    failed = FailedExtension("dusty", "gone", ALONE)
    (finding,) = policy.check(Posture(failed_extensions=(failed,)))
    assert (finding.code, finding.severity, finding.message, finding.fix) == ("extension-failed", Severity.WARN, failed.message, failed.fix)
    assert not policy.refused((finding,))


@pytest.mark.parametrize(
    ("document", "switches"),
    [
        ({}, {}),
        ({"ServerApp": {}}, {}),
        ({"LabApp": {}}, {}),
        ({"ServerApp": {"jpserver_extensions": {"dusty": True}}}, {"dusty": True}),
    ],
)
def test_what_a_file_switches_on(document: Any, switches: dict[str, bool]) -> None:
    assert switches_of(document) == switches


@pytest.mark.parametrize("document", [[], "x", 3, {"ServerApp": []}, {"ServerApp": {"jpserver_extensions": ["dusty"]}}])
def test_what_is_shaped_otherwise_is_told(document: Any) -> None:
    with pytest.raises(ValueError, match="not an object"):
        switches_of(document)


def test_a_file_of_nothing_else() -> None:
    document = {"ServerApp": {"jpserver_extensions": {"dusty": True}}}
    assert is_alone(document, "dusty")
    assert not is_alone(document | {"LabApp": {}}, "dusty")
    assert not is_alone({"ServerApp": {"jpserver_extensions": {"dusty": True, "tidy": True}}}, "dusty")
