"""The stage workers when something goes wrong: errors, heartbeats, pauses, shutdown, dependencies that are down."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from async_worker.stages.consumer import StageConsumer
from async_worker.stages.faults import GIVE_UP_AFTER, TooManyFaults
from async_worker.stages.work import Closing
from local_stack.aws import AwsServer
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import Priority
from ocr_core.contracts.errors import InternalError, InvalidRequest, NotReady, Overloaded
from ocr_core.contracts.jobs import ClaimRefusal, DocumentStatus, JobStatus, Lease, Stage
from ocr_core.contracts.messages import StageMessage
from ocr_core.contracts.queues import OutgoingMessage, QueueName
from ocr_core.contracts.schema_names import NONE
from tests.support.aws import make_server, object_settings, queue_settings
from tests.support.documents import png
from tests.support.stage_house import FAST, TENANT, DigitModels, StageHouse, stage_house, until

DOCUMENT = png("a document")


@pytest.fixture
def models() -> DigitModels:
    return DigitModels()


@pytest.fixture
async def house(aws_server: AwsServer, tmp_path: Path, models: DigitModels) -> AsyncIterator[StageHouse]:
    async with stage_house(aws_server, tmp_path, models=models) as opened:
        yield opened


async def attempts(house: StageHouse) -> int:
    """Counted of all work that is due."""
    due = await house.blocking.run(house.store.dispatchable, window=1_000, limit=10)
    return sum(dispatch.attempts for dispatch in due.dispatches)


def check_untouched_after_delete(house: StageHouse) -> None:
    """No receipt was used again."""
    deleted: set[str] = set()
    for call in house.calls:
        assert call.receipt == "" or call.receipt not in deleted, call
        if call.name == "delete":
            deleted.add(call.receipt)


async def asked(models: DigitModels) -> None:
    async with asyncio.timeout(20):
        await models.asked.wait()


class TestErrors:
    async def test_what_is_no_message_of_ours_is_set_aside_and_its_neighbours_are_read(self, house: StageHouse) -> None:
        queue = house.queues.queue(QueueName.READ)
        of_the_other_queue = StageMessage(kind=Stage.STRUCTURE, tenant=TENANT, document_id="doc_" + "0" * 32).encode()
        await queue.send_batch(
            [OutgoingMessage(body=body, group_id=TENANT) for body in ("no JSON", "{}", of_the_other_queue)]
        )
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader(), house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE
        dead = house.queues.dead_letters(QueueName.READ)
        reasons = set()
        while deliveries := await dead.receive(max_messages=10, wait_s=1, visibility_timeout_s=60):
            reasons |= {delivery.reason for delivery in deliveries}
        assert len(reasons) == 3
        assert "a message of kind structure does not belong into this queue" in reasons
        assert await house.messages_left(QueueName.READ) == 0

    async def test_an_error_that_may_pass_costs_an_attempt(self, house: StageHouse, models: DigitModels) -> None:
        models.errors = [NotReady("Triton was restarted"), RuntimeError("a fault of ours")]
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader(), house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE
        assert house.count("ocr_bulk_attempts_total", stage="read", outcome="retried") == 2

    @pytest.mark.parametrize(
        ("error", "code", "words"),
        [
            (NotReady("Triton is away"), "not_ready", "Triton is away"),
            (RuntimeError("the text of a document"), "internal_error", "its log lines carry the id doc_"),
        ],
    )
    async def test_the_last_attempt_fails_with_the_error_itself(
        self, house: StageHouse, models: DigitModels, error: Exception, code: str, words: str
    ) -> None:
        models.errors = [error] * FAST.max_attempts
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader()):
            (row,) = await house.ended(job)
        assert (row.status, row.error_code) == (DocumentStatus.FAILED, code)
        assert words in (row.error_detail or "")
        assert "text of a document" not in (row.error_detail or "")
        assert models.detections == FAST.max_attempts
        assert await house.blocking.run(house.store.due_dead_letters, limit=10) == ()

    async def test_models_that_are_full_cost_an_attempt(self, house: StageHouse, models: DigitModels) -> None:
        models.errors = [Overloaded("Triton's queue is full")] * FAST.max_attempts
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader()):
            (row,) = await house.ended(job)
        assert (row.status, row.error_code) == (DocumentStatus.FAILED, "overloaded")
        assert models.detections == FAST.max_attempts

    async def test_a_house_that_is_full_before_the_work_costs_no_attempt(
        self, house: StageHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refusals = iter(range(2 * FAST.max_attempts))
        open_document = house.opener.open

        def open_or_refuse(*arguments: Any, **options: Any) -> Any:
            if next(refusals, None) is not None:
                raise Overloaded("too many documents are being opened")
            return open_document(*arguments, **options)

        monkeypatch.setattr(house.opener, "open", open_or_refuse)
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader(), house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE
        assert house.count("ocr_bulk_attempts_total", stage="read", outcome="retried") == 2 * FAST.max_attempts

    async def test_objects_of_a_refused_attempt_are_deleted(self, house: StageHouse, models: DigitModels) -> None:
        models.free.clear()
        job = await house.submit(DOCUMENT)
        # No heartbeat finds out before the work has ended.
        async with house.working(house.reader(lease_s=60)):
            await asked(models)
            await house.blocking.run(house.store.cancel, job.tenant, job.id)
            models.free.set()

            async def is_lost() -> bool:
                return house.count("ocr_bulk_leases_lost_total", stage="read") == 1

            await until(is_lost, "the refusal")
        assert await house.keys("readings/") == []


class TestFaultsOfOurs:
    """Around the work: what closes it raises something that nobody thought of."""

    @staticmethod
    def break_closing(house: StageHouse, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
        left = iter(range(times))
        finish_read = house.store.finish_read

        def finish(token: str, *, reading_key: str, page_count: int) -> bool:
            if next(left, None) is not None:
                raise RuntimeError("a fault of ours")
            return finish_read(token, reading_key=reading_key, page_count=page_count)

        monkeypatch.setattr(house.store, "finish_read", finish)

    async def test_they_cost_no_document_its_attempts_and_slow_the_worker_down(
        self, house: StageHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Counted, four documents would have failed after so many.
        faults = 4 * FAST.max_attempts + 2
        self.break_closing(house, monkeypatch, times=faults)
        job = await house.submit(*(png(f"document {number}") for number in range(4)))
        async with house.working(house.reader(), house.structurer()):
            rows = await house.ended(job)
        assert {row.status for row in rows} == {DocumentStatus.DONE}
        assert house.count("ocr_bulk_faults_total", role="read") == faults
        told = [record for record in caplog.records if getattr(record, "action", "") == "bulk.fault"]
        assert [record.in_a_row for record in told] == [1, 2, 4, 8]  # type: ignore[attr-defined]
        assert 1 in {call.max_messages for call in house.calls}
        assert await house.messages_left(QueueName.READ) == 0

    async def test_one_document_alone_is_to_blame_itself_and_fails_with_a_cause(
        self, house: StageHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.break_closing(house, monkeypatch, times=FAST.max_attempts)
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader()):
            (row,) = await house.ended(job)
        assert (row.status, row.error_code) == (DocumentStatus.FAILED, "internal_error")
        assert "its log lines carry the id doc_" in (row.error_detail or "")

    async def test_a_claim_that_raises_gives_the_message_back_with_a_delay(
        self, house: StageHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        faults = iter(range(2))
        claim = house.store.claim

        def claim_or_raise(message: StageMessage) -> Lease | ClaimRefusal:
            if next(faults, None) is not None:
                raise RuntimeError("a fault of ours")
            return claim(message)

        monkeypatch.setattr(house.store, "claim", claim_or_raise)
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader(), house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE
        assert [call.seconds for call in house.calls if call.name == "release"] == [1, 1]

    async def test_nothing_but_faults_ends_the_process(
        self, house: StageHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.break_closing(house, monkeypatch, times=1_000)
        await house.submit(*(png(f"document {number}") for number in range(4)))
        reading = asyncio.create_task(house.reader().run(asyncio.Event()))
        async with house.working():
            async with asyncio.timeout(60):
                with pytest.raises(TooManyFaults, match="faults in a row"):
                    await reading
        assert house.count("ocr_bulk_faults_total", role="read") >= GIVE_UP_AFTER
        assert house.count("ocr_bulk_in_hand", role="read") == 0


class OneByOne:
    """``StageWork`` that never ends well: it fails once, and is held up otherwise."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Lease, Deadline]] = []
        self.free = asyncio.Event()

    async def work(self, lease: Lease, deadline: Deadline) -> Closing:
        """See ``StageWork``."""
        self.attempts.append((lease, deadline))
        if len(self.attempts) == 1:
            raise InternalError("once")
        await self.free.wait()
        raise InvalidRequest("that is all")


class TestAlone:
    async def test_nothing_is_taken_while_an_attempt_is_alone(self, house: StageHouse, models: DigitModels) -> None:
        models.errors = [RuntimeError("it may have killed its worker")]
        job = await house.submit(DOCUMENT)
        models.free.clear()
        async with house.working(house.reader(places=3, poll_wait_s=0)):

            async def is_alone() -> bool:
                return models.detections == 2

            await until(is_alone, "the second attempt")
            others = await house.submit(*(png(f"healthy {number}") for number in range(3)))
            # A receive that was under way may bring something, which then waits, and is given back for long.
            await asyncio.sleep(3 * FAST.heartbeat_s)
            asks = [call for call in house.calls if call.name == "ask"]
            await asyncio.sleep(2 * FAST.heartbeat_s)
            assert [call for call in house.calls if call.name == "ask"] == asks
            assert {call.seconds for call in house.calls if call.name == "release"} <= {FAST.lease_s}
            models.free.set()
            async with house.working(house.structurer()):
                rows = [*await house.ended(job), *await house.ended(others)]
        assert {row.status for row in rows} == {DocumentStatus.DONE}

    async def test_the_deadline_begins_after_the_wait_to_be_alone(self, house: StageHouse) -> None:
        work = OneByOne()
        await house.submit(DOCUMENT)
        reader = house.reader(work=work, stage_timeout_s=1_000.0, retry_first_s=1.0, retry_max_s=1.0)
        async with house.working(reader):

            async def failed_once() -> bool:
                return len(work.attempts) == 1

            await until(failed_once, "the first failure")
            await house.submit(png("in its way"))

            async def other_works() -> bool:
                return len(work.attempts) == 2

            await until(other_works, "the other's work")

            async def waits_to_be_alone() -> bool:
                return house.count("ocr_bulk_in_hand", role="read") == 2

            await until(waits_to_be_alone, "the second attempt's claim")
            await asyncio.sleep(0.3)
            released_s = time.monotonic()
            work.free.set()

            async def worked_alone() -> bool:
                return len(work.attempts) == 3

            await until(worked_alone, "the second attempt")
        lease, deadline = work.attempts[2]
        assert lease.attempts == 2
        assert deadline.at_s >= released_s + 1_000.0


class TestHeartbeat:
    async def test_a_document_of_three_visibility_timeouts_runs_once(
        self, house: StageHouse, models: DigitModels
    ) -> None:
        # Twice the usual: on a busy machine too no beat is so late that the message shows again.
        lease_s = 2 * FAST.lease_s
        models.free.clear()
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader(lease_s=lease_s), house.reader(lease_s=lease_s), house.structurer()):
            await asked(models)
            await asyncio.sleep(3 * lease_s)
            models.free.set()
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE
        assert models.detections == 1
        assert house.count("ocr_bulk_leases_lost_total", stage="read") == 0
        # Lease and message beat apart: without the message's beat, the other reader is refused the lease.
        assert house.count("ocr_bulk_claims_refused_total", reason="leased") == 0
        check_untouched_after_delete(house)
        assert len([call for call in house.calls if call.name == "receive"]) == 2, "one a stage"
        beats = [call for call in house.calls if call.name == "extend"]
        assert {call.seconds for call in beats} == {lease_s}

    async def test_a_beat_that_raises_is_not_the_last(
        self, house: StageHouse, models: DigitModels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        faults = iter(range(1))
        extend_lease = house.store.extend_lease

        def extend(token: str) -> bool:
            if next(faults, None) is not None:
                raise RuntimeError("a fault of ours")
            return extend_lease(token)

        monkeypatch.setattr(house.store, "extend_lease", extend)
        models.free.clear()
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader(), house.structurer()):
            await asked(models)
            await asyncio.sleep(2 * FAST.lease_s)
            models.free.set()
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE
        assert (models.detections, house.count("ocr_bulk_leases_lost_total", stage="read")) == (1, 0)
        assert house.count("ocr_bulk_heartbeats_missed_total", what="extend_lease") == 1

    async def test_a_cancelled_jobs_work_ends_by_the_next_beat(self, house: StageHouse, models: DigitModels) -> None:
        models.free.clear()
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader()):
            await asked(models)
            await house.blocking.run(house.store.cancel, job.tenant, job.id)

            async def has_let_go() -> bool:
                return house.count("ocr_bulk_in_hand", role="read") == 0

            await until(has_let_go, "the end of the work")

            async def is_empty() -> bool:
                return await house.messages_left(QueueName.READ) == 0

            await until(is_empty, "the deletion of the message")
        assert (await house.job(job)).status is JobStatus.CANCELLED
        assert house.count("ocr_bulk_attempts_total", stage="read", outcome="lost") == 1

    async def test_messages_that_wait_for_a_place_are_kept_and_then_offered_to_others(
        self, house: StageHouse, models: DigitModels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("async_worker.stages.consumer.AHEAD_S", 1_000.0)  # any pace is quick enough
        reader, other = house.reader(places=1), house.reader(places=1)
        job = await house.submit(*(png(f"quick {number}") for number in range(3)))
        async with house.working(reader, house.structurer()):
            await house.ended(job)  # so that it takes messages ahead
        models.free.clear()
        models.asked.clear()
        slow = await house.submit(*(png(f"slow {number}") for number in range(3)))
        while await house.send_due():
            pass
        async with house.working(reader):

            async def holds_more_than_it_works_on() -> bool:
                return house.count("ocr_bulk_in_hand", role="read") > 1

            await until(holds_more_than_it_works_on, "messages taken ahead")

            async def one_was_offered() -> bool:
                return any(call.name == "release" for call in house.calls)

            await until(one_was_offered, "the end of a message's wait")
            (offered, *_) = (call.receipt for call in house.calls if call.name == "release")
            kept = [call.name for call in house.calls if call.receipt == offered]
            assert kept == ["receive", "extend", "release"]
            before = models.detections
            async with house.working(other):

                async def both_work() -> bool:
                    return models.detections > before

                await until(both_work, "the other's turn")
                models.free.set()
                async with house.working(house.structurer()):
                    rows = await house.ended(slow)
        assert {row.status for row in rows} == {DocumentStatus.DONE}
        check_untouched_after_delete(house)


class StandingModels(DigitModels):
    """Stops the whole event loop in the middle of a document, as SIGSTOP does with a process."""

    def __init__(self) -> None:
        super().__init__()
        self.stands = threading.Event()
        self.goes_on = threading.Event()

    async def detect(self, image: NDArray[np.uint8], *, priority: Priority, deadline: Deadline) -> NDArray[np.uint8]:
        self.stands.set()
        assert self.goes_on.wait(60)
        return await super().detect(image, priority=priority, deadline=deadline)


async def test_a_worker_that_stood_still_is_replaced_and_its_late_result_refused(
    aws_server: AwsServer, tmp_path: Path
) -> None:
    shared = {"queue": queue_settings(aws_server), "objects": object_settings(), "documents": object_settings()}
    standing = StandingModels()
    stop_first = threading.Event()
    counts: dict[str, float] = {}

    async def first_process() -> None:
        async with stage_house(aws_server, tmp_path, models=standing, **shared) as house:  # type: ignore[arg-type]
            async with house.working(house.reader()):
                while not stop_first.is_set():  # noqa: ASYNC110 - it is set on another thread
                    await asyncio.sleep(0.05)
            counts["lost"] = house.count("ocr_bulk_leases_lost_total", stage="read")
            counts["read"] = house.count("ocr_bulk_attempts_total", stage="read", outcome="read")

    async with stage_house(aws_server, tmp_path, **shared) as house:  # type: ignore[arg-type]
        job = await house.submit(DOCUMENT, schema=NONE)
        first = threading.Thread(target=lambda: asyncio.run(first_process()))
        first.start()
        try:
            await asyncio.to_thread(standing.stands.wait, 30)
            async with house.working(house.reader(), house.structurer()):
                (row,) = await house.ended(job)
                written = await house.keys("results/")
                standing.goes_on.set()
                await asyncio.sleep(1.0)  # in which the one that stood would do harm, if it did any
        finally:
            standing.goes_on.set()
            stop_first.set()
            await asyncio.to_thread(first.join)
        assert row.status is DocumentStatus.DONE
        assert counts == {"lost": 1, "read": 0}
        assert (await house.ended(job)) == [row]
        assert await house.keys("results/") == written
        assert await house.keys("readings/") == []
        assert house.count("ocr_bulk_attempts_total", stage="read", outcome="read") == 1


class TestShutdown:
    async def test_work_that_ends_in_time_is_finished(self, house: StageHouse, models: DigitModels) -> None:
        models.free.clear()
        job = await house.submit(DOCUMENT)
        async with house.working(house.reader()) as stop:
            await asked(models)
            stop.set()
            await asyncio.sleep(0.1)
            models.free.set()
        assert house.count("ocr_bulk_attempts_total", stage="read", outcome="read") == 1
        async with house.working(house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE

    async def test_work_that_does_not_is_given_back_and_starts_elsewhere(
        self, house: StageHouse, models: DigitModels
    ) -> None:
        held = DigitModels()
        held.free.clear()
        job = await house.submit(DOCUMENT)
        ending = house.reader(models=held, lease_s=60, shutdown_grace_s=0.2)
        async with house.working(ending):
            await asked(held)
        assert held.detections == 1
        # Neither a sweep nor the dispatcher is needed: the message itself is there again.
        stop = asyncio.Event()
        taking_over = asyncio.create_task(house.reader().run(stop))
        await asked(models)
        stop.set()
        await taking_over
        async with house.working(house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE

    async def test_giving_back_costs_no_attempt(self, house: StageHouse) -> None:
        job = await house.submit(DOCUMENT)
        for _ in range(FAST.max_attempts + 1):
            held = DigitModels()
            held.free.clear()
            async with house.working(house.reader(models=held, shutdown_grace_s=0.2)):
                await asked(held)
        assert await attempts(house) == 0
        async with house.working(house.reader(), house.structurer()):
            (row,) = await house.ended(job)
        assert row.status is DocumentStatus.DONE

    async def test_a_claim_under_way_is_given_back_when_it_comes(
        self, house: StageHouse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, goes_on = threading.Event(), threading.Event()
        claim = house.store.claim

        def slow_claim(message: StageMessage) -> Lease | ClaimRefusal:
            begun.set()
            assert goes_on.wait(60)
            return claim(message)

        monkeypatch.setattr(house.store, "claim", slow_claim)
        await house.submit(DOCUMENT)
        stop = asyncio.Event()
        await house.send_due()
        ending = asyncio.create_task(house.reader(lease_s=60, shutdown_grace_s=0.2).run(stop))
        await asyncio.to_thread(begun.wait, 20)
        stop.set()
        await asyncio.sleep(0.5)  # past the grace, when what is under way has been cancelled
        goes_on.set()
        await ending
        due = await house.blocking.run(house.store.dispatchable, window=10, limit=10)
        assert [dispatch.attempts for dispatch in due.dispatches] == [0]

    async def test_a_worker_with_nothing_to_do_ends_at_once(self, house: StageHouse) -> None:
        stop = asyncio.Event()
        idle: StageConsumer = house.reader(poll_wait_s=5)
        running = asyncio.create_task(idle.run(stop))
        await asyncio.sleep(0.3)
        stop.set()
        async with asyncio.timeout(10):
            await running


async def test_object_storage_that_is_down_costs_no_attempt_and_nothing_new_is_taken(
    aws_server: AwsServer, tmp_path: Path, models: DigitModels
) -> None:
    with make_server(tmp_path / "aws") as storage:
        async with stage_house(aws_server, tmp_path, models=models, object_server=storage) as house:
            sources = [await house.put(name, png(name)) for name in ("one", "two", "three")]
            async with house.working(house.reader(places=1), house.structurer()):
                await house.ended(await house.submit_sources(sources[0]))  # so that the store is trusted
                storage.kill()
                job = await house.submit_sources(*sources[1:])

                async def was_given_back() -> bool:
                    return house.count("ocr_bulk_attempts_total", stage="read", outcome="retried") == 1

                await until(was_given_back, "the attempt that met it")
                assert await attempts(house) == 0
                before = house.count("ocr_bulk_attempts_total", stage="read", outcome="retried")
                await asyncio.sleep(1.0)
                assert house.count("ocr_bulk_attempts_total", stage="read", outcome="retried") == before
                storage.start()
                storage.wait_ready()
                rows = await house.ended(job)
        assert [row.status for row in rows] == [DocumentStatus.DONE] * 2


async def test_a_queue_server_that_dies_delays_and_loses_nothing(tmp_path: Path, models: DigitModels) -> None:
    with make_server(tmp_path / "aws") as server:
        async with stage_house(server, tmp_path, models=models) as house:
            models.free.clear()
            job = await house.submit(DOCUMENT)
            async with house.working(house.reader(), house.structurer()):
                await asked(models)
                server.kill()
                models.free.set()

                async def is_missed() -> bool:
                    return house.count("ocr_bulk_receive_errors_total", role="structure") > 0

                await until(is_missed, "a receive that fails")
                server.start()
                server.wait_ready()
                (row,) = await house.ended(job)
            assert row.status is DocumentStatus.DONE
            assert models.detections == 1, "what was read is stored as soon as the store answers"
