"""One child, one file: wait for it, lock, decode, hand the pages over, end."""

from __future__ import annotations

import mmap
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from lambda_file_open.decoding import DecodedPage, OpeningFailed
from lambda_file_open.handler import decode_pages, open_file
from lambda_file_open.jail import Jail
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.opening_wire import (
    MAX_REQUEST_BYTES,
    PAGES_IN_FLIGHT,
    DocumentOpened,
    Failure,
    OpenEnded,
    OpenFailed,
    OpenRequest,
    OwnMemory,
    PageFailed,
    PageReady,
    SandboxMessage,
    decode_request,
    encode_message,
)
from ocr_core.contracts.page_memory import TYPICAL_PAGE_BYTES, page_memory_bytes

_SMALL_PART = 8
"""A page that is so much smaller than the memory touched for it is better off in fresh memory: to unmap and free 11 MB
costs 3 ms, half of what a small file takes in all."""

RunChild = Callable[[socket.socket, bool], None]
"""What a forked child does: ``(job_channel, early)``; ``early`` says that there is time before the file comes."""


def run_child(job_channel: socket.socket, early: bool) -> None:
    """Receive a job, do it, and return; the caller ends the process."""
    jail = Jail()
    jail.prepare()
    memory = SharedPage.reserve(TYPICAL_PAGE_BYTES if early else 0, is_wanted=lambda: _has_come(job_channel))
    job = receive_job(job_channel)
    if job is not None:
        decode_job(*job, memory, jail)


def _has_come(job_channel: socket.socket) -> bool:
    poll = select.poll()
    poll.register(job_channel, select.POLLIN)
    return bool(poll.poll(0))


def decode_job(document_fd: int, host: socket.socket, memory: SharedPage, jail: Jail) -> None:
    """Lock this process, then decode the document and send its pages."""
    request, memories = receive_request(host, memory)
    document = mmap.mmap(document_fd, os.fstat(document_fd).st_size, access=mmap.ACCESS_READ)
    os.close(document_fd)
    jail.lock(request.limits, timeout_s=request.timeout_s)
    # Closed by hand: Python's warning of a socket that was not asks the kernel for its name, which ends the process.
    with host:
        PageSender(host, memories).send_document(document, request)


def receive_request(host: socket.socket, memory: SharedPage) -> tuple[OpenRequest, list[SharedPage]]:
    """What the host asks, and the memory for the first pages: our own, which it is told of, then the host's."""
    body, descriptors, _, _ = socket.recv_fds(host, MAX_REQUEST_BYTES + 1, PAGES_IN_FLIGHT)
    request = decode_request(body)
    memory.fix(page_memory_bytes(request.limits))
    socket.send_fds(host, [encode_message(OwnMemory())], [memory.fd])
    return request, [memory, *(SharedPage(fd, number) for number, fd in enumerate(descriptors, start=1))]


def receive_job(job_channel: socket.socket) -> tuple[int, socket.socket] | None:
    """The document's descriptor and the socket to the host; ``None`` when the pool ended instead."""
    _, descriptors, _, _ = socket.recv_fds(job_channel, 1, 2)
    job_channel.close()
    if len(descriptors) != 2:
        return None
    return descriptors[0], socket.socket(fileno=descriptors[1])


class PageSender:
    """Sends a document's pages, each in memory that the host has given for it: never more ahead than it allows."""

    def __init__(self, host: socket.socket, memories: Iterable[SharedPage]) -> None:
        self._host = host
        self._memories = deque(memories)
        self._given = len(self._memories)

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
            self._await_memory()
            number, page = next(pages)
            memory = self._memories.popleft()
            if isinstance(page, DecodedPage):
                self._send_page(number, page, memory)
            else:
                self._send(PageFailed(number=number, memory=memory.number, failure=page))
            memory.close()
        self._send(OpenEnded())

    def _send_page(self, number: int, page: DecodedPage, memory: SharedPage) -> None:
        memory.finish(width_px=page.width_px, height_px=page.height_px, words=page.words)
        message = PageReady(
            number=number,
            width_px=page.width_px,
            height_px=page.height_px,
            stride_bytes=page.width_px * 3,
            dpi=page.dpi,
            word_count=len(page.words),
            code_point_count=sum(len(word.text) for word in page.words),
            memory=memory.number,
            notices=page.notices,
        )
        self._send(message)

    def _allocate(self, height_px: int, width_px: int) -> NDArray[np.uint8]:
        if height_px * width_px * 3 * _SMALL_PART < self._memories[0].touched_bytes and len(self._memories) > 1:
            self._memories.rotate(-1)
        return self._memories[0].allocate(height_px, width_px)

    def _await_memory(self) -> None:
        while not self._memories:
            received, descriptors, _, _ = socket.recv_fds(self._host, 64, PAGES_IN_FLIGHT)
            if not received:
                raise BrokenPipeError("the host has hung up")
            self._memories.extend(SharedPage(fd, self._given + at) for at, fd in enumerate(descriptors))
            self._given += len(descriptors)

    def _send(self, message: SandboxMessage) -> None:
        self._host.send(encode_message(message))
