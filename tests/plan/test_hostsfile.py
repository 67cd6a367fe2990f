"""The address book as a file: read back as it was written, and held to the grammars whoever wrote it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.errors import Refused
from jupyter_remote_kit.plan import hostnames, hostsfile
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost, Options, former_url_name, local_name, url_name
from jupyter_remote_kit.plan.target import parse

FULL = KnownHost(
    "gpu",
    parse("alice@[fd00::7]:2222"),
    Options("~/数据 1", "python3.12", "torch", "run_1", allow_root=True, browser=False, login_profile=False),
    {"connect": 21001, "run_1": 28999},
    "/home/alice/.local/bin/jupyter-remotekit",
    {"connect": 40001},
)
BOOK = AddressBook((FULL, KnownHost("cpu", parse("cpu"))))
ROW: dict[str, Any] = {"name": "gpu", "target": "gpu"}


def written(*rows: object, **more: Any) -> bytes:
    return json.dumps({"version": 1, "hosts": list(rows), **more}).encode()


def test_what_was_written_is_read_back() -> None:
    assert hostsfile.parse(hostsfile.render(BOOK)) == BOOK
    assert hostsfile.parse(hostsfile.render(AddressBook())) == AddressBook()


def test_the_file_says_what_differs_from_the_defaults_and_no_more() -> None:
    record = json.loads(hostsfile.render(BOOK))
    assert record["version"] == 1
    assert record["hosts"][1] == {"name": "cpu", "target": "cpu"}
    assert record["hosts"][0]["options"] == {
        "project_dir": "~/数据 1",
        "python": "python3.12",
        "env": "torch",
        "instance": "run_1",
        "allow_root": True,
        "browser": False,
        "login_profile": False,
    }
    assert "数据" in hostsfile.render(BOOK).decode()


@pytest.mark.parametrize("kit", ["/kit\n", "kit", 7, "/\udcff", ["/kit"]])
def test_a_kit_that_cannot_be_is_looked_for_again(kit: object) -> None:
    assert hostsfile.parse(written({**ROW, "kit": kit})).hosts[0].kit is None


def test_a_host_that_said_no_text_harms_no_other() -> None:
    odd = KnownHost("odd", parse("odd"), kit="/\udcff/kit")
    assert hostsfile.parse(hostsfile.render(AddressBook((odd, FULL)))).hosts[1] == FULL


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "there is no list of hosts in it"),
        (b'{"version": 1, "hosts": {}}', "there is no list of hosts in it"),
        (written(7), "host 1: it is no object"),
        (written({**ROW, "project-dir": "~"}), "host 1: nothing is called 'project-dir' there"),
        (written({"name": "gpu"}), "host 1: it has no name, or no target"),
        (written({**ROW, "name": 7}), "host 1: it has no name, or no target"),
        (written(ROW, {**ROW, "name": "a b"}), "host 2: 'a b' is not a name for a host."),
        (written({**ROW, "target": "-oProxyCommand=id"}), "host 1: '-oProxyCommand=id' is not a host that ssh can be told: "),
        (written({**ROW, "target": "a:b@c"}), "holds a password"),
        (written(ROW, ROW), "host 2: gpu cannot be a host's name beside gpu"),
        (written({**ROW, "options": []}), "host 1: its options are no object"),
        (written({**ROW, "options": {"shell": "x"}}), "its option 'shell' cannot be 'x'"),
        (written({**ROW, "options": {"env": True}}), "its option 'env' cannot be True"),
        (written({**ROW, "options": {"browser": 1}}), "its option 'browser' cannot be 1"),
        (written({**ROW, "options": {"env": "-x"}}), "'-x' is not an environment"),
        (written({**ROW, "options": {"python": "-c"}}), "'-c' is not a Python interpreter"),
        (written({**ROW, "options": {"project_dir": "a\nb"}}), "is not a folder"),
        (written({**ROW, "options": {"instance": "../x"}}), "'../x' is not an instance name"),
        (written({**ROW, "ports": []}), "host 1: its ports are no object"),
        (written({**ROW, "ports": {"../x": 1}}), "'../x' is not an instance name"),
        (written({**ROW, "ports": {"connect": 65536}}), "'65536' is not a port number"),
        (written({**ROW, "far_ports": {"connect": True}}), "'True' is not a port number"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(Refused) as caught:
        hostsfile.parse(data)
    (problem,) = caught.value.problems
    assert problem.code == "hosts-broken"
    assert said in str(problem.message)


DOTTED, HYPHENATED = {**ROW, "name": "gpu.lab"}, {**ROW, "name": "gpu-lab", "target": "alice@10.0.0.7", "ports": {"connect": 21007}}


@pytest.mark.parametrize(("rows", "kept"), [((DOTTED, HYPHENATED), "gpu.lab"), ((HYPHENATED, DOTTED), "gpu-lab")])
def test_names_that_earlier_versions_told_apart_by_a_dot_are_found_and_are_two_in_urls(rows: tuple[dict[str, Any], ...], kept: str) -> None:
    book = hostsfile.parse(written(*rows))
    assert hostsfile.parse(hostsfile.render(book)) == book
    found = [book.find(name) for name in ("gpu.lab", "gpu-lab")]
    assert [known and known.name for known in found] == ["gpu.lab", "gpu-lab"]
    assert found[1] is not None
    assert dict(found[1].ports) == {"connect": 21007}
    labels = {known.name: url_name(known, "connect") for known in book.hosts}
    assert labels.pop(kept) == "gpu-lab.localhost"
    ((other, label),) = labels.items()
    assert re.fullmatch(r"gpu-lab-[0-9a-f]{6}\.localhost", label)
    assert former_url_name(book.hosts[1], "connect") == f"{other}.localhost"
    # What is written of it, and what it is renamed to.
    assert json.loads(hostsfile.render(book))["hosts"][1].keys() <= {"name", "target", "ports"}
    assert url_name(book.renamed(other, "box").hosts[1], "connect") == "box.localhost"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((DOTTED, HYPHENATED, HYPHENATED), "host 3: gpu-lab cannot be a host's name beside gpu.lab"),
        ((DOTTED, {**ROW, "name": hostnames.own_label("gpu-lab")}, HYPHENATED), "host 3: gpu-lab-"),
    ],
)
def test_a_label_of_its_own_is_no_others(rows: tuple[dict[str, Any], ...], said: str) -> None:
    with pytest.raises(Refused) as caught:
        hostsfile.parse(written(*rows))
    assert said in str(caught.value.problems[0].message)


def test_no_new_host_has_the_name_or_the_label_of_one_with_a_label_of_its_own() -> None:
    book = hostsfile.parse(written(DOTTED, HYPHENATED))
    alone = book.without("gpu.lab")
    for name in ("gpu-lab", "gpu.lab", alone.hosts[0].label):
        assert not alone.is_free(name)
        assert local_name(parse(name), alone) != name


@pytest.mark.parametrize("version", [2, "1", None, 0])
def test_another_versions_file_is_left_to_that(version: object) -> None:
    with pytest.raises(Refused, match="written by another version") as caught:
        hostsfile.parse(json.dumps({"version": version, "hosts": [{"new": "key"}]}).encode())
    (problem,) = caught.value.problems
    assert problem.code == "hosts-version"
    assert "pip install --upgrade jupyter-remote-kit" in str(problem.hint)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "target", "options", "ports", "kit", "env", "connect", "hosts", "version"]), inner, max_size=4
        )
    ),
)


@given(
    st.one_of(
        st.binary(max_size=50),
        st.lists(TREES, max_size=3).map(lambda rows: written(*rows)),
        TREES.map(lambda tree: json.dumps(tree).encode()),
    )
)
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        book = hostsfile.parse(data)
    except Refused:
        return
    assert hostsfile.parse(hostsfile.render(book)) == book
