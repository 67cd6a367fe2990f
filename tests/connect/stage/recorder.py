"""A kit on a host that only tells where it is and what it was told; and what it is asked by way of a real line."""

from __future__ import annotations

import base64
import json
import posixpath
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_remote_kit.plan import remoteserver
from tests.connect.stage.hosts import Host
from tests.connect.stage.laptop import Laptop

ASKING = Path(__file__).parent / "asking.py"
RECORDER = "/opt/recorder/bin/jupyter-remotekit"
# It names no interpreter, which would have to be the one that it lies beside.
RECORDING = """\
printf '{"ok": true, "problems": [], "data": {"argv": "%s"}}\\n' "$(printf '%s\\0' "$@" | base64 -w0)"
"""
# A Python that has the kit beside it; it is asked for its version and its folders.
PYTHON = """\
#!/bin/sh
printf '%s\\n' '3.12.0 venv' "$0" "${0%/*}" '' /
"""
LONGEST_NAME = 255


@dataclass(frozen=True)
class Question:
    """Where the kit is looked for, and where it will be found; and the folder that it is told to serve."""

    search: dict[str, str]
    kit: str
    folder: str = "~"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the kit is told."""
        name = remoteserver.instance_for(self.folder)
        return remoteserver.up_arguments(name, project_dir=self.folder, language=None, allow_root=False)


@dataclass
class Questions:
    """To a host, about places in the home of one of its users; `files` are the programs that have to be there."""

    home: str
    asked: list[Question] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def about_project(self, text: str) -> None:
        """A folder to work in, with an environment in it."""
        place = self._expanded(text)
        if self._below(place):
            self._ask({"project_dir": text}, f"{place}/.venv/bin/jupyter-remotekit", text)
        else:
            self.asked.append(Question({"kit": RECORDER, "project_dir": text}, RECORDER, text))

    def about_environment(self, text: str) -> None:
        """A folder, or a name: that is looked for where a folder would be, among other places."""
        place = self._expanded(text if "/" in text or text.startswith("~") else f"./{text}")
        if self._below(place):
            self._ask({"env": text}, f"{place}/bin/jupyter-remotekit")

    def about_python(self, text: str) -> None:
        """An interpreter."""
        place = self._expanded(text)
        if self._below(place):
            self.files[place] = PYTHON
            self._ask({"python": text}, f"{posixpath.dirname(place)}/jupyter-remotekit")

    def _ask(self, search: dict[str, str], kit: str, folder: str = "~") -> None:
        self.files[kit] = RECORDING
        self.asked.append(Question(search, kit, folder))

    def _expanded(self, text: str) -> str:
        """Where it is, as a shell would have it that knows the users of every Unix."""
        homes = {"~": self.home, "~root": "/root", "~nobody": "/nonexistent"}
        first, slash, rest = text.partition("/")
        return text if text.startswith("/") else f"{homes.get(first, f'{self.home}/{first}')}{slash}{rest}"

    def _below(self, place: str) -> bool:
        """Whether a test may make a folder there: within the home, and no name in it longer than a disk takes."""
        names = place.split("/")
        inside = posixpath.normpath(place).startswith(f"{self.home}/") and ".." not in names
        return inside and all(len(name.encode()) <= LONGEST_NAME for name in names)


def settle(host: Host) -> None:
    """Put the recorder on a host."""
    host.write(RECORDER, RECORDING, mode=0o755)
    for folder in ("/opt/recorder", "/opt/recorder/bin"):
        host.inside(folder).chmod(0o755)


def differences(laptop: Laptop, host: Host, user: str, questions: Questions) -> list[tuple[Question, object]]:
    """Put all of them over one line; those that were not answered by the literal kit, with the literal words, and their answers."""
    for path, text in questions.files.items():
        file = host.inside(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    person = host.person(user)
    host.run("chown", "-R", f"{person.uid}:{person.gid}", person.home)
    rows = "".join(f"{json.dumps([question.search, question.arguments])}\n" for question in questions.asked)
    answers = laptop.run(sys.executable, "-I", ASKING, f"{user}@{host.name}", input=rows, timeout=110.0).stdout.splitlines()
    asked = zip(questions.asked, map(json.loads, answers), strict=True)
    return [(question, answer) for question, answer in asked if not _literal(question, answer)]


def _literal(question: Question, answer: dict[str, object]) -> bool:
    data = answer.get("data")
    return answer.get("kit") == question.kit and isinstance(data, dict) and _words(data["argv"]) == [*question.arguments]


def _words(encoded: str) -> Sequence[str]:
    return base64.b64decode(encoded).decode().split("\0")[:-1]
