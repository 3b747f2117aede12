"""The bulk road's tables.

::

    jobs ─┬─ documents ─┬─ tasks         open work only: one row a piece, deleted when it is done
          │             ├─ page_ranges   of documents that were split, with what was read of each
          │             └─ results       the log of result lines; it only grows
          ├─ idempotency_keys
          └─ webhook_deliveries, dead_letters (outboxes)

Leases, attempts and sending times live in ``tasks`` for all three stages alike, so that there is one claim, one
heartbeat and one compare-and-set; and as it holds open work only, a job's ended documents cost the dispatcher nothing.
"""

from __future__ import annotations

import sqlalchemy as sa

from ocr_core.adapters.database.metadata import Id as _Id
from ocr_core.adapters.database.metadata import UtcDateTime, metadata
from ocr_core.adapters.database.metadata import Word as _Word

_LEASED = sa.text("lease_token IS NOT NULL")
_WAITS = sa.text("wait_s > 0")
_ENDED = sa.text("finished_at IS NOT NULL")
_OPEN = sa.text("finished_at IS NULL")

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("tenant", _Word, nullable=False),
    sa.Column("status", _Word, nullable=False),
    sa.Column("priority", _Word, nullable=False),
    sa.Column("schemas", sa.Text, nullable=False),
    sa.Column("formats", sa.Text, nullable=False),
    sa.Column("webhook_url", sa.Text),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("queued", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("cancelled", sa.Integer, nullable=False),
    sa.Column("last_sequence", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_jobs_finished_at", "finished_at", sqlite_where=_ENDED, postgresql_where=_ENDED),  # who is old
    sa.Index("ix_jobs_open", "tenant", sqlite_where=_OPEN, postgresql_where=_OPEN),  # how much a tenant has open
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("job_id", _Id, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("tenant", _Word, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("file_name", sa.Text),
    sa.Column("status", _Word, nullable=False),
    sa.Column("page_count", sa.Integer),
    sa.Column("reading_key", sa.Text),
    sa.Column("result_key", sa.Text),
    sa.Column("error_code", _Word),
    sa.Column("error_detail", sa.Text),
    sa.UniqueConstraint("job_id", "position"),
)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("document_id", _Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("job_id", _Id, nullable=False),
    sa.Column("tenant", _Word, nullable=False),
    sa.Column("stage", _Word, nullable=False),
    sa.Column("first_page", sa.Integer, nullable=False),  # 0 and 0 where the task is for the whole document
    sa.Column("last_page", sa.Integer, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),  # the lower, the sooner, among a tenant's own
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("sent", sa.Boolean, nullable=False),  # sent or leased: it counts against the tenant's window
    sa.Column("send_count", sa.Integer, nullable=False),
    sa.Column("next_send_at", UtcDateTime, nullable=False),
    sa.Column("wait_s", sa.Float, nullable=False),  # how far ahead next_send_at was when written; 0: due at once
    sa.Column("lease_token", _Id),
    sa.Column("lease_expires_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("trace_origin", _Word),  # what it came of, where tracing was on (TraceOrigin)
    sa.UniqueConstraint("document_id", "stage", "first_page"),
    # Serves all of the dispatcher's questions: which tenants wait, who is next, how much is in flight.
    sa.Index(None, "sent", "tenant", "rank", "id"),
    sa.Index(None, "job_id"),
    # These are partial so that SQLite, which keeps no statistics, does not take them in place of the first: with
    # 100,000 documents waiting that made the dispatcher's step ten times as long.
    sa.Index("ix_tasks_lease_token", "lease_token", unique=True, sqlite_where=_LEASED, postgresql_where=_LEASED),
    sa.Index("ix_tasks_waits", "next_send_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
    sqlite_autoincrement=True,  # an id is never given twice: mark_sent may come after its task is gone
)

page_ranges = sa.Table(
    "page_ranges",
    metadata,
    sa.Column("document_id", _Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("first_page", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last_page", sa.Integer, nullable=False),
    sa.Column("reading_key", sa.Text),
)

results = sa.Table(
    "results",
    metadata,
    sa.Column("job_id", _Id, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document_id", _Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("status", _Word, nullable=False),
    sa.Column("result_key", sa.Text),
    sa.Column("error_code", _Word),
    sa.Column("error_detail", sa.Text),
    sa.UniqueConstraint("document_id", "run"),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("tenant", _Word, primary_key=True),
    sa.Column("route", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("body_digest", sa.String(128), nullable=False),
    # Checked at commit: the key goes in before its job, so that losers of a race do none of the winner's work.
    sa.Column(
        "job_id",
        _Id,
        sa.ForeignKey("jobs.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,  # or deleting a job would read every key
    ),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("job_id", _Id, sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("tenant", _Word, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("cancelled", sa.Integer, nullable=False),
    sa.Column("finished_at", UtcDateTime, nullable=False),
    sa.Column("status", _Word, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime),
    sa.Column("wait_s", sa.Float, nullable=False),
    sa.Column("lease_token", _Id, unique=True),
    sa.Column("last_status_code", sa.Integer),
    sa.Column("last_error", sa.Text),
    sa.Column("trace_origin", _Word),
    sa.UniqueConstraint("job_id", "run"),
    sa.Index(None, "status", "next_at"),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("id", _Id, primary_key=True),
    sa.Column("tenant", _Word, nullable=False),
    sa.Column("job_id", _Id, nullable=False),
    sa.Column("document_id", _Id, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("stage", _Word, nullable=False),
    sa.Column("first_page", sa.Integer, nullable=False),
    sa.Column("last_page", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)


installation = sa.Table(
    "installation",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    sa.Column("id", _Id, nullable=False),
)


def waits(table: sa.Table) -> sa.ColumnElement[bool]:
    """Rows that wait for their time. The zero is written out: a partial index is not taken for a parameter."""
    return table.c.wait_s > sa.literal_column("0")
