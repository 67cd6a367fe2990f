"""The laptop's server on a host: its name, its command, and what is believed of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit import __version__, grammar
from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.plan.remoteserver import Asked, Handover, instance_for, laptop_command, up_arguments
from jupyter_remote_kit.plan.terminal import printable

ASKED = Asked(__version__, "/opt/my env/bin/jupyter-remotekit", "jupyter remotekit stop gpu && jupyter remotekit connect gpu")
TOKEN = "t" * 48
ANSWER: dict[str, Any] = {
    "instance": "connect",
    "port": 18801,
    "socket": "/home/alice/.local/share/jupyter/runtime/remotekit-connect.http.sock",
    "base_url": "/",
    "token": TOKEN,
    "ticket": "/remotekit/ticket?ticket=abc-_9",
    "started": True,
    "pid": 42,
    "version": "0.1.0",
    "kernels": 2,
}


@pytest.mark.parametrize("folder", [None, "", "~", "~/", "/"])
def test_the_home_has_the_one_instance(folder: str | None) -> None:
    assert instance_for(folder) == "connect"


def test_each_folder_has_an_instance_of_its_own_and_keeps_it() -> None:
    assert instance_for("~/Deep Learning") == instance_for("~/Deep Learning/")
    assert instance_for("~/Deep Learning").startswith("deep-learning-")
    assert instance_for("~/a/x") != instance_for("~/b/x")
    assert instance_for("~/数据").startswith("connect-")


@given(st.text(max_size=80))
def test_it_is_a_good_name_whatever_the_folder_is_called(folder: str) -> None:
    assert grammar.instance_name(instance_for(folder)) == instance_for(folder)


def test_the_command_says_only_what_was_chosen() -> None:
    least = ("up", "--detach", "--yes", "--json", "--handover", "--access", "ssh", "--port", "auto", "--instance", "connect")
    assert up_arguments("connect", project_dir=None, language=None, allow_root=False) == least
    assert up_arguments("connect", project_dir="~/x y", language="zh_CN", allow_root=True) == (
        *least,
        *("--root-dir", "~/x y", "--language", "zh_CN", "--allow-root"),
    )


def test_what_is_handed_over() -> None:
    handover = Handover.parse(ANSWER, ASKED)
    assert (handover.port, handover.base_url, handover.started, handover.kernels) == (18801, "/", True, 2)
    assert handover.token.reveal() == TOKEN
    assert TOKEN not in repr(handover)
    assert "abc" not in repr(handover)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0},
        {"port": "18801"},
        {"port": True},
        {"port": 65536},
        {"base_url": "//evil.example/"},
        {"base_url": "http://evil.example/"},
        {"ticket": "//evil.example/x"},
        {"ticket": "/x y"},
        {"ticket": "/x\r\nHost: evil"},
        {"token": "short"},
        {"token": "t" * 40 + "\n"},
        {"token": None},
        {"instance": "../x"},
        {"pid": "1"},
        {"kernels": None},
    ],
)
def test_what_no_kit_would_say_is_not_believed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Failed) as refused:
        Handover.parse({**ANSWER, **wrong}, ASKED)
    assert refused.value.problems[0].code == "host-answer"


@pytest.mark.parametrize("base_url", ["/a@b/", "/a:b/", "/gpu%20box/", "/a+b(c)/", "/a//b/", "/~alice,bob;x='y'!/"])
def test_a_path_of_any_characters_that_a_url_may_have_is_understood(base_url: str) -> None:
    answer = {**ANSWER, "base_url": base_url, "ticket": f"{base_url}remotekit/open?ticket=abc-_9"}
    assert Handover.parse(answer, ASKED).base_url == base_url


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"base_url": "/实/"}, 'its base_url is "/实/"'),
        ({"pid": -1}, "its pid is -1"),
        ({"instance": None}, "its instance is null"),
        ({"instance": "x\x1b[2J" * 99}, r'its instance is "x\u001b[2Jx'),
        ({"token": "short"}, "its token is …"),
        ({"ticket": "/x y?ticket=secret"}, "its ticket is …"),
    ],
)
def test_it_says_what_it_does_not_understand_and_no_secret(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Failed) as refused:
        Handover.parse({**ANSWER, "version": __version__, **wrong}, ASKED)
    (problem,) = refused.value.problems
    assert said in str(problem.message)
    assert len(str(problem.message)) < 200
    assert str(problem.message).isprintable()
    # The versions agree: they are not the reason.
    assert "version" not in f"{problem.message}{problem.hint}"
    assert str(problem.hint) == f"Start the server again: {ASKED.again}"


@pytest.mark.parametrize(
    ("theirs", "mend"),
    [
        ("9.9.9", "on this machine: pip install --upgrade jupyter-remote-kit"),
        ("9.9.9\x1b", "on this machine: pip install --upgrade jupyter-remote-kit"),
        ("0.0.9", f"on the host: '/opt/my env/bin/python' -m pip install --force-reinstall jupyter-remote-kit=={__version__}"),
        ("?", f"on the host: '/opt/my env/bin/python' -m pip install --force-reinstall jupyter-remote-kit=={__version__}"),
    ],
)
def test_another_version_is_a_reason_and_the_older_one_is_replaced(theirs: str, mend: str) -> None:
    with pytest.raises(Failed) as refused:
        Handover.parse({**ANSWER, "version": theirs, "base_url": 1}, ASKED)
    hint = f"This is version {__version__}, that of the host {printable(theirs)}; bring both to the same, {mend}"
    assert str(refused.value.problems[0].hint) == hint


@pytest.mark.parametrize("socket", [None, 7, "relative", "/with:colon", "/with blank", "/" + "a" * 103])
def test_a_socket_that_ssh_cannot_be_told_of_is_none(socket: object) -> None:
    assert Handover.parse({**ANSWER, "socket": socket}, ASKED).socket is None


def test_a_socket_of_the_user_alone() -> None:
    assert Handover.parse(ANSWER, ASKED).socket == ANSWER["socket"]


@pytest.mark.parametrize("missing", sorted(set(ANSWER) - {"started", "socket"}))
def test_nothing_may_be_missing(missing: str) -> None:
    with pytest.raises(Failed):
        Handover.parse({key: value for key, value in ANSWER.items() if key != missing}, ASKED)


def test_what_is_typed_on_the_laptop() -> None:
    assert laptop_command("connect", "gpu", "connect") == "jupyter remotekit connect gpu"
    assert laptop_command("stop", "gpu.lab", "lab-1") == "jupyter remotekit stop gpu.lab --instance lab-1"
