"""Which certificate is needed, and whether the one on disk still serves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import Failed, Refused
from jupyter_remote_kit.plan.certificates import (
    check_own,
    covers,
    early,
    is_address,
    is_settled,
    served,
    steps,
    subjects,
    uncertified,
    upkeep,
)
from jupyter_remote_kit.plan.facts import CertificateFact
from jupyter_remote_kit.plan.model import ExportAuthority, IssueAuthority, IssueLeaf, RemoveFile
from jupyter_remote_kit.plan.policy import ServedCertificate
from jupyter_remote_kit.settings import Access
from tests.plan.build import (
    ADDRESSES,
    CA,
    CA_DIGEST,
    DIRECTORY,
    EXPORTED,
    LAYOUT,
    LEAF,
    LEAF_FILE,
    NAMES,
    NOW,
    SAN_ADDRESSES,
    certificate,
    facts,
    settings,
)

AUTHORITY_AND_LEAF = [IssueAuthority, IssueLeaf]
WITH_BEFORE = [IssueAuthority, IssueLeaf, IssueLeaf]
LEAF_ALONE = [IssueLeaf]
NOTHING: list[type] = []
DAY = timedelta(days=1)


def kinds(chosen: dict[str, Any], **changes: Any) -> list[type]:
    machine = {"ca": CA, "leaf": LEAF, "files": {LAYOUT.ca_certificate_file: EXPORTED}, **changes}
    return [type(step) for step in steps(settings(**chosen), facts(**machine))]


def of_ai(*excluded: str) -> dict[str, Any]:
    """A machine that is called `ai` as well, and has its certificates."""
    return {
        "ca": certificate(digest=CA_DIGEST, issuer_digest="", names=(*NAMES, "ai"), excluded=excluded),
        "leaf": certificate(names=(*NAMES, "ai")),
    }


@pytest.mark.parametrize(
    ("chosen", "changes", "expected"),
    [
        pytest.param({}, {}, NOTHING, id="all there"),
        pytest.param({}, {"ca": None, "leaf": None}, AUTHORITY_AND_LEAF, id="nothing there"),
        pytest.param({}, {"leaf": None}, LEAF_ALONE, id="no leaf"),
        pytest.param({}, {"files": {}}, [ExportAuthority], id="the authority's certificate is gone"),
        pytest.param(
            {},
            {"files": {LAYOUT.ca_certificate_file: replace(EXPORTED, content=b"half of it")}},
            [ExportAuthority],
            id="the authority's certificate is damaged",
        ),
        pytest.param({}, {"files": {LAYOUT.ca_certificate_file: DIRECTORY}}, NOTHING, id="a folder is in its place"),
        pytest.param({}, {"files": {}, "leaf": None}, [ExportAuthority, IssueLeaf], id="the authority's certificate and the leaf are gone"),
        pytest.param({}, {"files": {}, "ca": None, "leaf": None}, AUTHORITY_AND_LEAF, id="all of it is gone"),
        pytest.param({}, {"ca": None}, AUTHORITY_AND_LEAF, id="no authority"),
        pytest.param({}, {"leaf": certificate(not_after=NOW + 29 * DAY)}, LEAF_ALONE, id="29 days left"),
        pytest.param({}, {"leaf": certificate(not_after=NOW + 30 * DAY - timedelta(seconds=1))}, LEAF_ALONE, id="just under 30 days left"),
        pytest.param({}, {"leaf": certificate(not_after=NOW + 30 * DAY)}, NOTHING, id="30 days left"),
        pytest.param({}, {"leaf": certificate(not_after=NOW + 31 * DAY)}, NOTHING, id="31 days left"),
        pytest.param({}, {"leaf": certificate(not_after=NOW - DAY)}, LEAF_ALONE, id="past"),
        pytest.param({}, {"leaf": certificate(not_before=NOW + DAY)}, LEAF_ALONE, id="not valid yet"),
        pytest.param({}, {"leaf": certificate(key_fits=False)}, LEAF_ALONE, id="a leaf without its key"),
        pytest.param({}, {"leaf": certificate(issuer_digest="another")}, LEAF_ALONE, id="a leaf of another authority"),
        pytest.param({}, {"leaf": certificate(names=("gpu", "localhost"))}, LEAF_ALONE, id="a name is missing"),
        pytest.param({}, {"leaf": certificate(addresses=("192.168.0.107",))}, LEAF_ALONE, id="an address is missing"),
        pytest.param({}, {"leaf": certificate(names=(*NAMES, "old.example"))}, NOTHING, id="a name too many"),
        pytest.param({}, {"addresses": ("192.168.0.107",)}, NOTHING, id="an address is gone"),
        pytest.param({}, {"addresses": (*ADDRESSES, "10.0.0.9")}, NOTHING, id="a new address"),
        pytest.param({}, {"names": (*NAMES, "gpu.example.net")}, NOTHING, id="a new name"),
        pytest.param({"allow_hosts": ("lab.gpu.example.org",)}, {}, LEAF_ALONE, id="a name below a permitted one"),
        pytest.param({"allow_hosts": ("xgpu.example.org",)}, {}, NOTHING, id="a name that only ends like one"),
        pytest.param({"allow_hosts": ("203.0.113.7",)}, {}, NOTHING, id="a further address"),
        pytest.param({}, {"ca": certificate(digest=CA_DIGEST, key_fits=False)}, AUTHORITY_AND_LEAF, id="an authority without its key"),
        pytest.param({}, {"ca": certificate(digest=CA_DIGEST, not_after=NOW + 29 * DAY)}, WITH_BEFORE, id="an authority that ends soon"),
        pytest.param({"allow_hosts": ("ai",)}, of_ai(), AUTHORITY_AND_LEAF, id="a registry's name, and all that is below it"),
        pytest.param({"allow_hosts": ("ai",)}, of_ai(".ai"), NOTHING, id="a registry's name alone"),
        pytest.param({"allow_hosts": ("ai", "gpu.ai")}, of_ai(".ai"), NOTHING, id="a new name below a registry's"),
        pytest.param({}, {"now": datetime(1970, 1, 1, tzinfo=timezone.utc)}, NOTHING, id="a clock that is not set yet"),
        pytest.param({"plain_http": True}, {"ca": None, "leaf": None}, NOTHING, id="plain HTTP"),
        pytest.param({"access": Access.SSH, "ip": "127.0.0.1"}, {"ca": None, "leaf": None}, NOTHING, id="ssh"),
        pytest.param({"access": Access.RELAY, "ip": "127.0.0.1"}, {"ca": None, "leaf": None}, AUTHORITY_AND_LEAF, id="relay with TLS"),
        pytest.param({"certfile": Path("/c/cert.pem")}, {"ca": None, "leaf": None}, NOTHING, id="own certificate"),
    ],
)
def test_what_is_issued(chosen: dict[str, Any], changes: dict[str, Any], expected: list[type]) -> None:
    assert kinds(chosen, **changes) == expected


NEW = "10.0.0.9"
MOVED = (*ADDRESSES, NEW)
OLD = certificate(digest="old", names=(*NAMES, "gone.example"), addresses=SAN_ADDRESSES)
BOTH = certificate(digest=CA_DIGEST, names=(*NAMES, "gone.example"), addresses=(*SAN_ADDRESSES, NEW))
OLD_LEAF = certificate(issuer_digest="cross", root_digest=CA_DIGEST)
CHANGING = {"ca": BOTH, "previous_ca": OLD, "previous_leaf": OLD_LEAF, "leaf": certificate(addresses=(*SAN_ADDRESSES, NEW))}


def over(changes: dict[str, Any], *, new_authority: bool = False, **chosen: Any) -> list[Any]:
    machine = facts(**{"files": {LAYOUT.ca_certificate_file: EXPORTED}, "addresses": MOVED, **changes})
    return list(steps(settings(**chosen), machine, new_authority=new_authority))


def test_another_authority_is_made_when_its_user_says_so_and_is_for_all_that_the_one_before_is_for() -> None:
    before = replace(CA, names=OLD.names)
    assert uncertified(settings(), facts(ca=before, addresses=MOVED)) == (NEW,)
    assert uncertified(settings(plain_http=True), facts(ca=before, addresses=MOVED)) == ()
    authority, leaf, older = over({"ca": before, "leaf": LEAF}, new_authority=True)
    kept = LAYOUT.previous_ca_file
    names, addresses = (*NAMES, "gone.example"), (*ADDRESSES, NEW, "127.0.0.1", "::1")
    assert authority == IssueAuthority(LAYOUT.ca_file, LAYOUT.ca_certificate_file, names, addresses, kept)
    assert leaf == IssueLeaf(LAYOUT.ca_file, LEAF_FILE, NAMES, addresses)
    assert older == IssueLeaf(kept, LAYOUT.previous_leaf_file("default"), NAMES, SAN_ADDRESSES, vouched_by=LAYOUT.ca_file)


def test_an_authority_that_is_for_everything_is_not_replaced_and_one_that_is_no_good_is_not_kept() -> None:
    assert over(CHANGING, new_authority=True) == []
    first, *_ = over({**CHANGING, "ca": replace(BOTH, key_fits=False)})
    assert isinstance(first, IssueAuthority)
    assert first.previous_file is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, NOTHING, id="settled"),
        pytest.param({"addresses": ADDRESSES}, NOTHING, id="back at the old address"),
        pytest.param({"previous_leaf": None}, [IssueLeaf], id="no leaf of the old one"),
        pytest.param({"previous_leaf": certificate(root_digest="another")}, [IssueLeaf], id="vouched for by another"),
        pytest.param({"previous_leaf": replace(OLD_LEAF, not_after=NOW + 29 * DAY)}, [IssueLeaf], id="the old one's leaf ends soon"),
        pytest.param(
            {"previous_ca": replace(OLD, not_after=NOW + DAY), "previous_leaf": replace(OLD_LEAF, not_after=NOW + DAY)},
            NOTHING,
            id="the old one ends soon, and its leaf with it",
        ),
        pytest.param({"previous_ca": replace(OLD, not_after=NOW)}, [RemoveFile, RemoveFile], id="the old one is past"),
        pytest.param({"previous_ca": None}, [RemoveFile], id="the old one was taken away"),
        pytest.param({"previous_ca": None, "previous_leaf": None}, NOTHING, id="there is no old one"),
    ],
)
def test_laptops_of_the_authority_before_are_served_while_it_lasts(changes: dict[str, Any], expected: list[type]) -> None:
    machine = facts(**{"files": {LAYOUT.ca_certificate_file: EXPORTED}, "addresses": MOVED, **CHANGING, **changes})
    assert [type(step) for step in steps(settings(), machine)] == expected
    assert [type(step) for step in upkeep(settings(), machine)] == expected


def test_a_connection_behind_an_address_translation_is_not_shown_the_old_leaf_by_address() -> None:
    (step,) = over(
        {
            **CHANGING,
            "previous_leaf": None,
            "ca": replace(BOTH, addresses=(*BOTH.addresses, "203.0.113.7")),
            "leaf": replace(CHANGING["leaf"], addresses=(*BOTH.addresses, "203.0.113.7")),
        },
        allow_hosts=("203.0.113.7",),
    )
    assert step.addresses == ("127.0.0.1", "::1")


def test_a_running_server_makes_no_authority() -> None:
    assert list(upkeep(settings(), facts())) == []
    assert list(upkeep(settings(plain_http=True), facts(ca=CA))) == []


def test_a_leaf_that_is_for_everything_and_lasts_is_settled() -> None:
    assert is_settled(settings(), facts(leaf=LEAF))
    assert not is_settled(settings(), facts())
    assert not is_settled(settings(), facts(leaf=LEAF, addresses=MOVED))
    assert not is_settled(settings(), facts(leaf=replace(LEAF, not_after=NOW + 29 * DAY)))


def test_how_a_certificate_stands() -> None:
    assert served(settings(), facts()) is None
    assert served(settings(plain_http=True), facts(leaf=LEAF)) is None
    assert served(settings(), facts(leaf=LEAF)) == ServedCertificate("2027-04-02", 397)
    assert served(settings(), facts(leaf=replace(LEAF, not_after=NOW - DAY / 2), addresses=MOVED)) == ServedCertificate(
        "2026-03-01", -1, lacking=(NEW,)
    )
    assert served(settings(), facts(**CHANGING, addresses=MOVED)) == ServedCertificate("2027-04-02", 397, warned=(NEW,), since="2026-02-28")
    ending = facts(**{**CHANGING, "previous_ca": replace(OLD, not_after=NOW + 20 * DAY)})
    standing = served(settings(), ending)
    assert standing is not None
    assert standing.change_over_ends == "2026-03-21"
    # Nothing is lacking where nobody comes.
    bound = settings(ip="192.168.0.107")
    assert served(bound, facts(leaf=LEAF, addresses=MOVED)) == ServedCertificate("2027-04-02", 397)
    assert uncertified(bound, facts(ca=CA, addresses=MOVED)) == ()
    own = settings(certfile=Path("/c/cert.pem"))
    assert served(own, facts(own_certificate=certificate(names=("x.example",)))) == ServedCertificate("2027-04-02", 397, private_ca=False)


def test_the_authority_is_for_the_names_of_every_instance_the_leaf_for_its_own() -> None:
    other = settings(instance="gpu2", allow_hosts=("b.example", "203.0.113.8"))
    over_ssh = settings(instance="gpu3", access=Access.SSH, ip="127.0.0.1", allow_hosts=("c.example",))
    authority, leaf, leaf_of_other = steps(settings(allow_hosts=("a.example", "203.0.113.7")), facts(), [other, over_ssh])
    assert authority == IssueAuthority(
        LAYOUT.ca_file,
        LAYOUT.ca_certificate_file,
        ("gpu.example.org", "gpu", "gpu.local", "localhost", "a.example", "b.example"),
        ("192.168.0.107", "fd00::107", "203.0.113.7", "203.0.113.8", "127.0.0.1", "::1"),
    )
    assert leaf == IssueLeaf(
        LAYOUT.ca_file,
        LEAF_FILE,
        ("gpu.example.org", "gpu", "gpu.local", "localhost", "a.example"),
        ("192.168.0.107", "fd00::107", "203.0.113.7", "127.0.0.1", "::1"),
    )
    # A new authority would else strand the servers that show a leaf of the old one.
    assert leaf_of_other == IssueLeaf(
        LAYOUT.ca_file,
        LAYOUT.leaf_file("gpu2"),
        ("gpu.example.org", "gpu", "gpu.local", "localhost", "b.example"),
        ("192.168.0.107", "fd00::107", "203.0.113.8", "127.0.0.1", "::1"),
    )


def test_an_authority_that_permits_another_instances_name_is_kept() -> None:
    shared = certificate(digest=CA_DIGEST, names=(*NAMES, "b.example"))
    machine = facts(ca=shared, leaf=LEAF, files={LAYOUT.ca_certificate_file: EXPORTED})
    assert list(steps(settings(), machine, [settings(instance="gpu2", allow_hosts=("b.example",))])) == []


def test_the_authoritys_certificate_is_written_again_for_laptops_to_read() -> None:
    (step,) = steps(settings(), facts(ca=CA, leaf=LEAF))
    assert step == ExportAuthority(LAYOUT.ca_file, LAYOUT.ca_certificate_file)
    assert str(step.describe()) == f"write {LAYOUT.ca_certificate_file} (mode 0644)"


@pytest.mark.parametrize("ip", ["127.0.0.2", "10.0.0.9"])
def test_the_address_that_is_bound_is_on_the_certificate(ip: str) -> None:
    _, addresses = subjects(facts(), settings(ip=ip))
    assert addresses == (*ADDRESSES, ip, "127.0.0.1", "::1")


@pytest.mark.parametrize("ip", ["", "0.0.0.0", "::", "127.0.0.1", "192.168.0.107"])
def test_nothing_is_on_the_certificate_twice(ip: str) -> None:
    names, addresses = subjects(facts(), settings(ip=ip, allow_hosts=("gpu", "fd00::107")))
    assert names == NAMES
    assert set(addresses) == set(SAN_ADDRESSES)
    assert len(addresses) == len(SAN_ADDRESSES)


def test_localhost_as_a_bound_name_is_a_name() -> None:
    # `is_loopback` accepts it, and so does an instance file.
    names, addresses = subjects(facts(), settings(ip="localhost"))
    assert "localhost" in names
    assert "localhost" not in addresses


def own(**changes: Any) -> list[tuple[str, str]]:
    chosen = settings(certfile=Path("/c/cert.pem"), keyfile=Path("/c/key.pem"), allow_hosts=changes.pop("allow_hosts", ()))
    machine = facts(own_certificate=certificate(**changes))
    return [(problem.code, str(problem.message)) for problem in check_own(chosen, machine)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, [], id="sound"),
        pytest.param({"names": ("*.example.org",), "addresses": ()}, [], id="a wildcard"),
        pytest.param({"names": (), "addresses": ("192.168.0.107",)}, [], id="an address"),
        pytest.param({"names": ("xn--mnchen-3ya.example",), "allow_hosts": (grammar.host_name("münchen.example"),)}, [], id="an IDN"),
        pytest.param({"not_after": NOW + 30 * DAY}, [], id="30 days left"),
        pytest.param(
            {"not_after": NOW + 29 * DAY},
            [("certificate-ends-soon", "The certificate in /c/cert.pem is valid until 2026-03-30.")],
            id="29 days left",
        ),
        pytest.param(
            {"names": ("*.gpu.example.org", "other.example"), "addresses": ("10.0.0.9",)},
            [
                (
                    "certificate-names",
                    "The certificate in /c/cert.pem is for *.gpu.example.org, other.example, 10.0.0.9,"
                    " none of which is known as a name of this host.",
                )
            ],
            id="other names",
        ),
        pytest.param(
            {"names": ("localhost",), "addresses": ("127.0.0.1", "::1")},
            [
                (
                    "certificate-names",
                    "The certificate in /c/cert.pem is for localhost, 127.0.0.1, ::1, none of which is known as a name of this host.",
                )
            ],
            id="for this machine only",
        ),
        pytest.param(
            {"names": (), "addresses": (), "not_after": NOW + DAY},
            [
                ("certificate-ends-soon", "The certificate in /c/cert.pem is valid until 2026-03-02."),
                ("certificate-names", "The certificate in /c/cert.pem is for -, none of which is known as a name of this host."),
            ],
            id="no names, and ends soon",
        ),
    ],
)
def test_what_is_said_of_ones_own_certificate(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert own(**changes) == expected


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"key_fits": False}, "key-does-not-fit", "The key in /c/key.pem does not belong to the certificate in /c/cert.pem."),
        (
            {"not_after": NOW},
            "certificate-out-of-date",
            "The certificate in /c/cert.pem is valid from 2026-02-28 to 2026-03-01 only.",
        ),
        (
            {"not_before": NOW + DAY},
            "certificate-out-of-date",
            "The certificate in /c/cert.pem is valid from 2026-03-02 to 2027-04-02 only.",
        ),
    ],
)
def test_a_certificate_of_ones_own_that_cannot_serve_is_refused(changes: dict[str, Any], code: str, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        own(**changes)
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == (code, sentence)
    assert problem.hint is not None


def test_a_clock_that_is_not_set_yet_says_nothing_of_a_certificate() -> None:
    unset = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert check_own(settings(certfile=Path("/c/cert.pem")), facts(own_certificate=certificate(), now=unset)) == ()
    machine = facts(**CHANGING, files={LAYOUT.ca_certificate_file: EXPORTED}, addresses=MOVED, now=unset)
    assert list(upkeep(settings(), machine)) == []


@pytest.mark.parametrize("now", [datetime(1970, 1, 1, tzinfo=timezone.utc), CA.not_before - DAY])
def test_a_clock_behind_the_authoritys_beginning_replaces_nothing(now: datetime) -> None:
    # systemd begins at the date of its own build, which may be years after 1970.
    machine = facts(ca=CA, leaf=LEAF, files={LAYOUT.ca_certificate_file: EXPORTED}, now=now)
    assert list(steps(settings(), machine)) == []
    moved = replace(machine, addresses=MOVED, **CHANGING)
    assert list(steps(settings(), moved)) == list(upkeep(settings(), moved)) == []


def test_an_authority_of_a_clock_that_was_ahead_is_replaced_on_demand() -> None:
    machine = facts(ca=CA, leaf=LEAF, files={LAYOUT.ca_certificate_file: EXPORTED}, now=CA.not_before - DAY)
    (problem,) = early(settings(), machine)
    assert (problem.code, str(problem.message)) == (
        "certificate-early",
        "The private certificate authority is valid from 2026-02-28 on, and this host's clock says 2026-02-27: it is kept.",
    )
    assert "jupyter remotekit init --new-authority" in str(problem.hint)
    assert [type(step) for step in steps(settings(), machine, new_authority=True)] == WITH_BEFORE
    standing = served(settings(), machine)
    assert standing is not None
    assert standing.begins == "2026-02-28"
    for other in (replace(machine, now=NOW), replace(machine, now=datetime(1970, 1, 1, tzinfo=timezone.utc)), replace(machine, ca=None)):
        assert early(settings(), other) == ()
    assert early(settings(plain_http=True), machine) == ()


@pytest.mark.parametrize("changes", [{"not_after": NOW}, {"not_before": NOW + DAY}])
def test_a_certificate_that_the_instance_has_already_is_out_of_date_and_served(changes: dict[str, Any]) -> None:
    chosen = settings(certfile=Path("/c/cert.pem"), keyfile=Path("/c/key.pem"))
    codes = [problem.code for problem in check_own(chosen, facts(own_certificate=certificate(**changes)), chosen)]
    assert codes == ["certificate-out-of-date"]
    with pytest.raises(Refused):
        check_own(chosen, facts(own_certificate=certificate(**changes)), settings(certfile=Path("/c/other.pem")))


def test_a_renewal_that_has_come_to_the_certificate_and_not_to_its_key_is_not_refused_for_good() -> None:
    chosen = settings(certfile=Path("/c/cert.pem"))
    with pytest.raises(Failed):
        check_own(chosen, facts(own_certificate=certificate(key_fits=False)), chosen)


def test_a_key_inside_the_certificates_file_is_named_by_that_file() -> None:
    with pytest.raises(Refused, match=r"The key in /c/both\.pem does not belong to the certificate in /c/both\.pem"):
        check_own(settings(certfile=Path("/c/both.pem")), facts(own_certificate=certificate(key_fits=False)))


@pytest.mark.parametrize("chosen", [{}, {"certfile": Path("/c/cert.pem")}])
def test_without_a_certificate_of_ones_own_there_is_nothing_to_say(chosen: dict[str, Any]) -> None:
    assert check_own(settings(**chosen), facts()) == ()


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("gpu.example.org", "gpu.example.org", True),
        ("gpu.example.org", "lab.example.org", False),
        ("*.example.org", "gpu.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "a.gpu.example.org", False),
        ("*", "gpu", False),
        ("*.org", "example.org", True),
        ("gpu*.example.org", "gpu1.example.org", False),
        ("*.xn--mnchen-3ya.example", "gpu.xn--mnchen-3ya.example", True),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, host: str, expected: bool) -> None:
    assert covers(certificate(names=(name,), addresses=()), host) is expected


@pytest.mark.parametrize(
    ("fact", "host", "expected"),
    [
        (certificate(names=("192.168.0.107",), addresses=()), "192.168.0.107", False),
        (certificate(names=(), addresses=("192.168.0.107",)), "192.168.0.107", True),
        (certificate(names=(), addresses=("fd00::107",)), "fd00::107", True),
    ],
)
def test_an_address_counts_as_an_address_san_only(fact: CertificateFact, host: str, expected: bool) -> None:
    assert covers(fact, host) is expected


@pytest.mark.parametrize(
    ("host", "expected"), [("::1", True), ("10.0.0.9", True), ("fd00::107", True), ("gpu", False), ("gpu.local", False), ("1.gpu", False)]
)
def test_an_address_is_told_from_a_name(host: str, expected: bool) -> None:
    assert is_address(host) is expected
