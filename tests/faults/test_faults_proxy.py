"""The fault proxy between the real adapters and the real local server: what it lets pass, and what it breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from local_stack.aws import AwsServer
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.queue import SqsQueues
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.queues import Delivery, OutgoingMessage, Queue, QueueName
from tests.support.aws import object_settings, queue_settings, storage_settings
from tests.support.faults_proxy import FaultProxy, Faults, Passed

MESSAGE = OutgoingMessage(body="{}", group_id="acme")


@pytest.fixture
def proxy(aws_server: AwsServer) -> Iterator[FaultProxy]:
    with FaultProxy(aws_server.config.url, seed=1) as opened:
        yield opened


@asynccontextmanager
async def queue_behind(proxy: FaultProxy, server: AwsServer, *, visibility_timeout_s: int = 1) -> AsyncIterator[Queue]:
    settings = queue_settings(server).model_copy(update={"endpoint_url": proxy.url})
    queues = SqsQueues(settings, visibility_timeout_s=visibility_timeout_s)
    await queues.start()
    try:
        await queues.ensure_queues()
        yield queues.queue(QueueName.READ)
    finally:
        await queues.close()


async def receive(queue: Queue) -> tuple[Delivery, ...]:
    return await queue.receive(max_messages=10, wait_s=1, visibility_timeout_s=1)


async def test_without_faults_queues_and_objects_work_through_it(proxy: FaultProxy, aws_server: AwsServer) -> None:
    passed: list[Passed] = []
    proxy.watch = passed.append
    async with queue_behind(proxy, aws_server) as queue:
        await queue.send(MESSAGE)
        (delivery,) = await receive(queue)
        await queue.delete(delivery.receipt)
    assert {"SendMessage", "ReceiveMessage"} <= {each.call for each in passed}

    storage = storage_settings(aws_server).model_copy(update={"endpoint_url": proxy.url})
    objects = S3ObjectStore(object_settings(), storage)
    await objects.start()
    await objects.ensure_bucket()
    body = bytes(range(256)) * 4_000
    await objects.put("results/acme/one", body, content_type="application/octet-stream")
    assert await objects.get("results/acme/one", max_bytes=len(body)) == body
    assert (await objects.head("results/acme/one")).size_bytes == len(body)
    assert [info.key async for info in objects.scan("results/")] == ["results/acme/one"]
    await objects.close()


async def test_messages_come_three_times_and_deletes_are_lost(proxy: FaultProxy, aws_server: AwsServer) -> None:
    async with queue_behind(proxy, aws_server) as queue:
        proxy.faults = Faults(copies=3)
        await queue.send(MESSAGE)
        deliveries = await receive(queue)
        assert len(deliveries) == 3

        proxy.faults = Faults(lose_deletes=1.0)
        for delivery in deliveries:
            await queue.delete(delivery.receipt)
        again: list[Delivery] = []
        while len(again) < 3:
            again.extend(await receive(queue))
    assert {each.receive_count for each in again} == {2}
    assert proxy.counts["lost deletes"] >= 3


async def test_what_is_lost_on_the_way_is_not_ready(proxy: FaultProxy, aws_server: AwsServer) -> None:
    async with queue_behind(proxy, aws_server) as queue:
        proxy.faults = Faults(lose_request=1.0)
        with pytest.raises(NotReady):
            await queue.send(MESSAGE)
        proxy.faults = Faults()
        assert await receive(queue) == ()

        proxy.faults = Faults(lose_answer=1.0)
        with pytest.raises(NotReady):
            await queue.send(MESSAGE)
        proxy.faults = Faults()
        assert len(await receive(queue)) >= 1
    assert proxy.counts["lost requests"] >= 1
    assert proxy.counts["lost answers"] >= 1
