"""Work that JupyterLab does while it is imported and nobody waits for: done when it is asked for, which is mostly never.

Half of the time that JupyterLab takes to start goes into two things that no server needs:

- jsonschema imports a grammar of RFC 3987 that takes a second to build, for the formats "iri" and "iri-reference", which no schema of
  Jupyter's names (jupyter_server issue 1559, jsonschema issue 1428);
- where Node is installed, JupyterLab asks Yarn for the registry to build extensions from, since its version is told by the object that
  builds (`jupyterlab.labapp.app_version`).

Where a release changes what is named here, it is as slow as before and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from logging import Logger
from types import ModuleType
from typing import Any

_GRAMMAR = "rfc3987_syntax"
_CHECK = "is_valid_syntax"


def grammar() -> None:
    """Let the grammar of RFC 3987 be built when the first IRI is checked. Called before jsonschema is imported; later it does nothing."""
    spec = find_spec(_GRAMMAR) if _GRAMMAR not in sys.modules else None
    if spec is None:
        return
    # The package's own name, place and path, so that its submodules are found; but its code has not run.
    stand_in = module_from_spec(spec)

    def real() -> ModuleType:
        if sys.modules.get(_GRAMMAR) is stand_in:
            del sys.modules[_GRAMMAR]
        module = import_module(_GRAMMAR)
        vars(stand_in).update(vars(module))
        return module

    def is_valid_syntax(*args: object, **kwargs: object) -> object:
        return getattr(real(), _CHECK)(*args, **kwargs)

    def of_the_real_one(name: str) -> object:
        # Who looks through all modules for such as `__warningregistry__`, as inspect does, wants nothing of this one.
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        return getattr(real(), name)

    vars(stand_in).update({_CHECK: is_valid_syntax, "__getattr__": of_the_real_one})
    sys.modules[_GRAMMAR] = stand_in


@contextmanager
def registry() -> Iterator[None]:
    """While this lasts JupyterLab asks nobody for Yarn's configuration: what is imported builds nothing."""
    commands = import_module("jupyterlab.commands")
    name = "_yarn_config"
    asking: Callable[[Logger], dict[str, Any]] | None = getattr(commands, name, None)
    if asking is None:
        yield
        return
    # As it answers where there is no Node.
    setattr(commands, name, lambda _: {"yarn config": {}, "npm config": {}})
    try:
        yield
    finally:
        setattr(commands, name, asking)
