"""Item tables in the raw labels of the shared sets, under the API's names.

Only what those labels are sure of: of made-up receipts that is what was sold and for how much (their README), so that
quantities and prices are not judged there. A receipt with discounts, or without one of its amounts, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, object]

_NAMES: Mapping[str, Mapping[str, str]] = {
    "jp-receipts-synth": {"description": "name", "amount": "amount"},
    "ocr-mini-bench": {
        "description": "item_name",
        "quantity": "quantity",
        "unit_price": "unit_price",
        "amount": "total_price",
    },
}
"""The labels' own names of the parts, by set."""


def shared_line_items(set_name: str, row: Mapping[str, Any]) -> tuple[Row, ...] | None:
    """The rows of a document's item table; null where the labels do not have them."""
    names = _NAMES.get(set_name)
    items: Sequence[Mapping[str, Any]] = (row.get("raw_fields") or {}).get("items") or ()
    if names is None or not items or any(item.get("row_type", "item") != "item" for item in items):
        return None
    if any(item.get(theirs) is None for item in items for theirs in names.values()):
        return None
    return tuple({ours: item[theirs] for ours, theirs in names.items()} for item in items)
