"""The sweeper and the dead letters' way, over a real database and real queues."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from async_worker.dead_letters import DeadLetters
from async_worker.sweeper import Sweeper
from local_stack.aws import AwsServer
from ocr_core.contracts.jobs import ATTEMPTS_EXHAUSTED, DocumentStatus
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.queues import Delivery, QueueName
from tests.support.aws import make_server
from tests.support.bulk_roles import QUICK, Rooms, at_work, bulk_rooms, until
from tests.support.job_stores import SetClock, claim, new_job, send


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path, clock: SetClock) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path, clock=clock) as opened:
        yield opened


def sweeper(rooms: Rooms) -> Sweeper:
    return Sweeper(store=rooms.store, blocking=rooms.blocking, lease_s=QUICK.lease_s, metrics=rooms.metrics)


def dead_letters(rooms: Rooms) -> DeadLetters:
    return DeadLetters(store=rooms.store, queues=rooms.queues, blocking=rooms.blocking, metrics=rooms.metrics)


def kill_every_attempt(rooms: Rooms, clock: SetClock) -> StageMessage:
    """The one document's message, after as many deaths as it takes."""
    for _ in range(QUICK.max_attempts):
        (message,) = send(rooms.store)
        claim(rooms.store, message)
        clock.move(QUICK.lease_s + 1)
        rooms.store.sweep()
    return message


async def take(rooms: Rooms, name: QueueName) -> tuple[Delivery, ...]:
    return await rooms.queues.dead_letters(name).receive(max_messages=10, wait_s=1, visibility_timeout_s=60)


async def test_a_dead_workers_document_is_due_again_by_itself(rooms: Rooms, clock: SetClock) -> None:
    rooms.store.create_job(new_job())
    (message,) = send(rooms.store)
    claim(rooms.store, message)
    async with at_work(sweeper(rooms)):
        clock.move(QUICK.lease_s + 1)
        await until(lambda: len(rooms.store.dispatchable(window=9, limit=9).dispatches) == 1, "the sweep")
    assert 'ocr_bulk_swept_total{what="expired_leases"} 1.0' in rooms.metrics.exposition().decode()


async def test_a_document_that_kills_its_workers_is_told_to_the_dead_letter_queue(
    rooms: Rooms, clock: SetClock
) -> None:
    job = rooms.store.create_job(new_job()).job
    message = kill_every_attempt(rooms, clock)
    (row,) = rooms.store.results_page("acme", job.id, cursor=0, limit=10)
    assert (row.status, row.error_code) == (DocumentStatus.FAILED, ATTEMPTS_EXHAUSTED)
    letters = dead_letters(rooms)
    assert await letters.step() > 0
    (letter,) = await take(rooms, QueueName.READ)
    assert StageMessage.decode(letter.untrusted_body) == message
    assert letter.group_id == "acme"
    assert letter.reason is not None
    assert f"{QUICK.max_attempts} attempts" in letter.reason
    assert job.id in letter.reason
    await letters.step()
    assert await take(rooms, QueueName.READ) == ()


async def test_a_structures_letter_goes_to_its_own_queue(rooms: Rooms, clock: SetClock) -> None:
    rooms.store.create_job(new_job())
    (message,) = send(rooms.store)
    assert rooms.store.finish_read(claim(rooms.store, message).token, reading_key="k", page_count=1)
    kill_every_attempt(rooms, clock)
    await dead_letters(rooms).step()
    assert len(await take(rooms, QueueName.STRUCTURE)) == 1


async def test_a_letter_waits_for_a_queue_that_is_down(tmp_path: Path, clock: SetClock) -> None:
    server = make_server(tmp_path / "aws")
    server.start()
    server.wait_ready()
    async with bulk_rooms(server, tmp_path, clock=clock) as rooms:
        rooms.store.create_job(new_job())
        kill_every_attempt(rooms, clock)
        server.kill()
        letters = dead_letters(rooms)
        with pytest.raises(Exception, match="0 of 1"):
            await letters.step()
        assert len(rooms.store.due_dead_letters(limit=9)) == 1
        server.start()
        server.wait_ready()
        await letters.step()
        assert len(await take(rooms, QueueName.READ)) == 1
    server.stop()
