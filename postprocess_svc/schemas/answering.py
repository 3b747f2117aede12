"""What a schema makes of a document's fields: those that it wants, held to what it says of them.

A value that breaks a rule is null, and a warning says which rule: somebody books what is answered here, and a wrong
amount costs more than a missing one. Warnings name schema, field and rule, and quote nothing of the document.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from ocr_core.contracts.page import Notice
from ocr_core.contracts.result import FieldAnswer
from postprocess_svc.schemas.schema import Schema, SingleValue, WantedField

log = logging.getLogger(__name__)

Value = TypeVar("Value", bound=SingleValue)

SCHEMA_FAILED = "schema_failed"
VALIDATION_FAILED = "validation_failed"
REQUIRED_FIELD_MISSING = "required_field_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaAnswer:
    """A schema's fields, every one of them present, and what had to be said about them."""

    fields: dict[str, FieldAnswer]
    warnings: tuple[Notice, ...] = ()


def answer_schema(
    schema: Schema, found: Mapping[str, FieldAnswer], *, min_confidence: float, today: dt.date
) -> SchemaAnswer:
    """Take the schema's fields out of what the families found.

    Args:
        schema: Which fields, and what must hold of them.
        found: What the families found, by their own names.
        min_confidence: What the caller takes; the schema may only ask for more.
        today: In UTC.

    Returns:
        A schema that fails, by a fault in one of its rules, has all its fields null and a ``schema_failed`` notice.
    """
    desk = _Desk(schema=schema, min_confidence=min_confidence, today=today, warnings=[])
    try:
        fields = desk.answer(found)
    except Exception as error:
        # One schema's fault must not cost the others' answers. The error's text may quote the document: no logging.
        log.warning(
            "schema failed",
            extra={"action": SCHEMA_FAILED, "schema": schema.name, "error": type(error).__name__},
        )
        notice = Notice(code=SCHEMA_FAILED, detail=f"the schema '{schema.name}' could not be applied")
        return SchemaAnswer(fields={field.name: None for field in schema.fields}, warnings=(notice,))
    return SchemaAnswer(fields=fields, warnings=tuple(desk.warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """One schema at work on one document."""

    schema: Schema
    min_confidence: float
    today: dt.date
    warnings: list[Notice]

    def answer(self, found: Mapping[str, FieldAnswer]) -> dict[str, FieldAnswer]:
        """Every field of the schema: held to its own rules, then to the checks between fields, in the file's order."""
        fields = {field.name: self._answer_of(field, found.get(field.source)) for field in self.schema.fields}
        for check in self.schema.checks:
            left, right = fields[check.left], fields[check.right]
            if left is None or right is None or isinstance(left, tuple) or isinstance(right, tuple):
                continue
            if not check.holds(left, right):
                fields[check.left] = None
                self._refuse(check.left, check.text, left.page)
        for field in self.schema.fields:
            if field.required and fields[field.name] is None:
                detail = f"schema '{self.schema.name}' requires the field '{field.name}', which has no value"
                self.warnings.append(Notice(code=REQUIRED_FIELD_MISSING, detail=detail))
        return fields

    def _answer_of(self, field: WantedField, answer: FieldAnswer) -> FieldAnswer:
        """The answer, or null where it is less sure than it has to be or breaks a rule; of a list each by itself."""
        if answer is None:
            return None
        if isinstance(answer, tuple):
            return cast("FieldAnswer", tuple(self._kept(field, answer)) or None)  # a list is of one kind
        return next(iter(self._kept(field, (answer,))), None)

    def _kept(self, field: WantedField, values: Sequence[Value]) -> list[Value]:
        threshold = max(self.min_confidence, field.min_confidence)
        kept = []
        for value in values:
            if value.confidence < threshold:
                continue
            broken = next((rule.key for rule in field.rules if not rule.holds(value, self.today)), None)
            if broken is None:
                kept.append(value)
            else:
                self._refuse(field.name, broken, value.page)
        return kept

    def _refuse(self, field: str, rule: str, page: int) -> None:
        detail = f"schema '{self.schema.name}': what was read for the field '{field}' does not meet '{rule}'"
        self.warnings.append(Notice(code=VALIDATION_FAILED, detail=detail, page=page))
