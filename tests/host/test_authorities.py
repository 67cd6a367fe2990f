"""What a host sends as its authority, read and judged: real certificates, each wrong in one way."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timezone

import pytest

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.host import authorities, certificates
from jupyter_remote_kit.plan.authority import accept, bounded, fingerprint
from tests.host.certificate_maker import HOSTILE, made

NOW = datetime.now(timezone.utc)
NAMES, ADDRESSES = ("gpu1", "gpu1.local", "localhost"), ("192.168.0.107", "fd00::2", "127.0.0.1", "::1")


def own(names: tuple[str, ...] = NAMES, addresses: tuple[str, ...] = ADDRESSES) -> bytes:
    """The certificate of an authority that the kit has made."""
    return certificates.certificate_of(certificates.make_authority(names, addresses, NOW))


@pytest.mark.parametrize(("names", "addresses"), [(NAMES, ADDRESSES), (NAMES, ()), ((), ADDRESSES), (NAMES, ADDRESSES[:1])], ids=str)
def test_what_the_kit_makes_is_accepted(names: tuple[str, ...], addresses: tuple[str, ...]) -> None:
    pem = own(names, addresses)
    found = accept(authorities.read(pem), "gpu1", NOW)
    assert (found.names, found.addresses, found.pem.encode()) == (names, addresses, pem)


def test_text_around_the_certificate_comes_into_no_store() -> None:
    pem = own().decode()
    (found,) = authorities.read(f"\x1b[2Jlook here\n{pem}and here\n".encode())
    assert found.pem == pem


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_the_kits_own_is_refused_with_one_sentence(name: str) -> None:
    sent, code = HOSTILE[name]
    with pytest.raises(Refused) as caught:
        accept(authorities.read(bounded(sent, "gpu1")), "gpu1", NOW)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.hint is not None
    assert str(problem.message).isprintable()


def test_the_recipe_itself_is_a_good_one() -> None:
    assert accept(authorities.read(made().encode()), "gpu1", NOW)


def test_every_truncation_is_none() -> None:
    pem = own()
    for length in range(0, len(pem) - 2, 7):
        assert authorities.read(pem[:length]) == ()


def test_the_fingerprint_is_openssls() -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    pem = own()
    (found,) = authorities.read(pem)
    for option, shown in (("-sha256", found.digest), ("-sha1", found.thumbprint)):
        command = ["openssl", "x509", "-noout", "-fingerprint", option]
        answer = subprocess.run(command, input=pem, capture_output=True, check=True).stdout.decode()
        assert answer.strip().partition("=")[2] == fingerprint(shown)
