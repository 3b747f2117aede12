"""How well documents can be read, as metrics: what shows first when the input changes, from a scanner to a new layout.

Of each document, the lines of its pages and the fields that were looked for, whoever asked and whatever he takes for
sure. What is counted are numbers, by the field's own name (one of the families', so of few) and the kind of document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import Counter, Histogram

from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.result import DocumentType, FieldAnswer
from ocr_core.telemetry import Metrics, observe
from postprocess_svc.lines import PageLines

FOUND, NULL = "found", "null"
SURE = StructureOptions().min_confidence
"""What a field must have not to count as null: what callers are answered who ask for nothing else."""

_CONFIDENCE_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0)
_LINE_BUCKETS = (0, 1, 5, 10, 20, 40, 80, 160, 320, 640)


class Quality:
    """Registers with a process's own metrics; threads may share it."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.page_confidence = Histogram(
            "ocr_page_confidence",
            "Mean confidence of a page's lines; pages without lines are left out.",
            buckets=_CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self.page_lines = Histogram(
            "ocr_page_lines", "Lines of text on a page.", buckets=_LINE_BUCKETS, registry=registry
        )
        self.fields = Counter(
            "ocr_fields",
            f"Fields that were looked for, by whether one was found with a confidence of {SURE} at least.",
            ("document_type", "field", "outcome"),
            registry=registry,
        )
        self.field_confidence = Histogram(
            "ocr_field_confidence",
            "Confidence of fields for which there was a candidate; of lists, the mean of their entries.",
            ("field",),
            buckets=_CONFIDENCE_BUCKETS,
            registry=registry,
        )

    def note_pages(self, pages: Sequence[PageLines]) -> None:
        """The pages of a document that could be read."""
        for page in pages:
            self.page_lines.observe(len(page.lines))
            if page.lines:
                mean = sum(line.confidence for line in page.lines) / len(page.lines)
                observe(self.page_confidence, mean)

    def note_fields(self, document_type: DocumentType, fields: Mapping[str, FieldAnswer]) -> None:
        """The fields that were looked for, in a document of the kind that it was taken for."""
        for name, answer in fields.items():
            confidence = _confidence(answer)
            is_found = confidence is not None and confidence >= SURE
            # Both, so that a share can be told from the first document on.
            self.fields.labels(document_type.value, name, FOUND).inc(is_found)
            self.fields.labels(document_type.value, name, NULL).inc(not is_found)
            if confidence is not None:
                observe(self.field_confidence.labels(name), confidence)


def _confidence(answer: FieldAnswer) -> float | None:
    if not answer:
        return None
    if isinstance(answer, tuple):
        return sum(entry.confidence for entry in answer) / len(answer)
    return answer.confidence
