"""What a person at a terminal is asked, and what is done with the answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from jupyter_server.auth.security import passwd_check

from tests.commands.host import PASSWORD, Host
from tests.commands.terminal import CTRL_C, CTRL_D, Terminal


@dataclass(frozen=True)
class Words:
    """The questions in one language."""

    locale: str
    access: str
    password: str
    again: str
    language: str
    default_language: str
    done: str
    nothing: str


ENGLISH = Words(
    "C.UTF-8",
    "How does the laptop reach this host",
    "Sign-in password (at least 8 characters)",
    "Repeat the password",
    "Language of the interface",
    "en",
    "Done.",
    "error: Nothing was done.",
)
CHINESE = Words(
    "zh_CN.UTF-8",
    "本地电脑如何访问本机",
    "登录密码（至少 8 个字符）",
    "再次输入同一密码",
    "界面语言",
    "zh_CN",
    "已完成。",
    "错误: 未做任何更改。",
)
BOTH = pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh_CN"])


def _speaks(host: Host, words: Words) -> None:
    host.variables["LANG"] = words.locale


@BOTH
def test_init_asks_three_things_and_takes_the_defaults(host: Host, words: Words) -> None:
    _speaks(host, words)
    with Terminal(host, "init", "--allow-root") as terminal:
        terminal.answer(words.access, "")
        terminal.answer(words.password, PASSWORD)
        terminal.answer(words.again, PASSWORD)
        terminal.answer(words.language, "")
        assert terminal.finish() == 0
        assert words.done in terminal.seen
        assert PASSWORD not in terminal.seen
    written = host.instance()
    assert (written["RemoteKit"]["access"], written["RemoteKit"]["language"]) == ("lan", words.default_language)
    assert passwd_check(host.hashed, PASSWORD)


@BOTH
def test_the_answers_are_taken(host: Host, words: Words) -> None:
    _speaks(host, words)
    other = "en" if words is CHINESE else "zh_CN"
    with Terminal(host, "init", "--allow-root") as terminal:
        terminal.answer(words.access, "wan")
        terminal.answer(words.access, "ssh")
        terminal.answer(words.language, other)
        assert terminal.finish() == 0
        # Over ssh the token suffices: a password is not even asked for.
        assert words.password not in terminal.seen
    written = host.instance()
    assert (written["RemoteKit"]["access"], written["RemoteKit"]["language"]) == ("ssh", other)
    assert host.hashed == ""


@BOTH
def test_two_passwords_that_differ_are_asked_for_again(host: Host, words: Words) -> None:
    _speaks(host, words)
    with Terminal(host, "init", "--allow-root", "--access", "relay", "--language", "en") as terminal:
        terminal.answer(words.password, PASSWORD)
        terminal.answer(words.again, "a slip of the finger")
        terminal.answer(words.password, "quite another one")
        terminal.answer(words.again, "quite another one")
        assert terminal.finish() == 0
        assert words.access not in terminal.seen
        assert words.language not in terminal.seen
    assert passwd_check(host.hashed, "quite another one")


@BOTH
@pytest.mark.parametrize("at", [0, 1, 2, 3], ids=["access", "password", "again", "language"])
@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
def test_leaving_at_any_question_writes_nothing(host: Host, words: Words, at: int, key: str) -> None:
    _speaks(host, words)
    before = host.tree()
    questions = [(words.access, "lan"), (words.password, PASSWORD), (words.again, PASSWORD), (words.language, "en")]
    with Terminal(host, "init", "--allow-root") as terminal:
        for question, answer in questions[:at]:
            terminal.answer(question, answer)
        terminal.press(questions[at][0], key)
        assert terminal.finish() == 1
        assert terminal.seen.rstrip().splitlines()[-1].endswith(words.nothing.partition(": ")[2])
        assert "Traceback" not in terminal.seen
    assert host.tree() == before


def test_a_second_init_asks_nothing(lan_host: Host) -> None:
    before = lan_host.tree()
    with Terminal(lan_host, "init") as terminal:
        assert terminal.finish() == 0
        assert "Nothing to do" in terminal.seen
    assert lan_host.tree() == before


def test_what_the_options_say_is_not_asked(host: Host) -> None:
    with Terminal(host, "init", "--allow-root", "--access", "lan", "--generate-password", "--language", "zh_CN") as terminal:
        assert terminal.finish() == 0
        assert terminal.seen.count("The password, shown this once: ") == 1


def test_a_short_password_is_refused_in_a_sentence_and_asked_for_again(host: Host) -> None:
    with Terminal(host, "init", "--allow-root", "--access", "lan", "--language", "en") as terminal:
        terminal.answer(ENGLISH.password, "1234567")
        terminal.answer(ENGLISH.again, "1234567")
        terminal.until("The password has 7 characters; at least 8 are needed.")
        terminal.answer(ENGLISH.password, "Correct-horse-7")
        terminal.answer(ENGLISH.again, "Correct-horse-7")
        assert terminal.finish() == 0


@pytest.mark.parametrize(("answer", "rotated"), [("y", True), ("n", False), ("", False)])
def test_rotating_the_token_is_asked_once(lan_host: Host, answer: str, rotated: bool) -> None:
    token = lan_host.token
    with Terminal(lan_host, "token") as terminal:
        terminal.answer("Rotate the token, and end every session? [y/N]", answer)
        assert terminal.finish() == (0 if rotated else 1)
    assert (lan_host.token != token) is rotated


@pytest.mark.parametrize(("answer", "removed"), [("y", True), ("n", False), ("", False)])
def test_removing_is_shown_first_and_asked_once(ssh_host: Host, answer: str, removed: bool) -> None:
    before = ssh_host.tree()
    with Terminal(ssh_host, "remove") as terminal:
        shown = terminal.until("Remove all of it?")
        assert f"remove {ssh_host.layout.instance_file('default')}" in shown
        terminal.answer("[y/N]", answer)
        assert terminal.finish() == (0 if removed else 1)
    assert (ssh_host.tree() == before) is not removed
    assert ssh_host.layout.instance_file("default").exists() is not removed


def test_a_new_password_is_asked_twice_without_echo(lan_host: Host) -> None:
    with Terminal(lan_host, "password") as terminal:
        terminal.answer(ENGLISH.password, "another good password")
        terminal.answer(ENGLISH.again, "another good password")
        assert terminal.finish() == 0
        assert "another good" not in terminal.seen
    assert passwd_check(lan_host.hashed, "another good password")


@BOTH
def test_json_asks_nothing_even_on_a_terminal(host: Host, words: Words) -> None:
    _speaks(host, words)
    with Terminal(host, "init", "--allow-root", "--json") as terminal:
        assert terminal.finish() == 2
        assert '"password-option-missing"' in terminal.seen


def test_labels_and_urls_stand_in_columns_that_count_a_chinese_letter_twice(ssh_host: Host) -> None:
    ssh_host.variables["LANG"] = "zh_CN.UTF-8"
    with Terminal(ssh_host, "urls") as terminal:
        assert terminal.finish() == 0
    lines = [line for line in terminal.seen.splitlines() if "http://" in line or "ssh -N" in line]
    columns = {_columns(line[: line.index(start)]) for line in lines for start in ("http://", "ssh -N") if start in line}
    assert len(lines) == 3
    assert len(columns) == 1


def _columns(text: str) -> int:
    import re
    import unicodedata

    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in plain)
