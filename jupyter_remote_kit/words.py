"""The catalogues: which language a user reads, and the sentences in it."""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jupyter_remote_kit.messages import Translate, untranslated

DOMAIN = "jupyter_remote_kit"
LOCALE_DIR = Path(__file__).parent / "locale"


@lru_cache(maxsize=8)
def catalogue(locale: str) -> Translate:
    """The translation into `locale`, such as `zh_CN` or `en`; English where there is no catalogue for it."""
    translation = gettext.translation(DOMAIN, LOCALE_DIR, languages=[locale], fallback=True)
    # gettext("") answers with the catalogue's header.
    return lambda msgid: translation.gettext(msgid) if msgid else untranslated(msgid)


def terminal_locale(environ: Mapping[str, str] = os.environ) -> str:
    """The locale of the terminal's messages, in the order of gettext(3), such as `zh_CN`; `en` for C and POSIX."""
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(variable):
            locale = value.split(":")[0].split(".")[0].split("@")[0]
            return "en" if locale in {"", "C", "POSIX"} else locale
    return "en"


def negotiated_locale(accept_language: str) -> str:
    """The locale that an `Accept-Language` header (RFC 9110, 12.5.4) asks for first: `zh-CN,zh;q=0.9` gives `zh_CN`."""
    first = accept_language.split(",")[0].split(";")[0].strip().replace("-", "_")
    if first.lower() in {"zh", "zh_hans", "zh_hans_cn"}:
        return "zh_CN"
    return first if first.replace("_", "").isalnum() else "en"
