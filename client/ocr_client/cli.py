"""The ``ocr`` command line.

``ocr FILE…`` is short for ``ocr read FILE…``; ``ocr jobs …`` is the bulk road; ``ocr schemas`` lists what ``--schema``
may name. A further command is one more entry of
``COMMANDS``; a file that carries a command's name is meant by ``./name``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from ocr_client import jobs_command, read_command, schemas_command
from ocr_client.exit_status import ExitStatus

Command = Callable[[Sequence[str]], ExitStatus]

COMMANDS: dict[str, Command] = {"read": read_command.run, "jobs": jobs_command.run, "schemas": schemas_command.run}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit status is documented in ``exit_status.py``."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = COMMANDS.get(given[0]) if given else None
    try:
        return int(command(given[1:]) if command is not None else read_command.run(given))
    except KeyboardInterrupt:
        return int(ExitStatus.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough (`ocr … | head`). Closing standard error as well keeps the
        # interpreter from complaining about the flush that it tries at exit.
        sys.stderr.close()
        return int(ExitStatus.SOME_FAILED)


if __name__ == "__main__":
    raise SystemExit(main())
