"""The opener as a function on AWS Lambda: document in by one presigned URL, pages out by others (``lambda_wire``).

::

    host ── Invoke ──► awslambdaric ──► Handler (this)                       pool, child: as on the host's own machine
                                          │ GET document into sealed memory
                                          │── OPEN ─────────────────────────► pool ──► child
                                          │◄─ messages, pages in memory ─────────────── child
                                          │ pack, PUT each page
    host ◄── answer: the messages, unread ┘

The function holds no document longer than a call, no right to the store, and no word of what a document says. What goes
wrong with a document is in the answer; what goes wrong here is raised, so that Lambda calls it an error and the host
tries again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lambda_file_open import jail
from lambda_file_open.lambda_memory import document_memory, pack_page, seal
from lambda_file_open.lambda_pool import POOL_COMMAND, Child, ChildSilent, FunctionPool, PoolUnavailable, Said
from lambda_file_open.lambda_transfer import Transfer, TransferFailed
from ocr_core.contracts.lambda_wire import Answer, Call, Ending, decode_call, encode_answer
from ocr_core.contracts.opening_wire import (
    ForgedMessage,
    OpenEnded,
    OpenFailed,
    OwnMemory,
    PageFailed,
    PageReady,
    decode_message,
)

logger = logging.getLogger(__name__)

_RESERVE_S = 1.0
"""What is left of the function's own time when a call gives up: enough to end the child and to answer."""


class Context(Protocol):
    """What Lambda says of a call, as far as it is asked."""

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends the function."""
        ...


Handler = Callable[[object, Context], dict[str, object]]


def make_handler(pool_command: Sequence[str] = POOL_COMMAND) -> Handler:
    """Start the pool and return what Lambda calls. To be done once, while Lambda starts the function.

    Args:
        pool_command: What to execute instead of the pool; tests have one whose children attack.
    """
    # The pool and its children are of the same user: they shall read neither this memory nor its credentials.
    jail.forbid_inspection()
    pool = FunctionPool(pool_command)
    # Whoever calls tries again, and is told.
    with contextlib.suppress(PoolUnavailable):
        pool.start()

    def handler(event: object, context: Context) -> dict[str, object]:
        return encode_answer(open_document(decode_call(event), pool, context.get_remaining_time_in_millis() / 1000))

    return handler


def open_document(call: Call, pool: FunctionPool, remaining_s: float) -> Answer:
    """Do what one call asks for.

    Args:
        call: From ``decode_call``.
        pool: Which forks a child for it.
        remaining_s: Until Lambda ends the function.

    Raises:
        PoolUnavailable: no child can be had.
        TransferFailed: the store did not give the document or take a page.
    """
    ends_at_s = time.monotonic() + min(call.request.timeout_s, remaining_s - _RESERVE_S)
    pool.start()
    with Transfer(ends_at_s) as transfer, document_memory() as document_fd:
        transfer.download(call.document_url, document_fd, max_bytes=call.request.limits.max_body_bytes)
        seal(document_fd)
        with pool.open(document_fd, call.request, pages=len(call.page_urls)) as child:
            return Listener(child, call, transfer, ends_at_s).listen()


class Listener:
    """Listens to one child, and passes on what it says as it is; a page's bytes go to the page's URL."""

    def __init__(self, child: Child, call: Call, transfer: Transfer, ends_at_s: float) -> None:
        self._child = child
        self._call = call
        self._transfer = transfer
        self._ends_at_s = ends_at_s
        self._urls = iter(call.page_urls)
        self._messages: list[bytes] = []
        self._pages = 0

    def listen(self) -> Answer:
        """Everything until there is no more to hear, or no more is wanted."""
        ending = None
        while ending is None:
            ending = self._listen_once()
        if ending is Ending.EXITED:
            exited = self._child.exit(self._ends_at_s)
        else:
            exited = self._child.end()
            if exited is None:
                logger.error("the file opener's pool ended")
        return Answer(messages=tuple(self._messages), ending=ending, exit=exited)

    def _listen_once(self) -> Ending | None:
        try:
            return self._pass_on(self._child.receive(self._ends_at_s))
        except ChildSilent:
            return self._out_of_time()
        except ForgedMessage:
            return Ending.FORGED
        except TransferFailed:
            if time.monotonic() < self._ends_at_s:
                raise
            return self._out_of_time()

    def _out_of_time(self) -> Ending:
        return Ending.MORE if self._pages else Ending.OVERDUE

    def _pass_on(self, said: Said) -> Ending | None:
        if said.cut_short:
            raise ForgedMessage("a message that is too long, or descriptors where none belong")
        if not said.untrusted_body:
            return Ending.EXITED
        message = decode_message(said.untrusted_body)
        if isinstance(message, OwnMemory):
            raise ForgedMessage("memory from a child that has seen its file")
        if isinstance(message, PageReady):
            with self._child.memory(message.memory) as fd:
                packed = pack_page(fd, message, self._call.request.limits)
            self._child.page_taken()
            self._transfer.upload(next(self._urls), packed)
        elif isinstance(message, PageFailed):
            with self._child.memory(message.memory) as fd, contextlib.suppress(OSError):
                os.ftruncate(fd, 0)  # of no more use, whoever keeps it
            self._child.page_taken()
        self._messages.append(said.untrusted_body)
        if isinstance(message, PageReady | PageFailed):
            self._pages += 1
            return Ending.MORE if self._pages == len(self._call.page_urls) else None
        if isinstance(message, OpenEnded | OpenFailed):
            return Ending.COMPLETE
        # A document is opened once; whoever says so again and again would be listened to without end.
        return Ending.FORGED if len(self._messages) > 1 else None
