"""Which ports the stack listens on. Everything binds to loopback."""

from __future__ import annotations

import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port a listener; the defaults are those of ``.env.example``."""

    preprocess: int = 8000
    postprocess: int = 8002
    triton_http: int = 8010
    triton_grpc: int = 8011
    triton_metrics: int = 8012

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody listens on now, so that several stacks live side by side."""
        # All are held while the last is picked, or the system would hand the same one out twice.
        sockets = [socket.socket() for _ in range(5)]
        try:
            for each in sockets:
                each.bind((LOOPBACK, 0))
            numbers = [each.getsockname()[1] for each in sockets]
        finally:
            for each in sockets:
                each.close()
        return cls(
            preprocess=numbers[0],
            postprocess=numbers[1],
            triton_http=numbers[2],
            triton_grpc=numbers[3],
            triton_metrics=numbers[4],
        )

    def numbers(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(getattr(self, name) for name in self.__slots__)

    def taken(self) -> list[int]:
        """Those of the ports that somebody listens on already."""
        return [port for port in self.numbers() if _is_taken(port)]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False
