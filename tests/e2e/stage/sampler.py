"""`sampler.py FILE`: writes every distinct command line of the machine to FILE, looking each 10 ms, until its stdin ends."""

from __future__ import annotations

import os
import select
import sys
import time

EVERY_S = 0.01
LONGEST = 1 << 20


def main(path: str) -> None:
    """One line a command line, its zero bytes as blanks; the first line says that the sampling has begun."""
    seen: set[bytes] = set()
    with open(path, "ab", buffering=0) as record:  # noqa: PTH123  this program starts in 20 ms without pathlib
        record.write(b"sampling\n")
        while not select.select([sys.stdin], [], [], 0)[0]:
            begun = time.monotonic()
            for name in os.listdir("/proc"):  # noqa: PTH208
                if name.isdigit() and (line := _cmdline(name)) not in seen:
                    seen.add(line)
                    record.write(line.replace(b"\n", b" ").replace(b"\0", b" ") + b"\n")
            time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun)))


def _cmdline(pid: str) -> bytes:
    try:
        descriptor = os.open(f"/proc/{pid}/cmdline", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, LONGEST)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1])
