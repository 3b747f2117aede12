"""Has locust carry out one phase, while the server's processes are watched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from loadtest.arrivals import poisson_arrivals_s
from loadtest.corpus import REPOSITORY
from loadtest.phase import Order, Phase, Target
from loadtest.resources import GENERATOR, ResourceMonitor, usage_by_service
from loadtest.samples import CLOCK_FILE, SAMPLES_FILE, read_lines
from loadtest.server import process_groups
from loadtest.triton_metrics import read_triton

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
LOCUST_LOG = "locust.log"
PATIENCE_S = 180.0
"""Beyond the phase itself, for the bulk queue's filling and what is under way at the end."""
QUIET_CORES = 0.15
"""Below it, the server has nothing left to do."""
MAX_QUIET_WAIT_S = 20.0
REMOTE_WAIT_S = 5.0
"""Where nobody can see the server's processes."""
_SHOWN_OF_LOG = 3_000


class GeneratorError(Exception):
    """The load was not what it should have been, so that its figures mean nothing; the message says why."""


def carry_out(order: Order, target: Target, *, monitor_interval_s: float = 2.0) -> None:
    """Send what the phase wants, and leave what was seen in the order's folder.

    Raises:
        GeneratorError: locust failed, or did not send all that it should have sent.
    """
    file = order.write()
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *_users(order.phase), "--order", str(file)]
    command += ["--headless", "--only-summary", "--host", order.api_url, "--loglevel", "WARNING"]
    log = order.output / LOCUST_LOG
    with log.open("wb") as output:
        # A group of its own, by which the monitor finds it; its output is no use on a screen.
        generator = subprocess.Popen(  # noqa: S603 - this project's own command
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
        metrics_url = target.triton_metrics_url
        readers: dict[str, Callable[[], Mapping[str, object]]] = {}
        if metrics_url is not None:
            readers["triton"] = lambda: read_triton(metrics_url)
        try:
            with ResourceMonitor(
                order.output,
                groups=lambda: {**process_groups(target), GENERATOR: generator.pid},
                interval_s=monitor_interval_s,
                readers=readers,
            ):
                status = generator.wait(order.phase.sending_s + PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise GeneratorError(f"phase {order.phase.name} did not end; see {log}") from None
        finally:
            generator.kill()
            generator.wait()
    if status != 0:
        end = log.read_text(encoding="utf-8", errors="replace")[-_SHOWN_OF_LOG:]
        raise GeneratorError(f"phase {order.phase.name}: locust ended with status {status}\n{end}")
    _check_sent(order)


def _users(phase: Phase) -> list[str]:
    """The classes that take part, and how many users that makes."""
    bulk = ["BulkJobs"] if phase.backlog else []
    if phase.callers is None:
        return ["Arrivals", *bulk, "--users", str(1 + len(bulk)), "--spawn-rate", "10"]
    return ["Callers", *bulk, "--users", str(phase.callers + len(bulk)), "--spawn-rate", "1000"]


def _check_sent(order: Order) -> None:
    phase = order.phase
    sent = sum(1 for _ in read_lines(order.output / SAMPLES_FILE))
    planned = 1
    if phase.rate_per_s is not None:
        planned = len(poisson_arrivals_s(phase.rate_per_s, phase.sending_s, seed=phase.seed))
    if sent < planned:
        raise GeneratorError(f"phase {phase.name}: {sent} of {planned} requests are accounted for")


def started_s(folder: Path) -> float:
    """When a phase began, on the monotonic clock."""
    return float(json.loads((folder / CLOCK_FILE).read_text(encoding="utf-8"))["started_s"])


def wait_until_quiet(target: Target) -> None:
    """Until the server's processes rest, so that one phase does not pay for the other; or for so long at most."""
    if not process_groups(target):
        time.sleep(REMOTE_WAIT_S)
        return
    begun_s = time.monotonic()
    earlier = _cpu_s(target)
    while time.monotonic() - begun_s < MAX_QUIET_WAIT_S:
        time.sleep(1.0)
        now = _cpu_s(target)
        if now - earlier < QUIET_CORES:
            return
        earlier = now


def _cpu_s(target: Target) -> float:
    return sum(usage.cpu_s for usage in usage_by_service(process_groups(target)).values())
