"""Builds the TensorRT engines of the GPU configuration, and lets none pass that drifts from float32.

Inside NVIDIA's container, from the repository's root::

    python -m model_tools.prepare                                    # once, where the weights' wheel is installed
    python -m model_tools.build_engines --samples FOLDER             # FOLDER/pages/*.png, FOLDER/crops/*.png

Each model is built twice, in FP16 and as a float32 reference; both answer the samples, ``gate`` compares them, and only
an engine that passes becomes ``<model>/1/model.plan``. Not yet run on a GPU.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model_tools.gate import Finding, Thresholds, Top1, judge_detection, judge_recognition
from model_tools.prepare import DEFAULT_REPOSITORY, VERSION
from model_tools.profiles import model_named, profiles
from model_tools.samples import crop_samples, page_samples
from model_tools.tensorrt_engine import Engine, EngineFailed, build
from ocr_core.contracts.tensors import MODELS, TEXT_DETECTION, TEXT_RECOGNITION, ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

TIMING_CACHE = "tensorrt.timing_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """What a build needs to know."""

    repository: Path
    samples: Path
    workspace_bytes: int
    thresholds: Thresholds


class EngineRefused(Exception):
    """The engine was built, but its answers drift from float32."""


def build_model(model: ModelSpec, settings: BuildSettings) -> Path:
    """Build, judge and install one model's engine; where it lies.

    Raises:
        EngineFailed: TensorRT or CUDA refused.
        EngineRefused: the gate refused; the engine that was installed before stays.
    """
    folder = settings.repository / model.name / VERSION
    wanted = profiles(model)
    plans = {
        fp16: build(
            folder / "model.onnx",
            wanted,
            fp16=fp16,
            workspace_bytes=settings.workspace_bytes,
            timing_cache=folder / TIMING_CACHE,
        )
        for fp16 in (False, True)
    }
    with Engine(plans[False], wanted) as reference, Engine(plans[True], wanted) as candidate:
        findings = _judge(model, reference, candidate, settings)
    for finding in findings:
        _log.info("%s: %s", model.name, finding)
    if not all(finding.passed for finding in findings):
        raise EngineRefused(f"{model.name}: the FP16 engine drifts from float32 and is not installed")
    return install(folder, plans[True])


def install(folder: Path, plan: bytes) -> Path:
    """Put an engine in place in one step, so that a server that loads meanwhile reads a whole one."""
    fresh = folder / "model.plan.new"
    fresh.write_bytes(plan)
    return fresh.replace(folder / "model.plan")


def _judge(model: ModelSpec, reference: Engine, candidate: Engine, settings: BuildSettings) -> list[Finding]:
    if model is TEXT_DETECTION:
        return judge_detection(_maps(reference, candidate, settings.samples), settings.thresholds)
    return judge_recognition(_lines(reference, candidate, settings.samples), settings.thresholds)


def _maps(reference: Engine, candidate: Engine, samples: Path) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    name = TEXT_DETECTION.outputs[0].name
    for page in page_samples(samples):
        wanted, got = (np.asarray(engine.run(page)[name], np.uint8) for engine in (reference, candidate))
        yield wanted[0], got[0]


def _lines(reference: Engine, candidate: Engine, samples: Path) -> Iterator[tuple[Top1, Top1]]:
    for crop in crop_samples(samples):
        yield _top1(reference.run(crop)), _top1(candidate.run(crop))


def _top1(answers: dict[str, NDArray[np.generic]]) -> Top1:
    ids, probabilities = (answers[output.name][0] for output in TEXT_RECOGNITION.outputs)
    return Top1(class_ids=np.asarray(ids, np.int32), probabilities=np.asarray(probabilities, np.float32))


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 when every engine is installed, 1 on failure, 2 when the gate refused one."""
    parser = argparse.ArgumentParser(prog="python -m model_tools.build_engines", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY, help="default: %(default)s")
    parser.add_argument("--samples", type=Path, required=True, help="folder with pages/ and crops/ of real pictures")
    parser.add_argument("--workspace", type=float, default=4.0, metavar="GIB", help="TensorRT's (default %(default)s)")
    parser.add_argument("--model", action="append", choices=[model.name for model in MODELS], help="default: both")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = BuildSettings(
        repository=options.repository,
        samples=options.samples,
        workspace_bytes=int(options.workspace * (1 << 30)),
        thresholds=Thresholds(),
    )
    try:
        for name in options.model or [model.name for model in MODELS]:
            _log.info("installed %s", build_model(model_named(name), settings))
    except EngineRefused as refused:
        _log.error("%s", refused)
        return 2
    except (EngineFailed, OSError) as failed:
        _log.error("engines: %s", failed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
