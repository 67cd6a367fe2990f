"""The pictures of the READMEs: a person's first minutes with the kit, once in English and once in Chinese.

`python -m tests.e2e.screenshots` starts a managed server on one machine, drives a browser on another, and writes
`ui-tests/screenshots/*.png`. It needs what the end-to-end tests need: Linux, root, Chromium. Nothing in the pictures is drawn by hand; the
terminal is a real one whose screen a browser has rendered, with the tokens left out and the temporary home called `/home/mei`.
"""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NotSeen
from rich.console import Console
from rich.text import Text

from tests.e2e.stage import laptop as laptops
from tests.e2e.stage import namespaces
from tests.e2e.stage.hosts import Host, connected
from tests.e2e.stage.laptop import STARTS_WITHIN_MS, WIDE, Lab, Laptop
from tests.e2e.stage.waiting import until

FOLDER = Path(__file__).parents[2] / "ui-tests" / "screenshots"
BASE = "https://gpubox:8800"
PASSWORD = "correct horse battery"
USER, USER_ID = "mei", 1000
COLUMNS = 110
WIDE_TERMINAL = 200
TYPED = "jupyter remotekit up --detach"
LANGUAGE_SERVER_WITHIN_S = 90
# The one font here in which a Chinese character is exactly two columns wide, as in a terminal.
TERMINAL_PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><style>
body {{ margin: 0; display: inline-block; background: #fff; }}
pre {{ margin: 0; padding: 16px 20px; width: {columns}ch; background: #1b1f27; color: #d6dae2; border-radius: 8px;
  font: 14px/1.5 "Noto Sans Mono CJK SC", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style><pre>{screen}</pre></html>"""


@dataclass(frozen=True)
class Story:
    """What differs between the two tellings."""

    suffix: str
    locale: str
    browser: str
    heading: str
    lead: str
    comment: str
    row: str


STORIES = (
    Story(
        "", "en_US.UTF-8", "en-US", "First run", "The code runs on the GPU host; the laptop only shows it.", "Where does this run?", "epoch"
    ),
    Story("-zh", "zh_CN.UTF-8", "zh-CN", "第一次训练", "代码在 GPU 主机上运行，电脑上只是显示。", "这段代码在哪里运行？", "第 {n} 轮"),
)


def cell(kind: str, source: str) -> dict[str, object]:
    """One cell of a notebook file."""
    code: dict[str, object] = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": f"{abs(hash(source)):x}"[:8], "metadata": {}, "source": source, **code}


def notebook(*cells: dict[str, object]) -> str:
    """A notebook file for the Python kernel."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def furnish(home: Path, story: Story) -> None:
    """What somebody has in their home: a notebook, a module, a folder of data."""
    (home / "data").mkdir()
    label = f'f"{story.row}"' if "{n}" in story.row else f'f"{story.row} {{n}}"'
    first = f'# {story.comment}\nimport platform\n\nprint(f"Python {{platform.python_version()}} on {{platform.node()}}")'
    second = (
        "losses = [2.31 * 0.74**n for n in range(8)]\n\n"
        f'for n, loss in enumerate(losses, start=1):\n    print({label}, f"{{loss:6.3f}}", "=" * round(loss * 20))'
    )
    cells = (cell("markdown", f"# {story.heading}\n\n{story.lead}"), cell("code", first), cell("code", second), cell("code", ""))
    (home / "first-run.ipynb").write_text(notebook(*cells))
    (home / "colours.ipynb").write_text(notebook(cell("code", "import colorsys"), cell("code", "")))
    (home / "shovel.py").write_text(
        "def dig_a_trench(metres: int) -> int:\n    return metres\n\n\ndef dig_a_well(metres: int) -> int:\n    return metres\n"
    )
    (home / "digging.py").write_text('"""Completion comes from the files, not from a running kernel."""\n\nimport shovel\n\n')


def people_know(host: Host) -> None:
    """Give the host a user: `ip netns exec` lays these files over those of the machine."""
    Path("/etc/netns", host.machine.label, "passwd").write_text(
        f"root:x:0:0:root:/root:/bin/bash\n{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:/bin/bash\n"
    )


def first_up(host: Host, story: Story) -> str:
    """`up --detach` by an ordinary user at a terminal who answers its questions; what the screen then shows."""
    as_user = ["unshare", "--user", f"--map-user={USER_ID}", f"--map-group={USER_ID}"]
    program, *argv = host.machine.command([*as_user, host.prefix / "bin" / "jupyter", *TYPED.split()[1:]])
    environment = host.env(LANG=story.locale, TERM="xterm-256color", COLUMNS=str(WIDE_TERMINAL), USER=USER)
    terminal = pexpect.spawn(
        program, argv, env=environment, cwd=str(host.home), dimensions=(50, WIDE_TERMINAL), timeout=90, encoding="utf-8"
    )
    shown: list[str] = []

    def answer(text: str, *, hidden: bool = False) -> None:
        terminal.expect(r"[:：] ?$")
        if hidden:
            terminal.waitnoecho()
        shown.append(terminal.before + terminal.after)
        terminal.sendline(text)

    answer("lan")
    answer(PASSWORD, hidden=True)
    answer(PASSWORD, hidden=True)
    answer("")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0, shown
    screen = "".join(shown) + terminal.before
    return tidy(host, screen.replace("\r\n", "\n"))


def tidy(host: Host, screen: str) -> str:
    """The screen for others to see: without the token, with a home as people have it, and with a list that comes again as an ellipsis."""
    shown = re.sub(r"token=\w+", "token=…", screen.replace(str(host.home), f"/home/{USER}")).rstrip()
    return re.sub(r"(?P<steps>(^  \S.*\n){2,})(?P<between>(.*\n)+?)(?P=steps)", r"\g<steps>\g<between>  …\n", shown, flags=re.MULTILINE)


@dataclass(frozen=True)
class Screen:
    """What somebody's terminal shows: who sits there, what was typed, and what came of it, colours and all."""

    who: str
    typed: str
    printed: str


def draw_terminal(page: Page, language: str, screen: Screen, file: Path) -> None:
    """Let a browser draw a terminal."""
    console = Console(record=True, width=1000, file=open("/dev/null", "w"), force_terminal=True)  # noqa: PTH123, SIM115
    console.print(Text.from_ansi(screen.printed), soft_wrap=True)
    body = console.export_html(inline_styles=True, code_format="{code}").strip()
    prompt = f'<span style="color:#7ee787">{screen.who}</span>:<span style="color:#79c0ff">~</span>$ {html.escape(screen.typed)}\n'
    page.set_content(TERMINAL_PAGE.format(language=language, columns=COLUMNS, screen=prompt + body))
    page.locator("pre").screenshot(path=file, omit_background=True)


def sign_in(page: Page, story: Story) -> Lab:
    """The sign-in page, a picture of it, and JupyterLab behind it; its question about news is answered."""
    page.goto(f"{BASE}/lab")
    page.set_viewport_size({"width": 800, "height": 500})
    expect(page.locator("input[type=password]")).to_be_visible()
    page.screenshot(path=FOLDER / f"login{story.suffix}.png")
    page.set_viewport_size(WIDE)
    lab = Lab(page)
    lab.sign_in(f"{BASE}/lab", PASSWORD)
    # Privacy policy, yes, no.
    page.locator(".jp-toast-button").last.click()
    page.locator(".Toastify__toast").wait_for(state="detached")
    return lab


def connection_shown(page: Page) -> None:
    """Wait until the status bar has measured the way to the server."""
    expect(page.locator(".jp-RemoteKit-Connection-body")).to_contain_text(re.compile(r"\d+ ms"), timeout=STARTS_WITHIN_MS)


def draw_lab(lab: Lab, story: Story) -> None:
    """A notebook whose cells have run."""
    lab.open(f"{BASE}/lab/tree/first-run.ipynb")
    settled(lab.page)
    lab.idle()
    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    for number in (0, 1):
        cells.nth(number).locator(".cm-content").click()
        lab.page.keyboard.press("Shift+Enter")
        cells.nth(number).locator(".jp-OutputArea-output").first.wait_for()
    lab.idle()
    lab.page.screenshot(path=FOLDER / f"lab{story.suffix}.png")


def server_ready(page: Page) -> None:
    """Wait until the language server knows the document."""
    expect(page.locator(".lsp-statusbar-item")).to_contain_text(
        re.compile("Fully initialized|完全初始化|已初始化"), timeout=LANGUAGE_SERVER_WITHIN_S * 1000
    )


def offered(page: Page, typed: str, entry: str) -> bool:
    """Type, and see whether the popup offers `entry`; else take it back, to be tried again."""
    page.keyboard.type(typed, delay=60)
    try:
        page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item", has_text=entry).first.wait_for(timeout=6_000)
    except NotSeen:
        for _ in typed:
            page.keyboard.press("Backspace")
        return False
    return True


def draw_completion(lab: Lab) -> None:
    """The popup in a notebook that has not run, and in a file."""
    page = lab.page
    lab.open(f"{BASE}/lab/tree/colours.ipynb?reset")
    settled(page)
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(1).click()
    until(lambda: offered(page, "colorsys.rgb_to", "rgb_to_hsv"), "jedi's entry in the popup", LANGUAGE_SERVER_WITHIN_S)
    page.screenshot(path=FOLDER / "completion.png")
    lab.open(f"{BASE}/lab/tree/digging.py?reset")
    settled(page)
    page.locator(".jp-FileEditor .cm-content").click()
    page.keyboard.press("Control+End")
    until(lambda: offered(page, "shovel.dig", "dig_a_well"), "jedi's entry in the popup", LANGUAGE_SERVER_WITHIN_S)
    page.screenshot(path=FOLDER / "completion-file.png")


def settled(page: Page) -> None:
    """Wait until the page has started all that it starts by itself: what is typed before may find nobody listening."""
    server_ready(page)
    connection_shown(page)


@contextlib.contextmanager
def told(story: Story) -> Iterator[tuple[Host, Laptop, str]]:
    """A furnished host on which somebody has just run `up`, a laptop that trusts it, and what the terminal showed."""
    with connected() as (host, machine):
        people_know(host)
        furnish(host.home, story)
        screen = first_up(host, story)
        home = host.home.parent / "laptop"
        home.mkdir()
        laptop = Laptop(machine, home)
        laptop.trust(host.ca)
        yield host, laptop, screen


def main() -> None:
    """Take every picture."""
    if reason := namespaces.reason_to_skip() or laptops.reason_to_skip():
        raise SystemExit(reason)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for story in STORIES:
        with told(story) as (_, laptop, screen), laptop.page(story.browser) as page:
            shown = Screen(f"{USER}@gpubox", TYPED, screen)
            draw_terminal(page, story.browser, shown, FOLDER / f"terminal-up{story.suffix}.png")
            lab = sign_in(page, story)
            draw_lab(lab, story)
            if not story.suffix:
                draw_completion(lab)


if __name__ == "__main__":
    main()
