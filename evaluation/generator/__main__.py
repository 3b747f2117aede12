"""Makes labelled invoices and receipts: ``python -m evaluation.generator --out out/generated/develop --split develop``.

Writes the documents to ``files/`` and ``labels.jsonl`` beside it; docs/evaluation-data.md describes the rows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evaluation.generator.damage import CLEAN, LEVELS
from evaluation.generator.fonts import GeneratorNotReady, require_all
from evaluation.generator.run import Plan, generate
from evaluation.generator.splits import Split

DEFAULT_SEED = 20261128


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is asked for."""
    options = _options(arguments)
    try:
        require_all()
    except GeneratorNotReady as not_ready:
        print(not_ready, file=sys.stderr)
        return 1
    plan = Plan(
        split=Split(options.split),
        count=options.count,
        seed=options.seed,
        damages=tuple(options.damage),
        with_pdf=options.pdf,
    )
    started = time.monotonic()
    counts: Counter[str] = Counter()
    for row in generate(plan, options.out):
        counts[str(row["damage"])] += 1
        if counts.total() % 50 == 0:
            print(f"{counts.total()} documents", flush=True)
    levels = ", ".join(f"{count} {level}" for level, count in sorted(counts.items()))
    print(f"{options.out}: {counts.total()} documents ({levels}) in {time.monotonic() - started:.0f} s")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.generator", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to; replaces files of the same name")
    parser.add_argument("--split", choices=[*Split], default=Split.DEVELOP.value, help="which layouts, wordings, names")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed makes the same documents")
    parser.add_argument(
        "--damage",
        nargs="+",
        choices=[*LEVELS],
        default=[CLEAN],
        help="levels in turn; name one twice to have it twice as often",
    )
    parser.add_argument("--pdf", action="store_true", help="keep each document's PDF with its text layer too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
