"""RapidOCR in a process of its own, timed inside of it.

Each settings' engine grows to more than a gigabyte; a process gives that back when it ends, and is idle while others
are measured. What is timed is RapidOCR's own call on pixels that are there already.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from evaluation.ordering import PlacedText
from evaluation.peer import Peer, PeerEngine, PeerSettings

STOP_TIMEOUT_S = 10.0


class PeerProcess:
    """One RapidOCR with OpenVINO; a page is sent over once and then named."""

    def __init__(self, changes: Mapping[str, Any]) -> None:
        # A fresh interpreter: a fork would copy the threads' locks of the engines in this process.
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, dict(changes)), daemon=True)
        self._sent: set[str] = set()

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.join(STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def read(self, name: str, page: NDArray[np.uint8]) -> tuple[float, list[PlacedText]]:
        """Seconds that reading the page took, and its lines; (H, W, 3) uint8 RGB in.

        Raises:
            EOFError: the process ended, most likely for want of memory.
        """
        self._ours.send((name, None if name in self._sent else page))
        self._sent.add(name)
        seconds, lines = self._ours.recv()
        return seconds, lines


def _serve(pipe: Connection, changes: dict[str, Any]) -> None:
    """The child: read pages until the pipe is closed."""
    peer = Peer(PeerSettings(engine=PeerEngine.OPENVINO, changes=changes))
    pages: dict[str, NDArray[np.uint8]] = {}
    while True:
        try:
            name, page = pipe.recv()
        except EOFError:
            return
        if page is not None:
            pages[name] = page
        start = time.perf_counter()
        lines = peer.read(pages[name])
        seconds = time.perf_counter() - start
        pipe.send((seconds, lines))
