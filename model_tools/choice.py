"""How the CPU models are served on this machine, and how that is told: by Triton's configurations.

``cpu.pbtxt`` of each model is ours: floats. ``make models`` writes ``int8.pbtxt`` (INT8 for each model whose gate it
passed) and, with ``model_tools.tune``, ``tuned.pbtxt``: what was measured to be fastest on this kind of CPU. A
configuration names precision and threads as parameters: the model process goes by them, and clients can ask for
them, so that a reading knows what it was made with. ``.tuned.json`` keeps the figures. Standard library only.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

CHOICE_FILE = ".tuned.json"
CPU_CONFIG, INT8_CONFIG, TUNED_CONFIG = "cpu", "int8", "tuned"
"""Names of configurations, for ``--model-config-name``."""

PRECISION_VARIABLE = "OCR_MODEL_PRECISION"
"""auto (default), int8, f16, bf16 or f32. Auto is what ``model_tools.tune`` found to be fastest here, else f16."""

PRECISION_PARAMETER = "precision"
THREADS_PARAMETER = "threads"
"""Of a configuration; threads are those of each process."""

_PROCESSES = re.compile(r"(instance_group \[ \{ count: )\d+( kind: KIND_CPU \} \])")
_CPU_INFO = Path("/proc/cpuinfo")
_TELLING_FLAGS = frozenset(
    ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16", "amx_fp16")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How the models are served on one kind of CPU."""

    cpu: str
    precisions: Mapping[str, str]
    """By model name, as ``openvino_models.Precision`` writes them."""
    recogniser_processes: int | None = None
    recogniser_threads: int | None = None
    """Of each process; null where it was not measured: the cores, shared among the processes."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds, by what was measured; for people."""

    def write(self, repository: Path) -> Path:
        """Keep it beside the models; where."""
        path = repository / CHOICE_FILE
        fresh = path.with_suffix(".part")
        fresh.write_text(json.dumps(asdict(self), indent=1) + "\n")
        fresh.replace(path)
        return path


def read_choice(repository: Path) -> Choice | None:
    """The choice for the CPU that this runs on; null where none was made, or for another CPU, or not by this code."""
    try:
        choice = Choice(**json.loads((repository / CHOICE_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return choice if choice.cpu == this_cpu() else None


def config_name(repository: Path, precision: str) -> str:
    """Which configurations a CPU Triton takes, for what ``OCR_MODEL_PRECISION`` says."""
    wanted = {"auto": TUNED_CONFIG, "int8": INT8_CONFIG}.get(precision, CPU_CONFIG)
    if wanted == TUNED_CONFIG and read_choice(repository) is None:
        return CPU_CONFIG
    there = all((folder / f"{wanted}.pbtxt").is_file() for folder in repository.glob("*/configs"))
    return wanted if there else CPU_CONFIG


def write_config(
    model_dir: Path, name: str, *, precision: str, processes: int | None = None, threads: int | None = None
) -> Path:
    """Another configuration of a model, from ``cpu.pbtxt``: where it is. Floats as OpenVINO likes them are not told.

    Raises:
        ValueError: ``cpu.pbtxt`` does not say in one place how many processes there are.
    """
    text = (model_dir / "configs" / f"{CPU_CONFIG}.pbtxt").read_text()
    if processes is not None:
        text, found = _PROCESSES.subn(rf"\g<1>{processes}\g<2>", text)
        if found != 1:
            raise ValueError(f"{model_dir.name}: its configuration has {found} groups of processes, not one")
    declared = {PRECISION_PARAMETER: "" if precision == "f16" else precision, THREADS_PARAMETER: threads}
    lines = [
        f'parameters [ {{ key: "{key}" value {{ string_value: "{value}" }} }} ]'
        for key, value in declared.items()
        if value
    ]
    path = model_dir / "configs" / f"{name}.pbtxt"
    path.write_text("\n".join(["# Written by `make models` or `make tune` from cpu.pbtxt.", text.rstrip(), *lines, ""]))
    return path


def this_cpu() -> str:
    """The processor's name and those of its features that decide which precision is fast."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    flags = sorted(_TELLING_FLAGS & set(facts.get("flags", "").split()))
    return " ".join([facts.get("model name", platform.machine()), *flags])
