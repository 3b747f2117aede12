"""A few hundred mutants of every kind of document through the real opener; ``make fuzz`` goes on for longer."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal

import pytest

from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import MediaType, PageSelection
from ocr_core.contracts.errors import OcrError
from tests.hostile.fuzzing import LIMITS, Corpus, Fuzzer, Outcome, fuzzed_opener, try_document
from tests.support.child_watch import end_child_at_work, watching
from tests.support.fuzz_bytes import ANY
from tests.support.fuzz_formats import CHANGES
from tests.support.fuzz_seeds import FOUR_PAGES, Seed, seeds

SEED = 20_261_128
MUTANTS = 400
"""A seed's; two of them."""


def dice_of(what: object) -> random.Random:
    return random.Random(f"{SEED}:{what}")  # noqa: S311 - mutants, not secrets


async def outcomes_of_seeds() -> list[tuple[Seed, Outcome]]:
    async with fuzzed_opener() as opener:
        outcomes = await asyncio.gather(*(try_document(opener, seed.content) for seed in seeds()))
    return list(zip(seeds(), outcomes, strict=True))


async def test_what_the_fuzzer_starts_from_is_read_whole() -> None:
    assert {seed.kind for seed in seeds()} == set(MediaType)
    wrong = {
        seed.name: outcome
        for seed, outcome in await outcomes_of_seeds()
        if outcome.answer != "ok" or outcome.crashes or outcome.fault
    }
    assert wrong == {}


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
async def test_mutants_are_answered_and_the_pool_lives_on(seed: int) -> None:
    async with fuzzed_opener() as opener:
        pool_pid = opener.pool_pid
        fuzzer = Fuzzer(opener, seed=seed, evolve=False)
        await fuzzer.batch(MUTANTS)
        assert fuzzer.tally.faults == []
        assert opener.pool_pid == pool_pid
        # Not all are refused at the door: a fuzzer that reaches no decoder would be content with anything.
        assert fuzzer.tally.answers["ok"] > MUTANTS // 5
        assert fuzzer.tally.answers["unreadable_document"] > 0
        for good in {seed.kind: seed for seed in reversed(seeds())}.values():
            outcome = await try_document(opener, good.content)
            assert (outcome.answer, outcome.crashes, outcome.fault) == ("ok", (), ""), good.name


@pytest.mark.parametrize(
    ("strike", "crashes", "actions"),
    [
        (signal.SIGSEGV, ["SIGSEGV"], []),
        (signal.SIGABRT, ["SIGABRT"], []),
        (signal.SIGSYS, ["SIGSYS"], ["opener_violation"]),
    ],
)
async def test_a_child_that_dies_is_seen(strike: signal.Signals, crashes: list[str], actions: list[str]) -> None:
    async with fuzzed_opener() as opener:
        with watching() as watch, contextlib.suppress(OcrError):
            async with opener.open(
                FOUR_PAGES,
                selection=PageSelection(),
                limits=LIMITS,
                deadline=Deadline.after(30),
                text_layer=False,
            ) as opened:
                pages = opened.pages()
                await anext(pages)
                end_child_at_work(opener.pool_pid, strike)
                async for _ in pages:
                    pass
        assert await watch.crashes() == crashes
        assert await watch.told() == actions


def test_the_same_seed_makes_the_same_mutants() -> None:
    one, other = ([Corpus().mutant(dice_of(number)).content for number in range(40)] for _ in range(2))
    assert one == other
    assert len(set(one)) > 35


@pytest.mark.parametrize("kind", MediaType)
def test_changes_take_whatever_earlier_changes_left(kind: MediaType) -> None:
    dice = dice_of(kind)
    changes = [*ANY, *CHANGES.get(kind, ())]
    for seed in seeds():
        if seed.kind is kind and len(seed.content) < 10_000:
            content = seed.content
            for _ in range(60):
                content = dice.choice(changes)(content, dice)[:20_000] or b"\0"
