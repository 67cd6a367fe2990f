"""Device cookies: what was issued is known again, and nothing else is."""

from __future__ import annotations

import hashlib
import hmac
import string
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.server.devices import LIFETIME_S, Devices

KEY, NOW = b"k" * 32, 1_700_000_000.0
DAY = 86400
COOKIE = Devices(KEY).issue(NOW)
DEVICE, ISSUED, MAC = COOKIE.split(".")


def test_a_cookie_is_known_again_by_its_id() -> None:
    assert Devices(KEY).read(COOKIE, NOW + 1) == DEVICE


def test_every_browser_has_an_id_of_its_own() -> None:
    devices = Devices(KEY)
    assert len({devices.read(devices.issue(NOW), NOW) for _ in range(1000)}) == 1000


def test_a_cookie_needs_no_quoting_and_tells_no_secret() -> None:
    assert set(COOKIE) <= set(string.hexdigits + ".")
    assert KEY.hex() not in COOKIE


@pytest.mark.parametrize(
    ("age", "known"),
    [
        (0, True),
        (DAY, True),
        (399 * DAY, True),
        (LIFETIME_S - 1, True),
        (LIFETIME_S, False),
        (LIFETIME_S + DAY, False),
        (-DAY, True),
        (-DAY - 1, False),
    ],
)
def test_a_cookie_is_good_for_400_days(age: float, known: bool) -> None:
    assert (Devices(KEY).read(COOKIE, NOW + age) == DEVICE) is known


def test_another_key_knows_nobody() -> None:
    assert Devices(b"l" * 32).read(COOKIE, NOW) is None


def test_a_mac_of_the_same_key_for_another_purpose_is_none() -> None:
    said = f"{DEVICE}.{ISSUED}"
    assert Devices(KEY).read(f"{said}.{hmac.new(KEY, said.encode(), hashlib.sha256).hexdigest()}", NOW) is None


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "",
        ".",
        "..",
        DEVICE,
        f"{DEVICE}.{ISSUED}",
        f"{DEVICE}.{ISSUED}.",
        f"{DEVICE}.{ISSUED}.{'0' * 64}",
        f"{'0' * 24}.{ISSUED}.{MAC}",
        f"{DEVICE}.{int(ISSUED) + 1}.{MAC}",
        f"{DEVICE}.0{ISSUED}.{MAC}",
        f"{DEVICE}.+{ISSUED[1:]}.{MAC}",
        f"{DEVICE}.-1.{MAC}",
        f"{DEVICE}.1e9.{MAC}",
        f"{DEVICE}.{'9' * 5000}.{MAC}",
        f"{DEVICE}.{ISSUED}.{MAC.upper()}",
        f"{DEVICE.upper()}.{ISSUED}.{MAC}",
        f"{DEVICE}.{ISSUED}.{MAC}\n",
        f" {COOKIE}",
        f"{COOKIE} ",
        f'"{COOKIE}"',
        f"{COOKIE}.{MAC}",
        f"{COOKIE}\x00",
        COOKIE.replace(".", "|"),
        f"{DEVICE}.{ISSUED.translate(str.maketrans('0123456789', '０１２３４５６７８９'))}.{MAC}",
        f"{DEVICE}.{ISSUED}.{'é' * 64}",
        "\udcff" * 100,
        "设备",
        "x" * 10_000_000,
        COOKIE * 100_000,
    ],
    # The cookie is another one in each process, and its name would be too.
    ids=lambda _: "cookie",
)
def test_what_was_not_issued_is_nobody(cookie: str | None) -> None:
    assert Devices(KEY).read(cookie, NOW) is None


@pytest.mark.parametrize("length", range(len(COOKIE)))
def test_a_truncated_cookie_is_nobody(length: int) -> None:
    assert Devices(KEY).read(COOKIE[:length], NOW) is None


@given(st.integers(0, len(COOKIE) - 1), st.characters(max_codepoint=sys.maxunicode))
def test_a_cookie_with_one_character_changed_is_nobody(at: int, character: str) -> None:
    changed = COOKIE[:at] + character + COOKIE[at + 1 :]
    assert changed == COOKIE or Devices(KEY).read(changed, NOW) is None


@given(st.text())
def test_no_text_at_all_raises(text: str) -> None:
    assert Devices(KEY).read(text, NOW) is None
