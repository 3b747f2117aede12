"""A pool whose children do what a document tells them, instead of an honest decoder's work.

``forge:<name>`` is a child that lies, with no lock on it at all: the host's own checks must do without.
``attack:<name>`` is code that runs behind the lock and wants out (``attacks``). Any other document is decoded as usual,
so that a test can have all of them in one pool. Executed by tests in place of ``python -m lambda_file_open.pool`` or
``lambda_file_open.server``.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import signal
import socket
import struct
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from attacks import Attack

from lambda_file_open import pool, server
from lambda_file_open.child import decode_job, receive_job, receive_request
from lambda_file_open.jail import Jail
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.document import MediaType
from ocr_core.contracts.opening_wire import (
    DocumentOpened,
    Failure,
    OpenEnded,
    OpenFailed,
    OpenRequest,
    OwnMemory,
    PageFailed,
    PageNotice,
    PageReady,
    encode_message,
)
from ocr_core.contracts.page import TextLayerWord

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

HONEST = PageReady(
    number=1,
    width_px=40,
    height_px=30,
    stride_bytes=120,
    dpi=200,
    word_count=0,
    code_point_count=0,
    memory=0,
    notices=PageNotice.NONE,
)


class Forger:
    """A child that has been taken over, and that nothing holds."""

    def __init__(self, host: socket.socket, request: OpenRequest, memories: list[SharedPage]) -> None:
        self.host = host
        self.request = request
        self.memories = memories
        self.count = len(memories)

    def document(self, page_count: int = 1, media_type: MediaType = MediaType.PDF) -> None:
        self.host.send(encode_message(DocumentOpened(media_type=media_type, page_count=page_count)))

    def given(self) -> int:
        """The number of memory that was made for a page, with an honest page in it."""
        memory = self.memories.pop(0)
        memory.allocate(30, 40)[:] = 7
        memory.finish(width_px=40, height_px=30, words=())
        return memory.number

    def page(self, memory: int, message: PageReady = HONEST) -> None:
        self.host.send(encode_message(replace(message, memory=memory)))

    def raw(self, **numbers: int) -> None:
        """A page's message with numbers that ``encode_message`` would write too, but that no decoder accepts."""
        self.host.send(encode_message(replace(HONEST, memory=self.given(), **numbers)))  # type: ignore[arg-type]

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
        self.page(self.given())

    def end_first(self) -> None:
        self.host.send(encode_message(OpenEnded()))

    def document_with_descriptor(self) -> None:
        body = encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=1))
        socket.send_fds(self.host, [body], [self.memories[0].fd])

    def nothing_said(self) -> None:
        """An empty message, which looks like the end of a conversation, from a child that lives on."""
        self.host.send(b"")
        time.sleep(60)

    def memory_again(self) -> None:
        socket.send_fds(self.host, [encode_message(OwnMemory())], [self.memories[0].fd])

    # What it says instead of a page.

    def end_early(self) -> None:
        self.document()
        self.host.send(encode_message(OpenEnded()))

    def document_twice(self) -> None:
        self.document()
        self.document()

    def wrong_number(self) -> None:
        self.document()
        self.page(self.given(), replace(HONEST, number=2))

    def failed_wrong_number(self) -> None:
        self.document()
        self.host.send(encode_message(PageFailed(number=7, memory=0)))

    def failed_without_memory(self) -> None:
        self.document()
        self.host.send(encode_message(PageFailed(number=1, memory=77)))

    def page_with_descriptor(self) -> None:
        self.document()
        socket.send_fds(self.host, [encode_message(HONEST)], [self.memories[1].fd])

    def many_descriptors(self) -> None:
        self.document()
        socket.send_fds(self.host, [encode_message(HONEST)], [self.memories[1].fd] * 200)

    def memory_of_nobody(self) -> None:
        self.document()
        self.page(77)

    def memory_twice(self) -> None:
        self.document(page_count=2)
        memory = self.given()
        self.page(memory)
        self.page(memory, replace(HONEST, number=2))

    def wrong_stride(self) -> None:
        self.document()
        self.raw(stride_bytes=124)

    def zero_width(self) -> None:
        self.document()
        self.raw(width_px=0, stride_bytes=0)

    def huge_side(self) -> None:
        self.document()
        self.raw(width_px=2**31, stride_bytes=2**32 - 1)

    def too_many_pixels(self) -> None:
        self.document()
        self.raw(width_px=20_000, stride_bytes=60_000, height_px=20_000)

    def unknown_notice(self) -> None:
        self.document()
        self.raw(notices=128)

    def memory_shrunk(self) -> None:
        self.document()
        fd = self.memories[0].fd
        memory = self.given()
        os.ftruncate(fd, 100)
        self.page(memory)

    def memory_shrinks(self) -> None:
        """While the host looks at it."""
        self.document()
        fd = self.memories[0].fd
        self.page(self.given())
        os.ftruncate(fd, 0)

    def memory_sealed_already(self) -> None:
        self.document()
        fd = self.memories[0].fd
        memory = self.given()
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        self.page(memory)

    def memory_still_written(self) -> None:
        self.document()
        fd = self.memories[0].fd
        memory = self.given()
        self.kept = mmap.mmap(fd, 40 * 30 * 3)
        self.page(memory)

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
        memory = self.memories.pop(0)
        memory.allocate(30, 40)[:] = 7
        memory.finish(width_px=40, height_px=30, words=words)
        code_points = sum(len(word.text) for word in words)
        self.page(memory.number, replace(HONEST, word_count=len(words), code_point_count=code_points))

    def flood(self) -> None:
        self.document(page_count=2)
        while True:
            self.host.send(encode_message(HONEST))

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

    def killed(self) -> None:
        """As by the machine's own out-of-memory killer."""
        os.kill(os.getpid(), signal.SIGKILL)

    def crash_on_page_2(self) -> None:
        self._crash_on({2})

    def crash_on_every_page(self) -> None:
        self._crash_on(set(range(1, 100)))

    def crash_before_broken_pages(self) -> None:
        """The first child dies on page 2 of three; the next finds page 3 damaged, and that is all it knows of."""
        numbers = self.request.selection.numbers(3)
        self.document(page_count=3)
        if numbers == [3]:
            self.host.send(encode_message(OpenFailed(failure=Failure.UNREADABLE, value=0)))
            return
        self.page(self.given())
        os.kill(os.getpid(), signal.SIGSEGV)

    def crash_on_5_pages(self) -> None:
        self._crash_on({2, 3, 5, 6, 7})

    def crash_on_6_pages(self) -> None:
        self._crash_on({2, 3, 5, 6, 7, 8})

    def spin_and_crash(self) -> None:
        """A second of work for each page that it then dies of."""
        self.document(page_count=12)
        while time.process_time() < 1:
            pass
        os.kill(os.getpid(), signal.SIGSEGV)

    def _crash_on(self, deadly: set[int]) -> None:
        page_count = 12
        self.document(page_count=page_count)
        for number in self.request.selection.numbers(page_count):
            if number in deadly:
                os.kill(os.getpid(), signal.SIGSEGV)
            self.page(self.given(), replace(HONEST, number=number))
            if not self.memories and not self.more():
                return

    def more(self) -> bool:
        """Wait for memory; whether there is any."""
        received, descriptors, _, _ = socket.recv_fds(self.host, 64, 2)
        self.memories.extend(SharedPage(fd, self.count + at) for at, fd in enumerate(descriptors))
        self.count += len(descriptors)
        return bool(received)


def run(job_channel: socket.socket, early: bool) -> None:
    """Forge or attack where the document says so."""
    pool_pid = os.getppid()
    memory = SharedPage.reserve(1 << 20 if early else 0)
    jail = Jail()
    # What follows may be told to do without the lock, of which this is the first half.
    job = receive_job(job_channel)
    if job is None:
        return
    document_fd, host = job
    document = mmap.mmap(document_fd, os.fstat(document_fd).st_size, access=mmap.ACCESS_READ)
    kind, _, name = document[:64].partition(b":")
    if kind == b"forge":
        request, memories = receive_request(host, memory)
        forger = Forger(host, request, memories)  # kept, with what it keeps
        getattr(forger, name.decode())()
        # An honest host has read what it wants and hangs up; until then the socket stays open.
        host.recv(64)
        return
    jail.prepare()
    if kind == b"attack":
        Attack(host, memory, jail, document_fd=document_fd, pool_pid=pool_pid).run(name.decode())
    else:
        decode_job(document_fd, host, memory, jail)


if __name__ == "__main__":
    sys.exit(server.main(run) if "--socket" in sys.argv else pool.main(run))
