"""Calls of the opener's function with boto3, each once, on a bounded number of threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ocr_core.adapters.aws_clients import lambda_client
from ocr_core.contracts.errors import NotReady
from ocr_core.contracts.lambda_wire import MAX_ANSWER_BYTES
from ocr_core.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)

_GRACE_S = 5.0
"""How much longer than the function may run its answer is waited for; then the connection is dead."""
_SHOWN_CHARACTERS = 64


Outcome = TypeVar("Outcome")


class Throttled(Exception):
    """As many of the function as may be are at work."""


class FunctionCalls:
    """A function on AWS Lambda, or on a server that speaks like it.

    Args:
        storage: The keys.
        function: Name or ARN, with a version or alias where one is meant.
        region: Where it is.
        endpoint_url: Another server than AWS.
        max_calls: At the same time; one more waits.
        max_call_s: How long the function may run, as the deployment says.
    """

    def __init__(
        self,
        storage: StorageSettings,
        *,
        function: str,
        region: str,
        endpoint_url: str | None,
        max_calls: int,
        max_call_s: float,
    ) -> None:
        self._storage = storage
        self._function = function
        self._region = region
        self._endpoint_url = endpoint_url
        self._max_calls = max_calls
        self._max_call_s = max_call_s
        self._executor: ThreadPoolExecutor | None = None
        self._client: LambdaClient | None = None

    async def start(self) -> None:
        """Make the client; nothing is called yet."""
        self._executor = ThreadPoolExecutor(self._max_calls, thread_name_prefix="lambda")
        self._client = await asyncio.get_running_loop().run_in_executor(self._executor, self._make_client)

    def close(self) -> None:
        """Let go of threads and connections; calls still running end by themselves."""
        executor, self._executor = self._executor, None
        client, self._client = self._client, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
        if client is not None:
            client.close()

    async def check(self) -> None:
        """See that the function is there and that we may call it, without having it run.

        Raises:
            NotReady: it is not, or we may not.
        """
        await self._on_thread(self._check)

    async def invoke(self, payload: bytes) -> bytes:
        """Call it and wait for its answer, at most one byte more than ``MAX_ANSWER_BYTES`` of it.

        A caller that is cancelled leaves the call running: Lambda knows no way to end one.

        Raises:
            Throttled: Lambda refuses one more at the moment.
            NotReady: it cannot be called, or failed.
        """
        return await self._on_thread(partial(self._invoke, payload))

    async def _on_thread(self, operation: Callable[[LambdaClient], Outcome]) -> Outcome:
        if self._executor is None or self._client is None:
            raise NotReady("the file opener is not connected")
        return await asyncio.get_running_loop().run_in_executor(self._executor, operation, self._client)

    def _make_client(self) -> LambdaClient:
        return lambda_client(
            self._storage,
            max_connections=self._max_calls,
            read_timeout_s=self._max_call_s + _GRACE_S,
            endpoint_url=self._endpoint_url,
            region=self._region,
        )

    def _check(self, client: LambdaClient) -> None:
        with _explained():
            client.invoke(FunctionName=self._function, InvocationType="DryRun")

    def _invoke(self, payload: bytes, client: LambdaClient) -> bytes:
        with _explained():
            answer = client.invoke(FunctionName=self._function, InvocationType="RequestResponse", Payload=payload)
            with answer["Payload"] as body:
                untrusted = body.read(MAX_ANSWER_BYTES + 1)
        if kind := answer.get("FunctionError"):
            # The error's text is in the function's own log. Here it stays out: it came from where documents are opened.
            logger.error(
                "the file opener's function failed: %s",
                "".join(filter(str.isalnum, kind))[:_SHOWN_CHARACTERS],
                extra={"action": "opener_function"},
            )
            raise NotReady("the file opener's function failed; the same request may succeed now", retry_after_s=1.0)
        return untrusted


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what boto3 raises into errors of ours.

    Raises:
        Throttled, NotReady: as ``invoke`` says.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        raise _refusal(error.response) from None
    except (BotoCoreError, OSError) as error:
        raise NotReady(f"the file opener's function does not answer: {type(error).__name__}") from None


def _refusal(response: object) -> Exception:
    """What Lambda's refusal means. Its message stays out: it may name our account and role."""
    match response:
        case {"Error": {"Code": "TooManyRequestsException" | "ThrottlingException"}}:
            return Throttled()
        case {"Error": {"Code": str(code)}}:
            # Access denied too: it is the operator's to grant, not the caller's fault.
            return NotReady(f"the file opener's function cannot be called: {code}")
        case _:
            return NotReady("the file opener's function cannot be called")
