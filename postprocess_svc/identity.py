"""What answers are made with on this side, as one digest: another one, and the same reading may get another answer."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable

from ocr_core.code_digest import code_sha256
from postprocess_svc.pipeline import TextPipeline

PACKAGES = ("ocr_core", "postprocess_svc")


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


class TextIdentity:
    """Of a pipeline, as it is at the moment of the question."""

    def __init__(self, pipeline: TextPipeline, *, today: Callable[[], dt.date] = _today) -> None:
        """Nothing is looked at yet.

        Args:
            pipeline: Whose schemas, charsets and table of partners count.
            today: Schemas may hold dates to be past or near (``schemas/field_files.py``), by UTC.
        """
        self._pipeline = pipeline
        self._today = today

    def sha256(self) -> str:
        """Of code, charsets, schemas, the table of partners in use, and the day."""
        partners = self._pipeline.partners
        parts = (
            code_sha256(*PACKAGES),
            *self._pipeline.charsets.digests,
            self._pipeline.schemas.sha256,
            "" if partners is None else partners.matcher.table.sha256,
            self._today().isoformat(),
        )
        return hashlib.sha256("\n".join(parts).encode("ascii")).hexdigest()
