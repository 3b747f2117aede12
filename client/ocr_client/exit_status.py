"""What the shell is told."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of every ``ocr`` command."""

    ALL_READ = 0
    SOME_FAILED = 1
    USAGE = 2
    SERVER_UNREACHABLE = 3
    REFUSED = 4
    INTERRUPTED = 130


_ENVIRONMENT_HELP = """\
environment:
  OCR_API_KEY  sent to the server; needed where it checks API keys

"""

EXIT_STATUS_HELP = f"""\
{_ENVIRONMENT_HELP}\
exit status:
  0    every document was read
  1    some document failed (the reason is on standard error); the others are written
  2    the command line is off, or names no document
  3    the server cannot be reached
  130  interrupted
"""

JOBS_EXIT_STATUS_HELP = f"""\
{_ENVIRONMENT_HELP}\
exit status:
  0    done; where results were waited for or written: every document was read
  1    some document failed or was cancelled (its result line says why), or a file cannot be written
  2    the command line is off, or names no document that can be read
  3    the server cannot be reached
  4    the server refused the request or failed (the reason is on standard error)
  130  interrupted; the job goes on
"""
