"""Hashes that jupyter_server accepts, and secrets that cannot be guessed but can be typed."""

from __future__ import annotations

import math
import re

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from jupyter_server.auth.security import passwd, passwd_check

from jupyter_remote_kit.host import passwords
from jupyter_remote_kit.secret import Secret


@pytest.mark.parametrize("text", ["correct horse", "密码很长的", " spaces ", "a" * 1000, "emoji 🔑 and \\ $"])
def test_jupyter_server_verifies_the_hash(text: str) -> None:
    hashed = passwords.hash_password(Secret(text)).reveal()
    assert passwd_check(hashed, text)
    assert not passwd_check(hashed, text + "x")


def test_the_parameters_are_at_least_jupyter_servers() -> None:
    ours = extract_parameters(passwords.hash_password(Secret("x" * 8)).reveal().removeprefix("argon2:"))
    theirs = extract_parameters(passwd("x" * 8).removeprefix("argon2:"))
    assert ours.type is Type.ID
    assert (ours.memory_cost, ours.time_cost, ours.hash_len) >= (theirs.memory_cost, theirs.time_cost, theirs.hash_len)
    assert (ours.memory_cost, ours.time_cost) == (10240, 10)


def test_two_hashes_of_one_password_differ() -> None:
    assert passwords.hash_password(Secret("same one")) != passwords.hash_password(Secret("same one"))


def test_a_generated_password_is_easy_to_type_and_hard_to_guess() -> None:
    drawn = [passwords.generate_password() for _ in range(500)]
    texts = [secret.reveal() for secret in drawn]
    assert all(re.fullmatch(r"[a-hj-km-np-z2-9]{6}(-[a-hj-km-np-z2-9]{6}){2}", text) for text in texts)
    assert len(set(texts)) == 500
    # Every letter is in use: the bits are there in fact, not by the length alone.
    letters = set("".join(texts)) - {"-"}
    assert 18 * math.log2(len(letters)) >= 80
    assert "********" in repr(drawn[0])


def test_a_token_has_256_bits() -> None:
    token = passwords.generate_token().reveal()
    assert re.fullmatch(r"[0-9a-f]{64}", token)
    assert token != passwords.generate_token().reveal()
