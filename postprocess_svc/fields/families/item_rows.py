"""Where the goods of a document begin."""

from __future__ import annotations

import re

from postprocess_svc.fields.context import DocumentContext

_COUNTED = re.compile(r"\d ?[点個コ]\s ?\d")
"""1点 142: goods of a till that prints no currency."""

_SHARE_CAPITAL = re.compile(
    r"\b(?:au capital|capital (?:social|stock)|share capital|paid.up capital|stammkapital|grundkapital"
    r"|capitale sociale)\b|資本金",
    re.IGNORECASE,
)
"""What a firm says of itself at the head or foot: no price."""


def first_item_row(context: DocumentContext) -> int:
    """Number of the first row of the first page with an amount: above it stands who issues the document.

    A number above all words (a queue's or a file's, written or stamped on top) is the price of nothing.
    """
    has_words = False
    for facts in context.facts:
        has_words = has_words or any(map(str.isalpha, facts.row.text))
        is_price = any(amount.currency or amount.decimals == 2 or amount.grouped for amount in facts.amounts)
        if has_words and is_price and _SHARE_CAPITAL.search(facts.row.text) is None:
            return facts.row.number
        if _COUNTED.search(facts.row.text) is not None:
            return facts.row.number
    return len(context.facts)
