"""Where the kit is found on a host: the script that a laptop sends, in every shell of this machine that may be somebody's /bin/sh."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_remote_kit.commands import distant
from jupyter_remote_kit.plan import kitsearch, shell
from jupyter_remote_kit.plan.kitsearch import Found, Missing, NotFound, Search

SHELLS = {
    # What is not set must not be looked at: somebody's ENV may say `set -u`.
    "dash": ("dash", "-u"),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "ksh": ("ksh93",),
    "zsh": ("zsh", "--emulate", "sh"),
}
PYTHON = Path(sys.executable).resolve()
SCRIPT = "jupyter-remotekit"
# What the kit would do, if it were one: say where it is, and what it was told.
KIT = "import json, os, sys\nprint(json.dumps([sys.argv[0], sys.argv[1:], os.getcwd()]))\n"
ARGUMENTS = ("up", "--root-dir", "it's $HOME; `touch canary`", "")
HOSTILE = (
    "it's a b",
    '"; touch canary; " $(touch canary) `touch canary` $HOME',
    "-rf *[a]? ;&|<>#=",
    "\\a\\nb%s%n!! 数据 é",
    "~root",
)


class Home:
    """A user's home on a host, and what a laptop finds there."""

    def __init__(self, folder: Path, words: tuple[str, ...]) -> None:
        self.folder = folder
        self.words = words
        self.environ = {"HOME": str(folder), "PATH": f"{folder}/path"}
        folder.mkdir()
        (folder / "path").mkdir()

    def kit(self, root: str | Path, *, python: bool = True) -> Path:
        """Put an environment there, as pip makes one; its console script."""
        scripts = self.folder / root / "bin"
        scripts.mkdir(parents=True, exist_ok=True)
        if python and not (scripts / "python").exists():
            self._venv(scripts.parent)
        # With those characters in its path, a script of pip's would be broken by itself.
        return self.script(scripts / SCRIPT, PYTHON if set('"$`\\') & set(str(scripts)) else scripts / "python")

    def environment(self, root: str | Path) -> Path:
        """Put an environment without the kit there."""
        folder = self.folder / root
        (folder / "bin").mkdir(parents=True)
        self._venv(folder)
        return folder

    def _venv(self, folder: Path) -> None:
        (folder / "bin" / "python").symlink_to(PYTHON)
        (folder / "pyvenv.cfg").write_text(f"home = {PYTHON.parent}\n")

    def script(self, path: Path, interpreter: Path) -> Path:
        """Put a console script there, with the first lines that pip gives it."""
        first = f"#!{interpreter}"
        if " " in first or len(first) > 127:
            first = f"#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''"
        path.write_text(f"{first}\n{KIT}")
        path.chmod(0o755)
        return path

    def put(self, name: str, content: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(content)

    def look(self, python: str = "", env: str = "", project_dir: str = "", kit: str = "", **environ: str) -> Found:
        """As a laptop does it. Raises `NotFound`."""
        request = shell.with_arguments(distant.template("kit.sh"), (*Search(python, env, project_dir, kit).words, *ARGUMENTS))
        done = subprocess.run(
            [*self.words, "-c", request],
            cwd=self.folder,
            env={**self.environ, "LANG": "C.UTF-8", **environ},
            stdin=subprocess.PIPE,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == b""
        return kitsearch.parse(done.stdout.decode().splitlines(), done.returncode, "gpu1")

    def missing(self, **where: str) -> kitsearch.Absence:
        with pytest.raises(NotFound) as error:
            self.look(**where)
        return error.value.absence

    def became(self, **where: str) -> Path:
        """The kit that was found; it was run, with its arguments as they were."""
        found = self.look(**where)
        assert json.loads(found.said[-1]) == [found.kit, list(ARGUMENTS), str(self.folder)]
        assert not (self.folder / "canary").exists()
        return Path(found.kit)


@pytest.fixture(params=list(SHELLS))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """One for each shell. Its PATH holds the few programs that a script of ours may need, and no Python."""
    words = SHELLS[request.param]
    program = shutil.which(words[0])
    if program is None:
        pytest.skip(f"{words[0]} is not installed")
    # busybox is told by its second word which program it is.
    made = Home(tmp_path / "home", (program, *words[1:]))
    for name in ("getent", "cat"):
        found = shutil.which(name)
        if found:
            (made.folder / "path" / name).symlink_to(found)
    return made


class TestOrder:
    def test_what_comes_first(self, home: Home) -> None:
        """Each place in turn is found once all before it are gone."""
        own = home.folder / ".local/share/jupyter-remote-kit/env"
        places = [
            "project/.venv",
            "project/venv",
            "project/env",
            "project/.conda",
            "elsewhere",
            own,
            "onpath",
            ".local",
            "miniconda3",
            "anaconda3",
        ]
        kits = [home.kit(place) for place in places]
        (own / ".complete").touch()
        where = {"project_dir": "project", "kit": str(kits[4])}
        for kit in kits:
            assert home.became(**where, PATH=f"{home.folder}/path:{home.folder}/onpath/bin") == kit
            kit.unlink()
        assert home.missing(**where).missing is Missing.NOWHERE

    def test_what_is_named_goes_before_all_else(self, home: Home) -> None:
        last, named = home.kit("last"), home.kit("named")
        assert home.became(env="~/named", kit=str(last)) == named
        assert home.became(python="~/named/bin/python", kit=str(last)) == named

    def test_our_environment_is_not_found_before_it_is_complete(self, home: Home) -> None:
        own = home.kit(".local/share/jupyter-remote-kit/env")
        for where in ({}, {"kit": str(own)}, {"env": str(own.parent.parent)}, {"PATH": f"{home.folder}/path:{own.parent}"}):
            home.missing(**where)
        (own.parent.parent / ".complete").touch()
        for where in ({}, {"kit": str(own)}, {"env": str(own.parent.parent)}, {"PATH": f"{home.folder}/path:{own.parent}"}):
            assert home.became(**where) == own

    def test_our_environment_is_where_the_user_keeps_data(self, home: Home) -> None:
        own = home.kit("data/jupyter-remote-kit/env")
        (own.parent.parent / ".complete").touch()
        assert home.became(XDG_DATA_HOME=f"{home.folder}/data") == own
        # The specification has a relative one ignored.
        home.missing(XDG_DATA_HOME="data")

    def test_without_a_project_its_folders_are_not_looked_for_in_the_home(self, home: Home) -> None:
        home.kit("venv")
        home.missing()
        assert home.became(project_dir="~").parent.parent == home.folder / "venv"


class TestNamedEnvironment:
    @pytest.mark.parametrize(
        "root",
        [
            "miniconda3/envs/torch",
            "anaconda3/envs/torch",
            "miniforge3/envs/torch",
            "mambaforge/envs/torch",
            "micromamba/envs/torch",
            ".conda/envs/torch",
            ".virtualenvs/torch",
            ".pyenv/versions/torch",
            "project/torch",
        ],
    )
    def test_by_its_name(self, home: Home, root: str) -> None:
        kit = home.kit(root)
        assert home.became(env="torch", project_dir="project") == kit

    def test_by_its_name_where_variables_tell(self, home: Home) -> None:
        told = {"CONDA_EXE": "conda/bin/conda", "MAMBA_ROOT_PREFIX": "mamba", "WORKON_HOME": "work", "PYENV_ROOT": "py"}
        roots = ("conda/envs", "mamba/envs", "work", "py/versions")
        for (name, value), root in zip(told.items(), roots, strict=True):
            kit = home.kit(f"{root}/{name}")
            assert home.became(env=name, **{name: f"{home.folder}/{value}"}) == kit

    def test_by_its_name_among_those_that_conda_has_noted(self, home: Home) -> None:
        kit = home.kit("disk 2/envs/torch")
        home.put(".conda/environments.txt", f"/gone/envs/torch\n{kit.parent.parent}")
        assert home.became(env="torch") == kit

    def test_base_is_conda_itself(self, home: Home) -> None:
        kit = home.kit("miniforge3")
        assert home.became(env="base") == kit

    def test_of_two_by_one_name_the_one_that_has_the_kit(self, home: Home) -> None:
        home.environment("miniconda3/envs/torch")
        kit = home.kit("anaconda3/envs/torch")
        assert home.became(env="torch") == kit

    def test_by_its_folder(self, home: Home) -> None:
        kit = home.kit("disk/torch")
        for env in ("disk/torch", "~/disk/torch", "disk/torch/", str(kit.parent.parent)):
            assert home.became(env=env).resolve() == kit

    def test_another_environment_is_never_taken_for_it(self, home: Home) -> None:
        home.kit(".local")
        last = home.kit("last")
        named = home.environment("miniconda3/envs/torch")
        for env in ("torch", str(named)):
            absence = home.missing(env=env, kit=str(last))
            assert (absence.missing, absence.option, absence.named) == (Missing.NOT_IN_NAMED, "--env", str(named))
            (python,) = absence.pythons
            assert (python.version, python.path) == (sys.version_info[:3], str(named / "bin/python"))

    def test_one_that_is_not_there(self, home: Home) -> None:
        home.kit(".local")
        for env in ("torch", "~/torch", "/nowhere/torch", ".."):
            absence = home.missing(env=env)
            assert (absence.missing, absence.option) == (Missing.NO_SUCH_NAMED, "--env")
            assert absence.named == env

    def test_one_without_python(self, home: Home) -> None:
        (home.folder / "miniconda3/envs/r/conda-meta").mkdir(parents=True)
        absence = home.missing(env="r")
        assert (absence.missing, absence.pythons) == (Missing.NOT_IN_NAMED, ())


class TestNamedPython:
    def test_by_its_path(self, home: Home) -> None:
        kit = home.kit("venv")
        for python in ("venv/bin/python", "~/venv/bin/python", str(kit.parent / "python")):
            assert home.became(python=python) == kit

    def test_by_its_name(self, home: Home) -> None:
        kit = home.kit("venv")
        assert home.became(python="python", PATH=f"{home.folder}/path:{kit.parent}") == kit

    def test_with_the_scripts_that_the_user_has_installed(self, home: Home) -> None:
        (home.folder / ".local/bin").mkdir(parents=True)
        kit = home.script(home.folder / ".local/bin" / SCRIPT, PYTHON)
        assert home.became(python=str(PYTHON)) == kit

    def test_the_user_s_script_of_another_python_is_not_its_kit(self, home: Home) -> None:
        other = home.folder / "other"
        shutil.copy2(shutil.which("true") or "/bin/true", other)
        (home.folder / ".local/bin").mkdir(parents=True)
        home.script(home.folder / ".local/bin" / SCRIPT, other)
        absence = home.missing(python=str(PYTHON))
        assert (absence.missing, absence.option, absence.named) == (Missing.NOT_IN_NAMED, "--python", str(PYTHON))
        assert absence.pythons[0].version == sys.version_info[:3]

    def test_one_that_is_not_there_or_does_not_run(self, home: Home) -> None:
        home.put("data", "no program")
        home.put("path/sick", "#!/bin/sh\nexit 1\n")
        (home.folder / "path/sick").chmod(0o755)
        home.kit(".local")
        for python in ("python3.99", "~/nowhere/python", "data", "./data", "sick", "usable", "cd", ".", "/"):
            absence = home.missing(python=python)
            assert (absence.missing, absence.option, absence.pythons) == (Missing.NO_SUCH_NAMED, "--python", ())

    def test_what_lies_in_the_home_is_not_imported(self, home: Home) -> None:
        for module in ("sysconfig", "site", "importlib"):
            home.put(f"{module}.py", "raise SystemExit(1)")
        kit = home.kit("venv")
        assert home.became(python="~/venv/bin/python") == kit


class TestBroken:
    def test_a_kit_whose_interpreter_is_gone_is_passed_over_and_told_of(self, home: Home) -> None:
        broken = home.kit("last", python=False)
        assert home.missing(kit=str(broken)).broken == (str(broken),)
        whole = home.kit("project dir/.venv")
        assert home.became(kit=str(broken), project_dir="project dir") == whole
        assert home.missing(env="~/last").broken == (str(broken),)

    @pytest.mark.parametrize(
        "first",
        [
            "#!/gone/python",
            "#! /gone/python -E",
            '#!/bin/sh\n\'\'\'exec\' "/go ne/python" "$0" "$@"',
            "#!/bin/sh\n'''exec' /gone/python \"$0\" \"$@\"",
            "#!/bin/sh\n'''exec' '/go ne/python' \"$0\" \"$@\"",
        ],
    )
    def test_whatever_its_first_lines_look_like(self, home: Home, first: str) -> None:
        kit = home.kit("last")
        kit.write_text(f"{first}\n' '''\n{KIT}")
        assert home.missing(kit=str(kit)).broken == (str(kit),)

    def test_what_cannot_be_told_is_tried(self, home: Home) -> None:
        kit = home.kit("last")
        # As uv makes those of an environment that can be moved.
        where = '"$(dirname -- "$(realpath -- "$0")")"'
        kit.write_text(f"#!/bin/sh\n'''exec' {where}/'python' \"$0\" \"$@\"\n' '''\n{KIT}")
        assert home.became(kit=str(kit), PATH=os.defpath) == kit

    def test_what_is_no_program_is_no_kit(self, home: Home) -> None:
        home.kit("last").chmod(0o644)
        (home.folder / "venv/bin" / SCRIPT).mkdir(parents=True)
        assert home.missing(kit=f"{home.folder}/last/bin/{SCRIPT}", project_dir="~").broken == ()


class TestWords:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_every_name_is_taken_literally(self, home: Home, name: str) -> None:
        kit = home.kit(f"{name}/venv")
        folder = str(kit.parent.parent)
        for where in (
            {"env": folder},
            {"python": f"{folder}/bin/python"},
            {"project_dir": str(kit.parents[2])},
            {"kit": str(kit)},
        ):
            assert home.became(**where) == kit

    @pytest.mark.parametrize("name", [name for name in HOSTILE if not name.startswith("~")])
    def test_relative_ones_count_from_the_home(self, home: Home, name: str) -> None:
        kit = home.kit(f"{name}/venv")
        for where in ({"env": f"{name}/venv"}, {"python": f"{name}/venv/bin/python"}, {"project_dir": name}):
            assert home.became(**where) == kit

    @pytest.mark.parametrize("name", [name for name in HOSTILE if not name.startswith("~")])
    def test_names_of_environments_are(self, home: Home, name: str) -> None:
        home.missing(env=name)
        kit = home.kit(f"miniconda3/envs/{name}")
        assert home.became(env=name) == kit

    def test_a_user_s_home(self, home: Home) -> None:
        user = pwd.getpwuid(os.getuid())
        probe = Path(user.pw_dir) / f".remotekit-{home.folder.parent.name}"
        absence = home.missing(env=f"~{user.pw_name}/{probe.name}")
        assert absence.missing is Missing.NO_SUCH_NAMED
        if os.access(user.pw_dir, os.W_OK):
            probe.symlink_to(home.kit("venv").parent.parent)
            try:
                assert home.became(env=f"~{user.pw_name}/{probe.name}") == probe / "bin" / SCRIPT
            finally:
                probe.unlink()

    @pytest.mark.parametrize("user", ["nobody-of-that-name", "0", "-", "$(touch canary)", "root:x", "--help"])
    def test_a_home_of_nobody_stays_a_name(self, home: Home, user: str) -> None:
        kit = home.kit(f"~{user}/venv")
        assert home.became(env=f"~{user}/venv") == kit


class TestPythons:
    def test_those_that_could_install_it(self, home: Home) -> None:
        for number, place in enumerate(("path/python3", ".pyenv/versions/3.12.1/bin/python3", ".local/share/uv/python/a b/bin/python3")):
            (home.folder / place).parent.mkdir(parents=True, exist_ok=True)
            (home.folder / place).symlink_to(PYTHON)
            paths = [python.path for python in home.missing().pythons if python.path.startswith(str(home.folder))]
            assert len(paths) == number + 1
        assert {python.version for python in home.missing().pythons if str(home.folder) in python.path} == {sys.version_info[:3]}

    def test_without_arguments_for_a_kit_nothing_else_is_looked_for(self, home: Home) -> None:
        (home.folder / "path/python3").symlink_to(PYTHON)
        home.kit(".local")
        request = shell.with_arguments(distant.template("kit.sh"), Search().words)
        done = subprocess.run(
            [*home.words, "-c", request], cwd=home.folder, env=home.environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 64
        with pytest.raises(NotFound) as error:
            kitsearch.parse(done.stdout.splitlines(), done.returncode, "gpu1")
        assert error.value.absence.pythons[0].path == str(home.folder / "path/python3")
        assert (error.value.absence.looked, error.value.installable) == ((), True)
