"""`python -m jupyter_remote_kit`, for an environment without the console script."""

from __future__ import annotations

from jupyter_remote_kit.cli import main

if __name__ == "__main__":
    main()
