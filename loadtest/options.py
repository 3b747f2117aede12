"""Load on a server, and a report of how it bore it: quantiles, goodput, errors, CPU by service, Triton's queues.

  run       the capacity, 0.5 to 2 times as much, sync beside a full bulk queue: about 11 minutes, the start included
  soak      ten minutes at 0.8 of the capacity: what grows
  bulk      sync latency with the bulk queue full, and the same without it
  phase     one phase of your own: --rate (open loop) or --callers (closed loop)
  report    the report of an earlier run, made anew

Without --state-file or --api-url a stack of its own is started on free ports, and stopped in the end. It gets shorter
with --measured-s (of each phase; 60), --loads, --no-bulk and --capacity (what an earlier run has found).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from loadtest.programme import Programme

_USUAL = Programme()


def make_parser() -> argparse.ArgumentParser:
    """The command line of ``python -m loadtest``."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="capacity, loads, sync beside bulk")
    soak = commands.add_parser("soak", help="what grows")
    bulk = commands.add_parser("bulk", help="sync beside a full bulk queue")
    phase = commands.add_parser("phase", help="one phase of your own")
    report = commands.add_parser("report", help="make a report anew")
    report.add_argument("folder", type=Path, help="of the run")

    run.add_argument("--loads", type=_positive, nargs="+", default=_USUAL.loads, help="multiples of the capacity")
    run.add_argument("--no-bulk", action="store_true", help="leave out sync beside a full bulk queue")
    soak.add_argument("--load", type=_positive, default=_USUAL.soak_load, help="multiple of the capacity")
    soak.add_argument("--minutes", type=_positive, default=_USUAL.soak_s / 60)
    phase.add_argument("--rate", type=_positive, help="documents a second; without it, --callers wait for answers")
    for command in (run, bulk):
        command.add_argument("--bulk-load", type=_positive, default=_USUAL.bulk_load, help="of the sync requests")
    for command in (run, soak, bulk):
        command.add_argument("--capacity", type=_positive, help="documents a second, instead of measuring it")
    for command in (run, soak, bulk, phase):
        backlog = 0 if command is phase else _USUAL.backlog
        command.add_argument("--backlog", type=int, default=backlog, help="bulk documents that always wait")
        _add_load(command)
        _add_server(command)
    return parser


def _add_load(command: argparse.ArgumentParser) -> None:
    load = command.add_argument_group("load")
    load.add_argument("--mix", default="realistic", help="of documents: realistic, one-page, samples, or a file")
    load.add_argument("--measured-s", type=_positive, default=_USUAL.measured_s, help="of each phase")
    load.add_argument("--warm-up-s", type=float, default=_USUAL.warm_up_s)
    load.add_argument("--callers", type=int, default=_USUAL.callers, help="of a closed loop")
    load.add_argument("--deadline-s", type=_positive, help="of every request, instead of the mix's")
    load.add_argument("--seed", type=int, default=_USUAL.seed, help="of arrivals and of the documents' order")
    load.add_argument("--output", type=Path, help="a new folder below out/loadtest, if it is not said")


def _add_server(command: argparse.ArgumentParser) -> None:
    server = command.add_argument_group("server")
    server.add_argument("--state-file", type=Path, help="of a stack that runs here: .run/stack.json of `make up`")
    server.add_argument("--api-url", help="of a server anywhere; then nobody sees its processes")
    server.add_argument("--bulk-url", help="its bulk API")
    server.add_argument("--triton-metrics-url", help="its Triton's, such as http://127.0.0.1:8012/metrics")
    server.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of our own stack")
    server.add_argument("--read-workers", type=int, default=1, help="of our own stack's bulk road")


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise ValueError
    return number
