"""Which names of an authority a person is warned of, and when one is refused for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.plan.authority import Authority
from jupyter_remote_kit.plan.strangers import check, findings, judged, known_as
from tests.plan.trusting import authority

KNOWN = known_as(("box", "gpu1.lab.example.org", "203.0.113.7"))


def of(*names: str) -> Authority:
    """An authority of these names."""
    return judged(replace(authority(), names=names, addresses=()), KNOWN)


def at(*addresses: str) -> Authority:
    """An authority of these addresses."""
    return judged(replace(authority(), names=(), addresses=addresses), KNOWN)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            *("gpu1.lab.example.org", "jupyter.gpu1.lab.example.org", "box", "another", "localhost"),
            *("gpu1.local", "other.lan", "a.b.internal", "gpu1.home.arpa", "home.arpa", "gpu1.localhost"),
        ],
    )
    def test_what_may_be_its_own(self, name: str) -> None:
        assert of(name).strange == ()

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "accounts.google.com",
                "gpu2.lab.example.org",
                "gpu1.lab.example.com",
                "evilgpu1.lab.example.org",
                "gpu1.lab.example.org.evil.com",
            ),
            # Below these are its neighbours.
            *("lab.example.org", "example.org"),
            # What ssh is told may be an alias, and the same as a whole domain.
            *("bank.box", "box.example.org", "local.example.org", "notlocal.locals"),
        ],
    )
    def test_what_is_not(self, name: str) -> None:
        assert of("gpu1.local", name).strange == (name,)

    def test_nothing_is_below_an_address(self) -> None:
        assert judged(replace(authority(), names=("a.example",)), known_as(("10.0.0.1",))).strange == ("a.example",)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            *("203.0.113.7", "127.0.0.1", "127.8.8.8", "::1", "10.1.2.3", "172.31.0.1", "192.168.0.107", "169.254.1.1", "100.64.0.1"),
            *("fd00::2", "fe80::1", "::ffff:cb00:7107"),
        ],
    )
    def test_what_may_be_its_own(self, address: str) -> None:
        assert at(address).strange == ()

    @pytest.mark.parametrize("address", ["8.8.8.8", "203.0.113.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:808:808"])
    def test_what_is_not(self, address: str) -> None:
        assert at("127.0.0.1", address).strange == (address,)


def test_what_a_laptop_knows_is_compared_in_the_form_of_certificates() -> None:
    words = ("GPU1.Example.org.", "gpu1.example.org", "2001:DB8::0:1", "fe80::1%eth0", "::ffff:203.0.113.7", "host_1.", "10.1", "a..b")
    assert known_as(words) == ("gpu1.example.org", "2001:db8::1", "fe80::1", "203.0.113.7", "host_1")


class TestFindings:
    def test_none_where_nothing_is_strange(self) -> None:
        assert findings(of("gpu1.local"), "box") == ()

    def test_they_are_named(self) -> None:
        (problem,) = findings(judged(replace(authority(), names=("a.example",), addresses=("8.8.8.8",)), KNOWN), "box")
        assert problem.code == "authority-strange"
        assert str(problem.message) == "The authority of box could vouch for what does not seem to be box: a.example, 8.8.8.8."

    def test_but_not_all_of_a_thousand(self) -> None:
        (problem,) = findings(of(*(f"a{number}.example" for number in range(1000))), "box")
        assert str(problem.message).endswith(": a0.example, a1.example, a2.example, a3.example, a4.example, ….")
        (problem,) = findings(of(*(f"a{number}.example" for number in range(5))), "box")
        assert "…" not in str(problem.message)


class TestCheck:
    OWN, STRANGE = of("gpu1.local"), of("accounts.google.com")

    @pytest.mark.parametrize(
        ("found", "digest", "asks"),
        [
            (OWN, None, True),
            (OWN, None, False),
            (OWN, OWN.digest, False),
            (STRANGE, None, True),
            (STRANGE, STRANGE.digest, True),
            (STRANGE, STRANGE.digest, False),
        ],
    )
    def test_what_may_go_on(self, found: Authority, digest: str | None, asks: bool) -> None:
        check(found, "box", digest, asks=asks)

    def test_nobody_is_asked_about_what_is_strange(self) -> None:
        with pytest.raises(Refused) as caught:
            check(self.STRANGE, "box", None, asks=False)
        assert caught.value.problems == findings(self.STRANGE, "box")

    @pytest.mark.parametrize("found", [OWN, STRANGE])
    @pytest.mark.parametrize("asks", [True, False])
    def test_another_fingerprint_is_refused_always(self, found: Authority, asks: bool) -> None:
        with pytest.raises(Refused) as caught:
            check(found, "box", "0" * 64, asks=asks)
        (problem,) = caught.value.problems
        assert problem.code == "authority-other"
        assert problem.hint is not None
