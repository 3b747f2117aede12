"""Good documents' latency beside hostile ones, and whether their answers stay the same: a table.

    python -m tests.hostile.report [--rounds 5] [--repeats 3] [--beside 2] [--out out/hostile-report.md]

One client sends good documents one after another, in three settings that take turns within each round: alone; beside
clients that send ordinary documents as fast as they are answered; and beside as many that send the hostile corpus. The
fair comparison is between the last two, since few cores that read three documents at once are slower whatever these
are: an ordinary document stands in for each hostile one, a PDF for a PDF and an image for an image. Figures are medians
of the rounds, ratios those of each round's own figures. It ends with status 1 where an answer was wrong, late or
different, or the good documents' p95 beside hostile files is not within 1.5 times theirs beside ordinary ones.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

import httpx

from evaluation.bench.figures import percentile
from evaluation.datasets import SAMPLES_DIR
from evaluation.machine import describe_machine
from evaluation.markdown import table
from evaluation.server import measured_server
from local_stack.stack import REPOSITORY_ROOT
from tests.support.answers import differences
from tests.support.good_documents import good_documents
from tests.support.hostile_corpus import CASES, CODES, MANY_PAGES, SHARED_DATA, Case

SEED = 20_261_128
ALLOWED_RATIO = 1.5
_TIMEOUT_S = 30.0
_PDF, _IMAGES = "zugferd/files/*.pdf", ("jp-receipts-synth/files/*.png", "sroie/files/*.jpg")
_STAND_INS_OF_A_KIND = 12


class Setting(StrEnum):
    """What else the server does while good documents are measured."""

    ALONE = "alone"
    ORDINARY = "beside ordinary documents"
    HOSTILE = "beside hostile files"


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the tables show."""

    seconds: dict[Setting, list[list[float]]] = field(default_factory=lambda: {each: [] for each in Setting})
    """Of each good document, by round."""
    answers: Counter[str] = field(default_factory=Counter)
    """To hostile files: status and code."""
    sent_beside: Counter[Setting] = field(default_factory=Counter)
    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    """Good documents answered differently, hostile files answered otherwise than their index expects."""
    slowest_hostile_s: float = 0.0
    machine: dict[str, str] = field(default_factory=describe_machine)
    """As it was before."""

    def ratio(self, percent: int, to: Setting) -> float:
        """How much longer a percentile is beside hostile files; the median of the rounds' ratios."""
        rounds = zip(self.seconds[Setting.HOSTILE], self.seconds[to], strict=True)
        return statistics.median(percentile(here, percent) / percentile(there, percent) for here, there in rounds)

    @property
    def good(self) -> bool:
        """Everything answered as it must be, and no good document much later."""
        return not self.wrong and self.ratio(95, Setting.ORDINARY) <= ALLOWED_RATIO

    def markdown(self) -> str:
        """The tables."""
        latency = [
            [
                setting.value,
                *(f"{self._median_ms(setting, percent):.0f}" for percent in (50, 95)),
                *([""] * 2 if setting is not Setting.HOSTILE else self._ratios()),
                str(self.sent_beside[setting]),
            ]
            for setting in Setting
        ]
        answers = [[answer, str(count)] for answer, count in self.answers.most_common()]
        lines = [
            "### Good documents beside hostile files",
            table(["good documents", "p50, ms", "p95, ms", "p50 ratio", "p95 ratio", "documents beside"], latency),
            f"Ratios to the same concurrency with ordinary documents; in brackets to alone. {self._counts()}",
            table(["answers to hostile files", "count"], answers),
            f"Slowest answer to a hostile file: {self.slowest_hostile_s:.2f} s.",
            f"Good documents answered among others: {self.compared}; wrong or different answers: {len(self.wrong)}.",
            f"{self.machine['processor']}, {self.machine['cores']} cores; load before {self.machine['load before']}.",
        ]
        return "\n\n".join([*lines, *(f"- {wrong}" for wrong in self.wrong[:20])])

    def _median_ms(self, setting: Setting, percent: int) -> float:
        return 1000 * statistics.median(percentile(seconds, percent) for seconds in self.seconds[setting])

    def _ratios(self) -> list[str]:
        return [
            f"**{self.ratio(percent, Setting.ORDINARY):.2f}** ({self.ratio(percent, Setting.ALONE):.2f})"
            for percent in (50, 95)
        ]

    def _counts(self) -> str:
        rounds = self.seconds[Setting.ALONE]
        return f"{len(rounds)} rounds of {len(rounds[0])} documents in each setting."


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A document that is sent while others are measured."""

    content: bytes
    case: Case | None = None


class Measurement:
    """The rounds, against a running server."""

    def __init__(self, url: str, *, repeats: int, clients: int) -> None:
        self.findings = Findings()
        self._url = url
        self._repeats = repeats
        self._clients = clients
        self._good = good_documents(SAMPLES_DIR)
        self._references: dict[str, dict[str, Any]] = {}
        self._beside = {Setting.ALONE: [], Setting.ORDINARY: stand_ins(CASES), Setting.HOSTILE: hostile(CASES)}
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Every good document alone, twice; the second answer is what later ones are held against."""
        with self._client() as client:
            for name, content in [*self._good.items()] * 2:
                self._references[name] = _sent(client, content, {}).json()

    def round(self, settings: Sequence[Setting]) -> None:
        """Each setting once, in this order."""
        for setting in settings:
            with self._client() as client, self._others(setting):
                self.findings.seconds[setting].append(self._good_ones(client, setting))

    def _good_ones(self, client: httpx.Client, setting: Setting) -> list[float]:
        seconds: list[float] = []
        for name, content in [*self._good.items()] * self._repeats:
            started_s = time.monotonic()
            answer = _sent(client, content, {})
            seconds.append(time.monotonic() - started_s)
            differing = differences(self._references[name], answer.json())
            self.findings.wrong += [f"{name} {setting.value}: {difference}" for difference in differing[:3]]
            self.findings.compared += setting is not Setting.ALONE
        return seconds

    @contextmanager
    def _others(self, setting: Setting) -> Iterator[None]:
        enough = threading.Event()
        documents = self._beside[setting]
        threads = [
            threading.Thread(target=self._keep_sending, args=(setting, documents, first, enough))
            for first in range(self._clients if documents else 0)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            enough.set()
            for thread in threads:
                thread.join()

    def _keep_sending(self, setting: Setting, documents: list[Beside], first: int, enough: threading.Event) -> None:
        # Each client goes on where it was in the round before, so that all files have their turn.
        skip = self.findings.sent_beside[setting] // max(1, self._clients)
        turn = itertools.islice(itertools.cycle(documents), first * len(documents) // self._clients + skip, None)
        with self._client() as client:
            for each in turn:
                if enough.is_set():
                    return
                started_s = time.monotonic()
                many = each.case is not None and each.case.path.name in MANY_PAGES
                answer = _sent(client, each.content, {"pages": "1-3"} if many else {})
                self._note(setting, each, answer, time.monotonic() - started_s)

    def _note(self, setting: Setting, each: Beside, answer: httpx.Response, seconds: float) -> None:
        with self._lock:
            self.findings.sent_beside[setting] += 1
            if each.case is None:
                if answer.status_code != 200:
                    self.findings.wrong.append(f"an ordinary document: {answer.text}")
                return
            said = "ok" if answer.status_code == 200 else f"{answer.status_code} {answer.json()['code']}"
            self.findings.answers[said] += 1
            self.findings.slowest_hostile_s = max(self.findings.slowest_hostile_s, seconds)
            allowed = {"ok" if word == "ok" else " ".join(map(str, CODES[word])) for word in each.case.expected}
            if said not in allowed or seconds > _TIMEOUT_S:
                self.findings.wrong.append(f"{each.case.path.name}: {said} after {seconds:.1f} s")

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._url, timeout=60.0, trust_env=False)


def hostile(cases: Sequence[Case]) -> list[Beside]:
    """The corpus in an order that mixes its kinds."""
    shuffled = Random(SEED).sample(list(cases), k=len(cases))  # noqa: S311 - an order, not a secret
    return [Beside(content=case.path.read_bytes(), case=case) for case in shuffled]


def stand_ins(cases: Sequence[Case]) -> list[Beside]:
    """An ordinary document for each hostile one, in the same order: a PDF for what calls itself one, else an image."""
    pdfs = [*sorted(SAMPLES_DIR.glob("*.pdf")), *sorted(SHARED_DATA.glob(_PDF))][:_STAND_INS_OF_A_KIND]
    images = sorted(path for pattern in _IMAGES for path in SHARED_DATA.glob(pattern))[:_STAND_INS_OF_A_KIND]
    of_kind = {True: itertools.cycle(pdfs), False: itertools.cycle(images)}
    return [
        Beside(content=next(of_kind[each.case is not None and each.case.path.suffix == ".pdf"]).read_bytes())
        for each in hostile(cases)
    ]


def _sent(client: httpx.Client, content: bytes, parameters: Mapping[str, str]) -> httpx.Response:
    return client.post("/v1/ocr", params={"timeout_s": f"{_TIMEOUT_S:g}", **parameters}, content=content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--beside", type=int, default=2, help="clients that send other documents meanwhile")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--out", type=Path, default=REPOSITORY_ROOT / "out" / "hostile-report.md")
    options = parser.parse_args(arguments)
    if not CASES:
        parser.error("the hostile corpus is not there")
    with measured_server(options.url, log=options.out.with_suffix(".log")) as url:
        measurement = Measurement(url, repeats=options.repeats, clients=options.beside)
        measurement.warm_up()
        orders = itertools.cycle(itertools.permutations(Setting))
        for number, order in zip(range(1, options.rounds + 1), orders, strict=False):
            sys.stderr.write(f"round {number} of {options.rounds}\n")
            measurement.round(order)
    findings = measurement.findings
    sys.stdout.write(findings.markdown() + "\n")
    options.out.write_text(findings.markdown() + "\n", encoding="utf-8")
    return 0 if findings.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
