"""What the processes of the bulk road do: each runs one role or several, any number of each side by side."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Protocol


class RoleName(StrEnum):
    """The roles, as ``python -m async_worker ROLE …`` takes them."""

    API = "api"
    """The HTTP API of jobs; the only one that callers reach."""
    DISPATCHER = "dispatcher"
    """Sends due work to the queues, sweeps what died, sends dead letters."""
    INTAKE = "intake"
    """Makes jobs of what producers and buckets put into the intake queue."""
    WEBHOOKS = "webhooks"
    """Tells callers that their jobs have ended; the only one that talks to strangers' servers."""
    READ = "read"
    """Pixels: runs the pixel pipeline. Scales with ``ocr_bulk_oldest_seconds``, the age of the work that waits."""
    STRUCTURE = "structure"
    """Text: runs the text pipeline. Scales likewise."""


class Role(Protocol):
    """A role at work, on an event loop that it shares with its process's other roles."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then take nothing new, finish or give back what is in hand, and return.

        It returns within the settings' ``shutdown_grace_s``. It never raises for a dependency that is down: it backs
        off and tries again. Should it raise after all, the process ends, and whoever supervises it starts it anew.
        """
        ...
