"""How ``ocr read`` shows what has several parts."""

from __future__ import annotations

import io

import pytest
from ocr_client.show import fields_table
from ocr_client.types import LineItem
from rich.console import Console

QUAD = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def item(**values: object) -> LineItem:
    known = {
        "description": None,
        "quantity": None,
        "unit": None,
        "unit_price": None,
        "amount": None,
        "tax_rate_percent": None,
    }
    return {**known, "text": "as printed", "confidence": 0.97, "page": 1, "quad": QUAD, **values}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (
            {
                "description": "配線カバー",
                "quantity": 20,
                "unit": "本",
                "unit_price": 480,
                "amount": 9600,
                "tax_rate_percent": 10,
            },
            "配線カバー · 20 本 × 480 = 9600 · 10%",
        ),
        ({"description": "Delivery", "amount": "30.00"}, "Delivery · 30.00"),
        ({"description": "Work", "quantity": "1.5", "unit": "h"}, "Work · 1.5 h"),
        ({"amount": -300}, "-300"),
    ],
)
def test_a_line_item_is_shown_as_far_as_it_is_known(values: dict[str, object], shown: str) -> None:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as printed:
        console.print(fields_table({"line_items": [item(**values)]}, title="invoice"))
    assert shown in printed.get()
