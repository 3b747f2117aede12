"""A failure as a card: truth and answer, what kind of failure, the candidates, the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from evaluation.accuracy.candidates import Considered
from evaluation.accuracy.failures import Failure, FailureKind
from evaluation.accuracy.judged import JudgedDocument
from evaluation.accuracy.line_items import PARTS, RowPair

REASONS_SHOWN = 8

HINTS: Mapping[FailureKind, str] = {
    FailureKind.SHOULD_BE_NULL: "answered, but not printed",
    FailureKind.NOT_READ: "no text was read",
    FailureKind.NOT_IN_TEXT: "nothing like it in our lines: detection, or a label printed otherwise",
    FailureKind.MISREAD: "in our lines with some characters wrong: recognition",
    FailureKind.NOT_FOUND: "in our lines, nothing answered: candidates",
    FailureKind.UNSURE: "the right answer is below the threshold: scoring",
    FailureKind.WRONG_CANDIDATE: "in our lines, another answered: scoring",
    FailureKind.WRONG_EXTENT: "a part of it, or more than it",
    FailureKind.WRITTEN_OTHERWISE: "the same name but for capitals or the writing of its legal form",
    FailureKind.WRONG_FORMAT: "the right place, understood as another value: parsing",
    FailureKind.ROWS_DIFFER: "rows too few, too many, or with a wrong part",
}


def card(judged: JudgedDocument, failure: Failure, *, pictures: Sequence[str], candidates: Sequence[Considered]) -> str:
    """One failure as HTML.

    Args:
        judged: The document.
        failure: What went wrong.
        pictures: Paths of its pictures, relative to the page.
        candidates: The field's best candidates; none where they cannot be seen.
    """
    about = [each for each in (judged.document.damage, judged.document.layout, judged.document.lang) if each]
    pictured = "".join(f'<img src="{escape(path)}" alt="the place on the page" loading="lazy">' for path in pictures)
    content = _rows(failure.rows) if failure.rows else _values(failure)
    return (
        f'<article><header><span class="file">{escape(judged.name)}</span>'
        f"<small>{escape(' · '.join(about))}</small></header>"
        f"{content}{pictured}{_candidates(candidates)}</article>"
    )


def _values(failure: Failure) -> str:
    answer = failure.answer
    confidence = "" if answer is None else f"<small>{answer.confidence:.2f} sure</small>"
    printed = f"<small>printed “{escape(answer.text)}”</small>" if answer is not None and answer.text else ""
    rows = [
        ("truth", f"<b>{shown_value(failure.truth)}</b>"),
        ("answer", f"<b>{'null' if answer is None else shown_value(answer.value)}</b> {confidence} {printed}"),
    ]
    if failure.part is not None:
        rows.append(("wrong in", escape(failure.part)))
    if failure.read_as is not None:
        rows.append(("in our lines", escape(failure.read_as)))
    listed = "".join(f"<dt class={name.split()[0]}>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f"<dl>{listed}</dl>"


def _rows(rows: Sequence[RowPair]) -> str:
    """Rows that differ: what is printed above what was read, wrong parts coloured."""
    lines = []
    for pair in rows:
        for row, colour in ((pair.truth, "truth"), (pair.read, "answer")):
            cells = "".join(
                f"<td{f' class={colour}' if part in pair.wrong_parts else ''}>"
                f"{'' if row is None or row.get(part) is None else escape(str(row[part]))}</td>"
                for part in PARTS
            )
            lines.append(f"<tr><th>{colour}</th>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def shown_value(value: object) -> str:
    """A value as one reads it."""
    if value is None or value == []:
        return "null"
    if isinstance(value, Mapping):
        if "currency" in value:
            return escape(f"{value.get('value')} {value['currency']}")
        parts = [value.get(part) for part in ("bank", "branch", "type", "number", "holder")]
        return escape(" ".join(str(part) for part in parts if part is not None))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "<br>".join(shown_value(each) for each in value)
    return escape(str(value))


def _candidates(candidates: Sequence[Considered]) -> str:
    if not candidates:
        return ""
    rows = "".join(
        f"<li><b>{escape(each.value)}</b> <small>“{escape(each.text)}” on page {each.page}, {each.score:+.1f}</small>"
        f"<div>{_reasons(each.reasons)}</div></li>"
        for each in candidates
    )
    return f"<details><summary>candidates ({len(candidates)})</summary><ol>{rows}</ol></details>"


def _reasons(reasons: Mapping[str, float]) -> str:
    return "".join(
        f'<span class="{"for" if points > 0 else "against"}">{escape(name)} {points:+.1f}</span>'
        for name, points in list(reasons.items())[:REASONS_SHOWN]
    )
