"""Which names a configuration of ssh's holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_remote_kit.plan import sshconfig, target
from jupyter_remote_kit.plan.sshconfig import SshConfig

CONFIG = r"""
# Host commented
Host gpu1 gpu2 # and more
    HostName 10.0.0.7
    user Host
host=eq
HOST = spaced
Host	"quoted name" "quoted" 'single'
"Host" keyword
  Host   gpu1 *.lab !not gpu? ?x -oProxyCommand=x a;b user@h h:22
Match host matched exec "true"
    Hostname x
HostKeyAlias alias
Hosts none
Include config.d/*.conf ~/more "with blank" # not this
include=/etc/x
Host a\ b half"quo"ted
Host
Host fd00::7
"""


def test_names_are_what_stands_behind_host_and_includes_what_stands_behind_include() -> None:
    names = ("gpu1", "gpu2", "eq", "spaced", "quoted", "single", "keyword", "h:22", "halfquoted", "fd00::7")
    assert sshconfig.parse(CONFIG) == SshConfig(names, ("config.d/*.conf", "~/more", "with blank", "/etc/x"))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_end_as_they_do_on_the_laptop(ending: str) -> None:
    assert sshconfig.parse(ending.join(["Host a", "Host b", ""])).names == ("a", "b")


@pytest.mark.parametrize("text", ['Host "open', "Host 'open", "Host a\\", "Include", "Include =", "Host ==x", "Host\0a", "=Host a"])
def test_what_makes_no_sense_is_left_out(text: str) -> None:
    found = sshconfig.parse(text)
    assert set(found.names) <= {"open", "a", "x"}


LINES = st.lists(
    st.tuples(st.sampled_from(["Host ", "Host=", "Include ", "Match ", " host\t", '"Host" ', ""]), st.text(max_size=20)).map("".join),
    max_size=6,
)


@given(st.one_of(st.text(), LINES.map("\n".join)))
def test_any_file_is_read_and_what_is_found_can_be_told_to_ssh(text: str) -> None:
    for name in sshconfig.parse(text).names:
        assert target.parse(target.literal(name)).words == ("--", name)
