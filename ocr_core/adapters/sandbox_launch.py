"""How the host comes by a pool: it executes one on this machine, or connects to one in a container beside it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ocr_core.settings import BwrapUse

logger = logging.getLogger(__name__)

LOCAL_POOL_COMMAND: tuple[str, ...] = (sys.executable, "-I", "-m", "lambda_file_open.pool")
"""This environment's Python, isolated from the user's settings; the control socket's number is appended."""

_PROBE_TIMEOUT_S = 3.0
_CLOSE_TIMEOUT_S = 2.0
_PACKAGES = ("lambda_file_open", "ocr_core")


class RunningPool(Protocol):
    """A pool that is starting or running."""

    control: socket.socket
    """Connected SEQPACKET socket, non-blocking."""

    @property
    def pid(self) -> int | None:
        """Of what was executed; ``None`` where the pool belongs to a server."""
        ...

    async def end(self, *, graceful: bool) -> None:
        """Wait until it is gone; its control socket is closed, so it ends by itself unless it is stuck."""
        ...


class Launcher(Protocol):
    """A way to a pool. ``launch`` is quick; the pool says by itself when it is ready."""

    def launch(self) -> RunningPool:
        """Begin.

        Raises:
            OSError: it is not to be had.
        """
        ...


@dataclass(slots=True, kw_only=True)
class _ExecutedPool:
    control: socket.socket
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int | None:
        return self.process.pid

    async def end(self, *, graceful: bool) -> None:
        if not graceful:
            self.process.kill()
        try:
            await asyncio.to_thread(self.process.wait, _CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


@dataclass(slots=True, kw_only=True)
class _ConnectedPool:
    control: socket.socket

    @property
    def pid(self) -> int | None:
        return None

    async def end(self, *, graceful: bool) -> None:
        del graceful  # It belongs to its server, which reaps it.


class ExecutingLauncher:
    """Executes the pool with an empty environment and one descriptor.

    Args:
        command: What to execute; ``--control-fd N`` is appended.
        bwrap: Whether in namespaces of its own.
    """

    def __init__(self, command: Sequence[str] = LOCAL_POOL_COMMAND, *, bwrap: BwrapUse = BwrapUse.NEVER) -> None:
        self._command = tuple(command)
        self._bwrap = bwrap
        self._walled_command: tuple[str, ...] | None = None

    def _walled(self) -> tuple[str, ...]:
        """The command with what is put around it; looked for once."""
        if self._walled_command is None:
            walled = self._bwrap is BwrapUse.ALWAYS or (self._bwrap is BwrapUse.AUTO and bwrap_works())
            self._walled_command = bwrap_command(self._command) if walled else self._command
            logger.info(
                "the file opener is executed %s bwrap",
                "inside" if walled else "without",
                extra={"action": "opener_launch"},
            )
        return self._walled_command

    def launch(self) -> RunningPool:
        """See ``Launcher``. Call it from the thread that stays: the kernel ends the pool when that thread ends."""
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here.setblocking(False)
        try:
            with there:
                # An empty environment: what is not there cannot be read out of /proc/self/environ.
                process = subprocess.Popen(  # noqa: S603 - not a shell, no caller's words; 5 ms, at start
                    [*self._walled(), "--control-fd", str(there.fileno())],
                    pass_fds=(there.fileno(),),
                    env={},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError:
            here.close()
            raise
        return _ExecutedPool(control=here, process=process)


class ConnectingLauncher:
    """Connects to ``lambda_file_open.server``, which forks a pool for each connection.

    Args:
        socket_path: Where it listens; memory passes through this socket, so both must run on one machine.
    """

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path

    def launch(self) -> RunningPool:
        """See ``Launcher``."""
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            # Non-blocking: a server whose backlog is full answers at once as well.
            control.setblocking(False)
            control.connect(str(self._socket_path))
        except OSError:
            control.close()
            raise
        return _ConnectedPool(control=control)


def bwrap_command(inner: Sequence[str] = LOCAL_POOL_COMMAND, *, more_paths: Sequence[str] = ()) -> tuple[str, ...]:
    """The pool's command inside namespaces of its own, where ``lambda_file_open`` locks each child just the same.

    There is no network, no other process, and of files only what Python and the fonts need, read-only, with whatever
    ``more_paths`` names.
    """
    binds = [argument for path in [*_needed_paths(), *more_paths] for argument in ("--ro-bind-try", path, path)]
    return (
        shutil.which("bwrap") or "bwrap",
        *("--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "file-opener"),
        *binds,
        *("--proc", "/proc", "--dev", "/dev", "--chdir", "/", "--"),
        *inner,
    )


def bwrap_works() -> bool:
    """Whether this machine has bwrap and lets this user make namespaces; containers often do not. Takes some 50 ms."""
    if shutil.which("bwrap") is None:
        return False
    command = bwrap_command((sys.executable, "-I", "-c", "import lambda_file_open"))
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(  # noqa: S603 - not a shell, no caller's words
            command, env={}, cwd="/", capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
        return answer.returncode == 0
    return False


def _needed_paths() -> list[str]:
    """What the pool's Python reads: the system's libraries and fonts, the environment, and this project's packages."""
    system = ["/usr", "/lib", "/lib64", "/lib32", "/bin", "/etc/ld.so.cache", "/etc/fonts"]
    python = [sys.base_prefix, sys.prefix, sysconfig.get_paths()["stdlib"], os.path.realpath(sys.executable)]
    # Where the environment refers to the packages instead of holding them (an editable installation).
    specs = [importlib.util.find_spec(name) for name in _PACKAGES]
    packages = [folder for spec in specs if spec for folder in spec.submodule_search_locations or ()]
    needed: list[str] = []
    for path in [*system, *python, *packages]:
        if Path(path).exists() and not any(Path(path).is_relative_to(other) for other in needed):
            needed.append(path)
    return needed
