"""The most that a cell takes within the target, and from it a fleet for any load.

Load is divided between cells at random, so each has a Poisson process of its own, and a fleet is so many times one
cell. That is a little cautious: a balancer that looks for the idlest cell does better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.capacity.cell import Load, Setting
from evaluation.capacity.demand import CORES, Demand, bottleneck, capacity_documents_s, demand, utilisation
from evaluation.capacity.machines import Design
from evaluation.capacity.network import Outcome, simulate
from evaluation.capacity.profile import Profile
from evaluation.capacity.workload import Mix

SYNC_DOCUMENTS = 1200
"""Answered in a simulation that judges a p99: twelve lie beyond it."""
MAX_DOCUMENTS = 6_000
"""Of a simulation with little sync work among much bulk work, both roads together."""
STEPS = 5
"""Of the search: the rate is known to three hundredths of the capacity."""
LOST_SHARE = 0.001
"""Of sync documents that may be refused or late."""
KEEPS_UP = 0.95
"""Bulk documents that end, of those that come, if the queue does not grow: less than 1, as some are under way."""
BUSY_AIM = 0.7
"""Of a role's processes on average, so that they seldom wait for each other."""
SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is asked for."""

    mix: Mix
    sync_pages_s: float
    bulk_pages_s: float
    p99_s: float
    deadline_s: float = 30.0
    documents: int = SYNC_DOCUMENTS
    """Sync documents of each simulation: more make the p99 surer, and take longer."""

    @property
    def pages_s(self) -> float:
        """Both roads."""
        return self.sync_pages_s + self.bulk_pages_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCapacity:
    """The most that one cell takes."""

    design: Design
    setting: Setting
    """With that load."""
    outcome: Outcome
    """Of the simulation with it."""
    pages_s: float
    """Zero where even a nearly idle cell misses the target; then ``outcome`` is that one's."""
    bottleneck: str
    busy: Mapping[str, float]

    @property
    def usd_a_million_pages(self) -> float:
        """With cells as full as they may be."""
        return self.design.usd_an_hour / 3600 / self.pages_s * 1e6 if self.pages_s else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """So many cells for a load."""

    capacity: CellCapacity
    cells: int
    pages_s: float

    @property
    def usd_an_hour(self) -> float:
        """Of all."""
        return self.cells * self.capacity.design.usd_an_hour

    @property
    def usd_a_million_pages(self) -> float:
        """At this load."""
        return self.usd_an_hour / 3600 / self.pages_s * 1e6


def setting_for(design: Design, profile: Profile, aim: Aim, pages_s: float) -> Setting:
    """A cell under so many pages a second, in the aim's proportion of roads."""
    share = pages_s / aim.pages_s / aim.mix.pages_a_document
    return Setting(
        cell=design.cell,
        profile=profile,
        load=Load(
            mix=aim.mix,
            sync_documents_s=aim.sync_pages_s * share,
            bulk_documents_s=aim.bulk_pages_s * share,
            deadline_s=aim.deadline_s,
        ),
    )


def duration_s(setting: Setting, documents: int = SYNC_DOCUMENTS) -> float:
    """Simulated seconds in which enough documents come to judge a p99, but not more than can be afforded."""
    load = setting.load
    total = load.sync_documents_s + load.bulk_documents_s
    wanted_s = documents / (load.sync_documents_s or total)
    return min(wanted_s, MAX_DOCUMENTS / total)


def meets(outcome: Outcome, setting: Setting, p99_s: float) -> bool:
    """Whether the target is kept: p99, next to nobody turned away, and the bulk queue does not grow."""
    load = setting.load
    sync_well = load.sync_documents_s == 0 or (
        bool(outcome.sync_s) and outcome.quantile_s(0.99) <= p99_s and outcome.lost_share <= LOST_SHARE
    )
    bulk_well = load.bulk_documents_s == 0 or len(outcome.bulk_s) >= KEEPS_UP * outcome.bulk_arrived
    return sync_well and bulk_well


def largest_load(design: Design, profile: Profile, aim: Aim, *, seed: int = 1) -> CellCapacity:
    """Search the most pages a second that a cell takes within the aim's target."""
    one = setting_for(design, profile, aim, aim.pages_s)
    limit_pages_s = capacity_documents_s(one) * aim.mix.pages_a_document

    def judged(share: float) -> tuple[Setting, Outcome, bool]:
        setting = setting_for(design, profile, aim, share * limit_pages_s)
        outcome = simulate(setting, duration_s=duration_s(setting, aim.documents), seed=seed)
        return setting, outcome, meets(outcome, setting, aim.p99_s)

    low, high = 0.02, 0.99
    setting, outcome, well = judged(low)
    if well:
        for _ in range(STEPS):
            middle = (low + high) / 2
            tried = judged(middle)
            if tried[2]:
                low, (setting, outcome, _) = middle, tried
            else:
                high = middle
    return CellCapacity(
        design=design,
        setting=setting,
        outcome=outcome,
        pages_s=low * limit_pages_s if well else 0.0,
        bottleneck=bottleneck(setting),
        busy=utilisation(setting),
    )


def fleet(capacity: CellCapacity, pages_s: float, *, spare: int = 0) -> Fleet:
    """Cells for a load, and so many more that one may fail."""
    if capacity.pages_s == 0:
        raise ValueError(f"{capacity.design} misses the target even when nearly idle")
    return Fleet(capacity=capacity, cells=math.ceil(pages_s / capacity.pages_s) + spare, pages_s=pages_s)


def balanced(designs: list[Design], profile: Profile, aim: Aim) -> Design:
    """Of cells that differ in how many machines stand beside a GPU, the one whose full capacity is cheapest a page."""

    def usd_a_page(each: Design) -> float:
        one = setting_for(each, profile, aim, aim.pages_s)
        return each.usd_an_hour / (capacity_documents_s(one) * aim.mix.pages_a_document)

    return min(designs, key=usd_a_page)


def roles(found: Fleet, read_documents: int) -> dict[str, str]:
    """What the fleet's processes are: the roles, how many, and the settings that the simulation assumed.

    Args:
        found: The fleet.
        read_documents: ``OCR_BULK_READ_DOCUMENTS``: in the hands of one read worker.
    """
    setting, cells = found.capacity.setting, found.cells
    cell, load = setting.cell, setting.load
    share = found.pages_s / (cells * found.capacity.pages_s) if found.capacity.pages_s else 0.0
    sync, bulk = demand(setting, urgent=True), demand(setting, urgent=False)
    text = sync.core_s_a_page_by_stage["text"] * sync.pages_a_document
    # Of the whole fleet: documents a second of each road.
    sync_s, bulk_s = (cells * share * each for each in (load.sync_documents_s, load.bulk_documents_s))
    detectors, recognisers = setting.profile.models.instances(cell.cores)
    answer = {
        "preprocess_svc, cores busy": f"{sync_s * (sync.core_s_a_document - text - _models_s(sync)):.1f}",
        "postprocess_svc, cores busy": f"{sync_s * text:.1f}",
        "read workers": str(cells * math.ceil(cell.bulk_documents / read_documents) if bulk_s else 0),
        "structure workers": str(math.ceil(bulk_s * text / BUSY_AIM) if bulk_s else 0),
        "bulk work, cores busy": f"{bulk_s * (bulk.core_s_a_document - _models_s(bulk)):.1f}",
    }
    if cell.gpu is None:
        answer["detector instances (CPU)"] = str(cells * detectors)
        answer["recogniser instances (CPU)"] = str(cells * recognisers)
        models = sync_s * _models_s(sync) + bulk_s * _models_s(bulk)
        answer["models, cores busy"] = f"{models:.1f}"
    else:
        answer["GPUs"] = str(cells * cell.gpus)
    return answer | {
        "OCR_PREPROCESS_MAX_DOCUMENTS, a cell": str(cell.max_documents),
        "OCR_PREPROCESS_MAX_DOCUMENTS_READING, a cell": str(cell.reading_places),
        "cores, all": f"{cells * cell.cores:.0f} ({100 * share * found.capacity.busy[CORES]:.0f} % busy)",
    }


def _models_s(road: Demand) -> float:
    stages = road.core_s_a_page_by_stage
    return (stages.get("detection", 0.0) + stages.get("recognition", 0.0)) * road.pages_a_document
