"""jedi's cache, which other processes of the user write too: what is in it never fails a parse, and nobody sees half of what is written."""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import parso
import pytest
from parso import cache, grammar

from jupyter_remote_kit.server import jediserver

CODE = "def alpha():\n    return 1\n"
SCRIPT = str(Path(sys.executable).with_name(jediserver.SCRIPT))


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((grammar, "load_module"), (grammar, "try_to_save_module"), (cache, "_save_to_file_system")):
        monkeypatch.setattr(module, name, getattr(module, name))
    jediserver.guard_cache()


@pytest.fixture
def parse(guarded: None, tmp_path: Path) -> Callable[[], str]:
    """Parses a module as a new process would, by the cache in `tmp_path`."""
    source = tmp_path / "module.py"
    source.write_text(CODE)

    def parsed() -> str:
        cache.parser_cache.clear()
        return parso.load_grammar().parse(path=source, cache=True, cache_path=tmp_path / "cache").get_code()

    return parsed


def kept(folder: Path) -> Path:
    (file,) = (folder / "cache").rglob("*.pkl")
    return file


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def turn_into_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "truncated": truncate,
    "no pickle": lambda file: file.write_bytes(b"\x80\x04garbage"),
    "a class that is not there": lambda file: file.write_bytes(b"cno_such_module\nNoClass\n."),
    "another object": lambda file: file.write_bytes(pickle.dumps([1, 2, 3])),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_cannot_be_read_is_parsed_and_kept_again(damage: Callable[[Path], object], parse: Callable[[], str], tmp_path: Path) -> None:
    assert parse() == CODE
    file = kept(tmp_path)
    damage(file)
    assert parse() == CODE
    assert pickle.loads(file.read_bytes()).node.get_code() == CODE
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("damage", [turn_into_folder, lambda file: (shutil.rmtree(file.parent.parent), file.parent.parent.write_text(""))])
def test_where_nothing_can_be_kept_it_is_parsed_each_time(
    damage: Callable[[Path], object], parse: Callable[[], str], tmp_path: Path
) -> None:
    assert parse() == CODE
    damage(kept(tmp_path))
    assert parse() == CODE
    assert parse() == CODE


class WhileWritten:
    """What looks at the file when half of the pickle is written."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look

    def __reduce__(self) -> tuple[object, ...]:
        self._look()
        return (list, ())


@pytest.mark.usefixtures("guarded")
def test_half_of_a_file_is_seen_by_nobody(tmp_path: Path) -> None:
    cache._save_to_file_system("grammar", "module.py", "earlier", tmp_path / "cache")
    file, seen = kept(tmp_path), []
    cache._save_to_file_system(
        "grammar", "module.py", ["later" * 100_000, WhileWritten(lambda: seen.append(pickle.loads(file.read_bytes())))], tmp_path / "cache"
    )
    assert seen == ["earlier"]
    assert pickle.loads(file.read_bytes())[0].startswith("later")

    def fail() -> None:
        raise RecursionError

    with pytest.raises(RecursionError):
        cache._save_to_file_system("grammar", "module.py", ["x" * 100_000, WhileWritten(fail)], tmp_path / "cache")
    assert pickle.loads(file.read_bytes())[0].startswith("later")
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("argv", "run"),
    [
        ([SCRIPT], [sys.executable, jediserver.__file__]),
        ([jediserver.SCRIPT, "--verbose"], [sys.executable, jediserver.__file__, "--verbose"]),
        (["pylsp"], ["pylsp"]),
        ([sys.executable, "-m", "pylsp"], [sys.executable, "-m", "pylsp"]),
        (["/no/such/jedi-language-server"], ["/no/such/jedi-language-server"]),
        ([], []),
    ],
)
def test_only_the_language_server_of_this_environment_is_guarded(argv: list[str], run: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(SCRIPT).parent))
    assert jediserver.guarded(argv) == run


def test_one_of_another_environment_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / jediserver.SCRIPT
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jediserver.guarded([str(other)]) == [str(other)]
    assert jediserver.guarded([jediserver.SCRIPT]) == [jediserver.SCRIPT]


def test_a_parso_of_another_shape_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cache, "_save_to_file_system")
    before = grammar.load_module
    jediserver.guard_cache()
    assert grammar.load_module is before


def test_nothing_beside_it_is_imported_in_place_of_the_standard_library() -> None:
    """It is run by its path, so its folder is the first place to import from until it has taken that away."""
    beside = {file.stem for file in Path(jediserver.__file__).parent.iterdir()}
    assert not beside & sys.stdlib_module_names
