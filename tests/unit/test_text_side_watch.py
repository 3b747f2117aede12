"""Whether documents are read for a text side that does not answer, on a clock that the tests turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from ocr_core.contracts.errors import DeadlineExceeded, InternalError, NotReady, OcrError, Overloaded
from preprocess_svc.text_side_watch import FAIR_S, TextSideWatch

AGAIN_S = 0.02


class TextSide:
    """Answers calls and looks as the test says, and counts the looks."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.is_ready = True
        self.looks = 0
        self.watch = TextSideWatch(self.ask, again_s=AGAIN_S, now_s=lambda: self.now_s)

    async def ask(self) -> None:
        self.looks += 1
        await asyncio.sleep(0)
        if not self.is_ready:
            raise DeadlineExceeded("no answer")

    def call(
        self, *, takes_s: float, error: BaseException | None = None, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        """One call of it, which ends so after so long."""
        with self.watch.call():
            meanwhile()
            self.now_s += takes_s
            if error is not None:
                raise error

    def is_shut(self) -> bool:
        try:
            self.watch.require()
        except NotReady:
            return True
        return False

    async def settles(self, *, shut: bool) -> None:
        async with asyncio.timeout(5):
            while self.is_shut() is not shut:  # noqa: ASYNC110 - the watch tells nobody
                await asyncio.sleep(AGAIN_S / 4)

    async def stays_open(self) -> None:
        for _ in range(5):
            await asyncio.sleep(AGAIN_S / 2)
            assert not self.is_shut()


@pytest.fixture
async def text() -> AsyncIterator[TextSide]:
    side = TextSide()
    yield side
    await side.watch.close()


def fails(text: TextSide, error: BaseException, *, after_s: float) -> None:
    with pytest.raises(type(error)):
        text.call(takes_s=after_s, error=error)


UNANSWERED = (DeadlineExceeded("late"), asyncio.CancelledError())
"""By the client's own timeout, or by the request's deadline, which cancels the work."""


@pytest.mark.parametrize("error", UNANSWERED, ids=["timeout", "cancelled"])
async def test_who_waited_in_vain_for_a_side_that_is_not_ready_shuts_the_door_until_it_is(
    text: TextSide, error: BaseException
) -> None:
    text.is_ready = False
    fails(text, error, after_s=FAIR_S)
    assert not text.is_shut(), "before anybody has looked"
    await text.settles(shut=True)
    with pytest.raises(NotReady, match="text service") as told:
        text.watch.require()
    assert told.value.retry_after_s == AGAIN_S
    looks = text.looks
    await asyncio.sleep(5 * AGAIN_S)
    assert looks < text.looks <= looks + 7, "it is looked at now and then, though nobody calls"
    assert text.is_shut()
    text.is_ready = True
    await text.settles(shut=False)
    looks = text.looks
    await asyncio.sleep(3 * AGAIN_S)
    assert text.looks == looks, "all is well: nobody looks"


async def test_one_slow_document_shuts_nothing(text: TextSide) -> None:
    fails(text, DeadlineExceeded("late"), after_s=30)
    await text.stays_open()
    assert text.looks == 1


@pytest.mark.parametrize("error", UNANSWERED, ids=["timeout", "cancelled"])
async def test_a_caller_in_a_hurry_has_found_out_nothing(text: TextSide, error: BaseException) -> None:
    text.is_ready = False
    fails(text, error, after_s=FAIR_S / 2)
    await text.stays_open()
    assert text.looks == 0


async def test_who_waits_in_vain_while_others_are_answered_shuts_nothing(text: TextSide) -> None:
    text.is_ready = False
    meanwhile = partial(text.call, takes_s=FAIR_S)
    with pytest.raises(DeadlineExceeded):
        text.call(takes_s=FAIR_S, error=DeadlineExceeded("late"), meanwhile=meanwhile)
    await text.stays_open()
    assert text.looks == 0


@pytest.mark.parametrize("error", [Overloaded("full"), InternalError("strange")])
async def test_a_refusal_is_an_answer(text: TextSide, error: OcrError) -> None:
    text.is_ready = False
    meanwhile = partial(fails, text, error, after_s=FAIR_S)
    with pytest.raises(DeadlineExceeded):
        text.call(takes_s=FAIR_S, error=DeadlineExceeded("late"), meanwhile=meanwhile)
    await text.stays_open()
    assert text.looks == 0


async def test_who_finds_nobody_need_not_wait(text: TextSide) -> None:
    text.is_ready = False
    fails(text, NotReady("refused"), after_s=0.0)
    await text.settles(shut=True)


async def test_a_late_answer_opens_the_door(text: TextSide) -> None:
    text.is_ready = False
    fails(text, DeadlineExceeded("late"), after_s=FAIR_S)
    await text.settles(shut=True)
    text.call(takes_s=0.1)
    assert not text.is_shut()
    looks = text.looks
    await text.stays_open()
    assert text.looks == looks, "it has answered since: nobody looks any more"


async def test_an_answer_while_it_is_looked_at_counts_for_more_than_the_look(text: TextSide) -> None:
    text.is_ready = False
    fails(text, DeadlineExceeded("late"), after_s=FAIR_S)
    await asyncio.sleep(0)
    assert text.looks == 1
    text.call(takes_s=0.1)
    await text.stays_open()
    assert text.looks == 1


async def test_who_is_told_that_all_is_ready_finds_the_door_open(text: TextSide) -> None:
    text.is_ready = False
    fails(text, DeadlineExceeded("late"), after_s=FAIR_S)
    await text.settles(shut=True)
    with pytest.raises(OcrError):
        await text.watch.look()
    assert text.is_shut()
    text.is_ready = True
    await text.watch.look()
    assert not text.is_shut()


async def test_many_who_wait_in_vain_make_one_look(text: TextSide) -> None:
    text.is_ready = False
    for _ in range(20):
        fails(text, DeadlineExceeded("late"), after_s=FAIR_S)
    await text.settles(shut=True)
    assert text.looks == 1
