"""Busy seconds a page by resource: what must be there at least, and where the bottleneck lies, without simulating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.capacity.cell import Setting
from evaluation.capacity.closed_forms import Unstable, allen_cunneen_wait_s
from evaluation.capacity.workload import Document

CORES = "cores"
GPUS = "GPUs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Of one road."""

    core_s_a_document: float
    core_scv: float
    """Squared coefficient of variation, between documents."""
    gpu_s_a_document: float
    core_s_a_page_by_stage: Mapping[str, float]
    pages_a_document: float

    @property
    def core_s_a_page(self) -> float:
        """Every stage that runs on cores."""
        return self.core_s_a_document / self.pages_a_document

    @property
    def gpu_s_a_page(self) -> float:
        """Both models."""
        return self.gpu_s_a_document / self.pages_a_document


def demand(setting: Setting, *, urgent: bool) -> Demand:
    """Mean over the mix's documents."""
    documents = setting.load.mix.documents()
    by_stage = [_stages_s(setting, document, urgent=urgent) for document in documents]
    core_s = np.array([sum(stages.values()) for stages in by_stage])
    pages = sum(len(document.pages) for document in documents)
    return Demand(
        core_s_a_document=float(core_s.mean()),
        core_scv=float(core_s.var() / core_s.mean() ** 2),
        gpu_s_a_document=float(np.mean([_gpu_s(setting, document) for document in documents])),
        core_s_a_page_by_stage={name: sum(each[name] for each in by_stage) / pages for name in by_stage[0]},
        pages_a_document=pages / len(documents),
    )


def utilisation(setting: Setting) -> dict[str, float]:
    """Busy share of each resource under the load, 1 being all it has: the largest is the bottleneck."""
    load, cell = setting.load, setting.cell
    roads = ((load.sync_documents_s, True), (load.bulk_documents_s, False))
    demands = [(documents_s, demand(setting, urgent=urgent)) for documents_s, urgent in roads if documents_s > 0]
    cores = cell.cores * setting.profile.reachable_share
    busy = {CORES: sum(documents_s * each.core_s_a_document for documents_s, each in demands) / cores}
    if cell.gpus:
        busy[GPUS] = sum(documents_s * each.gpu_s_a_document for documents_s, each in demands) / cell.gpus
    return busy


def bottleneck(setting: Setting) -> str:
    """The resource that is busiest."""
    busy = utilisation(setting)
    return max(busy, key=busy.__getitem__)


def capacity_documents_s(setting: Setting) -> float:
    """Documents a second, in the load's proportion of roads, at which the busiest resource would be busy always."""
    load = setting.load
    return (load.sync_documents_s + load.bulk_documents_s) / max(utilisation(setting).values())


def wait_s(setting: Setting) -> float:
    """Mean wait of a sync document for the cores by Allen-Cunneen, if documents were served whole, one a core.

    A rough check: the simulation serves pieces of documents, which share the cores. Infinite if the cores are too few.
    """
    load, cell = setting.load, setting.cell
    sync = demand(setting, urgent=True)
    try:
        return allen_cunneen_wait_s(
            max(1, int(cell.cores * setting.profile.reachable_share)),
            load.sync_documents_s,
            sync.core_s_a_document,
            1.0,
            sync.core_scv,
        )
    except Unstable:
        return float("inf")


def _stages_s(setting: Setting, document: Document, *, urgent: bool) -> dict[str, float]:
    """Core-seconds of one document by stage."""
    profile, cell = setting.profile, setting.cell
    pages = document.pages
    stages = {
        "opening": len(pages) * profile.opening_s[document.format],
        "pixels": sum(profile.pixels_page_s + profile.pixels_line_s * page.lines for page in pages),
        "text": sum(profile.text_page_s + profile.text_line_s * page.lines for page in pages),
        "road": profile.document_s if urgent else profile.bulk_document_s,
    }
    if cell.gpu is None:
        models = profile.models
        stages["detection"] = sum(models.detection.seconds(look) for page in pages for look in page.looks_px)
        stages["recognition"] = sum(
            rows * models.recognition.seconds(width) for page in pages for rows, width in page.requests
        )
    else:
        megabytes = sum(page.megabytes for page in pages)
        stages["sending"] = profile.socket_s_a_megabyte * megabytes * cell.remote_share
    return stages


def _gpu_s(setting: Setting, document: Document) -> float:
    gpu = setting.cell.gpu
    if gpu is None:
        return 0.0
    return sum(
        sum(gpu.detection.seconds(look) for look in page.looks_px)
        + sum(gpu.recognition.seconds(rows * width) for rows, width in page.requests)
        for page in document.pages
    )
