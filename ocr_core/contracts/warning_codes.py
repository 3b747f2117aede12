"""The header that lists the codes of a result's warnings, for formats that have no place for them.

A list as RFC 9110, section 5.6.1, has it: ``page_rendered_smaller, unreadable_page``.
"""

from __future__ import annotations

from collections.abc import Iterable

WARNINGS_HEADER = "Yomitori-Warnings"


def join_codes(codes: Iterable[str]) -> str:
    """The header's value."""
    return ", ".join(codes)


def split_codes(header: str | None) -> tuple[str, ...]:
    """The codes of a header that a service of ours wrote; none where it is absent."""
    return tuple(code.strip() for code in (header or "").split(",") if code.strip())
