"""A job's progress on standard error: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ocr_client.console import print_note
from ocr_client.job_types import Job

LINE_EVERY_S = 10.0

ShowJob = Callable[[Job], None]
ShowCount = Callable[[int], None]


@contextmanager
def job_progress() -> Iterator[ShowJob]:
    """Shows a job each time it is given one."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(), _Counts())
    with _bar(*columns, _Rate(), TimeRemainingColumn()) as progress:
        task = progress.add_task("queued", total=None, job=None)

        def show(job: Job) -> None:
            counts = job.documents
            progress.update(
                task, description=job.status.value, completed=counts.ended, total=counts.total, job=job, refresh=True
            )

        yield show


@contextmanager
def count_progress(what: str, total: int) -> Iterator[ShowCount]:
    """Shows a bar on a terminal each time it is given a number; elsewhere nothing."""
    if total == 0 or not sys.stderr.isatty():
        yield lambda _count: None
        return
    with _bar(TextColumn(what), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.update(task, completed=count, refresh=count == total)


def summary(job: Job) -> str:
    """How the job stands, in a line."""
    counts = job.documents
    others = {"failed": counts.failed, "cancelled": counts.cancelled, "to go": counts.queued}
    parts = [f"{counts.done} of {counts.total} done", *(f"{count} {what}" for what, count in others.items() if count)]
    return f"{job.id}: {job.status.value}; {', '.join(parts)}"


def _bar(*columns: ProgressColumn) -> Progress:
    return Progress(*columns, console=Console(stderr=True), redirect_stdout=False)


class _Counts(ProgressColumn):
    """Failed and waiting documents; done ones are what the bar shows."""

    def render(self, task: Task) -> Text:
        job: Job | None = task.fields.get("job")
        if job is None:
            return Text("")
        failed = Text(f"{job.documents.failed} failed", style="red" if job.documents.failed else "dim")
        return Text.assemble(Text(f"{job.documents.queued} queued "), failed)


class _Rate(ProgressColumn):
    """Steps a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


class _Lines:
    """For logs: the first state, one every few seconds if it is news, and the last."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._shown_at_s = 0.0
        self._shown = ""

    def show(self, job: Job) -> None:
        now_s = time.monotonic()
        line = summary(job)
        if self._first is None:
            self._first = (now_s, job.documents.ended)
        elif line == self._shown or (now_s - self._shown_at_s < LINE_EVERY_S and not job.ended):
            return
        self._shown, self._shown_at_s = line, now_s
        print_note(line + self._pace(job, now_s))

    def _pace(self, job: Job, now_s: float) -> str:
        """Rate and what is left, once there is something to judge by."""
        since_s, ended_then = self._first or (now_s, 0)
        ended = job.documents.ended - ended_then
        if ended <= 0 or now_s <= since_s or job.ended:
            return ""
        rate = ended / (now_s - since_s)
        return f"; {rate:.1f}/s, about {job.documents.queued / rate:.0f} s left"
