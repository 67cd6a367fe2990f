"""Which texts are hosts, and what ssh is told of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.target import Target, parse


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("gpubox", Target("gpubox"), ("--", "gpubox")),
        ("alice@gpu.example.org", Target("gpu.example.org", "alice"), ("-l", "alice", "--", "gpu.example.org")),
        ("alice@gpu:2222", Target("gpu", "alice", 2222), ("-l", "alice", "-p", "2222", "--", "gpu")),
        ("ssh://alice@gpu:2222", Target("gpu", "alice", 2222), ("-l", "alice", "-p", "2222", "--", "gpu")),
        ("a@realm@gpu", Target("gpu", "a@realm"), ("-l", "a@realm", "--", "gpu")),
        ("10.0.0.7:22", Target("10.0.0.7", None, 22), ("-p", "22", "--", "10.0.0.7")),
        ("fd00::7", Target("fd00::7"), ("--", "fd00::7")),
        ("[fd00::7]", Target("fd00::7"), ("--", "fd00::7")),
        ("[fd00::7]:2222", Target("fd00::7", None, 2222), ("-p", "2222", "--", "fd00::7")),
        ("bob@fe80::1%eth0", Target("fe80::1%eth0", "bob"), ("-l", "bob", "--", "fe80::1%eth0")),
        ("GPU_1", Target("GPU_1"), ("--", "GPU_1")),
    ],
)
def test_a_host_as_ssh_takes_it(text: str, target: Target, words: tuple[str, ...]) -> None:
    assert parse(text) == target
    assert target.words == words
    assert parse(str(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@gpu",
        "alice@",
        "-oProxyCommand=x",
        "alice@-oProxyCommand=x",
        "-lroot@gpu",
        "gpu box",
        "gpu;id",
        "gpu`id`",
        "$(id)",
        "gpu\nbox",
        "gpu\n",
        "gpu:",
        "gpu:22x",
        "gpu:0",
        "gpu:65536",
        "[gpu]",
        "[fd00::7",
        "fe80::1%",
        "fe80::1%et h",
        "fe80::1%-o",
        "[gpu]:22",
        "al ice@gpu",
        "al'ice@gpu",
        "机器",
        "gpu-",
        ".gpu",
        "a" * 254,
        "ssh://",
        "gpu/path",
    ],
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        parse(text)
    assert refused.value.problems[0].code in {"host", "port"}
    assert refused.value.problems[0].hint is not None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("alice:geheim@gpu", "ssh-copy-id alice@gpu"),
        ("alice:ge@heim@gpu:22", "ssh-copy-id alice@gpu"),
        ("$(id):geheim@gpu", "ssh-copy-id user@host"),
        ("alice:geheim@$(id)", "ssh-copy-id user@host"),
    ],
)
def test_a_password_is_refused_and_not_repeated(text: str, hint: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        parse(text)
    problem = refused.value.problems[0]
    assert problem.code == "password-in-host"
    assert "heim" not in str(problem.message) + str(problem.hint)
    assert str(problem.hint).endswith(hint)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"-?[a-z@:\[\]%.-]{0,20}")))
def test_nothing_that_passes_can_be_an_option_or_a_word_of_a_shell(text: str) -> None:
    try:
        words = parse(text).words
    except WrongUsage:
        return
    values = [word for word in words if word not in {"-l", "-p", "--"}]
    assert not any(value.startswith("-") for value in values)
    assert not set("".join(values)) & set(" \t\n\r\0'\"`$;&|<>(){}*?!#~\\=")
