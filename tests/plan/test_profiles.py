"""How far a service is confined, and the sentence that says so."""

from __future__ import annotations

import pytest

from jupyter_remote_kit.plan import profiles
from jupyter_remote_kit.plan.profiles import Profile
from jupyter_remote_kit.plan.units import Scope


def test_their_names_from_the_closest_to_none() -> None:
    assert [profile.value for profile in Profile] == ["strict", "containers", "sudo", "bare"]


@pytest.mark.parametrize(("scope", "profile"), [(Scope.USER, Profile.SUDO), (Scope.SYSTEM, Profile.CONTAINERS)])
def test_the_default(scope: Scope, profile: Profile) -> None:
    assert profiles.default(scope) is profile


NOTHING = "Nothing is confined: terminals and cells may do whatever you may."


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(
    ("profile", "without", "possible"),
    [
        (Profile.STRICT, ("no sudo", "no containers", "no debuggers"), ""),
        (Profile.CONTAINERS, ("no sudo",), "containers and debuggers work"),
        (Profile.SUDO, (), "have sudo"),
        (Profile.BARE, (), "whatever you may"),
    ],
)
def test_one_line_says_what_it_forbids(scope: Scope, profile: Profile, without: tuple[str, ...], possible: str) -> None:
    sentence = str(profiles.forbids(scope, profile))
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert possible in sentence or sentence == NOTHING
    assert {words for words in ("no sudo", "no containers", "no debuggers") if words in sentence} == set(without)


def test_what_confines_nothing_says_so() -> None:
    plain = {(scope, profile) for scope in Scope for profile in Profile if str(profiles.forbids(scope, profile)) == NOTHING}
    # A user's own manager has nothing to forbid where sudo is to work.
    assert plain == {(Scope.SYSTEM, Profile.BARE), (Scope.USER, Profile.BARE), (Scope.USER, Profile.SUDO)}


@pytest.mark.parametrize("profile", list(Profile))
def test_which_want_the_users_own_manager(profile: Profile) -> None:
    assert profiles.wants_manager(Scope.USER, profile)
    assert profiles.wants_manager(Scope.SYSTEM, profile) is (profile is not Profile.STRICT)
