"""Every service goes away for a while under load: what callers are told meanwhile, what is lost, when all is well.

    python -m tests.faults.outages [--cut-s 30] [--only TEXT] [--out out/outages.md]

The table is printed, and written beside the other measurements; it ends with status 1 where anything was lost, where a
caller was told something else than ``ALLOWED`` says, or where it did not recover by itself.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from botocore.exceptions import BotoCoreError

from evaluation.markdown import table
from local_stack.stack import REPOSITORY_ROOT
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import Submission
from tests.support.bulk_ledger import check_books
from tests.support.postgres import postgres_server
from tests.support.town import Outage, Town
from tests.support.triton_double import MAX_NUMBER
from tests.support.waiting import wait_until

CUT_S = 30.0
SYNC_EVERY_S = 0.5
SYNC_TIMEOUT_S = 10.0
"""Twice the default: on a busy machine too it is the outage that is seen."""
BULK_EVERY_S = 2.0
DOCUMENTS_A_JOB = 2
IN_A_ROW = 4
"""So many answers one after another, and the sync API is as it was."""
RECOVERY_PATIENCE_S = 60.0

_NO_ANSWER = "no answer"
_WELL = frozenset({"200", "429 overloaded"})
_DEPENDENCY = _WELL | {"503 not_ready", "504 deadline_exceeded"}
ALLOWED = {
    # What the sync API needs to read: who comes is told so, and who was being read meets his deadline.
    "Triton": _DEPENDENCY,
    "postprocess": _DEPENDENCY,
    "file opener": _DEPENDENCY,
    # The sync API itself: what stands before it answers in its place.
    "preprocess": _WELL | {_NO_ANSWER, "504 deadline_exceeded"},
}
"""What the sync API may answer while a service is away; all others are none of its business."""
KNOWN_AFTER_S = SYNC_TIMEOUT_S + 5.0
"""Since then it is known that a service hangs: who waited for it from the beginning has met his deadline."""
TOLD_THEN = {"postprocess": frozenset({"503 not_ready"})}
"""All that is told to those who come when it is known; of others what ``ALLOWED`` says: the pace has to show them, and
lets somebody try now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request to the sync API."""

    sent_s: float
    ended_s: float
    told: str
    """Status, and an error's code."""
    detail: str


@dataclass(slots=True, kw_only=True)
class Load:
    """What was sent, and what came of it."""

    answers: list[Answered] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Of whoever sends; none is expected."""

    def well_since(self, moment_s: float) -> float | None:
        """When the sync API was as before, by requests that were sent after a moment."""
        row = [answer for answer in sorted(self.answers, key=lambda each: each.sent_s) if answer.sent_s >= moment_s]
        for first in range(len(row) - IN_A_ROW + 1):
            if all(answer.told == "200" for answer in row[first : first + IN_A_ROW]):
                return row[first].ended_s
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A line of the table."""

    service: str
    way: str
    told: Counter[str]
    """Of requests that were sent while it was away."""
    told_when_known: frozenset[str]
    """Of those that were sent after ``KNOWN_AFTER_S``; nothing where it was away for less."""
    reasons: frozenset[str]
    documents: int
    lost: int
    sync_recovered_s: float
    bulk_recovered_s: float
    fault: str

    @property
    def unexpected(self) -> set[str]:
        """What callers were told and should not have been."""
        allowed = ALLOWED.get(self.service, _WELL)
        return (self.told.keys() - allowed) | (self.told_when_known - TOLD_THEN.get(self.service, allowed))

    @property
    def good(self) -> bool:
        """Nothing lost, nothing unexpected, and all is well again."""
        return not (self.lost or self.unexpected or self.fault)


_numbers = itertools.cycle(range(MAX_NUMBER))


@contextmanager
def under_load(town: Town) -> Iterator[Load]:
    """Requests and jobs, sent in time whatever becomes of those before."""
    load, enough, sent = Load(), threading.Event(), list[Future[None]]()
    limits = httpx.Limits(max_connections=None)
    with (
        httpx.Client(
            base_url=town.url, timeout=SYNC_TIMEOUT_S + 2, headers=town.headers, limits=limits, trust_env=False
        ) as client,
        ThreadPoolExecutor(max_workers=64) as senders,
    ):

        def read() -> None:
            sent_s = time.monotonic()
            try:
                answer = client.post(
                    "/v1/ocr", params={"timeout_s": SYNC_TIMEOUT_S}, content=png_document(next(_numbers)).content
                )
            except httpx.TransportError as error:
                told, detail = _NO_ANSWER, repr(error)
            else:
                problem = {} if answer.status_code == httpx.codes.OK else answer.json()
                told = " ".join(filter(None, (str(answer.status_code), problem.get("code"))))
                detail = problem.get("detail", "")
            load.answers.append(Answered(sent_s=sent_s, ended_s=time.monotonic(), told=told, detail=detail))

        def submit() -> None:
            documents = [png_document(next(_numbers)) for _ in range(DOCUMENTS_A_JOB)]
            try:
                load.submissions.append(town.house.submit(documents, key=f"job-{documents[0].number}"))
            except BotoCoreError:
                pass  # object storage is away, and the documents could not be put there: there is no job
            except (AssertionError, httpx.HTTPError) as error:
                load.faults.append(str(error))

        def pace(every_s: float, act: Callable[[], None]) -> None:
            while not enough.wait(every_s):
                sent.append(senders.submit(act))

        paces = [threading.Thread(target=pace, args=each) for each in ((SYNC_EVERY_S, read), (BULK_EVERY_S, submit))]
        for thread in paces:
            thread.start()
        try:
            yield load
        finally:
            enough.set()
            for thread in paces:
                thread.join()
    for future in sent:
        future.result()  # whoever sends raises nothing


def go_through(town: Town, service: str, way: str, outage: Outage, *, cut_s: float) -> Finding:
    """One outage under load, and what came of it."""
    with under_load(town) as load:
        wait_until(lambda: load.well_since(0.0) is not None and bool(load.submissions), "a calm beginning")
        begun_s = time.monotonic()
        outage.begin()
        time.sleep(cut_s)
        away_s = time.monotonic()
        outage.end()
        back_s = time.monotonic()
        fault = ""
        try:
            wait_until(
                lambda: load.well_since(back_s) is not None and town.is_ready(),
                f"the sync API after {service} was {way}",
                patience_s=RECOVERY_PATIENCE_S,
            )
        except AssertionError as error:
            fault = str(error)
    # Whoever sends has had all his answers by now: a job that was answered is answered for.
    bulk_s, lost, books_fault = _bulk(town, load, back_s)
    during = [answer for answer in load.answers if begun_s <= answer.sent_s < away_s]
    return Finding(
        service=service,
        way=way,
        told=Counter(answer.told for answer in during),
        told_when_known=frozenset(answer.told for answer in during if answer.sent_s >= begun_s + KNOWN_AFTER_S),
        reasons=frozenset(answer.detail for answer in during if answer.told.startswith("503")),
        documents=sum(len(submission.documents) for submission in load.submissions),
        lost=lost,
        sync_recovered_s=(load.well_since(back_s) or time.monotonic()) - back_s,
        bulk_recovered_s=bulk_s,
        fault=fault or books_fault or "; ".join(load.faults),
    )


def _bulk(town: Town, load: Load, back_s: float) -> tuple[float, int, str]:
    """When the last job had ended, how many documents of theirs never did, and what is wrong with the books."""
    lost, fault = 0, ""
    for submission in load.submissions:
        try:
            town.house.wait_done(submission.job_id, supervised=False, patience_s=RECOVERY_PATIENCE_S)
        except AssertionError as error:
            job = town.house.job(submission.job_id)["documents"]
            lost, fault = lost + job["total"] - job["done"], fault or str(error)
    elapsed_s = time.monotonic() - back_s
    if not fault:
        try:
            books = check_books(town.house, load.submissions)
            lost = books.documents - books.done
        except AssertionError as error:
            fault = str(error)
    return elapsed_s, lost, fault


def report(findings: Sequence[Finding], *, cut_s: float) -> str:
    """The table."""
    header = ["service", "is", "the sync API answers", "documents lost", "well again after, s: sync", "bulk"]
    rows = [
        [
            finding.service,
            finding.way,
            ", ".join(f"{count} × {told}" for told, count in finding.told.most_common()),
            f"{finding.lost} of {finding.documents}",
            f"{finding.sync_recovered_s:.1f}",
            f"{finding.bulk_recovered_s:.1f}",
        ]
        for finding in findings
    ]
    notes = [
        f"{finding.service}, {finding.way}: {finding.fault or 'unexpected: ' + ', '.join(finding.unexpected)}"
        for finding in findings
        if not finding.good
    ]
    return "\n\n".join([f"### Each service away for {cut_s:g} s, under load", table(header, rows), *notes])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.outages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cut-s", type=float, default=CUT_S)
    parser.add_argument("--only", default="", help="services with this in their name")
    parser.add_argument("--out", type=Path, default=REPOSITORY_ROOT / "out" / "outages.md")
    options = parser.parse_args(arguments)
    findings: list[Finding] = []
    with (
        tempfile.TemporaryDirectory(prefix="yomitori-outages-") as folder,
        postgres_server() as postgres_url,
        Town(folder=Path(folder) / "town", postgres_url=postgres_url) as town,
    ):
        for (service, way), outage in town.outages().items():
            if options.only in service:
                findings.append(go_through(town, service, way, outage, cut_s=options.cut_s))
                sys.stderr.write(f"{findings[-1]}\n")
    text = report(findings, cut_s=options.cut_s)
    sys.stdout.write(text + "\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text + "\n", encoding="utf-8")
    return 0 if all(finding.good for finding in findings) else 1


if __name__ == "__main__":
    raise SystemExit(main())
