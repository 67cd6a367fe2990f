"""The table, asked of the policy itself: posture in, findings out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import Mode, Posture, Severity, check, refused
from jupyter_remote_kit.plan.userconfig import REFUSED_CODES, findings
from tests.policy.cases import CASES, LAB_PY, SAMPLE, SERVER_JSON, SERVER_PY, Case

# Without these nothing else can be asked.
TOLD_FIRST = {"extension-disabled", "part-missing"}
READ = (SERVER_PY, SERVER_JSON, LAB_PY)
WRITTEN = [case for case in CASES if not case.dies and case.files.keys() & set(READ)]
PURE = [case for case in CASES if case.posture is not None]


@pytest.mark.parametrize("case", PURE, ids=lambda case: case.name)
def test_the_policy_finds_what_is_written_beside_the_case(case: Case) -> None:
    findings = check(Posture(**(case.posture or {})))
    if case.refuses:
        assert refused(findings)
        assert Counter(row.code for row in findings if row.severity is Severity.REFUSE) == Counter(case.refuses)
    else:
        assert not refused(findings)
        assert Counter(row.code for row in findings) == Counter(case.shows)


@pytest.mark.parametrize("case", [case for case in PURE if case.refuses], ids=lambda case: case.name)
def test_what_refuses_a_managed_server_merely_warns_of_an_unmanaged_one(case: Case) -> None:
    findings = check(Posture(**{**(case.posture or {}), "mode": Mode.UNMANAGED, "loopback": False}))
    assert not refused(findings)
    assert set(case.refuses) <= {row.code for row in findings}


@pytest.mark.parametrize(
    "case", [case for case in PURE if "RemoteKitIdentityProvider.hashed_password" in case.instance], ids=lambda case: case.name
)
def test_the_hash_of_a_case_is_of_the_kind_that_its_posture_says(case: Case) -> None:
    sound = Posture(**(case.posture or {}))
    assert hash_kind(case.instance["RemoteKitIdentityProvider.hashed_password"]) is sound.hash_kind


def test_the_table_is_one_of_distinct_cases() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert set(names) >= SAMPLE
    assert len(CASES) >= 160


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.name)
def test_what_up_refuses_from_reading_a_file_the_server_refuses_too(case: Case) -> None:
    texts = [ConfigText(Path(name), content.encode()) for name, content in case.files.items() if name in READ]
    codes = {problem.code for problem in findings(texts)} & REFUSED_CODES
    assert {code.removesuffix("-in-settings") for code in codes} <= set(case.refuses) or TOLD_FIRST & set(case.refuses)
