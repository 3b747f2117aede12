"""A drawn page as the ``Reading`` that a perfect recogniser would make of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from evaluation.mockups.columns import column_count
from evaluation.mockups.drawing import Drawing, Rule, Run
from ocr_core.contracts.document import DocumentInfo, MediaType
from ocr_core.contracts.geometry import Box
from ocr_core.contracts.reading import LineReading, PageReading, Reading, Ruling
from postprocess_svc.ctc import Charset

COLUMN_PX = 13
"""Of a page at 200 dpi: print of 9 points."""
_TYPE_PX = 2 * COLUMN_PX
ROW_PX = 38
MARGIN_PX = 60
DPI = 200
_STEPS_A_COLUMN = 2
_PROBABILITY = 0.995
_LINE_CONFIDENCE = 0.95


def charset_of(texts: Iterable[str]) -> Charset:
    """All characters that occur."""
    characters = sorted({character for text in texts for character in text} - {"\n", "\u3000"} | {" "})
    return Charset.parse("".join(f"{character}\n" for character in characters).encode())


def reading_of(name: str, drawings: Sequence[Drawing], charset: Charset) -> Reading:
    """One document of one or more pages.

    Args:
        name: Stands for its bytes.
        drawings: Its pages.
        charset: Of all that is printed.
    """
    class_ids = {character: number for number, character in enumerate(charset.characters) if character}
    return Reading(
        document=DocumentInfo(
            file_name=name,
            media_type=MediaType.PDF,
            page_count=len(drawings),
            sha256=hashlib.sha256(name.encode()).hexdigest(),
        ),
        pages=tuple(_page(number, drawing, class_ids) for number, drawing in enumerate(drawings, start=1)),
        model_versions={},
        charset_sha256=charset.sha256,
    )


def _page(number: int, drawing: Drawing, class_ids: dict[str, int]) -> PageReading:
    rulings = sorted((_ruling(rule) for rule in drawing.rules), key=_length_px, reverse=True)
    return PageReading(
        number=number,
        width_px=2 * MARGIN_PX + drawing.columns * COLUMN_PX,
        height_px=2 * MARGIN_PX + drawing.rows * ROW_PX,
        dpi=DPI,
        rotation_deg=0,
        skew_deg=0.0,
        lines=tuple(_line(run, _room(run, drawing.runs), class_ids, drawing.japanese) for run in drawing.runs),
        rulings=tuple(rulings),
    )


def _room(run: Run, runs: Sequence[Run]) -> float:
    """How much wider than in ordinary size a run can be drawn before it meets the next."""
    following = [other.column for other in runs if other.row == run.row and other.column > run.column]
    return (min(following) - 1 - run.column) / run.columns if following else run.scale


def _line(run: Run, room: float, class_ids: dict[str, int], japanese: bool) -> LineReading:
    ids: list[int] = []
    for character, following in zip(run.text, [*run.text[1:], ""], strict=True):
        columns = column_count(character, japanese=japanese)
        steps = columns * _STEPS_A_COLUMN
        if character == " " and _is_wide(ids, following, japanese):
            ids += [0] * steps  # nothing is read of a gap between kanji
        else:
            shown = class_ids[character]
            ids += [0, shown, shown, 0] if steps == 4 else [shown, 0]
    height = _TYPE_PX * run.scale
    width = run.columns * COLUMN_PX * min(run.scale, max(room, _SMALLEST_ROOM))
    middle = MARGIN_PX + (run.row + 0.5) * ROW_PX
    left = MARGIN_PX + run.column * COLUMN_PX
    return LineReading(
        quad=Box(left=left, top=middle - height / 2, right=left + width, bottom=middle + height / 2).to_quad(),
        class_ids=np.array(ids, np.uint16),
        probabilities=np.full(len(ids), _PROBABILITY, np.float32),
        timestep_px=width / len(ids),
        detection_confidence=_LINE_CONFIDENCE,
    )


_SMALLEST_ROOM = 0.8


def _is_wide(before: Sequence[int], following: str, japanese: bool) -> bool:
    """A gap between two full-width characters: the last one read took four timesteps."""
    return len(before) >= 4 and before[-2] != 0 and before[-4] == 0 and column_count(following, japanese=japanese) == 2


def _ruling(rule: Rule) -> Ruling:
    return Ruling(
        start=(
            MARGIN_PX + (rule.start_column + 0.5) * COLUMN_PX,
            MARGIN_PX + (rule.start_row + 0.5) * ROW_PX,
        ),
        end=(MARGIN_PX + (rule.end_column + 0.5) * COLUMN_PX, MARGIN_PX + (rule.end_row + 0.5) * ROW_PX),
    )


def _length_px(ruling: Ruling) -> float:
    return abs(ruling.end[0] - ruling.start[0]) + abs(ruling.end[1] - ruling.start[1])
