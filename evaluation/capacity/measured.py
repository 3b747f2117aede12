"""A profile of this machine, out of what ``make bench-bulk`` measured on it.

The benchmark counts the CPU of a page by process: models, read worker, structure worker, the bulk road's others, and
the two stages alone. That fixes the sums. How a sum divides (between a page and its lines, between detector and
recogniser, between opening and pixels) stays as in the profile that is scaled, since no process draws that line.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.capacity.cell import Cell, Load, Setting
from evaluation.capacity.demand import demand
from evaluation.capacity.profile import ModelCost, Profile
from evaluation.capacity.workload import Mix

# Names of the benchmark's processes (``evaluation.bulk_report``), which would bring the whole text side with it.
MODELS = "triton"
READ = "bulk-read"
STRUCTURE = "bulk-structure"
OTHERS = ("bulk-dispatcher", "bulk-api")


def profile_of_bulk_bench(figures: Mapping[str, Any], base: Profile, mix: Mix, *, name: str, source: str) -> Profile:
    """Scale a profile to the sums that were measured.

    Args:
        figures: Content of ``bulk_bench.json``.
        base: The profile that is scaled.
        mix: The benchmark's pages.
        name: Of the new profile.
        source: What it says of itself.
    """

    def cpu_s(service: str) -> float:
        return float(statistics.median(each["cpu_s_a_page"].get(service, 0.0) for each in figures["rounds"]))

    stages = figures["stages"]
    setting = Setting(
        cell=Cell(cores=1),
        profile=base,
        load=Load(mix=mix, sync_documents_s=0.0, bulk_documents_s=1.0),
    )
    before = demand(setting, urgent=False).core_s_a_page_by_stage
    models = cpu_s(MODELS) / (before["detection"] + before["recognition"])
    pixels = stages["pixels_s"] / (before["opening"] + before["pixels"])
    text = stages["text_s"] / before["text"]
    road_s = cpu_s(READ) + cpu_s(STRUCTURE) - stages["pixels_s"] - stages["text_s"] + sum(map(cpu_s, OTHERS))
    all_s = sum(statistics.median(each) for each in _by_service(figures).values())
    pages_s = statistics.median(each["bulk_pages_s"] for each in figures["rounds"])
    return replace(
        base,
        name=name,
        source=source,
        opening_s={kind: seconds * pixels for kind, seconds in base.opening_s.items()},
        pixels_page_s=base.pixels_page_s * pixels,
        pixels_line_s=base.pixels_line_s * pixels,
        text_page_s=base.text_page_s * text,
        text_line_s=base.text_line_s * text,
        bulk_document_s=max(0.0, road_s),
        reachable_share=min(1.0, all_s * pages_s / int(figures["machine"]["cores"])),
        models=replace(
            base.models,
            detection=scaled(base.models.detection, models),
            recognition=scaled(base.models.recognition, models),
        ),
    )


def scaled(cost: ModelCost, factor: float) -> ModelCost:
    """The same, so many times as long."""
    return ModelCost(points=tuple((size, seconds * factor) for size, seconds in cost.points))


def at_pace(profile: Profile, factor: float) -> Profile:
    """The same machine when everything takes so many times as long."""
    return replace(
        profile,
        opening_s={kind: seconds * factor for kind, seconds in profile.opening_s.items()},
        pixels_page_s=profile.pixels_page_s * factor,
        pixels_line_s=profile.pixels_line_s * factor,
        text_page_s=profile.text_page_s * factor,
        text_line_s=profile.text_line_s * factor,
        document_s=profile.document_s * factor,
        bulk_document_s=profile.bulk_document_s * factor,
        socket_s_a_megabyte=profile.socket_s_a_megabyte * factor,
        models=replace(
            profile.models,
            detection=scaled(profile.models.detection, factor),
            recognition=scaled(profile.models.recognition, factor),
        ),
    )


def read_figures(file: Path) -> dict[str, Any]:
    """A benchmark's or a load test's JSON."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _by_service(figures: Mapping[str, Any]) -> dict[str, list[float]]:
    services: dict[str, list[float]] = {}
    for each in figures["rounds"]:
        for service, cpu_s in each["cpu_s_a_page"].items():
            services.setdefault(service, []).append(cpu_s)
    return services
