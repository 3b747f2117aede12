"""Prometheus' rules for Kubernetes, out of those for everybody: ``python -m local_stack.rules`` writes them.

Prometheus' operator takes rules as an object of Kubernetes, Prometheus itself as a file; kustomize puts no file into an
object. So one is written from the other, and a test compares them.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy" / "observability" / "prometheus" / "rules.yaml"
OPERATORS = ROOT / "deploy" / "kubernetes" / "components" / "prometheus-operator" / "rules.yaml"

_HEAD = """\
# Written by `python -m local_stack.rules` from deploy/observability/prometheus/rules.yaml: change them there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: yomitori
  namespace: yomitori
spec:
"""


def operators_rules() -> str:
    """What ``OPERATORS`` is to say."""
    lines = RULES.read_text().splitlines()
    groups = lines[lines.index("groups:") :]
    return _HEAD + "".join(f"  {line}\n" if line else "\n" for line in groups)


def main() -> int:
    """Write it."""
    OPERATORS.write_text(operators_rules())
    return 0


if __name__ == "__main__":
    sys.exit(main())
