"""The intake over a real bucket, a real queue and a real database: one job a document, whatever is repeated."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from async_worker.intake import Intake
from async_worker.object_keys import by_source_key
from async_worker.tenants import TenantPolicies
from local_stack.aws import AwsServer, notify_queue
from ocr_core.adapters.aws_clients import s3_client
from ocr_core.adapters.job_store import SqlJobStore
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.areas import OWN_AREAS
from ocr_core.contracts.job_store import Dispatch
from ocr_core.contracts.jobs import Job
from ocr_core.contracts.queues import Delivery, OutgoingMessage, QueueName
from ocr_core.settings import BulkSettings
from ocr_core.telemetry import Metrics
from tests.support.aws import storage_settings
from tests.support.bulk_roles import Rooms, at_work, bulk_rooms, leased, until

TENANT = "door"


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path) as opened:
        yield opened


def intake(
    rooms: Rooms,
    *,
    allow: tuple[str, ...] = ("inbox",),
    metrics: Metrics | None = None,
    store: SqlJobStore | None = None,
) -> Intake:
    return Intake(
        store=store or rooms.store,
        queues=rooms.queues,
        objects=rooms.objects,
        policies=TenantPolicies(house=HouseTenant(name=TENANT, source_prefixes=allow)),
        blocking=rooms.blocking,
        settings=BulkSettings().model_copy(update={"intake_tenant": TENANT, "poll_wait_s": 1}),
        metrics=metrics or rooms.metrics,
    )


def outcomes(rooms: Rooms) -> dict[str, float]:
    samples = [sample for family in rooms.metrics.registry.collect() for sample in family.samples]
    return {
        sample.labels["outcome"]: sample.value
        for sample in samples
        if sample.name == "ocr_bulk_intake_messages_total" and sample.value
    }


async def send(rooms: Rooms, body: object, *, times: int = 1) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    for _ in range(times):
        await rooms.queues.queue(QueueName.INTAKE).send(OutgoingMessage(body=text, group_id="producer"))


async def handled(rooms: Rooms, count: int) -> None:
    await until(lambda: sum(outcomes(rooms).values()) >= count, f"{count} messages handled")


async def dead(rooms: Rooms) -> tuple[Delivery, ...]:
    letters = rooms.queues.dead_letters(QueueName.INTAKE)
    return await letters.receive(max_messages=10, wait_s=0, visibility_timeout_s=60)


def waiting(store: SqlJobStore) -> tuple[Dispatch, ...]:
    return store.dispatchable(window=100, limit=100).dispatches


def job_of(rooms: Rooms, dispatch: Dispatch) -> Job:
    return rooms.store.get_job(dispatch.message.tenant, leased(rooms.store, dispatch.message).job_id)


def event(bucket: str, key: str, **marks: str) -> dict[str, Any]:
    written = {"bucket": {"name": bucket}, "object": {"key": key, **marks}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": written}]}


async def test_a_producers_message_becomes_a_job_of_the_queues_tenant(rooms: Rooms) -> None:
    async with at_work(intake(rooms)):
        await send(rooms, {"schema_version": 1, "source": "s3://inbox/a.pdf", "reference": "r1", "tenant": "other"})
        await handled(rooms, 1)
    (dispatch,) = waiting(rooms.store)
    job = job_of(rooms, dispatch)
    assert job.tenant == TENANT
    assert job.counts.total == 1
    assert job.webhook_url == rooms.objects.uri(by_source_key(TENANT, "inbox", "a.pdf"))
    assert (await rooms.queues.queue(QueueName.INTAKE).depth()).visible == 0


async def test_a_message_that_comes_again_makes_no_second_job(rooms: Rooms) -> None:
    await send(rooms, {"schema_version": 1, "source": "s3://inbox/a.pdf"})
    queue = rooms.queues.queue(QueueName.INTAKE)
    (delivery,) = await queue.receive(max_messages=1, wait_s=5, visibility_timeout_s=60)
    role = intake(rooms)
    for _ in range(3):  # as if each delete had been lost
        await role._take(delivery)
    assert outcomes(rooms) == {"taken": 1.0, "nothing_new": 2.0}
    assert len(waiting(rooms.store)) == 1


async def test_an_event_that_is_told_several_times_makes_one_job(rooms: Rooms) -> None:
    async with at_work(intake(rooms)):
        await send(rooms, event("inbox", "a.pdf", eTag="e", sequencer="1"), times=4)
        await send(rooms, event("inbox", "a.pdf", eTag="e", sequencer="2"))
        await handled(rooms, 5)
    assert len(waiting(rooms.store)) == 2


async def test_two_intakes_share_the_queue(rooms: Rooms) -> None:
    other = intake(rooms, metrics=Metrics())
    for number in range(20):
        await send(rooms, event("inbox", f"{number}.pdf", sequencer="1"), times=2)
    async with at_work(intake(rooms)), at_work(other):
        await until(lambda: len(waiting(rooms.store)) == 20, "all jobs")
        await until(lambda: _is_empty(rooms), "all deletes")
    assert len(waiting(rooms.store)) == 20


async def _is_empty(rooms: Rooms) -> bool:
    depth = await rooms.queues.queue(QueueName.INTAKE).depth()
    return depth.visible + depth.in_flight == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not json", "invalid_request"),
        ({"schema_version": 9, "source": "s3://inbox/a.pdf"}, "invalid_request"),
        ({"schema_version": 1, "source": "s3://secret/a.pdf"}, "forbidden"),
        ({"schema_version": 1, "source": "s3://inbox/../a.pdf"}, "invalid_request"),
        (event("secret", "a.pdf"), "forbidden"),
    ],
)
async def test_what_may_not_be_read_is_a_dead_letter_with_its_reason(rooms: Rooms, body: object, reason: str) -> None:
    async with at_work(intake(rooms)):
        await send(rooms, body)
        await handled(rooms, 1)
        await until(lambda: _is_empty(rooms), "the delete")
    (letter,) = await dead(rooms)
    assert letter.reason is not None
    assert letter.reason.startswith(reason)
    assert letter.untrusted_body == (body if isinstance(body, str) else json.dumps(body))
    assert waiting(rooms.store) == ()


async def test_the_readable_part_of_a_notification_is_read(rooms: Rooms) -> None:
    both = event("inbox", "a.pdf", sequencer="1")
    both["Records"] += event("secret", "b.pdf", sequencer="1")["Records"]
    async with at_work(intake(rooms)):
        await send(rooms, both)
        await handled(rooms, 1)
    assert len(waiting(rooms.store)) == 1
    assert len(await dead(rooms)) == 1


async def test_what_we_write_ourselves_does_not_feed_itself_back(rooms: Rooms) -> None:
    bucket = rooms.object_settings.bucket
    async with at_work(intake(rooms, allow=(bucket,))):
        for key in (*(f"{area}/door/x" for area in OWN_AREAS), "in/folder/"):
            await send(rooms, event(bucket, key))
        await send(rooms, {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket})
        written = len(OWN_AREAS) + 2
        await handled(rooms, written)
        # A producer that names them outright is told.
        await send(rooms, {"schema_version": 1, "source": f"s3://{bucket}/results/door/job/x.json"})
        await send(rooms, {"schema_version": 1, "source": f"s3://{bucket}/uploads/other/up_1"})
        await handled(rooms, written + 2)
    assert outcomes(rooms) == {"nothing_new": written, "refused": 2.0}
    assert waiting(rooms.store) == ()


async def test_a_bucket_feeds_the_queue_by_itself(rooms: Rooms, aws_server: AwsServer) -> None:
    bucket, key = rooms.object_settings.bucket, "in/請求書 1+2.pdf"
    queue_name = f"{rooms.queue_settings.name_prefix}{QueueName.INTAKE.value}"
    notify_queue(aws_server.config, bucket=bucket, prefix="in/", queue_name=queue_name)
    async with at_work(intake(rooms, allow=(f"{bucket}/in",))):
        client = s3_client(storage_settings(aws_server), max_connections=1, read_timeout_s=5, attempts=1)
        client.put_object(Bucket=bucket, Key=key, Body=b"%PDF-")
        client.close()
        await until(lambda: len(waiting(rooms.store)) == 1, "the job")
    (dispatch,) = waiting(rooms.store)
    lease = leased(rooms.store, dispatch.message)
    assert (lease.source, lease.file_name) == (f"s3://{bucket}/{key}", "請求書 1+2.pdf")
    assert lease.reference == lease.source


async def test_a_message_waits_for_a_database_that_is_down(rooms: Rooms, tmp_path: Path) -> None:
    """The message is given back, and taken when the database is there."""
    with SqlJobStore(f"sqlite:///{tmp_path / 'missing' / 'jobs.sqlite3'}") as away:
        role = intake(rooms, store=away, metrics=Metrics())
        await send(rooms, {"schema_version": 1, "source": "s3://inbox/a.pdf"})
        async with at_work(role):
            await until(lambda: _has_been_received(rooms), "the first try")
    async with at_work(intake(rooms)):
        await until(lambda: len(waiting(rooms.store)) == 1, "the job")


async def _has_been_received(rooms: Rooms) -> bool:
    depth = await rooms.queues.queue(QueueName.INTAKE).depth()
    return depth.visible == 0


async def test_an_idle_intake_ends_at_once_and_loses_nothing(rooms: Rooms) -> None:
    async with at_work(intake(rooms, metrics=Metrics())):
        pass
    await send(rooms, {"schema_version": 1, "source": "s3://inbox/a.pdf"})
    async with at_work(intake(rooms)):
        await handled(rooms, 1)
    assert len(waiting(rooms.store)) == 1
