"""Keeps credentials out of every log record of a managed server, whichever library writes it.

tornado logs the whole URI of a failed request, and traitlets at debug level the whole configuration: both hold the token.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

_IN_A_QUERY = re.compile(r"(token|ticket|password)(=|%3D)[^&\s'\"<>]+", re.IGNORECASE)
# Our two cookies, wherever somebody puts them: what tornado has signed (web.py, `create_signed_value`), and a device's.
_COOKIE = re.compile(r"2(?:\||%7C)1(?::|%3A)[0-9]+(?:\||%7C)[^\s'\"<>;,&]+|\b[0-9a-f]{24}\.[0-9]{9,10}\.[0-9a-f]{64}\b", re.IGNORECASE)
HIDDEN = "…"


def install(secrets: Callable[[], tuple[str, ...]]) -> None:
    """Redact every record that this process makes from now on; `secrets` are the texts that are in force."""
    make = logging.getLogRecordFactory()

    def made(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        return _redacted(record, secrets())

    logging.setLogRecordFactory(made)


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """`text` without the values of token, ticket and password in queries, percent-encoded ones too, and without these secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    # Every request makes two records. In most there is nothing to look for, and to see that is quicker than a pattern.
    if "=" in text or "%3" in text:
        text = _IN_A_QUERY.sub(rf"\1\2{HIDDEN}", text)
    if "." in text or "|" in text or "%7" in text:
        text = _COOKIE.sub(HIDDEN, text)
    return text


def _redacted(record: logging.LogRecord, secrets: tuple[str, ...]) -> logging.LogRecord:
    if record.exc_info and not record.exc_text:
        # Where every formatter looks first. What it would put there itself nobody sees before it is written.
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        record.exc_text = redact(record.exc_text, secrets)
    if record.stack_info:
        record.stack_info = redact(record.stack_info, secrets)
    try:
        said = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # The format and its values do not fit; `logging` says so when the record is written.
        return record
    shown = redact(said, secrets)
    if shown != said:
        record.msg, record.args = shown, ()
    return record
