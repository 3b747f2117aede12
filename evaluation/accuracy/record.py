"""A run as JSON: every figure, and every field of every document, so that a later run can be held against it.

It has the documents' values in it, some of real people and shops: it stays under ``out/``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from evaluation.accuracy.failures import Failure
from evaluation.accuracy.figures import GroupFigures
from evaluation.accuracy.judged import DEFAULT_THRESHOLD, JudgedDocument
from evaluation.accuracy.line_items import LineItemMatches
from evaluation.accuracy.reliability import Reliability
from evaluation.accuracy.targets import TargetFigure
from evaluation.api_reader import LINE_ITEMS
from evaluation.field_metrics import Matches

SCHEMA_VERSION = 1

Json = dict[str, Any]
Failures = Mapping[tuple[str, str], Sequence[Failure]]
"""By set and file."""


def run_record(
    documents: Sequence[JudgedDocument],
    groups: Sequence[GroupFigures],
    targets: Sequence[TargetFigure],
    failures: Failures,
    *,
    through: str,
    peer: str,
) -> Json:
    """All of a run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "at_unix_s": int(time.time()),
        "through": through,
        "peer": peer,
        "threshold": DEFAULT_THRESHOLD,
        "targets": [asdict(target) | {"is_met": target.is_met} for target in targets],
        "groups": [_group(group) for group in groups],
        "documents": [_document(each, failures[each.document.set_name, each.name]) for each in documents],
    }


def _group(group: GroupFigures) -> Json:
    return {
        "set": group.set_name,
        "damage": group.damage,
        "documents": group.documents,
        "text": asdict(group.text),
        "peer": None if group.peer is None else asdict(group.peer),
        "micro": _matches(group.fields.micro),
        "by_field": _by_field(group.fields.by_field),
        "tolerant_by_field": _by_field(group.tolerant.by_field),
        "documents_with_fields": group.fields.documents,
        "documents_right": group.fields.documents_right,
        "five": asdict(group.five),
        "thresholds": [
            {"threshold": each.threshold, "micro": _matches(each.micro), "by_field": _by_field(each.by_field)}
            for each in group.thresholds
        ],
        "reliability": {name: _reliability(each) for name, each in group.reliability.items()},
        "line_items": None if group.line_items is None else _line_items(group.line_items),
    }


def _document(judged: JudgedDocument, failures: Sequence[Failure]) -> Json:
    by_field = {failure.field: failure for failure in failures}
    fields = {
        name: {
            "right": name not in by_field,
            "truth": field.truth,
            "answers": [
                {"value": each.value, "text": each.text, "confidence": each.confidence} for each in field.answers
            ],
        }
        for name, field in judged.fields.items()
    }
    if judged.line_items is not None:
        fields[LINE_ITEMS] = {
            "right": LINE_ITEMS not in by_field,
            "truth": judged.document.line_items,
            "answers": judged.read.line_items,
        }
    return {
        "set": judged.document.set_name,
        "file": judged.name,
        "damage": judged.document.damage,
        "layout": judged.document.layout,
        "error": judged.read.error,
        "text": asdict(judged.text),
        "peer": None if judged.peer is None else asdict(judged.peer),
        "fields": {name: each | _failure(by_field.get(name)) for name, each in fields.items()},
        "line_items": None if judged.line_items is None else _line_items(judged.line_items),
    }


def _failure(failure: Failure | None) -> Json:
    if failure is None:
        return {}
    return {"kind": failure.kind.value, "part": failure.part, "read_as": failure.read_as}


def _matches(matches: Matches) -> Json:
    return asdict(matches) | {"precision": matches.precision, "recall": matches.recall, "f1": matches.f1}


def _by_field(by_field: Mapping[str, Matches]) -> Json:
    return {name: _matches(matches) for name, matches in by_field.items()}


def _reliability(each: Reliability) -> Json:
    return {
        "expected_calibration_error": each.expected_calibration_error,
        "bins": [
            {
                "low": one.low,
                "high": one.high,
                "answers": one.answers,
                "mean_confidence": one.mean_confidence,
                "share_right": one.share_right,
            }
            for one in each.bins
        ],
    }


def _line_items(matches: LineItemMatches) -> Json:
    return {
        "rows": _matches(matches.rows),
        "parts": _by_field(matches.parts),
        "documents": matches.documents,
        "documents_right": matches.documents_right,
    }
