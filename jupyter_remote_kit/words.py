"""The catalogues: which language a user reads, and the sentences in it."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jupyter_remote_kit.messages import Translate, untranslated

DOMAIN = "jupyter_remote_kit"
# What a laptop tells the kit on a host: the language of whoever reads the answer.
LANGUAGE_VARIABLE = "REMOTEKIT_LANGUAGE"
LOCALE_DIR = Path(__file__).parent / "locale"
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
# BCP 47 (RFC 5646, 2.1): language, script, region; then variants, extensions and what is for private use, which JupyterLab does not know.
_LOCALE = re.compile(r"(?P<language>[a-z]{2,3})(?:_(?P<script>[a-z]{4}))?(?:_(?P<region>[a-z]{2}|[0-9]{3}))?(?:_[a-z0-9]{1,8})*\Z")
_TRADITIONAL = frozenset({"tw", "hk", "mo"})


def locale_of(text: str) -> str | None:
    """A locale as JupyterLab names it, such as `zh_CN`; `en` for C and POSIX, `None` for what is none.

    Those of POSIX (XBD 8.2: `zh_CN.UTF-8`, `en_US@euro`) and of BCP 47 (`zh-Hans-CN`) are understood, in any case of letters.
    """
    candidate = text.split(".")[0].split("@")[0].replace("-", "_")
    if candidate in {"C", "POSIX"}:
        return "en"
    match = _LOCALE.match(candidate.lower())
    if match is None:
        return None
    language, script, region = match["language"], match["script"], match["region"] and match["region"].upper()
    # Chinese is written in two ways, for each of which there is a language pack; macOS sets LANG=zh_Hans_CN.UTF-8.
    if language == "zh" and (script == "hans" or (script is None and region in {None, "SG"})):
        return "zh_CN"
    if language == "zh" and region is None:
        return "zh_TW"
    return f"{language}_{region}" if region else language


@lru_cache(maxsize=8)
def catalogue(locale: str) -> Translate:
    """The translation into `locale`, such as `zh_CN` or `en`; English where there is no catalogue for it."""
    translation = gettext.translation(DOMAIN, LOCALE_DIR, languages=[locale], fallback=True)
    # gettext("") answers with the catalogue's header.
    return lambda msgid: translation.gettext(msgid) if msgid else untranslated(msgid)


def terminal_locale(environ: Mapping[str, str] = os.environ) -> str:
    """The locale of the terminal's messages, in the order of gettext(3), such as `zh_CN`; `en` for C and POSIX.

    Over ssh the laptop's comes before the host's own.
    """
    for variable in (LANGUAGE_VARIABLE, "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(variable):
            return locale_of(value.split(":")[0]) or "en"
    return "en"


def negotiated_locale(accept_language: str) -> str:
    """The language of ours that an `Accept-Language` header (RFC 9110, 12.5.4) likes best: `zh_CN` or `en`, and `en` for none of them."""
    ranges = [_language_range(text) for text in accept_language.split(",")]
    # The sort is stable: what weighs the same keeps the header's order.
    for tag, _ in sorted((wanted for wanted in ranges if wanted[1] > 0), key=lambda wanted: -wanted[1]):
        if locale := _supported(tag):
            return locale
    return "en"


def _language_range(text: str) -> tuple[str, float]:
    """A range such as `zh-CN;q=0.9`, in small letters, with its weight; 0 where that is none."""
    tag, _, parameter = text.partition(";")
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return tag.strip().lower(), 1.0
    weight = value.strip()
    return tag.strip().lower(), float(weight) if _WEIGHT.fullmatch(weight) else 0.0


def _supported(tag: str) -> str | None:
    """The catalogue for a tag. Traditional characters have none, whatever the region; a region of theirs stands for them."""
    language, *rest = tag.split("-")
    if language == "en":
        return "en"
    if language != "zh" or "hant" in rest:
        return None
    return "zh_CN" if "hans" in rest or not _TRADITIONAL.intersection(rest) else None
