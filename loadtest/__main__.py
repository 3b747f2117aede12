"""``python -m loadtest``: load on a server, and a report of how it bore it (``options.py`` says how to ask)."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from loadtest.corpus import REPOSITORY, make_corpus
from loadtest.generator import GeneratorError
from loadtest.machine import describe_machine
from loadtest.mix import MixError, read_mix
from loadtest.options import make_parser
from loadtest.phase import Phase, Target
from loadtest.programme import CORPUS, Part, Programme, ProgrammeError, carry_out_programme
from loadtest.report import REPORT_FILE, write_report
from loadtest.server import ServerError, own_stack, running_stack

OUTPUT = REPOSITORY / "out" / "loadtest"
STACK_LOG = "stack.log"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 where there is a report, whatever it says."""
    options = make_parser().parse_args(arguments)
    if options.command == "report":
        print(write_report(options.folder))
        return 0
    folder = options.output or OUTPUT / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{options.command}"
    try:
        _measure(options, folder)
    except (GeneratorError, MixError, ProgrammeError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1
    print(write_report(folder))
    print(f"written to {folder / REPORT_FILE}", file=sys.stderr)
    return 0


def _measure(options: argparse.Namespace, folder: Path) -> None:
    started_s = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - started_s:4.0f} s  {sentence}", file=sys.stderr, flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    mix = read_mix(options.mix)
    say(f"documents of the mix {mix.name!r}")
    make_corpus(mix, folder / CORPUS)
    facts = {
        "started_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": shlex.join(["python", "-m", "loadtest", *sys.argv[1:]]),
        "machine": describe_machine(),
        "settings": options.set,
    }
    say("starting a stack" if options.api_url is None and options.state_file is None else "a running server")
    with _target(options, folder) as target:
        carry_out_programme(_programme(options), target, mix, folder, facts=facts, say=say)


@contextmanager
def _target(options: argparse.Namespace, folder: Path) -> Iterator[Target]:
    with ExitStack() as exits:
        if options.state_file is not None:
            target = running_stack(options.state_file)
        elif options.api_url is not None:
            metrics_url = options.triton_metrics_url
            target = Target(api_url=options.api_url, bulk_url=options.bulk_url, triton_metrics_url=metrics_url)
        else:
            settings = dict(each.split("=", 1) for each in options.set)
            workers = ("--read-workers", str(options.read_workers))
            target = exits.enter_context(own_stack(folder / STACK_LOG, settings=settings, options=workers))
        yield replace(target, api_url=target.api_url.rstrip("/"))


def _programme(options: argparse.Namespace) -> Programme:
    programme = Programme(
        callers=options.callers,
        warm_up_s=options.warm_up_s,
        deadline_s=options.deadline_s,
        seed=options.seed,
        measured_s=options.measured_s,
        capacity_per_s=getattr(options, "capacity", None),
        backlog=options.backlog,
    )
    match options.command:
        case "run":
            parts = (Part.LOADS,) if options.no_bulk else (Part.LOADS, Part.BULK)
            return replace(programme, parts=parts, loads=tuple(options.loads), bulk_load=options.bulk_load)
        case "bulk":
            return replace(programme, parts=(Part.BULK,), bulk_load=options.bulk_load)
        case "soak":
            return replace(programme, parts=(Part.SOAK,), soak_load=options.load, soak_s=options.minutes * 60)
        case _:
            own = Phase(
                name="phase",
                rate_per_s=options.rate,
                callers=None if options.rate is not None else options.callers,
                measured_s=options.measured_s,
                deadline_s=options.deadline_s,
                seed=options.seed,
                backlog=options.backlog,
            )
            return replace(programme, own=own)


if __name__ == "__main__":
    sys.exit(main())
