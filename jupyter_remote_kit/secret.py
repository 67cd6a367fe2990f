"""A text that never shows itself by accident: in a log line, a traceback, or a plan printed by `--dry-run`."""

from __future__ import annotations

MASK = "********"


class Secret:
    """A password, hash, token or private key. `reveal()` is the one way to the text; everything else prints a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Every call of this is a place to review."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # brings OpenSSL, which no command that merely carries a secret needs

        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str | tuple[object, ...]:
        message = "a Secret is never pickled"
        raise TypeError(message)


def _bytes(text: str) -> bytes:
    # What came from argv or a header may hold bytes that were no text.
    return text.encode("utf-8", "surrogatepass")
