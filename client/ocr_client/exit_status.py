"""What the shell is told."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of every ``ocr`` command."""

    ALL_READ = 0
    SOME_FAILED = 1
    USAGE = 2
    SERVER_UNREACHABLE = 3
    INTERRUPTED = 130


EXIT_STATUS_HELP = """\
exit status:
  0    every document was read
  1    some document failed (the reason is on standard error); the others are written
  2    the command line is off, or names no document
  3    the server cannot be reached
  130  interrupted
"""
