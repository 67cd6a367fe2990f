"""The table, asked of the policy itself: posture in, findings out."""

from __future__ import annotations

from collections import Counter

import pytest

from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import Mode, Posture, Severity, check, refused
from tests.policy.cases import CASES, SAMPLE, Case

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
