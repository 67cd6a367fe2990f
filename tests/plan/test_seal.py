"""A file says by its last line whether it is as we left it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan.seal import is_whole, sealed, unsealed

TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
UNIT = "[Unit]\nDescription=计算\n"
SEAL = "# sha256:df94bc88e3becc05cacc7f6632ba911e3dc553725b31b4bcdc5e26e98d1bcc73\n"


def test_the_last_line_is_a_comment_with_the_digest_of_all_before() -> None:
    # printf '[Unit]\nDescription=计算\n' | sha256sum
    assert sealed(UNIT) == UNIT + SEAL


@given(TEXTS)
def test_what_is_sealed_is_whole_and_comes_back(text: str) -> None:
    assert is_whole(sealed(text).encode())
    assert is_whole(sealed(sealed(text)).encode())


@given(TEXTS.filter(lambda text: not text or text.endswith("\n")))
def test_without_its_seal_the_text_is_as_it_was(text: str) -> None:
    assert unsealed(sealed(text)) == text


@given(TEXTS, st.data())
def test_any_change_of_a_byte_is_seen(text: str, data: st.DataObject) -> None:
    content = sealed(text).encode()
    at = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[at]))
    assert not is_whole(content[:at] + bytes([other]) + content[at + 1 :])
    assert not is_whole(content[:at] + content[at + 1 :])
    assert not is_whole(content[:at] + b"x" + content[at:])


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\n",
        UNIT.encode(),
        SEAL.encode(),
        (UNIT + SEAL.strip()).encode(),
        (UNIT + SEAL + "Nice=5\n").encode(),
        (UNIT + SEAL + "\n").encode(),
        (UNIT + "Nice=5\n" + SEAL).encode(),
        (UNIT + "# sha256:\n").encode(),
        (UNIT + SEAL).replace("\n", "\r\n").encode(),
        b"\xff" + (UNIT + SEAL).encode(),
        b"# sha256:\xff\n",
    ],
)
def test_what_was_edited_or_is_somebody_elses_is_not_whole(content: bytes | None) -> None:
    assert not is_whole(content)


def test_a_seal_that_something_was_added_behind_goes_as_well() -> None:
    assert unsealed(f"{UNIT}{SEAL}Nice=5\n") == f"{UNIT}Nice=5\n"
