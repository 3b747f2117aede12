"""Alerts of the bulk road fire when their reasons are brought about: real roles over a real database and real queues.

One registry for all of them, as a process with several roles has it, and one Prometheus that scrapes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from async_worker.dead_letters import DeadLetters
from async_worker.intake.role import Intake
from async_worker.sweeper import Sweeper
from async_worker.tenants import TenantPolicies
from async_worker.webhooks.role import WebhookSender
from local_stack.aws import AwsServer
from ocr_core.adapters.job_store import SqlJobStore, upgrade
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.jobs import Lease, NewDocument, NewJob, new_job_id
from ocr_core.contracts.queues import OutgoingMessage, QueueName
from ocr_core.service import Readiness
from ocr_core.settings import AccessSettings, BulkSettings, WebhookSettings
from ocr_core.telemetry import Metrics
from tests.support.aws import make_server
from tests.support.bulk_api import ApiHouse, open_api_house
from tests.support.bulk_roles import QUICK, Answer, Receiver, Rooms, at_work, bulk_rooms
from tests.support.documents import png
from tests.support.job_stores import SetClock, claim, new_job, send
from tests.support.prometheus import PATIENCE_S, Prometheus, ServedMetrics
from tests.support.stage_house import TENANT, stage_house
from tests.support.waiting import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of tests

pytestmark = pytest.mark.timeout(180)


async def fires(prometheus: Prometheus, alert: str, cause: Callable[[], Awaitable[object]]) -> None:
    """Bring the cause about on this loop until the rule fires."""
    async with asyncio.timeout(PATIENCE_S):
        while alert not in await asyncio.to_thread(prometheus.firing):
            await cause()
            await asyncio.sleep(0.1)


async def nothing() -> None:
    """Only time is to pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Roles with their registry under Prometheus' eyes."""

    rooms: Rooms
    clock: SetClock
    prometheus: Prometheus


@pytest.fixture
async def watched(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[Watched]:
    clock = SetClock()
    async with bulk_rooms(aws_server, tmp_path, clock=clock) as rooms:
        with (
            ServedMetrics(rooms.metrics) as target,
            Prometheus(folder=tmp_path, targets={"bulk-dispatcher": target}) as prometheus,
        ):
            yield Watched(rooms=rooms, clock=clock, prometheus=prometheus)


async def test_work_that_nobody_takes_up_grows_old(watched: Watched) -> None:
    rooms = watched.rooms
    sweeper = Sweeper(store=rooms.store, blocking=rooms.blocking, lease_s=QUICK.lease_s, metrics=rooms.metrics)
    rooms.store.create_job(new_job())
    await sweeper.measure()
    watched.prometheus.wait_seen()
    assert watched.prometheus.firing() == set()
    watched.clock.move(700)
    await sweeper.measure()
    await fires(watched.prometheus, "YomitoriWorkIsOld", nothing)


async def test_workers_that_die_over_documents_show_first_as_such_and_then_as_dead_letters(watched: Watched) -> None:
    rooms = watched.rooms
    sweeper = Sweeper(store=rooms.store, blocking=rooms.blocking, lease_s=QUICK.lease_s, metrics=rooms.metrics)
    dead_letters = DeadLetters(store=rooms.store, queues=rooms.queues, blocking=rooms.blocking, metrics=rooms.metrics)
    await sweeper.step()
    watched.prometheus.wait_seen()

    async def die() -> None:
        """Three workers at once, with a document each."""
        rooms.store.create_job(new_job(3))
        for _ in range(QUICK.max_attempts):
            for message in send(rooms.store):
                claim(rooms.store, message)
            watched.clock.move(QUICK.lease_s + 1)
            await sweeper.step()
        await dead_letters.step()

    await fires(watched.prometheus, "YomitoriWorkersDie", die)
    await fires(watched.prometheus, "YomitoriDeadLetters", die)


async def test_what_is_no_message_of_ours_is_strange(watched: Watched) -> None:
    rooms = watched.rooms
    intake = Intake(
        store=rooms.store,
        queues=rooms.queues,
        objects=rooms.objects,
        policies=TenantPolicies(house=HouseTenant(name=TENANT)),
        blocking=rooms.blocking,
        settings=BulkSettings(poll_wait_s=0),
        metrics=rooms.metrics,
    )
    watched.prometheus.wait_seen()
    queue = rooms.queues.queue(QueueName.INTAKE)
    async with at_work(intake):
        await fires(
            watched.prometheus,
            "YomitoriStrangeMessages",
            lambda: queue.send(OutgoingMessage(body="no document", group_id="producer")),
        )


async def test_a_receiver_that_wants_no_more_is_given_up(watched: Watched) -> None:
    rooms = watched.rooms
    sender = WebhookSender(
        store=rooms.store,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=WebhookSettings(allow_private=True),
        policies=TenantPolicies(house=HouseTenant(name=TENANT, webhook_secret=SECRET)),
        metrics=rooms.metrics,
    )
    watched.prometheus.wait_seen()
    with Receiver(Answer(status=410)) as receiver:
        document = NewDocument(source="s3://inbox/a.pdf")
        rooms.store.create_job(NewJob(id=new_job_id(), tenant=TENANT, documents=(document,), webhook_url=receiver.url))
        (message,) = send(rooms.store)
        lease = claim(rooms.store, message)
        assert isinstance(lease, Lease)
        assert rooms.store.fail_document(lease.token, code="unreadable_document", detail="broken")
        async with at_work(sender):
            await fires(watched.prometheus, "YomitoriWebhooksGivenUp", nothing)


async def test_documents_that_cannot_be_read_fail_and_faults_of_ours_are_told_apart(
    aws_server: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage_house(aws_server, tmp_path) as house:
        with (
            ServedMetrics(house.metrics) as target,
            Prometheus(folder=tmp_path, targets={"bulk-read": target}) as prometheus,
        ):
            prometheus.wait_seen()
            async with house.working(house.reader()):
                await fires(prometheus, "YomitoriDocumentsFail", lambda: house.submit(b"no document", b"none either"))
            assert "YomitoriWorkerFaults" not in prometheus.firing()
            finish_read, left = house.store.finish_read, iter(range(6))

            def finish(token: str, *, reading_key: str, page_count: int) -> bool:
                if next(left, None) is not None:
                    raise RuntimeError("a fault of ours")
                return finish_read(token, reading_key=reading_key, page_count=page_count)

            monkeypatch.setattr(house.store, "finish_read", finish)
            await house.submit(*(png(f"document {number}") for number in range(4)))
            async with house.working(house.reader()):
                await fires(prometheus, "YomitoriWorkerFaults", nothing)


# --- The API


@pytest.fixture
def api_house(tmp_path: Path, aws_server: AwsServer) -> Iterator[ApiHouse]:
    url = f"sqlite:///{tmp_path / 'jobs.sqlite3'}"
    upgrade(url)
    with SqlJobStore(url, rules=QUICK) as store, open_api_house(store, aws_server) as house:
        yield house


def test_who_tries_keys_is_told_of_and_an_api_without_a_dispatcher_too(api_house: ApiHouse, tmp_path: Path) -> None:
    api = api_house.serve(access=AccessSettings(keys=True, metrics_open=True))
    target = api.url.removeprefix("http://")
    with (
        Prometheus(folder=tmp_path, targets={"bulk-api": target}) as prometheus,
        httpx.Client(base_url=api.url, trust_env=False) as stranger,
    ):
        prometheus.wait_seen()

        def guess() -> None:
            for number in range(5):
                answer = stranger.get("/v1/jobs/x", headers={"Authorization": f"Bearer yk_{number}"})
                assert answer.status_code == httpx.codes.UNAUTHORIZED

        prometheus.wait_fires("YomitoriKeysGuessed", guess)
        prometheus.wait_fires("YomitoriNoDispatcher")


async def test_a_dependency_that_has_gone_is_told_by_its_name(tmp_path: Path) -> None:
    metrics = Metrics()
    (tmp_path / "aws").mkdir()
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "rooms").mkdir()
    with make_server(tmp_path / "aws") as server:
        async with bulk_rooms(server, tmp_path / "rooms") as rooms:
            readiness = Readiness({"object store": rooms.objects.ensure_bucket})
            readiness.report_to(metrics)
            with (
                ServedMetrics(metrics) as target,
                Prometheus(folder=tmp_path / "prometheus", targets={"bulk-read": target}) as prometheus,
            ):
                await readiness.check()
                wait_until(lambda: bool(prometheus.query("ocr_dependency_up == 1")), "a scrape")
                assert prometheus.firing() == set()
                server.stop()

                async def ask() -> None:
                    with pytest.raises(Exception, match="object store"):
                        await readiness.check()

                await fires(prometheus, "YomitoriDependencyDown", ask)
                (found,) = prometheus.query('ALERTS{alertname="YomitoriDependencyDown", alertstate="firing"}')
                assert found["metric"]["dependency"] == "object store"
