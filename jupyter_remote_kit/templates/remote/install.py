"""Installs the kit on a host. A laptop sends this text there, and the Python that was chosen runs it: nothing but its standard library.

It is told one JSON object: `own`, whether the kit gets an environment of its own (else it goes into the one of this interpreter);
`requirement`, the kit as pip knows it; `probe`, a small package by which an index is tried; `offline`, whether there is no index to ask;
`describe`, whether only the interpreter is described. Wheels come on standard input, as a tar, or none do.

`plan/installing.py` reads what is printed, and the exit codes. A line every other second finds out whether the laptop is still there:
where it is not, as when anything fails, nothing is left behind, and nothing runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

FAILED, LACKS, BUSY = 1, 69, 75
SCRIPT = "jupyter-remotekit"
BEAT_S, STALE_S, GRACE_S = 1.5, 120.0, 5.0
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
_telling = threading.Lock()


class Stop(Exception):
    """It ends here, with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def say(line: str) -> None:
    """Tell the laptop. Raises `OSError` when nobody listens any more."""
    with _telling:
        os.write(1, line.encode(errors="backslashreplace") + b"\n")


def lacks(what: str) -> NoReturn:
    """It cannot be done without more wheels."""
    say(f"remotekit-lacks {what}")
    raise Stop(LACKS)


def described() -> dict[str, Any]:
    """This interpreter, as far as it decides which wheels fit. The markers are those of PEP 508."""
    musl = "musl" in (sysconfig.get_config_var("SOABI") or "")
    glibc = os.confstr("CS_GNU_LIBC_VERSION") if not musl and "CS_GNU_LIBC_VERSION" in os.confstr_names else None
    return {
        "platform": sysconfig.get_platform(),
        "libc": "musl 1.2" if musl else glibc or "",
        "macos": platform.mac_ver()[0],
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "markers": {
            "implementation_name": sys.implementation.name,
            "implementation_version": platform.python_version(),
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": platform.python_version(),
            "python_version": ".".join(platform.python_version_tuple()[:2]),
            "sys_platform": sys.platform,
        },
    }


class Workshop:
    """A folder that one installation has for itself, and the program that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ)
        self._over = threading.Event()

    def __enter__(self) -> Workshop:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            # Its owner was killed: one that lives touches it with each beat.
            if time.time() - self.folder.stat().st_mtime > STALE_S:
                shutil.rmtree(self.folder)
        try:
            self.folder.mkdir(mode=0o700)
        except FileExistsError:
            say(f"remotekit-busy {self.folder}")
            raise Stop(BUSY) from None
        (self.folder / "tmp").mkdir()
        self.environment |= {"TMPDIR": str(self.folder / "tmp"), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
        for name in ("PYTHONPATH", "PYTHONHOME"):
            # A profile may set them for another Python, whose packages pip would take for ours.
            self.environment.pop(name, None)
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()

    def run(self, *argv: str | Path) -> int:
        """Run a program, its lines handed on; its exit code. Whatever ends us ends it first."""
        child = subprocess.Popen(  # noqa: S603  # an argv, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=self.environment,
            start_new_session=True,
        )
        try:
            for line in child.stdout or ():
                say(line.decode(errors="replace").rstrip("\n"))
            code = child.wait()
        except BaseException:
            _end(child)
            raise
        if code < 0:
            say(f"{argv[0]} was ended by signal {-code}")
        return code

    def must(self, *argv: str | Path) -> None:
        """Run a program that has to succeed."""
        if self.run(*argv):
            raise Stop(FAILED)

    def wheels(self) -> Path:
        """The folder of the wheels that came on standard input."""
        folder = self.folder / "wheels"
        folder.mkdir()
        given = os.fdopen(0, "rb", closefd=False)
        if given.peek(1):
            with tarfile.open(fileobj=given, mode="r|") as archive:
                for member in archive:
                    if content := archive.extractfile(member):
                        with (folder / Path(member.name).name).open("xb") as file:
                            shutil.copyfileobj(content, file)
        return folder

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            try:
                os.utime(self.folder)
                say("remotekit-alive")
            except OSError:
                os.kill(os.getpid(), signal.SIGTERM)
                return


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program, and what it has started; pip tidies up after itself when it is interrupted."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)


class Installation:
    """One order, carried out in a workshop. `folder` is the environment."""

    def __init__(self, shop: Workshop, order: dict[str, Any], folder: Path) -> None:
        self.shop, self.order, self.folder = shop, order, folder
        self.complete = folder / ".complete"
        self.python = folder / "bin" / "python" if order["own"] else Path(sys.executable)
        self.wheels = shop.wheels()
        if order["own"] or sys.prefix != sys.base_prefix or (folder / "conda-meta").is_dir():
            # A pip.conf that says `user = true` is about the system's Python.
            shop.environment["PIP_USER"] = "0"

    def carry_out(self) -> Path:
        """The console script of the kit, once it runs."""
        made = self.order["own"] and not self._is_there()
        try:
            if made:
                self._make()
            pip = self._pip()
            if not self.order["offline"]:
                self._ask_index(pip)
            self._install(pip)
            script = self._script()
            self.shop.must(script, "--version")
            if made:
                # Only now does the search find it.
                self.complete.touch()
        except BaseException:
            if made:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return script

    def _is_there(self) -> bool:
        return self.complete.is_file() and os.access(self.python, os.X_OK) and self.shop.run(self.python, "-c", "") == 0

    def _make(self) -> None:
        """Make the environment. What stands there was left half made, or its interpreter is gone."""
        say(f"remotekit-environment {self.folder}")
        self.complete.unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.shop.must(sys.executable, "-I", "-m", "venv", "--without-pip", "--prompt", "jupyter-remote-kit", self.folder)
        # Debian keeps ensurepip in a package of its own. `venv` would run it too, but keep its words to itself.
        if find_spec("ensurepip"):
            self.shop.must(self.python, "-I", "-m", "ensurepip", "--upgrade", "--default-pip")

    def _sent(self, name: str) -> Path | None:
        return next(self.wheels.glob(f"{name}-*.whl"), None)

    def _pip(self) -> tuple[str | Path, ...]:
        """The environment's own pip, else the one that was sent."""
        if self.shop.run(self.python, "-c", "from importlib.util import find_spec; raise SystemExit(find_spec('pip') is None)") == 0:
            return (self.python, "-m", "pip")
        sent = self._sent("pip")
        return (self.python, sent / "pip") if sent else lacks("pip")

    def _ask_index(self, pip: tuple[str | Path, ...]) -> None:
        """Find out whether pip, as it is configured here, gets what has not been sent; sooner than an installation would give up."""
        say("remotekit-index")

        def gets(requirement: str) -> bool:
            hasty = ("--no-deps", "--retries", "1", "--timeout", "10", "--dest", self.shop.folder / "tmp")
            return self.shop.run(*pip, "download", *PIP_OPTIONS, *hasty, requirement) == 0

        needed = self.order["probe"] if self._sent("jupyter_remote_kit") else self.order["requirement"]
        if not gets(needed):
            lacks("kit" if needed != self.order["probe"] and gets(self.order["probe"]) else "index")

    def _install(self, pip: tuple[str | Path, ...]) -> None:
        say("remotekit-install")
        kit = self._sent("jupyter_remote_kit") or self.order["requirement"]
        further = [wheel for wheel in (self._sent("pip"),) if wheel]
        offline = ("--no-index", "--find-links", self.wheels) if self.order["offline"] else ()
        self.shop.must(*pip, "install", *PIP_OPTIONS, "--no-warn-script-location", *offline, *further, kit)

    def _script(self) -> Path:
        if self.order["own"]:
            return self.folder / "bin" / SCRIPT
        folders = (sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user"))
        return next((Path(folder, SCRIPT) for folder in folders if Path(folder, SCRIPT).is_file()), Path(folders[0], SCRIPT))


def main() -> int:
    """Carry out the order of the command line; the exit code."""
    order = json.loads(sys.argv[1])
    say(f"remotekit-host {json.dumps(described())}")
    if order["describe"]:
        return 0
    data = os.environ.get("XDG_DATA_HOME", "")
    home = Path(data if data.startswith("/") else Path.home() / ".local" / "share") / "jupyter-remote-kit"
    folder = home / "env" if order["own"] else Path(sys.prefix)
    lock = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(FAILED))
    try:
        with Workshop(home / f"installing-{lock}") as shop:
            say(f"remotekit-kit {Installation(shop, order, folder).carry_out()}")
    except Stop as stop:
        return stop.code
    except (OSError, tarfile.TarError) as error:
        with contextlib.suppress(OSError):
            say(f"{type(error).__name__}: {error}")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
