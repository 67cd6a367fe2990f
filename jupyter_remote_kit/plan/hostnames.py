"""The names that a laptop has for its hosts and their servers, and for these in URLs: `<name>.localhost`, `<instance>--<name>.localhost`.

A browser sends a cookie to every port of a name: servers that share a name sign each other out. Chromium and Firefox resolve whatever ends
in `.localhost` to the loopback (https://datatracker.ietf.org/doc/html/rfc6761#section-6.3), and so each server has a name of its own. It is
one label: names below `localhost` that end with the same label are one site, whose pages send each other cookies, and set them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from itertools import count

from jupyter_remote_kit.errors import WrongUsage
from jupyter_remote_kit.messages import msg
from jupyter_remote_kit.plan.remoteserver import DEFAULT_INSTANCE
from jupyter_remote_kit.plan.target import Target

MAX_NAME = 180
MAX_LABEL = 63
# Between an instance and a host's name, which has no run of hyphens.
_BETWEEN = "--"
# Two letters and two hyphens stand for another encoding, as `xn--` does (RFC 5891, 4.2.3.1).
_RESERVED = 2
# No run of hyphens: `xn--` would be read as another script's letters.
_LABEL = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_NOT_IN_LABEL = re.compile(r"[^a-z0-9]+")
_DIGITS = 6


def parse(text: str) -> str:
    """A name for a host: labels of small letters and digits, with single hyphens and dots between."""
    name = text.lower()
    if len(name) <= MAX_NAME and all(len(label) <= MAX_LABEL and _LABEL.match(label) for label in name.split(".")):
        return name
    raise WrongUsage.of(
        "known-host-name",
        msg("{name!r} is not a name for a host.", name=text),
        msg("Use letters and digits, with single hyphens and dots between, such as --name gpu-box"),
    )


def clash(name: str, other: str) -> bool:
    """Whether two hosts could not have these names: in URLs they would be one, such as `gpu.lab` and `gpu-lab`."""
    return _url_label(name) == _url_label(other)


def name_for(target: Target, taken: Collection[str]) -> str:
    """A name for a new host that clashes with none of `taken`: the host's own where it fits into a URL, else one made from it."""
    return next(name for name in _candidates(target) if not any(clash(name, other) for other in taken))


def is_made(name: str, target: Target) -> bool:
    """Whether `name_for` has made this name, since the host's own does not fit into a URL or was taken.

    It has a digest of what it stands for: without, `gpu-a100` for `gpu+a100` would take the place of an alias `gpu-a100`.
    """
    return _digest(str(target)) in name.partition(".")[0].split("-")


def url_name(name: str, instance: str) -> str:
    """The name in a server's URL; two servers have the same only where their hosts' names clash."""
    label = _url_label(name)
    if instance != DEFAULT_INSTANCE:
        label = f"{_instance_label(instance)}{_BETWEEN}{label}"
        if len(label) > MAX_LABEL:
            label = _marked(label, _digest(f"{instance} {name}"))
    return f"{label}.localhost"


def former_url_name(name: str, instance: str) -> str:
    """The name in bookmarks from when a host's name kept its dots in URLs."""
    if instance == DEFAULT_INSTANCE:
        return f"{name}.localhost"
    label = _label(instance)
    return f"{label if label == instance else f'{label}-{_digest(instance, 4)}'}.{name}.localhost"


def own_label(name: str) -> str:
    """A label for a host that has a name from when another's could have the same label: `gpu-lab` beside `gpu.lab`."""
    return _marked(_url_label(name), _digest(f"url {name}"))


def _url_label(name: str) -> str:
    """The label that stands for a host in URLs."""
    flat = name.replace(".", "-")
    return flat if len(flat) <= MAX_LABEL else _marked(flat, _digest(name))


def _instance_label(instance: str) -> str:
    """The words that stand for an instance in a label."""
    label = _label(instance)
    # `A_1` and `a-1` are two.
    return label if label == instance and len(label) != _RESERVED else f"{label}-{_digest(instance, 4)}"


def _candidates(target: Target) -> Iterator[str]:
    # An IPv6 address is one word, its zone included.
    words = [target.host] if ":" in target.host else target.host.split(".")
    labels = _fitting([label for label in map(_label, words) if label]) or ["host"]
    digest = _digest(str(target))
    if ".".join(labels) == target.host:
        yield target.host
        if target.user and _label(target.user):
            yield ".".join((_marked(f"{_label(target.user)}-{labels[0]}", digest), *labels[1:]))
    yield ".".join((_marked(labels[0], digest), *labels[1:]))
    flat = "-".join(labels)
    yield _marked(flat, digest)
    yield from (_marked(flat, f"{digest}-{number}") for number in count(2))


def _digest(text: str, digits: int = _DIGITS) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _marked(words: str, mark: str) -> str:
    """A label that ends with `mark`."""
    return f"{words[: MAX_LABEL - len(mark) - 1].rstrip('-')}-{mark}"


def _label(text: str) -> str:
    return _NOT_IN_LABEL.sub("-", text.lower())[:MAX_LABEL].strip("-")


def _fitting(labels: list[str]) -> list[str]:
    """The first of them, as many as a name and a user before it have room for."""
    length, fitting = MAX_LABEL, []
    for label in labels:
        length += len(label) + 1
        if length > MAX_NAME:
            break
        fitting.append(label)
    return fitting
