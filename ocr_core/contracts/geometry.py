"""Coordinates, once for the whole house.

Page pixels, origin at the top-left corner, x to the right, y down. A quad is four points, clockwise, starting at
the *text's own* top-left: for a line of upright text ``quad[0]`` is the line's top-left corner, and the edge from
``quad[0]`` to ``quad[1]`` runs in reading direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle in page pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    def to_quad(self) -> Quad:
        """The same rectangle as a quad of upright text."""
        return (
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
        )


def bounds(*quads: Quad) -> Box:
    """The smallest upright box around one or more quads."""
    xs = [x for quad in quads for x, _ in quad]
    ys = [y for quad in quads for _, y in quad]
    return Box(left=min(xs), top=min(ys), right=max(xs), bottom=max(ys))


def angle_deg(quad: Quad) -> float:
    """The text's direction in degrees, clockwise from rightwards, in (-180, 180]."""
    (x0, y0), (x1, y1) = quad[0], quad[1]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def turn_point(point: Point, *, rotation_deg: int, width_px: int, height_px: int) -> Point:
    """Where a point lands when its page (``width_px`` x ``height_px``) is turned clockwise by quarter turns."""
    x, y = point
    match rotation_deg % 360:
        case 0:
            return point
        case 90:
            return (height_px - y, x)
        case 180:
            return (width_px - x, height_px - y)
        case 270:
            return (y, width_px - x)
        case other:
            raise ValueError(f"a page turns by quarter turns, not by {other} degrees")


def turn_quad(quad: Quad, *, rotation_deg: int, width_px: int, height_px: int) -> Quad:
    """A quad likewise. The order of the points is kept, so that the first stays the text's own top-left."""
    p = [turn_point(each, rotation_deg=rotation_deg, width_px=width_px, height_px=height_px) for each in quad]
    return (p[0], p[1], p[2], p[3])
