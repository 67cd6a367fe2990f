"""Names that a host and a registry may both have."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan.registries import is_registry, to_exclude


@pytest.mark.parametrize("name", ["vm", "ml", "ai", "dev", "app", "com", "co.uk", "com.cn"])
def test_other_people_may_have_names_below_it(name: str) -> None:
    assert is_registry(name)
    assert to_exclude((name, "localhost")) == (f".{name}",)


@pytest.mark.parametrize("name", ["gpu", "g1", "vm1", "ai.lab", "www.com.cn", "localhost", ""])
def test_nobody_else_has_names_below_it(name: str) -> None:
    assert not is_registry(name)
    assert to_exclude((name,)) == ()


def test_what_the_host_itself_has_below_it_stays_permitted() -> None:
    assert to_exclude(("vm", "gpu.vm", "ml")) == (".ml",)
