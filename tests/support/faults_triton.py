"""The real Triton with the real models, as a process that tests kill and start again."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_stack import triton
from local_stack.ports import Ports
from tests.support.faults_process import FaultyProcess
from tests.support.waiting import wait_until

CHARSET = triton.REPOSITORY_ROOT / "model_repository" / "text_recognition" / "charset.txt"
_START_PATIENCE_S = 300.0


class TritonProcess(FaultyProcess):
    """It, always on the same ports."""

    def __init__(self, folder: Path) -> None:
        ports = Ports.free()
        self.config = triton.TritonConfig(
            grpc_port=ports.triton_grpc, http_port=ports.triton_http, metrics_port=ports.triton_metrics
        )
        try:
            command = triton.command(self.config)
        except triton.TritonUnavailable as error:
            pytest.skip(str(error))
        super().__init__(
            name="triton", command=command, environment=triton.environment(self.config), log=folder / "triton.log"
        )

    @property
    def grpc_url(self) -> str:
        """As settings name it."""
        return f"127.0.0.1:{self.config.grpc_port}"

    def start(self) -> None:
        """Start it and wait until both models are warm."""
        super().start()
        try:
            wait_until(lambda: not self.alive or triton.is_ready(self.config), "Triton", patience_s=_START_PATIENCE_S)
            assert self.alive, f"Triton has ended:\n{self.last_lines()}"
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """As for any process; and what it leaves in shared memory goes with it."""
        super().kill()
        triton.service_spec(self.config).clean_up()
