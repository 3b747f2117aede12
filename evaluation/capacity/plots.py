"""Plots of a plan: machines and cost from ten thousand to a hundred million pages a day, and where cores go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.use("Agg")  # draws into files; no window
from matplotlib import pyplot as plt

from evaluation.capacity.demand import demand
from evaluation.capacity.sizing import SECONDS_A_DAY, CellCapacity, fleet

PAGES_A_DAY = (1e4, 1e8)
SIZE_INCHES = (7.0, 4.0)
DPI = 110


def draw(capacities: Sequence[CellCapacity], folder: Path) -> list[Path]:
    """Write every plot; their files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_scale(capacities, folder), _cost(capacities, folder), _stages(capacities, folder)]


def _scale(capacities: Sequence[CellCapacity], folder: Path) -> Path:
    figure, axes = plt.subplots(figsize=SIZE_INCHES)
    days = np.geomspace(*PAGES_A_DAY, 200)
    for each in capacities:
        counts = [fleet(each, pages / SECONDS_A_DAY).cells for pages in days]
        axes.plot(days, np.array(counts) * each.design.cell.cores, label=_label(each), drawstyle="steps-post")
    axes.set(xscale="log", yscale="log", xlabel="pages a day", ylabel="vCPUs of the fleet")
    return _write(figure, axes, folder / "capacity-cores.png")


def _cost(capacities: Sequence[CellCapacity], folder: Path) -> Path:
    figure, axes = plt.subplots(figsize=SIZE_INCHES)
    days = np.geomspace(*PAGES_A_DAY, 200)
    for each in capacities:
        costs = [fleet(each, pages / SECONDS_A_DAY).usd_a_million_pages for pages in days]
        axes.plot(days, costs, label=_label(each))
    axes.set(xscale="log", yscale="log", xlabel="pages a day", ylabel="USD a million pages (example prices)")
    return _write(figure, axes, folder / "capacity-cost.png")


def _stages(capacities: Sequence[CellCapacity], folder: Path) -> Path:
    figure, axes = plt.subplots(figsize=SIZE_INCHES)
    roads = [demand(each.setting, urgent=True) for each in capacities]
    names = list(dict.fromkeys(name for road in roads for name in road.core_s_a_page_by_stage))
    left = np.zeros(len(capacities))
    for name in names:
        values = np.array([1000 * road.core_s_a_page_by_stage.get(name, 0.0) for road in roads])
        axes.barh([_label(each) for each in capacities], values, left=left, label=name)
        left += values
    values = np.array([1000 * road.gpu_s_a_page for road in roads])
    axes.barh([_label(each) for each in capacities], values, left=left, label="GPU", color="black")
    axes.set(xlabel="busy milliseconds a page, sync")
    return _write(figure, axes, folder / "capacity-stages.png")


def _label(each: CellCapacity) -> str:
    return f"{each.design}{' (computed)' if each.design.cell.gpu else ''}"


def _write(figure: Figure, axes: Axes, file: Path) -> Path:
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, dpi=DPI)
    plt.close(figure)
    return file
