"""Red ink and the print beneath it, told apart pixel by pixel.

Ink on paper takes away light, each channel by its own share: red ink leaves red nearly alone, black print dims all
three alike. So how far green and blue lie below red says how much of a pixel red ink covers, whatever stands under it,
and red itself, less what the ink takes of it, is the print alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_core.contracts.reading import Stamp

_PAPER_PERCENTILE = 85.0
"""A stamp's ink covers less of it than the rest."""
_SURE_PALENESS = 0.85
_MAX_PALENESS = 0.9
"""Green or blue, whichever is more, over red, each relative to the paper: fresh vermilion has 0.4, a faint stamp 0.8,
bare paper 1 and a little less where JPEG has smeared it."""
_DARKNESS = 0.05
"""Of the paper's brightness: where a pixel is this dark, its colour is noise."""
_MIN_RED = 0.45
"""Red relative to the paper, at least: what is darker is brown, or print under ink."""
_MIN_INK_PX = 12
_FULL_INK_PERCENTILE = 25.0
"""The palest of this share of the ink is full ink: the rest is edges of strokes, or a worn stamp."""
_DARK_INK_PERCENTILE = 10.0
_BARE = 0.15
"""Paper has less ink than this, and is darker than the brightest by less."""
_GROWTH = 0.04
"""A stamp's edge is blurred: ink is lifted this share of its side beyond it."""

_Image = NDArray[np.uint8]
_Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inks:
    """A patch of a page, taken apart."""

    red: _Plane
    """(H, W) how much of each pixel red ink covers, 0 to 1."""
    printed: _Plane
    """(H, W) brightness without it, relative to the paper, 0 to 1."""
    paper: NDArray[np.float32]
    """(3,) RGB of the paper where there is neither."""


def relative_to_paper(patch: _Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W, 3) a patch's colours with its paper as white, and (3,) the paper's RGB; of (H, W, 3) uint8 RGB."""
    colours = patch.astype(np.float32)
    paper = np.maximum(np.percentile(patch[::2, ::2].reshape(-1, 3), _PAPER_PERCENTILE, axis=0), 1.0).astype(np.float32)
    return colours / paper, paper


def red_ink(relative: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) where red ink lies on paper, and no print."""
    red, paleness = relative[:, :, 0], _paleness(relative)
    on_paper = red >= _MIN_RED
    sure: NDArray[np.bool_] = on_paper & (paleness <= _SURE_PALENESS)
    if np.count_nonzero(sure) < _MIN_INK_PX:
        return np.zeros_like(sure)
    # The edges of faint strokes are fainter still.
    halfway = (1 + float(np.percentile(paleness[sure], _FULL_INK_PERCENTILE))) / 2
    ink: NDArray[np.bool_] = on_paper & (paleness <= min(max(halfway, _SURE_PALENESS), _MAX_PALENESS))
    return ink


def _paleness(relative: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) green or blue, whichever is more, over red: 1 on paper, and on print, however dark it is."""
    other = np.maximum(relative[:, :, 1], relative[:, :, 2])
    pale: NDArray[np.float32] = (other + _DARKNESS) / (relative[:, :, 0] + _DARKNESS)
    return pale


def print_over(relative: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) where print is so dark that ink would not show."""
    dark: NDArray[np.bool_] = relative[:, :, 0] < _MIN_RED
    return dark


def take_apart(patch: _Image) -> Inks | None:
    """Tell red ink and print apart.

    Args:
        patch: (H, W, 3) uint8 RGB, a stamp and little else.

    Returns:
        Null where there is no red ink.
    """
    relative, paper = relative_to_paper(patch)
    ink = red_ink(relative)
    if np.count_nonzero(ink) < _MIN_INK_PX:
        return None
    red, paleness = relative[:, :, 0], _paleness(relative)
    full = min(float(np.percentile(paleness[ink], _FULL_INK_PERCENTILE)), 0.95)
    covered = np.clip((1 - paleness) / (1 - full), 0, 1)
    # JPEG keeps colour at half the page's resolution: a stroke's own pixels are paler than those around say. Where
    # nothing lies, taking away ink only makes white whiter.
    generous = np.asarray(cv2.dilate(covered, np.ones((3, 3), np.uint8)))
    left_by_ink = float(np.percentile(red[ink], _DARK_INK_PERCENTILE))
    printed = np.minimum(red / (1 - generous * (1 - min(left_by_ink, 1.0))), 1.0)
    bare = (generous < _BARE) & (red > 1 - _BARE)
    if bare.any():
        paper = patch[bare].mean(axis=0, dtype=np.float32)
    return Inks(red=covered.astype(np.float32), printed=printed.astype(np.float32), paper=paper)


def without_stamps(pixels: _Image, stamps: Sequence[Stamp]) -> _Image:
    """The page with the red ink of its stamps lifted: what was printed beneath stays, paper comes in its place.

    Args:
        pixels: (H, W, 3) uint8 RGB; it is left alone.
        stamps: Found on this page.

    Returns:
        (H, W, 3) uint8 RGB, a copy; the page itself if there are no stamps.
    """
    if not stamps:
        return pixels
    lifted = pixels.copy()
    for stamp in stamps:
        _lift(lifted, np.array(stamp.quad, np.float32))
    return lifted


def _lift(page: _Image, corners: NDArray[np.float32]) -> None:
    """Lift the ink within four corners of a page, in place."""
    centre = corners.mean(axis=0)
    grown = centre + (corners - centre) * (1 + 2 * _GROWTH)
    left, top = np.maximum(np.floor(grown.min(axis=0)).astype(int), 0)
    right, bottom = np.ceil(grown.max(axis=0)).astype(int) + 1
    patch = page[top:bottom, left:right]
    inks = take_apart(patch) if patch.size else None
    if inks is None:
        return
    within = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillConvexPoly(within, np.rint(grown - (left, top)).astype(np.int32), 1)
    # Pixels without ink stay as they are, with their colour and the light that fell there.
    share = np.asarray(cv2.dilate(np.minimum(inks.red * 3, 1.0), np.ones((3, 3), np.uint8))) * within
    lifted = inks.printed[:, :, None] * inks.paper
    patch[:] = np.rint(patch + (lifted - patch) * share[:, :, None]).clip(0, 255).astype(np.uint8)
