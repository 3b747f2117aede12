"""Values that a page has by the hundred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def value(cls: type[T]) -> type[T]:
    """A slotted, keyword-only dataclass that the type checker holds to be frozen, and that nothing freezes at run time.

    A dataclass that is frozen at run time costs two to three times as much to make: 1.7 of a page's 14 ms were spent in
    the constructors of some 1,300 such values. So this is for those that are made for every line, piece or candidate;
    all others are frozen in earnest.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def value_of_arrays(cls: type[T]) -> type[T]:
    """``value`` for what holds arrays, which do not compare as values do: equal is what is the same."""
    return dataclass(slots=True, kw_only=True, eq=False)(cls)


@dataclass_transform(frozen_default=True)
def value_by_position(cls: type[T]) -> type[T]:
    """``value`` for what is little more than a tuple: boxes, lines, areas."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
