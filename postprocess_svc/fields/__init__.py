"""Fields of a document: families propose candidates, one scorer ranks them.

``extract`` is the entry. To add a field: a member of ``FieldName``, a family module in ``families``, its weights in
``weights.py``, its wordings in ``vocabulary.py``.
"""

from postprocess_svc.fields.extraction import FIELD_NAMES, FieldsOutcome, extract
from postprocess_svc.fields.labels import prepare

__all__ = ["FIELD_NAMES", "FieldsOutcome", "extract", "prepare"]
