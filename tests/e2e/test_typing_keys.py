"""What each key does while a popup is open, in notebooks, files and consoles; the gutter; signature help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest
from playwright.async_api import Locator

from tests.e2e.cases.typing_lines import BEFORE
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.laptop import Laptop, artefact
from tests.e2e.stage.typists import EDITOR, Desk, Typist, seen, side_by_side

KIT = "jupyter-remote-kit:completion"
SIGNATURE = ".lsp-signature-help"
KINDS = (".ipynb", ".py")
Check = Callable[[Typist], Awaitable[None]]
pytestmark = pytest.mark.timeout(900)


async def fresh(typist: Typist, kind: str) -> None:
    """A document with `BEFORE`, whose language server has answered once, and the cursor on an empty line."""
    await typist.open(kind, *((BEFORE, "") if kind == ".ipynb" else (BEFORE,)))
    await typist.page.keyboard.type("robot.")
    assert await typist.first_item(60) == "battery_level"
    await typist.clear_line()


async def popup_at(typist: Typist, typed: str, wanted: str) -> None:
    await typist.page.keyboard.type(typed, delay=30)
    assert await typist.first_item(20, wanted) == wanted


async def keys_of_a_popup_that_opened_by_itself(typist: Typist) -> None:
    for kind in KINDS:
        await fresh(typist, kind)
        await popup_at(typist, "learn", "learning_rate")
        await typist.keys("Tab")
        assert await typist.line() == "learning_rate"
        await typist.clear_line()
        await popup_at(typist, "robot.batt", "battery_level")
        await typist.keys("ArrowDown", "Enter")
        assert await typist.line() == "robot.battery_level"
        await typist.clear_line()
        for key, left in (("Space", "learn "), ("(", "learn("), (".", "learn."), (":", "learn:"), ("Escape", "learn")):
            await popup_at(typist, "learn", "learning_rate")
            await typist.keys(key)
            assert (await typist.line()).rstrip() == left.rstrip()
            await typist.clear_line()
        await popup_at(typist, "learn", "learning_rate")
        await typist.keys("Enter")
        await typist.popup.wait_for(state="detached")
        assert await typist.line() == ""


async def keys_of_a_popup_that_was_asked_for(typist: Typist) -> None:
    for kind in KINDS:
        await typist.complete(False)
        await typist.open(kind, *((BEFORE, "") if kind == ".ipynb" else (BEFORE,)))
        await typist.page.keyboard.type("robot.batt")
        await typist.keys("Tab")
        assert await typist.first_item(20) == "battery_level"
        await typist.keys("Enter")
        assert await typist.line() == "robot.battery_level"
        await typist.complete(True)


async def a_popup_that_was_asked_for_right_after_a_letter(typist: Typist) -> None:
    for kind in KINDS:
        await fresh(typist, kind)
        await typist.page.keyboard.type("robot.")
        await typist.keys("Tab")
        assert await typist.first_item(20) == "battery_level"
        await typist.keys("Enter")
        assert await typist.line() == "robot.battery_level"


async def a_letter_after_escape_and_tab(typist: Typist) -> None:
    for kind in KINDS:
        await fresh(typist, kind)
        await popup_at(typist, "robot.", "battery_level")
        await typist.keys("Escape", "Tab")
        assert await typist.first_item(20, "battery_level") == "battery_level"
        for letter in "re":
            await typist.page.keyboard.type(letter)
            assert await seen(typist.popup.get_by_text("recharge", exact=True), 10)
        assert await typist.line() == "robot.re"


async def shift_enter_and_control_enter(typist: Typist) -> None:
    for key in ("Shift+Enter", "Control+Enter"):
        await fresh(typist, ".ipynb")
        await popup_at(typist, "learn", "learning_rate")
        await typist.keys(key)
        await typist.popup.wait_for(state="detached")
        error = typist.page.locator(".jp-OutputArea-output").last
        await error.wait_for()
        assert "name 'learn' is not defined" in await error.inner_text()
        # Command mode stays command mode: nothing gives a cell the focus, which would take the next key as text.
        await typist.keys("Control+s")
        sources = await typist.page.locator(".jp-CodeCell .cm-content").all_inner_texts()
        assert "learn" in sources


async def magics_behind_a_percent_sign_only(typist: Typist) -> None:
    await fresh(typist, ".ipynb")
    await popup_at(typist, "%timei", "%timeit")
    await typist.clear_line()
    for typed in ("a", "def f(a", "al"):
        await typist.page.keyboard.type(typed, delay=30)
        await typist.first_item(4)
        items = await typist.popup.locator(".jp-Completer-match").all_inner_texts()
        assert not [item for item in items if item.startswith("%")]
        await typist.clear_line()


async def enter_takes_it_where_the_user_wants_so(typist: Typist) -> None:
    await typist.set(KIT, {"enterAccepts": True})
    await fresh(typist, ".py")
    await popup_at(typist, "learn", "learning_rate")
    await typist.keys("Enter")
    assert await typist.line() == "learning_rate"
    await typist.set(KIT, {})


async def what_was_typed_before_the_server_was_ready(typist: Typist) -> None:
    await typist.open(".py", BEFORE, server=False)
    await typist.page.keyboard.type("robot.batt")
    assert await typist.first_item(60, "battery_level") == "battery_level"


async def a_console(typist: Typist) -> None:
    await typist.page.goto(f"{typist.desk.url}/lab?reset")
    await typist.page.locator(".jp-Launcher-section").nth(1).locator(".jp-LauncherCard").first.click()
    prompt = typist.page.locator(".jp-CodeConsole-promptCell .cm-content")
    await prompt.click()
    await typist.page.locator(".jp-CodeConsole-banner").wait_for()
    await typist.page.locator(".jp-StatusBar-Widget", has_text="| Idle").wait_for()
    await popup_at(typist, "enumera", "enumerate")
    await typist.keys("Enter")
    await typist.page.keyboard.type("x = 3.")
    await asyncio.sleep(2)  # the pause before Enter: time for a popup to open
    await typist.keys("Enter")
    await typist.popup.wait_for(state="detached")
    assert (await prompt.inner_text()).split() == ["enumera", "x", "=", "3."]


async def signature_help_beside_the_line(typist: Typist) -> None:
    await typist.open(".ipynb", "")
    await typist.page.keyboard.type("print('a',", delay=30)
    tooltip = typist.page.locator(SIGNATURE)
    await tooltip.wait_for(timeout=60_000)
    await typist.page.screenshot(path=artefact("signature.png"))
    await covers_nothing_typed(typist)
    # The bracket is still open: what is typed next must not be covered either.
    await typist.keys("Enter")
    await typist.page.keyboard.type("'b',", delay=30)
    await covers_nothing_typed(typist)


async def covers_nothing_typed(typist: Typist) -> None:
    """Signature help is beside the line with the cursor, once it has followed it there, and can be read."""
    tooltip = typist.page.locator(SIGNATURE)

    async def beside() -> bool:
        box, line = await tooltip.bounding_box(), await typist.line_box()
        return box is not None and (box["y"] >= line["bottom"] or box["y"] + box["height"] <= line["top"])

    deadline = time.monotonic() + 5
    while not await beside():
        assert time.monotonic() < deadline, "the line that is typed is covered"
        await asyncio.sleep(0.1)
    box = await tooltip.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["height"] >= 40


async def a_click_in_the_gutter(typist: Typist) -> None:
    await typist.open(".ipynb", "a = 1\nprint(a)\n")
    await typist.page.locator(".jp-DebuggerBugButton").first.click()
    gutter = typist.page.locator(".jp-Notebook .cm-gutter.cm-breakpoint-gutter").first
    await gutter.wait_for(state="attached")
    await typist.page.locator(EDITOR).last.click()
    await typist.keys("Control+End")
    await popup_at(typist, "pri", "print")
    beside, line = await gutter.bounding_box(), await typist.page.locator(".jp-Notebook .cm-line").nth(1).bounding_box()
    assert beside is not None
    assert line is not None
    await typist.page.mouse.click(beside["x"] + beside["width"] / 2, line["y"] + line["height"] / 2)
    await one_stays(typist.page.locator(".jp-DebuggerBreakpoint"))


async def one_stays(found: Locator) -> None:
    """There is one for a second, within ten; the debugger draws its breakpoints anew when the kernel has answered."""
    deadline, last = time.monotonic() + 10, time.monotonic()
    while time.monotonic() < last + 1:
        assert time.monotonic() < deadline, f"there are {await found.count()}"
        if await found.count() != 1:
            last = time.monotonic()
        await asyncio.sleep(0.1)


CHECKS: tuple[Check, ...] = (
    what_was_typed_before_the_server_was_ready,
    keys_of_a_popup_that_opened_by_itself,
    keys_of_a_popup_that_was_asked_for,
    a_popup_that_was_asked_for_right_after_a_letter,
    a_letter_after_escape_and_tab,
    shift_enter_and_control_enter,
    magics_behind_a_percent_sign_only,
    enter_takes_it_where_the_user_wants_so,
    a_console,
    signature_help_beside_the_line,
    a_click_in_the_gutter,
)
DESKS = 3


@pytest.fixture(scope="module")
def outcomes(host: Host, laptop: Laptop, canaries: Canaries) -> Iterator[dict[Check, Exception | None]]:
    """What each check came to; they are made side by side."""
    found: dict[Check, Exception | None] = {}

    def making(checks: tuple[Check, ...]) -> Callable[[Typist], Awaitable[None]]:
        async def do(typist: Typist) -> None:
            for check in checks:
                try:
                    await check(typist)
                except Exception as error:
                    await typist.page.screenshot(path=artefact(f"{check.__name__}.png"))
                    found[check] = error
                else:
                    found[check] = None

        return do

    work = []
    for number in range(DESKS):
        port = 8800 + number
        desk = Desk(Host(host.machine, host.home.parent / f"home{port}", host.prefix), port, canaries.password())
        desk.serve(None)
        work.append((desk, making(CHECKS[number::DESKS])))
    asyncio.run(side_by_side(Laptop(host.machine, laptop.home), work))
    yield found
    host.stop_everything()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_keys(outcomes: dict[Check, Exception | None], check: Check) -> None:
    if error := outcomes[check]:
        raise error
