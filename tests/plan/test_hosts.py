"""The port of a `Host` header; its name is in `tests/gate/test_host_names.py`."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan.hosts import port_of


@pytest.mark.parametrize(
    ("header", "port"),
    [
        ("gpubox:8800", 8800),
        ("[2001:db8::1]:443", 443),
        ("gpubox", None),
        ("[::1]", None),
        ("gpubox:0", None),
        ("gpubox:65536", None),
        ("gpubox:8800@evil.example:443", None),
        ("-:80", None),
        ("", None),
    ],
)
def test_the_port_that_a_header_names(header: str, port: int | None) -> None:
    assert port_of(header) == port
