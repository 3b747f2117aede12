"""The server that is measured: one that was named, or one of our own with its logs kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.stack import LocalStack


@contextmanager
def measured_server(url: str | None, *, log: Path) -> Iterator[str]:
    """The URL of a ready server; one that is started here writes its services' output to ``log``."""
    if url is not None:
        yield url
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as file,
        LocalStack(sink=lambda service, line: print(f"{service}: {line}", file=file, flush=True)) as stack,
    ):
        yield stack.api_url
