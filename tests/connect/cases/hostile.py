"""What nobody means, in the place of a host, a user, a port, a folder, an environment, an interpreter or a name.

The texts are written by hand, where they stand is not. Whatever of them is evaluated by some shell makes a file whose name begins with
`canary`, where it is evaluated or in /tmp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

# For sh, bash and ksh; for zsh, fish and tcsh; for cmd.exe. `LIVE` are those that the tests try out.
LIVE = (
    "$(touch canary)",
    "`touch canary`",
    ";touch canary",
    "; touch canary;",
    "x;touch canary #",
    "|touch canary",
    "&touch canary",
    "x&&touch canary",
    "x & touch canary &",
    "\ntouch canary\n",
    "x\ntouch canary",
    "<(touch canary)",
    "(touch canary)",
    "$(touch${IFS}canary)",
    "x$IFS`touch${IFS}canary`",
    "${x:-$(touch canary)}",
    "${x:=`touch canary`}",
    "$((1`touch canary`))",
    "$[1`touch canary`]",
    "$(>canary)",
    "`>canary`",
    ">canary",
    ">>canary",
    "2>canary",
    ">|canary",
    "&>canary",
    "';touch canary;'",
    "'$(touch canary)'",
    "'`touch canary`'",
    "x' && touch canary '",
    "'|touch canary|'",
    "'\ntouch canary\n'",
    '";touch canary;"',
    '"$(touch canary)"',
    '"`touch canary`"',
    'x" && touch canary "',
    "\\\\`touch canary`",
    "\\\\$(touch canary)",
    "$(printf 'touch canary'|sh)",
    "$(echo dG91Y2ggY2FuYXJ5|base64 -d|sh)",
    "`eval 'touch canary'`",
    "$(sh -c '>canary')",
    "{a,`touch canary`}",
    "=(touch canary)",
    "*(e:'touch canary':)",
    "`touch canary``",
)
ASLEEP = (
    "||touch canary",
    "' || touch canary '",
    "$(touch canary)$(",
    "$'\\x60touch canary\\x60'",
    "!touch canary",
    "!!",
    "!$",
    "^x^touch canary^",
    "% touch canary",
    "& echo x>canary",
    "^& echo x>canary",
    "%COMSPEC% /c echo x>canary",
    "$env:x;ni canary",
    "@(touch canary)",
    "x#$(touch canary)",
    "''",
    '""',
    "'",
    '"',
    "`",
    "\\",
    "\\'",
    "$",
    "$$",
    "$0",
    "$@",
    "$HOME",
    "${HOME}",
    "$(",
    "${",
    ")",
    "&",
    "&&",
    "|",
    ";",
    ";;",
    "<<EOF",
    "<",
    "#",
    "=ls",
    "x=y",
    "a b",
)
OPTIONS = (
    "-oProxyCommand=touch canary",
    "-oProxyCommand=touch${IFS}canary",
    "-oProxyCommand=;touch canary",
    "-oLocalCommand=touch canary",
    "-oPermitLocalCommand=yes",
    "-oKnownHostsCommand=/usr/bin/touch canary",
    "-oProxyUseFdpass=yes",
    "-oStrictHostKeyChecking=no",
    "-o",
    "-Fcanary",
    "-Ecanary",
    "-E/tmp/canary",
    "-I/tmp/canary.so",
    "-lroot",
    "-J$(touch canary)",
    "-Wgpu:22",
    "-D1080",
    "-L1:gpu:1",
    "-R1:gpu:1",
    "-f",
    "-N",
    "-vvv",
    "-i/dev/null",
    "-S/tmp/canary",
    "-Oexit",
    "-Gx",
    "-V",
    "-",
    "--",
    "---",
    "-rf",
    "-c",
    "--help",
    "--json",
    "--python=/bin/sh",
    "--root-dir=/",
    "--ip=0.0.0.0",
    "--allow-root",
)
TOKENS = ("%h", "%r", "%r@%h", "%p", "%n", "%u", "%d", "%C", "%L", "%l", "%T", "%t", "%k", "%K", "%i", "%f", "%H", "%I", "%j", "%%", "%")
TILDES = ("~", "~/", "~root", "~root/x", "~+", "~-", "~1", "~nobody/x", "~$(touch canary)", "~`touch canary`/x", "~~", "~alice/../x", "x~")
GLOBS = ("*", "?", "[a-z]*", "[!a]", "**/*", "{a,b}", "{1..9}", "!(x)", "@(x|y)", "*(N)", "^x", ".*", "x*")
PLACES = ("../x", "../../etc/passwd", "/..", "/./x", "//x", "x//y", "/dev/null", "/proc/self/fd/0", ".", "..", "/", "x/", "x/.", "x/../y")
FOREIGN_PLACES = (
    "C:\\x",
    "\\\\server\\share",
    "con",
    "nul",
    "file:///etc/passwd",
    "x:y",
    "x::y",
    ":",
    "@",
    "x@y",
    "x@y@z",
    "=",
    ",",
    "x,y",
    "+",
)
FORMATS = (
    "{}",
    "{0}",
    "{host}",
    "{host!r}",
    "{host.__class__}",
    "{0.__init__.__globals__}",
    "{{x}}",
    "{",
    "}",
    "{:>99}",
    "%s",
    "%n%n%n",
    "%(host)s",
    "%99999d",
    "$host",
    "\\n",
    "\\x41",
    "\\u0041",
    "\\N{BEL}",
    "[red]x[/red]",
    "[/]",
    "[bold",
    "[link=http://192.0.2.66]x[/link]",
    "<b>x</b>",
    "&lt;",
)
TERMINAL = (
    "\x1b[2J",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJmIH4K\x07",
    "\x1b]8;;http://192.0.2.66/\x1b\\x",
    "\x1bc",
    "\x1bP$q\x1b\\",
    "\x9b31m",
    "\x9d0;title\x9c",
    "x\x07",
    "xyz\x08\x08\x08",
    "x\x7f",
    "x\ry",
    "x\r\ny",
    "x\ny",
    "x\n",
    "\x01\x02\x03",
    "x\x0by",
    "x\x0cy",
    "x\x85y",
    "x\u2028y",
    "x\u2029y",
)
UNICODE = (
    "x\u202ey",
    "\u2066x\u2069",
    "\u200fx",
    "x\u200by",
    "x\u200dy",
    "\ufeffx",
    "x\u00ady",
    "ｇｐｕ",
    "gрu",
    "gpu。lab",
    "①②",
    "٢٢",
    "\u212a",
    "ß",
    "é",
    "e\u0301",
    "数据",
    "データ",
    "🚀",
    "👩\u200d🔬",
    "x\u00a0y",
    "x\u3000y",
    "\u3164",
    "\U000e0041",
    "\ue000",
    "\ufffe",
    "\ufffd",
    "x\udcffy",
    "\ud800",
    "\ud83d\ude80",
)
BLANKS = ("", " ", "  x", "x ", "x  y", "\t", "x\ty")
LONG = (*("a" * length for length in (33, 64, 65, 254, 256, 4095, 4097, 100_000)), "/" + "b/" * 2100, "é" * 3000)
TEXTS = (*LIVE, *ASLEEP, *OPTIONS, *TOKENS, *TILDES, *GLOBS, *PLACES, *FOREIGN_PLACES, *FORMATS, *TERMINAL, *UNICODE, *BLANKS, *LONG)

HOSTS = (
    "alice:secret@gpu",
    "alice:@gpu",
    ":secret@gpu",
    "alice:$(touch canary)@gpu",
    "ssh://alice:secret@gpu",
    "ssh://alice:secret@gpu:22",
    "ssh://",
    "ssh://@",
    "ssh://gpu/path",
    "ssh://gpu?x",
    "ssh://ssh://gpu",
    "ssh://-oProxyCommand=x",
    "SSH://gpu",
    "scp://gpu",
    "http://gpu",
    "gpu:22:23",
    "gpu:0",
    "gpu:65536",
    "gpu:022222",
    "gpu:-1",
    "gpu:+22",
    "gpu:2 2",
    "gpu:22\n",
    "gpu:0x16",
    "gpu:٢٢",
    "gpu:ssh",
    "gpu:",
    "gpu: 22",
    "[::1",
    "::1]",
    "[::1]x",
    "[::1]:x",
    "[gpu]",
    "[gpu]:22",
    "[[::1]]",
    "[::1]:22:22",
    "::1%",
    "fe80::1%eth0;touch canary",
    "fe80::1%$(touch canary)",
    "fe80::1%-oProxyCommand=x",
    "[fe80::1%`touch canary`]:22",
    "fe80::1%eth0%eth1",
    "::ffff:1.2.3.4%x y",
    "1::2::3",
    ":::",
    "@gpu",
    "alice@",
    "alice@@gpu",
    "alice@gpu@",
    "gpu.",
    ".gpu",
    "gpu-",
    "gpu/evil",
    "gpu\\evil",
    "gpu=evil",
    "gpu,evil",
    "gpu evil",
    "alice@gpu touch canary",
)


class Place(Enum):
    """Where a text stands. The value is a form of the command line; the last word of it is the text, or ends with it."""

    HOST = "connect --dry-run --json --"
    PROJECT_DIR = "connect gpu --dry-run --json --project-dir="
    ENV = "connect gpu --dry-run --json --env="
    PYTHON = "connect gpu --dry-run --json --python="
    INSTANCE = "connect gpu --dry-run --json --instance="
    LANGUAGE = "connect gpu --dry-run --json --language="
    LOCAL_PORT = "connect gpu --dry-run --json --local-port="
    WHEEL = "connect gpu --dry-run --json --wheel="
    NAME = "hosts add gpu --dry-run --json --name="
    NEW_NAME = "hosts rename gpu --dry-run --json --"
    OLD_NAME = "hosts remove --dry-run --json --"

    def argv(self, text: str) -> list[str]:
        """The command line."""
        *words, last = self.value.split()
        return [*words, f"{last}{text}"] if last.endswith("=") else [*words, last, text]


@dataclass(frozen=True)
class Case:
    """One text in one place."""

    place: Place
    text: str


def _hosts() -> Iterator[str]:
    yield from HOSTS
    for text in TEXTS:
        yield from (text, f"{text}@gpu", f"alice@{text}", f"gpu:{text}", f"ssh://{text}@gpu", f"[fe80::1%{text}]")


def _folders() -> Iterator[str]:
    for text in TEXTS:
        yield from (text, f"~/{text}", f"/home/dana/{text}")


def _cases() -> Iterator[Case]:
    yield from (Case(Place.HOST, text) for text in _hosts())
    for place in (Place.PROJECT_DIR, Place.ENV, Place.PYTHON):
        yield from (Case(place, text) for text in _folders())
    for place in (Place.INSTANCE, Place.LANGUAGE, Place.LOCAL_PORT, Place.NAME, Place.NEW_NAME, Place.OLD_NAME):
        yield from (Case(place, text) for text in TEXTS)
    # The system is asked for this one, which has no name for a lone surrogate.
    yield from (Case(Place.WHEEL, text) for text in TEXTS if not re.search("[\ud800-\udbff]", text))


CASES = tuple(dict.fromkeys(_cases()))
