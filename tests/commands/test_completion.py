"""Commands, options and hosts complete in real shells, and what else `jupyter` completes goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_remote_kit import cli
from jupyter_remote_kit.commands.completing import SHELLS, arguments
from tests.commands.host import Host, console_script
from tests.commands.shells import READ, shell

ALL = pytest.mark.parametrize("name", sorted(SHELLS))
OLD = {
    "bash": "_old() { COMPREPLY=(notebook-old); }; complete -o nospace -F _old jupyter",
    "zsh": "autoload -Uz compinit; compinit -u -D; _old() { compadd notebook-old }; compdef _old jupyter",
    "fish": "complete --command jupyter --no-files --arguments notebook-old",
}


@pytest.fixture
def laptop(host: Host) -> Host:
    """One that knows hosts: two itself, and two by its ssh."""
    host.must("hosts", "add", "alice@gpu.lab.org", "--name", "gpu-box")
    host.must("hosts", "add", "cpu")
    (host.home / ".ssh").mkdir()
    (host.home / ".ssh" / "config").write_text("Host ssh-box cpu *.lab\n")
    return host


@ALL
def test_words_complete_wherever_they_stand(laptop: Host, name: str) -> None:
    (laptop.home / "kit-1.whl").touch()
    with shell(laptop, name) as found:
        for program in ("jupyter-remotekit", "jupyter remotekit"):
            words = program.split()
            assert found.complete(f"{program} sto") == [*words, "stop"]
            assert found.complete(f"{program} connect gpu") == [*words, "connect", "gpu-box"]
            assert found.complete(f"{program} connect --no-browser gpu") == [*words, "connect", "--no-browser", "gpu-box"]
            assert found.complete(f"{program} stop ssh") == [*words, "stop", "ssh-box"]
            # A word ends at the @ for bash.
            assert found.complete(f"{program} start alice@ssh") == [*words, "start", "alice@ssh-box"]
            assert found.complete(f"{program} hosts ren") == [*words, "hosts", "rename"]
            assert found.complete(f"{program} hosts rename gpu") == [*words, "hosts", "rename", "gpu-box"]
            assert found.complete(f"{program} hosts set cpu --default bro") == [*words, "hosts", "set", "cpu", "--default", "browser"]
            assert found.complete(f"{program} hosts set cpu --default=bro") == [*words, "hosts", "set", "cpu", "--default=browser"]
            assert found.complete(f"{program} connect --stop") == [*words, "connect", "--stop-on-exit"]
            # Where a file is wanted, the shell's own word counts.
            assert found.complete(f"{program} start cpu --wheel kit") == [*words, "start", "cpu", "--wheel", "kit-1.whl"]


@ALL
def test_jupyter_completes_to_us(laptop: Host, name: str) -> None:
    with shell(laptop, name) as found:
        assert found.complete("jupyter remo") == ["jupyter", "remotekit"]


@ALL
def test_what_else_jupyter_completes_goes_on(laptop: Host, name: str) -> None:
    # Read twice, as by a shell within a shell's configuration.
    with shell(laptop, name, OLD[name], READ[name]) as found:
        assert found.complete("jupyter note") == ["jupyter", "notebook-old"]
        assert found.complete("jupyter remotekit connect gpu") == ["jupyter", "remotekit", "connect", "gpu-box"]
        assert found.complete("jupyter remotekit connect gpu\t--no-b") == ["jupyter", "remotekit", "connect", "gpu-box", "--no-browser"]


def test_what_bash_completion_would_read_first_goes_on(laptop: Host) -> None:
    """It reads what completes a command when somebody first presses TAB behind it."""
    loader = f"__load_completion() {{ [ $1 = jupyter ] && {OLD['bash']}; }}"
    with shell(laptop, "bash", loader) as found:
        assert found.complete("jupyter note") == ["jupyter", "notebook-old"]
        assert found.complete("jupyter remotekit hosts ren") == ["jupyter", "remotekit", "hosts", "rename"]


@ALL
def test_the_kit_that_is_typed_is_the_one_that_is_asked(laptop: Host, name: str) -> None:
    """Of several environments, each with its own."""
    other = laptop.home / "other"
    (other / "bin").mkdir(parents=True)
    (other / "bin" / "jupyter").touch(mode=0o755)
    (other / "bin" / "jupyter-remotekit").write_text(f'#!/bin/sh\nexport JUPYTER_DATA_DIR="{other}"\nexec {console_script()} "$@"\n')
    (other / "bin" / "jupyter-remotekit").chmod(0o755)
    laptop.run("hosts", "add", "gpu-of-other", variables={"JUPYTER_DATA_DIR": str(other)})
    with shell(laptop, name) as found:
        for folder in ("~/other/bin", f"{other}/bin"):
            assert found.complete(f"{folder}/jupyter-remotekit connect gpu")[-1] == "gpu-of-other"
            assert found.complete(f"{folder}/jupyter remotekit connect gpu")[-1] == "gpu-of-other"


def answers(host: Host, line: str, **variables: str) -> list[list[str]]:
    outcome = host.run(variables={"_JUPYTER_REMOTEKIT_COMPLETE": "bash_complete", "COMP_LINE": line, **variables})
    assert (outcome.code, outcome.err) == (0, "")
    return [line.split("\t") for line in outcome.out.splitlines()]


def test_all_hosts_are_offered_each_once_with_what_it_means(laptop: Host) -> None:
    assert answers(laptop, "jupyter-remotekit connect ") == [
        ["plain", "ssh-box", "~/.ssh/config"],
        ["plain", "cpu", "cpu"],
        ["plain", "gpu-box", "alice@gpu.lab.org"],
    ]


def test_the_address_book_alone_is_offered_where_that_is_meant(laptop: Host) -> None:
    assert [answer[1] for answer in answers(laptop, "jupyter-remotekit hosts remove ")] == ["gpu-box", "cpu"]


def test_commands_are_offered_with_what_they_do_in_the_users_language(laptop: Host) -> None:
    offered = answers(laptop, "jupyter remotekit ")
    assert [answer[1] for answer in offered] == list(cli.COMMANDS)
    assert [answer[2] for answer in offered] == list(cli.COMMANDS.values())
    (stop,) = answers(laptop, "jupyter remotekit service sto", LANGUAGE="zh_CN")
    assert stop[1] == "stop"
    assert not stop[2].isascii()


def test_a_broken_address_book_leaves_the_rest(laptop: Host) -> None:
    laptop.layout.hosts_file.write_text("{")
    assert [answer[1] for answer in answers(laptop, "jupyter-remotekit connect ")] == ["ssh-box", "cpu"]


def test_a_file_of_ssh_that_cannot_be_read_leaves_the_rest(laptop: Host) -> None:
    (laptop.home / ".ssh" / "config").unlink()
    os.mkfifo(laptop.home / ".ssh" / "config")
    assert [answer[1] for answer in answers(laptop, "jupyter-remotekit connect ")] == ["gpu-box", "cpu"]


@ALL
def test_the_script_is_printed_and_nothing_else(host: Host, name: str) -> None:
    script = host.must("completion", name).out
    assert script.startswith(f'# Completion of jupyter-remotekit, and of "jupyter remotekit", for {name}.')
    assert host.must("completion", name, "--json").data == {"shell": name, "script": script}
    # By the way that click's users know.
    assert host.run(variables={"_JUPYTER_REMOTEKIT_COMPLETE": f"{name}_source"}).out.rstrip() == script.rstrip()


def test_another_shell_is_wrong_usage(host: Host) -> None:
    outcome = host.run("completion", "csh", "--json")
    assert (outcome.code, outcome.codes) == (2, ["usage"])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("jupyter-remotekit ", ([], "")),
        ("jupyter-remotekit con", ([], "con")),
        ("jupyter remotekit connect ", (["connect"], "")),
        ("~/venv/bin/jupyter remotekit connect a", (["connect"], "a")),
        ("sudo /opt/kit/jupyter-remotekit service install --prof", (["service", "install"], "--prof")),
        ("jupyter-remotekit connect 'a b' c", (["connect", "a b"], "c")),
        ("jupyter-remotekit connect --project-dir '~/my th", (["connect", "--project-dir"], "~/my th")),
        ("jupyter-remotekit connect # x", (["connect", "#"], "x")),
        ("jupyter lab x", ([], "x")),
        ("", ([], "")),
    ],
)
def test_what_stands_before_the_cursor(line: str, found: tuple[list[str], str]) -> None:
    assert arguments(line) == found


def test_the_scripts_are_installed_with_the_package() -> None:
    folder = Path(cli.__file__).parent / "templates" / "completion"
    assert {path.name for path in folder.iterdir()} == set(SHELLS)
