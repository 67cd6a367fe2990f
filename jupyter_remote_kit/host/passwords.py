"""Passwords, their hashes, and tokens."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from jupyter_remote_kit.secret import Secret

# As much memory (KiB) and work as jupyter_server's own hashes (`auth/security.py`, passwd), whose check reads them from the hash. In one
# lane: jupyter_server's eight are 320 short threads a check, each with a new claim to the processor whatever its nice value. Beside one
# sign-in a second, during a flood, a kernel's echo takes 3 to 4 times as long as at rest (p95), and 1.2 to 1.6 times with one lane.
MEMORY_KIB = 10240
PASSES = 10
LANES = 1

# No i, l, o, 0, 1: they are mistaken for one another when a password is read from a screen and typed on another machine.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS = 3
_GROUP_LENGTH = 6


def hash_password(password: Secret) -> Secret:
    """The password as `argon2:$argon2id$v=19$m=10240,t=10,p=1$…`, in the form that jupyter_server verifies. Takes some 50 ms."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
    return Secret("argon2:" + hasher.hash(password.reveal()))


def generate_password() -> Secret:
    """A password to read out and to type, such as `k7wq4m-p3xz9d-h2vn8t`: 18 letters of 31, 89 bits."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return Secret("-".join(groups))


def generate_token() -> Secret:
    """A token for programs: 64 hexadecimal digits, 256 bits."""
    return Secret(secrets.token_hex(32))


def verify_password(hashed: Secret, password: Secret) -> bool:
    """Whether `password` is the one that `hashed` was made from. False for a hash of another kind, or a damaged one."""
    try:
        return PasswordHasher().verify(hashed.reveal().removeprefix("argon2:"), password.reveal())
    # A form field may hold what no encoding can say.
    except (VerificationError, InvalidHashError, UnicodeError):
        return False
