"""Which ports the stack listens on. Everything binds to loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port a listener; the defaults are those of ``.env.example``."""

    preprocess: int = 8000
    bulk_api: int = 8001
    postprocess: int = 8002
    triton_http: int = 8010
    triton_grpc: int = 8011
    triton_metrics: int = 8012
    aws: int = 8020
    bulk_vitals: tuple[int, ...] = (8021, 8022, 8023)
    """Health and metrics of the bulk processes that serve no API: the dispatcher, then each worker."""

    @classmethod
    def free(cls, *, bulk_vitals: int = 3) -> Ports:
        """Ports that nobody listens on now, so that several stacks live side by side."""
        names = [name for name in cls.__slots__ if name != "bulk_vitals"]
        # All are held while the last is picked, or the system would hand the same one out twice.
        with ExitStack() as held:
            sockets = [held.enter_context(socket.socket()) for _ in range(len(names) + bulk_vitals)]
            for each in sockets:
                each.bind((LOOPBACK, 0))
            numbers = [each.getsockname()[1] for each in sockets]
        return cls(**dict(zip(names, numbers, strict=False)), bulk_vitals=tuple(numbers[len(names) :]))

    def numbers(self, *, bulk: bool = True) -> tuple[int, ...]:
        """All of them, or those of the sync road alone."""
        sync = (self.preprocess, self.postprocess, self.triton_http, self.triton_grpc, self.triton_metrics)
        return (*sync, self.bulk_api, self.aws, *self.bulk_vitals) if bulk else sync

    def taken(self, *, bulk: bool = True) -> list[int]:
        """Those of the ports that somebody listens on already."""
        return [port for port in self.numbers(bulk=bulk) if _is_taken(port)]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False
