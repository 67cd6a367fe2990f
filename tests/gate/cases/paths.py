"""Ways to write "one folder up", and the routes that look for files: nothing outside of their folders may come back by any of them.

`{}` in a route is where the path goes. A path is what stands in the request line: it is sent as it is, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

# How a dot can be written; the last ones are dots for decoders that take what UTF-8 forbids, or look for likenesses.
DOTS = {
    "plain": "..",
    "encoded": "%2e%2e",
    "upper case": "%2E%2E",
    "half": ".%2e",
    "the other half": "%2e.",
    "twice": "%252e%252e",
    "three times": "%25252e%25252e",
    "of four": "....",
    "of three": "...",
    "with a NUL": "..%00",
    "with a blank": "..%20",
    "with a semicolon": "..;",
    "with a parameter": "..;a=b",
    "overlong of two bytes": "%c0%ae%c0%ae",
    "overlong of three bytes": "%e0%80%ae%e0%80%ae",
    "overlong of four bytes": "%f0%80%80%ae%f0%80%80%ae",
    "IIS's": "%u002e%u002e",
    "full width": "%ef%bc%8e%ef%bc%8e",
    "two dots in one": "%e2%80%a5",
    "with a line end": "..%0a",
    "with a tab": "..%09",
    "with a dot": "../.",
    "by a folder": "sub/../..",
}
SLASHES = {
    "plain": "/",
    "encoded": "%2f",
    "twice": "%252f",
    "double": "//",
    "backslash": "\\",
    "backslash, encoded": "%5c",
    "backslash, twice": "%255c",
    "overlong": "%c0%af",
    "overlong of three bytes": "%e0%80%af",
    "IIS's": "%u2215",
    "full width": "%ef%bc%8f",
    "division": "%e2%88%95",
    "both": "/%5c",
}
WHOLE = (
    "{absolute}",
    "/{absolute}",
    "%2f{absolute}",
    "%252f{absolute}",
    "%5c{absolute}",
    "file://{absolute}",
    "file:%2f%2f{absolute}",
    "//localhost{absolute}",
    "~root{absolute}",
    "$HOME/../{name}",
    "%00{absolute}",
    ".{absolute}",
    "C:{absolute}",
    "sub/link/../../{name}",
    "notes.txt/../../{name}",
    "notes.txt%00/../../{name}",
    "sub//..//..//{name}",
    "./sub/./../../{name}",
    "%2e/%2e%2e/{name}",
    "sub%2f..%2f..%2f{name}",
    "../{name}%00.txt",
    "../{name}%00",
    "../{name}/",
    "../{name}?x",
    "../{name}#x",
    "..%2f{name}%3fx",
    "../{name}.ipynb",
    "../{name};.ipynb",
)
# From a folder of the instance's, this leads above the root of any file system.
DEEP = 24

ROUTES = (
    "/files/{}",
    "/files/sub/{}",
    "/files/{}?download=1",
    "/api/contents/{}",
    "/api/contents/{}?type=file&format=text&content=1",
    "/api/contents/{}?type=notebook",
    "/api/contents/{}/checkpoints",
    "/static/{}",
    "/static/lab/{}",
    "/static/favicons/{}",
    "/custom/{}",
    "/kernelspecs/{}",
    "/kernelspecs/python3/{}",
    "/api/kernelspecs/{}",
    "/lab/extensions/{}",
    "/lab/extensions/jupyter-remote-kit/{}",
    "/lab/api/settings/{}",
    "/lab/api/themes/{}",
    "/lab/api/themes/@jupyterlab/theme-light-extension/{}",
    "/lab/api/translations/{}",
    "/lab/api/workspaces/{}",
    "/lab/api/licenses/{}",
    "/lab/static/{}",
    "/lab/tree/{}",
    "/lab/workspaces/{}",
    "/nbconvert/html/{}",
    "/nbconvert/script/{}?download=true",
    "/notebooks/{}",
    "/edit/{}",
    "/view/{}",
    "/tree/{}",
    "/lsp/ws/{}",
    "/api/terminals/{}",
    "/api/sessions/{}",
    "/remotekit/{}",
    "/{}",
)


def climbs(name: str, absolute: str) -> Iterator[str]:
    """300 paths and more: `name` one folder above the root of what is served, `absolute` the same file from the file system's root."""
    seen: set[str] = set()
    for dots, slash in product(DOTS.values(), SLASHES.values()):
        yield from _new(seen, f"{dots}{slash}{name}", f"{dots}{slash}" * DEEP + absolute.lstrip("/").replace("/", slash))
    for whole in WHOLE:
        yield from _new(seen, whole.format(name=name, absolute=absolute))


def _new(seen: set[str], *paths: str) -> Iterator[str]:
    for path in paths:
        if path not in seen:
            seen.add(path)
            yield path
