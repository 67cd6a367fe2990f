"""Which texts are hosts, and what ssh is told of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan.target import Target, is_alias, literal, parse


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
        ("aws/something/1", Target("aws/something/1"), ("--", "aws/something/1")),
        ("gpu+a100", Target("gpu+a100"), ("--", "gpu+a100")),
        ("实验室", Target("实验室"), ("--", "实验室")),
        ("👩\u200d🔬", Target("👩\u200d🔬"), ("--", "👩\u200d🔬")),
        ("gpu-", Target("gpu-"), ("--", "gpu-")),
        (".gpu", Target(".gpu"), ("--", ".gpu")),
        ("50%", Target("50%"), ("--", "50%")),
        ("gpu.example.org.", Target("gpu.example.org."), ("--", "gpu.example.org.")),
        ("a" * 1024, Target("a" * 1024), ("--", "a" * 1024)),
        ("[lab:gpu]", Target("lab:gpu"), ("--", "lab:gpu")),
        ("[gpu:1]:22", Target("gpu:1", None, 22), ("-p", "22", "--", "gpu:1")),
        ("LAB\\alice@gpu", Target("gpu", "LAB\\alice"), ("-l", "LAB\\alice", "--", "gpu")),
        ("alice+x@gpu", Target("gpu", "alice+x"), ("-l", "alice+x", "--", "gpu")),
        ("alice.b@gpu", Target("gpu", "alice.b"), ("-l", "alice.b", "--", "gpu")),
        ("Alice Doe@gpu", Target("gpu", "Alice Doe"), ("-l", "Alice Doe", "--", "gpu")),
        ("pc$@gpu", Target("gpu", "pc$"), ("-l", "pc$", "--", "gpu")),
        ("李雷@gpu", Target("gpu", "李雷"), ("-l", "李雷", "--", "gpu")),
        ("ssh://LAB%5Calice@gpu:22/", Target("gpu", "LAB\\alice", 22), ("-l", "LAB\\alice", "-p", "22", "--", "gpu")),
        ("ssh://[fe80::1%25eth0]:22", Target("fe80::1%eth0", None, 22), ("-p", "22", "--", "fe80::1%eth0")),
        ("ssh://%E5%AE%9E", Target("实"), ("--", "实")),
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
        "[gpu:]",
        "[-gpu:1]",
        "fe80::1%eth0%eth1",
        "al'ice@gpu",
        "alice\\@gpu",
        "alice -x@gpu",
        " alice@gpu",
        "$alice@gpu",
        "%r@gpu",
        "a" * 256 + "@gpu",
        "a" * 1025,
        "é" * 513,
        "gpu*",
        "gpu,cpu",
        "gpu\\box",
        "~gpu",
        "gpu#1",
        "gpu\u202e1",
        "gpu\u2028",
        "gpu\ud800",
        "gpu\x9b",
        "ssh://",
        "ssh://gpu/path",
        "ssh://alice;x=1@gpu",
        "ssh://alice%0a@gpu",
        "ssh://alice%ff@gpu",
        "ssh://alice%zz@gpu",
        "ssh://alice%3ageheim@gpu",
        "ssh://ssh://gpu",
        "SSH://gpu",
        "http://gpu.example.org",
        "http://gpu.example.org:8800/lab",
    ],
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        parse(text)
    assert refused.value.problems[0].code in {"host", "port"}
    assert refused.value.problems[0].hint is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gpu;id", "it has the character ';', which a shell or a terminal interprets"),
        ("gpu\n", r"it has the character '\n', which"),
        ("-gpu", "a part of it begins with a dash, as an option does"),
        ("@gpu", "a part of it is missing"),
        ("a" * 1025, "a part of it is longer than 1024 bytes"),
        ("http://gpu", "what follows its colon is no port"),
        ("ssh://gpu/path", "a URI of ssh has no path"),
        ("ssh://%ff", "its percent-encoding stands for no text"),
        ("alice -x@gpu", "its user has a character where no user's name has it"),
    ],
)
def test_the_reason_is_told(text: str, reason: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        parse(text)
    assert reason in str(refused.value.problems[0].message)


@pytest.mark.parametrize("alias", ["gpu", "gpu:1", "lab:gpu", "aws/1", "::1", "fe80::1%eth0"])
def test_an_alias_is_meant_as_it_stands(alias: str) -> None:
    assert is_alias(alias)
    assert parse(literal(alias)) == Target(alias)


@pytest.mark.parametrize("word", ["", "*", "gpu?", "!gpu", "a@b", "ssh://gpu", "gpu:", "[gpu:1]", "-x", "a b"])
def test_what_no_alias_can_be(word: str) -> None:
    assert not is_alias(word)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("alice:geheim@gpu", "ssh-copy-id alice@gpu"),
        ("alice:ge@heim@gpu:22", "ssh-copy-id alice@gpu"),
        ("$(id):geheim@gpu", "ssh-copy-id user@host"),
        ("alice:geheim@$(id)", "ssh-copy-id user@host"),
        ("LAB\\alice:geheim@gpu", "ssh-copy-id 'LAB\\alice@gpu'"),
    ],
)
def test_a_password_is_refused_and_not_repeated(text: str, hint: str) -> None:
    with pytest.raises(WrongUsage) as refused:
        parse(text)
    problem = refused.value.problems[0]
    assert problem.code == "password-in-host"
    assert "heim" not in str(problem.message) + str(problem.hint)
    assert str(problem.hint).endswith(hint)


WORDS = st.text(max_size=40)
PARTS = st.lists(st.sampled_from(["@", ":", "[", "]", "%", "ssh://", "22", "::1", "gpu", "-", "/", "\\", "$", " ", "实"]), max_size=8).map(
    "".join
)


@given(st.one_of(WORDS, PARTS, st.from_regex(r"-?[a-z@:\[\]%.-]{0,20}")))
def test_nothing_that_passes_can_be_an_option_or_a_word_of_a_shell(text: str) -> None:
    try:
        found = parse(text)
    except WrongUsage:
        return
    values = [word for word in found.words if word not in {"-l", "-p", "--"}]
    assert not any(value.startswith("-") for value in values)
    assert not set(found.host) & set(" \t\n\r\0'\"`$;&|<>(){}*?!#~\\=[]^,")
    assert not set(found.user or "") & set("\t\n\r\0'\"`;&|<>(){}*?!%:")
    assert parse(str(found)) == found
