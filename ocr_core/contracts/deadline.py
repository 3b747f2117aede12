"""A deadline that is carried through every stage."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ocr_core.contracts.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment on this process's monotonic clock (``time.monotonic``); between processes only seconds left travel."""

    at_s: float

    @classmethod
    def after(cls, timeout_s: float) -> Deadline:
        """The deadline that passes ``timeout_s`` seconds from now."""
        return cls(at_s=time.monotonic() + timeout_s)

    def remaining_s(self) -> float:
        """Seconds left; zero once it has passed."""
        return max(0.0, self.at_s - time.monotonic())

    def check(self, stage: str) -> None:
        """Raise ``DeadlineExceeded``, naming ``stage``, if the deadline has passed."""
        if time.monotonic() >= self.at_s:
            raise DeadlineExceeded(f"the deadline passed before stage '{stage}' ended")
