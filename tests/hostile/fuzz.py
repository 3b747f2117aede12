"""Mutants of good documents through the real opener, for as long as wanted: what came of them, and what broke.

    python -m tests.hostile.fuzz [--minutes 10] [--seed N] [--at-once 4] [--out out/fuzz]
    python -m tests.hostile.fuzz --replay FILE...

A mutant that does something new becomes a seed itself. Those that crashed a child or broke an invariant are saved under
the run's seed and their number, for ``--replay``. It ends with status 1 where an invariant was broken: an answer that
another try might change, one that came late, a child stopped by the system-call filter or refused by the host's
checks, or a pool that did not live through it. That children crash is allowed; they are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from evaluation.markdown import table
from local_stack.stack import REPOSITORY_ROOT
from tests.hostile.fuzzing import Fuzzer, Tally, fuzzed_opener, try_document

_PROGRESS_EVERY_S = 10.0


def markdown(tally: Tally, *, seed: int, wall_s: float) -> str:
    """The table at the end, and what broke."""
    rows = [
        ["mutants", str(tally.mutants)],
        ["ways to behave", str(tally.behaviours)],
        *(["answer: " + answer, str(count)] for answer, count in tally.answers.most_common()),
        *([f"with: {detail}", str(count)] for detail, count in tally.details.most_common() if count),
        *(["children that died: " + crash, str(count)] for crash, count in tally.crashes.most_common()),
        ["slowest mutant, s", f"{tally.slowest_s:.1f}"],
        ["**invariants broken**", f"**{len(tally.faults)}**"],
        ["wall time, s", f"{wall_s:.0f}"],
        ["seed", str(seed)],
    ]
    found = [f"- {fault}" for fault in tally.faults] + [f"- saved: {path}" for path in tally.saved]
    return "\n\n".join(["### Fuzzing the file opener", table(["", "count"], rows), "\n".join(found)]).rstrip()


async def fuzz(*, minutes: float, seed: int, at_once: int, folder: Path) -> Tally:
    """Run until the time is up."""
    started_s = told_s = time.monotonic()
    async with fuzzed_opener() as opener:
        fuzzer = Fuzzer(opener, seed=seed, at_once=at_once, folder=folder)
        pool_pid = opener.pool_pid
        while time.monotonic() < started_s + minutes * 60:
            await fuzzer.batch()
            if time.monotonic() > told_s + _PROGRESS_EVERY_S:
                told_s = time.monotonic()
                _tell(fuzzer.tally, told_s - started_s)
        if opener.pool_pid != pool_pid:
            fuzzer.tally.faults.append("the pool did not live through it")
    return fuzzer.tally


def _tell(tally: Tally, seconds: float) -> None:
    answers = ", ".join(f"{answer} {count}" for answer, count in tally.answers.most_common())
    crashes = ", ".join(f"{crash} {count}" for crash, count in tally.crashes.most_common()) or "none"
    line = f"{seconds:5.0f} s  {tally.mutants} mutants, {tally.behaviours} behaviours; {answers}; crashes: {crashes}"
    sys.stderr.write(f"{line}; broken: {len(tally.faults)}\n")


async def replay(files: Sequence[Path]) -> bool:
    """Send saved mutants again; whether all invariants held."""
    sound = True
    async with fuzzed_opener() as opener:
        for file in files:
            outcome = await try_document(opener, file.read_bytes())
            crashes = ", ".join(outcome.crashes) or "no crash"
            said = f"{outcome.answer} {outcome.detail}".strip()
            sys.stdout.write(f"{file}: {said}; {crashes}; {outcome.fault or 'no invariant broken'}\n")
            sound = sound and not outcome.fault
    return sound


def main(arguments: Sequence[str] | None = None) -> int:
    """Run or replay, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--out", type=Path, default=REPOSITORY_ROOT / "out" / "fuzz")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    if options.replay:
        return 0 if asyncio.run(replay(options.replay)) else 1
    started_s = time.monotonic()
    tally = asyncio.run(fuzz(minutes=options.minutes, seed=options.seed, at_once=options.at_once, folder=options.out))
    sys.stdout.write(markdown(tally, seed=options.seed, wall_s=time.monotonic() - started_s) + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
