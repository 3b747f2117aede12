"""The door: how many documents are let in, who waits, and what a refusal says."""

from __future__ import annotations

import asyncio

import pytest

from ocr_core.contracts.errors import Overloaded
from ocr_core.telemetry import Metrics
from preprocess_svc.admission import Admission


def make(max_documents: int = 2, max_reading: int = 1) -> tuple[Admission, Metrics]:
    metrics = Metrics()
    return Admission(max_documents=max_documents, max_reading=max_reading, metrics=metrics), metrics


def test_one_too_many_is_refused_at_once_and_counted() -> None:
    admission, metrics = make()
    admission.enter()
    admission.enter()
    with pytest.raises(Overloaded) as caught:
        admission.enter()
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 0
    assert metrics.registry.get_sample_value("ocr_admission_refusals_total") == 1
    assert metrics.registry.get_sample_value("ocr_documents_in_flight") == 2


def test_a_released_permit_makes_room_once() -> None:
    admission, _ = make(max_documents=1)
    permit = admission.enter()
    permit.release()
    permit.release()
    assert admission.in_flight == 0
    admission.enter()
    with pytest.raises(Overloaded):
        admission.enter()


def test_retry_after_follows_how_long_documents_take() -> None:
    admission, _ = make(max_documents=1)
    for _ in range(50):
        admission.enter()
        admission.leave(8.0)
    admission.enter()
    with pytest.raises(Overloaded) as caught:
        admission.enter()
    assert caught.value.retry_after_s == pytest.approx(8.0, rel=0.01)


async def test_reading_places_are_taken_in_order_of_arrival() -> None:
    admission, _ = make(max_reading=1)
    order: list[int] = []
    gate = asyncio.Event()

    async def read(number: int) -> None:
        async with admission.reading_place():
            order.append(number)
            await gate.wait()

    tasks = [asyncio.create_task(read(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert order == [0]
    tasks[1].cancel()  # one that gives up while it waits does not hold up those behind it
    gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3]
