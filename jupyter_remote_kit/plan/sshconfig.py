"""The names in a configuration of ssh's that a person could mean: what stands behind `Host`, without patterns.

Sources: ssh_config(5); OpenSSH 9.2 `readconf.c` (`process_config_line_depth`) and `misc.c` (`argv_split`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jupyter_remote_kit.plan.target import is_alias

# `Host a b`, `Host=a`, `host = "a"`; a keyword may be quoted as well.
_LINE = re.compile(r'\s*"?(host|include)"?(?:\s*=\s*|\s+)(.*)', re.IGNORECASE | re.DOTALL)
# A word goes on through quotes; outside of them a backslash takes a quote, a blank or itself literally.
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\\["'\\ ]|[^\s"'])+""")
_PIECE = re.compile(r"""["']|\\(["'\\ ])""")


@dataclass(frozen=True)
class SshConfig:
    """What one file says: names of hosts, and the files that it includes as they are written there (`~`, relative, with wildcards)."""

    names: tuple[str, ...]
    includes: tuple[str, ...]


def parse(text: str) -> SshConfig:
    """Read a file as ssh does, but for what it says of those hosts. What makes no sense is left out."""
    names: list[str] = []
    includes: list[str] = []
    for line in text.split("\n"):
        match = _LINE.match(line)
        if match is None:
            continue
        words = _words(match[2])
        if match[1].lower() == "include":
            includes += words
        else:
            names += filter(is_alias, words)
    return SshConfig(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(includes)))


def _words(text: str) -> list[str]:
    words = []
    for word in _WORD.findall(text):
        if word.startswith("#"):
            break
        words.append(_PIECE.sub(lambda piece: piece[1] or "", word))
    return words
