"""``python -m loadtest [locust's options]``: load on a running server, without locust's web page.

Everything after the module's name is passed on and overrides what is set here, such as ``--users 20 --run-time 5m
--host http://127.0.0.1:8000 --documents FOLDER``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
DEFAULTS = ("--users", "8", "--spawn-rate", "8", "--run-time", "30s", "--host", "http://127.0.0.1:8000")


def main() -> None:
    """Become locust: it has to patch the standard library before anything else is imported."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", *DEFAULTS]
    os.execv(sys.executable, [*command, *sys.argv[1:]])  # noqa: S606 - no shell, and the program is this Python


if __name__ == "__main__":
    main()
