"""Fields of a document: families propose candidates, one scorer ranks them.

``extract`` and ``find_fields`` are the entries. To add a family of fields: a module in ``families`` with
``FAMILY = …``, which brings its own weights or has them learned (``weights.py``). Which fields a caller gets, and under
which names, is a matter of the schemas (``postprocess_svc.schemas``).
"""

from postprocess_svc.fields import labels, misread_labels
from postprocess_svc.fields.accounts import real_banks
from postprocess_svc.fields.context import build_context
from postprocess_svc.fields.extraction import FieldsOutcome, extract, find_fields
from postprocess_svc.fields.registry import shipped_families

FIELD_NAMES = tuple(shipped_families().kinds)
"""Every field of the shipped families."""


def prepare() -> None:
    """Build the dictionaries of wordings, which otherwise the first document would wait for."""
    labels.prepare()
    misread_labels.prepare()
    real_banks.prepare()


__all__ = ["FIELD_NAMES", "FieldsOutcome", "build_context", "extract", "find_fields", "prepare"]
