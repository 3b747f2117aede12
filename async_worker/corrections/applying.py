"""A result's fields as they are after what people put right."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ocr_core.contracts.errors import InvalidRequest
from ocr_core.contracts.stored_documents import Json, NewCorrection

_EVIDENCE = ("text", "confidence", "page", "quad")
_NOT_VALUES = frozenset({*_EVIDENCE, "partner", "corrected"})

Fields = dict[str, Any]
"""By name, as the result has them: plain JSON."""


class Answers:
    """The fields of a result, of each schema that it answers, to be changed."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.fields: Fields | None = copy.deepcopy(result["fields"])
        self.schemas: dict[str, Fields] | None = copy.deepcopy(result["schemas"])
        self._replaced: set[tuple[str | None, str]] = set()

    def of(self, schema: str | None, where: str) -> Fields:
        """A schema's fields; null for the one that the result answers.

        Raises:
            InvalidRequest: it answers none, or several.
        """
        if self.schemas is not None:
            if schema not in self.schemas:
                raise InvalidRequest(f"{where}.schema: one of {', '.join(self.schemas)}")
            return self.schemas[schema]
        if self.fields is None:
            raise InvalidRequest(f"{where}: the document was read without fields")
        if schema is not None:
            raise InvalidRequest(f"{where}.schema: is for documents that were read by several")
        return self.fields

    def is_replaced(self, schema: str | None, name: str) -> bool:
        """Whether a list was replaced as a whole."""
        return (schema, name) in self._replaced

    def apply(self, correction: NewCorrection) -> None:
        """Take a correction in; one that fits no longer changes nothing."""
        fields = self.fields if self.schemas is None else self.schemas.get(correction.schema or "")
        if fields is not None:
            if isinstance(correction.value, list):
                self._replaced.add((correction.schema, correction.path))
            _put(fields, correction)


def corrected_answers(result: Mapping[str, Any], made: Sequence[NewCorrection]) -> Answers:
    """All corrections taken in, in their order: of one path the last one counts."""
    answers = Answers(result)
    for correction in made:
        answers.apply(correction)
    return answers


def _put(fields: Fields, correction: NewCorrection) -> None:
    """Put a value in its place. What it replaces keeps its evidence, unless the correction brings its own."""
    name, *deeper = correction.path.split(".")
    if name not in fields:
        return
    if deeper:
        at, member = int(deeper[0]), deeper[1]
        if fields[name] and at < len(fields[name]):
            fields[name][at] |= {member: correction.value, "corrected": True}
    elif isinstance(correction.value, list):
        fields[name] = [{**entry, **dict.fromkeys(_EVIDENCE), "corrected": True} for entry in correction.value]
    elif isinstance(fields[name], list) or (fields[name] is None and correction.value is None):
        fields[name] = None
    else:
        read = fields[name] or dict.fromkeys(_EVIDENCE)
        value = dict(correction.value) if isinstance(correction.value, Mapping) else {"value": None}
        evidence = {} if correction.page is None else {"page": correction.page, "quad": correction.quad}
        fields[name] = {**read, **value, **evidence, "corrected": True}


def plain(answer: Any) -> Json:
    """A field's value without its evidence; of a list each entry's."""
    if answer is None:
        return None
    if isinstance(answer, list):
        return [plain(entry) for entry in answer]
    return {name: value for name, value in answer.items() if name not in _NOT_VALUES}
