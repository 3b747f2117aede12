"""Runs an application under uvicorn, the same way for every service."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from ocr_core.settings import SettingsError

# Longer than the adapters keep an idle connection, so that the client closes it and never finds it dead.
KEEP_ALIVE_S = 75
_EXIT_BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h


def serve(app: FastAPI, *, host: str, port: int, shutdown_grace_s: float) -> None:
    """Serve ``app`` until SIGTERM or SIGINT; then finish what runs, for ``shutdown_grace_s`` at most.

    After SIGTERM it does not return: the process exits with status 0.
    """
    # Uvicorn raises the signal once more when it has ended. By default that kills the process there and then, and what
    # is registered with atexit, such as the sending of the last spans, would never run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(shutdown_grace_s),
    )


def run_main(main: Callable[[], None]) -> NoReturn:
    """Run a service's ``main``; a bad setting ends it with a message and no traceback."""
    try:
        main()
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)  # noqa: T201  # logging may not be configured yet
        sys.exit(_EXIT_BAD_SETTINGS)
    sys.exit(0)
