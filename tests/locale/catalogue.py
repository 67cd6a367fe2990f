"""Holds the commands' Chinese catalogue to the sources.

`python tests/locale/catalogue.py` extracts every sentence of the kit and of the installed click, merges them into the .po file, compiles
it for runs from the checkout, and says what still wants a translation. With `--check` nothing is written. Exit code 1: something is left
to do.

click's sentences are looked up in our domain (`cli.main`), so they are part of the catalogue. Its versions word some of them differently:
an entry that carries the comment `click` stays, whichever click is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter

import click
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from jupyter_remote_kit import __version__

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "jupyter_remote_kit"
PO = PACKAGE / "locale" / "zh_CN" / "LC_MESSAGES" / "jupyter_remote_kit.po"
KEYWORDS = {"msg": None, "marked": None}
CLICK = "click"
CLICK_KEYWORDS = {"_": None, "ngettext": (1, 2)}
HEADER = """\
# What the commands of jupyter-remote-kit say, in Simplified Chinese.
# Merged from the sources by tests/locale/catalogue.py; the translations are kept by hand."""

MessageId = str | tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What is wrong with a catalogue, by the English sentences concerned."""

    missing: tuple[MessageId, ...] = ()
    obsolete: tuple[MessageId, ...] = ()
    fuzzy: tuple[MessageId, ...] = ()
    fields: tuple[MessageId, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is."""
        return not (self.missing or self.obsolete or self.fuzzy or self.fields)


def of_kit() -> Catalog:
    """Every sentence in the sources of the kit, with the files that it is in."""
    found = Catalog()
    for name, _, message, _, _ in extract_from_dir(PACKAGE, [("**.py", "python")], keywords=KEYWORDS):
        found.add(message, locations=[((PACKAGE.name / Path(name)).as_posix(), 0)])
    return found


def of_click() -> Catalog:
    """Every sentence in the sources of the click that is installed."""
    found = Catalog()
    for _, _, message, _, _ in extract_from_dir(Path(click.__file__).parent, [("**.py", "python")], keywords=CLICK_KEYWORDS):
        found.add(message, auto_comments=[CLICK])
    return found


def read(path: Path = PO) -> Catalog:
    """The catalogue as it is kept."""
    with path.open("rb") as po:
        return read_po(po, locale="zh_CN")


def entries(catalogue: Catalog) -> Iterator[Message]:
    """Its sentences, without the header."""
    return (message for message in catalogue if message.id)


def merged(kept: Catalog) -> Catalog:
    """The sentences of the sources, in their order, with the translations that are there."""
    result = Catalog(
        locale="zh_CN",
        domain="jupyter_remote_kit",
        project="jupyter-remote-kit",
        version=__version__,
        header_comment=HEADER,
        msgid_bugs_address="jupyter-remote-kit contributors",
        last_translator="jupyter-remote-kit contributors",
        language_team="zh_CN",
        creation_date=kept.creation_date,
        revision_date=kept.creation_date,
        fuzzy=False,
    )
    older_click = (message for message in entries(kept) if CLICK in message.auto_comments)
    for message in (*entries(of_kit()), *entries(of_click()), *older_click):
        old = kept.get(_key(message.id))
        string = old.string if old else ""
        result.add(message.id, string, locations=message.locations, auto_comments=message.auto_comments)
    return result


def check(catalogue: Catalog) -> Report:
    """Hold `catalogue` to the sources of the kit, and each translation to its sentence."""
    kept = {_key(message.id): message for message in entries(catalogue)}
    kit = [_key(message.id) for message in entries(of_kit())]
    missing = [sentence for sentence in kit if sentence not in kept]
    missing += [sentence for sentence, message in kept.items() if not all(_texts(message.string))]
    obsolete = [sentence for sentence, message in kept.items() if sentence not in kit and CLICK not in message.auto_comments]
    return Report(
        missing=tuple(dict.fromkeys(missing)),
        obsolete=(*obsolete, *catalogue.obsolete),
        fuzzy=tuple(sentence for sentence, message in kept.items() if message.fuzzy),
        fields=tuple(sentence for sentence, message in kept.items() if not _same_fields(message)),
    )


def fields(text: str) -> frozenset[tuple[str, str, str]]:
    """The fields of a `str.format` text: name, conversion, format. One that a sentence names twice counts once."""
    return frozenset((name, conversion or "", spec or "") for _, name, spec, conversion in Formatter().parse(text) if name is not None)


def compile_into(catalogue: Catalog, target: Path) -> None:
    """Write the .mo, whole: another process may be reading the one that is there."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with partial.open("wb") as mo:
        write_mo(mo, catalogue)
    partial.replace(target)


def _same_fields(message: Message) -> bool:
    """Whether the translation has the fields of its sentence; of a plural, those of either form, since Chinese has but one."""
    wanted = [fields(text) for text in _texts(message.id)]
    return all(fields(text) in wanted for text in _texts(message.string) if text)


def _texts(text: MessageId) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def _key(sentence: MessageId) -> str:
    """What gettext looks an entry up by: of a plural its singular."""
    return _texts(sentence)[0]


def _write(catalogue: Catalog) -> None:
    with PO.open("wb") as po:
        write_po(po, catalogue, width=0, include_lineno=False)


def main(arguments: list[str]) -> int:
    """Merge, compile, report."""
    kept = read() if PO.is_file() else Catalog(locale="zh_CN")
    report = check(kept)
    if "--check" not in arguments:
        new = merged(kept)
        _write(new)
        compile_into(read(), PO.with_suffix(".mo"))
        # What is gone is named this once, with its translation, in case that it was merely reworded.
        report = replace(check(read()), obsolete=report.obsolete)
    for word in ("missing", "obsolete", "fuzzy", "fields"):
        for sentence in getattr(report, word):
            old = kept.get(_key(sentence))
            sys.stdout.write(f"{word}: {_key(sentence)!r}" + (f" (was: {old.string!r})" if old and old.string else "") + "\n")
    sys.stdout.write(f"{len(list(entries(read())))} sentences; {'complete' if report.clean else 'not complete'}\n")
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
