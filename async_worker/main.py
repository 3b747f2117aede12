"""A process of the bulk road: its command line, its signals, its end.

::

    python -m async_worker ROLE [ROLE …]
      settings ─► adapters and roles (wiring) ─► preparations ─► roles at work ─► SIGTERM ─► roles end
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import threading
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack

import uvloop

from async_worker.preparing import make_database_folder, prepare
from async_worker.roles import RoleName
from async_worker.wiring import House, WorkerSettings
from ocr_core import tracing
from ocr_core.settings import ExposureSettings, LogSettings, TracingSettings, check_exposure, load
from ocr_core.telemetry import configure_logging

_log = logging.getLogger(__name__)

EXIT_MARGIN_S = 2.0
"""After the time to shut down, for letting go of connections; then the process ends, whatever hangs."""

_EXIT_LATE = 1
_YIELDING = frozenset({RoleName.READ, RoleName.STRUCTURE})


def parse_roles(arguments: Sequence[str] | None = None) -> frozenset[RoleName]:
    """The roles that the command line names; it ends the process with a message where they are none."""
    parser = argparse.ArgumentParser(prog="python -m async_worker", description="Runs roles of the bulk road.")
    parser.add_argument("roles", nargs="+", type=RoleName, choices=list(RoleName), metavar="ROLE")
    parser.epilog = "Roles: " + ", ".join(RoleName)
    return frozenset(parser.parse_args(arguments).roles)


class LastResort:
    """Ends the process, whatever hangs: another is started in its place, and can work."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._started = False

    def start(self) -> None:
        """From now on the process has so long to end by itself; further calls change nothing."""
        if self._started:
            return
        self._started = True
        timer = threading.Timer(self._wait_s, _exit_late)
        timer.daemon = True
        timer.start()

    async def watch(self, work: Coroutine[None, None, None]) -> None:
        """Do the work; should it raise, the time runs: what it leaves behind may never end."""
        try:
            await work
        except Exception:
            self.start()
            raise


async def run(
    settings: WorkerSettings, roles: frozenset[RoleName], stop: asyncio.Event, last_resort: LastResort
) -> None:
    """Run the roles until ``stop`` is set and all of them have ended.

    Raises:
        SettingsError: something that a setting names cannot be read.
        BaseExceptionGroup: a role failed; the others were stopped.
    """
    async with AsyncExitStack() as stack:
        house = House(settings, roles, stack)
        http, at_work = house.http_role(stop), house.roles()
        await house.start()
        async with asyncio.TaskGroup() as group:
            if http is not None:  # from the beginning: it tells what is waited for
                group.create_task(last_resort.watch(http.run(stop)))
            if await prepare(house.preparations(), stop):
                for role in at_work:
                    group.create_task(last_resort.watch(role.run(stop)))
            await stop.wait()
        _log.info("All roles have ended", extra={"action": "bulk.ended"})


async def _run_until_told(settings: WorkerSettings, roles: frozenset[RoleName]) -> None:
    stop = asyncio.Event()
    last_resort = LastResort(settings.bulk.shutdown_grace_s + EXIT_MARGIN_S)

    def end() -> None:
        if not stop.is_set():
            _log.info("Told to stop", extra={"action": "bulk.stopping"})
            stop.set()
            last_resort.start()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await last_resort.watch(run(settings, roles, stop, last_resort))


def _exit_late() -> None:
    # What was not given back runs out by itself: leases and visibility timeouts end.
    _log.error("Something did not end in time", extra={"action": "bulk.exit_late"})
    logging.shutdown()
    os._exit(_EXIT_LATE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and the settings, work until told to stop."""
    roles = parse_roles(arguments)
    name = "bulk-" + "-".join(role for role in RoleName if role in roles)
    configure_logging(name, load(LogSettings))
    tracing.begin(name, load(TracingSettings))
    settings = WorkerSettings()
    if RoleName.API in roles or settings.bulk.vitals_port is not None:
        check_exposure(settings.bulk.host, load(ExposureSettings), settings.access)
    if roles <= _YIELDING:  # not the API, whose callers wait
        os.nice(settings.bulk.nice)
    make_database_folder(settings.database_url)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run_until_told(settings, roles))
