"""CloudFormation templates as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / "deploy" / "aws"


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: ``!Ref x`` becomes ``{"Ref": x}``."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            return {suffix: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {suffix: loader.construct_sequence(node, deep=True)}
        case _:
            raise ValueError("a short form of an unexpected kind")


_Loader.add_multi_constructor("!", _short_form)


def template(name: str) -> dict[str, Any]:
    """One of ``deploy/aws``."""
    return dict(yaml.load((AWS / name).read_text(), Loader=_Loader))  # noqa: S506 - a safe loader and short forms
