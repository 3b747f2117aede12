"""Dates that their form alone does not show: in boxes, or month and day with a slash behind a date's label."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from postprocess_svc.fields.context import DocumentContext, Language, RowFacts
from postprocess_svc.fields.values.dates import PrintedDate, find_dates
from postprocess_svc.fields.vocabulary import Role

_BOXES = re.compile(r"(?:^|\t)年[ \t]月[ \t]日(?=\t|$)")
_IN_BOXES = re.compile(r"(?:^|(?<=\t))((?:令和|R)? ?\d{1,4})\t(\d{1,2})\t(\d{1,2})(?=\t|$)")
_ROWS_UNDER_BOXES = 2


def boxed_dates(context: DocumentContext) -> dict[int, list[PrintedDate]]:
    """Dates of slips that have year, month and day in a box each, under their names; by the number of the row."""
    found: dict[int, list[PrintedDate]] = {}
    for facts in context.facts:
        heads = _BOXES.search(facts.row.text) if "月" in facts.row.text else None
        if heads is None:
            continue
        box = facts.row.extent(heads.end() - 5, heads.end())
        for below in context.facts[facts.row.number + 1 : facts.row.number + 1 + _ROWS_UNDER_BOXES]:
            match = _IN_BOXES.search(below.row.text)
            if match is None or below.row.extent(*match.span()).overlap_x(box) <= 0:
                continue
            for date in find_dates(f"{match[1]}年{match[2]}月{match[3]}日", short_year_first=True):
                found[below.row.number] = [replace(date, start=match.start(), end=match.end())]
            break
    return found


_BY_SLASH = re.compile(r"[ :\t]*(\d{1,2})/(\d{1,2})(?![\d/.,-])")
_YEAR_ALONE = re.compile(r"(?<!\d)((?:19|20)\d{2}) ?年")


def dates_by_slash(context: DocumentContext, facts: RowFacts) -> Iterator[PrintedDate]:
    """支払日 12/25: right behind the label of a day to pay by it is a date, without its year."""
    if "/" not in facts.row.text or context.language is not Language.JAPANESE:
        return
    for label in facts.labels:
        match = _BY_SLASH.match(facts.row.text, label.end) if Role.DUE_DATE in label.roles else None
        if match is None or any(date.start < match.end() and match.start(1) < date.end for date in facts.dates):
            continue
        month, day = int(match[1]), int(match[2])
        if 1 <= month <= 12 and 1 <= day <= 31:
            yield PrintedDate(start=match.start(1), end=match.end(), year=None, month=month, day=day)


def only_year_printed(context: DocumentContext) -> int | None:
    """The year that a document without a date of its own prints somewhere, where it is one: 2026年10月分."""
    years = set(_YEAR_ALONE.findall(context.text))
    return int(years.pop()) if len(years) == 1 else None
