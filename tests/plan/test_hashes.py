"""Which kind a password hash is; argon2's own library is the judge of what parses."""

from __future__ import annotations

import argon2
import pytest
from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.low_level import Type, hash_secret, verify_secret
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_remote_kit.plan.hashes import hash_kind
from jupyter_remote_kit.plan.policy import HashKind
from tests.plan.build import HASH

SALT = "MDEyMzQ1Njc4OWFiY2RlZg"
DIGEST = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
ENCODED = HASH.partition(":")[2]


def encoded(parameters: str = "m=10240,t=10,p=8", salt: str = SALT, digest: str = DIGEST, version: str = "v=19$") -> str:
    return f"argon2:$argon2id${version}{parameters}${salt}${digest}"


def can_ever_fit(text: str) -> bool:
    """Whether argon2 can read the hash at all, so that some password might fit."""
    try:
        return verify_secret(text.encode(), b"wrong", Type.ID)
    except VerifyMismatchError:
        return True
    except (VerificationError, UnicodeEncodeError):
        return False


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", HashKind.NONE),
        (HASH, HashKind.ARGON2ID),
        (encoded("m=65536,t=3,p=4"), HashKind.ARGON2ID),
        (encoded("m=102400,t=1,p=1"), HashKind.ARGON2ID),
        (encoded("m=10240,t=9,p=8"), HashKind.WEAK_ARGON2ID),
        (encoded("m=10239,t=10,p=8"), HashKind.WEAK_ARGON2ID),
        (encoded("m=8,t=1,p=1"), HashKind.WEAK_ARGON2ID),
        ("sha1:a1b2c3d4e5f6:0123456789012345678901234567890123456789", HashKind.OTHER),
        ("sha256:a1b2c3:00", HashKind.OTHER),
        ("argon2:$argon2i$v=19$m=10240,t=10,p=8$" + SALT + "$" + DIGEST, HashKind.OTHER),
        ("argon2:$argon2d$v=19$m=10240,t=10,p=8$" + SALT + "$" + DIGEST, HashKind.OTHER),
        ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", HashKind.OTHER),
        (ENCODED, HashKind.OTHER),
        (f"bcrypt:{ENCODED}", HashKind.OTHER),
        (f" {HASH}", HashKind.OTHER),
        ("argon2:", HashKind.OTHER),
        ("x", HashKind.OTHER),
        ("argon2:$argon2id$", HashKind.BROKEN),
        (f"{HASH}\n", HashKind.BROKEN),
        (f"{HASH}$", HashKind.BROKEN),
        (encoded(version=""), HashKind.BROKEN),
        (encoded(version="v=16$"), HashKind.BROKEN),
        (encoded("m=10240,t=10"), HashKind.BROKEN),
        (encoded("t=10,m=10240,p=8"), HashKind.BROKEN),
        (encoded("m=10240,t=10,p=0"), HashKind.BROKEN),
        (encoded("m=10240,t=0,p=8"), HashKind.BROKEN),
        (encoded("m=63,t=10,p=8"), HashKind.BROKEN),
        (encoded("m=١٠٢٤٠,t=10,p=8"), HashKind.BROKEN),
        # What argon2's decoder refuses: a number with a leading zero, and bits left over at the end of the Base64.
        (encoded("m=010240,t=10,p=8"), HashKind.BROKEN),
        (encoded(digest=DIGEST[:-1]), HashKind.BROKEN),
        (encoded(digest=DIGEST[:-1] + "9"), HashKind.BROKEN),
        (encoded(salt=SALT[:-1] + "h"), HashKind.BROKEN),
        (encoded(salt=""), HashKind.BROKEN),
        (encoded(salt="c2FsdA"), HashKind.BROKEN),
        (encoded(salt=SALT[:-1]), HashKind.BROKEN),
        (encoded(digest=""), HashKind.BROKEN),
        (encoded(digest="AAEC"), HashKind.BROKEN),
        (encoded(digest=DIGEST + "="), HashKind.BROKEN),
        (encoded(digest=DIGEST.replace("A", "-", 1)), HashKind.BROKEN),
    ],
)
def test_the_kind_of_a_hash(text: str, kind: HashKind) -> None:
    assert hash_kind(text) is kind


@pytest.mark.parametrize("cut", range(1, len(ENCODED)))
def test_a_hash_that_lost_its_end_is_damaged_where_argon2_cannot_read_it(cut: int) -> None:
    weak = hash_secret(b"correct horse", b"0123456789abcdef", time_cost=1, memory_cost=8, parallelism=1, hash_len=32, type=Type.ID)
    text = weak.decode()[:-cut]
    if hash_kind(f"argon2:{text}") is HashKind.WEAK_ARGON2ID:
        assert can_ever_fit(text)


@pytest.mark.parametrize("position", range(len("argon2:"), len(HASH)))
def test_a_hash_with_one_wrong_character_is_never_taken_for_another_kind_of_sound(position: int) -> None:
    damaged = f"{HASH[:position]}!{HASH[position + 1 :]}"
    assert hash_kind(damaged) in {HashKind.BROKEN, HashKind.OTHER}


@given(st.text())
def test_any_text_has_a_kind(text: str) -> None:
    assert isinstance(hash_kind(text), HashKind)
    assert isinstance(hash_kind(f"argon2:$argon2id${text}"), HashKind)


@given(
    st.from_regex(r"\A\$argon2id\$v=19\$m=[0-9]{1,3},t=[0-3],p=[0-3]\$[A-Za-z0-9+/]{8,24}\$[A-Za-z0-9+/]{8,44}\Z"),
)
@settings(max_examples=300, deadline=None)
def test_what_counts_as_argon2id_can_be_read_by_argon2(text: str) -> None:
    if hash_kind(f"argon2:{text}") in {HashKind.ARGON2ID, HashKind.WEAK_ARGON2ID}:
        assert can_ever_fit(text)


@given(
    memory=st.integers(8, 64),
    passes=st.integers(1, 3),
    lanes=st.integers(1, 4),
    length=st.integers(16, 64),
    salt=st.binary(min_size=8, max_size=32),
)
@settings(max_examples=60, deadline=None)
def test_real_hashes_are_read_as_argon2_reads_them(memory: int, passes: int, lanes: int, length: int, salt: bytes) -> None:
    cost = max(memory, 8 * lanes)
    text = hash_secret(b"x", salt, time_cost=passes, memory_cost=cost, parallelism=lanes, hash_len=length, type=Type.ID).decode()
    parameters = argon2.extract_parameters(text)
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (Type.ID, cost, passes, lanes)
    assert hash_kind(f"argon2:{text}") is HashKind.WEAK_ARGON2ID


@pytest.mark.parametrize(("memory", "passes"), [(10240, 10), (65536, 2), (51200, 2), (20480, 5)])
def test_real_hashes_of_enough_work_are_sound(memory: int, passes: int) -> None:
    text = argon2.PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=1).hash("x")
    parameters = argon2.extract_parameters(text)
    assert parameters.memory_cost * parameters.time_cost >= 102400
    assert hash_kind(f"argon2:{text}") is HashKind.ARGON2ID


@pytest.mark.parametrize("kind", [Type.I, Type.D])
def test_the_other_kinds_of_argon2_are_told_apart(kind: Type) -> None:
    text = hash_secret(b"x", b"0123456789abcdef", time_cost=1, memory_cost=8, parallelism=1, hash_len=32, type=kind).decode()
    assert argon2.extract_parameters(text).type is kind
    assert hash_kind(f"argon2:{text}") is HashKind.OTHER
