"""What is asked of the house once it stands: the list of checks, each a function that says what it has seen."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx
from ocr_client import JobDocument, JobsClient, OcrClient

from evaluation.api_reader import plain_fields
from evaluation.datasets import SAMPLES_DIR
from evaluation.field_metrics import Value, field_matches
from tests.images.house import STORAGE_URL, House
from tests.images.processes import Process, alone, processes_of, written_to

SAMPLES = ("invoice_ja", "invoice_en", "invoice_ja_mincho", "receipt_ja", "register_receipt_ja")
START_PATIENCE_S, AGAIN_PATIENCE_S = 600.0, 240.0
_READ_TIMEOUT_S = 30.0
_OWN_USERS = {"postgres": 999}
_USER = 10_001
_FIRST_KEY = re.compile(r"^(ok_\S+)$", flags=re.MULTILINE)
_ONE_TIME = {"first-key"}
_NOT_BY_ITSELF = {"podman-init", "catatonit"}


class Wrong(Exception):
    """A check found something else than it wants; the message says what."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """What the checks share."""

    house: House
    services: tuple[str, ...]
    """Those that run, first-key among them."""
    key: str = ""
    jobs: dict[str, int] = field(default_factory=dict)
    """Documents of each job that was made."""

    @property
    def standing(self) -> tuple[str, ...]:
        """Those that go on running."""
        return tuple(name for name in self.services if name not in _ONE_TIME)

    def reader(self) -> OcrClient:
        """The sync API's client, with the key."""
        return OcrClient(self.house.api_url, api_key=self.key)

    def jobs_client(self) -> JobsClient:
        """The bulk API's."""
        return JobsClient(self.house.bulk_url, api_key=self.key)


def healthy(visit: Visit) -> str:
    """Every service becomes healthy."""
    visit.house.up()
    return f"after {visit.house.wait_healthy(visit.standing, patience_s=START_PATIENCE_S):.0f} s"


def locked(visit: Visit) -> str:
    """No process has a capability, root, or a way to more; all roots are read-only."""
    count = 0
    for service in visit.standing:
        container = visit.house.inspect(service)
        _want(container["HostConfig"]["ReadonlyRootfs"], f"{service}: its root can be written to")
        for process in processes_of(visit.house.machine, visit.house.container(service)):
            count += 1
            wanted = Process(
                pid=process.pid,
                name=process.name,
                user_id=_OWN_USERS.get(service, _USER),
                capabilities=0,
                no_new_privileges=True,
                filtered=True,
            )
            _want(process == wanted, f"{service}: {process}")
        # Podman's tmpfs there are none of Docker's.
        for folder in ("/run", "/var/tmp"):  # noqa: S108 - looked at, in containers
            found = written_to(visit.house.machine, visit.house.container(service), folder)
            _want(not found, f"{service} writes to {folder}: {found}")
    return f"{count} processes of {len(visit.standing)} containers"


def cut_off(visit: Visit) -> str:
    """The file opener has no network and no settings."""
    container = visit.house.container("file-opener")
    _want(alone(visit.house.machine, container), "it has a network")
    names = [each.partition("=")[0] for each in visit.house.inspect("file-opener")["Config"]["Env"]]
    _want(not [name for name in names if name.startswith("OCR_")], f"it is given {names}")
    return "no interface but its own loopback"


def first_key(visit: Visit) -> str:
    """``first-key`` prints one key, once."""
    keys = _FIRST_KEY.findall(visit.house.logs("first-key"))
    _want(len(keys) == 1, f"{len(keys)} keys were printed")
    state = visit.house.inspect("first-key")["State"]
    _want(state["ExitCode"] == 0 and not state["Running"], f"it ended with {state['ExitCode']}")
    visit.key = keys[0]
    visit.house.machine.podman("start", "--attach", visit.house.container("first-key"))
    _want(_FIRST_KEY.findall(visit.house.logs("first-key")) == keys, "a second start prints another")
    return "one key, and none at a second start"


def refused(visit: Visit) -> str:
    """Without a key, and with another, nothing is read."""
    seen = Counter[int]()
    for headers in ({}, {"Authorization": f"Bearer {visit.key[:-4]}AAAA"}):
        for url in (f"{visit.house.api_url}/v1/ocr", f"{visit.house.bulk_url}/v1/jobs"):
            seen[httpx.post(url, headers=headers, content=b"%PDF", trust_env=False).status_code] += 1
    _want(set(seen) == {401}, f"answers were {dict(seen)}")
    return f"{seen.total()} of {seen.total()} answered 401"


def reads(visit: Visit) -> str:
    """The sync API reads every sample with all fields right; the page at ``/`` is there."""
    told: dict[str, str] = {}
    taken_ms = []
    with visit.reader() as client:
        for name in SAMPLES:
            started_s = time.monotonic()
            result = client.read(SAMPLES_DIR / f"{name}.pdf", timeout_s=_READ_TIMEOUT_S)
            taken_ms.append((time.monotonic() - started_s) * 1e3)
            wanted: dict[str, Value] = json.loads((SAMPLES_DIR / f"{name}.json").read_text())["fields"]
            given = plain_fields(result)
            wrong = [
                field_name
                for field_name, count in field_matches(wanted, given).items()
                if not count.right == count.given == count.wanted
            ]
            _want(not wrong, f"{name}: {[(each, given.get(each), wanted[each]) for each in wrong]}")
            told = result["models"]
        searchable = client.read(SAMPLES_DIR / f"{SAMPLES[0]}.pdf", format="pdf", timeout_s=_READ_TIMEOUT_S)
    _want(searchable.startswith(b"%PDF"), "the searchable PDF is none")
    page = httpx.get(f"{visit.house.api_url}/", trust_env=False)
    _want(page.status_code == 200 and "<!doctype html>" in page.text.lower(), f"the page: {page.status_code}")
    _want(f'content="{visit.house.bulk_url}"' in page.text, "the page looks for the bulk API elsewhere")
    models = ", ".join(f"{model} {version}" for model, version in sorted(told.items()))
    return f"{len(SAMPLES)} samples, all fields as printed, {min(taken_ms):.0f} ms and more ({models}); the page, a PDF"


def works_off(visit: Visit) -> str:
    """A job of forms, and one of files that go straight into object storage."""
    files = [SAMPLES_DIR / f"{name}.pdf" for name in SAMPLES]
    with visit.jobs_client() as jobs:
        form = jobs.submit(files, formats=["text", "pdf"])
        # References make it uploads: presigned, through the port that the object storage is published on.
        stored = jobs.submit([JobDocument(source=file, reference=file.stem) for file in files], schema="auto")
        for job in (form, stored):
            visit.jobs[job.id] = len(files)
            lines = list(jobs.results(job.id))
            _want(len(lines) == len(files) and all(line.error is None for line in lines), f"{job.id}: {lines}")
        links = [
            url
            for line in jobs.results(form.id, follow=False)
            for url in json.loads(line.raw)["result"]["links"].values()
        ]
    fetched = [httpx.get(url, trust_env=False) for url in links]
    _want(
        len(fetched) == 2 * len(files) and all(answer.status_code == 200 for answer in fetched),
        f"links: {[answer.status_code for answer in fetched]}",
    )
    return f"two jobs, {sum(visit.jobs.values())} documents, {len(fetched)} links"


def survives_kills(visit: Visit) -> str:
    """Each service's process is killed in the middle of a job: all come back, and nothing is lost."""
    files = [SAMPLES_DIR / f"{name}.pdf" for name in SAMPLES]
    with visit.jobs_client() as jobs:
        made = []
        for service in visit.standing:
            made.append(jobs.submit([JobDocument(source=file, reference=file.stem) for file in files]).id)
            visit.jobs[made[-1]] = len(files)
            _kill(visit, service)
            visit.house.wait_healthy(visit.standing, patience_s=AGAIN_PATIENCE_S)
        for job_id in made:
            lines = list(jobs.results(job_id))
            bad = [line for line in lines if line.error is not None]
            _want(not bad, f"{job_id}: {bad}")
            _want(sorted(line.reference or "" for line in lines) == sorted(SAMPLES), f"{job_id}: {len(lines)} lines")
    return f"{len(visit.standing)} killed in turn; {len(made) * len(files)} documents read, each once"


def starts_again(visit: Visit) -> str:
    """Stopped and started: the key, the jobs, their results and the queue's messages are there."""
    queue = QueueProbe(visit.house)
    queue.send("kept")
    started_s = time.monotonic()
    visit.house.compose("stop")
    stopped_s = time.monotonic() - started_s
    codes = {service: visit.house.inspect(service)["State"]["ExitCode"] for service in visit.standing}
    _want(137 not in codes.values(), f"had to be killed: {codes}")
    visit.house.compose("start")
    visit.house.wait_healthy(visit.standing, patience_s=AGAIN_PATIENCE_S)
    _want(queue.receive() == ["kept"], "the queue's message is gone")
    with visit.jobs_client() as jobs:
        for job_id, count in visit.jobs.items():
            lines = list(jobs.results(job_id, follow=False))
            _want(len(lines) == count, f"{job_id} has {len(lines)} lines of {count}")
    _want(len(_FIRST_KEY.findall(visit.house.logs("first-key"))) == 1, "another first key was made")
    return f"stopped in {stopped_s:.0f} s, none killed; {len(visit.jobs)} jobs and a message were there again"


class QueueProbe:
    """A queue of our own on the house's SQS, through its published port."""

    def __init__(self, house: House) -> None:
        import boto3  # the services' own client

        environment: Mapping[str, str] = dict(
            each.split("=", 1) for each in house.inspect("bulk-dispatcher")["Config"]["Env"]
        )
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=STORAGE_URL,
            region_name="us-east-1",
            aws_access_key_id=environment["OCR_QUEUE_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["OCR_QUEUE_SECRET_ACCESS_KEY"],
        )
        self._sqs.create_queue(QueueName="probe")
        self._url = f"{STORAGE_URL}/000000000000/probe"

    def send(self, text: str) -> None:
        self._sqs.send_message(QueueUrl=self._url, MessageBody=text)

    def receive(self) -> list[str]:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]


Check = Callable[[Visit], str]
"""Its docstring's first line is its title; it says what it has seen, or raises."""
CHECKS: tuple[Check, ...] = (
    healthy,
    locked,
    cut_off,
    first_key,
    refused,
    reads,
    works_off,
    survives_kills,
    starts_again,
)


def _kill(visit: Visit, service: str) -> None:
    """SIGKILL to the service's own process: what supervises it is to notice."""
    found = processes_of(visit.house.machine, visit.house.container(service))
    own = [process for process in found if process.name not in _NOT_BY_ITSELF]
    # Of Triton a model process, which its guard has to notice; of others the first, which is their parent.
    stubs = [process for process in own if process.name.startswith("triton_python_b")]
    started_at = visit.house.inspect(service)["State"]["StartedAt"]
    os.kill((stubs or own)[0].pid, signal.SIGKILL)
    give_up_s = time.monotonic() + AGAIN_PATIENCE_S
    while visit.house.inspect(service)["State"]["StartedAt"] == started_at:
        _want(time.monotonic() < give_up_s, f"{service} was not started again")
        time.sleep(0.5)


def _want(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Wrong(otherwise)
