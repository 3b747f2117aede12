"""The places of a stage worker: bounded, and one alone where it must be."""

from __future__ import annotations

import asyncio

import pytest

from async_worker.stages.places import Places


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_there_are_places() -> None:
    places = Places(2)
    await places.take()
    await places.take()
    third = asyncio.create_task(places.take())
    await settle()
    assert not third.done()
    places.leave()
    await third


async def test_who_must_be_alone_waits_for_the_others_and_lets_nobody_in() -> None:
    places = Places(3)
    await places.take()
    await places.take()
    assert places.close()
    assert not places.close(), "one at a time"
    alone = asyncio.create_task(places.until_alone())
    newcomer = asyncio.create_task(places.take())
    reopening = asyncio.create_task(places.until_open())
    await settle()
    assert not alone.done()
    assert places.is_closed

    places.leave()
    await alone
    await settle()
    assert not newcomer.done()
    assert not reopening.done()

    places.leave()
    places.reopen()
    await asyncio.gather(newcomer, reopening)
    assert not places.is_closed
    assert places.close()


async def test_who_gives_up_waiting_takes_no_place() -> None:
    places = Places(2)
    await places.take()
    assert places.close()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await places.take()
    places.reopen()
    await places.take()
