"""A schema: which fields a caller wants, under which names, and what must hold of their values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from ocr_core.contracts.ports import SchemaField, SchemaSummary
from ocr_core.contracts.result import BankAccount, DocumentType, FieldValue, LineItem, MoneyValue
from ocr_core.contracts.schema_names import SchemaName
from postprocess_svc.fields.candidate import FieldKind

SingleValue = FieldValue | MoneyValue | BankAccount | LineItem
"""What rules are about: a value, or one entry of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What must hold of one value."""

    key: str
    """As the schema's file calls it; warnings name it."""
    holds: Callable[[SingleValue, dt.date], bool]
    """Takes the value and today's date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What must hold between two values; where it does not, the left one is not believed."""

    text: str
    """As the schema's file says it: ``due_date >= document_date``."""
    left: str
    right: str
    holds: Callable[[SingleValue, SingleValue], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedField:
    """A field of the answer."""

    name: str
    """Its key in the answer."""
    source: str
    """The field family's own name for it."""
    kind: FieldKind
    required: bool = False
    min_confidence: float = 0.0
    """Beside the caller's own: the stricter one counts."""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a schema's file says, checked."""

    name: SchemaName
    title: str
    description: str = ""
    document_type: DocumentType | None = None
    """What the document is read as; None is what it is taken for."""
    fields: tuple[WantedField, ...]
    checks: tuple[Check, ...] = ()

    @property
    def sources(self) -> frozenset[str]:
        """The families' fields that it needs."""
        return frozenset(field.source for field in self.fields)

    def summary(self) -> SchemaSummary:
        """As callers are told of it."""
        return SchemaSummary(
            name=self.name,
            title=self.title,
            description=self.description,
            document_type=self.document_type and self.document_type.value,
            fields={
                field.name: SchemaField(type=field.kind.value, source=field.source, required=field.required)
                for field in self.fields
            },
        )
