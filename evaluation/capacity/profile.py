"""What reading costs: core-seconds of every stage, and seconds of the models, in a JSON file that says where from.

A profile is of one machine. Times of the CPU are core-seconds of that machine; a machine type with faster or slower
cores states its pace beside it (``machines.toml``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

PROFILES_DIR = Path(__file__).with_name("profiles")


class ProfileError(ValueError):
    """A profile file says something that cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCost:
    """Seconds by size, a straight line between the known sizes and beyond the last two."""

    points: tuple[tuple[float, float], ...]
    """(size, seconds), ascending: at least two."""

    def seconds(self, size: float) -> float:
        """Of one execution; never below that of the smallest known size in proportion."""
        sizes, times = zip(*self.points, strict=True)
        if size >= sizes[-1]:
            rise = (times[-1] - times[-2]) / (sizes[-1] - sizes[-2])
            return float(times[-1] + rise * (size - sizes[-1]))
        return float(np.interp(size, sizes, times))


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuModels:
    """The two models on cores, and how Triton is configured for it."""

    detection: ModelCost
    """Core-seconds by area in px."""
    detection_threads: int
    """Of one instance: so many cores work on one image, and there are as many instances as that makes of the cores."""
    recognition: ModelCost
    """Core-seconds by width in px, of one row: rows of a request run one after another."""
    recognition_instances_a_core: float
    """Each has one thread."""
    detection_memory_gb: float
    """Of one instance."""
    recognition_memory_gb: float

    def instances(self, cores: float) -> tuple[int, int]:
        """Processes of the detector and of the recogniser on so many cores."""
        return (
            max(1, round(cores / self.detection_threads)),
            max(1, round(cores * self.recognition_instances_a_core)),
        )

    def memory_gb(self, cores: float) -> float:
        """Of all these processes."""
        detectors, recognisers = self.instances(cores)
        return detectors * self.detection_memory_gb + recognisers * self.recognition_memory_gb


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One machine's costs. All in core-seconds but where it says otherwise."""

    name: str
    source: str
    """Where the figures are from, and when; «measured» only if a command of this project wrote them."""
    opening_s: Mapping[str, float]
    """A page, by format."""
    pixels_page_s: float
    """Canvases, boxes, rulings, calls: what a page costs with no line on it."""
    pixels_line_s: float
    """Cutting a line out and sending it."""
    text_page_s: float
    text_line_s: float
    document_s: float
    """Of the sync API for one document: HTTP, the reading to the text side, JSON."""
    bulk_document_s: float
    """Of the bulk road for one document instead: queue, object storage, database, on our side of the sockets."""
    socket_s_a_megabyte: float
    """Of sending pixels to a Triton on another machine, where there is no shared memory."""
    reachable_share: float
    """Of the cores' time that was used when more work waited than could be done; the rest goes to the machine's other
    guests, and to waits that no stage owns up to."""
    variation: float
    """Coefficient of variation of one and the same work on this machine."""
    models: CpuModels


def read_profile(path: Path) -> Profile:
    """Read a profile; a bare name stands for one of the bundled files.

    Raises:
        ProfileError: something is missing or cannot be.
        OSError.
    """
    file = path if path.suffix else PROFILES_DIR / f"{path}.json"
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    try:
        models = content.pop("models")
        detection, recognition = (
            _cost(models.pop(name), f"{file.name}: {name}") for name in ("detection", "recognition")
        )
        return Profile(models=CpuModels(detection=detection, recognition=recognition, **models), **content)
    except (KeyError, TypeError) as error:
        raise ProfileError(f"{file.name}: {error}") from None


def write_profile(profile: Profile, file: Path) -> None:
    """Write one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(profile), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cost(content: Mapping[str, Any], name: str) -> ModelCost:
    points = tuple((float(size), float(seconds)) for size, seconds in content["points"])
    sizes = [size for size, _ in points]
    if len(points) < 2 or sizes != sorted(set(sizes)) or min(seconds for _, seconds in points) < 0:
        raise ProfileError(f"{name}: at least two points, sizes ascending, no time below zero")
    return ModelCost(points=points)
