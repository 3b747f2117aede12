"""Corrections as they are sent, checked against the document that they are about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from async_worker.corrections.applying import Answers, corrected_answers, plain
from async_worker.corrections.values import MEMBERS, SCALARS, YEN, entries, member
from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.result import DocumentType
from ocr_core.contracts.schema_names import AUTO
from ocr_core.contracts.stored_documents import Correction, Json, NewCorrection
from postprocess_svc.fields.candidate import FieldKind
from postprocess_svc.schemas import Catalogue, Schema

_PATH = re.compile(r"(?P<field>[a-z][a-z0-9_]{0,47})(\.(?P<at>0|[1-9][0-9]{0,3})\.(?P<member>[a-z_]{1,32}))?")
_LISTS = frozenset(MEMBERS)

Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A correction as it was sent, of sound form."""

    path: str
    value: Json
    currency: str | None = None
    schema: str | None = None
    page: int | None = None
    quad: Quad | None = None


class CorrectionDesk:
    """Checks what people say of one document, in the order in which they say it."""

    def __init__(
        self, result: Mapping[str, Any], *, schemas: Sequence[str], made: Sequence[Correction], catalogue: Catalogue
    ) -> None:
        """Look at the document.

        Args:
            result: As stored.
            schemas: Those that it was read by.
            made: Its corrections so far.
            catalogue: The schemas that there are now.
        """
        self._result = result
        self._schemas = schemas
        self._catalogue = catalogue
        self._as_read = Answers(result)
        self._now = corrected_answers(result, made)
        self._pages = {page["number"] for page in result["pages"]}

    def check(self, asked: Asked, where: str) -> NewCorrection:
        """A correction that can be written down; those after it see what it changed.

        Args:
            asked: What was sent.
            where: What to call it in a refusal.

        Raises:
            InvalidRequest: it names nothing of the document, or is no value for what it names.
        """
        fields = self._now.of(asked.schema, where)
        match = _PATH.fullmatch(asked.path)
        if match is None or match["field"] not in fields:
            raise InvalidRequest(f"{where}.path: there is no such field; there are {', '.join(fields)}")
        name = match["field"]
        kind = self._kind_of(name, fields[name], asked.schema)
        read = self._as_read.of(asked.schema, where)[name]
        currency = asked.currency or _currency_of(fields, name)
        if match["member"] is None:
            correction = self._of_field(asked, kind, read, currency, where)
        else:
            at, member_name = int(match["at"]), match["member"]
            self._check_member(fields[name], kind, at, member_name, where)
            told = read[at].get(member_name) if not self._is_replaced(asked) and read and at < len(read) else None
            correction = NewCorrection(
                schema=asked.schema,
                path=asked.path,
                kind=MEMBERS[kind][member_name][0],
                read=told,
                value=member(asked.value, kind, member_name, currency, f"{where}.value"),
                **self._evidence(asked, where),
            )
        self._now.apply(correction)
        return correction

    def _of_field(self, asked: Asked, kind: FieldKind, read: Any, currency: str, where: str) -> NewCorrection:
        value: Json = None
        if asked.value is not None and kind in _LISTS:
            value = entries(asked.value, kind, currency, f"{where}.value")
        elif asked.value is not None:
            value = {"value": SCALARS[kind](asked.value, currency, f"{where}.value")}
            if kind is FieldKind.MONEY:
                value["currency"] = currency
        if asked.currency is not None and (kind is not FieldKind.MONEY or asked.value is None):
            raise InvalidRequest(f"{where}.currency: is for amounts alone")
        return NewCorrection(
            schema=asked.schema,
            path=asked.path,
            kind=kind.value,
            read=plain(read),
            value=value,
            **self._evidence(asked, where),
        )

    def _check_member(self, answer: Any, kind: FieldKind, at: int, name: str, where: str) -> None:
        if kind not in _LISTS:
            raise InvalidRequest(f"{where}.path: the field is no list")
        if name not in MEMBERS[kind]:
            raise InvalidRequest(f"{where}.path: an entry has no such member; it has {', '.join(MEMBERS[kind])}")
        count = len(answer or ())
        if at >= count:
            raise InvalidRequest(f"{where}.path: the list has {count} entries, counted from 0")

    def _is_replaced(self, asked: Asked) -> bool:
        """Whether the list's entries are no longer those that were read."""
        name = asked.path.partition(".")[0]
        return self._now.is_replaced(asked.schema, name)

    def _evidence(self, asked: Asked, where: str) -> dict[str, Any]:
        if asked.page is not None and asked.page not in self._pages:
            raise InvalidRequest(f"{where}.page: the document was read without such a page")
        if asked.quad is not None and asked.page is None:
            raise InvalidRequest(f"{where}.quad: needs the page that it lies on")
        return {"page": asked.page, "quad": asked.quad}

    def _kind_of(self, name: str, answer: Any, schema_name: str | None) -> FieldKind:
        """By the schema, or, where that has gone or changed since, by what the answer looks like."""
        schema = self._schema(schema_name)
        if schema is not None:
            for field in schema.fields:
                if field.name == name:
                    return field.kind
        if isinstance(answer, list):
            return FieldKind.ACCOUNTS if answer and "holder" in answer[0] else FieldKind.LINE_ITEMS
        return FieldKind.MONEY if answer is not None and "currency" in answer else FieldKind.TEXT

    def _schema(self, name: str | None) -> Schema | None:
        if name is None:
            name = self._schemas[0] if len(self._schemas) == 1 else AUTO
        if name == AUTO:
            name = self._result["document_type"] or DocumentType.OTHER.value
        return next((schema for schema in self._catalogue if schema.name == name), None)


def _currency_of(fields: Mapping[str, Any], name: str) -> str:
    """A field's own, else that of another amount; yen where there is none."""
    answers = [fields[name], *fields.values()]
    found = (answer.get("currency") for answer in answers if isinstance(answer, dict))
    return next((currency for currency in found if currency), YEN)
