"""How a model process reads what its machine offers: cores, and the settings that Triton was started with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_tools.choice import PRECISION_PARAMETER, PRECISION_VARIABLE, THREADS_PARAMETER, read_choice
from model_tools.openvino_models import EngineSettings, Precision, has_int8
from ocr_core.contracts.tensors import MODELS

THREADS_VARIABLE = "OCR_MODEL_THREADS"
"""Cores that each model may use, all of its processes together; by default those that this process may run on."""

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProcess:
    """One of Triton's Python processes: where its model lies, and how it uses the machine."""

    version_dir: Path
    settings: EngineSettings
    note: str | None = None
    """For the log: why it does not calculate in what was asked for."""


def model_process(arguments: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> ModelProcess:
    """Read what Triton hands to ``initialize`` of a Python model.

    Raises:
        ValueError: a variable has a bad value; the message names it.
    """
    config = json.loads(arguments["model_config"])
    processes = max(1, sum(group.get("count", 1) for group in config.get("instance_group", [])))
    declared = {name: value["string_value"] for name, value in config.get("parameters", {}).items()}
    version_dir = Path(arguments["model_repository"]) / arguments["model_version"]
    precision, note = _precision_of(declared.get(PRECISION_PARAMETER, ""), environment)
    threads = max(1, _cores(environment) // processes)
    if THREADS_PARAMETER in declared and not environment.get(THREADS_VARIABLE):
        threads = int(declared[THREADS_PARAMETER])
    return ModelProcess(
        version_dir=version_dir, settings=EngineSettings(threads=threads, precision=precision), note=note
    )


def _precision_of(declared: str, environment: Mapping[str, str]) -> tuple[Precision, str | None]:
    """What the process calculates in, and a word on it: never anything else than its configuration tells clients."""
    asked = environment.get(PRECISION_VARIABLE, "") or AUTO
    if declared:
        if asked not in {AUTO, declared}:
            raise ValueError(
                f"{PRECISION_VARIABLE} is {asked!r}, but Triton's configuration says {declared}: start it with cpu's"
            )
        return _parsed(declared), None
    if asked == Precision.INT8:
        return Precision.F16, "f16: this configuration is not int8's, or `make models` refused INT8 for this model"
    return (Precision.F16 if asked == AUTO else _parsed(asked)), None


def available_cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0))


def served_precisions(repository: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Precision]:
    """What each model of a repository is served in under that environment, by its name.

    Raises:
        ValueError: as for ``model_process``.
    """
    asked = environment.get(PRECISION_VARIABLE, "") or AUTO
    choice = read_choice(repository)
    served = {}
    for model in MODELS:
        chosen = choice.precisions.get(model.name, Precision.F16) if choice is not None else Precision.F16
        precision = _parsed(chosen if asked == AUTO else asked)
        there = any(has_int8(folder) for folder in (repository / model.name).glob("[0-9]*"))
        served[model.name] = Precision.F16 if precision is Precision.INT8 and not there else precision
    return served


def _cores(environment: Mapping[str, str]) -> int:
    text = environment.get(THREADS_VARIABLE, "")
    if not text:
        return available_cores()
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{THREADS_VARIABLE} is a number of cores, at least 1, not {text!r}")
    return int(text)


def _parsed(text: str) -> Precision:
    try:
        return Precision(text)
    except ValueError:
        raise ValueError(f"{PRECISION_VARIABLE} is one of {', '.join([AUTO, *Precision])}, not {text!r}") from None
