"""`init`: facts in, steps out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_remote_kit.errors import ExitCode, Failed, Refused
from jupyter_remote_kit.plan import instance
from jupyter_remote_kit.plan.facts import ConfigText, FileFact, FileKind
from jupyter_remote_kit.plan.init import managed_paths, plan_credentials, plan_init, private_folders, secret_paths
from jupyter_remote_kit.plan.model import IssueAuthority, IssueLeaf, MakeDirectory, RemoveFile, WriteFile
from jupyter_remote_kit.secret import Secret
from jupyter_remote_kit.settings import Access, Credentials
from tests.plan.build import (
    CREDENTIALS,
    DIRECTORY,
    HASH,
    HOME,
    INSTANCE_FILE,
    LAYOUT,
    LEAF_FILE,
    NAMES,
    OVERLAY_FILE,
    ROOT_DIR,
    SAN_ADDRESSES,
    TOKEN,
    certificate,
    facts,
    file_of,
    made_folders,
    sentences,
    settings,
    settled,
    text_of,
    written_paths,
)

DATA = HOME / ".local/share/jupyter/remotekit"
SSH = {"access": Access.SSH, "ip": "127.0.0.1"}


def existing(**changes: Any) -> instance.Instance:
    return instance.parse(INSTANCE_FILE, text_of(settings(**changes)))


def test_the_first_init_writes_everything_the_instance_last() -> None:
    plan = plan_init(settings(), CREDENTIALS, facts())
    assert plan.steps == (
        MakeDirectory(HOME / ".jupyter/remotekit", 0o700),
        MakeDirectory(DATA, 0o700),
        MakeDirectory(DATA / "backups", 0o700),
        MakeDirectory(DATA / "instances/default", 0o700),
        MakeDirectory(DATA / "tls", 0o700),
        IssueAuthority(DATA / "tls/ca.pem", DATA / "tls/ca.crt", NAMES, SAN_ADDRESSES),
        IssueLeaf(DATA / "tls/ca.pem", DATA / "tls/leaf-default.pem", NAMES, SAN_ADDRESSES),
        WriteFile(OVERLAY_FILE, plan.steps[-2].content, 0o644),  # type: ignore[union-attr]
        WriteFile(INSTANCE_FILE, Secret(text_of(settings())), 0o600),
    )
    assert plan.findings == ()


def test_what_dry_run_prints_of_it_holds_no_secret() -> None:
    assert sentences(plan_init(settings(), CREDENTIALS, facts()).steps) == [
        "create the directory /home/ann/.jupyter/remotekit (mode 0700)",
        "create the directory /home/ann/.local/share/jupyter/remotekit (mode 0700)",
        "create the directory /home/ann/.local/share/jupyter/remotekit/backups (mode 0700)",
        "create the directory /home/ann/.local/share/jupyter/remotekit/instances/default (mode 0700)",
        "create the directory /home/ann/.local/share/jupyter/remotekit/tls (mode 0700)",
        "create a private certificate authority in /home/ann/.local/share/jupyter/remotekit/tls/ca.pem for gpu.example.org, gpu,"
        " gpu.local, localhost, 192.168.0.107, fd00::107, 127.0.0.1, ::1 only",
        "issue a certificate in /home/ann/.local/share/jupyter/remotekit/tls/leaf-default.pem for gpu.example.org, gpu, gpu.local,"
        " localhost, 192.168.0.107, fd00::107, 127.0.0.1, ::1",
        "write /home/ann/.jupyter/remotekit/default.overrides.json (mode 0644)",
        "write /home/ann/.jupyter/remotekit/default.json (mode 0600)",
    ]
    whole = repr(plan_init(settings(), CREDENTIALS, facts()))
    assert TOKEN not in whole
    assert HASH not in whole


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="lan"),
        pytest.param({"ip": "192.168.0.107"}, id="one address"),
        pytest.param({"ip": "fd00::107"}, id="one IPv6 address"),
        pytest.param({"ip": "0.0.0.0"}, id="IPv4 wildcard"),
        pytest.param(SSH, id="ssh"),
        pytest.param({"access": Access.RELAY, "ip": "127.0.0.1"}, id="relay"),
        pytest.param({"access": Access.RELAY, "ip": "127.0.0.1", "plain_http": True}, id="relay over plain HTTP"),
        pytest.param({"plain_http": True}, id="plain HTTP"),
        pytest.param({"language": "zh_CN"}, id="Chinese"),
        pytest.param({"instance": "gpu1", "port": 8801}, id="another instance"),
        pytest.param({"allow_root": True}, id="root allowed"),
    ],
)
def test_a_second_init_with_the_same_answers_has_no_steps(changes: dict[str, Any]) -> None:
    chosen = settings(**changes)
    parsed = instance.parse(INSTANCE_FILE, text_of(chosen))
    again = plan_init(parsed.settings, parsed.credentials, settled(chosen), existing=parsed)
    assert (again.steps, again.findings) == ((), ())
    # What another command changes meanwhile would be undone.
    assert again.expects == ((LAYOUT.instance_file(parsed.settings.instance), parsed.digest),)


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({"port": 9000}, [INSTANCE_FILE]),
        ({"ip": "192.168.0.107"}, [INSTANCE_FILE]),
        ({"language": "zh_CN"}, [OVERLAY_FILE, INSTANCE_FILE]),
        ({"plain_http": True}, [INSTANCE_FILE]),
        (SSH, [INSTANCE_FILE]),
        ({"allow_root": True}, [INSTANCE_FILE]),
        # Under a name that the CA permits, so that only the leaf lacks it.
        ({"allow_hosts": ("lab.gpu.example.org",)}, [INSTANCE_FILE]),
    ],
)
def test_a_changed_answer_changes_that_alone(changes: dict[str, Any], written: list[Path]) -> None:
    before, after = existing(), settings(**changes)
    plan = plan_init(after, before.credentials, settled(settings()), existing=before)
    assert written_paths(plan) == written
    assert not any(isinstance(step, IssueAuthority) for step in plan.steps)
    assert any(isinstance(step, IssueLeaf) for step in plan.steps) == ("allow_hosts" in changes)
    assert made_folders(plan) == []
    # Password and token are kept, and the file is ours: a backup, but nobody's edit.
    last = plan.steps[-1]
    assert isinstance(last, WriteFile)
    assert (last.backup, last.edited) == (True, False)
    assert instance.parse(INSTANCE_FILE, last.content.reveal()).credentials == CREDENTIALS


def test_a_new_root_directory_is_made_with_the_change() -> None:
    elsewhere = HOME / "new"
    plan = plan_init(settings(root_dir=elsewhere), CREDENTIALS, settled(settings()), existing=existing())
    assert made_folders(plan) == [elsewhere]
    assert written_paths(plan) == [INSTANCE_FILE]


def test_keys_that_a_user_added_survive() -> None:
    traits = json.loads(text_of(settings()))
    traits["ServerApp"]["shutdown_no_activity_timeout"] = 3600
    traits["MappingKernelManager"] = {"cull_idle_timeout": 600}
    before = instance.parse(INSTANCE_FILE, json.dumps(traits))
    plan = plan_init(settings(port=9000), before.credentials, settled(settings()), existing=before)
    (step,) = plan.steps
    assert isinstance(step, WriteFile)
    after = json.loads(step.content.reveal())
    assert after["MappingKernelManager"] == {"cull_idle_timeout": 600}
    assert after["ServerApp"]["shutdown_no_activity_timeout"] == 3600
    assert after["ServerApp"]["port"] == 9000


@pytest.mark.parametrize("value", ["a note of the user's", 7, None, ["x"], True])
def test_a_top_level_key_that_is_no_section_is_refused_or_survives(value: object) -> None:
    traits = {**json.loads(text_of(settings())), "_note": value}
    try:
        before = instance.parse(INSTANCE_FILE, json.dumps(traits))
    except Refused:
        return
    plan = plan_init(settings(port=9000), before.credentials, settled(settings()), existing=before)
    assert json.loads(plan.steps[-1].content.reveal())["_note"] == value  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fact", "backup", "edited"),
    [
        pytest.param(FileFact(), False, False, id="absent"),
        pytest.param(file_of("somebody's"), True, True, id="not ours"),
        pytest.param(file_of(text_of(settings(port=1234))), True, True, id="edited since"),
        pytest.param(FileFact(FileKind.FILE, 0o600, 1000, None), True, True, id="unreadable"),
        pytest.param(file_of(text_of(settings()), 0o644), False, False, id="only the mode is wrong"),
        # `host.apply` refuses what is no file; there is nothing to keep a copy of.
        pytest.param(FileFact(FileKind.SYMLINK), False, False, id="a link"),
    ],
)
def test_what_stands_in_the_way_is_backed_up_and_named(fact: FileFact, backup: bool, edited: bool) -> None:
    plan = plan_init(settings(), CREDENTIALS, settled(settings(), files={INSTANCE_FILE: fact}))
    assert plan.steps == (WriteFile(INSTANCE_FILE, Secret(text_of(settings())), 0o600, backup=backup, edited=edited),)
    suffix = "; it was edited or not written by the kit, so a backup is kept" if edited else ""
    assert sentences(plan.steps) == [f"write {INSTANCE_FILE} (mode 0600){suffix}"]


def test_a_file_that_an_earlier_version_left_is_ours() -> None:
    earlier = file_of(text_of(settings(port=1234)))
    manifest = {str(INSTANCE_FILE): ("0" * 64, earlier.digest or "")}
    plan = plan_init(settings(), CREDENTIALS, settled(settings(), files={INSTANCE_FILE: earlier}, manifest=manifest))
    assert [(step.backup, step.edited) for step in plan.steps if isinstance(step, WriteFile)] == [(True, False)]


@pytest.mark.parametrize(
    "fact",
    [FileFact(), FileFact(FileKind.DIRECTORY, 0o755), FileFact(FileKind.DIRECTORY, 0o500), FileFact(FileKind.SYMLINK, 0o777)],
)
def test_a_folder_of_ours_that_is_not_private_is_made_so(fact: FileFact) -> None:
    plan = plan_init(settings(), CREDENTIALS, settled(settings(), files={LAYOUT.tls_dir: fact}))
    assert plan.steps == (MakeDirectory(LAYOUT.tls_dir, 0o700),)


@pytest.mark.parametrize(
    ("fact", "code", "sentence"),
    [
        (file_of("x"), "root-dir-not-a-directory", "The root directory /home/ann/notebooks is not a directory."),
        (FileFact(FileKind.OTHER), "root-dir-not-a-directory", "The root directory /home/ann/notebooks is not a directory."),
        (
            FileFact(FileKind.DIRECTORY, 0o555, writable=False),
            "root-dir-not-writable",
            "You cannot write to the root directory /home/ann/notebooks.",
        ),
    ],
)
def test_a_root_directory_that_cannot_serve_is_refused(fact: FileFact, code: str, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        plan_init(settings(), CREDENTIALS, facts(files={ROOT_DIR: fact, HOME: DIRECTORY}))
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message), str(problem.hint)) == (code, sentence, "Choose another one: --root-dir /home/ann")
    assert caught.value.exit_code is ExitCode.REFUSED


def test_a_root_directory_that_cannot_be_made_may_come_with_its_disk() -> None:
    with pytest.raises(Failed) as caught:
        plan_init(settings(), CREDENTIALS, facts(files={ROOT_DIR: FileFact(writable=False), HOME: DIRECTORY}))
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.message)) == ("root-dir-not-writable", "You cannot make the root directory /home/ann/notebooks.")
    assert str(problem.hint) == "Choose another one: --root-dir /home/ann"
    assert caught.value.exit_code is ExitCode.FAILED


def test_a_root_directory_that_the_instance_has_had_is_not_refused_for_good() -> None:
    machine = facts(files={ROOT_DIR: FileFact(FileKind.DIRECTORY, writable=False), HOME: DIRECTORY})
    with pytest.raises(Failed, match="You cannot write to the root directory"):
        plan_init(settings(), CREDENTIALS, machine, existing=existing())


@pytest.mark.parametrize(
    ("root_dir", "home"),
    [(HOME, replace(DIRECTORY, writable=False)), (ROOT_DIR, replace(DIRECTORY, writable=False)), (ROOT_DIR, FileFact())],
)
def test_the_hint_never_names_what_cannot_be_used_either(root_dir: Path, home: FileFact) -> None:
    with pytest.raises(Refused) as caught:
        plan_init(settings(root_dir=root_dir), CREDENTIALS, facts(files={ROOT_DIR: replace(DIRECTORY, writable=False), HOME: home}))
    assert str(caught.value.problems[0].hint) == 'Choose another one: --root-dir "$(mktemp -d /var/tmp/notebooks.XXXXXX)"'


def test_an_absent_root_directory_is_made_for_the_user_alone() -> None:
    assert MakeDirectory(ROOT_DIR, 0o700) in plan_init(settings(), CREDENTIALS, facts(files={})).steps


def test_root_needs_leave() -> None:
    with pytest.raises(Refused) as caught:
        plan_init(settings(), CREDENTIALS, facts(uid=0))
    (problem,) = caught.value.problems
    assert problem.code == "as-root"
    assert "--allow-root" in str(problem.hint)
    assert plan_init(settings(allow_root=True), CREDENTIALS, facts(uid=0)).steps


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(Refused, match=r"This host does not have the address 10\.0\.0\.9\."):
        plan_init(settings(ip="10.0.0.9"), CREDENTIALS, facts())


@pytest.mark.parametrize("language", ["en", "zh_CN", "en_US", "en_GB"])
def test_what_is_shipped_needs_no_language_pack(language: str) -> None:
    # English is JupyterLab's own language, in every country; PyPI has no pack of it.
    assert plan_init(settings(language=language), CREDENTIALS, facts()).findings == ()


def test_another_language_names_its_pack() -> None:
    (problem,) = plan_init(settings(language="fr_FR"), CREDENTIALS, facts()).findings
    assert problem.code == "language-pack"
    assert str(problem.message) == "The interface shows fr_FR only where its language pack is installed."
    assert str(problem.hint) == "pip install jupyterlab-language-pack-fr-FR"


def test_findings_come_from_the_certificate_the_language_and_the_users_files() -> None:
    chosen = settings(certfile=Path("/c/cert.pem"), keyfile=Path("/c/key.pem"), language="fr_FR")
    config = ConfigText(HOME / ".jupyter/jupyter_server_config.py", b"c.ServerApp.disable_check_xsrf = True\n")
    own = certificate(names=("elsewhere.example",), addresses=())
    plan = plan_init(chosen, CREDENTIALS, facts(own_certificate=own, user_config=(config,)))
    assert [problem.code for problem in plan.findings] == ["certificate-names", "language-pack", "xsrf-checks-off"]
    assert not any(isinstance(step, (IssueAuthority, IssueLeaf)) for step in plan.steps)
    written = instance.parse(INSTANCE_FILE, plan.steps[-1].content.reveal())  # type: ignore[union-attr]
    assert (written.settings.certfile, written.settings.keyfile) == (Path("/c/cert.pem"), Path("/c/key.pem"))


def test_other_credentials_change_the_instance_file_alone() -> None:
    other = Credentials(Secret("f" * 64))
    before = existing()
    plan = plan_credentials(before, other, settled(settings()))
    assert plan.steps == (WriteFile(INSTANCE_FILE, Secret(text_of(settings(), other)), 0o600, backup=True),)
    assert plan_credentials(before, CREDENTIALS, settled(settings())).steps == ()


def test_other_credentials_of_a_server_without_tls_name_no_leaf() -> None:
    chosen = settings(**SSH)
    before = instance.parse(INSTANCE_FILE, text_of(chosen))
    (step,) = plan_credentials(before, Credentials(Secret("f" * 64)), settled(chosen)).steps
    assert str(LEAF_FILE) not in step.content.reveal()  # type: ignore[union-attr]


def test_every_path_that_is_written_is_gathered_first() -> None:
    gathered = set(managed_paths(settings(), LAYOUT))
    plan = plan_init(settings(), CREDENTIALS, facts())
    assert {*written_paths(plan), *made_folders(plan)} <= gathered | {ROOT_DIR}
    assert LAYOUT.tls_dir not in private_folders(settings(**SSH), LAYOUT)


def test_every_step_says_what_it_does() -> None:
    assert sentences([RemoveFile(INSTANCE_FILE)]) == [f"remove {INSTANCE_FILE}"]
    assert replace(DIRECTORY, content=b"").digest == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert DIRECTORY.digest is None


def test_laptops_are_told_when_the_authority_is_another_one() -> None:
    before = existing()
    plan = plan_init(before.settings, before.credentials, replace(settled(settings()), ca=None), existing=before)
    assert any(isinstance(step, IssueAuthority) for step in plan.steps)
    (problem,) = plan.findings
    assert (problem.code, str(problem.hint)) == ("authority-replaced", "jupyter remotekit urls")


def test_an_address_that_came_after_the_authority_is_told_and_a_new_one_made_on_demand() -> None:
    before, machine = existing(), settled(settings(), addresses=("192.168.0.107", "10.0.0.9"))
    plan = plan_init(before.settings, before.credentials, machine, existing=before)
    assert plan.steps == ()
    (problem,) = plan.findings
    assert (problem.code, str(problem.hint)) == ("certificate-lacks", "jupyter remotekit init --new-authority")
    assert "is not for 10.0.0.9: browsers warn there" in str(problem.message)
    plan = plan_init(before.settings, before.credentials, machine, existing=before, new_authority=True)
    assert any(isinstance(step, IssueAuthority) for step in plan.steps)
    (problem,) = plan.findings
    assert "Laptops that trust the old one go on" in str(problem.message)
    # A third one, before all have the second: the first is served no more.
    first = replace(certificate(digest="first"), not_before=certificate().not_before - timedelta(days=100))
    plan = plan_init(before.settings, before.credentials, replace(machine, previous_ca=first), existing=before, new_authority=True)
    (problem,) = plan.findings
    assert f"trust only the one of {first.not_before:%Y-%m-%d}, which came before that, warn at every address" in str(problem.message)


def test_an_authority_is_made_only_where_another_instance_has_made_none_meanwhile() -> None:
    plan = plan_init(settings(), CREDENTIALS, facts())
    assert plan.expects == ((LAYOUT.instance_file("default"), None), (LAYOUT.ca_file, None))


def test_what_nobody_else_may_read() -> None:
    folders = private_folders(settings(), LAYOUT)
    files = (
        LAYOUT.instance_file("default"),
        LAYOUT.ca_file,
        LAYOUT.leaf_file("default"),
        LAYOUT.previous_ca_file,
        LAYOUT.previous_leaf_file("default"),
    )
    assert secret_paths(settings(), LAYOUT) == (*folders, *files)
    over_ssh = settings(access=Access.SSH, ip="127.0.0.1")
    assert secret_paths(over_ssh, LAYOUT) == (*private_folders(over_ssh, LAYOUT), LAYOUT.instance_file("default"))
    own, with_key = settings(certfile="/c/cert.pem", keyfile="/c/key.pem"), settings(certfile="/c/both.pem")
    assert secret_paths(own, LAYOUT) == (*private_folders(own, LAYOUT), LAYOUT.instance_file("default"), Path("/c/key.pem"))
    assert secret_paths(with_key, LAYOUT)[-1] == Path("/c/both.pem")
