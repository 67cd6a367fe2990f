"""What can be asked of a server that runs: its URLs, a new password or token, a renewed certificate, a one-time ticket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from tests.e2e.stage.browsers import opened, recording_browser
from tests.e2e.stage.canaries import Canaries
from tests.e2e.stage.hosts import Host
from tests.e2e.stage.ides import vscode_sign_in
from tests.e2e.stage.laptop import Laptop
from tests.e2e.stage.namespaces import Namespace


@pytest.fixture
def laptop_machine(cable: tuple[Host, Laptop]) -> Namespace:
    """The laptop's place on the network; these tests need no browser."""
    return cable[1].machine


@pytest.fixture(scope="module")
def running(host: Host, canaries: Canaries) -> Iterator[str]:
    """`up` on the LAN; the password. One server for all of them."""
    host.empty_home()
    password = canaries.password()
    host.up("--access", "lan", "--password-stdin", stdin=f"{password}\n")
    canaries.watch_instance(host.instance_file())
    yield password
    host.empty_home()


def test_a_second_up_says_that_it_runs_already(host: Host, running: str) -> None:
    status = host.kit("status", "--json").expect().data
    again = host.up()
    assert again.data["changed"] is False
    assert again.data["pid"] == status["pid"]
    done = host.kit("up", "--allow-root").expect(1)
    assert f"is already running as process {status['pid']} on port 8800" in done.err


def test_another_instance_on_the_same_port_is_told_who_holds_it(host: Host, running: str) -> None:
    pid = host.kit("status", "--json").expect().data["pid"]
    done = host.kit("up", "--detach", "--allow-root", "--instance", "other", "--generate-password", "--json").expect(1)
    assert done.codes == ["port-taken"]
    assert f"Port 8800 is taken by process {pid} of root" in done.json["problems"][0]["message"]
    assert "--port 8801" in done.json["problems"][0]["hint"]


def test_urls_name_every_way_in_and_work(host: Host, running: str, laptop_machine: Namespace) -> None:
    data = host.kit("urls", "--json").expect().data
    assert data["ca"] == str(host.ca)
    with host.http(laptop_machine) as http:
        for url in data["token"]:
            if "10.77.1.1" in url or "fd00" in url:
                http.cookies.clear()
                answer = http.get(url, follow_redirects=True)
                assert answer.status_code == httpx.codes.OK
                assert answer.url.path == "/lab"
    assert any("gpubox" in url for url in data["token"])
    shown = host.kit("urls", "--qr").expect()
    assert "█" in shown.out
    assert "scp root@10.77.1.1:" in shown.out
    assert "NODE_EXTRA_CA_CERTS" in shown.out


def test_a_second_init_changes_nothing_and_says_so(host: Host, running: str) -> None:
    before = host.state()
    done = host.kit("init", "--allow-root", "--access", "lan", "--json").expect()
    assert done.data["changed"] is False
    assert "Nothing to do" in done.json["messages"][0]
    assert host.state() == before


def test_a_dry_run_changes_nothing_and_shows_no_secret(host: Host, running: str, canaries: Canaries) -> None:
    before = host.state()
    done = host.kit("init", "--allow-root", "--port", "8899", "--allow-host", "other.lab", "--dry-run", "--json").expect()
    assert done.data["changed"] is True
    assert done.data["steps"]
    assert host.state() == before
    assert canaries.inside(done.out.encode()) == []


def test_a_renewed_certificate_is_served_without_a_restart(host: Host, running: str, laptop_machine: Namespace) -> None:
    pid, leaf, token = host.kit("status", "--json").data["pid"], host.served_leaf(), host.token()
    authority = host.ca.read_bytes()
    host.kit("init", "--allow-root", "--allow-host", "gpu.gpubox.lab", "--json").expect()
    renewed = host.served_leaf()
    assert renewed != leaf
    names = x509.load_der_x509_certificate(renewed).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "gpu.gpubox.lab" in names.get_values_for_type(x509.DNSName)
    assert host.kit("status", "--json").data["pid"] == pid
    assert host.token() == token
    with host.http(laptop_machine) as http:
        assert http.get("/remotekit/api/health").is_success
        assert vscode_sign_in(http, running) is not None
    # The name is below one of the host's, so the authority that laptops trust already still fits.
    assert host.ca.read_bytes() == authority


def test_open_opens_a_server_that_runs_already(host: Host, running: str, tmp_path: Path) -> None:
    browser, seen = recording_browser(tmp_path)
    host.up("--open", BROWSER=browser)
    assert "ticket=" in opened(seen).query


def test_a_new_password_ends_every_session(host: Host, running: str, laptop_machine: Namespace, canaries: Canaries) -> None:
    with host.http(laptop_machine) as http:
        old = vscode_sign_in(http, running)
        assert old is not None
        assert http.get("/api/kernels", headers=old.headers).is_success
        fresh = canaries.password()
        token = host.token()
        done = host.kit("password", "--password-stdin", "--json", stdin=f"{fresh}\n").expect()
        canaries.watch_instance(host.instance_file())
        assert done.data["sessions_ended"] is True
        assert http.get("/api/kernels", headers=old.headers).status_code == httpx.codes.FORBIDDEN
        assert vscode_sign_in(http, running) is None
        assert vscode_sign_in(http, fresh) is not None
        assert host.token() == token
        host.kit("password", "--password-stdin", "--json", stdin=f"{running}\n").expect()
        assert vscode_sign_in(http, running) is not None


def test_a_new_token_ends_every_session_and_the_old_token(host: Host, running: str, laptop_machine: Namespace, canaries: Canaries) -> None:
    with host.http(laptop_machine) as http:
        session = vscode_sign_in(http, running)
        assert session is not None
        old = host.token_header()
        http.cookies.clear()
        assert http.get("/api/kernels", headers=old).is_success
        done = host.kit("token", "--yes", "--json").expect()
        assert canaries.watch(done.data["token"]) == host.token()
        http.cookies.clear()
        assert http.get("/api/kernels", headers=old).status_code == httpx.codes.FORBIDDEN
        assert http.get("/api/kernels", headers=session.headers).status_code == httpx.codes.FORBIDDEN
        assert http.get("/api/kernels", headers=host.token_header()).is_success
        assert vscode_sign_in(http, running) is not None
    assert host.kit("token", "--show", "--json").expect().data["token"] == host.token()
