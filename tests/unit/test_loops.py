"""A repeated step: at once while there is work, slower when idle, patient while something is down."""

from __future__ import annotations

import asyncio
import logging

import pytest

from async_worker.dispatcher import Pace
from async_worker.loops import Backoff, repeat, wait_or_stop
from ocr_core.contracts.errors import NotReady

NO_WAIT = Backoff(first_s=0.001, max_s=0.001)


async def test_a_step_is_repeated_until_the_stop() -> None:
    stop, done = asyncio.Event(), 0

    async def step() -> float:
        nonlocal done
        done += 1
        if done == 5:
            stop.set()
        return 0.0

    await repeat(step, name="test", stop=stop)
    assert done == 5


async def test_an_idle_step_does_not_hold_up_the_stop() -> None:
    stop = asyncio.Event()

    async def step() -> float:
        asyncio.get_running_loop().call_soon(stop.set)
        return 3_600.0

    await repeat(step, name="test", stop=stop)


async def test_others_have_their_turn_beside_a_busy_step() -> None:
    stop = asyncio.Event()

    async def busy() -> float:
        return 0.0

    async def other() -> None:
        stop.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(repeat(busy, name="busy", stop=stop))
        tasks.create_task(other())


async def test_an_outage_is_told_once_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stop, tries = asyncio.Event(), 0

    async def step() -> float:
        nonlocal tries
        tries += 1
        if tries <= 4:
            raise NotReady("the database does not answer")
        stop.set()
        return 0.0

    await repeat(step, name="test", stop=stop, backoff=NO_WAIT)
    actions = [getattr(record, "action", "") for record in caplog.records]
    assert actions == ["test.down", "test.up"]


async def test_a_fault_of_ours_is_raised() -> None:
    async def step() -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await repeat(step, name="test", stop=asyncio.Event())


def test_the_back_off_grows_to_its_longest_with_jitter() -> None:
    backoff = Backoff(first_s=1.0, max_s=8.0)
    for failures, longest_s in ((1, 1.0), (2, 2.0), (4, 8.0), (5, 8.0), (10_000, 8.0)):
        waits_s = {backoff.wait_s(failures) for _ in range(50)}
        assert all(longest_s / 2 <= wait_s <= longest_s for wait_s in waits_s)
        assert len(waits_s) > 1


async def test_waiting_nothing_lets_others_run() -> None:
    await wait_or_stop(asyncio.Event(), 0.0)


def test_the_dispatcher_looks_often_for_a_lone_document_and_seldom_for_many() -> None:
    lone = Pace()
    assert lone.wait_s(0, in_flight=0) == pytest.approx(0.25)
    assert lone.wait_s(1, in_flight=0) < 0.05
    assert lone.wait_s(0, in_flight=1) < 0.05
    many = Pace()
    assert many.wait_s(30, in_flight=0) < 0.05
    assert many.wait_s(4, in_flight=30) == pytest.approx(0.25)
