"""What a user agent says of a client, in the few words that a person wants: the browser and the system."""

from __future__ import annotations

import re

# In this order: most browsers name those that they are built like as well.
_PROGRAMS = (
    ("VS Code", re.compile(r"\b(?:Code|VSCodium)(?: - Insiders)?/(\d+(?:\.\d+)?)")),
    ("Edge", re.compile(r"\b(?:Edg|EdgA|EdgiOS|Edge)/(\d+)")),
    ("Opera", re.compile(r"\bOPR/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"\b(?:Chrome|CriOS|HeadlessChrome|Chromium)/(\d+)")),
    ("Safari", re.compile(r"\bVersion/(\d+)[\d.]*(?: Mobile/\w+)? Safari/")),
)
_SYSTEMS = (
    ("Android", re.compile(r"\bAndroid\b")),
    ("iOS", re.compile(r"\b(?:iPhone|iPad|iPod)\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\b(?:Macintosh|Mac OS X)\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Linux", re.compile(r"\b(?:Linux|X11)\b")),
)


def described(user_agent: str) -> str:
    """Such as `Firefox 128 (Linux)`, where that can be told; else the text itself, which may hold anything.

    What a client says of itself is not proof of anything.
    """
    if not user_agent.startswith("Mozilla/5.0 ("):
        return user_agent
    program = next((f"{name} {found[1]}" for name, pattern in _PROGRAMS if (found := pattern.search(user_agent))), None)
    system = next((name for name, pattern in _SYSTEMS if pattern.search(user_agent)), None)
    if program is None:
        return user_agent
    return f"{program} ({system})" if system else program
