"""Checked access to a map that came from outside: one typed value at a time, or ``InvalidRequest`` naming it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import msgpack
import numpy as np

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.geometry import Point, Quad

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_TEXT_CHARACTERS = 1_000
"""Of a file name, a code, a detail."""
QUAD_MARGIN_PX = 1_000
"""How far a quad may reach beyond its page, where the page is not larger than that itself."""
_MAX_MAP_LENGTH = 64

_Container = TypeVar("_Container")


class UntrustedMap:
    """A map from outside; each method returns one checked value of it, or raises ``InvalidRequest`` naming it."""

    def __init__(self, untrusted: object, where: str) -> None:
        if not isinstance(untrusted, dict):
            raise InvalidRequest(f"{where} is not a map")
        self._untrusted: dict[object, object] = untrusted
        self.where = where

    def has(self, key: str) -> bool:
        """Whether the map has the key at all."""
        return key in self._untrusted

    def value(self, key: str) -> object:
        """The value as it came."""
        if key not in self._untrusted:
            raise InvalidRequest(f"{self.where}.{key} is missing")
        return self._untrusted[key]

    def integer(self, key: str, least: int, most: int) -> int:
        """A whole number within ``[least, most]``."""
        value = self.value(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidRequest(f"{self.where}.{key} is not an integer from {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float) -> float:
        """A number within ``[least, most]``."""
        return checked_number(self.value(key), f"{self.where}.{key}", least, most)

    def text(self, key: str, *, at_most: int = MAX_TEXT_CHARACTERS) -> str:
        """A text of at most so many characters."""
        return checked_text(self.value(key), f"{self.where}.{key}", at_most)

    def optional_text(self, key: str) -> str | None:
        """A text, or null."""
        return None if self.value(key) is None else self.text(key)

    def items(self, key: str, at_most: int) -> list[object]:
        """An array of at most so many items, unchecked themselves."""
        value = self.value(key)
        if not isinstance(value, list) or len(value) > at_most:
            raise InvalidRequest(f"{self.where}.{key} is not an array of at most {at_most} items")
        return value

    def column(
        self, key: str, dtype: str, least: float, most: float, *, exactly: int | None = None, at_most: int = 0
    ) -> NDArray[np.generic]:
        """One number a row, each within ``[least, most]``: (``exactly`` | up to ``at_most``,) of ``dtype``."""
        value = self.value(key)
        size = np.dtype(dtype).itemsize
        if not isinstance(value, bytes) or len(value) % size:
            raise InvalidRequest(f"{self.where}.{key} is not a column of {dtype}")
        count = len(value) // size
        if (count != exactly) if exactly is not None else (count > at_most):
            raise InvalidRequest(f"{self.where}.{key} has {count} rows")
        column = np.frombuffer(value, dtype)
        # Written so that NaN, which is the least and the greatest of its column and compares false, does not pass.
        if count and not (column.min() >= least and column.max() <= most):
            raise InvalidRequest(f"{self.where}.{key} has a value outside {least} to {most}")
        return column

    def quads(self, key: str, count: int, width_px: int, height_px: int) -> list[Quad]:
        """A column of ``count`` quads that lie on the page, or not far off it."""
        quads = self.quads_up_to(key, count, width_px, height_px)
        if len(quads) != count:
            raise InvalidRequest(f"{self.where}.{key} has {len(quads)} quads")
        return quads

    def quads_up_to(self, key: str, at_most: int, width_px: int, height_px: int) -> list[Quad]:
        """A column of up to ``at_most`` quads that lie on the page, or not far off it."""
        reach = float(2 * max(width_px, height_px, QUAD_MARGIN_PX))
        column = self.column(key, "<f4", -reach, reach, at_most=8 * at_most)
        if not len(column):
            return []
        if len(column) % 8:
            raise InvalidRequest(f"{self.where}.{key} is not a column of quads")
        points = column.reshape(-1, 4, 2)
        if not bool(on_page(points, width_px, height_px).all()):
            raise InvalidRequest(f"{self.where}.{key} has a quad that lies off the page")
        numbers = iter(column.tolist())
        corners = iter(list(zip(numbers, numbers, strict=True)))
        return list(zip(corners, corners, corners, corners, strict=True))

    def segments(self, key: str, at_most: int, width_px: int, height_px: int) -> list[tuple[Point, Point]]:
        """A column of up to ``at_most`` segments that lie on the page, or not far off it."""
        reach = float(2 * max(width_px, height_px, QUAD_MARGIN_PX))
        column = self.column(key, "<f4", -reach, reach, at_most=4 * at_most)
        if not len(column):
            return []
        if len(column) % 4:
            raise InvalidRequest(f"{self.where}.{key} is not a column of segments")
        points = column.reshape(-1, 2, 2)
        if not bool(on_page(points, width_px, height_px).all()):
            raise InvalidRequest(f"{self.where}.{key} has a segment that lies off the page")
        return [((x0, y0), (x1, y1)) for (x0, y0), (x1, y1) in points.tolist()]


def pack_map(values: Mapping[str, object]) -> bytes:
    """A map as MessagePack."""
    packed: bytes = msgpack.packb(values)
    return packed


def unpack_map(untrusted: bytes, where: str, *, max_array: int, max_containers: int) -> UntrustedMap:
    """A map out of MessagePack.

    Args:
        untrusted: The bytes.
        where: What they are, for the error.
        max_array: Items of one array.
        max_containers: Arrays and maps of the whole: a few bytes of nested ones would become gigabytes of lists.

    Raises:
        InvalidRequest: they are no map, or over a limit.
    """
    containers = 0

    def count(container: _Container) -> _Container:
        nonlocal containers
        containers += 1
        if containers > max_containers:
            raise ValueError("too many containers")
        return container

    try:
        value: object = msgpack.unpackb(
            untrusted,
            list_hook=count,
            object_hook=count,
            max_array_len=max_array,
            max_map_len=_MAX_MAP_LENGTH,
            max_ext_len=0,
        )
    # The unpacker raises ValueError and its kin (FormatError, StackError, ExtraData, UnicodeDecodeError), and
    # TypeError for a map key that cannot be hashed.
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"{where}: not such a MessagePack value ({type(error).__name__})") from error
    return UntrustedMap(value, where)


def checked_text(value: object, where: str, at_most: int = MAX_TEXT_CHARACTERS) -> str:
    """The value, if it is a text of at most so many characters."""
    # The unpacker decodes UTF-8 strictly, so that a surrogate cannot come through it.
    if not isinstance(value, str) or len(value) > at_most:
        raise InvalidRequest(f"{where} is not a text of at most {at_most} characters")
    return value


def checked_number(value: object, where: str, least: float, most: float) -> float:
    """The value, if it is a number within ``[least, most]``; NaN is not."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidRequest(f"{where} is not a number from {least} to {most}")
    return float(value)


def on_page(points: NDArray[np.generic], width_px: int, height_px: int) -> NDArray[np.bool_]:
    """(N,) whether each of N quads (N, 4, 2) or segments (N, 2, 2) lies on the page or not far off it.

    Not far: no further than its size or the margin.
    """
    margin = (max(width_px, QUAD_MARGIN_PX), max(height_px, QUAD_MARGIN_PX))
    low = np.array([-margin[0], -margin[1]], np.float64)
    high = np.array([width_px + margin[0], height_px + margin[1]], np.float64)
    values = points.astype(np.float64)
    within: NDArray[np.bool_] = np.asarray(((values >= low) & (values <= high)).all(axis=(1, 2)))
    return within
