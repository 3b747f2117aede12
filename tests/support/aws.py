"""The embedded SQS and S3 server on a free port, and the adapters' settings for it. Never the caller's own AWS keys."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from local_stack.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, AwsConfig, AwsServer, AwsUnavailable, command
from ocr_core.settings import ObjectStoreSettings, QueueSettings, StorageSettings

AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SQS",
)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_server(data_dir: Path) -> AwsServer:
    """A server that is not started yet; the test is skipped where it is not installed."""
    config = AwsConfig(port=free_port(), data_dir=data_dir)
    try:
        command(config)
    except AwsUnavailable as error:
        pytest.skip(str(error))
    return AwsServer(config)


def queue_settings(
    server: AwsServer,
    *,
    create: bool = True,
    name_prefix: str | None = None,
    max_receives: int = 10,
    delete_delay_s: float = 0.0,
) -> QueueSettings:
    """Queues of their own for every caller, under a name of their own."""
    return QueueSettings(
        endpoint_url=server.config.url,
        region=REGION,
        access_key_id=SecretStr(ACCESS_KEY_ID),
        secret_access_key=SecretStr(SECRET_ACCESS_KEY),
        name_prefix=f"t{uuid.uuid4().hex[:10]}-" if name_prefix is None else name_prefix,
        create=create,
        max_receives=max_receives,
        delete_delay_s=delete_delay_s,
    )


def storage_settings(server: AwsServer) -> StorageSettings:
    """Endpoint and keys of the server's S3."""
    return StorageSettings(
        endpoint_url=server.config.url,
        region=REGION,
        access_key_id=SecretStr(ACCESS_KEY_ID),
        secret_access_key=SecretStr(SECRET_ACCESS_KEY),
    )


def object_settings(*, prefix: str = "") -> ObjectStoreSettings:
    """A bucket of its own for every caller."""
    return ObjectStoreSettings(bucket=f"test-{uuid.uuid4().hex[:12]}", prefix=prefix, create_bucket=True)


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    """One server for the whole session; a test that breaks servers starts its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in AWS_VARIABLES:
            patch.delenv(name, raising=False)
        with make_server(tmp_path_factory.mktemp("aws")) as server:
            yield server
