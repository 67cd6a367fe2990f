"""Browsers that signed in before: a signed cookie that opens nothing, and lets its browser past the counts that an attack fills up.

OWASP, "Slow Down Online Guessing Attacks with Device Cookies". The cookie outlives the session, the password and the token: it says that
somebody who knew a credential used this browser, and that is all it says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

# Chrome's upper bound for any cookie (RFC 6265bis, 5.5, "Max-Age"): 400 days.
LIFETIME_S = 400 * 86400
# The host's clock may have been set back since; a cookie of next year was made while it was quite wrong.
CLOCK_SKEW_S = 86400
_ID_BYTES = 12
# The id, the time of issue, the MAC: 24 and 64 hexadecimal digits around a number that will do for the next 300 years.
_COOKIE = re.compile(r"([0-9a-f]{24})\.([1-9][0-9]{0,9})\.([0-9a-f]{64})", re.ASCII)
_LONGEST = 24 + 1 + 10 + 1 + 64
# Whatever else is signed with the same key is no device cookie.
_PURPOSE = b"jupyter-remote-kit device cookie 1:"


class Devices:
    """Makes and reads device cookies. Keeps nothing: what there is to know is in the cookie."""

    def __init__(self, key: bytes) -> None:
        """`key` is secret and does not depend on password or token, or every rotation would make the owner's browser a stranger."""
        self._key = key

    def issue(self, now: float, device: str = "") -> str:
        """A cookie for `device`, or for a browser that was not here before; `now` in seconds since the epoch. Letters, digits and dots."""
        said = f"{device or secrets.token_hex(_ID_BYTES)}.{int(now)}"
        return f"{said}.{self._mac(said)}"

    def read(self, cookie: str | None, now: float) -> str | None:
        """The id in `cookie`, 24 hexadecimal digits; `None` for what this key did not sign, or `LIFETIME_S` ago."""
        # A cookie header may be 64 KiB long, and this is asked for each request of a flood.
        if not cookie or len(cookie) > _LONGEST:
            return None
        parts = _COOKIE.fullmatch(cookie)
        if parts is None:
            return None
        device, issued, mac = parts.groups()
        if not hmac.compare_digest(mac, self._mac(f"{device}.{issued}")):
            return None
        age = now - int(issued)
        return device if -CLOCK_SKEW_S <= age < LIFETIME_S else None

    def _mac(self, said: str) -> str:
        return hmac.new(self._key, _PURPOSE + said.encode("ascii"), hashlib.sha256).hexdigest()
