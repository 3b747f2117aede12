"""SQS and S3 on this machine, without a container and without an account: MiniStack as a child process.

::

    AwsConfig ──► command(), environment() ──► AwsServer.start() ──► wait_ready() ──► stop()

It lives in an environment of its own, ``.venv-aws``, because it pins botocore. Objects are kept in ``data_dir`` and
survive anything; queues, their messages and the buckets' event notifications live in memory and are gone after a
crash, and after a restart (docs/adr/0006-local-aws.md). Nobody may rely on more: the job store is the truth.

Its keys are made up, so that no client ever signs with the user's own; it checks them on presigned URLs alone, and
listens on loopback alone.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from local_stack.ports import LOOPBACK
from local_stack.service import ServiceSpec

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import FilterRuleTypeDef

REPOSITORY_ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ACCESS_KEY_ID = "local"
SECRET_ACCESS_KEY = "local-not-a-secret"  # noqa: S105 - printed in the docs
_ACCOUNT_ID = "000000000000"
_POLL_S = 0.05
_START_TIMEOUT_S = 60.0

# Runs in the child before the server takes its place: it asks the kernel for SIGTERM when the parent's thread that
# started it ends, and leaves at once if the parent has gone meanwhile. An exec keeps the wish, where a ``preexec_fn``
# would run Python between fork and exec of a process that has threads.
DIES_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class AwsUnavailable(Exception):
    """The server cannot be started, or has ended; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsConfig:
    """How to start one server."""

    port: int
    data_dir: Path
    """Where objects are kept; made if it is missing."""
    environment_dir: Path = REPOSITORY_ROOT / ".venv-aws"
    log: IO[bytes] | None = None
    """Where its output goes; the parent's own standard error where it is null. Needs a file descriptor."""

    @property
    def url(self) -> str:
        """The endpoint of both services."""
        return f"http://{LOOPBACK}:{self.port}"


def command(config: AwsConfig) -> list[str]:
    """The arguments that start the server.

    Raises:
        AwsUnavailable: the environment or the package is missing.
    """
    python = config.environment_dir / "bin" / "python"
    if not next(config.environment_dir.glob("lib/python3.*/site-packages/ministack"), None):
        raise AwsUnavailable(f"ministack is not installed in {config.environment_dir}: run `make environment-aws`")
    return [
        str(python),
        *("-m", "uvicorn", "ministack.app:app", "--host", LOOPBACK, "--port", str(config.port)),
        # Its own choice of server, hypercorn, takes half as much CPU again for a request.
        *("--loop", "uvloop", "--http", "httptools"),
        *("--no-access-log", "--log-level", "warning", "--no-server-header"),
        *("--timeout-graceful-shutdown", "1"),  # or a receive that waits would hold up the end by 20 s
    ]


def environment(config: AwsConfig) -> dict[str, str]:
    """The variables that the server needs, and none of the parent's: it must not find the user's AWS settings."""
    return {
        "PATH": os.defpath,
        "HOME": str(config.data_dir),
        "TMPDIR": str(config.data_dir),  # it leaves a file with its process id there
        "PYTHONUNBUFFERED": "1",
        "GATEWAY_PORT": str(config.port),
        "SERVICES": "sqs,s3",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": _ACCOUNT_ID,
        "MINISTACK_WORKER_THREADS": "8",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(config.data_dir / "s3"),
        "LOG_LEVEL": "WARNING",
    }


def client_settings(config: AwsConfig) -> dict[str, str]:
    """The settings with which the services use this server instead of AWS."""
    keys = {"ACCESS_KEY_ID": ACCESS_KEY_ID, "SECRET_ACCESS_KEY": SECRET_ACCESS_KEY, "REGION": REGION}
    settings = {
        f"OCR_{group}_{name}": value
        for group in ("QUEUE", "STORAGE")
        for name, value in {**keys, "ENDPOINT_URL": config.url}.items()
    }
    return {**settings, "OCR_QUEUE_CREATE": "true", "OCR_OBJECTS_CREATE_BUCKET": "true"}


def is_ready(config: AwsConfig) -> bool:
    """Whether the server answers."""
    connection = http.client.HTTPConnection(LOOPBACK, config.port, timeout=2.0)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def notify_queue(config: AwsConfig, *, bucket: str, prefix: str, queue_name: str) -> None:
    """Let new objects under ``prefix`` of ``bucket`` tell a queue, as the deployment does on AWS.

    The server forgets it with its queues: say it again after each start.

    Raises:
        AwsUnavailable: the server does not answer, or there is no such bucket or queue.
    """
    import boto3.session  # noqa: PLC0415 - 0.3 s; only who asks for notifications pays it
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    session = boto3.session.Session(
        aws_access_key_id=ACCESS_KEY_ID, aws_secret_access_key=SECRET_ACCESS_KEY, region_name=REGION
    )
    store: S3Client = session.client(
        "s3", endpoint_url=config.url, config=Config(s3={"addressing_style": "path"}, proxies={})
    )
    rules: list[FilterRuleTypeDef] = [{"Name": "prefix", "Value": prefix}] if prefix else []
    try:
        store.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={
                "QueueConfigurations": [
                    {
                        "QueueArn": f"arn:aws:sqs:{REGION}:{_ACCOUNT_ID}:{queue_name}",
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": rules}},
                    }
                ]
            },
        )
    except (BotoCoreError, ClientError) as error:
        raise AwsUnavailable(f"bucket {bucket} cannot tell queue {queue_name} of new objects: {error}") from error
    finally:
        store.close()


def service_spec(config: AwsConfig) -> ServiceSpec:
    """All that ``local_stack.service`` needs to run it; makes the folder that it keeps its objects in.

    Raises:
        AwsUnavailable: as for ``command``.
    """
    arguments = command(config)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds callers' documents
    return ServiceSpec(
        name="aws",
        command=arguments,
        environment=environment(config),
        working_directory=config.data_dir,
        is_ready=lambda: is_ready(config),
        stop_grace_s=5.0,
    )


class AwsServer:
    """A running server. Call ``start`` from a thread that outlives it: the kernel ends it with that thread."""

    def __init__(self, config: AwsConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start and wait until it answers."""
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, whatever happened."""
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id; null where it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, in a process group of its own.

        Raises:
            AwsUnavailable: as for ``command``; or it runs already.
        """
        if self._process is not None:
            raise AwsUnavailable("this server has been started already")
        arguments = [sys.executable, "-I", "-c", DIES_WITH_PARENT, str(os.getpid()), *command(self.config)]
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            arguments,
            env=environment(self.config),
            cwd=self.config.data_dir,
            stdin=subprocess.DEVNULL,
            stdout=self.config.log,
            stderr=subprocess.STDOUT if self.config.log is not None else None,
            start_new_session=True,
        )

    def wait_ready(self, timeout_s: float = _START_TIMEOUT_S) -> float:
        """Wait until the server answers; the seconds that it took.

        Raises:
            AwsUnavailable: the server ended, or the time passed.
        """
        started_s = time.monotonic()
        while not is_ready(self.config):
            if self._process is None or self._process.poll() is not None:
                code = None if self._process is None else self._process.returncode
                raise AwsUnavailable(f"the local SQS and S3 server ended with status {code}: see its log")
            if time.monotonic() - started_s > timeout_s:
                raise AwsUnavailable(f"the local SQS and S3 server was not ready after {timeout_s:g} s: see its log")
            time.sleep(_POLL_S)
        return time.monotonic() - started_s

    def kill(self) -> None:
        """End it at once, as a crash would; ``start`` begins anew on the same objects, without queues."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End it, gently first."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
