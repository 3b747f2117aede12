"""Starts Triton in a container, guarded, with the configuration that fits: ``triton_entry.py tritonserver ARGS…``.

Which of ``cpu``, ``int8`` and ``tuned`` that is depends on the processor, which only the machine knows that the
container comes to. So ``--model-config-name=auto`` becomes what ``make up`` would take (``choice.config_name``): what
``make models`` or ``make tune`` found to be fastest, if that was on such a processor, else ``cpu``; or what
``OCR_MODEL_PRECISION`` asks for. Any other name stays.

Standard library only and started as a file (``python3 -I -S``), like the guard.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# An interpreter that runs isolated has neither the working directory nor this file's folder on its path.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model_tools.choice import PRECISION_VARIABLE, config_name
from model_tools.triton_guard import Guard

_REPOSITORY = "--model-repository="
_CONFIG = "--model-config-name="
AUTO = "auto"
"""Both a name of a configuration and a precision: whatever is fastest."""


def with_config(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command with ``auto`` replaced; as it is where it does not ask for that.

    Raises:
        ValueError: it does, and does not say where the models are.
    """
    if f"{_CONFIG}{AUTO}" not in command:
        return list(command)
    repository = next((word.removeprefix(_REPOSITORY) for word in command if word.startswith(_REPOSITORY)), None)
    if repository is None:
        raise ValueError(f"{_CONFIG}{AUTO} needs {_REPOSITORY}FOLDER beside it")
    chosen = config_name(Path(repository), environment.get(PRECISION_VARIABLE) or AUTO)
    sys.stderr.write(f"triton_entry: the configuration is {chosen}\n")
    sys.stderr.flush()
    return [f"{_CONFIG}{chosen}" if word == f"{_CONFIG}{AUTO}" else word for word in command]


def main() -> int:
    """Guard the server that the arguments start."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: triton_entry.py tritonserver ARGUMENTS…\n")
        return 64  # EX_USAGE
    try:
        command = with_config(sys.argv[1:], os.environ)
    except ValueError as error:
        sys.stderr.write(f"triton_entry: {error}\n")
        return 64
    return Guard(command).run()


if __name__ == "__main__":
    sys.exit(main())
