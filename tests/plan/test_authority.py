"""Which authority of a host a laptop may trust: one that vouches for that host, and for nothing else."""

from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import Refused, WrongUsage
from jupyter_remote_kit.plan import authority
from jupyter_remote_kit.plan.authority import AuthorityFact, accept, bounded, digest_of, digests_of, fingerprint, label
from tests.plan.trusting import NOW, fact, pem, sha256


def refused(*facts: AuthorityFact) -> tuple[str, str]:
    """The code and the sentence."""
    with pytest.raises(Refused) as caught:
        accept(facts, "gpu1", NOW)
    (problem,) = caught.value.problems
    assert problem.hint is not None
    return problem.code, str(problem.message)


class TestAccept:
    def test_the_kits_own_is_accepted_with_what_it_vouches_for(self) -> None:
        found = accept((fact(),), "gpu1", NOW)
        assert found.names == ("gpu1", "gpu1.local", "localhost")
        assert found.addresses == ("192.168.0.107", "127.0.0.1", "fd00::2", "::1")
        assert (found.pem, found.digest, found.thumbprint) == (fact().pem, fact().digest, fact().thumbprint)
        assert found.not_after == fact().not_after

    @pytest.mark.parametrize("number", [0, 2])
    def test_it_is_exactly_one_certificate(self, number: int) -> None:
        assert refused(*([fact()] * number)) == ("authority-unreadable", f"What gpu1 sent is not one certificate, but {number}.")

    @pytest.mark.parametrize("changes", [{"is_authority": False}, {"signs_itself": False}])
    def test_a_leaf_and_an_intermediate_are_none(self, changes: dict[str, Any]) -> None:
        assert refused(fact(**changes)) == ("not-an-authority", "The certificate of gpu1 is not that of a certificate authority.")

    @pytest.mark.parametrize(
        ("changes", "accepted"),
        [
            ({"not_after": NOW}, False),
            ({"not_after": NOW + timedelta(seconds=1)}, True),
            ({"not_before": NOW + timedelta(seconds=1)}, False),
            ({"not_before": NOW}, True),
        ],
    )
    def test_its_dates_count(self, changes: dict[str, Any], accepted: bool) -> None:
        if accepted:
            assert accept((fact(**changes),), "gpu1", NOW)
            return
        code, sentence = refused(fact(**changes))
        assert code == "authority-out-of-date"
        assert sentence.endswith("and this machine's date is 2026-11-20.")

    @pytest.mark.parametrize("purposes", [None, (), ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3"), ("2.5.29.37.0",), ("1.3.6.1.5.5.7.3.4",)])
    def test_it_vouches_for_servers_alone(self, purposes: tuple[str, ...] | None) -> None:
        assert refused(fact(purposes=purposes))[0] == "authority-unconstrained"

    @pytest.mark.parametrize(
        "changes",
        [
            {"constrained": False},
            {"names": ()},
            {"networks": ()},
            {"networks": ("127.0.0.1/32",)},
            {"networks": ("::1/128",)},
            {"networks": (), "excluded": ("0.0.0.0/0",)},
            {"names": (), "excluded": ("gpu1",)},
        ],
        ids=str,
    )
    def test_what_is_not_constrained_could_be_any_site(self, changes: dict[str, Any]) -> None:
        sentence = "The authority of gpu1 could vouch for any site: it is not trusted."
        assert refused(fact(**changes)) == ("authority-unconstrained", sentence)

    @pytest.mark.parametrize(
        "changes",
        [
            {"networks": ("127.0.0.1/32",), "excluded": ("::/0",)},
            {"networks": ("::1/128",), "excluded": ("0.0.0.0/0",)},
            {"networks": (), "excluded": ("0.0.0.0/0", "::/0")},
            {"names": (), "excluded": ("",)},
        ],
        ids=str,
    )
    def test_a_kind_of_name_may_be_excluded_as_a_whole(self, changes: dict[str, Any]) -> None:
        assert accept((fact(**changes),), "gpu1", NOW)

    @pytest.mark.parametrize(
        "wide",
        [
            *("", ".", ".example.org", "*.example.org", "GPU1", "gpu1.", "a b", "a\nb", "\u8ba1\u7b97", "-gpu1", "gpu1\x1b[31m", "gpu1/24"),
            *("com", "cn", "ai", "cloud", "com.cn", "co.uk", "edu.cn"),
        ],
    )
    def test_a_name_that_is_not_one_hosts_is_too_broad(self, wide: str) -> None:
        code, sentence = refused(fact(names=("gpu1", wide)))
        assert code == "authority-too-broad"
        assert sentence.isprintable()

    @pytest.mark.parametrize("narrow", ["gpu", "g1", "gpu_1", "gpu.example.com", "gpu.ac.cn", "pc.lab", "com.lab", "comp", "xn--fiq228c"])
    def test_a_name_that_may_be_a_hosts_is_not(self, narrow: str) -> None:
        assert accept((fact(names=(narrow,)),), "gpu1", NOW).names == (narrow,)

    @pytest.mark.parametrize("short", ["vm", "ml", "ai", "dev", "app", "com", "com.cn"])
    def test_a_host_may_have_a_registrys_name_where_all_below_is_excluded(self, short: str) -> None:
        assert accept((fact(names=(short, "localhost"), excluded=(f".{short}",)),), short, NOW).names == (short, "localhost")
        assert refused(fact(names=(short,), excluded=(short, "", f"x.{short}")))[0] == "authority-too-broad"

    @pytest.mark.parametrize("network", ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/64", "192.168.0.106/31", "::2/127"])
    def test_a_network_is_too_broad(self, network: str) -> None:
        assert refused(fact(networks=("127.0.0.1/32", "::1/128", network))) == (
            "authority-too-broad",
            f"The authority of gpu1 could vouch for more than its host: {network}.",
        )

    def test_it_is_a_text_of_some_kilobytes(self) -> None:
        assert bounded("a" * 65536, "gpu1") == b"a" * 65536
        for nothing in (None, 1, ["a"], b"a"):
            assert bounded(nothing, "gpu1") == b""
        assert bounded("\ud800", "gpu1") == b"?"
        with pytest.raises(Refused) as caught:
            bounded("\u8ba1" * 21846, "gpu1")
        assert str(caught.value.problems[0].message) == "What gpu1 sent as its authority is larger than 65536 bytes."


class TestDigests:
    def test_the_fingerprint_is_in_the_form_that_browsers_show(self) -> None:
        assert fingerprint("00ff1a") == "00:FF:1A"

    def test_a_fingerprint_is_read_with_colons_and_without(self) -> None:
        digest = sha256("one")
        for text in (digest, digest.upper(), fingerprint(digest), fingerprint(digest).lower()):
            assert digest_of(text) == digest

    @pytest.mark.parametrize(
        "text", ["", "ab" * 20, "ab" * 33, "zz" * 32, ":".join(["ab"] * 31), f"{'ab' * 32}\n", ":" + "ab" * 32, "SHA256:" + "ab" * 32]
    )
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(WrongUsage) as caught:
            digest_of(text)
        assert [problem.code for problem in caught.value.problems] == ["fingerprint"]

    def test_each_certificate_of_a_text_counts_and_nothing_else(self) -> None:
        damaged = "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n"
        assert digests_of(f"# comment\n{pem('one')}{damaged}more\n{pem('two')}") == (sha256("one"), sha256("two"))
        assert digests_of("") == ()

    def test_lines_of_any_width_and_ending_are_read(self) -> None:
        assert digests_of(pem("one" * 40).replace("\n", "\r\n")) == (sha256("one" * 40),)
        assert digests_of(pem("one").replace("\n", "")) == (sha256("one"),)


class TestLabel:
    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("gpu1", "gpu1-12345678"),
            ("GPU1.Example.org", "gpu1.example.org-12345678"),
            ("fe80::1%eth0", "fe80-1-eth0-12345678"),
            ("::1", "1-12345678"),
            ("::", "host-12345678"),
            ("_gpu", "_gpu-12345678"),
            ("a" * 39 + "-b", "a" * 39 + "-12345678"),
        ],
    )
    def test_it_tells_the_host(self, host: str, expected: str) -> None:
        assert label(host, "1234567890" * 6) == expected

    @given(st.text(), st.text(string.hexdigits.lower()[:16], min_size=64, max_size=64))
    def test_it_is_fit_for_any_store(self, host: str, digest: str) -> None:
        made = label(host, digest)
        assert set(made) <= set(string.ascii_lowercase + string.digits + "-_.")
        assert made[0] not in "-."
        assert len(made) <= authority._MAX_SLUG + 9
