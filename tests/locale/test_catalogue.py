"""Every sentence of the commands goes through gettext, and its Chinese is there."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from jupyter_remote_kit import cli, words
from jupyter_remote_kit.commands.hosts import VERBS as HOSTS_VERBS
from jupyter_remote_kit.commands.service import VERBS
from tests.locale import catalogue

NAMED = [*cli.COMMANDS, *VERBS, *HOSTS_VERBS]
HELP = [(), *((command,) for command in cli.COMMANDS), *(("service", verb) for verb in VERBS), *(("hosts", verb) for verb in HOSTS_VERBS)]
TERMINAL_COLUMNS = 80

# What stays as it is in every language: options, metavars and choices, names of programs, file formats and protocols.
NAMES = re.compile(
    r"\b(?:jupyter remotekit|JupyterLab|Notebook|PyCharm|VS Code|fail2ban|systemd|sudo|Ctrl|root|ssh|lan|relay|init|install|containers|any"
    r"|default|none|zh_CN|auto|connect|env|Python|conda|wheel|bash|zsh|fish|eval|completion|config)\b|--?[a-z][a-z0-9-]*|\[[a-z|]+\]|\b[A-Z]{2,}[0-9]*\b"
)
WORD = re.compile(r"[A-Za-z]{2,}")


@pytest.fixture(scope="module")
def kept() -> Catalog:
    """The catalogue that git holds."""
    return catalogue.read()


@pytest.fixture(scope="module", autouse=True)
def compiled(kept: Catalog) -> None:
    """A checkout that nobody has built yet has no .mo, and an edited one has that of the day before."""
    target = catalogue.PO.with_suffix(".mo")
    if not target.is_file() or target.stat().st_mtime < catalogue.PO.stat().st_mtime:
        catalogue.compile_into(kept, target)


@pytest.mark.parametrize("what", ["missing", "obsolete", "fuzzy", "fields"])
def test_the_catalogue_says_what_the_sources_say(kept: Catalog, what: str) -> None:
    assert getattr(catalogue.check(kept), what) == (), "run: python -m tests.locale.catalogue"


def test_a_catalogue_with_faults_is_found_out(kept: Catalog) -> None:
    """The check above can fail: each kind of fault, put in by hand."""
    broken = catalogue.merged(kept)
    for message in catalogue.entries(broken):
        message.string = message.id
    ids = [str(message.id) for message in catalogue.entries(catalogue.of_kit())]
    with_field = next(sentence for sentence in ids if catalogue.fields(sentence))
    whole, absent, doubtful = ids[:3]
    broken[whole].string = ""
    broken.delete(absent)
    broken[doubtful].flags.add("fuzzy")
    broken[with_field].string = "{nobody}"
    broken.add("Nobody says this any more.", "没有人再这样说了。")
    report = catalogue.check(broken)
    assert set(report.missing) == {whole, absent}
    assert report.obsolete == ("Nobody says this any more.",)
    assert report.fuzzy == (doubtful,)
    assert report.fields == (with_field,)


def test_chinese_is_punctuated_and_spaced_as_chinese(kept: Catalog) -> None:
    """No ASCII punctuation after a Chinese character, and a space between Chinese and Latin letters or digits."""
    ideograph = "[\u4e00-\u9fff]"
    wrong = re.compile(
        rf"{ideograph}[,;!?]|{ideograph}[A-Za-z0-9]|[A-Za-z0-9]{ideograph}|{ideograph}\{{|\}}{ideograph}|{ideograph}\.(?:\s|$)"
    )
    strings = [text for message in catalogue.entries(kept) for text in catalogue._texts(message.string)]
    assert [text for text in strings if wrong.search(text)] == []


def test_a_sentence_that_is_more_than_names_is_translated(kept: Catalog) -> None:
    """Only commands to paste, fields and names read the same in both languages."""
    same = {str(message.id) for message in catalogue.entries(kept) if message.id == message.string}
    sentences = {text for text in same if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}.*[.?!]$", text)}
    assert sentences == set()


def _calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(catalogue.PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
                yield f"{path.relative_to(catalogue.ROOT)}:{node.lineno}", node


@pytest.mark.parametrize("name", ["msg", "marked"])
def test_what_is_marked_for_translation_is_a_literal(name: str) -> None:
    """Extraction reads the sources: a sentence that is put together at run time would be in no catalogue."""
    calls = list(_calls(name))
    wrong = [place for place, call in calls if not call.args or not isinstance(call.args[0], ast.Constant)]
    assert len(calls) > 10
    assert wrong == []


def test_the_fields_of_a_sentence_are_the_values_that_it_is_given() -> None:
    """A field without a value is a KeyError in front of a user; `replace(…, values=…)` and tables bind theirs later."""
    wrong = []
    for place, call in _calls("msg"):
        if not call.keywords or any(keyword.arg is None for keyword in call.keywords):
            continue
        sentence = ast.literal_eval(call.args[0])
        if {name for name, _, _ in catalogue.fields(sentence)} != {keyword.arg for keyword in call.keywords}:
            wrong.append(place)
    assert wrong == []


def test_only_the_edge_prints_and_never_a_literal() -> None:
    """What is echoed has come through the catalogue: no literal with a letter in it, and no printing below `cli`."""
    printing = [(place, call) for name in ("echo", "secho", "print") for place, call in _calls(name)]
    below = [place for place, call in printing if "cli.py" not in place]
    literal = [place for place, call in printing if call.args and _literal_words(call.args[0])]
    assert printing
    assert below == []
    assert literal == []


def test_what_is_asked_is_said_in_the_terminals_language() -> None:
    """click shows a question as it is: it has to come through `Context.say`."""
    questions = [(place, call) for name in ("prompt", "confirm") for place, call in _calls(name)]
    assert questions
    assert [place for place, call in questions if not ast.unparse(call.args[0]).startswith("context.say(")] == []


def _literal_words(node: ast.expr) -> bool:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return any(isinstance(part, ast.Constant) and WORD.search(str(part.value)) for part in parts)


def test_the_help_of_every_option_is_marked() -> None:
    """`help="…"` without `marked` would be shown in English to everybody."""
    options = [*_calls("option"), *_calls("version_option")]
    bare = [place for place, call in options if any(word.arg == "help" and isinstance(word.value, ast.Constant) for word in call.keywords)]
    assert len(options) > 10
    assert bare == []


def _speak(locale: str, *argv: str, code: str = "from jupyter_remote_kit.cli import main; main()") -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in {"LANGUAGE", "LC_ALL", "LC_MESSAGES"}}
    environment |= {"LANG": locale, "PYTHONIOENCODING": "utf-8", "COLUMNS": str(TERMINAL_COLUMNS), "PYTHONPATH": str(catalogue.ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, *argv], env=environment, capture_output=True, encoding="utf-8", check=False, stdin=subprocess.DEVNULL
    )


@lru_cache
def _chinese_help(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return _speak("zh_CN.UTF-8", *command, "--help")


@pytest.mark.parametrize("command", HELP, ids=lambda command: " ".join(command) or "root")
def test_help_speaks_chinese(command: tuple[str, ...]) -> None:
    done = _chinese_help(command)
    assert (done.returncode, done.stderr) == (0, "")
    left = NAMES.sub("", re.sub(r"^用法: .*$", "", done.stdout, flags=re.MULTILINE))
    left = re.sub(rf"^  ({'|'.join(NAMED)}) ", "", left, flags=re.MULTILINE)
    assert WORD.findall(left) == []
    assert "显示此帮助并退出。" in done.stdout


@pytest.mark.parametrize("command", HELP, ids=lambda command: " ".join(command) or "root")
def test_chinese_help_fits_a_terminal(command: tuple[str, ...]) -> None:
    """click counts characters; a Chinese one is two columns wide."""
    done = _chinese_help(command)
    widths = {line: sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line) for line in done.stdout.splitlines()}
    assert {line for line, width in widths.items() if width > TERMINAL_COLUMNS} == set()


SPY = """
import gettext, json, sys
asked = set()
for name in ("gettext", "ngettext"):
    def listen(first, *rest, _ask=getattr(gettext, name)):
        asked.add(first)
        return _ask(first, *rest)
    setattr(gettext, name, listen)
from jupyter_remote_kit.cli import main
try:
    main()
finally:
    sys.stderr.write("\\n" + json.dumps(sorted(asked)))
"""


@pytest.mark.parametrize(
    "argv",
    [
        *((*command, "--help") for command in HELP),
        ("nonsense",),
        ("init", "--acces"),
        ("init", "--nothing-like-it"),
        ("init", "--access", "wan"),
        ("init", "--port"),
        ("init", "--yes=1"),
        ("status", "extra", "words"),
    ],
    ids=" ".join,
)
def test_what_click_says_to_our_users_is_in_our_catalogue(kept: Catalog, argv: tuple[str, ...]) -> None:
    """Whichever click is installed: what it looks up on these command lines is found."""
    done = _speak("zh_CN.UTF-8", *argv, code=SPY)
    asked = json.loads(done.stderr.splitlines()[-1])
    assert asked
    assert [sentence for sentence in asked if not (kept.get(sentence) and all(catalogue._texts(kept[sentence].string)))] == []


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "用法"),
        ({"LANG": "en_US.UTF-8"}, "Usage"),
        ({"LANG": "C.UTF-8"}, "Usage"),
        ({"LANG": "de_DE.UTF-8"}, "Usage"),
        ({}, "Usage"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "Usage"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "用法"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "用法"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": ""}, "用法"),
    ],
)
def test_the_terminals_locale_decides_for_our_words_and_clicks(variables: dict[str, str], expected: str) -> None:
    code = "from jupyter_remote_kit.cli import main; main(['--help'])"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(catalogue.ROOT), "PYTHONIOENCODING": "utf-8", **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, encoding="utf-8", check=True, stdin=subprocess.DEVNULL
    )
    assert done.stdout.startswith(expected)
    # Ours and click's agree: no page is half one and half the other.
    assert ("显示此帮助并退出。" in done.stdout) == ("启动 JupyterLab" in done.stdout) == (expected == "用法")


def test_the_page_has_its_own_catalogue_beside_it() -> None:
    """jupyterlab_server reads the JSON file of the same name; compiling ours must not have touched it."""
    page = json.loads((Path(catalogue.PO).with_suffix(".json")).read_text(encoding="utf-8"))
    assert page[""]["domain"] == words.DOMAIN
