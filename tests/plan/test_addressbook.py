"""What a laptop knows of its hosts, and which ports and names they have there."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import islice

import pytest

from jupyter_remote_kit.errors import Failed
from jupyter_remote_kit.plan import addressbook
from jupyter_remote_kit.plan.addressbook import AddressBook, KnownHost, Options
from jupyter_remote_kit.plan.target import Target, parse


def digest(target: str) -> str:
    """What a name that was made for a host ends with."""
    return hashlib.sha256(target.encode()).hexdigest()[:6]


GPU = KnownHost("gpu", parse("alice@gpu.lab.org"))
CPU = KnownHost("cpu", parse("cpu"), Options(env="torch", browser=False), {"connect": 21001})
BOOK = AddressBook((GPU, CPU))


@pytest.mark.parametrize(
    ("text", "known"),
    [("gpu", GPU), ("alice@gpu.lab.org", GPU), ("cpu", CPU), ("gpu.lab.org", None), ("bob@gpu.lab.org", None), ("", None)],
)
def test_a_host_is_found_by_its_name_or_by_what_ssh_is_told(text: str, known: KnownHost | None) -> None:
    assert BOOK.find(text) == known


def test_a_host_whose_name_was_made_is_shown_as_ssh_knows_it() -> None:
    for text in ("实验室", "aws/gpu/1", "bob@gpu"):
        known = KnownHost(addressbook.local_name(parse(text), BOOK), parse(text))
        assert known.shown == text
        assert BOOK.with_host(known).find(known.shown) == known
    assert GPU.shown == "gpu"


def test_a_name_comes_before_a_target() -> None:
    book = BOOK.with_host(KnownHost("other", Target("gpu")))
    assert book.find("gpu") == GPU


def test_a_host_is_what_the_book_says_of_it_by_now() -> None:
    """Two that are connected to for the first time, at once."""
    alice, bob = KnownHost("h", parse("alice@h")), KnownHost("h", parse("bob@h"))
    empty, first = AddressBook(), AddressBook((replace(alice, kit="/kit"),))
    assert empty.current(alice) == alice
    assert first.current(alice) == replace(alice, kit="/kit")
    assert first.current(bob) == replace(bob, name=f"bob-h-{digest('bob@h')}")
    dotted = AddressBook((KnownHost("x.gpu", Target("x.gpu")),))
    assert dotted.current(KnownHost("x-gpu", Target("x-gpu"))).name == f"x-gpu-{digest('x-gpu')}"


def test_a_host_is_added_at_the_end_and_changed_in_its_place() -> None:
    new = KnownHost("new", parse("new"))
    changed = replace(GPU, kit="/opt/kit")
    assert BOOK.with_host(new).hosts == (GPU, CPU, new)
    assert BOOK.with_host(changed).hosts == (changed, CPU)


def test_a_host_is_forgotten_once() -> None:
    assert BOOK.without("gpu").hosts == (CPU,)
    assert BOOK.without("gpu").without("gpu").hosts == (CPU,)


def test_a_host_is_renamed_with_all_that_it_has() -> None:
    book = BOOK.renamed("cpu", "box")
    assert book.hosts == (GPU, replace(CPU, name="box"))
    assert book.renamed("box", "box") == book
    assert book.renamed("box", "a.box").find("a.box") == replace(CPU, name="a.box")


@pytest.mark.parametrize(
    ("old", "new", "code"), [("gpu", "cpu", "name-taken"), ("cpu", "g-p.u", "name-taken"), ("no", "x", "unknown-host")]
)
def test_a_rename_that_cannot_be(old: str, new: str, code: str) -> None:
    with pytest.raises(Failed) as caught:
        BOOK.with_host(KnownHost("g.p-u", Target("u"))).renamed(old, new)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert "jupyter remotekit hosts" in str(problem.hint)


def test_a_name_beside_which_another_could_not_be_is_refused() -> None:
    book = BOOK.with_host(KnownHost("x-gpu", parse("x")))
    with pytest.raises(Failed, match=r"x\.gpu cannot be a host's name beside x-gpu, which is that of x"):
        book.with_host(KnownHost("x.gpu", parse("y")))


def test_a_new_host_is_called_after_itself() -> None:
    assert addressbook.local_name(parse("alice@New_Box"), BOOK) == f"new-box-{digest('alice@New_Box')}"
    assert addressbook.local_name(parse("bob@gpu"), BOOK) == f"bob-gpu-{digest('bob@gpu')}"


def test_a_server_has_a_name_of_its_own() -> None:
    assert addressbook.url_name(GPU, "connect") == "gpu.localhost"
    assert addressbook.url_name(GPU, "default") == "default--gpu.localhost"
    assert addressbook.former_url_name(GPU, "default") == "default.gpu.localhost"


def test_the_port_that_a_server_had_is_its_only_one() -> None:
    assert list(addressbook.local_ports(CPU, "connect", BOOK)) == [21001]


def test_a_new_server_has_the_same_row_of_ports_each_time_and_another_than_others() -> None:
    first = list(islice(addressbook.local_ports(GPU, "connect", BOOK), 20))
    assert first == list(islice(addressbook.local_ports(GPU, "connect", AddressBook()), 20))
    assert all(21000 <= port <= 28999 for port in first)
    others = [
        next(addressbook.local_ports(GPU, "default", BOOK)),
        next(addressbook.local_ports(replace(GPU, target=parse("bob@gpu.lab.org")), "connect", BOOK)),
    ]
    assert len({first[0], *others}) == 3


def test_the_port_of_another_server_comes_last() -> None:
    alone = list(addressbook.local_ports(GPU, "connect", AddressBook()))
    other = replace(CPU, ports={"connect": alone[0], "default": alone[5]})
    own = replace(GPU, ports={"default": alone[1]})
    beside = list(addressbook.local_ports(own, "connect", AddressBook((own, other))))
    assert beside[0] == alone[2]
    assert sorted(beside) == sorted(alone) == list(range(21000, 29000))
    assert beside[-3:] == [alone[0], alone[1], alone[5]]


def test_a_login_profile_has_its_time_unless_it_is_not_read() -> None:
    assert [Options(login_profile=read).profile_s for read in (None, True, False)] == [10, 45, 0]


def test_a_login_profile_that_failed_is_not_read_again() -> None:
    known = KnownHost("gpu", parse("alice@gpu"), Options(env="torch"))
    after = AddressBook((known,)).without_profile(replace(known, options=Options(env="other", login_profile=True)))
    assert after.hosts == (replace(known, options=Options(env="torch", login_profile=False)),)
    assert AddressBook().without_profile(known).hosts == after.hosts
