"""The names of hosts and of their servers: fit for a browser, and each server's own."""

from __future__ import annotations

import hashlib
import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit import grammar
from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.plan import hostnames, target
from jupyter_remote_kit.plan.target import Target

DIGEST_OF_H = hashlib.sha256(b"h").hexdigest()[:6]
DIGEST = re.compile(r"-[0-9a-f]{6}(?=[.-]|\Z)")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def pattern(name: str) -> str:
    """The name, with `-#` for a digest."""
    return DIGEST.sub("-#", name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gpu", "gpu"),
        ("alice@gpu", "gpu"),
        ("GPU_box.lab.example.org", "gpu-box-#.lab.example.org"),
        ("10.0.0.7:2222", "10.0.0.7"),
        ("fd00::7", "fd00-7-#"),
        ("fe80::1%eth0", "fe80-1-eth0-#"),
        ("::1", "1-#"),
        ("xn--fiq228c.example", "xn-fiq228c-#.example"),
        ("a..b", "a-#.b"),
        ("_", "host-#"),
        ("_gateway", "gateway-#"),
        ("GPU", "gpu-#"),
        ("gpu+a100", "gpu-a100-#"),
        ("aws/something/1", "aws-something-1-#"),
        ("实验室", "host-#"),
        ("a" * 1024, "a" * 56 + "-#"),
    ],
)
def test_a_host_gets_its_own_name_where_that_is_free(text: str, name: str) -> None:
    assert pattern(hostnames.name_for(target.parse(text), ())) == name


@pytest.mark.parametrize(
    ("text", "taken", "name"),
    [
        ("bob@h", ["h"], "bob-h-#"),
        ("bob@h.example.org", ["h.example.org"], "bob-h-#.example.org"),
        ("h", ["h"], "h-#"),
        ("h", ["h", f"h-{DIGEST_OF_H}"], "h-#-2"),
        ("李@h", ["h"], "h-#"),
        # A gateway and what is behind it are two in URLs.
        ("gpu.lab.org", ["lab.org"], "gpu.lab.org"),
        ("lab.org", ["gpu.lab.org"], "lab.org"),
        # In a label a dot is a hyphen.
        ("gpu.lab.org", ["gpu-lab.org"], "gpu-#.lab.org"),
        ("gpu-lab-org", ["gpu.lab.org"], "gpu-lab-org-#"),
        ("bob@gpu-lab-org", ["gpu.lab.org"], "bob-gpu-lab-org-#"),
        (f"{'a' * 63}", ["a" * 63], f"{'a' * 56}-#"),
    ],
)
def test_a_name_that_would_clash_is_not_given(text: str, taken: list[str], name: str) -> None:
    assert pattern(hostnames.name_for(target.parse(text), taken)) == name


@pytest.mark.parametrize(
    ("one", "others"),
    [
        ("gpu+a100", ["gpu/a100", "gpu-a100", "GPU+A100", "gpu_a100"]),
        ("实验室", ["机房", "host", "_"]),
        ("GPU", ["gpu"]),
        ("gpu:2222", ["gpu-2", "gpu-2222"]),
        ("bob@gpu", ["bob-gpu"]),
        ("fd00::7", ["fd00-7"]),
        ("a" * 80, ["a" * 81, "a" * 63]),
    ],
)
def test_no_alias_is_the_name_of_another_host(one: str, others: list[str]) -> None:
    """A person who types one of them would be connected to the other."""
    names = ["gpu"]
    names.append(hostnames.name_for(target.parse(one), names))
    for other in others:
        assert other not in names[1:]
        names.append(hostnames.name_for(target.parse(other), names))
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("text", "made"), [("gpu", False), ("alice@gpu", False), ("gpu+a100", True), ("实验室", True), ("GPU", True)])
def test_a_name_that_was_made_is_known_as_such(text: str, made: bool) -> None:
    meant = target.parse(text)
    assert hostnames.is_made(hostnames.name_for(meant, ()), meant) is made
    assert not hostnames.is_made("my-box", meant)


def test_a_name_of_any_length_leaves_room_for_a_servers() -> None:
    name = hostnames.name_for(Target(".".join(["long-label-of-a-host"] * 12)), ())
    assert name.startswith("long-label-of-a-host-")
    label, _, domain = hostnames.url_name(name, "i" * 32).partition(".")
    assert (len(label), domain) == (63, "localhost")
    assert label.startswith("i" * 32 + "--long-label-of-a")
    assert DIGEST.search(label)
    assert hostnames.url_name(name, "i" * 31 + "j") != hostnames.url_name(name, "i" * 32)


TARGETS = st.builds(
    Target,
    st.one_of(
        st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,80}[A-Za-z0-9_])?", fullmatch=True),
        st.ip_addresses(v=6).map(str),
        st.text("aA-_+/.实é", min_size=1, max_size=12),
        st.sampled_from(["h", "a.h", "b.a.h", "a-h"]),
    ),
    st.sampled_from([None, "alice", "bob", "_"]),
)


@given(st.lists(TARGETS, max_size=8))
def test_names_are_labels_and_no_server_shares_its_own(targets: list[Target]) -> None:
    names: list[str] = []
    for found in targets:
        names.append(hostnames.name_for(found, names))
    assert all(LABEL.match(label) for name in names for label in name.split("."))
    assert [hostnames.parse(name) for name in names] == names
    assert not any(hostnames.clash(one, other) for one, other in combinations(names, 2))
    servers = [hostnames.url_name(name, instance) for name in names for instance in ("connect", "a", "bob", "A", "a-", "i" * 32)]
    assert len(set(servers)) == len(servers)
    # One label each: nothing that one sets a cookie for is another's.
    assert all(name.removesuffix(".localhost").count(".") == 0 and LABEL.match(name.partition(".")[0]) for name in servers)


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        ("connect", "gpu-lab-org.localhost"),
        ("default", "default--gpu-lab-org.localhost"),
        ("deep-learning-1f3a2b", "deep-learning-1f3a2b--gpu-lab-org.localhost"),
        # As `xn--` two letters would stand for another encoding.
        ("xn", "xn-ce48--gpu-lab-org.localhost"),
    ],
)
def test_a_server_has_its_instance_in_its_name(instance: str, name: str) -> None:
    assert hostnames.url_name("gpu.lab.org", instance) == name


@pytest.mark.parametrize(
    ("instance", "name"),
    [("connect", "gpu.lab.localhost"), ("default", "default.gpu.lab.localhost"), ("A_1", "a-1-1a2b.gpu.lab.localhost")],
)
def test_bookmarks_may_have_a_server_under_a_label_for_each_of_the_hosts_own(instance: str, name: str) -> None:
    assert re.sub("-[0-9a-f]{4}(?=[.])", "-1a2b", hostnames.former_url_name("gpu.lab", instance)) == name


def test_instances_that_look_alike_to_a_browser_have_two_names() -> None:
    names = [hostnames.url_name("gpu", instance) for instance in ("run_1", "run-1", "Run-1", "run-1-", "RUN_1")]
    assert len(set(names)) == len(names)
    assert names[0].startswith("run-1-")
    assert all(LABEL.match(name.partition(".")[0]) for name in names)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True))
def test_any_instance_makes_a_label(instance: str) -> None:
    label = hostnames.url_name("h", grammar.instance_name(instance)).partition(".")[0]
    assert LABEL.match(label)


@pytest.mark.parametrize("text", ["gpu", "gpu-1", "a.b.c", "1", "a" * 63])
def test_a_name_that_a_user_may_give(text: str) -> None:
    assert hostnames.parse(text) == text
    assert target.parse(text).words == ("--", text)


def test_capital_letters_are_small_ones() -> None:
    assert hostnames.parse("GPU.Lab") == "gpu.lab"


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "xn--a", "é", "a\n", "a@b", "a" * 64, "a." * 90 + "a"]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a name for a host") as caught:
        hostnames.parse(text)
    assert "--name" in str(caught.value.problems[0].hint)


@pytest.mark.parametrize(
    ("one", "other", "clashes"),
    [
        *(("a", "a", True), ("b.a", "b-a", True), ("c-b.a", "c.b-a", True)),
        *(("b.a", "a", False), ("a", "b.a", False), ("b.a", "c.a", False), ("ba", "a", False), ("b-a", "a", False)),
        (f"{'a' * 40}.{'b' * 40}", f"{'a' * 40}.{'b' * 41}", False),
    ],
)
def test_names_clash_where_they_would_be_one_in_urls(one: str, other: str, clashes: bool) -> None:
    assert hostnames.clash(one, other) is clashes
