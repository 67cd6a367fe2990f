"""The contract that every command keeps: one JSON object, exit codes, no question without a terminal, a dry run that is dry."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.commands.host import COMMANDS, OF_A_LAPTOP, PASSWORD, SSH, Host, Outcome, console_script

AS_ROOT = os.geteuid() == 0
READY = [
    ("init",),
    ("init", "--port", "8801"),
    ("up", "--dry-run"),
    ("down",),
    ("down", "--dry-run"),
    ("urls",),
    ("status",),
    ("password", "--generate-password"),
    ("token", "--show"),
    ("token", "--yes"),
    ("audit",),
    ("audit", "--since", "1h"),
    ("remove", "--dry-run"),
    ("remove", "--yes"),
]
WRONG_USAGE = [
    *(((command, "--no-such-option"), "usage") for command in COMMANDS),
    *(((command, "more"), "usage") for command in COMMANDS),
    *(((command, "--instance", "../up"), "instance-name") for command in COMMANDS),
    (("nonsense",), "usage"),
    (("init", "--access", "wan"), "usage"),
    (("init", "--port"), "usage"),
    (("init", "--port", "0"), "port"),
    (("init", "--port", "65536"), "port"),
    (("init", "--port", "abc"), "port"),
    (("init", "--port", "-1"), "port"),
    (("init", "--port", "8e3"), "port"),
    (("init", "--port", "٨٨٠٠"), "port"),
    (("init", "--ip", "300.1.1.1"), "address"),
    (("init", "--ip", "gpu.example.org"), "address"),
    (("init", "--ip", "fe80::1%eth0"), "address"),
    (("init", "--instance", ""), "instance-name"),
    (("init", "--instance", "-x"), "instance-name"),
    (("init", "--instance", "a\nb"), "instance-name"),
    (("init", "--instance", "a" * 33), "instance-name"),
    (("init", "--language", "klingon"), "language"),
    (("init", "--language", "../zh"), "language"),
    (("init", "--allow-host", ""), "host-name"),
    (("init", "--allow-host", "a b"), "host-name"),
    (("init", "--allow-host", "a\nb"), "host-name"),
    (("init", "--allow-host", "-gpu"), "host-name"),
    (("init", "--allow-host", "'gpu'"), "host-name"),
    (("init", "--allow-host", "a" * 64), "host-name"),
    (("init", "--allow-host", "1.2.3"), "host-name"),
    (("init", "--allow-host", "fe80::1%eth0"), "host-name"),
    (("init", "--allow-host", "fe80::1%a\n'b"), "host-name"),
    (("init", "--root-dir", ""), "path"),
    (("init", "--root-dir", "~no-such-user/books"), "path"),
    (("init", "--root-dir", "a\nb"), "path"),
    (("init", "--allow-host", "0x7f.1"), "host-name"),
    (("init", "--allow-host", "default", "--allow-host", "gpu"), "contradiction"),
    (("init", "--allow-network", ""), "network"),
    (("init", "--allow-network", "gpu.example.org"), "network"),
    (("init", "--allow-network", "10.0.0.0/33"), "network"),
    (("init", "--allow-network", "10.0.0.0/255.0.0.0"), "network"),
    (("init", "--allow-network", "0.0.0.0"), "network"),
    (("init", "--allow-network", "none"), "network"),
    (("init", "--allow-network", "any", "--allow-network", "10.0.0.0/8"), "contradiction"),
    (("init", "--allow-network", "any", "--allow-network", "default"), "contradiction"),
    (("init", "--trusted-proxy", "proxy.example.org"), "network"),
    (("init", "--trusted-proxy", "any"), "network"),
    (("init", "--trusted-proxy", "0.0.0.0/0"), "any-proxy"),
    (("init", "--trusted-proxy", "::/0"), "any-proxy"),
    (("init", "--trusted-proxy", "::ffff:0:0/96"), "any-proxy"),
    (("init", "--trusted-proxy", "none", "--trusted-proxy", "127.0.0.1"), "contradiction"),
    (("init", "--session-days", "0"), "session-days"),
    (("init", "--session-days", "366"), "session-days"),
    (("init", "--session-days", "14.5"), "session-days"),
    (("init", "--access", "ssh", "--hsts"), "contradiction"),
    (("init", "--access", "lan", "--plain-http", "--hsts"), "contradiction"),
    (("init", "--password-stdin", "--generate-password"), "contradiction"),
    (("init", "--keyfile", "key.pem"), "contradiction"),
    (("init", "--certfile", "cert.pem", "--plain-http"), "contradiction"),
    (("init", "--certfile", "cert.pem", "--private-ca"), "contradiction"),
    (("init", "--access", "ssh", "--plain-http"), "contradiction"),
    (("init", "--access", "ssh", "--private-ca"), "contradiction"),
    (("init", "--access", "ssh", "--certfile", "cert.pem"), "contradiction"),
    (("init", "--access", "ssh", "--ip", "192.168.0.107"), "bound-beyond-loopback"),
    (("init", "--access", "relay", "--ip", "0.0.0.0"), "bound-beyond-loopback"),
    (("up", "--dry-run", "--open"), "contradiction"),
    (("token", "--show", "--dry-run"), "contradiction"),
    (("password", "--password-stdin", "--generate-password"), "contradiction"),
]
# What a terminal would be asked, and the option that the sentence has to name.
ASKED = [
    (("init", "--allow-root"), "--generate-password"),
    (("init", "--access", "lan", "--allow-root"), "--password-stdin"),
    (("init", "--access", "relay", "--allow-root"), "--generate-password"),
    (("init", "--yes", "--allow-root"), "--generate-password"),
    (("up", "--allow-root"), "--generate-password"),
    (("up", "--detach", "--access", "relay", "--allow-root"), "--password-stdin"),
    (("password",), "--generate-password"),
    (("token",), "--yes"),
    (("remove",), "--yes"),
]


def _shown(argv: tuple[str, ...]) -> str:
    return " ".join(argv).encode("unicode_escape").decode()[:60]


def _is_one_sentence_with_a_hint(outcome: Outcome) -> None:
    lines = outcome.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["error", "  hint"]
    assert all(line.partition(": ")[2].strip() for line in lines)
    assert "Traceback" not in outcome.everything


@pytest.mark.parametrize("argv", READY, ids=_shown)
def test_success_is_one_object_or_sentences_for_people(ssh_host: Host, argv: tuple[str, ...]) -> None:
    for_programs, for_people = ssh_host.run(*argv, "--json"), ssh_host.run(*argv)
    assert (for_programs.code, for_programs.err) == (0, "")
    assert for_programs.envelope["command"] == argv[0]
    assert for_programs.data["instance"] == "default"
    assert for_people.code == 0
    assert for_people.out.strip()
    assert "{" not in for_people.out
    assert "error" not in for_people.err


@pytest.mark.parametrize(("argv", "code"), WRONG_USAGE, ids=lambda value: _shown(value) if isinstance(value, tuple) else value)
def test_wrong_usage_is_2_and_one_object(host: Host, argv: tuple[str, ...], code: str) -> None:
    before = host.tree()
    # Before the rest: an option that wants a value would take it for one.
    outcome = host.run(argv[0], "--json", *argv[1:])
    assert outcome.code == 2
    assert outcome.err == ""
    assert outcome.codes == [code]
    assert outcome.envelope["data"] == {}
    assert outcome.envelope["command"] == (argv[0] if argv[0] in COMMANDS else "")
    assert outcome.envelope["problems"][0]["hint"]
    assert host.tree() == before


@pytest.mark.parametrize(
    "argv",
    [
        ("nonsense",),
        ("init", "--port", "abc"),
        ("init", "--allow-host", "a\nb"),
        ("init", "--access", "ssh", "--plain-http"),
        ("up", "--bad"),
    ],
    ids=_shown,
)
def test_wrong_usage_is_one_sentence_for_people(host: Host, argv: tuple[str, ...]) -> None:
    outcome = host.run(*argv)
    assert (outcome.code, outcome.out) == (2, "")
    _is_one_sentence_with_a_hint(outcome)


def test_the_hint_of_wrong_usage_names_the_commands_own_help(host: Host) -> None:
    for wrong in (("init", "--no-such-option"), ("init", "--access", "wan"), ("init", "--port"), ("init", "more")):
        outcome = host.run(wrong[0], "--json", *wrong[1:])
        assert outcome.envelope["problems"][0]["hint"] == "See jupyter remotekit init --help"


@pytest.mark.parametrize(("argv", "option"), ASKED, ids=lambda value: _shown(value) if isinstance(value, tuple) else value)
def test_without_a_terminal_the_missing_option_is_named(host: Host, argv: tuple[str, ...], option: str) -> None:
    before = host.tree()
    outcome = host.run(*argv)
    assert (outcome.code, outcome.out) == (2, "")
    _is_one_sentence_with_a_hint(outcome)
    assert option in outcome.err
    assert host.run(*argv, "--json").code == 2
    assert host.tree() == before


@pytest.mark.parametrize(
    ("argv", "option"), [ASKED[0], *ASKED[-3:]], ids=lambda value: _shown(value) if isinstance(value, tuple) else value
)
def test_a_closed_standard_input_is_no_terminal_either(host: Host, argv: tuple[str, ...], option: str) -> None:
    """As under some process supervisors; Python then has no `sys.stdin` at all."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", console_script(), *argv],
        env=host.environment,
        cwd=host.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr


def test_a_password_from_a_closed_standard_input_is_missing(host: Host) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", console_script(), "init", "--allow-root", "--password-stdin"],
        env=host.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Standard input holds no password." in done.stderr


@pytest.mark.parametrize("command", ["urls", "password", "token"])
def test_without_an_instance_it_is_refused_with_the_command_that_makes_one(host: Host, command: str) -> None:
    more = {"urls": (), "password": ("--generate-password",), "token": ("--yes",)}[command]
    outcome = host.run(command, *more, "--instance", "gpu1", "--json")
    assert outcome.code == 78
    assert outcome.codes == ["no-instance"]
    assert outcome.envelope["problems"][0]["hint"] == "jupyter remotekit init --instance gpu1"


@pytest.mark.parametrize(
    ("argv", "stdin", "code"),
    [
        (("init", *SSH, "--root-dir", "a-file"), "", "root-dir-not-a-directory"),
        (("init", "--access", "lan", "--allow-root", "--generate-password", "--ip", "198.51.100.7"), "", "address-not-here"),
        (("init", *SSH, "--password-stdin"), "short", "password-short"),
        (("init", *SSH, "--password-stdin"), "\u5bc6\u7801\u5bc6\u7801", "password-short"),
        pytest.param(
            ("init", "--access", "ssh"), "", "as-root", marks=pytest.mark.skipif(not AS_ROOT, reason="only root is asked for --allow-root")
        ),
        pytest.param(
            ("up", "--access", "ssh"), "", "as-root", marks=pytest.mark.skipif(not AS_ROOT, reason="only root is asked for --allow-root")
        ),
    ],
    ids=lambda value: _shown(value) if isinstance(value, tuple) else value,
)
def test_what_the_machine_does_not_allow_is_78(host: Host, argv: tuple[str, ...], stdin: str, code: str) -> None:
    (host.home / "a-file").write_text("mine")
    before = host.tree()
    outcome = host.run(*argv, "--json", stdin=stdin)
    assert (outcome.code, outcome.err) == (78, "")
    assert outcome.codes == [code]
    assert host.tree() == before


@pytest.mark.parametrize(
    ("stdin", "code"), [("", "password-missing"), ("\n", "password-missing"), (b"\xff\xfe\xfd123456", "password-encoding")], ids=repr
)
def test_a_password_that_cannot_be_read_is_1(host: Host, stdin: str | bytes, code: str) -> None:
    outcome = host.run("init", *SSH, "--password-stdin", "--json", stdin=stdin)
    assert outcome.code == 1
    assert outcome.codes == [code]
    assert not host.layout.instances_dir.exists()


def test_what_the_machine_fails_to_do_is_1(host: Host) -> None:
    host.layout.config_dir.write_text("a file where Jupyter's folder should be")
    outcome = host.run("init", *SSH, "--json")
    assert (outcome.code, outcome.err) == (1, "")
    assert str(host.layout.config_dir) in outcome.envelope["problems"][0]["message"]
    assert host.layout.config_dir.read_text() == "a file where Jupyter's folder should be"


@pytest.mark.parametrize("as_json", [False, True], ids=["people", "json"])
def test_bytes_that_are_no_utf8_are_a_sentence_and_no_traceback(host: Host, as_json: bool) -> None:
    """A path on Linux is any bytes; what is printed has to be text all the same."""
    outcome = host.run("init", *SSH, "--dry-run", "--root-dir", b"/srv/caf\xe9", *(["--json"] if as_json else []))
    assert "Traceback" not in outcome.err
    assert outcome.code in {0, 2}
    assert outcome.out or outcome.err
    if as_json:
        assert outcome.envelope["command"] == "init"


@pytest.mark.parametrize("encoding", ["ascii", "gbk"])
def test_a_terminal_that_cannot_show_a_letter_is_no_traceback(ssh_host: Host, encoding: str) -> None:
    """GBK is still met on Chinese servers; it lacks one half block of the QR code."""
    variables = {"PYTHONIOENCODING": encoding, "LANG": "zh_CN.GBK"}
    done = subprocess.run(
        [console_script(), "urls", "--qr"],
        env={**ssh_host.environment, **variables},
        capture_output=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0
    assert b"http://localhost:8800/lab" in done.stdout


@pytest.mark.parametrize("argv", [("status",), ("status", "--json"), ("urls",), ("urls", "--json")], ids=_shown)
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"], ids=["full", "closed"])
def test_a_standard_output_that_takes_nothing_is_no_traceback(ssh_host: Host, argv: tuple[str, ...], redirection: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", console_script(), *argv],
        env=ssh_host.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    if redirection == ">/dev/full":
        assert done.returncode == 1
        assert "error: " in done.stderr


DRY = [
    ("init", *SSH),
    ("init", "--access", "lan", "--allow-root", "--generate-password"),
    ("up", *SSH),
    ("up", "--detach", *SSH),
]


@pytest.mark.parametrize("argv", DRY, ids=_shown)
def test_a_dry_run_on_a_fresh_host_writes_nothing(host: Host, argv: tuple[str, ...]) -> None:
    before = host.tree()
    outcome = host.run(*argv, "--dry-run", "--json")
    assert outcome.code == 0
    assert outcome.data["dry_run"] is True
    assert outcome.data["steps"]
    assert str(host.layout.instance_file("default")) in " ".join(outcome.data["steps"])
    assert "password" not in outcome.data
    assert host.tree() == before


@pytest.mark.parametrize(
    "argv",
    [
        ("init", "--port", "8899"),
        ("init", "--language", "zh_CN", "--allow-host", "gpu.example.org"),
        ("init", "--password-stdin"),
        ("init", "--access", "ssh"),
        ("up", "--port", "8899"),
        ("down",),
        ("password", "--generate-password"),
        ("password", "--password-stdin"),
        ("token",),
        ("remove",),
    ],
    ids=_shown,
)
def test_a_dry_run_changes_nothing_and_shows_no_secret(lan_host: Host, argv: tuple[str, ...]) -> None:
    before = lan_host.tree()
    for more in ((), ("--json",)):
        outcome = lan_host.run(*argv, "--dry-run", *more, stdin="quite another password")
        assert outcome.code == 0, outcome.everything
        for secret in (lan_host.token, lan_host.hashed, PASSWORD, "quite another password", "$argon2"):
            assert secret not in outcome.everything
    assert lan_host.tree() == before


def test_secrets_are_shown_where_that_is_the_purpose_and_nowhere_else(lan_host: Host) -> None:
    for argv in (("init",), ("init", "--port", "8801"), ("status",), ("down",), ("up", "--dry-run"), ("remove", "--dry-run")):
        for more in ((), ("--json",)):
            outcome = lan_host.run(*argv, *more)
            assert outcome.code == 0
            assert not [secret for secret in (lan_host.token, lan_host.hashed, PASSWORD) if secret in outcome.everything]
    for argv in (("urls",), ("token", "--show")):
        for more in ((), ("--json",)):
            outcome = lan_host.run(*argv, *more)
            assert lan_host.token in outcome.out
            assert lan_host.hashed not in outcome.everything


@pytest.mark.parametrize("command", COMMANDS)
def test_help_goes_to_standard_output_and_is_0(host: Host, command: str) -> None:
    for flag in ("-h", "--help"):
        outcome = host.run(command, flag)
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.startswith(f"Usage: jupyter remotekit {command} [OPTIONS]\n")
    assert list(host.folder.iterdir()) == [host.home]


def test_as_a_subcommand_of_jupyter(host: Host) -> None:
    """`jupyter remotekit` is `jupyter-remotekit`, found by its name on the PATH."""
    folder = os.path.dirname(console_script())  # noqa: PTH120
    environment = {**host.environment, "PATH": f"{folder}:{host.environment['PATH']}"}
    done = subprocess.run(
        [f"{folder}/jupyter", "remotekit", "status", "--json"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert Outcome(done.returncode, done.stdout, done.stderr).data["configured"] is False


def test_every_command_is_listed_with_what_it_does(host: Host) -> None:
    outcome = host.run("--help")
    listed = [line.split()[0] for line in outcome.out.partition("Commands:\n")[2].splitlines() if line[:3].strip()]
    assert listed == [*COMMANDS[:-1], *OF_A_LAPTOP, "service", COMMANDS[-1]]
    assert host.run().out == outcome.out


def test_a_pipe_that_is_closed_early_is_no_traceback(host: Host) -> None:
    script = f'"{console_script()}" --help | true; exec 3>&1; {{ "{console_script()}" --help; }} | head -c 1 >/dev/null'
    done = subprocess.run(["/bin/sh", "-c", script], env=host.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
