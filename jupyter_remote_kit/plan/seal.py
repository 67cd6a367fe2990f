"""The last line of a file that the kit writes where no manifest of its reader's is: whether it was edited since."""

from __future__ import annotations

import hashlib

_MARK = "# sha256:"


def sealed(text: str) -> str:
    """`text`, a comment in `#` at its end with the digest of all before."""
    return f"{text}{_MARK}{_digest(text)}\n"


def is_whole(content: bytes | None) -> bool:
    """Whether `content` is, to the last byte, what `sealed` once gave."""
    before, mark, _ = (content or b"").decode(errors="replace").rpartition(_MARK)
    return bool(mark) and sealed(before).encode() == content


def unsealed(text: str) -> str:
    """`text` without the lines of a seal, wherever they stand by now."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(_MARK))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
