"""The opener as a container of its own: it listens on a unix socket and forks a pool for every service that connects.

Memory crosses through that socket, so container and services share a machine and the folder that the socket lies in,
and nothing else: the container needs no network, no capability, and no file to write (``docker-compose.yml``). Where
it has a network all the same, as in a pod, the server and its pools cannot use it (``jail.give_up_network``).

    python -m lambda_file_open.server --socket /run/file-opener/socket
    python -m lambda_file_open.server --socket /run/file-opener/socket --check     # exit status 0 where it serves
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from lambda_file_open import jail
from lambda_file_open.child import RunChild, run_child
from lambda_file_open.pool import Pool, prepare
from ocr_core.contracts.pool_wire import MESSAGE_BYTES, PoolMessage, PoolMessageKind

MAX_POOLS = 64
"""Services connected at the same time; one more is hung up on, and tries again."""
_BACKLOG = 16
_PAUSE_S = 0.1
_LOOK_EVERY_S = 1.0
_CHECK_TIMEOUT_S = 5.0


class Server:
    """Accepts connections; each is the control socket of a pool in a process of its own.

    A service that goes, or is killed, closes its socket: its pool ends, and every child of it.

    Args:
        listener: As ``listen`` makes it.
        run: What a child does.
        ready: From ``prepare``.
    """

    def __init__(self, listener: socket.socket, run: RunChild, *, ready: PoolMessage) -> None:
        self._listener = listener
        self._run = run
        self._ready = ready
        self._pools: set[int] = set()

    def serve(self) -> None:
        """Serve until the process is ended."""
        # A signal that comes just before the call is seen after it only, and nobody may ever connect again.
        self._listener.settimeout(_LOOK_EVERY_S)
        while True:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                self._reap()
                continue
            except OSError:  # out of descriptors, for the moment
                time.sleep(_PAUSE_S)
                continue
            self._reap()
            with connection:
                if len(self._pools) < MAX_POOLS:
                    with contextlib.suppress(OSError):  # out of processes: the service tries again
                        self._pools.add(self._fork(connection))

    def _fork(self, connection: socket.socket) -> int:
        parent_pid = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            jail.die_with_parent(parent_pid)
            self._listener.close()
            Pool(connection, self._run, ready=self._ready).serve()
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        """Let the kernel forget pools that have ended."""
        for pid in list(self._pools):
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                self._pools.discard(pid)


def listen(socket_path: Path) -> socket.socket:
    """A listening SEQPACKET socket that only this user's processes may connect to.

    What lies there from an earlier run is replaced.

    Raises:
        OSError: it cannot be made there.
        SystemExit: another server listens there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other, contextlib.suppress(OSError):
        other.connect(str(socket_path))
        raise SystemExit(f"another file opener listens at {socket_path}")
    socket_path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    try:
        listener.bind(str(socket_path))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def check(socket_path: Path) -> bool:
    """Whether a server answers there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.settimeout(_CHECK_TIMEOUT_S)
        try:
            control.connect(str(socket_path))
            return PoolMessage.decode(control.recv(MESSAGE_BYTES + 1)).kind is PoolMessageKind.READY
        except (OSError, ValueError):
            return False


def _end(*_: object) -> None:
    raise SystemExit(0)


def main(run: RunChild = run_child) -> int:
    """Start as told on the command line, and serve."""
    parser = argparse.ArgumentParser(description="the file opener as a container of its own")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--check", action="store_true", help="ask a running server instead")
    arguments = parser.parse_args()
    if arguments.check:
        return 0 if check(arguments.socket) else 1
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    jail.give_up_network()
    # First, while there still is a standard error for what may go wrong. Who connects now waits.
    with listen(arguments.socket) as listener:
        Server(listener, run, ready=prepare()).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
