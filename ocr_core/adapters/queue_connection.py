"""One connection to a server that speaks SQS's protocol: its threads, its queues' URLs, what its refusals mean.

boto3 blocks, so it runs in threads: ``polls`` for receives that wait, ``calls`` for everything else, a bounded number
of each.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from ocr_core.adapters.aws_clients import sqs_client
from ocr_core.contracts.errors import InternalError, NotReady
from ocr_core.contracts.queues import MAX_RECEIVE_WAIT_S, MAX_RETENTION_S
from ocr_core.settings import QueueSettings

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

DEAD_LETTERS = "-dead"
"""Ends the name of a dead-letter queue."""

_READ_TIMEOUT_S = 5.0
_CALL_ATTEMPTS = 3
_POLL_MARGIN_S = 5.0

_QUEUE_IS_GONE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_QUEUE_IS_THERE = frozenset({"QueueAlreadyExists", "QueueNameExists", "AWS.SimpleQueueService.QueueNameExists"})
# A receipt whose message was deleted, received anew or forgotten. Standard queues of AWS say InvalidParameterValue.
_RECEIPT_IS_STALE = frozenset(
    {
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
    }
)
_MESSAGE_IS_REFUSED = frozenset({"InvalidMessageContents", "UnsupportedOperation"})

Answer = TypeVar("Answer")
Operation = Callable[["SQSClient", str], Answer]
"""What is done with a client and a queue's URL, on a thread."""


class ReceiptIsStale(InternalError):
    """The delivery is no longer ours; for a call without a receipt, something was sent that the server refuses."""

    retryable = False


class SqsConnection:
    """Runs operations on queues by name; makes queues that are missing where the settings allow it."""

    def __init__(self, settings: QueueSettings, *, visibility_timeout_s: int) -> None:
        self._settings = settings
        self._visibility_timeout_s = visibility_timeout_s
        self._polls: ThreadPoolExecutor | None = None
        self._calls: ThreadPoolExecutor | None = None
        self._poll_client: SQSClient | None = None
        self._call_client: SQSClient | None = None
        self._urls: dict[str, str] = {}
        self._making = threading.Lock()

    async def start(self) -> None:
        """Make the clients; nothing is asked of the server yet."""
        self._polls = ThreadPoolExecutor(self._settings.max_polls, thread_name_prefix="queue-poll")
        self._calls = ThreadPoolExecutor(self._settings.max_calls, thread_name_prefix="queue-call")
        await asyncio.get_running_loop().run_in_executor(self._calls, self._make_clients)

    async def close(self) -> None:
        """Let go of threads and connections; calls still running end by themselves."""
        for executor in (self._polls, self._calls):
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)
        for client in (self._poll_client, self._call_client):
            if client is not None:
                client.close()

    async def find(self, queue_name: str) -> None:
        """Ask the server for a queue anew, and make it if need be.

        Raises:
            NotReady: it is missing and may not be made, or the server does not answer.
        """
        self._urls.pop(queue_name, None)
        await self.call(queue_name, lambda _client, _url: None)

    async def call(self, queue_name: str, operation: Operation[Answer]) -> Answer:
        """Do something with a queue on one of the call threads.

        Raises:
            NotReady: the server does not answer, or refuses us.
            InternalError: it refuses what was sent.
        """
        if self._calls is None or self._call_client is None:
            raise NotReady("the queues are not connected")
        return await asyncio.get_running_loop().run_in_executor(
            self._calls, self._run, self._call_client, queue_name, operation
        )

    def poll(self, queue_name: str, operation: Operation[Answer]) -> asyncio.Future[Answer]:
        """Do something with a queue that may take as long as a long poll, on one of the poll threads.

        A future, not a coroutine: the receive goes on when nobody waits for it any more. It raises as ``call`` does.

        Raises:
            NotReady: the connection was not started.
        """
        if self._polls is None or self._poll_client is None:
            raise NotReady("the queues are not connected")
        return asyncio.get_running_loop().run_in_executor(
            self._polls, self._run, self._poll_client, queue_name, operation
        )

    def _make_clients(self) -> None:
        settings = self._settings
        self._poll_client = sqs_client(
            settings,
            max_connections=settings.max_polls,
            read_timeout_s=MAX_RECEIVE_WAIT_S + _POLL_MARGIN_S,
            attempts=1,
        )
        self._call_client = sqs_client(
            settings, max_connections=settings.max_calls, read_timeout_s=_READ_TIMEOUT_S, attempts=_CALL_ATTEMPTS
        )

    def _run(self, client: SQSClient, queue_name: str, operation: Operation[Answer]) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            try:
                return operation(client, self._url(client, queue_name))
            except ClientError as error:
                if _code(error) not in _QUEUE_IS_GONE or not self._settings.create:
                    raise
            self._urls.pop(queue_name, None)
            return operation(client, self._url(client, queue_name))
        except ClientError as error:
            code = _code(error)
            if code in _RECEIPT_IS_STALE:
                raise ReceiptIsStale(f"the queue {queue_name} refused a call: {code}") from None
            if code in _MESSAGE_IS_REFUSED:
                raise InternalError(f"the queue {queue_name} refused a message: {code}") from None
            if code in _QUEUE_IS_GONE:
                raise NotReady(f"there is no queue {queue_name}") from None
            raise NotReady(f"the queue {queue_name} failed: {code}") from None
        except (BotoCoreError, OSError) as error:
            raise NotReady(f"the queue server does not answer: {type(error).__name__}") from None

    def _url(self, client: SQSClient, queue_name: str) -> str:
        known = self._urls.get(queue_name)
        if known is not None:
            return known
        with self._making:  # one thread asks, or makes; the others find it done
            if queue_name not in self._urls:
                self._urls[queue_name] = self._find(client, queue_name)
            return self._urls[queue_name]

    def _find(self, client: SQSClient, queue_name: str) -> str:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            return client.get_queue_url(QueueName=queue_name)["QueueUrl"]
        except ClientError as error:
            if _code(error) not in _QUEUE_IS_GONE or not self._settings.create:
                raise
        try:
            return client.create_queue(QueueName=queue_name, Attributes=self._attributes(client, queue_name))[
                "QueueUrl"
            ]
        except ClientError as error:
            if _code(error) not in _QUEUE_IS_THERE:
                raise
        # Another process made it meanwhile, with other settings; those hold.
        return client.get_queue_url(QueueName=queue_name)["QueueUrl"]

    def _attributes(self, client: SQSClient, queue_name: str) -> dict[QueueAttributeNameType, str]:
        attributes: dict[QueueAttributeNameType, str] = {
            "VisibilityTimeout": str(self._visibility_timeout_s),
            "MessageRetentionPeriod": str(MAX_RETENTION_S),
        }
        if queue_name.endswith(DEAD_LETTERS):
            return attributes
        dead_url = self._find(client, queue_name + DEAD_LETTERS)
        dead_arn = client.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": self._settings.max_receives}
        attributes["RedrivePolicy"] = json.dumps(policy)
        return attributes


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
