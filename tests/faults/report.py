"""A job of a thousand documents while everything is killed, cut, repeated and delayed: what was lost, what doubled.

    python -m tests.faults.report [--documents 1000] [--seed N] [--out out/faults.md]

It runs until the job has ended, and a blow falls whenever a few more documents have. The books are then checked as in
the tests; the table is printed, and written beside the other measurements. It ends with status 1 where anything was
lost or doubled.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.markdown import table
from local_stack.stack import REPOSITORY_ROOT
from tests.support.bulk_documents import (
    TestDocument,
    broken_document,
    foreign_document,
    pdf_document,
    png_document,
)
from tests.support.bulk_house import BulkHouse, Submission
from tests.support.bulk_ledger import check_books
from tests.support.faults_proxy import Faults
from tests.support.faults_strikes import strike
from tests.support.triton_double import Mark

DOCUMENTS = 1_000
SEED = 20_261_121
DOCUMENTS_BETWEEN_BLOWS = (5, 40)
"""The next blow falls when between so and so many more have ended, so that a slow machine gets on too."""
LONGEST_CALM_S = 15.0
NETWORK = Faults(lose_request=0.01, lose_answer=0.01, lose_deletes=0.05, copies=3, delay_s=0.001)
_PATIENCE_S = 1_800.0


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the table shows."""

    documents: int
    seed: int
    expected_failures: int
    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    holes: int = 0
    repeats: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    network: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    wall_s: float = 0.0
    fault: str = ""
    """The first of the books' checks that failed."""

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, and the books balance."""
        return not (self.lost or self.doubled or self.holes or self.fault)

    def markdown(self) -> str:
        """The table."""
        rows = [
            ["documents", str(self.documents)],
            ["done", str(self.done)],
            ["failed, as they had to", str(self.expected_failures)],
            *(["failed: " + code, str(count)] for code, count in sorted(self.failed.items())),
            ["**lost**", f"**{self.lost}**"],
            ["**doubled**", f"**{self.doubled}**"],
            ["holes in the sequence", str(self.holes)],
            ["results that came second and were refused", str(self.repeats)],
            *([f"kills: {name}", str(count)] for name, count in sorted(self.kills.items())),
            *([f"network: {kind}", str(count)] for kind, count in sorted(self.network.items())),
            *(
                [f"documents begun {'once' if times == 1 else f'{times} times'}", str(count)]
                for times, count in sorted(self.attempts.items())
            ),
            ["wall time, s", f"{self.wall_s:.0f}"],
            ["seed", str(self.seed)],
        ]
        lines = ["### A job under faults", table(["", "count"], rows)]
        return "\n\n".join([*lines, f"The books do not balance: {self.fault}"] if self.fault else lines)


def documents_of_job(count: int) -> list[TestDocument]:
    """Nine of ten are good; the others are broken, foreign, of several pages, or fail once inside the models."""
    return [_document(number) for number in range(count)]


def _document(number: int) -> TestDocument:
    match number % 40:
        case 7:
            return broken_document(number)
        case 17:
            return foreign_document(number)
        case 27:
            return pdf_document(number, [Mark.PLAIN] * 12)
        case 37:
            return png_document(number, Mark.FLAKY)
        case _:
            return png_document(number)


def run(documents: Sequence[TestDocument], *, seed: int, folder: Path) -> Findings:
    """Have them read while blows fall; then look at what became of them."""
    findings = Findings(
        documents=len(documents),
        seed=seed,
        expected_failures=sum(document.error_code is not None for document in documents),
    )
    dice = random.Random(seed)  # noqa: S311 - faults, not secrets
    settings = {"OCR_BULK_RANGE_PAGES": "5", "OCR_BULK_MAX_ATTEMPTS": "20"}
    with BulkHouse(folder=folder, seed=seed, settings=settings) as house:
        house.put(documents)
        house.break_network(NETWORK)
        started_s = time.monotonic()
        submission = house.submit(documents, key="the-job", put=False)
        while _calm(house, submission.job_id, dice.randint(*DOCUMENTS_BETWEEN_BLOWS)):
            strike(house, dice, findings.kills)
            if time.monotonic() - started_s > _PATIENCE_S:
                findings.fault = f"the job did not end within {_PATIENCE_S:g} s"
                break
        findings.wall_s = time.monotonic() - started_s
        house.break_network(Faults())
        findings.network = house.queue_proxy.counts + house.object_proxy.counts
        _look(house, submission, findings)
    return findings


def _calm(house: BulkHouse, job_id: str, documents: int) -> bool:
    """Wait until so many more have ended; false where the job has."""
    calm_until_s = time.monotonic() + LONGEST_CALM_S
    job = house.job(job_id)
    first = job["last_sequence"]
    while job["status"] != "done" and job["last_sequence"] < first + documents and time.monotonic() < calm_until_s:
        time.sleep(0.1)
        house.restart_dead()
        job = house.job(job_id)
    return bool(job["status"] != "done")


def _look(house: BulkHouse, submission: Submission, findings: Findings) -> None:
    lines: list[dict[str, Any]] = house.result_lines(submission.job_id)
    seen = Counter(line["reference"] for line in lines)
    findings.done = sum(line["status"] == "done" for line in lines)
    findings.failed = Counter(line["error"]["code"] for line in lines if line["status"] == "failed")
    findings.lost = sum(document.reference not in seen for document in submission.documents)
    findings.doubled = sum(count - 1 for count in seen.values())
    findings.holes = len(set(range(1, len(lines) + 1)) - {line["sequence"] for line in lines})
    single = {each.number for each in submission.documents if not each.content.startswith(b"%PDF")}
    findings.attempts = Counter(
        count for number, count in house.double.pages_begun().items() if number is not None and number in single
    )
    try:
        findings.repeats = check_books(house, [submission]).repeats
    except AssertionError as error:
        findings.fault = findings.fault or str(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=REPOSITORY_ROOT / "out" / "faults.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="yomitori-faults-") as folder:
        findings = run(documents_of_job(options.documents), seed=options.seed, folder=Path(folder))
    sys.stdout.write(findings.markdown() + "\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(findings.markdown() + "\n", encoding="utf-8")
    return 0 if findings.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
