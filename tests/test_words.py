"""Which language a user reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.words import catalogue, negotiated_locale, terminal_locale


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "de_DE@euro"}, "de_DE"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LC_MESSAGES": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANGUAGE": "zh_CN:en", "LANG": "de_DE.UTF-8"}, "zh_CN"),
        ({"LANG": ".UTF-8"}, "en"),
        ({"LANG": "zh_Hans_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_SG.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_TW"),
        ({"LANG": "chinese"}, "en"),
    ],
)
def test_the_terminals_language(environ: dict[str, str], expected: str) -> None:
    assert terminal_locale(environ) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "en"),
        ("*", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("zh", "zh_CN"),
        ("zh-Hans", "zh_CN"),
        ("zh-Hans-CN", "zh_CN"),
        ("ZH-cn", "zh_CN"),
        ("zh-SG", "zh_CN"),
        ("zh-Hans-HK", "zh_CN"),
        ("zh-TW,zh;q=0.9", "zh_CN"),
        ("zh-TW,en;q=0.9,zh;q=0.8", "en"),
        ("zh-HK, zh-Hant;q=0.9, zh-MO;q=0.8", "en"),
        ("zh-Hant-CN", "en"),
        ("en-GB", "en"),
        ("en;q=0.5,zh-CN;q=0.8", "zh_CN"),
        ("en-GB , zh-CN", "en"),
        ("zh-CN;Q=0.4 , EN ; q = 0.5", "en"),
        ("zh-CN;q=0,en", "en"),
        ("zh-CN;q=0", "en"),
        ("zh-CN;q=2,en;q=0.1", "en"),
        ("zh-CN;q=nan", "en"),
        ("zh-CN;q=", "en"),
        ("zh-CN;level=1", "zh_CN"),
        ("de,fr;q=0.9,zh;q=0.1", "zh_CN"),
        (" de ;q=0.5", "en"),
        ("zhx, enx", "en"),
        (",,;,zh", "zh_CN"),
        ("../../etc", "en"),
        ("a/b", "en"),
        ("zh_CN\0", "en"),
        (";", "en"),
    ],
)
def test_the_browsers_language(header: str, expected: str) -> None:
    assert negotiated_locale(header) == expected


@pytest.mark.parametrize("locale", ["en", "fr_FR", "xx", "", "../../etc"])
def test_a_language_without_a_catalogue_is_english(locale: str) -> None:
    assert catalogue(locale)("Nothing to do: everything is as it should be.") == "Nothing to do: everything is as it should be."


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_an_empty_text_stays_empty(locale: str) -> None:
    # gettext answers it with the head of the catalogue.
    assert catalogue(locale)("") == ""


@given(st.text())
def test_any_header_leads_to_a_catalogue(header: str) -> None:
    assert catalogue(negotiated_locale(header))("x y z") == "x y z"
