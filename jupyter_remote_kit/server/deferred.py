"""Work that JupyterLab does while it is imported and no server needs: done when it is asked for, which is mostly never.

Half of the time that JupyterLab takes to start goes into two things:

- jsonschema imports a grammar of RFC 3987 that takes a second to build, for the formats "iri" and "iri-reference", which no schema of
  Jupyter's names (jupyter_server issue 1559, jsonschema issue 1428);
- where Node is installed, JupyterLab asks Yarn for the registry to build extensions from, since its version is told by the object that
  builds (`jupyterlab.labapp.app_version`).

Where a release renames what is named here, it is as slow as before and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import RLock

_GRAMMAR = "rfc3987_syntax"
_CHECK = "is_valid_syntax"


def grammar() -> None:
    """Let the grammar of RFC 3987 be built when the first IRI is checked. Called before jsonschema is imported; later it does nothing."""
    spec = find_spec(_GRAMMAR) if _GRAMMAR not in sys.modules else None
    if spec is None or spec.loader is None:
        return
    # The package itself, under its own name; but its code has not run.
    module, loader = module_from_spec(spec), spec.loader
    begun, building = False, RLock()

    def build() -> None:
        nonlocal begun
        with building:
            if not begun:
                begun = True
                loader.exec_module(module)

    def is_valid_syntax(*args: object, **kwargs: object) -> object:
        with suppress(ImportError):
            build()
        check = vars(module).get(_CHECK, is_valid_syntax)
        # As jsonschema takes it where the package cannot be imported, or has no such check: any text will do.
        return check is is_valid_syntax or check(*args, **kwargs)

    def of_the_package(name: str) -> object:
        # Who looks through all modules for such as `__warningregistry__`, as inspect does, wants nothing of this one.
        if name == "__all__" or not name.startswith("__"):
            build()
            if name in vars(module):
                return vars(module)[name]
        raise AttributeError(name)

    vars(module).update({_CHECK: is_valid_syntax, "__getattr__": of_the_package})
    sys.modules[_GRAMMAR] = module


@contextmanager
def registry() -> Iterator[None]:
    """While this lasts JupyterLab asks nobody for Yarn's configuration: what is imported builds nothing."""
    commands = import_module("jupyterlab.commands")
    name = "_yarn_config"
    asking = getattr(commands, name, None)
    if asking is None:
        yield
        return
    # As it answers where there is no Node.
    setattr(commands, name, lambda *_, **__: {"yarn config": {}, "npm config": {}})
    try:
        yield
    finally:
        setattr(commands, name, asking)
