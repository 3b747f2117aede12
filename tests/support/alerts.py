"""The alert rules as tests take them apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
RULES = OBSERVABILITY / "prometheus" / "rules.yaml"
_METRIC = re.compile(r"\b(?:ocr|nv|process|up)(?:_\w+)?\b(?=[\s{\[)]|$)")
_LABELLED = re.compile(r"\b((?:ocr|nv|process|up)(?:_\w+)?)\{([^}]*)\}")
_MATCHER = re.compile(r"(\w+)(=~|!~|!=|=)\"([^\"]*)\"")
_GROUPED = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """``label=~"a|b"`` of a metric."""

    metric: str
    label: str
    operator: str
    value: str

    @property
    def words(self) -> tuple[str, ...]:
        """The single values that it names."""
        return tuple(word for word in self.value.split("|") if word)


@cache
def groups() -> list[dict[str, Any]]:
    """The groups of the rules."""
    return list(yaml.safe_load(RULES.read_text())["groups"])


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert, by its name."""
    return {rule["alert"]: rule for group in groups() for rule in group["rules"] if "alert" in rule}


def records() -> dict[str, str]:
    """Every recorded expression, by the name of what is recorded."""
    return {rule["record"]: rule["expr"] for group in groups() for rule in group["rules"] if "record" in rule}


def metrics_of(expression: str) -> set[str]:
    """Names of the metrics of an expression, those of recorded ones left out."""
    return set(_METRIC.findall(re.sub(r"\"[^\"]*\"", '""', expression)))


def matchers_of(expression: str) -> list[Matcher]:
    """What it asks of labels."""
    return [
        Matcher(metric=metric, label=label, operator=operator, value=value)
        for metric, inside in _LABELLED.findall(expression)
        for label, operator, value in _MATCHER.findall(inside)
    ]


def grouped_by(expression: str) -> set[str]:
    """Labels that it groups and joins by."""
    return {label.strip() for inside in _GROUPED.findall(expression) for label in inside.split(",") if label.strip()}
