"""Markdown tables of figures."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.scores import Figure


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    marks = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, marks, *rows))


def number(value: float | None, *, digits: int = 4, sign: bool = False) -> str:
    """A number, or a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def compared(ours: Figure | None, peer: Figure | None, *, pooled: bool = False) -> tuple[str, str, str]:
    """Our figure, the peer's, and the difference."""
    mine = None if ours is None else ours.pooled if pooled else ours.mean
    theirs = None if peer is None else peer.pooled if pooled else peer.mean
    difference = None if mine is None or theirs is None else mine - theirs
    return number(mine), number(theirs), number(difference, sign=True)
