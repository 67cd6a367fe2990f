"""Everything in which a managed server's requests and answers differ from a bare one's, once, with the reason; all else is the same.

A row names a header, a cookie, a parameter or a method; its columns are the kinds of route. What is not in here is asserted to be equal by
`test_behind.py`, which asks a bare server and a managed one the same. What differs for clients that are not signed in (addresses, names,
guesses, sizes, `GET /api`) is the gate's, and stands in SECURITY.md, "Everything passes one gate", with tests in tests/gate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """Who answers."""

    KIT = "the kit"
    JUPYTER = "jupyter_server's and JupyterLab's pages, APIs and websockets"
    FILES = "what they deliver: /files, /static, /lab/extensions, /nbconvert"
    EXTENSION = "another package's extension"
    PROXIED = "an application behind jupyter-server-proxy"


class As(Enum):
    """What becomes of it where no value is given."""

    BARE = "as at a bare server"
    ABSENT = "not there"


Value = As | str
_DEVICES = "browsing-topics=(), camera=(self), geolocation=(self), microphone=(self), payment=(self), serial=(self), usb=(self)"


@dataclass(frozen=True)
class Row:
    """One thing that the kit adds, drops or changes, by kind of route, and why. What takes something away stands in SECURITY.md."""

    reason: str
    kit: Value = As.BARE
    jupyter: Value = As.BARE
    files: Value = As.BARE
    extension: Value = As.BARE
    proxied: Value = As.BARE

    def of(self, kind: Kind) -> Value:
        """The column of `kind`."""
        return {
            Kind.KIT: self.kit,
            Kind.JUPYTER: self.jupyter,
            Kind.FILES: self.files,
            Kind.EXTENSION: self.extension,
            Kind.PROXIED: self.proxied,
        }[kind]


# Headers of answers to those who are signed in. The kit's own pages have no counterpart at a bare server: their column is what they carry.
ANSWER = {
    "Server": Row(
        "tornado's banner tells its version; an application's own is part of its answer",
        kit=As.ABSENT,
        jupyter=As.ABSENT,
        files=As.ABSENT,
    ),
    "X-Content-Type-Options": Row("a bare server sets it on Jupyter's own handlers already", kit="nosniff"),
    "Content-Security-Policy": Row("as above, with a report-uri", kit="frame-ancestors 'self'"),
    "Referrer-Policy": Row(
        "what browsers do by default, said to older ones too; the kit's own pages load nothing from elsewhere",
        kit="same-origin",
        jupyter="strict-origin-when-cross-origin",
    ),
    "Permissions-Policy": Row("frames of other sites get no camera, microphone, position or device", kit=_DEVICES, jupyter=_DEVICES),
}

# Headers, cookies and parameters of requests, as an application behind a proxy sees them.
REQUEST = {
    "cookie of the session": Row("whatever listens on that port would be signed in here", proxied=As.ABSENT),
    "cookie of the device": Row("the same; there is none at a bare server", proxied=As.ABSENT),
    "Authorization with our token": Row("whatever listens on that port would be signed in here", proxied=As.ABSENT),
    "?token= with our token": Row("the same", proxied=As.ABSENT),
}
