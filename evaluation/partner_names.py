"""How well names are corrected against a table of business partners, on real readings.

    .venv/bin/python -m evaluation.partner_names [--train]

``japoc`` of the shared data has company names as two engines read them, beside the names as printed. Half of the
names, by a hash of the name, is for training (``--train`` learns the shipped costs and weights from it); the figures
are of the other half. The table holds every true name and 10,000 made-up ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from evaluation.company_names import made_up_names
from evaluation.datasets import REPOSITORY, shared_data_dir
from evaluation.markdown import number, table
from evaluation.partner_slips import Reading
from evaluation.partner_training import Case, confidence, learn_model, look_up, make_matcher, share
from postprocess_svc.partners.master import Partner, PartnerTable
from postprocess_svc.partners.match import Model, PartnerMatcher, load_model
from postprocess_svc.partners.normalise import normalise

LEARNED = REPOSITORY / "postprocess_svc" / "partners" / "learned.json"
FILLERS = 10_000
TIMED_PARTNERS = 20_000
LARGEST_PARTNERS = 100_000
_TRAINING, _HELD_OUT = 0, 1
_TRAINING_SEED, _TEST_SEED = 2, 1
_ABSENT_TENTHS = 10


def pairs_file(root: Path | None = None) -> Path:
    """Where japoc lies; it need not exist."""
    return (root or shared_data_dir()) / "japoc" / "pairs.jsonl"


def load_readings(path: Path) -> list[Reading]:
    """Each different reading with how often it came; a pair whose true name is empty is left out."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(row) for row in file if row.strip()]
    counts = Counter((row["src"], row["tgt"], row["engine"]) for row in rows if row["tgt"])
    return [
        Reading(read=read, true=true, engine=engine, count=count)
        for (read, true, engine), count in sorted(counts.items())
    ]


def is_held_out(name: str) -> bool:
    """Not one of the names that anything was learned from."""
    return share(name, "half", 2) == _HELD_OUT


def is_same(first: str, second: str) -> bool:
    """Exactly the same but for width and spaces, as all fields are scored."""
    return _comparable(first) == _comparable(second)


def _comparable(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split())


def train(readings: Sequence[Reading]) -> Model:
    """Learn from the training names and write what is shipped."""
    training = [reading for reading in readings if not is_held_out(reading.true)]
    fillers = made_up_names(FILLERS, seed=_TRAINING_SEED, apart_from={reading.true for reading in readings})
    model = learn_model(training, fillers)
    learned = {
        "about": "python -m evaluation.partner_names --train; from readings of names that no figure is of",
        "threshold": model.threshold,
        "same": model.same,
        "weights": dict(model.weights),
        "confusions": _rounded(dataclasses.asdict(model.confusions)),
    }
    LEARNED.write_text(json.dumps(learned, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return model


def _rounded(costs: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in costs.items()}


def held_out_cases(readings: Sequence[Reading], model: Model) -> dict[str, list[Case]]:
    """Look-ups of the held-out names' readings in tables with their names and without."""
    names = sorted({reading.true for reading in readings})
    fillers = made_up_names(FILLERS, seed=_TEST_SEED, apart_from=names)
    readings = [reading for reading in readings if is_held_out(reading.true)]
    training = [name for name in names if not is_held_out(name)]

    def look(kept: Iterable[str], some: Iterable[Reading], *, absent: bool = True) -> list[Case]:
        return list(look_up(make_matcher([*kept, *fillers], model.confusions), some, absent=absent))

    tenths: list[Case] = []
    for part in range(_ABSENT_TENTHS):
        out = {name for name in names if is_held_out(name) and share(name, "tenth", _ABSENT_TENTHS) == part}
        tenths += look([name for name in names if name not in out], [r for r in readings if r.true in out])
    return {
        "present": look(names, readings, absent=False),
        "absent, all held-out names": look(training, readings),
        "absent, a tenth at a time": tenths,
        "absent, made-up names alone": look([], readings),
    }


def report(cases: dict[str, list[Case]], model: Model) -> str:
    """All figures as Markdown."""
    engines = sorted({case.reading.engine for case in cases["present"]})
    parts = ["## Exact names", _exact_table(cases["present"], engines, model)]
    parts += ["## False corrections", _false_table(cases, engines, model)]
    parts += ["## At other thresholds, weaker engine", _trade_table(cases, model)]
    parts += ["## Calibration", _calibration_table([*cases["present"], *cases["absent, all held-out names"]], model)]
    return "\n\n".join(parts)


def exact_shares(cases: Sequence[Case], model: Model, threshold: float) -> tuple[float, float]:
    """Share of readings whose name is exact before and after; by how often each reading came."""
    total = sum(case.reading.count for case in cases)
    before = sum(case.reading.count for case in cases if is_same(case.reading.read, case.reading.true))
    after = sum(
        case.reading.count
        for case in cases
        if is_same(case.answer if confidence(case, model) >= threshold else case.reading.read, case.reading.true)
    )
    return before / total, after / total


def false_share(cases: Sequence[Case], model: Model, threshold: float) -> float:
    """Share of readings, their names absent, that are given another company's name."""
    false = sum(case.reading.count for case in cases if confidence(case, model) >= threshold and not case.is_harmless)
    return false / sum(case.reading.count for case in cases)


def _exact_table(cases: Sequence[Case], engines: Sequence[str], model: Model) -> str:
    rows = []
    for engine in engines:
        own = [case for case in cases if case.reading.engine == engine]
        before, after = exact_shares(own, model, model.threshold)
        _, always = exact_shares(own, model, 0.0)
        total = sum(case.reading.count for case in own)
        core = sum(c.reading.count for c in own if _shares_core(c.reading)) / total
        rows.append([engine, str(total), *(number(value) for value in (before, after, always, core))])
    return table(
        ["engine", "readings", "before", "after", "always the nearest", "shares a character beside the form"], rows
    )


def _shares_core(reading: Reading) -> bool:
    read, true = normalise(reading.read), normalise(reading.true)
    return bool(set(read.core or read.key) & set(true.core or true.key)) or is_same(reading.read, reading.true)


def _false_table(cases: dict[str, list[Case]], engines: Sequence[str], model: Model) -> str:
    rows = [
        [
            name,
            *(number(false_share([c for c in some if c.reading.engine == e], model, model.threshold)) for e in engines),
        ]
        for name, some in cases.items()
        if name != "present"
    ]
    return table(["table", *engines], rows)


def _trade_table(cases: dict[str, list[Case]], model: Model) -> str:
    weaker = {name: [c for c in some if c.reading.engine == "vision"] for name, some in cases.items()}
    rows = []
    for threshold in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, model.threshold):
        shares = [false_share(some, model, threshold) for name, some in weaker.items() if name != "present"]
        exact = exact_shares(weaker["present"], model, threshold)[1]
        rows.append([number(threshold, digits=3), number(exact), *(number(value) for value in shares)])
    return table(["threshold", "exact", *(name for name in cases if name != "present")], rows)


def _calibration_table(cases: Sequence[Case], model: Model) -> str:
    """Names in and out of the table in equal parts, as the weights were fitted."""
    edges = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 1.001)
    rows = []
    for low, high in pairwise(edges):
        some = [case for case in cases if case.features and low <= confidence(case, model) < high]
        total = sum(case.weight for case in some)
        if total:
            said = sum(confidence(case, model) * case.weight for case in some) / total
            right = sum(case.weight for case in some if case.right) / total
            rows.append(
                [f"{low:.2f} to {min(high, 1):.2f}", str(len(some)), number(said, digits=3), number(right, digits=3)]
            )
    return table(["confidence", "readings", "mean confidence", "right"], rows)


def speed(readings: Sequence[Reading], model: Model) -> str:
    """Time of a look-up, and of building, with its memory."""
    names = sorted({reading.true for reading in readings})
    rows = []
    for count in (TIMED_PARTNERS, LARGEST_PARTNERS):
        some = [*names, *made_up_names(count - len(names), seed=_TEST_SEED, apart_from=names)]
        partners = PartnerTable(partners=tuple(Partner(name=name) for name in some))
        started_s = time.perf_counter()
        matcher = PartnerMatcher(partners, model)
        built_s = time.perf_counter() - started_s
        times_ms = []
        for reading in readings[::5]:
            started_s = time.perf_counter()
            matcher.find(reading.read)
            times_ms.append((time.perf_counter() - started_s) * 1000)
        p50, p95 = np.percentile(times_ms, [50, 95])
        rows.append(
            [
                str(count),
                number(built_s, digits=2),
                number(matcher.nbytes / 1e6, digits=0),
                number(float(p50), digits=2),
                number(float(p95), digits=2),
            ]
        )
    return table(["partners", "building, s", "arrays, MB", "look-up p50, ms", "p95, ms"], rows)


def main() -> int:
    """Measure; learn first, if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--train", action="store_true", help="learn costs and weights anew and write them")
    arguments = parser.parse_args()
    path = pairs_file()
    if not path.exists():
        print("partner names: skipped, the set japoc is not there (OCR_SHARED_DATA)")
        return 0
    readings = load_readings(path)
    model = train(readings) if arguments.train else load_model()
    print(report(held_out_cases(readings, model), model))
    print("\n## Cost\n\n" + speed(readings, model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
