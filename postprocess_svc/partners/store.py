"""The table of business partners in use: a file, taken up again when it has changed.

The file is the service's store of partners. It is replaced whole (``python -m postprocess_svc.partners load``), never
written to; every process that reads it takes a new one up by itself, and keeps the old table where the new one is bad.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from prometheus_client import Counter, Gauge

from ocr_core.telemetry import Metrics
from postprocess_svc.partners.master import PartnersInvalid, load_partners
from postprocess_svc.partners.match import PartnerMatcher

log = logging.getLogger(__name__)

_Signature = tuple[int, int, int]


class PartnerStore:
    """Holds the newest good table. Any number of threads may ask it."""

    def __init__(self, path: Path, *, look_every_s: float, metrics: Metrics) -> None:
        """Loads nothing yet.

        Args:
            path: The CSV table.
            look_every_s: How often it is looked at. A file that changed is taken up when it has rested for so long,
                since it may still be written.
            metrics: Of the process.
        """
        self._path = path
        self._look_every_s = look_every_s
        self._matcher: PartnerMatcher | None = None
        self._taken: _Signature | None = None
        self._seen: _Signature | None = None
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._look_on, name="partners", daemon=True)
        self._partners = Gauge("ocr_partners", "Business partners in the table in use.", registry=metrics.registry)
        self._loads = Counter(
            "ocr_partner_table_loads",
            "Tables of business partners that were taken up (ok) or refused (failed).",
            ("outcome",),
            registry=metrics.registry,
        )

    @property
    def matcher(self) -> PartnerMatcher:
        """Of the table in use. A document asks once, so that one table answers all of it."""
        if self._matcher is None:
            raise RuntimeError("the store of partners was not started")
        return self._matcher

    def start(self) -> None:
        """Load the table and begin to watch it.

        Raises:
            PartnersInvalid: there is none, or it cannot be used.
        """
        self._taken = self._seen = self._signature()
        self._load()
        self._watch.start()

    def close(self) -> None:
        """Stop watching."""
        self._closing.set()
        if self._watch.is_alive():
            self._watch.join()

    def look(self) -> None:
        """Take up the file if it is another one and has rested since the last look."""
        signature = self._signature()
        if signature == self._taken or signature != self._seen:
            self._seen = signature
            return
        self._taken = signature
        try:
            self._load()
        except PartnersInvalid as error:
            # Problems name lines and columns, never what stands in them.
            log.warning(
                "the new table of partners cannot be used; the one before stays in use",
                extra={"action": "partners.refused", "problems": list(error.problems)},
            )

    def _look_on(self) -> None:
        while not self._closing.wait(self._look_every_s):
            self.look()

    def _load(self) -> None:
        try:
            matcher = PartnerMatcher(load_partners(self._path))
        except PartnersInvalid:
            self._loads.labels("failed").inc()
            raise
        self._matcher = matcher
        self._loads.labels("ok").inc()
        self._partners.set(len(matcher.table.partners))
        log.info(
            "the table of partners is in use",
            extra={"action": "partners.loaded", "partners": len(matcher.table.partners)},
        )

    def _signature(self) -> _Signature | None:
        """What tells one file from another; None where there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
