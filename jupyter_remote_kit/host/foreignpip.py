"""pip, as if it ran on another machine: `python foreignpip.py MARKERS download …`. A program of its own, started by `host.wheels`.

`pip download --platform` asks for another machine's wheels, but reads the markers of their requirements (`sys_platform == "win32"`,
`python_version < "3.11"`) for the machine that it runs on: https://github.com/pypa/pip/issues/11664. So they are set beforehand.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """The exit code of pip; 3 where there is none that can be used so."""
    if find_spec("pip") is None and not _bundled():
        sys.stderr.write("ERROR: there is no pip on this machine\n")
        return 3
    from pip._internal.cli.main import main as pip
    from pip._vendor.packaging import markers

    environment = json.loads(sys.argv.pop(1))
    markers.default_environment = lambda: dict(environment)
    if not markers.Marker(f"python_full_version == {environment['python_full_version']!r}").evaluate():
        sys.stderr.write("ERROR: this pip reads markers in a way that is not known here\n")
        return 3
    return int(pip(sys.argv[1:]))


def _bundled() -> bool:
    """Take the pip that Python brings along for new environments, where this one has none."""
    ensurepip = find_spec("ensurepip")
    wheels = sorted(Path(ensurepip.origin).parent.glob("_bundled/pip-*.whl")) if ensurepip and ensurepip.origin else []
    sys.path[:0] = [str(wheel) for wheel in wheels[-1:]]
    return bool(wheels)


if __name__ == "__main__":
    sys.exit(main())
