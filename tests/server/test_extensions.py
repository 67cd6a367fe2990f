"""Server extensions of other packages that fail: a managed server serves without them, and says which, why, and what switches them off."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_remote_kit.plan.refusal import parse_line

if TYPE_CHECKING:
    from tests.server.conftest import Machine, Server

TOKEN = "canary-token-0123456789abcdef0123456789"
WITH_TOKEN = {"Authorization": f"token {TOKEN}"}
SERVER = "jupyter_server_config.py"
ON = '{"ServerApp": {"jpserver_extensions": {"%s": true}}}'
POINT = "def _jupyter_server_extension_points():\n    return [{'module': __name__}]\n"
LOADS = "def _load_jupyter_server_extension(app):\n    pass\n"
APP = (
    "from jupyter_server.extension.application import ExtensionApp\n"
    "from traitlets import Int\n"
    "class App(ExtensionApp):\n"
    "    name = '{name}'\n"
    "    size = Int(config=True)\n"
    "def _jupyter_server_extension_points():\n"
    "    return [{{'module': __name__, 'app': App}}]\n"
)
STOPS = """
from jupyter_server.extension.application import ExtensionApp
class Stops(ExtensionApp):
    name = 'fails_to_stop'
    async def stop_extension(self):
        raise RuntimeError('at the stop')
def _jupyter_server_extension_points():
    return [{'module': __name__, 'app': Stops}]
"""


@dataclass(frozen=True)
class Leftover:
    """A module that fails (`None`: there is none), and what is said of it. `by_command`: `jupyter server extension disable` does it."""

    source: str | None
    reason: str
    by_command: bool = False


# Each is switched on by a file of its own in the user's `jupyter_server_config.d`, as pip's packages are in the environment's.
LEFTOVERS = {
    "an_absent_module": Leftover(None, "The module 'an_absent_module' could not be found"),
    "an-impossible name": Leftover(None, "The module 'an-impossible name' could not be found"),
    "has_no_function": Leftover("x = 1\n", "ExtensionLoadingError: _load_jupyter_server_extension function was not found."),
    "fails_to_import": Leftover("1 / 0\n", "ZeroDivisionError: division by zero"),
    "lacks_a_library": Leftover("raise OSError('libcuda.so.1: cannot open shared object file')\n", "OSError: libcuda.so.1"),
    "is_no_python": Leftover("def half(\n", "SyntaxError: '(' was never closed"),
    "ends_the_import": Leftover("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "names_a_module_that_is_not_there": Leftover(
        "def _jupyter_server_extension_points():\n    return [{'module': 'no_such_module'}]\n",
        "The submodule 'no_such_module' could not be",
    ),
    "says_nonsense": Leftover("def _jupyter_server_extension_points():\n    return None\n", "TraitError: The 'metadata' trait of an"),
    "says_it_wrong": Leftover("def _jupyter_server_extension_points():\n    return ['a']\n", "Error"),
    "fails_to_say": Leftover("def _jupyter_server_extension_points():\n    raise KeyError('points')\n", "KeyError: 'points'"),
    "fails_to_link": Leftover(
        POINT + LOADS + "def _link_jupyter_server_extension(app):\n    raise RuntimeError('at the link')\n",
        "RuntimeError: at the link",
        by_command=True,
    ),
    "fails_to_load": Leftover(
        POINT + "def _load_jupyter_server_extension(app):\n    raise RuntimeError('at the load')\n",
        "RuntimeError: at the load",
        by_command=True,
    ),
    "ends_the_load": Leftover(
        POINT + "def _load_jupyter_server_extension(app):\n    raise SystemExit('the end')\n", "SystemExit: the end", by_command=True
    ),
    "panics": Leftover(
        POINT
        + "class PanicException(BaseException):\n    pass\n"
        + "def _load_jupyter_server_extension(app):\n    raise PanicException('called `Option::unwrap()`')\n",
        "PanicException: called `Option::unwrap()`",
        by_command=True,
    ),
    "says_nothing": Leftover(
        POINT
        + "class Silent(Exception):\n    def __str__(self):\n        raise TypeError\n"
        + "def _load_jupyter_server_extension(app):\n    raise Silent\n",
        "has failed: Silent",
        by_command=True,
    ),
    "draws": Leftover(
        POINT + "def _load_jupyter_server_extension(app):\n    raise ValueError('\\x1b[2J\\u202eno')\n",
        r"ValueError: \x1b[2J\u202eno",
        by_command=True,
    ),
    "fails_to_start": Leftover(
        POINT + LOADS + "async def _start_jupyter_server_extension(app):\n    raise RuntimeError('at the start')\n",
        "RuntimeError: at the start",
        by_command=True,
    ),
    "ends_the_start": Leftover(
        POINT + LOADS + "async def _start_jupyter_server_extension(app):\n    raise SystemExit(4)\n", "SystemExit: 4", by_command=True
    ),
    "is_configured_wrong": Leftover(APP.format(name="is_configured_wrong"), "line 2: The 'size' trait of", by_command=True),
}
# Files of that folder that cannot be used, and why; they switch on what no one else does.
FILES: dict[str, tuple[bytes, str]] = {
    "cut-short.json": (b'{"ServerApp": {', "JSONDecodeError: Expecting property name"),
    "a-list.json": (b"[]", "ValueError: not an object with ServerApp"),
    "a-list-of-names.json": (b'{"ServerApp": {"jpserver_extensions": ["tidy"]}}', "ValueError: not an object with ServerApp"),
    "no-text.json": (b'{"\xff": 1}', "UnicodeDecodeError: "),
    "no-bool.json": (b'{"ServerApp": {"jpserver_extensions": {"tidy": "yes"}}}', "tidy is 'yes', neither true nor false"),
}


def write(machine: Machine, name: str, source: str | None) -> Path:
    """Put a module there, and switch it on; the file that does."""
    if source is not None:
        (machine.home / "modules").mkdir(exist_ok=True)
        (machine.home / "modules" / f"{name}.py").write_text(source)
        machine.environment["PYTHONPATH"] = f"{machine.package.parent}:{machine.home}/modules"
    folder = machine.layout.config_dir / "jupyter_server_config.d"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(ON % name)
    return path


def findings(server: Server) -> list[tuple[str, str, str, str]]:
    """What `GET /remotekit/api/status` says of failed extensions."""
    with server.client(headers=WITH_TOKEN) as client:
        rows = client.get("/remotekit/api/status").json()["posture"]["findings"]
    return [(row["code"], row["severity"], row["message"], row["fix"]) for row in rows if row["code"] == "extension-failed"]


@pytest.mark.timeout(300)
def test_a_managed_server_serves_without_them_and_each_is_named_and_can_be_switched_off(machine: Machine) -> None:
    paths = {name: write(machine, name, leftover.source) for name, leftover in LEFTOVERS.items()}
    folder = machine.layout.config_dir / "jupyter_server_config.d"
    for name, (content, _) in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "nothing.json").touch()
    # One that is switched on twice, one that is switched off, and one that works, beside them.
    for name in ("works", "is_off"):
        write(
            machine,
            name,
            "def _load_jupyter_server_extension(app):\n    app.web_app.settings[__name__] = True\n    print('loaded', __name__)\n",
        )
    paths["fails_to_stop"] = write(machine, "fails_to_stop", STOPS)
    (folder / "works-again.json").write_text(ON % "works")
    (folder / "is_off.json").write_text((ON % "is_off").replace("true", "false"))
    machine.configure(SERVER, "\nc.App.size = 'large'\n")
    settings = machine.settings()
    server = machine.start(settings)
    server.ready()
    server.wait_until(lambda: len(findings(server)) == len(LEFTOVERS) + len(FILES))
    rows = findings(server)
    assert {row[1] for row in rows} == {"warn"}
    fixes: dict[str, str] = {}
    for name, leftover in LEFTOVERS.items():
        ((_, _, sentence, fix),) = [
            row for row in rows if row[2].startswith(f"The server extension {name}, switched on by {paths[name]}, ")
        ]
        assert leftover.reason in sentence
        assert ("jupyter server extension disable --user" in fix) is leftover.by_command, fix
        fixes[name] = fix
        assert f"extension-failed: {sentence} — {fix}" in server.output
    for name, (_, reason) in FILES.items():
        ((_, _, sentence, fix),) = [row for row in rows if row[2].startswith(f"{folder / name} is skipped")]
        assert reason in sentence
        fixes[name] = fix
    assert server.output.count("loaded works") == 1
    assert "loaded is_off" not in server.output
    # In the page's language.
    with server.client(headers=WITH_TOKEN | {"Accept-Language": "zh-CN"}) as client:
        chinese = client.get("/remotekit/api/status").json()["posture"]["findings"]
    assert any("服务器扩展 an_absent_module" in row["message"] for row in chinese)
    server.control.shutdown()
    assert server.ended() == 0
    assert f"fails_to_stop, switched on by {paths['fails_to_stop']}, has failed: RuntimeError: at the stop" in server.output
    assert not machine.layout.control_socket("default").exists()
    paths["fails_to_stop"].unlink()
    # Each is pasted as it stands, and there is nothing left to say. First the files that jupyter_server's own command ends at; that command
    # takes seconds, so that two stand for the others of its kind.
    for name in (*FILES, *(name for name, leftover in LEFTOVERS.items() if not leftover.by_command), "fails_to_load", "ends_the_start"):
        command = fixes[name].rpartition("remove it: ")[2]
        done = subprocess.run(command, shell=True, env=machine.environ(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Validation failed" not in done.stderr, f"{name}: {done.stderr}"
    for name in ("fails_to_link", "ends_the_load", "panics", "says_nothing", "draws", "fails_to_start", "is_configured_wrong"):
        paths[name].unlink()
    again = machine.start(settings)
    again.ready()
    assert findings(again) == []


PLACES = {
    "a .py of the user's": (SERVER, "\nc.ServerApp.jpserver_extensions = {'gone': True}\n"),
    "a .py that adds to them": (SERVER, "\nc.ServerApp.jpserver_extensions.update({'gone': True})\n"),
    "a .json of the user's": ("jupyter_server_config.json", json.dumps({"ServerApp": {"jpserver_extensions": {"gone": True}}})),
    "JupyterLab's own": ("jupyter_lab_config.py", "c.ServerApp.jpserver_extensions = {'gone': True}\n"),
    "every application's": ("jupyter_config.json", json.dumps({"ServerApp": {"jpserver_extensions": {"gone": True}}})),
}


@pytest.mark.parametrize("place", [place for place in PLACES if place != "JupyterLab's own"])
def test_one_that_the_users_configuration_switches_on_is_named_with_that_file(place: str, machine: Machine) -> None:
    name, text = PLACES[place]
    machine.configure(name, text)
    server = machine.start(machine.settings())
    server.ready()
    ((_, _, sentence, fix),) = findings(server)
    path = machine.layout.config_dir / name
    assert sentence.startswith(f"The server extension gone, switched on by {path}, has failed: The module 'gone' could not be found")
    assert fix == f"Set gone to false in {path}"


# What an extension does before it fails, and the code of the refusal; `None` where the instance's own settings are in force.
WEAKENED = {
    "allow_unauthenticated_access": ("app.allow_unauthenticated_access = True", None),
    "unauthenticated access, past the trait": ("app.web_app.settings['allow_unauthenticated_access'] = True", "unauthenticated-access"),
    "disable_check_xsrf": ("app.disable_check_xsrf = True", "xsrf-checks-off"),
    "XSRF checks, past the trait": ("app.web_app.settings['disable_check_xsrf'] = True", "xsrf-checks-off"),
    "XSRF cookies": ("app.web_app.settings['xsrf_cookies'] = False", "xsrf-checks-off"),
    "allow_origin": ("app.web_app.settings['allow_origin'] = '*'", "any-origin"),
    "trust_xheaders": ("app.trust_xheaders = True", "any-proxy-trusted"),
    "a token of its own": ("app.identity_provider.token = 'k' * 40", None),
    "an empty token": ("app.identity_provider.token = ''", None),
    "a password of its own": ("app.identity_provider.hashed_password = 'sha1:a:b'", None),
    "the address": ("app.ip = '0.0.0.0'", None),
    "another provider": (
        "from jupyter_server.auth.identity import IdentityProvider\n"
        "    app.identity_provider = IdentityProvider(parent=app, token='')\n"
        "    app.web_app.settings['identity_provider'] = app.identity_provider",
        "identity-provider",
    ),
    "another provider in the settings alone": (
        "from jupyter_server.auth.identity import IdentityProvider\n"
        "    app.web_app.settings['identity_provider'] = IdentityProvider(parent=app, token='')",
        "identity-provider",
    ),
}


def refused(machine: Machine) -> list[str]:
    """Start the instance, which must be refused; the codes."""
    server = machine.start(machine.settings())
    assert server.ended() == 78, server.output
    return [found[0] for found in map(parse_line, server.output.splitlines()) if found]


FAILING = "def {hook}(app):\n    {action}\n    raise RuntimeError('afterwards')\n"


@pytest.mark.parametrize("what", WEAKENED)
def test_what_one_has_weakened_before_it_failed_is_refused_or_undone(what: str, machine: Machine) -> None:
    action, code = WEAKENED[what]
    write(machine, "weakens", POINT + FAILING.format(hook="_load_jupyter_server_extension", action=action))
    settings = machine.settings()
    if code is not None:
        # The extension is named beside it: no file of the user's says what it has set.
        assert refused(machine) == [code, "extension-failed"]
        return
    server = machine.start(settings)
    server.ready()
    listening = [row.laddr.ip for row in server.process_info().net_connections("tcp") if row.status == "LISTEN"]
    assert set(listening) == {"127.0.0.1"}
    with server.client() as client:
        assert client.get("/api/kernels").status_code == 403
        assert client.get("/api/kernels", headers={"Authorization": f"token {'k' * 40}"}).status_code == 403
        assert client.get("/api/kernels", headers=WITH_TOKEN).status_code == 200
    with server.signed_in() as client:
        assert client.get("/api/kernels").status_code == 200


def test_handlers_and_rules_that_one_has_put_in_front_are_behind_the_gate(machine: Machine) -> None:
    action = (
        "from jupyter_server.base.handlers import JupyterHandler\n"
        "    from tornado.routing import PathMatches, Rule\n"
        "    class Open(JupyterHandler):\n"
        "        def get(self):\n"
        "            self.write('open to anyone')\n"
        "    app.web_app.default_router.rules.insert(0, Rule(PathMatches('/open'), Open))\n"
        "    app.web_app.add_handlers('.*$', [('/open-too', Open)])\n"
        "    app.io_loop.add_callback(lambda: app.web_app.default_router.rules.insert(0, Rule(PathMatches('/open-later'), Open)))"
    )
    write(machine, "weakens", POINT + FAILING.format(hook="_load_jupyter_server_extension", action=action))
    server = machine.start(machine.settings())
    server.ready()
    for path in ("/open", "/open-too", "/open-later"):
        # Each with a client of its own: the token leaves a cookie.
        with server.client() as client:
            # Only the gate looks at the name.
            assert client.get(path, headers=WITH_TOKEN | {"Host": "elsewhere.example"}).status_code == 403
            assert client.get(path).status_code == 302
            assert client.get(path, headers=WITH_TOKEN).text == "open to anyone"


@pytest.mark.parametrize("hook", ["_link_jupyter_server_extension", "async _start_jupyter_server_extension"])
def test_it_is_looked_at_after_every_hook(hook: str, machine: Machine) -> None:
    kind, _, name = hook.rpartition(" ")
    text = FAILING.format(hook=name, action="app.disable_check_xsrf = True")
    write(machine, "weakens", POINT + LOADS + f"{kind} {text}".lstrip())
    assert refused(machine) == ["xsrf-checks-off", "extension-failed"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c.ServerApp.quit_button = 7\n", "The 'quit_button' trait"),
        # What is below the line that fails is not known, and it may be a setting of the server's.
        ("import no_such_module\nc.ServerApp.quit_button = True\n", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
    ids=["a setting that cannot be used", "a file that cannot be read"],
)
def test_what_is_wrong_with_the_server_in_its_file_is_no_fault_of_the_extension(text: str, reason: str, machine: Machine) -> None:
    write(machine, "tidy", APP.format(name="tidy"))
    machine.configure("jupyter_tidy_config.py", f"\n{text}")
    (refusal,) = machine.refusal(machine.settings())
    assert f"{machine.layout.config_dir / 'jupyter_tidy_config.py'}, line 2: {reason}" in refusal


HALF_AN_UPGRADE = """
import importlib.util, sys

class Half:
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "{module}" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        raise {error}

sys.meta_path.insert(0, Half())
"""


@pytest.mark.parametrize("module", ["jupyterlab_server.handlers", "jupyterlab.handlers.plugin_manager_handler"])
def test_jupyterlab_is_needed(module: str, machine: Machine) -> None:
    modules = machine.home / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(HALF_AN_UPGRADE.format(module=module, error="TypeError('half an upgrade')"))
    machine.environment["PYTHONPATH"] = f"{machine.package.parent}:{modules}"
    (refusal,) = machine.refusal(machine.settings())
    code, sentence, fix = parse_line(refusal) or ("", "", None)
    assert code == "extension-needed"
    assert sentence == "jupyterlab cannot be loaded, and nothing is served without it: TypeError: half an upgrade"
    assert fix == f"{sys.executable} -m pip install --force-reinstall jupyterlab"


def test_a_name_is_data_in_the_command(machine: Machine) -> None:
    name = "x; touch canary; $(touch canary) '\""
    path = machine.layout.config_dir / "jupyter_server_config.d" / "odd name;.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {name: True}}}))
    server = machine.start(machine.settings())
    server.ready()
    ((_, _, _, fix),) = findings(server)
    assert fix == f"rm {shlex.quote(str(path))}"
