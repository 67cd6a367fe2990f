"""From `up` on a GPU host to a cell that runs in the browser of another machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.laptop import Lab, Laptop, artefact

ADDRESSES = {
    "name": "https://gpubox:8800",
    "full name": "https://gpubox.lab:8800",
    "IPv4": "https://10.77.1.1:8800",
    "IPv6": "https://[fd00:77:1::1]:8800",
}


@pytest.fixture(scope="module")
def password(host: Host, canaries: Canaries) -> str:
    """The password that `up` has generated and printed; the server runs."""
    shown = host.kit("up", "--detach", "--generate-password", "--access", "lan", "--allow-root").expect()
    found = re.search(r"^The password, shown this once: (\S+)$", shown.out, re.MULTILINE)
    assert found, shown.out
    artefact("up.txt").write_text(shown.out.replace(found[1], "xxxxxx-xxxxxx-xxxxxx"))
    canaries.watch_instance(host.instance_file())
    return canaries.watch(found[1])


def trusting(host: Host, laptop: Laptop) -> Laptop:
    """The laptop of somebody who has imported the host's authority."""
    home = laptop.home / "trusting"
    if not home.exists():
        home.mkdir()
        Laptop(laptop.machine, home).trust(host.ca)
    return Laptop(laptop.machine, home)


def test_a_cell_runs_in_the_browser_of_another_machine(host: Host, laptop: Laptop, password: str) -> None:
    with trusting(host, laptop).page() as page:
        lab = Lab(page)
        page.goto("https://gpubox:8800/lab")
        expect(page.locator("input[type=password]")).to_be_visible()
        lab.picture("login.png")
        lab.sign_in("https://gpubox:8800/lab", password)
        assert lab.token_in_page() == ""
        lab.picture("lab-en.png")
        lab.new_notebook()
        assert lab.run("import socket; print(6 * 7, socket.gethostname())") == "42 gpubox"
        lab.picture("cell.png")


@pytest.mark.parametrize("way", ADDRESSES)
def test_the_browser_finds_the_certificate_good_by(way: str, host: Host, laptop: Laptop, password: str) -> None:
    with trusting(host, laptop).page() as page:
        answer = page.goto(f"{ADDRESSES[way]}/lab")
        assert answer is not None
        assert answer.status == 200
        assert page.url.startswith(f"{ADDRESSES[way]}/login")
        assert page.evaluate("window.isSecureContext") is True
        assert answer.security_details() is not None


def test_a_wrong_password_is_answered_with_the_form_again(host: Host, laptop: Laptop, password: str) -> None:
    with trusting(host, laptop).page() as page:
        page.goto("https://gpubox:8800/lab")
        page.fill("input[type=password]", f"{password} ")
        page.press("input[type=password]", "Enter")
        expect(page.locator("input[type=password]")).to_be_visible()
        expect(page.get_by_text("Wrong password or token.")).to_be_visible()
        page.goto("https://gpubox:8800/lab")
        assert "/login" in page.url


@pytest.mark.parametrize("way", ["name", "IPv4"])
def test_a_browser_without_the_authority_shows_its_warning_page(way: str, laptop: Laptop, password: str, tmp_path: Path) -> None:
    with Laptop(laptop.machine, tmp_path).page() as page:
        with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
            page.goto(f"{ADDRESSES[way]}/lab")
        assert page.locator("input[type=password]").count() == 0
        page.screenshot(path=artefact("warning.png"))
