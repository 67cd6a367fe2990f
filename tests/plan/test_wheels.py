"""Which wheels fit a host, and how an installed package becomes a wheel again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.plan.wheels import HostPython, is_own, name_in_wheel, record

MARKERS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def said(**changes: Any) -> str:
    told = {"platform": "linux-x86_64", "libc": "glibc 2.17", "macos": "", "free_threaded": False, "markers": MARKERS}
    return json.dumps(told | changes)


class TestHostPython:
    def test_of_a_linux_with_glibc(self) -> None:
        host = HostPython.parse(said())
        assert (host.version, host.abi, host.markers) == ("3.11.2", "cp311", MARKERS)
        assert host.platforms == (
            *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 4, -1)),
            "manylinux1_x86_64",
            "manylinux2010_x86_64",
            "manylinux2014_x86_64",
            "linux_x86_64",
        )
        assert host.name == "Python 3.11.2, manylinux_2_17_x86_64"

    @pytest.mark.parametrize(
        ("changes", "platforms"),
        [
            (
                {"libc": "glibc 2.5"},
                ("manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"),
            ),
            (
                {"libc": "musl 1.2", "platform": "linux-aarch64"},
                ("musllinux_1_2_aarch64", "musllinux_1_1_aarch64", "musllinux_1_0_aarch64", "linux_aarch64"),
            ),
            (
                {"platform": "macosx-11.0-arm64", "macos": "14.2.1", "markers": MARKERS | {"platform_machine": "arm64"}},
                ("macosx_14_2_arm64",),
            ),
            ({"platform": "macosx-10.9-universal2", "macos": "12"}, ("macosx_12_0_x86_64",)),
        ],
    )
    def test_of_other_systems(self, changes: dict[str, Any], platforms: tuple[str, ...]) -> None:
        assert HostPython.parse(said(**changes)).platforms == platforms

    def test_without_a_global_lock_other_wheels_fit(self) -> None:
        markers = MARKERS | {"python_full_version": "3.13.0rc1"}
        host = HostPython.parse(said(free_threaded=True, markers=markers))
        assert (host.version, host.abi) == ("3.13.0", "cp313t")

    def test_what_pip_is_told(self) -> None:
        options = HostPython.parse(said(libc="musl 1.0")).pip_options
        assert options == (
            *("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11.2"),
            *("--abi", "cp311", "--abi", "abi3", "--abi", "none"),
            *("--platform", "musllinux_1_0_x86_64", "--platform", "linux_x86_64"),
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            "null",
            "[" * 100_000,
            said(markers=None),
            said(markers=MARKERS | {"implementation_name": "pypy"}),
            said(markers=MARKERS | {"python_full_version": "2.7.18"}),
            said(markers=MARKERS | {"python_full_version": 3}),
            said(platform="win-amd64"),
            said(platform="linux-x86_64 --index-url=http://evil.example"),
            said(platform="linux--x"),
            said(platform=7),
            said(libc=""),
            said(libc="glibc 2"),
            said(platform="macosx-11.0-arm64"),
        ],
    )
    def test_one_that_is_not_known_is_refused(self, text: str) -> None:
        with pytest.raises(Failed) as error:
            HostPython.parse(text)
        assert error.value.problems[0].code == "no-wheels"

    def test_only_markers_are_taken_for_markers(self) -> None:
        markers = MARKERS | {"__class__": "x", "A b": "x", "platform_release": 7}
        assert set(HostPython.parse(said(markers=markers)).markers) == set(MARKERS) | {"__class__"}


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("jupyter_remote_kit-0.1.0-py3-none-any.whl", True),
        ("jupyter_remote_kit-1.0rc1+local.1-py3-none-any.whl", True),
        ("jupyter_remote_kit-0.1.0.tar.gz", False),
        ("jupyter_remote_kit-0.1.0-cp311-cp311-linux_x86_64.whl", False),
        ("jupyterlab-4.0.0-py3-none-any.whl", False),
        ("jupyter_remote_kit-0.1.0/../../x-py3-none-any.whl", False),
        ("jupyter_remote_kit--py3-none-any.whl", False),
    ],
)
def test_a_wheel_of_ours(name: str, own: bool) -> None:
    assert is_own(name) is own


@pytest.mark.parametrize(
    ("recorded", "name"),
    [
        ("kit/plan/x.py", "kit/plan/x.py"),
        ("kit-1.dist-info/METADATA", "kit-1.dist-info/METADATA"),
        ("kit-1.dist-info/licenses/LICENSE", "kit-1.dist-info/licenses/LICENSE"),
        ("kit/bin/tool", "kit/bin/tool"),
        ("../../../share/jupyter/x.json", "kit-1.data/data/share/jupyter/x.json"),
        ("../../etc/jupyter/x.json", "kit-1.data/data/etc/jupyter/x.json"),
        ("../../../bin/kit", None),
        ("../../Scripts/kit.exe", None),
        ("kit/plan/__pycache__/x.cpython-311.pyc", None),
        ("kit-1.dist-info/RECORD", None),
        ("kit-1.dist-info/INSTALLER", None),
        ("kit-1.dist-info/REQUESTED", None),
        ("kit-1.dist-info/direct_url.json", None),
    ],
)
def test_the_name_of_an_installed_file_in_a_wheel(recorded: str, name: str | None) -> None:
    assert name_in_wheel(recorded, "kit-1") == name


@pytest.mark.parametrize("recorded", ["/etc/jupyter/x.json", "D:/share/x.json"])
def test_a_file_that_is_elsewhere_has_none(recorded: str) -> None:
    with pytest.raises(ValueError, match=r"x\.json"):
        name_in_wheel(recorded, "kit-1")


def test_a_record_lists_every_file_and_itself() -> None:
    assert record([("kit/a.py", "abc", 3), ("kit/b.py", "def", 0)], "kit-1") == (
        "kit/a.py,sha256=abc,3\nkit/b.py,sha256=def,0\nkit-1.dist-info/RECORD,,\n"
    )
