"""One child, one file: wait for it, lock, decode, hand the pages over, end."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lambda_file_open import jail
from lambda_file_open.decoding import DecodedPage, OpeningFailed
from lambda_file_open.handler import decode_pages, open_file
from lambda_file_open.shared_page import TYPICAL_PAGE_BYTES, SharedPage
from ocr_core.contracts.opening_wire import (
    MAX_REQUEST_BYTES,
    PAGES_IN_FLIGHT,
    DocumentOpened,
    Failure,
    OpenEnded,
    OpenFailed,
    OpenRequest,
    PageFailed,
    PageReady,
    SandboxMessage,
    decode_request,
    encode_message,
)

RunChild = Callable[[socket.socket, bool], None]
"""What a forked child does: ``(job_channel, early)``; ``early`` says that there is time before the file comes."""


def run_child(job_channel: socket.socket, early: bool) -> None:
    """Receive a job, do it, and return; the caller ends the process."""
    memory = SharedPage(reserve_bytes=TYPICAL_PAGE_BYTES if early else 0)
    job = receive_job(job_channel)
    if job is not None:
        decode_job(*job, memory)


def decode_job(document_fd: int, host: socket.socket, memory: SharedPage) -> None:
    """Lock this process, then decode the document and send its pages."""
    request = decode_request(host.recv(MAX_REQUEST_BYTES + 1))
    jail.lock(request.limits, timeout_s=request.timeout_s)
    document = mmap.mmap(document_fd, os.fstat(document_fd).st_size, access=mmap.ACCESS_READ)
    PageSender(host, memory).send_document(document, request)


def receive_job(job_channel: socket.socket) -> tuple[int, socket.socket] | None:
    """The document's descriptor and the socket to the host; ``None`` when the pool ended instead."""
    _, descriptors, _, _ = socket.recv_fds(job_channel, 1, 2)
    job_channel.close()
    if len(descriptors) != 2:
        return None
    return descriptors[0], socket.socket(fileno=descriptors[1])


class PageSender:
    """Sends a document's pages, never more ahead of the host than it allows."""

    def __init__(self, host: socket.socket, first_memory: SharedPage) -> None:
        self._host = host
        self._memory: SharedPage | None = first_memory
        self._credit = PAGES_IN_FLIGHT

    def send_document(self, untrusted: mmap.mmap, request: OpenRequest) -> None:
        """Open the file and send everything that is wanted of it, or why that is not possible."""
        try:
            self._send_pages(untrusted, request)
        except OpeningFailed as failed:
            self._send(OpenFailed(failure=failed.failure, value=failed.value))
        except MemoryError:
            self._send(OpenFailed(failure=Failure.MEMORY, value=0))
        except (BrokenPipeError, ConnectionResetError):
            return  # The host has hung up: nobody wants the rest.

    def _send_pages(self, untrusted: mmap.mmap, request: OpenRequest) -> None:
        opened = open_file(untrusted, request)
        self._send(DocumentOpened(media_type=opened.decoder.media_type, page_count=opened.decoder.page_count))
        pages = decode_pages(opened, request, self._allocate)
        for _ in opened.numbers:
            self._await_credit()
            number, page = next(pages)
            if page is None:
                self._drop_memory()
                self._send(PageFailed(number=number))
            else:
                self._send_page(number, page)
        self._send(OpenEnded())

    def _send_page(self, number: int, page: DecodedPage) -> None:
        if self._memory is None:
            raise ValueError("the decoder asked for no memory")
        fd, layout = self._memory.seal(width_px=page.width_px, height_px=page.height_px, words=page.words)
        text_bytes = layout.total_bytes - layout.text_offset
        message = PageReady(
            number=number,
            width_px=page.width_px,
            height_px=page.height_px,
            stride_bytes=page.width_px * 3,
            dpi=page.dpi,
            word_count=len(page.words),
            code_point_count=sum(len(word.text) for word in page.words) if text_bytes else 0,
            notices=page.notices,
        )
        socket.send_fds(self._host, [encode_message(message)], [fd])
        self._drop_memory()

    def _allocate(self, height_px: int, width_px: int) -> NDArray[np.uint8]:
        if self._memory is None:
            self._memory = SharedPage()
        return self._memory.allocate(height_px, width_px)

    def _drop_memory(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _await_credit(self) -> None:
        while not self._credit:
            received = self._host.recv(64)
            if not received:
                raise BrokenPipeError("the host has hung up")
            self._credit += len(received)
        self._credit -= 1

    def _send(self, message: SandboxMessage) -> None:
        self._host.send(encode_message(message))
