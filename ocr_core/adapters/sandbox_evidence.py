"""What is put on record when a child did what no honest one does: by which document, so that it can be found."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging

from ocr_core.adapters.opener_metrics import FORBIDDEN_CALL, FORGERY, OpenerMetrics
from ocr_core.adapters.sandbox_errors import is_violation
from ocr_core.contracts.opening_wire import ForgedMessage
from ocr_core.contracts.pool_wire import PoolMessage

logger = logging.getLogger(__name__)


def report_exit(untrusted_bytes: bytes, metrics: OpenerMetrics | None, exited: PoolMessage) -> None:
    """Look at how a child ended. An honest one never makes a call that its lock ends (the fuzz tests see to that)."""
    if metrics is not None:
        metrics.note_exit(exited)
    if is_violation(exited):
        if metrics is not None:
            metrics.violations.labels(FORBIDDEN_CALL).inc()
        _report(untrusted_bytes, "opener_violation", "a file's decoder made a forbidden system call and was ended")


def report_forgery(untrusted_bytes: bytes, metrics: OpenerMetrics | None, forged: ForgedMessage) -> None:
    """Something that came out of the sandbox was refused; the reason holds numbers only."""
    if metrics is not None:
        metrics.violations.labels(FORGERY).inc()
    _report(untrusted_bytes, "opener_forged", f"refused what came out of the sandbox: {forged}")


def _report(untrusted_bytes: bytes, action: str, sentence: str) -> None:
    # 50 ms for a document of 20 MB: not on the event loop. In this context, by which the line has the request's id.
    write = contextvars.copy_context().run
    asyncio.get_running_loop().run_in_executor(None, write, _log, untrusted_bytes, action, sentence)


def _log(untrusted_bytes: bytes, action: str, sentence: str) -> None:
    digest = hashlib.sha256(untrusted_bytes).hexdigest()
    logger.error(sentence, extra={"action": action, "document_sha256": digest})
