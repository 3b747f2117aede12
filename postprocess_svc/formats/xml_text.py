"""A document's text inside XML: whatever it holds, it stays text.

Written by hand rather than with ``xml.etree``: that writes characters which no XML document may hold, so that what it
wrote could not be read again.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version

SOFTWARE_NAME = "yomitori"

# XML 1.0 (5th edition), 2.2, says which characters a document may hold; no reference can bring in another. White space
# other than the blank is written as a reference, because a reader makes blanks of it in attributes (3.3.3).
_NOT_AS_IT_IS = re.compile('[&<>"]|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_WRITTEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_REPLACEMENT = "\ufffd"
"""Stands for a character that XML has no place for."""


def xml_text(untrusted_text: str) -> str:
    """The text as it may stand between tags, or in an attribute between double quotes."""
    return _NOT_AS_IT_IS.sub(_written, untrusted_text)


def _written(found: re.Match[str]) -> str:
    return _WRITTEN.get(found.group(), _REPLACEMENT)


@cache
def software_version() -> str:
    """Of what wrote the document."""
    return version(SOFTWARE_NAME)


def decimal(value: float, *, digits: int) -> str:
    """A number without exponent, superfluous zeros or a negative zero."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if text == "-0" else text
