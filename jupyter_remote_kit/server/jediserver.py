"""Runs jedi-language-server so that what other processes do to jedi's cache, or have left in it, never costs a completion.

Every process of a user that has jedi (this one, each IPython kernel) keeps the modules that it has parsed in the same folder. parso writes
those pickles in place and reads whatever is there: a file that another process is writing, or was killed in the middle of, fails the
request with "EOFError: Ran out of input", for good in the second case; so does a disk that is full (parso 0.8, `parso/cache.py`).

This file is run by its path, and not with `-m`: then nothing of the folder that the server was started in can be imported by mistake.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

SCRIPT = "jedi-language-server"


def guarded(argv: list[str]) -> list[str]:
    """The command line that runs this file in place of the jedi-language-server of this environment; others stay as they are."""
    found = shutil.which(argv[0]) if argv else None
    if found is None or Path(found).name != SCRIPT:
        return argv
    # Beside the interpreter, or where `pip install --user` has put it.
    folders = (Path(sys.executable).parent, *(Path(sysconfig.get_path("scripts", scheme)) for scheme in sysconfig.get_scheme_names()))
    if Path(found).parent.resolve() not in {folder.resolve() for folder in folders}:
        return argv
    return [sys.executable, __file__, *argv[1:]]


def guard_cache() -> None:
    """Make parso write its cache atomically, and parse again what it cannot read. A parso of another shape is left alone."""
    # parso is not typed, and these are its own names.
    cache, grammar = _module("parso.cache"), _module("parso.grammar")
    if not all((hasattr(grammar, "load_module"), hasattr(grammar, "try_to_save_module"), hasattr(cache, "_save_to_file_system"))):
        return
    load, save = grammar.load_module, grammar.try_to_save_module

    def load_module(*args: object, **options: object) -> object:
        # A damaged pickle can raise anything; what is parsed in its place is written over it.
        try:
            return load(*args, **options)
        except Exception:
            return None

    def try_to_save_module(*args: object, **options: object) -> None:
        # It is in memory by then.
        try:
            save(*args, **options)
        except Exception:
            return

    grammar.load_module, grammar.try_to_save_module = load_module, try_to_save_module
    cache._save_to_file_system = _save


def _module(name: str) -> Any:  # noqa: ANN401
    import importlib

    return importlib.import_module(name)


def _save(hashed_grammar: str, path: str, item: object, cache_path: Path | None = None) -> None:
    """As parso's, by a file beside it that takes its place when it is whole."""
    import pickle
    import tempfile

    target = Path(_module("parso.cache")._get_hashed_path(hashed_grammar, path, cache_path=cache_path))
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
        temporary = Path(file.name)
        try:
            pickle.dump(item, file, pickle.HIGHEST_PROTOCOL)
            file.close()
            temporary.replace(target)
        except BaseException:
            temporary.unlink()
            raise


def main() -> None:
    """In place of the console script, with its arguments."""
    from jedi_language_server.cli import cli

    guard_cache()
    cli()


if __name__ == "__main__":
    # Python has put this file's folder first.
    sys.path[:] = [entry for entry in sys.path if entry != str(Path(__file__).parent)]
    main()
