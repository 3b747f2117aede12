"""The dispatcher over a real database and a real queue server: fair, thrifty, and not to be robbed of a message."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from async_worker.dispatcher import Ahead, Dispatcher, WorkSender
from local_stack.aws import AwsServer
from ocr_core.adapters.aws_clients import sqs_client
from ocr_core.adapters.queue import SqsQueues
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.jobs import Stage, StoreRules
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.queues import QueueName
from ocr_core.settings import BulkSettings
from ocr_core.telemetry import Metrics
from tests.support.aws import make_server
from tests.support.bulk_roles import Rooms, at_work, bulk_rooms, leased, receive_all, until
from tests.support.job_stores import new_job

FEWEST_AHEAD = 4
SHORT_RESENDS = StoreRules(resend_first_s=0.3, resend_max_s=1.0)


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path) as opened:
        yield opened


def dispatcher(rooms: Rooms, *, window: int = 32) -> Dispatcher:
    return Dispatcher(
        documents=rooms.documents,
        store=rooms.store,
        queues=rooms.queues,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=BulkSettings().model_copy(update={"window": window}),
        metrics=rooms.metrics,
    )


def sender(rooms: Rooms, *, window: int = 32, fewest_ahead: int = FEWEST_AHEAD) -> WorkSender:
    return WorkSender(
        store=rooms.store,
        queues=rooms.queues,
        blocking=rooms.blocking,
        window=window,
        metrics=rooms.metrics,
        fewest_ahead=fewest_ahead,
    )


async def test_a_document_goes_through_both_queues(rooms: Rooms) -> None:
    job = rooms.store.create_job(new_job()).job
    async with at_work(dispatcher(rooms)):
        (read,) = await receive_all(rooms.queues, QueueName.READ, 1)
        assert (read.kind, read.tenant) == (Stage.READ, "acme")
        assert rooms.store.finish_read(leased(rooms.store, read).token, reading_key="k", page_count=1)
        (structure,) = await receive_all(rooms.queues, QueueName.STRUCTURE, 1)
        assert (structure.kind, structure.document_id) == (Stage.STRUCTURE, read.document_id)
        assert rooms.store.finish_document(leased(rooms.store, structure).token, result_key="k")
    assert rooms.store.get_job("acme", job.id).counts.done == 1
    figures = rooms.metrics.exposition().decode()
    assert 'ocr_bulk_messages_sent_total{stage="read"} 1.0' in figures
    assert 'ocr_bulk_waiting{stage="read"}' in figures


async def test_messages_carry_their_tenant_as_group(rooms: Rooms) -> None:
    rooms.store.create_job(new_job(tenant="quiet"))
    await sender(rooms).step()
    (delivery,) = await rooms.queues.queue(QueueName.READ).receive(max_messages=1, wait_s=5, visibility_timeout_s=60)
    assert delivery.group_id == "quiet"


async def test_a_quiet_tenants_document_waits_for_what_lies_ahead_and_no_more(rooms: Rooms) -> None:
    """Guarantee 10, as far as the queue is concerned: what lies before it there is what workers take up at a time."""
    rooms.store.create_job(new_job(10_000, tenant="loud"))
    sending = sender(rooms)
    for _ in range(10):
        await sending.step()
    lying = (await rooms.queues.queue(QueueName.READ).depth()).visible
    assert lying <= 2 * FEWEST_AHEAD
    rooms.store.create_job(new_job(tenant="quiet"))
    order = []
    for _ in range(lying + 1):
        (message,) = await receive_all(rooms.queues, QueueName.READ, 1)
        leased(rooms.store, message)
        order.append(message.tenant)
        await sending.step()
    assert "quiet" in order


def test_what_lies_ahead_follows_the_pace_of_the_workers() -> None:
    ahead = Ahead(fewest=FEWEST_AHEAD, most=100)
    assert ahead.reads == FEWEST_AHEAD
    for _ in range(10):
        ahead.learn(0.0, granted=range(ahead.reads), lying=())  # all taken up since the last look
    assert ahead.reads == 100
    ahead.learn(0.0, granted=range(60), lying=())
    assert ahead.reads == 100
    for _ in range(100):
        ahead.learn(0.0, granted=(1,), lying=())
    assert ahead.reads == FEWEST_AHEAD


def test_what_was_passed_over_takes_no_place() -> None:
    ahead = Ahead(fewest=FEWEST_AHEAD, most=100)
    ahead.note_sent(0.0, {1, 2, 3, 4})
    ahead.note_sent(0.5, {5})
    ahead.learn(0.8, granted=(), lying={1, 2, 3, 4})
    assert ahead.bound == FEWEST_AHEAD  # number 5 went at about the same time: no sign yet
    ahead.note_sent(2.0, {6})
    ahead.learn(2.4, granted=(), lying={1, 2, 3, 4})
    assert ahead.bound == FEWEST_AHEAD + 4
    ahead.learn(60.0, granted=(), lying={1, 2, 3, 4})
    assert ahead.bound == FEWEST_AHEAD + 4  # also when those that passed them have long ended
    ahead.learn(61.0, granted=(), lying={4})
    assert ahead.bound == FEWEST_AHEAD + 1


def test_a_slow_house_is_probed_ever_more_rarely() -> None:
    ahead = Ahead(fewest=FEWEST_AHEAD, most=100)
    lying, probes_s = set(range(FEWEST_AHEAD)), []
    ahead.learn(0.0, granted=lying, lying=())
    for eighths in range(8 * 600):
        now_s = eighths / 8
        if ahead.probes(now_s):
            probes_s.append(now_s)
            ahead.learn(now_s, granted={len(lying)}, lying=lying)
            lying.add(len(lying))
        else:
            ahead.learn(now_s, granted=(), lying=lying)
    waits_s = [later - sooner for sooner, later in pairwise(probes_s)]
    assert waits_s == sorted(waits_s)
    assert len(probes_s) < 20


async def test_lost_messages_idle_nobody(rooms: Rooms) -> None:
    """They go again after half a minute; until then others go, of the same tenant as well."""
    rooms.store.create_job(new_job(FEWEST_AHEAD + 20))
    async with at_work(dispatcher(rooms)):
        await receive_all(rooms.queues, QueueName.READ, FEWEST_AHEAD)  # and nobody claims them
        for _ in range(20):
            (message,) = await receive_all(rooms.queues, QueueName.READ, 1)
            token = leased(rooms.store, message).token
            assert rooms.store.fail_document(token, code="unreadable_document", detail="")


async def test_messages_that_cannot_be_noted_are_not_sent_again(rooms: Rooms, tmp_path: Path) -> None:
    rooms.store.create_job(new_job(3))
    sending = sender(rooms)
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as database:
        database.execute("CREATE TRIGGER full BEFORE UPDATE ON tasks BEGIN SELECT no_such_function(); END")
        database.commit()
        for _ in range(3):
            with pytest.raises(NotReady):
                await sending.step()
        database.execute("DROP TRIGGER full")
        database.commit()
    await sending.step()
    assert (await rooms.queues.queue(QueueName.READ).depth()).visible == 3
    assert rooms.store.dispatchable(window=10, limit=10).in_flight == 3


async def test_the_window_moves_on_as_documents_end(rooms: Rooms) -> None:
    rooms.store.create_job(new_job(5))
    async with at_work(dispatcher(rooms, window=2)):
        for _ in range(5):
            (read,) = await receive_all(rooms.queues, QueueName.READ, 1)
            assert rooms.store.finish_read(leased(rooms.store, read).token, reading_key="k", page_count=1)
            (structure,) = await receive_all(rooms.queues, QueueName.STRUCTURE, 1)
            assert rooms.store.finish_document(leased(rooms.store, structure).token, result_key="k")


async def test_what_the_queue_did_not_take_is_due_at_once(rooms: Rooms) -> None:
    rooms.store.create_job(new_job(4))
    await sender(rooms).step()
    (read,) = await receive_all(rooms.queues, QueueName.READ, 1)
    assert rooms.store.finish_read(leased(rooms.store, read).token, reading_key="k", page_count=1)
    rooms.store.create_job(new_job(3))
    delete_queue(rooms, QueueName.STRUCTURE)
    queues = SqsQueues(rooms.queue_settings.model_copy(update={"create": False}))
    await queues.start()
    lame = WorkSender(
        store=rooms.store, queues=queues, blocking=rooms.blocking, window=32, metrics=Metrics(), fewest_ahead=32
    )
    with pytest.raises(NotReady, match="3 of 4"):
        await lame.step()
    await queues.close()
    (left,) = rooms.store.dispatchable(window=32, limit=10).dispatches
    assert (left.message.kind, left.send_count) == (Stage.STRUCTURE, 0)


def delete_queue(rooms: Rooms, name: QueueName) -> None:
    client = sqs_client(rooms.queue_settings, max_connections=1, read_timeout_s=5, attempts=1)
    url = client.get_queue_url(QueueName=rooms.queue_settings.name_prefix + name.value)["QueueUrl"]
    client.delete_queue(QueueUrl=url)
    client.close()


async def test_a_queue_that_loses_every_message_gets_them_again(tmp_path: Path) -> None:
    server = make_server(tmp_path / "aws")
    with server:
        async with bulk_rooms(server, tmp_path, rules=SHORT_RESENDS) as rooms:
            rooms.store.create_job(new_job(25))
            async with at_work(dispatcher(rooms)):
                before = await receive_all(rooms.queues, QueueName.READ, 5)
                server.kill()
                await asyncio.sleep(0.2)  # the dispatcher meets the dead server as well
                server.start()
                await asyncio.to_thread(server.wait_ready)
                seen: set[str] = set()
                while len(seen) < 25:
                    messages = await receive_all(rooms.queues, QueueName.READ, 1)
                    rooms.store.claim(messages[0])  # so that the next ones have room in the queue
                    seen |= ids_of(messages)
                assert ids_of(before) < seen


def ids_of(messages: Iterable[StageMessage]) -> set[str]:
    return {message.document_id for message in messages}


async def test_a_step_takes_as_much_as_there_is(rooms: Rooms) -> None:
    rooms.store.create_job(new_job(150))
    sending = sender(rooms, window=1_000, fewest_ahead=1_000)
    assert await sending.step() == 0.0
    assert await sending.step() > 0.0
    await until(lambda: _depth_is(rooms, 150), "all messages")


async def _depth_is(rooms: Rooms, count: int) -> bool:
    return (await rooms.queues.queue(QueueName.READ).depth()).visible == count
