"""What the supervisor shows: each service's lines under its name, and what is being waited for."""

from __future__ import annotations

import threading
import time
from typing import TextIO

_COLOURS = {"triton": "35", "aws": "31", "postprocess": "36", "preprocess": "32", "bulk": "34", "stack": "1"}
_NAME_WIDTH = 15
_PLAIN_PROGRESS_EVERY_S = 5.0
_CLEAR_LINE = "\r\x1b[2K"


class Console:
    """Writes whole lines from several threads; colours and a moving progress line only on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._lock = threading.Lock()
        self._last_progress = ""
        self._last_progress_s = 0.0

    def log(self, service: str, line: str) -> None:
        """One line of a service's output."""
        with self._lock:
            self._write_line(service, line)

    def say(self, sentence: str) -> None:
        """A line of the supervisor's own."""
        with self._lock:
            self._last_progress = ""
            self._write_line("stack", sentence)

    def progress(self, sentence: str) -> None:
        """What is being waited for: one moving line on a terminal, a line now and then elsewhere."""
        with self._lock:
            if self._is_terminal:
                self._last_progress = sentence
                self._stream.write(f"{_CLEAR_LINE}{self._label('stack')} {sentence}")
                self._stream.flush()
            elif time.monotonic() - self._last_progress_s >= _PLAIN_PROGRESS_EVERY_S:
                self._last_progress_s = time.monotonic()
                self._write_line("stack", sentence)

    def _write_line(self, name: str, line: str) -> None:
        clear = _CLEAR_LINE if self._is_terminal else ""
        again = f"{self._label('stack')} {self._last_progress}" if self._last_progress else ""
        self._stream.write(f"{clear}{self._label(name)} {line}\n{again}")
        self._stream.flush()

    def _label(self, name: str) -> str:
        padded = f"{name:<{_NAME_WIDTH}} |"
        return f"\x1b[{_COLOURS.get(name.partition('-')[0], '33')}m{padded}\x1b[0m" if self._is_terminal else padded
