"""Chinese at the first load, completion while typing; and the user's own settings win over both."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as NotSeen

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.laptop import Lab, Laptop
from tests.e2e.stage.waiting import until

BASE = "http://127.0.0.1:8800"
TRANSLATION = "@jupyterlab/translation-extension:plugin"
COMPLETER = "@jupyterlab/completer-extension:manager"
MODULE = "def dig_deeper_than_any_kernel(metres: int) -> int:\n    return metres\n"
NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "id": str(number), "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for number, source in enumerate(("import colorsys", ""))
    ],
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}
POPUP = ".jp-Completer:not(.lm-mod-hidden)"
LANGUAGE_SERVER_WITHIN_S = 90
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def password(host: Host, canaries: Canaries) -> Iterator[str]:
    """A Chinese host, and a module of the user's that no kernel has imported."""
    password = canaries.password()
    work = host.home / "work"
    work.mkdir()
    (work / "shovel.py").write_text(MODULE)
    (work / "colours.ipynb").write_text(json.dumps(NOTEBOOK))
    host.up("--access", "ssh", "--language", "zh_CN", "--root-dir", work, "--password-stdin", stdin=f"{password}\n")
    canaries.watch_instance(host.instance_file())
    yield password
    host.stop_everything()


@pytest.fixture
def lab(host: Host, laptop: Laptop, password: str) -> Iterator[Lab]:
    """A browser at the near end of the tunnel, signed in, which asks for English: the host's choice counts."""
    with Laptop(host.machine, laptop.home).page("en-US") as page:
        lab = Lab(page)
        lab.sign_in(f"{BASE}/lab?reset", password)
        yield lab


def offered(page: Page, typed: str, entry: str) -> bool:
    """Type `typed`, no key beside it, and see whether the popup offers `entry`; else take it back, to be tried again."""
    page.keyboard.type(typed, delay=60)
    try:
        page.locator(f"{POPUP} .jp-Completer-item", has_text=entry).wait_for(timeout=6_000)
    except NotSeen:
        for _ in typed:
            page.keyboard.press("Backspace")
        return False
    return True


def second_cell(lab: Lab) -> None:
    """Open a notebook whose first cell imports a module and is never run, and go to its second one."""
    lab.open(f"{BASE}/lab/tree/colours.ipynb")
    lab.page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(1).click()


def complete_in_the_file(lab: Lab, name: str) -> None:
    """Go to the end of the file `name`, opening it in this page where it is not open, and complete what only jedi knows."""
    if not lab.page.locator(".jp-FileEditor:visible").count():
        lab.page.locator(".jp-DirListing-item", has_text=name).dblclick()
    lab.page.locator(".jp-FileEditor:visible .cm-content").click()
    lab.page.keyboard.press("Control+End")
    until(lambda: offered(lab.page, "shovel.dig", "dig_deeper_than_any_kernel"), "jedi's entry in the popup", LANGUAGE_SERVER_WITHIN_S)
    lab.page.keyboard.press("Escape")
    lab.page.keyboard.press("Enter")


def test_the_interface_is_chinese_at_the_first_load(lab: Lab) -> None:
    assert {"文件", "编辑", "查看", "运行", "设置", "帮助"} <= set(lab.menus())
    assert lab.page.locator("html").get_attribute("lang") in {"zh", "zh-CN", "zh_CN"}
    lab.picture("lab-zh.png")


def test_completion_pops_up_while_typing_in_a_notebook(lab: Lab) -> None:
    second_cell(lab)
    # The kernel has not imported it: what is in it only jedi can tell, which reads the cell above.
    until(lambda: offered(lab.page, "colorsys.rgb_to", "rgb_to_hsv"), "jedi's entry in the popup", LANGUAGE_SERVER_WITHIN_S)
    lab.picture("completion-notebook.png")
    assert lab.page.locator(".jp-Notebook .jp-OutputArea-output").count() == 0


def test_completion_pops_up_while_typing_in_a_file(lab: Lab, host: Host) -> None:
    (host.home / "work" / "digging.py").write_text("import shovel\n\n")
    lab.open(f"{BASE}/lab/tree/digging.py")
    lab.page.locator(".jp-FileEditor .cm-content").click()
    lab.page.keyboard.press("Control+End")
    until(lambda: offered(lab.page, "shovel.dig", "dig_deeper_than_any_kernel"), "jedi's entry in the popup", LANGUAGE_SERVER_WITHIN_S)
    lab.picture("completion-file.png")


def test_completion_pops_up_in_a_file_beside_a_notebook_and_in_the_notebook(lab: Lab, host: Host) -> None:
    """The first of them tells the language server where modules are looked for, and for a notebook that is not where they are."""
    (host.home / "work" / "beside.py").write_text("import shovel\n\n")
    second_cell(lab)
    expect(lab.page.locator(".lsp-statusbar-item")).to_contain_text("已完全初始化", timeout=LANGUAGE_SERVER_WITHIN_S * 1000)
    complete_in_the_file(lab, "beside.py")
    lab.page.locator(".lm-TabBar-tab", has_text="colours.ipynb").click()
    lab.page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(1).click()
    lab.page.keyboard.type("import shovel", delay=60)
    lab.page.keyboard.press("Enter")
    until(lambda: offered(lab.page, "shovel.dig", "dig_deeper_than_any_kernel"), "jedi's entry in the popup", LANGUAGE_SERVER_WITHIN_S)


def test_completion_is_there_after_a_reload_and_in_a_second_page(lab: Lab, host: Host) -> None:
    """jedi-language-server refuses a second `initialize`, and every page sends one."""
    work = host.home / "work"
    for name in ("reloaded.py", "second.py"):
        (work / name).write_text("import shovel\n\n")
    lab.open(f"{BASE}/lab/tree/reloaded.py")
    complete_in_the_file(lab, "reloaded.py")
    # In the same browser, while the first page is there; and then the first one is loaded again beside it.
    second = Lab(lab.page.context.new_page())
    second.open(f"{BASE}/lab/workspaces/second/tree/second.py")
    complete_in_the_file(second, "second.py")
    complete_in_the_file(lab, "reloaded.py")
    lab.open(f"{BASE}/lab/tree/reloaded.py")
    complete_in_the_file(lab, "reloaded.py")


def change(lab: Lab, plugin: str, **values: object) -> None:
    """What the settings editor of the page does."""
    lab.ask("PUT", f"/lab/api/settings/{plugin}", {"raw": json.dumps(values)})


def test_what_the_user_has_chosen_in_the_page_survives_init_and_a_restart(host: Host, laptop: Laptop, password: str) -> None:
    with Laptop(host.machine, laptop.home).page("zh-CN") as page:
        lab = Lab(page)
        lab.sign_in(f"{BASE}/lab?reset", password)
        change(lab, TRANSLATION, locale="en")
        change(lab, COMPLETER, autoCompletion=False)
    assert host.kit("init", "--language", "zh_CN", "--json", "--yes").expect().data["changed"] is False
    host.kit("down").expect()
    host.up("--language", "zh_CN")
    with Laptop(host.machine, laptop.home).page("zh-CN") as page:
        again = Lab(page)
        again.sign_in(f"{BASE}/lab?reset", password)
        assert {"File", "Edit", "View", "Run", "Settings", "Help"} <= set(again.menus())
        again.picture("lab-back-in-english.png")
        second_cell(again)
        expect(page.locator(".lsp-statusbar-item")).to_contain_text("Fully initialized", timeout=LANGUAGE_SERVER_WITHIN_S * 1000)
        page.keyboard.type("colorsys.rgb_to", delay=60)
        with pytest.raises(NotSeen):
            page.locator(POPUP).wait_for(timeout=6_000)
