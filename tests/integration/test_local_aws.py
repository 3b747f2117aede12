"""The launcher of the local SQS and S3 server: whom it listens to, what it forgets, and that it outlives nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.aws import AwsConfig, AwsServer, AwsUnavailable, client_settings, command, environment, notify_queue
from local_stack.stack import REPOSITORY_ROOT
from local_stack.state import start_ticks
from ocr_core.adapters.object_store import S3ObjectStore
from ocr_core.adapters.queue import SqsQueues
from ocr_core.contracts.queues import QueueName
from ocr_core.settings import QueueSettings, StorageSettings, load
from tests.support.aws import free_port, make_server, object_settings, queue_settings, storage_settings
from tests.support.waiting import wait_until

# Starts the server given by port and folder, tells its process id, and waits to be killed.
_PARENT = """
import sys, time
from pathlib import Path
from local_stack.aws import AwsConfig, AwsServer
server = AwsServer(AwsConfig(port=int(sys.argv[1]), data_dir=Path(sys.argv[2])))
server.start()
server.wait_ready()
print(server.pid, flush=True)
time.sleep(600)
"""


def test_the_server_ends_with_its_parent(tmp_path: Path, aws_server: AwsServer) -> None:
    assert aws_server.pid is not None  # it is installed
    arguments = [sys.executable, "-c", _PARENT, str(free_port()), str(tmp_path)]
    with subprocess.Popen(arguments, cwd=REPOSITORY_ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert start_ticks(pid) is not None
        os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: start_ticks(pid) is None, "the end of the server")


def test_it_knows_nothing_of_the_users_own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the user's own")
    monkeypatch.setenv("AWS_PROFILE", "the user's own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's own")
    variables = environment(AwsConfig(port=1, data_dir=tmp_path))
    assert "the user's own" not in variables.values()


def test_the_services_are_told_to_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = AwsConfig(port=4_321, data_dir=tmp_path)
    for name, value in client_settings(config).items():
        monkeypatch.setenv(name, value)
    queues, storage = load(QueueSettings), load(StorageSettings)
    assert queues.endpoint_url == storage.endpoint_url == config.url
    assert queues.create
    assert queues.access_key_id is not None
    assert storage.secret_access_key is not None


def test_a_missing_environment_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AwsUnavailable, match="make environment-aws"):
        command(AwsConfig(port=1, data_dir=tmp_path, environment_dir=tmp_path / "none"))


def test_a_taken_port_is_told(tmp_path: Path, aws_server: AwsServer) -> None:
    with (tmp_path / "log").open("wb") as log:
        server = AwsServer(AwsConfig(port=aws_server.config.port, data_dir=tmp_path / "data", log=log))
        server.start()
        # The other server answers on that port: only the process's end tells.
        wait_until(lambda: server.pid is None or start_ticks(server.pid) is None, "the end of the second server")
        server.stop()


async def test_new_objects_tell_the_intake_queue(tmp_path: Path) -> None:
    with make_server(tmp_path) as server:
        queues = SqsQueues(queue_settings(server, name_prefix="yomitori-"))
        settings = object_settings()
        store = S3ObjectStore(settings, storage_settings(server))
        await queues.start()
        await store.start()
        await queues.ensure_queues()
        await store.ensure_bucket()
        queue = queues.queue(QueueName.INTAKE)
        notify_queue(server.config, bucket=settings.bucket, prefix="inbox/", queue_name=queue.name)
        await store.put("results/r1", b"not an inbox", content_type="text/plain")
        await store.put("inbox/a=b.pdf", b"%PDF-", content_type="application/pdf")
        found = []
        while not found:
            deliveries = await queue.receive(max_messages=10, wait_s=10, visibility_timeout_s=60)
            assert deliveries
            for delivery in deliveries:
                event = json.loads(delivery.untrusted_body)
                found += [record["s3"] for record in event.get("Records", [])]  # first comes a test event without any
        assert [(item["bucket"]["name"], item["object"]["key"]) for item in found] == [
            (settings.bucket, "inbox/a%3Db.pdf")
        ]
        await queues.close()
        await store.close()
