"""Other programs, run to their end: what they are told, what they said, and what is told of them when they fail."""

from __future__ import annotations

import os
import pwd
import sys
import time
from pathlib import Path

import pytest

from jupyter_remote_kit.errors import Failed, RemoteKitError
from jupyter_remote_kit.host import programs
from jupyter_remote_kit.host.programs import Done
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.model import Run

# What a shell would make something else of.
HOSTILE = ("a b", "$HOME", "`id`", "$(id)", "'\"", "*", ";true", "--", "-n", "\n", "\\", "计", "", "%s")
HANG = (sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def told(error: pytest.ExceptionInfo[RemoteKitError]) -> tuple[str, str, str]:
    (problem,) = error.value.problems
    return problem.code, str(problem.message), str(problem.hint)


class TestCall:
    def test_an_argv_arrives_as_it_is(self) -> None:
        done = programs.call(python("import sys; print(ascii(sys.argv[1:]))", *HOSTILE))
        assert done == Done(0, f"{list(HOSTILE)!a}\n", "")

    def test_what_it_said_and_how_it_ended(self) -> None:
        assert programs.call(("printf", r"%s\n", "a", "b")) == Done(0, "a\nb\n", "")
        assert programs.call(("false",)) == Done(1, "", "")
        assert programs.call(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")) == Done(7, "out\n", "err\n")

    def test_what_is_given_comes_on_its_standard_input_and_nothing_otherwise(self) -> None:
        assert programs.call(("cat",), given="a\n计").out == "a\n计"
        # Nothing waits for a terminal.
        assert programs.call(("cat",)).out == ""

    def test_the_environment_is_ours_and_what_is_laid_over_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEPT", "1")
        monkeypatch.setenv("CHANGED", "1")
        code = "import os; print(*(os.environ.get(name) for name in ('KEPT', 'CHANGED', 'NEW')))"
        assert programs.call(python(code), environment={"CHANGED": "2", "NEW": "3"}).out == "1 2 3\n"

    def test_whoever_asks_the_users_manager_is_told_where_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/elsewhere")
        code = "import os; print(os.environ['XDG_RUNTIME_DIR'])"
        assert programs.call(python(code, "--user")).out == f"/run/user/{os.geteuid()}\n"
        assert programs.call(python(code)).out == "/elsewhere\n"
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert programs.call(python(code, "--user")).out == f"/run/user/{os.geteuid()}\n"

    def test_bytes_that_are_no_utf8_break_nothing(self) -> None:
        assert programs.call(("printf", r"a\377b")).out == "a\ufffdb"

    def test_aloud_its_errors_go_to_the_terminal(self, capfd: pytest.CaptureFixture[str]) -> None:
        done = programs.call(python("import sys; print('out'); print('password:', file=sys.stderr)"), aloud=True)
        assert done == Done(0, "out\n", "")
        assert capfd.readouterr() == ("", "password:\n")

    def test_one_that_hangs_is_ended(self) -> None:
        begun = time.monotonic()
        with pytest.raises(Failed) as error:
            programs.call(HANG, patience_s=0.5)
        assert time.monotonic() - begun < 60
        code, sentence, _ = told(error)
        assert (code, sentence.endswith("did not end within 0 s.")) == ("command-timeout", True)

    def test_one_that_is_not_there_is_named(self) -> None:
        with pytest.raises(Failed) as error:
            programs.call(("no-such-program-of-ours", "x"))
        assert told(error) == (
            "no-program",
            "There is no program 'no-such-program-of-ours' on this machine.",
            "command -v no-such-program-of-ours",
        )

    def test_a_path_without_a_program_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("no program")
        for name, reason in (("gone", "No such file or directory"), ("data", "Permission denied")):
            with pytest.raises(Failed) as error:
                programs.call((str(tmp_path / name),))
            assert told(error)[:2] == ("no-program", f"{tmp_path / name} cannot be run: {reason}")


class TestFind:
    def test_on_the_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "of-mine").write_text("#!/bin/sh\n")
        (tmp_path / "of-mine").chmod(0o755)
        (tmp_path / "no-program").write_text("")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert programs.find("of-mine") == str(tmp_path / "of-mine")
        assert programs.find("no-program") is None
        assert programs.find("of-nobody") is None

    def test_sbin_is_searched_where_the_path_lacks_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "reboot-of-mine").write_text("#!/bin/sh\n")
        (tmp_path / "reboot-of-mine").chmod(0o755)
        monkeypatch.setattr(programs, "SEARCHED", (str(tmp_path),))
        for path in ("/usr/bin:/bin", "", None):
            if path is None:
                monkeypatch.delenv("PATH")
            else:
                monkeypatch.setenv("PATH", path)
            assert programs.find("reboot-of-mine") == str(tmp_path / "reboot-of-mine")


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (Done(1, "a\nb\n", ""), "b"),
        (Done(1, "a\n", "Failed to enable unit: x\n\n"), "Failed to enable unit: x"),
        (Done(1, "a\n", "  \n"), "a"),
        (Done(3, "", ""), "exit code 3"),
        (Done(-9, "\n", "\n"), "exit code -9"),
    ],
)
def test_the_last_thing_that_it_said(done: Done, line: str) -> None:
    assert done.last_line == line


class TestRun:
    def test_nothing_is_told_of_what_succeeds(self, capfd: pytest.CaptureFixture[str]) -> None:
        programs.run(Run(("printf", "x")))
        assert capfd.readouterr() == ("", "")

    def test_what_a_step_gives_is_on_standard_input(self, tmp_path: Path) -> None:
        programs.run(Run(("sh", "-c", 'cat >"$0"', str(tmp_path / "read")), given="\u8ba1\n"))
        assert (tmp_path / "read").read_text(encoding="utf-8") == "\u8ba1\n"

    def test_a_failure_is_told_with_what_it_said_and_how_to_see_more(self) -> None:
        argv = python("import sys; print('Failed to connect to bus', file=sys.stderr); sys.exit(1)", "a b")
        with pytest.raises(Failed) as error:
            programs.run(Run(argv))
        code, sentence, hint = told(error)
        assert code == "command-failed"
        assert sentence.endswith("'a b' failed: Failed to connect to bus")
        assert hint.startswith("Run it by hand to see more: ")
        assert programs.call(("sh", "-c", hint.partition(": ")[2])).err == "Failed to connect to bus\n"

    def test_a_failure_is_told_in_the_words_of_the_step(self) -> None:
        with pytest.raises(Failed) as error:
            programs.run(Run(("false",), code="lingering", sentence=msg("It cannot be."), hint=msg("mend it")))
        assert told(error) == ("lingering", "It cannot be.", "mend it")

    def test_what_may_fail_may(self) -> None:
        programs.run(Run(("false",), may_fail=True))

    def test_but_not_for_want_of_the_program(self) -> None:
        with pytest.raises(Failed):
            programs.run(Run(("no-such-program-of-ours",), may_fail=True))


TWICE = """
import sys
print("first", flush=True)
sys.stdin.read()
sys.stdout.buffer.write(b"\\xff second\\nthird\\nrest")
"""


class TestLines:
    def test_they_come_as_they_are_written_and_the_last_needs_no_end(self) -> None:
        with programs.lines(python(TWICE)) as coming:
            assert [line for line in coming if line is not None] == ["first", "\ufffd second", "third", "rest"]

    def test_none_while_there_are_none_and_it_ends_with_the_context(self) -> None:
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
        with programs.lines(python(code)) as coming:
            pid = int(next(line for line in coming if line is not None))
            assert next(coming) is None
            os.kill(pid, 0)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_it_ends_while_it_writes_without_end(self) -> None:
        with programs.lines(("yes",)) as coming:
            assert next(line for line in coming if line is not None) == "y"

    def test_one_that_is_not_there_is_named(self) -> None:
        with pytest.raises(Failed, match="no-such-program-of-ours"), programs.lines(("no-such-program-of-ours",)):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
class TestCallAs:
    """The tests' interpreter may be closed to others; these programs are not."""

    USER = "nobody"

    def test_with_that_users_rights_and_groups_alone(self) -> None:
        account = pwd.getpwnam(self.USER)
        done = programs.call_as(self.USER, ("/usr/bin/id",), {})
        assert done.code == 0
        assert f"uid={account.pw_uid}({self.USER}) gid={account.pw_gid}" in done.out
        assert programs.call_as(self.USER, ("/usr/bin/id", "-G"), {}).out.split() == [
            str(group) for group in os.getgrouplist(self.USER, account.pw_gid)
        ]
        assert "(root)" not in done.out

    def test_with_that_users_environment_and_nothing_of_ours_but_the_language(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in list(os.environ):
            if name.startswith(("LC_", "LANG")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("LANG", "C.UTF-8")
        monkeypatch.setenv("LC_TIME", "C")
        monkeypatch.setenv("HF_TOKEN", "of root")
        monkeypatch.setenv("HOME", "/root")
        account = pwd.getpwnam(self.USER)
        done = programs.call_as(self.USER, ("/usr/bin/env",), {"CUDA_HOME": "/usr/local/cuda"})
        assert dict(line.partition("=")[::2] for line in done.out.splitlines()) == {
            "LANG": "C.UTF-8",
            "LC_TIME": "C",
            "HOME": account.pw_dir,
            "USER": self.USER,
            "LOGNAME": self.USER,
            "SHELL": account.pw_shell,
            "PATH": os.defpath,
            "CUDA_HOME": "/usr/local/cuda",
        }

    def test_in_a_folder_that_is_open_to_everybody_without_an_input(self) -> None:
        assert programs.call_as(self.USER, ("/bin/pwd",), {}).out == "/\n"
        assert programs.call_as(self.USER, ("/bin/cat",), {}) == Done(0, "", "")

    def test_what_that_user_cannot_run_is_named_with_a_way_to_see_why(self, tmp_path: Path) -> None:
        program = tmp_path / "closed to others" / "python"
        program.parent.mkdir(mode=0o700)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        with pytest.raises(Failed) as error:
            programs.call_as(self.USER, (str(program),), {})
        code, sentence, hint = told(error)
        assert (code, sentence) == ("not-for-user", f"nobody cannot run {program}: Permission denied")
        assert hint == f"namei -l '{program}'"

    def test_one_that_hangs_is_ended(self) -> None:
        with pytest.raises(Failed) as error:
            programs.call_as(self.USER, ("/bin/sleep", "600"), {}, patience_s=0.3)
        assert told(error)[:2] == ("command-timeout", "/bin/sleep 600 did not end within 0 s.")
