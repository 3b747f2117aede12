"""See ``command.py``."""

from __future__ import annotations

from evaluation.accuracy.command import main

if __name__ == "__main__":
    raise SystemExit(main())
