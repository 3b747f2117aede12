"""Normalisers: printed dates, amounts, identifiers and phone numbers as values. They know no label and no layout."""
