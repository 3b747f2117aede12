"""What is simulated: a cell of machines that serve each other, and the load on it."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.capacity.gpus import GpuCost
from evaluation.capacity.profile import Profile
from evaluation.capacity.workload import Mix
from ocr_core.settings import PreprocessSettings
from preprocess_svc.pipeline import DETECTIONS_IN_FLIGHT, PAGES_IN_FLIGHT, RECOGNITIONS_IN_FLIGHT

BULK_WEIGHT = 15 / 1024
"""Share of a core that bulk work gets beside sync work where they compete: Linux's weights of nice 19 and nice 0
(kernel/sched/core.c, sched_prio_to_weight), and 19 is ``OCR_BULK_NICE``'s default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Machines whose cores are one pool: all-in-one machines with a CPU's models, or a GPU with machines around it.

    One machine's pool is what it is; several machines as one pool are an approximation, good while whoever has less to
    do gets the next document.
    """

    cores: float
    """Of the profile's pace."""
    gpus: int = 0
    gpu: GpuCost | None = None
    """What they cost; null with the models on the cores."""
    remote_share: float = 0.0
    """Of pages that are read on another machine than the GPU's: their pixels go over a socket."""
    max_documents: int = 32
    """``OCR_PREPROCESS_MAX_DOCUMENTS``, of the whole cell."""
    reading_places: int = 3
    """``OCR_PREPROCESS_MAX_DOCUMENTS_READING``, of the whole cell."""
    deadline_share: float = PreprocessSettings.model_fields["deadline_share"].default
    """``OCR_PREPROCESS_DEADLINE_SHARE``."""
    bulk_documents: int = 3
    """In the hands of the cell's read workers at once."""
    bulk_weight: float = BULK_WEIGHT
    pages_in_flight: int = PAGES_IN_FLIGHT
    """Of one document."""
    detections_in_flight: int = DETECTIONS_IN_FLIGHT
    recognitions_in_flight: int = RECOGNITIONS_IN_FLIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Sync documents that come in waves: more in the first part of every period, fewer in the rest."""

    period_s: float
    share: float
    """Of the period."""
    high: float
    """Times the load, in that share."""
    low: float
    """Times the load, in the rest."""

    def lets_come(self, now_s: float, chance: float) -> bool:
        """Whether one of those who would come if it were always high comes now; ``chance`` is uniform from 0 to 1."""
        return now_s % self.period_s < self.share * self.period_s or chance < self.low / self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What comes, documents arriving as a Poisson process (many callers who know nothing of each other)."""

    mix: Mix
    sync_documents_s: float
    bulk_documents_s: float = 0.0
    bulk_saturated: bool = False
    """Bulk documents are always waiting, whatever is done; ``bulk_documents_s`` is not looked at."""
    deadline_s: float = 30.0
    """After which nobody waits for a sync document, and its work is ended."""
    bursts: Bursts | None = None
    slow_spells: tuple[tuple[float, float], ...] = ()
    """(from, until) in simulated seconds: the cores have half their pace then, as with a busy neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Everything a simulation needs but its length and its seed."""

    cell: Cell
    profile: Profile
    load: Load
