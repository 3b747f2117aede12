"""Writes ``configs/gpu.pbtxt`` of both models: ``python -m model_tools.gpu_config``.

Profiles, CUDA graphs and warm-ups follow from the shape classes, some hundred entries; a contract test compares the
committed files with what this module writes, so that they cannot drift from ``ocr_core.contracts.tensors``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from model_tools.prepare import DEFAULT_REPOSITORY
from model_tools.profiles import GraphBatch, graph_batches, profiles, shape_classes
from ocr_core.contracts.tensors import MODELS, TEXT_DETECTION, TEXT_RECOGNITION, ModelSpec, TensorSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batching:
    """How requests wait for each other on a GPU."""

    preferred: tuple[int, ...]
    max_delay_us: int
    max_queue_size: int
    instances: int


_BATCHING = {
    TEXT_DETECTION.name: _Batching(preferred=(2, 4), max_delay_us=0, max_queue_size=64, instances=1),
    TEXT_RECOGNITION.name: _Batching(preferred=(4, 8), max_delay_us=500, max_queue_size=512, instances=2),
}

_HEADER = """\
# {name} on a GPU: TensorRT engines in FP16, made by model_tools/build_engines.py.
# Written by `python -m model_tools.gpu_config` from ocr_core/contracts/tensors.py: change it there.
# Not yet run on a GPU: the batching figures are starting points, to be measured.
name: "{name}"
platform: "tensorrt_plan"
default_model_filename: "model.plan"
max_batch_size: {max_batch_size}"""

_GRAPHS_HEADER = """\
# A graph runs batches of as many rows as it says and, with a lower bound, of as few as that. Only rows are padded:
# Triton would take the bytes of a narrower picture for one that is as wide as the graph."""


def render(model: ModelSpec, *, charset_sha256: str | None) -> str:
    """The text of the model's ``gpu.pbtxt``; the recogniser's names its charset."""
    sections = [
        _HEADER.format(name=model.name, max_batch_size=model.max_batch_size),
        *(_tensor("input", tensor) for tensor in model.inputs),
        *(_tensor("output", tensor) for tensor in model.outputs),
        "version_policy { latest { num_versions: 1 } }",
        _instances(model),
        _batching(_BATCHING[model.name]),
        _cuda_graphs(model),
        _warm_ups(model),
    ]
    if charset_sha256 is not None:
        sections.append(f'parameters [ {{ key: "charset_sha256" value {{ string_value: "{charset_sha256}" }} }} ]')
    return "\n\n".join(sections) + "\n"


def _dims(sizes: tuple[int, ...]) -> str:
    return f"[ {', '.join(map(str, sizes))} ]"


def _tensor(kind: str, tensor: TensorSpec) -> str:
    name, data_type, dims = tensor.name, tensor.data_type.value, _dims(tensor.shape)
    return f'{kind} [ {{ name: "{name}" data_type: TYPE_{data_type} dims: {dims} }} ]'


def _instances(model: ModelSpec) -> str:
    indices = ", ".join(f'"{index}"' for index in range(len(profiles(model))))
    count = _BATCHING[model.name].instances
    return f"instance_group [ {{ count: {count} kind: KIND_GPU profile: [ {indices} ] }} ]"


def _batching(batching: _Batching) -> str:
    return f"""dynamic_batching {{
  preferred_batch_size: {_dims(batching.preferred)}
  max_queue_delay_microseconds: {batching.max_delay_us}
  # 1 = sync, 2 = bulk.
  priority_levels: 2
  default_priority_level: 2
  default_queue_policy {{
    timeout_action: REJECT
    # A request carries its own deadline, which may only be sooner than this.
    default_timeout_microseconds: 600000000
    allow_timeout_override: true
    max_queue_size: {batching.max_queue_size}
  }}
}}"""


def _cuda_graphs(model: ModelSpec) -> str:
    specs = [_graph_spec(model, batch, size) for batch in graph_batches(model) for size in shape_classes(model)]
    lines = "\n    ".join(["graphs: true", *specs])
    return f"{_GRAPHS_HEADER}\noptimization {{\n  cuda {{\n    {lines}\n  }}\n}}"


def _graph_spec(model: ModelSpec, batch: GraphBatch, size: tuple[int, int]) -> str:
    shape = f'input {{ key: "{model.inputs[0].name}" value {{ dim: {_dims((*size, 3))} }} }}'
    # Triton refuses a lower bound that leaves the shape out.
    bound = f" graph_lower_bound {{ batch_size: {batch.least_rows} {shape} }}" if batch.is_padded else ""
    return f"graph_spec {{ batch_size: {batch.rows} {shape}{bound} }}"


def _warm_ups(model: ModelSpec) -> str:
    entries = []
    for batch in graph_batches(model):
        for height, width in shape_classes(model):
            value = f"data_type: TYPE_UINT8 dims: {_dims((height, width, 3))} zero_data: true"
            entries.append(
                f'  {{ name: "{batch.rows}x{height}x{width}" batch_size: {batch.rows}'
                f' inputs {{ key: "{model.inputs[0].name}" value {{ {value} }} }} }}'
            )
    return "# Triton is ready when every graph has run.\nmodel_warmup [\n" + ",\n".join(entries) + "\n]"


def write(repository: Path, *, charset_sha256: str) -> list[Path]:
    """Write both files; which."""
    written = []
    for model in MODELS:
        path = repository / model.name / "configs" / "gpu.pbtxt"
        digest = charset_sha256 if model is TEXT_RECOGNITION else None
        path.write_text(render(model, charset_sha256=digest))
        written.append(path)
    return written


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m model_tools.gpu_config", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY, help="default: %(default)s")
    parser.add_argument("--charset-sha256", required=True, help="digest of text_recognition/charset.txt")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for path in write(options.repository, charset_sha256=options.charset_sha256):
        _log.info("wrote %s", path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
