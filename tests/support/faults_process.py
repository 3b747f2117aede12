"""Processes that tests kill, pause, end and start again, each with its output in a file of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local_stack.aws import DIES_WITH_PARENT
from local_stack.stack import REPOSITORY_ROOT
from tests.support.aws import free_port
from tests.support.waiting import wait_until

_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "VIRTUAL_ENV")


class FaultyProcess:
    """One process in a group of its own. It ends with the tests, however these end."""

    def __init__(self, *, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs; a paused one does."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """Null while it runs; minus the signal's number where a signal ended it."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it; it must not be running."""
        assert not self.alive, f"{self.name} runs already"
        self.starts += 1
        variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", DIES_WITH_PARENT, str(os.getpid()), *self.command],
                env={**variables, "PYTHONUNBUFFERED": "1", **self.environment},
                cwd=REPOSITORY_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, to it and then to what it leaves, as the end of a container would."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._end_group()

    def pause(self) -> None:
        """SIGSTOP to the whole group."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.killpg(self.pid, signal.SIGCONT)

    def is_paused(self) -> bool:
        """Whether the kernel has stopped it."""
        return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "T"

    def ask_to_end(self) -> None:
        """SIGTERM to it alone, as a supervisor would."""
        if self._process is not None:
            self._process.terminate()

    def wait_end(self, patience_s: float = 30.0) -> int:
        """Its exit status, once it has ended."""
        assert self._process is not None
        status = self._process.wait(patience_s)
        self._end_group()
        return status

    def terminate(self, patience_s: float = 30.0) -> int:
        """SIGTERM, and wait for the end."""
        self.ask_to_end()
        return self.wait_end(patience_s)

    def leftovers(self) -> list[int]:
        """Processes of its group that live."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    state, _, group = (entry / "stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[:3]
                    if int(group) == self.pid and state != "Z":
                        found.append(int(entry.name))
        return found

    def last_lines(self, count: int = 20) -> str:
        """The end of its output, for a failing test's message."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
        return "\n".join(f"    {self.name}: {line}" for line in lines)

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class DoubleProcess(FaultyProcess):
    """Triton's double as a process, always on the same port."""

    def __init__(self, folder: Path, *, slow_s: float = 5.0, detection_s: float = 0.0, spare: bool = False) -> None:
        self.port = free_port()
        self.journal_path = folder / "triton-double.jsonl"
        self.spared = spare
        self._options = {"slow_s": slow_s, "detection_s": detection_s}
        super().__init__(
            name="triton",
            command=self._command(spare=spare),
            environment={},
            log=folder / "triton-double.log",
        )

    @property
    def grpc_url(self) -> str:
        """As settings name it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        super().start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise

    def restart(self, *, spare: bool = False, version: str = "1") -> None:
        """Kill it if it lives, and start it anew, with that version of the models; with ``spare`` it heeds no marks."""
        if self.alive:
            self.kill()
        self.spared = spare
        self.command = [*self._command(spare=spare), "--version", version]
        self.start()

    def wait_ready(self) -> None:
        """Return when it answers."""
        wait_until(lambda: _listens(self.port) or not self.alive, "Triton's double")
        assert self.alive, f"Triton's double has ended:\n{self.last_lines()}"

    def journal(self) -> list[dict[str, Any]]:
        """What it did, oldest first; over its restarts."""
        if not self.journal_path.exists():
            return []
        lines = self.journal_path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def pages_begun(self) -> dict[int | None, int]:
        """How often each document's page was asked for."""
        counts: dict[int | None, int] = {}
        for entry in self.journal():
            if entry["event"] == "begin":
                counts[entry["page"]] = counts.get(entry["page"], 0) + 1
        return counts

    def _command(self, *, spare: bool) -> list[str]:
        command = [sys.executable, "-m", "tests.support.triton_double", "--port", str(self.port)]
        command += ["--journal", str(self.journal_path)]
        for name, value in self._options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return [*command, "--spare"] if spare else command


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
