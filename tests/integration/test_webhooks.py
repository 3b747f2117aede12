"""Guarantee 12: a receiver that is down, slow, redirecting or inside the network neither blocks nor leaks.

Real database, real receivers on loopback; names that lead elsewhere come from a resolver of the test's own.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from async_worker.tenants import TenantPolicies
from async_worker.webhooks import Resolver, WebhookSender, role
from async_worker.webhooks.filing import Filing
from local_stack.aws import AwsServer
from ocr_core.contracts.access import HouseTenant
from ocr_core.contracts.jobs import Job, NewDocument, NewJob, Stage, new_job_id
from ocr_core.contracts.webhooks import DeliveryStatus, WebhookDelivery
from ocr_core.settings import WebhookSettings
from ocr_core.telemetry import Metrics
from tests.support.aws import free_port
from tests.support.bulk_roles import Answer, Receiver, Rooms, at_work, bulk_rooms, leased, until
from tests.support.job_stores import send

TENANT = "acme"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the tests' own servers
SETTINGS = WebhookSettings(secret=SecretStr(SECRET), allow_private=True).model_copy(
    update={"timeout_s": 5.0, "max_attempts": 4, "retry_first_s": 0.05, "retry_max_s": 0.2, "max_deliveries": 4}
)


@pytest.fixture
async def rooms(aws_server: AwsServer, tmp_path: Path) -> AsyncIterator[Rooms]:
    async with bulk_rooms(aws_server, tmp_path) as opened:
        yield opened


class Names:
    """A resolver that a test speaks for: one answer a look-up, the last repeats. It counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(f"{host}:{port}")
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def _secret_of(settings: WebhookSettings) -> str | None:
    return None if settings.secret is None else settings.secret.get_secret_value()


def sender(
    rooms: Rooms,
    *,
    resolver: Resolver | None = None,
    tls: ssl.SSLContext | None = None,
    grace_s: float = 10.0,
    **changes: object,
) -> WebhookSender:
    settings = SETTINGS.model_copy(update=changes)
    return WebhookSender(
        store=rooms.store,
        objects=rooms.objects,
        blocking=rooms.blocking,
        settings=settings,
        policies=TenantPolicies(house=HouseTenant(name=TENANT, webhook_secret=_secret_of(settings))),
        metrics=Metrics(),
        shutdown_grace_s=grace_s,
        resolver=resolver,
        tls=tls,
    )


def create(rooms: Rooms, url: str, *, tenant: str = TENANT) -> Job:
    documents = (NewDocument(source="s3://inbox/a.pdf", reference="r"),)
    return rooms.store.create_job(NewJob(id=new_job_id(), tenant=tenant, documents=documents, webhook_url=url)).job


def finish_all(rooms: Rooms, *, result_key: str = "results/none.json") -> None:
    while messages := send(rooms.store):
        for message in messages:
            lease = leased(rooms.store, message)
            if lease.stage is Stage.STRUCTURE:
                assert rooms.store.finish_document(lease.token, result_key=result_key)
            else:
                assert rooms.store.finish_read(lease.token, reading_key="k", page_count=1)


def ended_job(rooms: Rooms, url: str, *, tenant: str = TENANT) -> Job:
    job = create(rooms, url, tenant=tenant)
    finish_all(rooms)
    return job


def shown(rooms: Rooms, job: Job) -> WebhookDelivery:
    (delivery,) = rooms.store.deliveries(job.tenant, job.id)
    return delivery


async def ended(rooms: Rooms, job: Job) -> WebhookDelivery:
    await until(lambda: shown(rooms, job).status is not DeliveryStatus.PENDING, "the delivery's end")
    return shown(rooms, job)


async def test_a_receiver_is_told_and_can_check_who_told_it(rooms: Rooms) -> None:
    with Receiver() as receiver:
        job = ended_job(rooms, f"{receiver.url}?token=1")
        async with at_work(sender(rooms)):
            delivery = await ended(rooms, job)
        (heard,) = receiver.heard
    assert (delivery.status, delivery.attempts, delivery.last_status_code) == (DeliveryStatus.DELIVERED, 1, 204)
    told: dict[str, Any] = Webhook(SECRET).verify(heard.body, dict(heard.headers))
    assert told["type"] == "job.done"
    assert told["data"] == {
        "id": job.id,
        "run": 1,
        "status": "done",
        "documents": {"total": 1, "queued": 0, "done": 1, "failed": 0, "cancelled": 0},
    }
    assert heard.path == "/hook?token=1"
    assert heard.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert heard.headers["webhook-id"] == delivery.id
    assert heard.headers["content-type"] == "application/json"


async def test_every_attempt_carries_the_same_id_and_body(rooms: Rooms) -> None:
    with Receiver(Answer(status=500), Answer(status=429, headers={"Retry-After": "0"}), Answer()) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms)):
            delivery = await ended(rooms, job)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 3)
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    assert len({heard.body for heard in receiver.heard}) == 1
    for heard in receiver.heard:
        Webhook(SECRET).verify(heard.body, dict(heard.headers))


async def test_failures_are_visible_while_it_is_tried_again(rooms: Rooms) -> None:
    with Receiver(Answer(status=503, body=b"secret words")) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms, retry_first_s=600.0, retry_max_s=600.0)):
            await until(lambda: shown(rooms, job).last_error is not None, "the first failure")
        delivery = shown(rooms, job)
    assert delivery.status is DeliveryStatus.PENDING
    assert delivery.next_at is not None
    assert (delivery.last_status_code, delivery.last_error) == (503, "the receiver answered 503")


async def test_a_receiver_that_never_takes_it_is_given_up(rooms: Rooms) -> None:
    with Receiver(Answer(status=500)) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms)):
            delivery = await ended(rooms, job)
    assert (delivery.status, delivery.attempts, delivery.next_at) == (DeliveryStatus.FAILED, 4, None)
    assert len(receiver.heard) == 4


async def test_a_receiver_that_is_gone_is_given_up_at_once(rooms: Rooms) -> None:
    with Receiver(Answer(status=410)) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms)):
            delivery = await ended(rooms, job)
    assert (delivery.status, delivery.attempts, delivery.last_status_code) == (DeliveryStatus.FAILED, 1, 410)


async def test_a_receiver_that_is_down_is_tried_again_until_it_is_up(rooms: Rooms) -> None:
    port = free_port()
    job = ended_job(rooms, f"http://127.0.0.1:{port}/hook")
    async with at_work(sender(rooms, max_attempts=100)):
        await until(lambda: shown(rooms, job).last_error == "no connection", "the first failure")
        receiver = Receiver(port=port)
        with receiver:
            delivery = await ended(rooms, job)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert len(receiver.heard) == 1


async def test_redirects_are_not_followed(rooms: Rooms) -> None:
    with Receiver() as inside, Receiver(Answer(status=307, headers={"Location": inside.url})) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms, max_attempts=1)):
            delivery = await ended(rooms, job)
    assert delivery.last_error == "the receiver answered 307; redirects are not followed"
    assert len(receiver.heard) == 1
    assert inside.heard == []


async def test_a_slow_receiver_does_not_hold_up_the_others(rooms: Rooms) -> None:
    release = threading.Event()
    with Receiver(Answer(after=release)) as slow, Receiver() as quick:
        waiting = [ended_job(rooms, slow.url) for _ in range(12)]
        job = ended_job(rooms, quick.url)
        async with at_work(sender(rooms, timeout_s=60.0)):
            assert (await ended(rooms, job)).status is DeliveryStatus.DELIVERED
            assert all(shown(rooms, each).status is DeliveryStatus.PENDING for each in waiting)
            assert len(slow.heard) < SETTINGS.max_deliveries
            release.set()
            for each in waiting:
                assert (await ended(rooms, each)).attempts == 1


async def test_a_tenant_with_many_slow_receivers_leaves_places_to_others(rooms: Rooms) -> None:
    release = threading.Event()
    with Receiver(Answer(after=release)) as slow, Receiver() as quick:
        for number in range(8):
            ended_job(rooms, f"http://hook{number}.example:{slow.port}/hook", tenant="loud")
        job = ended_job(rooms, f"http://hooks.example:{quick.port}/hook", tenant="quiet")
        async with at_work(sender(rooms, timeout_s=60.0, resolver=Names(["127.0.0.1"]))):
            assert (await ended(rooms, job)).status is DeliveryStatus.DELIVERED
            release.set()


async def test_a_receiver_that_does_not_answer_in_time_is_tried_again(rooms: Rooms) -> None:
    never = threading.Event()
    with Receiver(Answer(after=never), Answer()) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms, timeout_s=0.3, retry_first_s=600.0, retry_max_s=600.0)):
            await until(lambda: shown(rooms, job).last_error is not None, "the first failure")
        assert shown(rooms, job).last_error == "no answer within 0.3 s"


async def test_an_endless_answer_is_not_read_to_its_end(rooms: Rooms) -> None:
    with Receiver(Answer(status=200, body=b"x" * 50_000_000)) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms)):
            delivery = await ended(rooms, job)
    assert (delivery.status, delivery.last_status_code) == (DeliveryStatus.DELIVERED, 200)


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], []])
async def test_a_name_that_leads_inside_is_not_called_and_tells_nothing(rooms: Rooms, answers: list[str]) -> None:
    with Receiver() as inside:
        names = Names(answers)
        job = ended_job(rooms, f"https://hooks.example:{inside.port}/hook")
        async with at_work(sender(rooms, resolver=names, allow_private=False, max_attempts=1)):
            delivery = await ended(rooms, job)
    assert inside.heard == []
    assert delivery.last_error == "the address does not lead to a server on the public network"
    assert delivery.last_status_code is None


async def test_a_name_is_looked_up_once_an_attempt_and_the_call_goes_there(rooms: Rooms) -> None:
    """Rebinding: whoever answers differently the second time is not asked a second time."""
    with Receiver() as receiver:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        job = ended_job(rooms, f"http://hooks.example:{receiver.port}/hook")
        async with at_work(sender(rooms, resolver=names)):
            delivery = await ended(rooms, job)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert names.asked == [f"hooks.example:{receiver.port}"]
    assert receiver.heard[0].headers["host"] == f"hooks.example:{receiver.port}"


async def test_a_job_of_before_is_checked_again(rooms: Rooms) -> None:
    with Receiver() as inside:
        job = ended_job(rooms, inside.url)
        async with at_work(sender(rooms, allow_private=False)):
            delivery = await ended(rooms, job)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, 1)
    assert inside.heard == []


async def test_the_next_address_is_tried_where_one_does_not_answer(rooms: Rooms) -> None:
    with Receiver() as receiver:
        job = ended_job(rooms, f"http://hooks.example:{receiver.port}/hook")
        async with at_work(sender(rooms, resolver=Names(["127.0.0.9", "::1", "127.0.0.1"]))):
            delivery = await ended(rooms, job)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)


def certificate(folder: Path, name: str) -> Path:
    """A certificate for a name, signed by itself, with its key in the same file."""
    path = folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


async def test_tls_speaks_to_the_name_and_connects_to_the_address(rooms: Rooms, tmp_path: Path) -> None:
    files = {name: certificate(tmp_path, name) for name in ("hooks.example", "other.example")}
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(files["hooks.example"])
    asked: list[str | None] = []
    served.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusted = ssl.create_default_context(cafile=str(files["hooks.example"]))
    with Receiver(tls=served) as receiver:
        right = ended_job(rooms, f"https://hooks.example:{receiver.port}/hook")
        wrong = ended_job(rooms, f"https://other.example:{receiver.port}/hook")
        async with at_work(sender(rooms, resolver=Names(["127.0.0.1"]), tls=trusted, max_attempts=1)):
            assert (await ended(rooms, right)).status is DeliveryStatus.DELIVERED
            assert (await ended(rooms, wrong)).last_error == "the TLS handshake failed"
    assert set(asked) == {"hooks.example", "other.example"}
    assert [heard.headers["host"] for heard in receiver.heard] == [f"hooks.example:{receiver.port}"]


async def test_no_proxy_comes_between(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver, Receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms)):
            await ended(rooms, job)
    assert (len(receiver.heard), len(proxy.heard)) == (1, 0)


async def test_a_call_that_is_cut_off_at_the_end_is_made_again(rooms: Rooms) -> None:
    never = threading.Event()
    with Receiver(Answer(after=never)) as receiver:
        job = ended_job(rooms, receiver.url)
        async with at_work(sender(rooms, timeout_s=60.0, grace_s=0.1)):
            await until(lambda: len(receiver.heard) == 1, "the call")
        assert shown(rooms, job).status is DeliveryStatus.PENDING


async def test_a_redriven_jobs_second_end_is_told_as_well(rooms: Rooms) -> None:
    with Receiver() as receiver:
        job = create(rooms, receiver.url)
        (message,) = send(rooms.store)
        lease = leased(rooms.store, message)
        assert rooms.store.fail_document(lease.token, code="unreadable_document", detail="broken")
        rooms.store.redrive(TENANT, job.id)
        finish_all(rooms)
        async with at_work(sender(rooms)):
            await until(lambda: len(receiver.heard) == 2, "both")
    runs = sorted(json.loads(heard.body)["data"]["run"] for heard in receiver.heard)
    assert runs == [1, 2]


async def test_an_intake_documents_line_is_put_where_its_source_says(rooms: Rooms) -> None:
    key = f"results/{TENANT}/by-source/inbox/a.pdf.json"
    await rooms.objects.put("results/r.json", b'{"id":"doc_1",\n"text":"abc"}', content_type="application/json")
    job = create(rooms, rooms.objects.uri(key))
    finish_all(rooms, result_key="results/r.json")
    async with at_work(sender(rooms, secret=None)):
        delivery = await ended(rooms, job)
    assert (delivery.status, delivery.last_status_code) == (DeliveryStatus.DELIVERED, None)
    line = json.loads(await rooms.objects.get(key, max_bytes=10_000))
    assert line["result"] == {"id": "doc_1", "text": "abc"}
    assert (line["status"], line["reference"], line["sequence"]) == ("done", "r", 1)


async def test_an_older_jobs_late_delivery_does_not_hide_a_newer_jobs_line(rooms: Rooms) -> None:
    key = f"results/{TENANT}/by-source/inbox/a.pdf.json"
    older, newer = create(rooms, rooms.objects.uri(key)), create(rooms, rooms.objects.uri(key))
    assert older.created_at < newer.created_at
    await rooms.objects.put("results/r.json", b"{}", content_type="application/json")
    finish_all(rooms, result_key="results/r.json")
    filing = Filing(store=rooms.store, objects=rooms.objects, blocking=rooms.blocking)
    (first,), (second,) = (rooms.store.deliveries(TENANT, job.id) for job in (older, newer))
    filed = []
    for delivery in (first, second, first):
        assert (await filing.file(delivery)).delivered
        filed.append(json.loads(await rooms.objects.get(key, max_bytes=10_000))["document_id"])
    assert filed[0] != filed[1] == filed[2]


async def test_many_lines_are_put_without_pauses_between(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(role, "IDLE_S", 3_600.0)
    jobs = [create(rooms, rooms.objects.uri(f"results/{TENANT}/by-source/inbox/{n}.json")) for n in range(200)]
    finish_all(rooms)
    async with at_work(sender(rooms, max_deliveries=8)):
        for job in jobs:
            assert (await ended(rooms, job)).status is DeliveryStatus.DELIVERED


async def test_one_receivers_many_deliveries_follow_each_other_without_pauses(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role, "IDLE_S", 3_600.0)
    with Receiver() as receiver:
        jobs = [create(rooms, receiver.url) for _ in range(20)]
        finish_all(rooms)
        async with at_work(sender(rooms)):
            for job in jobs:
                assert (await ended(rooms, job)).status is DeliveryStatus.DELIVERED


async def test_a_late_run_does_not_hide_a_later_one(rooms: Rooms) -> None:
    key = f"results/{TENANT}/by-source/inbox/a.pdf.json"
    job = create(rooms, rooms.objects.uri(key))
    (message,) = send(rooms.store)
    lease = leased(rooms.store, message)
    assert rooms.store.fail_document(lease.token, code="unreadable_document", detail="broken")
    rooms.store.redrive(TENANT, job.id)
    await rooms.objects.put("results/r.json", b"{}", content_type="application/json")
    finish_all(rooms, result_key="results/r.json")
    async with at_work(sender(rooms)):
        await until(
            lambda: {each.status for each in rooms.store.deliveries(TENANT, job.id)} == {DeliveryStatus.DELIVERED},
            "both",
        )
    assert json.loads(await rooms.objects.get(key, max_bytes=10_000))["status"] == "done"


@pytest.mark.parametrize(
    "url", ["s3://elsewhere/results/acme/by-source/x.json", "uploads/acme/x.json", "results/other/x"]
)
async def test_lines_go_nowhere_but_among_the_tenants_own_results(rooms: Rooms, url: str) -> None:
    job = ended_job(rooms, url if "://" in url else rooms.objects.uri(url))
    async with at_work(sender(rooms)):
        delivery = await ended(rooms, job)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, 1)
