"""Schemas by name: which fields a caller wants, and how they are checked.

What schemas there are is known to the text side alone, which loads their files (``postprocess_svc.schemas``). Everybody
else passes names on, of which only the form can be checked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NewType

from ocr_core.contracts.errors import InvalidRequest

SchemaName = NewType("SchemaName", str)

AUTO = SchemaName("auto")
"""Classify the document, then take the schema of its type."""
NONE = SchemaName("none")
"""Lines only, no fields."""

MAX_SCHEMAS = 16
"""At once."""
NAME_PATTERN = r"[a-z][a-z0-9_-]{0,47}"
"""Also of a schema's file, so that a name is the same on every file system."""

_NAME = re.compile(NAME_PATTERN)


def is_schema_name(untrusted_text: str) -> bool:
    """Whether a schema may have this name."""
    return _NAME.fullmatch(untrusted_text) is not None


def parse_schema_names(untrusted_text: str) -> tuple[SchemaName, ...]:
    """Schemas as callers write them: ``invoice,receipt``.

    Raises:
        InvalidRequest: a name is none, they are too many, or they do not go together; the detail does not say where
            they were written.
    """
    names = [name.strip() for name in untrusted_text.split(",", MAX_SCHEMAS)]
    if len(names) > MAX_SCHEMAS:
        raise InvalidRequest(f"names more than {MAX_SCHEMAS} schemas")
    if not all(map(is_schema_name, names)):
        raise InvalidRequest("a schema's name is up to 48 small letters, digits, _ and -, and begins with a letter")
    if len(set(names)) != len(names):
        raise InvalidRequest("names a schema twice")
    if len(names) > 1 and {AUTO, NONE} & set(names):
        raise InvalidRequest("'auto' and 'none' stand alone")
    return tuple(SchemaName(name) for name in names)


def check_known(wanted: Sequence[SchemaName], known: Sequence[str]) -> None:
    """Refuse schemas that there are not.

    Raises:
        InvalidRequest: naming them, and those that there are.
    """
    unknown = [name for name in wanted if name not in {AUTO, NONE, *known}]
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown)
        raise InvalidRequest(f"schema: there is no {listed}; there are {', '.join([AUTO, NONE, *known])}")
