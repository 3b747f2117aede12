"""What code that has taken a decoder over would try, from behind the lock. Run by ``forging_pool``'s children.

Each method is one attempt. One that the lock answers with an error ends as a page whose only pixel is that error's
number; one that succeeds ends as a page with 255; and one that the lock kills ends nothing.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np

from lambda_file_open.child import receive_request
from lambda_file_open.jail import Jail
from lambda_file_open.shared_page import SharedPage
from ocr_core.contracts.document import MediaType
from ocr_core.contracts.opening_wire import (
    DocumentOpened,
    PageFailed,
    PageNotice,
    PageReady,
    encode_message,
)

ESCAPED = 255
_X86 = os.uname().machine == "x86_64"
_NUMBERS = {  # on x86-64, on arm64
    "clone": (56, 220),
    "futex": (202, 98),
    "clone3": (435, 435),
    "execveat": (322, 281),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "memfd_secret": (447, 447),
    "landlock_create_ruleset": (444, 444),
    "process_vm_readv": (310, 270),
    "kexec_load": (246, 104),
    "getpid_x32": (0x4000_0000 + 39, 0x4000_0000 + 39),
    "not_made_yet": (9_999, 9_999),
}
_CLONE_NEWUSER = 0x1000_0000
_PTRACE_ATTACH = 16

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p


def checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def call(name: str, *arguments: object) -> int:
    number = _NUMBERS[name][0 if _X86 else 1]
    return checked(libc.syscall(ctypes.c_long(number), *arguments))


class Attack:
    """One child, locked as every other, that then does what it was told."""

    def __init__(self, host: socket.socket, memory: SharedPage, jail: Jail, *, document_fd: int, pool_pid: int) -> None:
        self.host = host
        self.document_fd = document_fd  # an honest child has closed it
        self.pool_pid = pool_pid
        self.request, self.memories = receive_request(host, memory)
        self.page = mmap.mmap(-1, mmap.PAGESIZE)
        jail.lock(self.request.limits, timeout_s=self.request.timeout_s)

    def run(self, name: str) -> None:
        try:
            getattr(self, name)()
        except OSError as error:
            outcome = error.errno or 0
        else:
            outcome = ESCAPED
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PNG, page_count=1)))
        self.memories[0].allocate(1, 1)[:] = outcome
        self.send_page(1, 1)
        self.host.recv(64)

    def send_page(self, width_px: int, height_px: int) -> None:
        """Whatever lies in the first memory, as a page of this size."""
        memory = self.memories[0]
        memory.finish(width_px=width_px, height_px=height_px, words=())
        message = PageReady(
            number=1,
            width_px=width_px,
            height_px=height_px,
            stride_bytes=width_px * 3,
            dpi=0,
            word_count=0,
            code_point_count=0,
            memory=memory.number,
            notices=PageNotice.NONE,
        )
        self.host.send(encode_message(message))

    # To the network.

    def socket_inet(self) -> None:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def socket_unix(self) -> None:
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def socket_pair(self) -> None:
        socket.socketpair()

    def socket_listen(self) -> None:
        self.host.listen()

    def socket_raw(self) -> None:
        checked(libc.socket(17, 3, 0x0300))  # AF_PACKET, SOCK_RAW, ETH_P_ALL

    def send_descriptor(self) -> None:
        """The kernel counts what is on its way by user: enough of it, and nobody's page comes through."""
        socket.send_fds(self.host, [b"x"], [self.memories[0].fd])

    # To other code.

    def fork(self) -> None:
        os.fork()

    def clone(self) -> None:
        call("clone", signal.SIGCHLD, 0, 0, 0, 0)

    def clone3(self) -> None:
        call("clone3", None, 0)

    def thread(self) -> None:
        threading.Thread(target=time.sleep, args=(0,)).start()

    def execute(self) -> None:
        os.execv("/bin/sh", ["sh", "-c", "true"])  # noqa: S606

    def execute_memory(self) -> None:
        call("execveat", self.document_fd, b"", None, None, 0x1000)

    def executable_memory(self) -> None:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)

    def executable_document(self) -> None:
        mmap.mmap(self.document_fd, 1, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)

    def make_memory_executable(self) -> None:
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.page))
        checked(libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 5))

    def call_x32(self) -> None:
        call("getpid_x32")

    def call_unknown(self) -> None:
        call("not_made_yet")

    # To other processes.

    def ptrace(self) -> None:
        checked(libc.ptrace(_PTRACE_ATTACH, self.pool_pid, None, None))

    def read_memory_of_pool(self) -> None:
        call("process_vm_readv", self.pool_pid, None, 0, None, 0, 0)

    def open_memory_of_pool(self) -> None:
        os.open(f"/proc/{self.pool_pid}/mem", os.O_RDONLY)

    def open_descriptors_of_pool(self) -> None:
        os.open(f"/proc/{self.pool_pid}/fd", os.O_DIRECTORY)

    def take_descriptor_of_pool(self) -> None:
        call("pidfd_getfd", call("pidfd_open", self.pool_pid, 0), 0, 0)

    def kill_pool(self) -> None:
        os.kill(self.pool_pid, signal.SIGKILL)

    def signal_pool(self) -> None:
        checked(libc.tgkill(self.pool_pid, self.pool_pid, signal.SIGABRT))

    def signal_itself(self) -> None:
        """To be taken for a victim of something else."""
        signal.pthread_kill(threading.get_ident(), signal.SIGALRM)

    def read_others_clock(self) -> None:
        time.clock_gettime((~self.pool_pid << 3) | 2)

    def ask_where_others_run(self) -> None:
        os.sched_getaffinity(self.pool_pid)

    def merge_memory(self) -> None:
        self.page.madvise(mmap.MADV_MERGEABLE)

    def futex_with_priority(self) -> None:
        call("futex", None, 6, 0, None, None, 0)  # FUTEX_LOCK_PI

    def kill_everybody(self) -> None:
        os.kill(-1, signal.SIGKILL)

    def be_traced(self) -> None:
        checked(libc.ptrace(0, 0, None, None))

    # To more rights.

    def unshare(self) -> None:
        checked(libc.unshare(_CLONE_NEWUSER))

    def join_namespace(self) -> None:
        checked(libc.setns(self.document_fd, 0))

    def mount(self) -> None:
        checked(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))

    def change_root(self) -> None:
        os.chroot("/")

    def become_root(self) -> None:
        os.setuid(0)

    def be_inspectable(self) -> None:
        checked(libc.prctl(4, ctypes.c_ulong(1), 0, 0, 0))  # PR_SET_DUMPABLE

    def raise_limits(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))

    def another_filter(self) -> None:
        checked(libc.prctl(22, ctypes.c_ulong(2), None, 0, 0))  # PR_SET_SECCOMP

    def kernel_ring(self) -> None:
        call("io_uring_setup", 1, None)

    def kernel_program(self) -> None:
        call("bpf", 0, None, 0)

    def kernel_faults(self) -> None:
        call("userfaultfd", 0)

    def kernel_keys(self) -> None:
        call("keyctl", 0, 0, 0, 0, 0)

    def kernel_counters(self) -> None:
        call("perf_event_open", None, 0, -1, -1, 0)

    # To files.

    def write_in_tmp(self) -> None:
        os.open("/tmp/escaped", os.O_WRONLY | os.O_CREAT, 0o600)  # noqa: S108

    def write_in_shm(self) -> None:
        os.open("/dev/shm/escaped", os.O_WRONLY | os.O_CREAT, 0o600)  # noqa: S108

    def write_here(self) -> None:
        Path("escaped").write_bytes(b"x")

    def write_null(self) -> None:
        os.open("/dev/null", os.O_WRONLY)

    def remove(self) -> None:
        Path(__file__).unlink()

    def make_folder(self) -> None:
        Path("/tmp/escaped").mkdir()  # noqa: S108

    def link(self) -> None:
        Path("/tmp/escaped").symlink_to("/etc/passwd")  # noqa: S108

    def rename(self) -> None:
        Path("/tmp/a").rename("/tmp/b")  # noqa: S108

    def read_passwd(self) -> None:
        Path("/etc/passwd").read_bytes()

    def read_environment(self) -> None:
        Path("/proc/self/environ").read_bytes()

    def read_own_memory(self) -> None:
        os.open("/proc/self/mem", os.O_RDWR)

    def list_root(self) -> None:
        os.open("/", os.O_DIRECTORY)

    def look_at_file(self) -> None:
        os.stat("/etc/passwd")  # noqa: PTH116

    def reopen_document(self) -> None:
        os.open(f"/proc/self/fd/{self.document_fd}", os.O_RDWR)

    def make_memory_file(self) -> None:
        os.memfd_create("more")

    def write_document(self) -> None:
        os.pwrite(self.document_fd, b"x", 0)

    def truncate_document(self) -> None:
        os.ftruncate(self.document_fd, 0)

    def grow_page(self) -> None:
        """Beyond what the host has made it: more memory than the limit."""
        os.pwrite(self.memories[0].fd, b"x", 1 << 33)

    def shrink_page(self) -> None:
        os.ftruncate(self.memories[0].fd, 0)

    def make_pipe(self) -> None:
        os.pipe()

    # Against the machine.

    def eat_memory(self) -> None:
        eaten = []
        while True:
            eaten.append(np.ones(1 << 20))

    def reserve_3_gib(self) -> None:
        mmap.mmap(-1, 3 << 30)

    def abort_with_much_memory(self) -> None:
        self.eaten = np.ones(self.request.limits.max_memory_bytes * 9 // 10, dtype=np.uint8)
        os.abort()

    def spin(self) -> None:
        while True:
            pass

    def spin_deaf(self) -> None:
        """With every signal blocked that can be."""
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        self.spin()

    def sleep(self) -> None:
        time.sleep(60)

    def segfault(self) -> None:
        ctypes.string_at(0)

    def abort(self) -> None:
        os.abort()

    def leave(self) -> None:
        os._exit(0)

    def flood_output(self) -> None:
        for _ in range(2_000):
            os.write(1, b"x" * 65_536)
            os.write(2, b"x" * 65_536)
        os.abort()

    def flood_host(self) -> None:
        while True:
            self.host.send(b"x" * 40)

    def wrong_sizes(self) -> None:
        """A page's header that says of a small page that it is larger than any may be."""
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=1)))
        self.send_page(6_000, 6_000)
        self.host.recv(64)

    def hoard(self) -> None:
        """Fill all of a page's memory, call it a page of one pixel, and keep what it has mapped."""
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=10)))
        self.memories[0].allocate(5_000, 5_000)[:] = 7
        self.keep(self.memories[0])
        self.send_page(1, 1)
        time.sleep(60)

    def hoard_failed_pages(self) -> None:
        """Fill memory after memory, call each a page that failed, and keep what it has mapped."""
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=10)))
        for number in range(1, 9):
            memory = self.memories.pop(0)
            memory.allocate(5_000, 5_000)[:] = 7
            self.keep(memory)
            self.host.send(encode_message(PageFailed(number=number, memory=memory.number)))
            memory.close()
            _, descriptors, _, _ = socket.recv_fds(self.host, 64, 2)
            self.memories.extend(SharedPage(fd, number + 1 + at) for at, fd in enumerate(descriptors))
        time.sleep(60)

    def keep(self, memory: SharedPage) -> None:
        """A mapping that needs no descriptor (Python's own would keep one), and that no seal ends."""
        size, place = ctypes.c_size_t(mmap.PAGESIZE), ctypes.c_long(0)
        if libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_PRIVATE, memory.fd, place) == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap")

    def never_take_memory(self) -> None:
        """Name memory as it is given, without ever looking at what came: it stays on its way."""
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=30)))
        for number in range(1, 31):
            self.host.send(encode_message(PageFailed(number=number, memory=number - 1)))
            time.sleep(0.02)
        time.sleep(60)

    def holes(self) -> None:
        """A page that was never written: whoever reads it pays for it."""
        self.memories = self.memories[1:]
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=1)))
        self.send_page(4_000, 4_000)
        self.host.recv(64)

    def violate_behind_a_page(self) -> None:
        """While nobody waits for it."""
        self.host.send(encode_message(DocumentOpened(media_type=MediaType.PDF, page_count=2)))
        self.memories[0].allocate(1, 1)[:] = 7
        self.send_page(1, 1)
        socket.socket()

    def violate_with_much_memory(self) -> None:
        self.eaten = np.ones(self.request.limits.max_memory_bytes * 9 // 10, dtype=np.uint8)
        socket.socket()

    def show_lock(self) -> None:
        """Nothing: what is seen from outside is looked at."""
        time.sleep(60)
