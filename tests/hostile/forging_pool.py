"""A pool whose children do what a document tells them: ``forge:<name>`` instead of an honest decoder's work.

Executed by tests in place of ``python -m lambda_file_open.pool``. Any other document is decoded as usual, so that a
test can have both in one pool.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time
from dataclasses import replace

import numpy as np

from lambda_file_open import jail, pool
from lambda_file_open.child import decode_job, receive_job
from lambda_file_open.shared_page import SEALS, SharedPage
from ocr_core.contracts.document import MediaType
from ocr_core.contracts.opening_wire import (
    MAX_REQUEST_BYTES,
    DocumentOpened,
    OpenEnded,
    OpenRequest,
    PageFailed,
    PageNotice,
    PageReady,
    decode_request,
    encode_message,
)
from ocr_core.contracts.page import TextLayerWord

HONEST = PageReady(
    number=1,
    width_px=40,
    height_px=30,
    stride_bytes=120,
    dpi=200,
    word_count=0,
    code_point_count=0,
    notices=PageNotice.NONE,
)


class Forger:
    """A child that has been taken over."""

    def __init__(self, host: socket.socket, request: OpenRequest) -> None:
        self.host = host
        self.request = request

    def document(self, page_count: int = 1, media_type: MediaType = MediaType.PDF) -> None:
        self.host.send(encode_message(DocumentOpened(media_type=media_type, page_count=page_count)))

    def memory(self, byte_count: int = 40 * 30 * 3) -> int:
        page = SharedPage()
        page.allocate(1, byte_count // 3 + 1)[:] = 7
        page._unmap()
        os.ftruncate(page.fd, byte_count)
        return page.fd

    def sealed(self, byte_count: int = 40 * 30 * 3) -> int:
        fd = self.memory(byte_count)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        return fd

    def page(self, fd: int, message: PageReady = HONEST) -> None:
        socket.send_fds(self.host, [encode_message(message)], [fd])

    def raw(self, message: PageReady = HONEST, **numbers: int) -> bytes:
        """A page's message with numbers that ``encode_message`` would write too, but that no decoder accepts."""
        return encode_message(replace(message, **numbers))  # type: ignore[arg-type]

    # What it says instead of a document.

    def wrong_magic(self) -> None:
        self.host.send(b"EVIL" + encode_message(OpenEnded())[4:])

    def short_message(self) -> None:
        self.host.send(encode_message(OpenEnded())[:-1])

    def long_message(self) -> None:
        self.host.send(b"A" * 200_000)

    def unknown_kind(self) -> None:
        message = bytearray(encode_message(OpenEnded()))
        message[4] = 99
        self.host.send(message)

    def padding_used(self) -> None:
        message = bytearray(encode_message(OpenEnded()))
        message[-1] = 1
        self.host.send(message)

    def no_pages(self) -> None:
        message = bytearray(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=1)))
        message[8:12] = struct.pack("<I", 0)
        self.host.send(message)

    def page_first(self) -> None:
        self.page(self.sealed())

    def end_first(self) -> None:
        self.host.send(encode_message(OpenEnded()))

    def document_with_memory(self) -> None:
        body = encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=1))
        socket.send_fds(self.host, [body], [self.sealed()])

    # What it says instead of a page.

    def end_early(self) -> None:
        self.document()
        self.host.send(encode_message(OpenEnded()))

    def document_twice(self) -> None:
        self.document()
        self.document()

    def wrong_number(self) -> None:
        self.document()
        self.page(self.sealed(), replace(HONEST, number=2))

    def failed_wrong_number(self) -> None:
        self.document()
        self.host.send(encode_message(PageFailed(number=7)))

    def no_memory(self) -> None:
        self.document()
        self.host.send(encode_message(HONEST))

    def failed_with_memory(self) -> None:
        self.document()
        socket.send_fds(self.host, [encode_message(PageFailed(number=1))], [self.sealed()])

    def two_memories(self) -> None:
        self.document()
        socket.send_fds(self.host, [encode_message(HONEST)], [self.sealed(), self.sealed()])

    def many_memories(self) -> None:
        self.document()
        socket.send_fds(self.host, [encode_message(HONEST)], [self.sealed()] * 200)

    def wrong_stride(self) -> None:
        self.document()
        socket.send_fds(self.host, [self.raw(stride_bytes=124)], [self.sealed()])

    def zero_width(self) -> None:
        self.document()
        socket.send_fds(self.host, [self.raw(width_px=0, stride_bytes=0)], [self.sealed()])

    def huge_side(self) -> None:
        self.document()
        socket.send_fds(self.host, [self.raw(width_px=2**31, stride_bytes=2**32 - 1)], [self.sealed()])

    def too_many_pixels(self) -> None:
        self.document()
        message = replace(HONEST, width_px=20_000, stride_bytes=60_000, height_px=20_000)
        self.page(self.sealed(), message)

    def unknown_notice(self) -> None:
        self.document()
        socket.send_fds(self.host, [self.raw(notices=128)], [self.sealed()])

    def memory_too_small(self) -> None:
        self.document()
        self.page(self.sealed(40 * 30 * 3 - 1))

    def memory_too_large(self) -> None:
        self.document()
        self.page(self.sealed(40 * 30 * 3 + 4096))

    def memory_not_sealed(self) -> None:
        self.document()
        self.page(self.memory())

    def memory_is_a_pipe(self) -> None:
        self.document()
        self.page(os.pipe()[0])

    def memory_is_a_file(self) -> None:
        self.document()
        self.page(os.open("/etc/passwd", os.O_RDONLY))

    def memory_is_a_socket(self) -> None:
        self.document()
        self.page(self.host.fileno())

    def words_unasked(self) -> None:
        self._words((TextLayerWord(text="a", quad=((0, 0), (9, 0), (9, 9), (0, 9))),))

    def word_outside(self) -> None:
        self._words((TextLayerWord(text="a", quad=((0, 0), (99, 0), (99, 9), (0, 9))),))

    def word_nowhere(self) -> None:
        nan = float("nan")
        self._words((TextLayerWord(text="a", quad=((nan, 0), (9, 0), (9, 9), (0, 9))),))

    def word_control(self) -> None:
        self._words((TextLayerWord(text="a\x1b", quad=((0, 0), (9, 0), (9, 9), (0, 9))),))

    def word_too_long(self) -> None:
        self._words((TextLayerWord(text="a" * 300, quad=((0, 0), (9, 0), (9, 9), (0, 9))),))

    def _words(self, words: tuple[TextLayerWord, ...]) -> None:
        self.document()
        page = SharedPage()
        page.allocate(30, 40)[:] = 7
        fd, _ = page.seal(width_px=40, height_px=30, words=words)
        code_points = sum(len(word.text) for word in words)
        self.page(fd, replace(HONEST, word_count=len(words), code_point_count=code_points))

    def flood(self) -> None:
        self.document(page_count=2)
        while True:
            self.page(self.sealed(40 * 30 * 3), HONEST)

    # What it does instead of speaking.

    def segfault(self) -> None:
        ctypes.string_at(0)

    def abort(self) -> None:
        os.abort()

    def leave(self) -> None:
        os._exit(0)

    def hang_up_and_stay(self) -> None:
        self.host.close()
        time.sleep(60)

    def stay_after_document(self) -> None:
        self.document()
        self.hang_up_and_stay()

    def sleep(self) -> None:
        time.sleep(60)

    def sleep_after_document(self) -> None:
        self.document()
        time.sleep(60)

    def spin(self) -> None:
        while True:
            pass

    def eat_memory(self) -> None:
        eaten = []
        while True:
            eaten.append(np.ones(1 << 20))

    def killed(self) -> None:
        """As by the machine's own out-of-memory killer."""
        os.kill(os.getpid(), signal.SIGKILL)

    def killed_with_much_memory(self) -> None:
        np.ones(self.request.limits.max_memory_bytes * 9 // 10, dtype=np.uint8)
        self.killed()

    def grow_file(self) -> None:
        os.ftruncate(self.memory(), 1 << 34)

    def crash_on_page_2(self) -> None:
        self._crash_on({2})

    def crash_on_every_page(self) -> None:
        self._crash_on(set(range(1, 100)))

    def _crash_on(self, deadly: set[int]) -> None:
        page_count = 12
        self.document(page_count=page_count)
        for number in self.request.selection.numbers(page_count):
            if number in deadly:
                os.kill(os.getpid(), signal.SIGSEGV)
            self.page(self.sealed(), replace(HONEST, number=number))
            if not self.host.recv(64):
                return

    def show_jail(self) -> None:
        """A page of one row whose pixels tell how this process is locked."""
        libc = ctypes.CDLL(None)
        open_files = [fd for fd in range(256) if _is_open(fd)]
        facts = [
            libc.prctl(39, 0, 0, 0, 0),  # PR_GET_NO_NEW_PRIVS
            libc.prctl(3, 0, 0, 0, 0),  # PR_GET_DUMPABLE
            resource.getrlimit(resource.RLIMIT_CORE)[1],
            resource.getrlimit(resource.RLIMIT_NPROC)[1],
            resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            len(open_files),
            # Python itself adds the second to an empty environment (PEP 538).
            len(set(os.environ) - {"OPENBLAS_NUM_THREADS", "LC_CTYPE"}),
            resource.getrlimit(resource.RLIMIT_CPU)[1],
        ]
        self.document()
        page = SharedPage()
        page.allocate(1, len(facts))[0, :, 0] = facts
        fd, _ = page.seal(width_px=len(facts), height_px=1, words=())
        self.page(fd, replace(HONEST, width_px=len(facts), height_px=1, stride_bytes=len(facts) * 3))


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def run(job_channel: socket.socket, early: bool) -> None:
    """Forge where the document says so."""
    memory = SharedPage(reserve_bytes=1 << 20 if early else 0)
    job = receive_job(job_channel)
    if job is None:
        return
    document_fd, host = job
    document = mmap.mmap(document_fd, os.fstat(document_fd).st_size, access=mmap.ACCESS_READ)
    if document[:6] != b"forge:":
        decode_job(document_fd, host, memory)
        return
    request = decode_request(host.recv(MAX_REQUEST_BYTES + 1))
    jail.lock(request.limits, timeout_s=request.timeout_s)
    getattr(Forger(host, request), document[6:].decode())()
    # An honest host has read what it wants and hangs up; until then the socket stays open.
    host.recv(64)


if __name__ == "__main__":
    sys.exit(pool.main(run))
