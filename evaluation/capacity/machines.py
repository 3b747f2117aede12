"""Named machine types with prices, and the cells that can be built of them."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from evaluation.capacity.cell import Cell
from evaluation.capacity.gpus import GpuCost
from evaluation.capacity.profile import Profile

MACHINES_FILE = Path(__file__).with_name("machines.toml")

SERVICES_MEMORY_GB = 3.0
"""Of the services of one machine beside the models, with the documents in their hands: about 2.5 GB on two cores."""
READING_PLACES_A_CORE = 1.5
"""As the default of ``OCR_PREPROCESS_MAX_DOCUMENTS_READING``."""
BULK_DOCUMENTS_A_CORE = 1.5
"""Today's default is 3 on two cores."""
DOCUMENTS_A_CORE = 16
"""Today's default is 32 on two cores."""


class MachineError(ValueError):
    """A machine file, or a machine's name, that cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine type."""

    name: str
    vcpus: int
    memory_gb: float
    pace: float
    """Of a vCPU beside a core of the profile."""
    usd_an_hour: float
    seen: date
    """When the price was looked up."""
    source: str
    gpu: str = ""
    """Name in ``gpus.toml``; empty for none."""
    gpus: int = 0

    @property
    def cores(self) -> float:
        """Of the profile's pace."""
        return self.vcpus * self.pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A cell as machines: so many of each, and what the simulation makes of them."""

    machines: tuple[tuple[Machine, int], ...]
    cell: Cell

    def __str__(self) -> str:
        return " + ".join(f"{count} × {machine.name}" for machine, count in self.machines)

    @property
    def usd_an_hour(self) -> float:
        """Of all."""
        return sum(machine.usd_an_hour * count for machine, count in self.machines)


def load_machines(file: Path = MACHINES_FILE) -> dict[str, Machine]:
    """The known types by name.

    Raises:
        MachineError: an entry lacks something, or has what nobody knows.
        OSError.
    """
    content: Mapping[str, Mapping[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))
    machines = {}
    for name, entry in content.items():
        try:
            machines[name] = Machine(name=name, **entry)
        except TypeError as error:
            raise MachineError(f"{file.name}: {name}: {error}") from None
    return machines


def design(machine: Machine, *, gpu: GpuCost | None = None, beside: Machine | None = None, count: int = 0) -> Design:
    """A cell of one machine, or of one machine with GPUs and so many machines beside it.

    Args:
        machine: Carries the models.
        gpu: What its GPUs cost, if it has some.
        beside: Machines that open, cut out and structure only.
        count: Of these.
    """
    beside_cores = beside.cores * count if beside else 0.0
    cores = machine.cores + beside_cores
    cell = Cell(
        cores=cores,
        gpus=machine.gpus if gpu else 0,
        gpu=gpu,
        remote_share=beside_cores / cores,
        max_documents=math.ceil(DOCUMENTS_A_CORE * cores),
        reading_places=math.ceil(READING_PLACES_A_CORE * cores),
        bulk_documents=math.ceil(BULK_DOCUMENTS_A_CORE * cores),
    )
    parts = [(machine, 1)] + ([(beside, count)] if beside and count else [])
    return Design(machines=tuple(parts), cell=cell)


def lacks_memory_gb(machine: Machine, profile: Profile) -> float:
    """How much a machine lacks for the models on its cores; zero or less if they fit."""
    return profile.models.memory_gb(machine.vcpus) + SERVICES_MEMORY_GB - machine.memory_gb
