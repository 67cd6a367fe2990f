"""A configuration of the user's that only running it finds broken: one line, 78, no traceback; and what is no fault of it stays 1."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_remote_kit.plan.refusal import parse_line

if TYPE_CHECKING:
    from tests.server.conftest import Machine

SERVER, LAB, JSON = "jupyter_server_config.py", "jupyter_lab_config.py", "jupyter_server_config.json"

# The file, what stands in it, where it is wrong, and why.
BROKEN: dict[str, tuple[str, str, int | None, str]] = {
    "a name that is none": (SERVER, "x = 1\nc.ServerApp.port = nothing\n", 2, "NameError: name 'nothing' is not defined"),
    "a function that fails": (
        SERVER,
        "def f():\n    return {}['a']\nc.ServerApp.allow_origin = f()\n",
        2,
        "KeyError: 'a'",
    ),
    "a module that is not installed": (LAB, "\nimport no_such_module\n", 2, "ModuleNotFoundError: No module named 'no_such_module'"),
    "an end of its own": ("jupyter_config.py", "import sys\nsys.exit('bye')\n", 2, "SystemExit: bye"),
    "a file that is not there": (SERVER, "open('/no/such/file')\n", 1, "FileNotFoundError: [Errno 2] No such file or directory"),
    "a trait of another type": (
        JSON,
        '{\n  "ServerApp": {\n    "quit_button": 7\n  }\n}\n',
        3,
        "'quit_button' trait of a ServerApp instance",
    ),
    "a trait of what is made later": (SERVER, "\nc.MappingKernelManager.cull_interval = 'x'\n", 2, "The 'cull_interval' trait of"),
    "a trait of an extension": (LAB, "\nc.LabApp.app_dir = 3\n", 2, "The 'app_dir' trait of a LabApp instance expected"),
    "a trait that has moved": (SERVER, "\nc.NotebookApp.port = 'x'\n", 2, "The 'port' trait of a ServerApp instance"),
    "a list that is added to": (
        SERVER,
        "c.ServerApp.extra_static_paths.append(3)\n",
        None,
        "The 'extra_static_paths' trait of a ServerApp",
    ),
    "a class that is not there": (SERVER, "c.ServerApp.kernel_manager_class = 'no.Such'\n", 1, "The 'kernel_manager_class' trait of"),
    "a pattern that is none": (SERVER, "\nc.ServerApp.allow_origin_pat = '('\n", 2, "unterminated subpattern"),
    "a logging that is none": (SERVER, "c.Application.logging_config = {'version': 9}\n", 1, "ValueError: Unsupported version: 9"),
    "a section that is none": (JSON, '{"ServerApp": 3}\n', None, "ServerApp is no section"),
    "the last of two that counts": (
        SERVER,
        "c.ServerApp.port = 7\nc.ServerApp.quit_button = 1\nc.ServerApp.quit_button = 2\n",
        3,
        "the int 2",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_configuration_ends_the_start_with_its_line(case: str, machine: Machine) -> None:
    name, text, line, reason = BROKEN[case]
    machine.configure(name, text)
    (refusal,) = machine.refusal(machine.settings())
    code, sentence, fix = parse_line(refusal) or ("", "", None)
    path = machine.layout.config_dir / name
    assert code == "config-broken"
    assert sentence.startswith(f"{path}, line {line}: " if line else f"{path}: ")
    assert reason in sentence
    assert fix == "Fix that line; the file was not overwritten"


def test_a_file_that_another_one_loads_is_named_itself(machine: Machine) -> None:
    machine.configure(SERVER, "load_subconfig('mine.py')\n")
    machine.configure("mine.py", "\n\n1 / 0\n")
    (refusal,) = machine.refusal(machine.settings())
    assert f"{machine.layout.config_dir / 'mine.py'}, line 3: ZeroDivisionError: division by zero" in refusal


def test_a_secret_of_the_wrong_type_is_told_neither_in_the_line_nor_in_the_log(machine: Machine) -> None:
    machine.configure(SERVER, "\nc.ServerApp.cookie_secret = 'hunter-canary-2'\n")
    (refusal,) = machine.refusal(machine.settings())
    assert f"{machine.layout.config_dir / SERVER}, line 2: its value cannot be used" in refusal
    output = machine.servers[-1].output
    assert "Bad config encountered during initialization: ServerApp.cookie_secret" in output
    assert "hunter-canary-2" not in output


def test_a_full_disk_is_no_fault_of_the_configuration(machine: Machine) -> None:
    machine.configure(SERVER, "import errno, os\nraise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n")
    server = machine.start(machine.settings())
    assert server.ended() == 1
    assert "refused [" not in server.output
    assert "No space left on device" in server.output


def test_a_full_disk_below_a_setting_is_not_either(machine: Machine) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    machine.configure(
        SERVER,
        "import logging\n"
        "class Full(logging.Handler):\n"
        "    def __init__(self):\n"
        "        with open('/dev/full', 'wb', buffering=0) as file:\n"
        "            file.write(b'x')\n"
        "logging.Full = Full\n"
        "c.Application.logging_config = {'handlers': {'full': {'class': 'logging.Full'}}}\n",
    )
    server = machine.start(machine.settings())
    assert server.ended() == 1
    assert "refused [" not in server.output
    assert "No space left on device" in server.output


def test_a_port_that_is_taken_is_not_either(machine: Machine) -> None:
    settings = machine.settings()
    with socket.create_server(("127.0.0.1", settings.port)):
        server = machine.start(settings)
        assert server.ended() == 1
    assert "refused [" not in server.output


def test_what_no_part_of_the_server_reads_is_as_at_bare(machine: Machine) -> None:
    """nbconvert's applications and IPython's read their configuration as they would without us: with an error in the log."""
    machine.configure("jupyter_nbconvert_config.py", "import no_such_module\n")
    (machine.home / "reads.py").write_text(
        "from jupyter_core.application import JupyterApp\n"
        "class Other(JupyterApp):\n"
        "    name = 'jupyter-nbconvert'\n"
        "def _load_jupyter_server_extension(app):\n"
        "    Other().initialize([])\n"
    )
    machine.environment["PYTHONPATH"] = f"{machine.package.parent}:{machine.home}"
    machine.configure(SERVER, "c.ServerApp.jpserver_extensions = {'reads': True}\n")
    server = machine.start(machine.settings())
    server.ready()
    assert "reads | extension was successfully loaded." in server.output
