"""boto3's clients, made in one way: bounded attempts and timeouts, no proxy before this machine's own servers.

Each comes from a session of its own, because boto3's shared one is not safe between threads. The clients are.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from pydantic import SecretStr

    from ocr_core.settings import QueueSettings, StorageSettings

_CONNECT_TIMEOUT_S = 2.0


def s3_client(
    settings: StorageSettings,
    *,
    max_connections: int,
    read_timeout_s: float,
    attempts: int,
    endpoint_url: str | None = None,
) -> S3Client:
    """A client of object storage.

    Args:
        settings: Endpoint, region and keys.
        max_connections: Kept open at most; as many as threads use the client.
        read_timeout_s: Between two bytes of an answer.
        attempts: Of a call in all, with botocore's jittered back-off between them.
        endpoint_url: Instead of the settings' own.
    """
    from botocore.handlers import add_expect_header  # noqa: PLC0415

    endpoint_url = endpoint_url or settings.endpoint_url
    config = _config(
        endpoint_url=endpoint_url,
        max_connections=max_connections,
        read_timeout_s=read_timeout_s,
        attempts=attempts,
        # boto3 still presigns for some regions with the older version, which newer ones do not take.
        signature_version="s3v4",
    )
    session = _session(settings.access_key_id, settings.secret_access_key)
    client: S3Client = session.client("s3", endpoint_url=endpoint_url, region_name=settings.region, config=config)
    # `Expect: 100-continue` spares the body of a refused upload, and costs each small one a round trip more.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def sqs_client(settings: QueueSettings, *, max_connections: int, read_timeout_s: float, attempts: int) -> SQSClient:
    """A client of the queues; the arguments are those of ``s3_client``."""
    config = _config(
        endpoint_url=settings.endpoint_url,
        max_connections=max_connections,
        read_timeout_s=read_timeout_s,
        attempts=attempts,
    )
    session = _session(settings.access_key_id, settings.secret_access_key)
    client: SQSClient = session.client(
        "sqs", endpoint_url=settings.endpoint_url, region_name=settings.region, config=config
    )
    return client


def lambda_client(
    settings: StorageSettings, *, max_connections: int, read_timeout_s: float, endpoint_url: str | None, region: str
) -> LambdaClient:
    """A client that calls functions, each call once: whoever calls knows whether it is worth another try.

    Args:
        settings: The keys, which are those of object storage.
        max_connections: As for ``s3_client``.
        read_timeout_s: For the whole answer, of which nothing comes before the function has ended.
        endpoint_url: Another server than AWS.
        region: Where the function is.
    """
    config = _config(
        endpoint_url=endpoint_url, max_connections=max_connections, read_timeout_s=read_timeout_s, attempts=1
    )
    session = _session(settings.access_key_id, settings.secret_access_key)
    client: LambdaClient = session.client("lambda", endpoint_url=endpoint_url, region_name=region, config=config)
    return client


def _session(access_key: SecretStr | None, secret_key: SecretStr | None) -> Session:
    # boto3 takes 0.3 s to import; services that are not given a store do without it.
    from boto3.session import Session  # noqa: PLC0415

    return Session(
        aws_access_key_id=access_key.get_secret_value() if access_key else None,
        aws_secret_access_key=secret_key.get_secret_value() if secret_key else None,
    )


def _config(
    *,
    endpoint_url: str | None,
    max_connections: int,
    read_timeout_s: float,
    attempts: int,
    signature_version: str | None = None,
) -> Config:
    from botocore.config import Config  # noqa: PLC0415

    return Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=max_connections,
        signature_version=signature_version,
        # Other stores know neither virtual hosts nor the newer default checksums.
        s3={"addressing_style": "auto" if endpoint_url is None else "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        proxies={} if endpoint_url is not None and _is_on_this_machine(endpoint_url) else None,
    )


def _is_on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
