"""The local SQS and S3 server as its image starts it: what outlives a stop, and what a crash."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, AwsConfig, AwsServer, is_ready
from local_stack.stack import REPOSITORY_ROOT
from tests.support.aws import free_port
from tests.support.waiting import wait_until

_DOCKERFILE = re.sub(r"\\\n\s*", " ", (REPOSITORY_ROOT / "local_stack" / "Dockerfile").read_text())
_PORT, _VOLUME = "8020", "/data"
_QUEUE, _BUCKET = "work", "documents"


@contextlib.contextmanager
def _image(python: Path, volume: Path, *, ended_by: signal.Signals) -> Iterator[dict[str, Any]]:
    """What its CMD starts under its ENV, on a volume, and its clients by name; ended as ``ended_by`` says."""
    port = free_port()
    config = AwsConfig(port=port, data_dir=volume)
    words = [word for line in re.findall(r"^ENV (.*)$", _DOCKERFILE, flags=re.MULTILINE) for word in shlex.split(line)]
    told = dict(word.split("=", 1) for word in words if not word.startswith("PATH="))
    told |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY, "TMPDIR": _VOLUME}
    (command,) = re.findall(r"^CMD \[(.*)\]$", _DOCKERFILE, flags=re.MULTILINE)
    _, *arguments = (word.strip('"') for word in re.split(r",\s*", command))
    places = {_PORT: str(port), _VOLUME: str(volume), "0.0.0.0": "127.0.0.1"}  # noqa: S104 - it is replaced
    pattern = re.compile("|".join(map(re.escape, places)))

    def here(word: str) -> str:
        return pattern.sub(lambda found: places[found[0]], word)

    with subprocess.Popen(
        [str(python), *map(here, arguments)], env={name: here(value) for name, value in told.items()}, cwd=volume
    ) as server:
        try:
            wait_until(lambda: is_ready(config), "the server")
            yield {
                service: boto3.client(
                    service,  # type: ignore[call-overload]
                    endpoint_url=config.url,
                    region_name=REGION,
                    aws_access_key_id=ACCESS_KEY_ID,
                    aws_secret_access_key=SECRET_ACCESS_KEY,
                    config=Config(s3={"addressing_style": "path"}, proxies={}),
                )
                for service in ("sqs", "s3")
            }
        finally:
            server.send_signal(ended_by)
            server.wait(20)


def _messages(clients: dict[str, Any]) -> list[str]:
    url = clients["sqs"].get_queue_url(QueueName=_QUEUE)["QueueUrl"]
    answer = clients["sqs"].receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in answer.get("Messages", [])]


def test_a_stop_keeps_queues_and_a_crash_keeps_objects(tmp_path: Path, aws_server: AwsServer) -> None:
    python = aws_server.config.environment_dir / "bin" / "python"
    with _image(python, tmp_path, ended_by=signal.SIGTERM) as clients:
        url = clients["sqs"].create_queue(QueueName=_QUEUE)["QueueUrl"]
        clients["sqs"].send_message(QueueUrl=url, MessageBody="before the stop")
        clients["s3"].create_bucket(Bucket=_BUCKET)
    with _image(python, tmp_path, ended_by=signal.SIGKILL) as clients:
        assert _messages(clients) == ["before the stop"]
        assert [bucket["Name"] for bucket in clients["s3"].list_buckets()["Buckets"]] == [_BUCKET]
        url = clients["sqs"].get_queue_url(QueueName=_QUEUE)["QueueUrl"]
        clients["sqs"].send_message(QueueUrl=url, MessageBody="before the crash")
        clients["s3"].put_object(Bucket=_BUCKET, Key="a", Body=b"before the crash")
    with _image(python, tmp_path, ended_by=signal.SIGTERM) as clients:
        # As docs/adr/0006-local-aws.md tells: the queues are those of the last stop.
        assert _messages(clients) == ["before the stop"]
        assert clients["s3"].get_object(Bucket=_BUCKET, Key="a")["Body"].read() == b"before the crash"
