"""How a model process reads what its machine offers: cores, and the settings that Triton was started with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_tools.openvino_models import EngineSettings, Precision

THREADS_VARIABLE = "OCR_MODEL_THREADS"
"""Cores that each model may use, all of its processes together; by default those that this process may run on."""

PRECISION_VARIABLE = "OCR_MODEL_PRECISION"
"""f16 (default), bf16 or f32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProcess:
    """One of Triton's Python processes: where its model lies, and how it uses the machine."""

    version_dir: Path
    settings: EngineSettings


def model_process(arguments: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> ModelProcess:
    """Read what Triton hands to ``initialize`` of a Python model.

    Raises:
        ValueError: a variable has a bad value; the message names it.
    """
    config = json.loads(arguments["model_config"])
    processes = max(1, sum(group.get("count", 1) for group in config.get("instance_group", [])))
    return ModelProcess(
        version_dir=Path(arguments["model_repository"]) / arguments["model_version"],
        settings=EngineSettings(
            threads=max(1, _cores(environment) // processes),
            precision=_precision(environment),
        ),
    )


def _cores(environment: Mapping[str, str]) -> int:
    text = environment.get(THREADS_VARIABLE, "")
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{THREADS_VARIABLE} is a number of cores, at least 1, not {text!r}")
    return int(text)


def _precision(environment: Mapping[str, str]) -> Precision:
    text = environment.get(PRECISION_VARIABLE, "") or Precision.F16.value
    try:
        return Precision(text)
    except ValueError:
        raise ValueError(f"{PRECISION_VARIABLE} is one of {', '.join(Precision)}, not {text!r}") from None
