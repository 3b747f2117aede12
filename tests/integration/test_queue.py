"""The queue adapter against a real server: redelivery, heartbeat, batches, dead letters, and a server that dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local_stack.aws import AwsServer
from ocr_core.adapters.aws_clients import sqs_client
from ocr_core.adapters.queue import SqsQueue, SqsQueues
from ocr_core.contracts.errors import InternalError, NotReady
from ocr_core.contracts.queues import MAX_MESSAGE_BYTES, Delivery, MessageTooLarge, OutgoingMessage, QueueName
from ocr_core.settings import QueueSettings
from tests.support.aws import make_server, queue_settings
from tests.support.waiting import PATIENCE_S

TENANT = "tenant-a"
VISIBILITY_S = 2
LONG_S = 60


@asynccontextmanager
async def connected(settings: QueueSettings) -> AsyncIterator[SqsQueues]:
    queues = SqsQueues(settings)
    await queues.start()
    try:
        yield queues
    finally:
        await queues.close()


@pytest.fixture
async def queues(aws_server: AwsServer) -> AsyncIterator[SqsQueues]:
    async with connected(queue_settings(aws_server)) as connection:
        await connection.ensure_queues()
        yield connection


@pytest.fixture
def read_queue(queues: SqsQueues) -> SqsQueue:
    return queues.queue(QueueName.READ)


def message(body: str = "{}", group_id: str = TENANT) -> OutgoingMessage:
    return OutgoingMessage(body=body, group_id=group_id)


async def take(
    queue: SqsQueue, *, max_messages: int = 1, wait_s: int = 1, visibility_timeout_s: int = LONG_S
) -> tuple[Delivery, ...]:
    return await queue.receive(max_messages=max_messages, wait_s=wait_s, visibility_timeout_s=visibility_timeout_s)


async def take_one(queue: SqsQueue, *, wait_s: int = 10, visibility_timeout_s: int = LONG_S) -> Delivery:
    (delivery,) = await take(queue, wait_s=wait_s, visibility_timeout_s=visibility_timeout_s)
    return delivery


async def until_in_flight(queue: SqsQueue, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await queue.depth()).in_flight != count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


class TestDelivery:
    async def test_what_was_sent_arrives_with_its_group(self, read_queue: SqsQueue) -> None:
        before_s = time.time()
        await read_queue.send(message('{"文書": "一"}'))
        delivery = await take_one(read_queue)
        assert delivery.untrusted_body == '{"文書": "一"}'
        assert delivery.group_id == TENANT
        assert delivery.receive_count == 1
        assert delivery.reason is None
        assert delivery.sent_at_s is not None
        assert before_s - 5 < delivery.sent_at_s < before_s + 60

    async def test_a_message_comes_again_when_its_visibility_lapses(self, read_queue: SqsQueue) -> None:
        await read_queue.send(message())
        first = await take_one(read_queue, visibility_timeout_s=VISIBILITY_S)
        assert await take(read_queue, wait_s=0) == ()
        second = await take_one(read_queue)
        assert second.message_id == first.message_id
        assert second.receive_count == 2
        assert second.receipt != first.receipt

    async def test_an_extended_message_stays_where_it_is(self, read_queue: SqsQueue) -> None:
        await read_queue.send(message())
        delivery = await take_one(read_queue, visibility_timeout_s=VISIBILITY_S)
        assert await read_queue.extend(delivery.receipt, LONG_S)
        assert await take(read_queue, wait_s=VISIBILITY_S + 1) == ()

    async def test_a_released_message_comes_at_once_or_after_its_delay(self, read_queue: SqsQueue) -> None:
        await read_queue.send(message())
        delivery = await take_one(read_queue)
        assert await read_queue.release(delivery.receipt)
        delivery = await take_one(read_queue, wait_s=1)
        assert await read_queue.release(delivery.receipt, delay_s=2)
        assert await take(read_queue, wait_s=0) == ()
        assert (await take_one(read_queue)).receive_count == 3

    async def test_a_lapsed_receipt_is_nobodys(self, read_queue: SqsQueue) -> None:
        await read_queue.send(message())
        stale = await take_one(read_queue, visibility_timeout_s=1)
        await take_one(read_queue)
        assert not await read_queue.extend(stale.receipt, LONG_S)
        assert not await read_queue.release(stale.receipt)
        assert not await read_queue.release("no receipt at all")

    async def test_a_repeated_delete_is_no_error(self, read_queue: SqsQueue) -> None:
        await read_queue.send(message())
        delivery = await take_one(read_queue)
        for _ in range(3):
            await read_queue.delete(delivery.receipt)
        assert (await read_queue.depth()).in_flight == 0
        assert not await read_queue.extend(delivery.receipt, LONG_S)

    async def test_a_waiting_receive_wakes_when_something_comes(self, read_queue: SqsQueue) -> None:
        waiting = asyncio.create_task(take_one(read_queue, wait_s=20))
        await asyncio.sleep(0.2)
        await read_queue.send(message("late"))
        assert (await asyncio.wait_for(waiting, timeout=15)).untrusted_body == "late"

    async def test_what_a_cancelled_receive_brings_goes_back_at_once(self, read_queue: SqsQueue) -> None:
        abandoned = asyncio.create_task(take(read_queue, max_messages=10, wait_s=20))
        await asyncio.sleep(0.3)
        abandoned.cancel()
        await asyncio.gather(abandoned, return_exceptions=True)
        await read_queue.send(message("for somebody else"))
        again = await take_one(read_queue, wait_s=10)
        assert again.untrusted_body == "for somebody else"

    async def test_nothing_is_asked_for_beyond_the_limits(self, read_queue: SqsQueue) -> None:
        for arguments in ({"max_messages": 11}, {"wait_s": 21}, {"visibility_timeout_s": 43_201}):
            with pytest.raises(ValueError, match="not within"):
                await take(read_queue, **arguments)
        with pytest.raises(ValueError, match="not within"):
            await read_queue.extend("receipt", 43_201)


class TestDeletesThatWait:
    async def test_they_happen_with_the_tenth_with_the_delay_and_with_the_end(self, aws_server: AwsServer) -> None:
        settings = queue_settings(aws_server, delete_delay_s=10)
        async with connected(settings) as observers, connected(settings) as queues:
            queue, observed = queues.queue(QueueName.READ), observers.queue(QueueName.READ)
            await queue.send_batch([message(str(number)) for number in range(14)])
            held = [*await take(queue, max_messages=10), *await take(queue, max_messages=10)]
            for delivery in held[:9]:
                await queue.delete(delivery.receipt)
            assert (await observed.depth()).in_flight == 14
            await queue.delete(held[9].receipt)
            await queue.delete(held[9].receipt)  # stale by the time it is sent
            await until_in_flight(observed, 4)
            await queue.delete(held[10].receipt)
            await queue.flush()
            assert (await observed.depth()).in_flight == 3
            await queue.delete(held[11].receipt)
            await queues.close()
            assert (await observed.depth()).in_flight == 2

    async def test_the_delay_is_kept(self, aws_server: AwsServer) -> None:
        async with connected(queue_settings(aws_server, delete_delay_s=0.2)) as queues:
            queue = queues.queue(QueueName.READ)
            await queue.send(message())
            await queue.delete((await take_one(queue)).receipt)
            await until_in_flight(queue, 0)

    async def test_a_server_that_is_gone_costs_a_redelivery_and_no_more(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with make_server(tmp_path) as server:
            async with connected(queue_settings(server, delete_delay_s=10)) as queues:
                queue = queues.queue(QueueName.READ)
                await queue.send(message())
                await queue.delete((await take_one(queue)).receipt)
                server.kill()
                await queue.flush()
        assert "will come again" in caplog.text


class TestBatches:
    async def test_any_number_goes_in_and_comes_out(self, read_queue: SqsQueue) -> None:
        bodies = {f"message {number}" for number in range(37)}
        assert await read_queue.send_batch([message(body) for body in sorted(bodies)]) == ()
        assert (await read_queue.depth()).visible == 37
        received: set[str] = set()
        while deliveries := await take(read_queue, max_messages=10):
            received |= {delivery.untrusted_body for delivery in deliveries}
            assert all(delivery.group_id == TENANT for delivery in deliveries)
        assert received == bodies

    async def test_large_messages_share_no_call_that_would_be_too_large(self, read_queue: SqsQueue) -> None:
        large = "x" * (MAX_MESSAGE_BYTES // 2 + 1)
        assert await read_queue.send_batch([message(large), message("small"), message(large), message(large)]) == ()
        assert (await read_queue.depth()).visible == 4

    async def test_only_what_was_refused_is_told_and_the_neighbours_are_in(self, read_queue: SqsQueue) -> None:
        refused = message("placeholder")
        # Our own check would keep it from ever being sent: the server's must be met for once.
        object.__setattr__(refused, "body", "a\x00b")
        failures = await read_queue.send_batch([message("one"), refused, message("two")])
        assert [failure.index for failure in failures] == [1]
        assert not failures[0].retryable
        received = [delivery.untrusted_body for delivery in await take(read_queue, max_messages=10)]
        received += [delivery.untrusted_body for delivery in await take(read_queue, max_messages=10, wait_s=0)]
        assert sorted(received) == ["one", "two"]

    async def test_a_message_that_the_server_refuses_is_a_fault_of_ours(self, read_queue: SqsQueue) -> None:
        for body in ("a\x00b", "x" * 1_100_000):
            refused = message("placeholder")
            object.__setattr__(refused, "body", body)
            with pytest.raises(InternalError):
                await read_queue.send(refused)

    async def test_an_empty_batch_asks_nothing(self, read_queue: SqsQueue) -> None:
        assert await read_queue.send_batch([]) == ()


class TestRefusedBeforeSending:
    def test_a_message_above_256_kib(self) -> None:
        assert message("x" * MAX_MESSAGE_BYTES).size_bytes == MAX_MESSAGE_BYTES
        with pytest.raises(MessageTooLarge):
            message("x" * (MAX_MESSAGE_BYTES + 1))
        with pytest.raises(MessageTooLarge):
            message("字" * (MAX_MESSAGE_BYTES // 3 + 1))

    @pytest.mark.parametrize("body", ["", "a\x00b", "\ufffe", "\ud800"])
    def test_a_body_that_sqs_does_not_take(self, body: str) -> None:
        with pytest.raises(InternalError):
            message(body)

    @pytest.mark.parametrize("group_id", ["", "a b", "テナント", "x" * 129])
    def test_a_group_that_sqs_does_not_take(self, group_id: str) -> None:
        with pytest.raises(InternalError):
            message(group_id=group_id)


class TestDeadLetters:
    async def test_the_body_is_kept_and_the_reason_is_beside_it(self, queues: SqsQueues) -> None:
        queue, dead = queues.queue(QueueName.STRUCTURE), queues.dead_letters(QueueName.STRUCTURE)
        await queue.send(message('{"document": "doc_1"}'))
        await queue.dead_letter(await take_one(queue), "attempts_exhausted: five workers died")
        letter = await take_one(dead)
        assert letter.untrusted_body == '{"document": "doc_1"}'
        assert letter.reason == "attempts_exhausted: five workers died"
        assert letter.group_id == TENANT
        assert await take(queue, wait_s=0) == ()

    async def test_a_strangers_large_message_is_cut(self, queues: SqsQueues, aws_server: AwsServer) -> None:
        queue = queues.queue(QueueName.INTAKE)
        client = sqs_client(queue_settings(aws_server), max_connections=1, read_timeout_s=5, attempts=2)
        client.send_message(QueueUrl=client.get_queue_url(QueueName=queue.name)["QueueUrl"], MessageBody="字" * 200_000)
        client.close()
        await queue.dead_letter(await take_one(queue), "")
        letter = await take_one(queues.dead_letters(QueueName.INTAKE))
        assert len(letter.untrusted_body.encode()) <= MAX_MESSAGE_BYTES
        assert set(letter.untrusted_body) == {"字"}
        assert letter.reason == "unknown"

    async def test_the_queue_itself_gives_up_after_its_own_count(self, aws_server: AwsServer) -> None:
        async with connected(queue_settings(aws_server, max_receives=2)) as queues:
            queue = queues.queue(QueueName.READ)
            await queue.send(message("kills every worker"))
            for _ in range(2):
                await queue.release((await take_one(queue)).receipt)
            assert await take(queue) == ()
            letter = await take_one(queues.dead_letters(QueueName.READ))
            assert letter.untrusted_body == "kills every worker"
            assert letter.reason is None


class TestServerThatDies:
    async def test_the_adapter_goes_on_with_new_queues_on_the_same_port(self, tmp_path: Path) -> None:
        with make_server(tmp_path) as server:
            async with connected(queue_settings(server)) as queues:
                await queues.ensure_queues()
                queue = queues.queue(QueueName.READ)
                await queue.send(message("lost with the server"))
                held = await take_one(queue)
                await queue.send(message("lost as well"))

                server.kill()
                with pytest.raises(NotReady):
                    await queue.send(message())
                with pytest.raises(NotReady):
                    await take(queue)
                (failure,) = await queue.send_batch([message()])
                assert failure.retryable

                server.start()
                server.wait_ready()
                assert await take(queue, wait_s=0) == ()
                assert not await queue.extend(held.receipt, LONG_S)
                await queue.delete(held.receipt)
                await queue.send(message("new"))
                assert (await take_one(queue)).untrusted_body == "new"
                # The dead-letter queue was not touched since; it comes back with the call that needs it.
                await queue.send(message("bad"))
                await queue.dead_letter(await take_one(queue), "because")
                assert (await take_one(queues.dead_letters(QueueName.READ))).reason == "because"

    async def test_many_calls_find_the_queue_gone_at_once(self, tmp_path: Path) -> None:
        with make_server(tmp_path) as server:
            async with connected(queue_settings(server)) as queues:
                queue = queues.queue(QueueName.READ)
                await queue.send(message("before"))
                server.kill()
                server.start()
                server.wait_ready()
                await asyncio.gather(*(queue.send(message(str(number))) for number in range(20)))
                assert (await queue.depth()).visible == 20


class TestQueuesThatTheDeploymentMakes:
    async def test_a_missing_queue_is_named_and_not_made(self, aws_server: AwsServer) -> None:
        async with connected(queue_settings(aws_server, create=False, name_prefix="absent-")) as queues:
            with pytest.raises(NotReady, match="absent-read"):
                await queues.ensure_queues()
            with pytest.raises(NotReady, match="absent-read"):
                await queues.queue(QueueName.READ).send(message())

    async def test_queues_that_are_there_are_used(self, queues: SqsQueues, aws_server: AwsServer) -> None:
        prefix = queues.queue(QueueName.READ).name.removesuffix("read")
        async with connected(queue_settings(aws_server, create=False, name_prefix=prefix)) as others:
            await others.ensure_queues()
            await others.queue(QueueName.READ).send(message("hello"))
        assert (await take_one(queues.queue(QueueName.READ))).untrusted_body == "hello"

    async def test_two_processes_may_make_them_with_other_settings(self, aws_server: AwsServer) -> None:
        first = queue_settings(aws_server)
        second = queue_settings(aws_server, name_prefix=first.name_prefix, max_receives=3)
        async with connected(first) as one, connected(second) as two:
            await asyncio.gather(one.ensure_queues(), two.ensure_queues(), one.ensure_queues(), two.ensure_queues())

    async def test_nothing_works_before_the_start(self, aws_server: AwsServer) -> None:
        queues = SqsQueues(queue_settings(aws_server))
        with pytest.raises(NotReady):
            await queues.queue(QueueName.READ).send(message())
        with pytest.raises(NotReady):
            await take(queues.queue(QueueName.READ))
        await queues.close()
