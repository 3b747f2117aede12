"""The first API key of a stack that checks keys: made where there is none yet, and shown once."""

from __future__ import annotations

import subprocess
import sys

from local_stack.plan import REPOSITORY_ROOT
from local_stack.stack import LocalStack, StackError

_TIMEOUT_S = 60.0


def make_first_key(stack: LocalStack) -> str | None:
    """The key; null where there are keys already, whose owners have them.

    Raises:
        StackError: it could not be made.
    """
    answer = subprocess.run(
        [sys.executable, "-m", "async_worker", "keys", "first"],
        env=dict(stack.services["bulk-api"].spec.environment),
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if answer.returncode != 0:
        raise StackError(f"the first API key could not be made: {answer.stderr.strip()}")
    return answer.stdout.strip() or None
