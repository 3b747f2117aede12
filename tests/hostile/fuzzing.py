"""Fuzzing through the real opener: mutants of good documents, what came of each, and those that do something new.

::

    seeds ──► mutate ──► opener ──► Outcome ──► Tally
      ▲                                │
      └── behaves as none did before ──┘

Every mutant is an answer or an error that another try would not change, in time, and never what the sandbox's lock or
the host's checks have to stop: the decoders are honest, only the files are not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from ocr_core.adapters.file_opener import OpenerSettings
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, OpenLimits, PageSelection
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.page import PageError, PageImage
from ocr_core.contracts.ports import FileOpener
from tests.support.child_watch import Watch, WatchedOpener, WatchingHandler, watching
from tests.support.fuzz_bytes import ANY, MAX_MUTANT_BYTES, Change, splicing, wording
from tests.support.fuzz_formats import CHANGES, WORDS
from tests.support.fuzz_seeds import MAX_SEED_BYTES, Seed, seeds

LIMITS = OpenLimits(
    max_pages=4,
    max_image_pixels=20_000_000,
    max_rendered_page_pixels=1_000_000,
    max_document_pixels=80_000_000,
    max_memory_bytes=256 << 20,
    max_cpu_s=5.0,
    render_dpi=72,
)
"""Small, so that a mutant takes milliseconds, and within reach of a mutant, so that they are tried too."""

TIMEOUT_S = 60.0
"""A mutant's deadline. The processor limit comes long before it, even where all cores are busy with other things."""

_GRACE_S = 2.0
_MOST_SEEDS_OF_A_KIND = 400
_BATCH = 64
_KINDS = (*MediaType, *[MediaType.PDF] * 5, MediaType.TIFF, MediaType.TIFF, MediaType.JPEG, MediaType.PNG)
"""PDF and TIFF are the largest formats by far."""
_HEAD_BYTES = {
    MediaType.PDF: 5,
    MediaType.PNG: 8,
    MediaType.JPEG: 3,
    MediaType.TIFF: 4,
    MediaType.WEBP: 12,
    MediaType.GIF: 6,
    MediaType.BMP: 2,
    MediaType.HEIC: 16,
    MediaType.AVIF: 16,
}
"""By which a kind is known: mostly put back, since a mutant of an unknown kind reaches no decoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one mutant."""

    answer: str
    """``ok``, or the error's code."""
    detail: str = ""
    """The error's, without its numbers."""
    behaviour: tuple[object, ...]
    """What tells it from others: answer, geometry, notices, words, processor time, each to a power of two."""
    crashes: tuple[str, ...] = ()
    """Signals and exit statuses of children that died of it. Allowed: that is what a child is for."""
    fault: str = ""
    """The invariant that it broke."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has come of all of them."""

    mutants: int = 0
    behaviours: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    """Of errors: which limit, which kind of damage."""
    crashes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    saved: list[Path] = field(default_factory=list)
    slowest_s: float = 0.0


class Corpus:
    """The documents that mutants are made of, by kind; it grows by those that behave in a new way."""

    def __init__(self) -> None:
        self._seeds: dict[MediaType, list[Seed]] = {kind: [] for kind in MediaType}
        for seed in seeds():
            self._seeds[seed.kind].append(seed)
        self._seen: set[tuple[object, ...]] = set()

    def mutant(self, dice: Random) -> Seed:
        """A document with one to eight changes."""
        seed = dice.choice(self._seeds[dice.choice(_KINDS)])
        others = [other.content for other in self._seeds[seed.kind]]
        general: tuple[Change, ...] = (*ANY, splicing(others), splicing(others), wording(WORDS[seed.kind]))
        content = seed.content
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4, 8))):
            special = CHANGES.get(seed.kind, general)
            content = dice.choice(special if dice.random() < 0.6 else general)(content, dice)[:MAX_MUTANT_BYTES]
            content = content or b"\0"
        kept = _HEAD_BYTES[seed.kind] if dice.random() < 0.9 else 0
        return Seed(name=seed.name, kind=seed.kind, content=seed.content[:kept] + content[kept:])

    def learn(self, mutant: Seed, outcome: Outcome, dice: Random) -> bool:
        """Keep a mutant that behaved as none before; whether it did."""
        behaviour = (mutant.kind, *outcome.behaviour)
        if behaviour in self._seen:
            return False
        self._seen.add(behaviour)
        known = self._seeds[mutant.kind]
        if len(mutant.content) > MAX_SEED_BYTES:
            return True
        if len(known) < _MOST_SEEDS_OF_A_KIND:
            known.append(mutant)
        else:
            known[dice.randrange(len(known))] = mutant
        return True


class Fuzzer:
    """Sends mutants through an opener, several at once.

    Args:
        opener: A started one.
        seed: All chance comes from it. Without ``evolve`` the mutants are the same whatever the machine; with it
            they also depend on how long each took.
        evolve: Whether mutants that behave in a new way become seeds.
        at_once: How many are open at the same time.
        folder: Where mutants are saved that crashed a child or broke an invariant.
    """

    def __init__(
        self, opener: FileOpener, *, seed: int, evolve: bool = True, at_once: int = 4, folder: Path | None = None
    ) -> None:
        self.tally = Tally()
        self._opener = opener
        self._seed = seed
        self._evolve = evolve
        self._at_once = asyncio.Semaphore(at_once)
        self._folder = folder
        self._corpus = Corpus()

    async def batch(self, count: int = _BATCH) -> None:
        """Make and send so many mutants."""
        numbers = range(self.tally.mutants, self.tally.mutants + count)
        # S311: mutants, not secrets.
        dice = [Random(f"{self._seed}:{number}") for number in numbers]  # noqa: S311
        mutants = [self._corpus.mutant(each) for each in dice]
        outcomes = await asyncio.gather(*(self._send(mutant) for mutant in mutants))
        for number, mutant, outcome, each in zip(numbers, mutants, outcomes, dice, strict=True):
            self.tally.mutants += 1
            self.tally.answers[outcome.answer] += 1
            self.tally.details[outcome.detail] += bool(outcome.detail)
            self.tally.crashes.update(outcome.crashes)
            if outcome.fault:
                self.tally.faults.append(f"mutant {number} of {mutant.name}: {outcome.fault}")
            if self._evolve:
                self.tally.behaviours += self._corpus.learn(mutant, outcome, each)
            if outcome.fault or outcome.crashes:
                self._save(number, mutant, outcome)

    async def _send(self, mutant: Seed) -> Outcome:
        async with self._at_once:
            started_s = time.monotonic()
            outcome = await try_document(self._opener, mutant.content)
            self.tally.slowest_s = max(self.tally.slowest_s, time.monotonic() - started_s)
        return outcome

    def _save(self, number: int, mutant: Seed, outcome: Outcome) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        reason = "fault" if outcome.fault else outcome.crashes[0].replace(" ", "-")
        path = self._folder / f"{self._seed}-{number}-{reason}.{mutant.kind.rpartition('/')[2]}"
        path.write_bytes(mutant.content)
        self.tally.saved.append(path)


@contextlib.asynccontextmanager
async def fuzzed_opener(settings: OpenerSettings | None = None) -> AsyncIterator[WatchedOpener]:
    """A started opener that is watched."""
    opener = WatchedOpener(settings or OpenerSettings(max_waiting=1000))
    handler, logger = WatchingHandler(), logging.getLogger("ocr_core.adapters")
    logger.addHandler(handler)
    await opener.start()
    try:
        yield opener
    finally:
        await opener.close()
        logger.removeHandler(handler)


async def try_document(opener: FileOpener, document: bytes) -> Outcome:
    """Open a document, take its pages, and say what it did."""
    started_s = time.monotonic()
    shown: tuple[object, ...] = ()
    detail = fault = ""
    with watching() as watch:
        try:
            pages = await _read(opener, document)
            answer, shown, fault = "ok", _behaviour_of(pages), _fault_of(pages)
        except OcrError as error:
            answer, detail = error.code, re.sub(r"[0-9]+", "#", error.detail)
            if error.retryable or error.http_status >= 500:
                fault = f"{error.code}: {error.detail}"
        except Exception as error:  # whatever else it is: what is looked for
            answer, fault = "exception", repr(error)
    elapsed_s = time.monotonic() - started_s
    if elapsed_s > TIMEOUT_S + _GRACE_S:
        fault = fault or f"answered after {elapsed_s:.1f} s"
    return await _outcome(answer, detail, shown, fault, watch)


async def _outcome(answer: str, detail: str, shown: tuple[object, ...], fault: str, watch: Watch) -> Outcome:
    crashes = tuple(await watch.crashes())
    if await watch.told():
        fault = fault or f"the adapter had to log {', '.join(await watch.told())}"
    if "SIGSYS" in crashes:
        fault = fault or "a child made a system call that is not allowed, after it had sent its pages"
    behaviour = (answer, detail, *shown, crashes, _size(await watch.cpu_ms() // 16))
    return Outcome(answer=answer, detail=detail, behaviour=behaviour, crashes=crashes, fault=fault)


async def _read(opener: FileOpener, document: bytes) -> list[PageImage | PageError]:
    async with opener.open(
        document,
        selection=PageSelection(),
        limits=LIMITS,
        deadline=Deadline.after(TIMEOUT_S),
        text_layer=True,
    ) as opened:
        return [page async for page in opened.pages()]


def _behaviour_of(pages: list[PageImage | PageError]) -> tuple[object, ...]:
    shown: list[object] = []
    for page in pages:
        if isinstance(page, PageError):
            shown.append("error")
            continue
        height_px, width_px, _ = page.pixels.shape
        one_colour = bool((page.pixels[:: max(1, height_px // 16)] == page.pixels[0, 0]).all())
        notices = tuple(notice.code for notice in page.warnings)
        shown.append((_size(width_px), _size(height_px), one_colour, notices, _size(len(page.text_layer))))
    return tuple(shown)


def _fault_of(pages: list[PageImage | PageError]) -> str:
    if not 1 <= len(pages) <= LIMITS.max_pages:
        return f"{len(pages)} pages"
    if [page.number for page in pages] != list(range(1, len(pages) + 1)):
        return "pages out of order"
    if not any(isinstance(page, PageImage) for page in pages):
        return "no page, and no error"
    if any(page.pixels.size > 3 * LIMITS.max_image_pixels for page in pages if isinstance(page, PageImage)):
        return "a page over the limit"
    return ""


def _size(number: int) -> int:
    """To a power of two."""
    return number.bit_length()
