"""Units that somebody has written by hand: whether they serve Jupyter, on which port, and how they make room."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan.facts import ConfigText
from jupyter_remote_kit.plan.handwritten import Command, HandWritten, command_of, plan_replace, port_of
from jupyter_remote_kit.plan.model import KeepCopy, Plan, Run
from jupyter_remote_kit.plan.units import Scope
from tests.plan.build import HOME, sentences

# As blog posts have it.
BY_HAND = """\
[Unit]
Description=Jupyter Lab
After=network.target

[Service]
Type=simple
PIDFile=/run/jupyter.pid
User=ann
Group=ann
WorkingDirectory=/home/ann/notebooks
ExecStart=/home/ann/miniconda3/envs/lab/bin/jupyter-lab --config=/home/ann/.jupyter/jupyter_lab_config.py --no-browser
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
CONFIG = Path("/home/ann/.jupyter/jupyter_lab_config.py")
PYTHON_CONFIG = ConfigText(CONFIG, b"c = get_config()\nc.ServerApp.ip = '*'\nc.ServerApp.port = 8800\nc.ServerApp.open_browser = False\n")
JSON_CONFIG = ConfigText(Path("/home/ann/.jupyter/jupyter_server_config.json"), b'{"ServerApp": {"ip": "*", "port": 8801}}')


def found(command: str, *more: str) -> Command | None:
    return command_of("\n".join(("[Service]", f"ExecStart={command}", *more, "")), HOME)


def port(command: str, *configs: ConfigText, more: tuple[str, ...] = ()) -> int | None:
    """The port; `None` where that is not recognised as a Jupyter server."""
    server = found(command, *more)
    return port_of(server, configs) if server else None


class TestByHand:
    def test_it_is_recognised_with_its_user_and_its_configuration(self) -> None:
        command = command_of(BY_HAND, Path("/root"))
        assert command == Command(None, (CONFIG,), "ann")
        assert port_of(command, [PYTHON_CONFIG]) == 8800

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ("--port=8800", 8800),
            ("--port 8800", 8800),
            ("--ServerApp.port=8800", 8800),
            ("--ServerApp.port 8800", 8800),
            ("--NotebookApp.port=8800", 8800),
            ("--LabApp.port=8800", 8800),
            ('"--port=8800"', 8800),
            ("--port=8800 --port=8900", 8900),
            ("--port=8800 --ServerApp.port=8900", 8900),
            ("--ServerApp.port_retries=0", 8888),
            ("--ip=0.0.0.0 --no-browser", 8888),
            ("", 8888),
        ],
    )
    def test_the_port_of_its_command_line(self, options: str, expected: int) -> None:
        text = BY_HAND.replace("--config=/home/ann/.jupyter/jupyter_lab_config.py", options)
        command = command_of(text, HOME)
        assert command is not None
        assert port_of(command, []) == expected

    @pytest.mark.parametrize(
        ("configs", "expected"),
        [
            ((PYTHON_CONFIG,), 8800),
            ((JSON_CONFIG,), 8801),
            ((PYTHON_CONFIG, JSON_CONFIG), 8801),
            ((JSON_CONFIG, PYTHON_CONFIG), 8800),
            ((ConfigText(CONFIG, b"c.NotebookApp.port = 8802\n"),), 8802),
            ((ConfigText(CONFIG, b"c.ServerApp.port = 1\nc.ServerApp.port = 8803\n"),), 8803),
            ((ConfigText(CONFIG, b"# c.ServerApp.port = 8800\n"),), 8888),
            ((ConfigText(CONFIG, b"c.KernelManager.port = 8800\n"),), 8888),
            ((ConfigText(CONFIG, b"c.ServerApp.port = int('8800')\n"),), 8888),
            ((ConfigText(CONFIG, b"c.ServerApp.port = True\n"),), 8888),
            ((ConfigText(CONFIG, b"if (\n"),), 8888),
            ((PYTHON_CONFIG, ConfigText(CONFIG.with_suffix(".json"), b"{")), 8800),
            ((PYTHON_CONFIG, ConfigText(CONFIG, b"\0")), 8800),
            ((), 8888),
        ],
    )
    def test_the_port_of_its_configuration_the_last_one_winning(self, configs: tuple[ConfigText, ...], expected: int) -> None:
        command = command_of(BY_HAND, HOME)
        assert command is not None
        assert port_of(command, configs) == expected

    def test_the_command_line_goes_before_its_configuration(self) -> None:
        assert port("/usr/bin/jupyter-lab --port=9000", PYTHON_CONFIG, JSON_CONFIG) == 9000


@pytest.mark.parametrize(
    "command",
    [
        "/usr/local/bin/jupyter lab --port=8800",
        "/usr/local/bin/jupyter-lab --port=8800",
        "/opt/conda/bin/jupyter notebook --port=8800",
        "/opt/conda/bin/jupyter-notebook --port=8800",
        "/opt/conda/bin/jupyter nbclassic --port=8800",
        "/opt/conda/bin/jupyter-server --port=8800",
        "/opt/conda/bin/jupyter server --port=8800",
        "jupyter lab --port=8800",
        "/home/ann/venv/bin/python -m jupyterlab --port=8800",
        "/home/ann/venv/bin/python3 -m jupyter lab --port=8800",
        "/home/ann/venv/bin/python -m jupyterlab.labapp --port 8800",
        "/home/ann/venv/bin/python -u -m notebook --port=8800",
        "/home/ann/venv/bin/python -m jupyter_server --port=8800",
        "/home/ann/venv/bin/python /home/ann/venv/bin/jupyter-lab --port=8800",
        "/usr/bin/env jupyter lab --port=8800",
        "/usr/bin/env PATH=/opt/conda/bin jupyter lab --port=8800",
        "/opt/conda/bin/conda run -n lab --no-capture-output jupyter lab --port=8800",
        # The environment is called as the program is.
        "/opt/conda/bin/conda run -n jupyter jupyter lab --port=8800",
        "-/usr/bin/jupyter lab --port=8800",
        "@/usr/bin/jupyter jupyter lab --port=8800",
        "+/usr/bin/jupyter lab --port=8800",
        "!!/usr/bin/jupyter lab --port=8800",
        '"/home/ann/my env/bin/jupyter" lab --port=8800',
        "/bin/bash -c 'source /home/ann/venv/bin/activate && jupyter lab --port=8800'",
        "/bin/bash -lc 'conda activate lab; exec jupyter lab --port 8800'",
        "/bin/sh -c 'cd /srv;jupyter lab --port=8800&'",
        "/usr/bin/env bash -c 'jupyter lab --port=8800'",
        '/usr/bin/zsh -ic "jupyter-lab --port=8800"',
        "/usr/bin/nice -n 10 /usr/bin/jupyter lab --port=8800",
    ],
)
def test_servers_of_every_kind(command: str) -> None:
    assert port(command) == 8800


@pytest.mark.parametrize(
    "command",
    [
        "/usr/sbin/nginx -g 'daemon on; master_process on;'",
        "/opt/jupyterhub/bin/jupyterhub -f /opt/jupyterhub/etc/jupyterhub_config.py --port=8800",
        "/usr/bin/python3 -m jupyterhub --port=8800",
        "/opt/jupyterhub/bin/jupyterhub-singleuser --port=8800",
        "/home/ann/venv/bin/jupyter-remotekit service run --instance default",
        "/home/ann/venv/bin/jupyter remotekit up --port 8800",
        "/home/ann/venv/bin/jupyter nbconvert --port=8800 lab.ipynb",
        "/home/ann/venv/bin/jupyter",
        "/usr/bin/python3 -m http.server --port=8800",
        "/usr/bin/python3 -m",
        "/usr/bin/tail -F /var/log/jupyter.log",
        "/usr/bin/docker run -p 8888:8888 quay.io/jupyter/scipy-notebook start-notebook.py",
        "/bin/bash -c 'echo not closed",
        "/bin/bash -c",
        "/bin/bash -c ''",
        '/usr/bin/jupyter lab "--port=8800',
        "",
    ],
)
def test_what_is_no_jupyter_server(command: str) -> None:
    assert found(command) is None


@pytest.mark.parametrize(
    "text", ["", "[Service]\n", "[Unit]\nExecStart=/usr/bin/jupyter lab\n", "ExecStart=/usr/bin/jupyter lab\n", "\0\ufffd"]
)
def test_a_file_that_starts_none(text: str) -> None:
    assert command_of(text, HOME) is None


@given(
    st.text()
    | st.text(st.sampled_from("[Service]\nExecStart=/bin/jupyter lab --port=8\\\"' #;$%h{}")).map("[Service]\nExecStart={}".format)
)
def test_whatever_stands_there_is_read_or_not_recognised(text: str) -> None:
    command = command_of(text, HOME)
    assert command is None or all(path.is_absolute() for path in command.configs)


class TestSyntax:
    def test_a_line_that_goes_on(self) -> None:
        text = (
            "[Service]\n"
            "ExecStart=/usr/bin/jupyter lab \\\n"
            "    --no-browser \\\n"
            "# which port it was once: --port=1 \\\n"
            "; --port=2\n"
            "    --port=8800 \\\n"
            "    --ip=0.0.0.0\n"
            "User=ann\n"
        )
        assert command_of(text, HOME) == Command(8800, (), "ann")

    def test_one_that_goes_on_to_the_end_of_the_file(self) -> None:
        assert command_of("[Service]\nExecStart=/usr/bin/jupyter lab \\\n--port=8800 \\", HOME) == Command(8800, (), None)

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            (("/usr/bin/jupyter lab --port=1", "/usr/bin/jupyter lab --port=8800"), 8800),
            (("/usr/sbin/nginx", "/usr/bin/jupyter lab --port=8800"), 8800),
            (("/usr/sbin/nginx", "", "/usr/bin/jupyter lab --port=8800"), 8800),
            (("/usr/bin/jupyter lab --port=8800", ""), None),
            (("/usr/bin/jupyter lab --port=8800", "", "/usr/sbin/nginx"), None),
        ],
    )
    def test_several_commands(self, lines: tuple[str, ...], expected: int | None) -> None:
        first, *more = lines
        assert port(first, more=tuple(f"ExecStart={line}" for line in more)) == expected

    def test_what_comes_before_and_after_it_is_no_server(self) -> None:
        more = (
            "ExecStartPre=/usr/bin/jupyter lab --port=1",
            "ExecStop=/usr/bin/jupyter lab stop",
            "#ExecStart=/usr/bin/jupyter lab --port=2",
        )
        assert port("/usr/bin/jupyter lab --port=8800", more=more) == 8800
        assert port("/usr/sbin/nginx", more=more) is None

    def test_blanks_do_not_matter(self) -> None:
        assert command_of("  [Service]  \n\t ExecStart =  /usr/bin/jupyter lab --port=8800\n User = ann \r\n", HOME) == Command(
            8800, (), "ann"
        )

    def test_the_last_user_is_the_user(self) -> None:
        assert found("/usr/bin/jupyter lab", "User=bob", "User=ann") == Command(None, (), "ann")
        assert found("/usr/bin/jupyter lab", "User=bob", "User=") == Command(None, (), None)


@pytest.mark.parametrize(
    ("more", "command", "expected"),
    [
        (("Environment=PORT=8800",), "/usr/bin/jupyter lab --port=${PORT}", 8800),
        (('Environment="A=b c" PORT=8800',), "/usr/bin/jupyter lab --port $PORT", 8800),
        (("Environment=PORT=1", "Environment=PORT=8800"), "/usr/bin/jupyter lab --port=${PORT}", 8800),
        (("Environment=JUPYTER_PORT=8800",), "/usr/bin/jupyter lab", 8800),
        (("Environment=JUPYTER_PORT=8800",), "/usr/bin/jupyter lab --port=8900", 8900),
        # What nobody can tell is not claimed to be 8888.
        (("EnvironmentFile=/etc/jupyter.env",), "/usr/bin/jupyter lab --port=${PORT}", None),
        (("Environment=PORT=%i",), "/usr/bin/jupyter lab --port=${PORT}", None),
        (("Environment=JUPYTER_PORT=x",), "/usr/bin/jupyter lab", None),
        ((), "/usr/bin/jupyter lab --port=%i", None),
        ((), "/usr/bin/jupyter lab --port", None),
        ((), "/usr/bin/jupyter lab --port=", None),
        ((), "/usr/bin/jupyter lab --port=-1", None),
        ((), f"/usr/bin/jupyter lab --port={'1' * 5000}", None),
        ((), "/usr/bin/jupyter lab --port=٨٨٠٠", None),
    ],
)
def test_a_port_in_a_variable(more: tuple[str, ...], command: str, expected: int | None) -> None:
    assert port(command, more=more) == expected


def test_a_configuration_goes_before_the_variable() -> None:
    assert port("/usr/bin/jupyter lab", PYTHON_CONFIG, more=("Environment=JUPYTER_PORT=9999",)) == 8800


@pytest.mark.parametrize(
    ("option", "folder", "configs"),
    [
        ("--config=/srv/a.py", "", ["/srv/a.py"]),
        ("--config /srv/a.py", "", ["/srv/a.py"]),
        ("--JupyterApp.config_file=/srv/a.py", "", ["/srv/a.py"]),
        ("--config=/srv/a.py --config=/srv/b.json", "", ["/srv/a.py", "/srv/b.json"]),
        ("'--config=/srv/a b.py'", "", ["/srv/a b.py"]),
        ("--config=%h/.jupyter/a.py", "", ["/home/ann/.jupyter/a.py"]),
        ("--config=/srv/100%%h.py", "", ["/srv/100%h.py"]),
        ("--config=a.py", "/srv/notebooks", ["/srv/notebooks/a.py"]),
        ("--config=a.py", "-/srv/notebooks", ["/srv/notebooks/a.py"]),
        ("--config=a.py", "%h/notebooks", ["/home/ann/notebooks/a.py"]),
        # In a folder that is not known: not in the one of whoever asks.
        ("--config=a.py", "", []),
        ("--config=a.py", "~", []),
    ],
)
def test_the_configuration_that_it_names(option: str, folder: str, configs: list[str]) -> None:
    command = found(f"/usr/bin/jupyter lab {option}", f"WorkingDirectory={folder}")
    assert command is not None
    assert command.configs == tuple(map(Path, configs))


class TestReplace:
    SYSTEM = HandWritten("jupyter.service", Path("/etc/systemd/system/jupyter.service"), Scope.SYSTEM, 8800)
    USER = HandWritten("lab.service", HOME / ".config/systemd/user/lab.service", Scope.USER, 8800)

    def test_it_is_copied_then_disabled_and_stays_where_it_is(self) -> None:
        plan = plan_replace((self.SYSTEM,))
        assert plan.steps == (KeepCopy(self.SYSTEM.path), Run(("systemctl", "disable", "--now", "jupyter.service")))
        assert sentences(plan.steps) == [
            "keep a copy of /etc/systemd/system/jupyter.service",
            "run systemctl disable --now jupyter.service",
        ]

    def test_one_of_the_machine_needs_root_and_ones_own_does_not(self) -> None:
        assert plan_replace((self.SYSTEM, self.USER), ("sudo", "-n", "--")).steps == (
            KeepCopy(self.SYSTEM.path),
            Run(("sudo", "-n", "--", "systemctl", "disable", "--now", "jupyter.service")),
            KeepCopy(self.USER.path),
            Run(("systemctl", "--user", "disable", "--now", "lab.service")),
        )

    def test_without_one_there_is_nothing_to_do(self) -> None:
        assert plan_replace(()) == Plan()
