"""Jobs and their result lines, as the bulk API tells them, checked on arrival."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NoReturn, TypeVar, cast

from ocr_client.errors import UnexpectedAnswer
from ocr_client.types import OcrResult

Priority = Literal["normal", "low"]


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class LineStatus(StrEnum):
    """How a document ended."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """A job's documents by how they stand; ``queued`` are all that have not ended."""

    total: int
    queued: int
    done: int
    failed: int
    cancelled: int = 0

    @property
    def ended(self) -> int:
        """Documents that nothing more happens to."""
        return self.total - self.queued


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookState:
    """How far the news of one run's end has come."""

    id: str
    """``msg_…``: the ``webhook-id`` of its every attempt."""
    run: int
    status: str
    """``pending``, ``delivered`` or ``failed``."""
    attempts: int
    next_at: datetime | None
    last_status_code: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stood when the server was asked."""

    id: str
    status: JobStatus
    priority: str
    documents: JobCounts
    run: int
    """1, and one more with every redrive."""
    created_at: datetime | None
    finished_at: datetime | None
    last_sequence: int
    """The newest result line's number; 0 before the first."""
    webhooks: tuple[WebhookState, ...] = ()
    """One a run that has ended; only ``status`` knows them."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens, unless it is redriven."""
        return self.status in {JobStatus.DONE, JobStatus.CANCELLED}

    @classmethod
    def decode(cls, body: bytes | str) -> Job:
        """Read the server's JSON.

        Raises:
            UnexpectedAnswer: it is no job.
        """
        untrusted = _Fields(_json_object(body, "a job"), "job")
        return cls(
            id=untrusted.text("id"),
            status=_status(JobStatus, untrusted.text("status")),
            priority=untrusted.optional_text("priority") or "normal",
            documents=_counts(untrusted.fields("documents")),
            run=untrusted.integer("run", missing=1),
            created_at=untrusted.moment("created_at"),
            finished_at=untrusted.moment("finished_at"),
            last_sequence=untrusted.integer("last_sequence", missing=0),
            webhooks=tuple(_webhook(entry) for entry in untrusted.each("webhooks")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineError:
    """Why a document failed, in the words of the sync API's errors."""

    code: str
    title: str
    status: int
    detail: str

    def __str__(self) -> str:
        return f"{self.code} ({self.status}): {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """How one document ended; either ``result`` or ``error`` is there."""

    sequence: int
    """From 1, without holes, in the order in which documents ended: the cursor behind this line."""
    document_id: str
    reference: str | None
    """The caller's own name for the document."""
    file_name: str | None
    status: LineStatus
    result: OcrResult | None
    error: LineError | None
    raw: bytes = field(repr=False)
    """The line as it came, without its end."""

    @classmethod
    def decode(cls, raw: bytes) -> ResultLine:
        """Read one line.

        Raises:
            UnexpectedAnswer: it is no result line.
        """
        content = _json_object(raw, "a result line")
        untrusted = _Fields(content, "line")
        result, error = content.get("result"), content.get("error")
        if isinstance(result, dict) == isinstance(error, dict):
            raise UnexpectedAnswer("a result line has either a result or an error")
        return cls(
            sequence=untrusted.integer("sequence"),
            document_id=untrusted.text("document_id"),
            reference=untrusted.optional_text("reference"),
            file_name=untrusted.optional_text("file_name"),
            status=_status(LineStatus, untrusted.text("status")),
            result=cast("OcrResult", result) if isinstance(result, dict) else None,
            error=_line_error(untrusted.fields("error")) if isinstance(error, dict) else None,
            raw=raw,
        )


class _Fields:
    """A JSON object whose members are fetched by type."""

    def __init__(self, content: Mapping[str, object], where: str) -> None:
        self._content = content
        self._where = where

    def text(self, name: str) -> str:
        value = self._content.get(name)
        return value if isinstance(value, str) else self._refuse(name)

    def optional_text(self, name: str) -> str | None:
        return None if self._content.get(name) is None else self.text(name)

    def integer(self, name: str, *, missing: int | None = None) -> int:
        value = self._content.get(name, missing)
        return value if isinstance(value, int) and not isinstance(value, bool) else self._refuse(name)

    def optional_integer(self, name: str) -> int | None:
        return None if self._content.get(name) is None else self.integer(name)

    def moment(self, name: str) -> datetime | None:
        text = self.optional_text(name)
        try:
            return datetime.fromisoformat(text) if text is not None else None
        except ValueError:
            return self._refuse(name)

    def fields(self, name: str) -> _Fields:
        value = self._content.get(name)
        return _Fields(value, f"{self._where}.{name}") if isinstance(value, dict) else self._refuse(name)

    def each(self, name: str) -> list[_Fields]:
        values = self._content.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            return self._refuse(name)
        return [_Fields(value, f"{self._where}.{name}") for value in values]

    def _refuse(self, name: str) -> NoReturn:
        raise UnexpectedAnswer(f"the server's {self._where}.{name} is not what this API gives")


def _json_object(body: bytes | str, what: str) -> Mapping[str, object]:
    try:
        untrusted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer(f"{what} was expected, and the server's answer is not JSON") from error
    if not isinstance(untrusted, dict):
        raise UnexpectedAnswer(f"{what} was expected, and the server answered something else")
    return untrusted


Status = TypeVar("Status", bound=StrEnum)


def _status(kind: type[Status], text: str) -> Status:
    try:
        return kind(text)
    except ValueError:
        raise UnexpectedAnswer(f"the status {text!r} is not known to this client") from None


def _counts(untrusted: _Fields) -> JobCounts:
    return JobCounts(
        total=untrusted.integer("total"),
        queued=untrusted.integer("queued"),
        done=untrusted.integer("done"),
        failed=untrusted.integer("failed"),
        cancelled=untrusted.integer("cancelled", missing=0),
    )


def _webhook(untrusted: _Fields) -> WebhookState:
    return WebhookState(
        id=untrusted.text("id"),
        run=untrusted.integer("run"),
        status=untrusted.text("status"),
        attempts=untrusted.integer("attempts"),
        next_at=untrusted.moment("next_at"),
        last_status_code=untrusted.optional_integer("last_status_code"),
        last_error=untrusted.optional_text("last_error"),
    )


def _line_error(untrusted: _Fields) -> LineError:
    return LineError(
        code=untrusted.text("code"),
        title=untrusted.optional_text("title") or "",
        status=untrusted.integer("status", missing=500),
        detail=untrusted.optional_text("detail") or "",
    )
