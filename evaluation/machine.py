"""What a measurement was made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

import openvino as ov

ENGINE_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "amx_fp16")


def describe_machine() -> dict[str, str]:
    """Processor, cores, instruction sets that the engines use, load, versions."""
    information = _processor_information()
    flags = information.get("flags", "").split()
    return {
        "processor": information.get("model name", platform.processor() or platform.machine()),
        "cores": str(len(os.sched_getaffinity(0))),
        "instruction sets": " ".join(flag for flag in ENGINE_FLAGS if flag in flags),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "openvino": importlib.metadata.version("openvino"),
        # Which precisions run natively: a hint for any other falls back to the nearest of these.
        "openvino's native precisions": " ".join(ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
        "rapidocr": importlib.metadata.version("rapidocr"),
    }


def _processor_information() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
