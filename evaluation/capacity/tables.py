"""The plan's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaluation.capacity.gpus import GpuCost
from evaluation.capacity.sizing import SECONDS_A_DAY, Aim, CellCapacity, Fleet, fleet
from evaluation.capacity.workload import Mix
from evaluation.markdown import table

PAGES_A_DAY = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


def capacity_table(capacities: Sequence[CellCapacity], aim: Aim) -> str:
    """What one cell of each design takes within the target."""
    rows = [
        [
            f"{each.design}{_computed(each)}",
            f"{each.design.cell.cores:.0f}",
            f"{each.pages_s:.1f}" if each.pages_s else "misses the p99",
            f"{1000 * each.outcome.quantile_s(0.5):.0f}",
            f"{1000 * each.outcome.quantile_s(0.99):.0f}",
            ", ".join(f"{name} {100 * share:.0f} %" for name, share in each.busy.items()),
            each.bottleneck,
            f"{each.usd_a_million_pages:.0f}",
        ]
        for each in capacities
    ]
    heading = ["cell", "cores", "pages/s", "sync p50 ms", "p99 ms", "busy", "bottleneck", "USD a million pages"]
    words = (
        f"Mix `{aim.mix.name}`, {aim.sync_pages_s / aim.pages_s:.0%} sync, p99 of at most {aim.p99_s:g} s. "
        "Cells as full as the target lets them be. *computed*: from data sheets; has not run on a GPU."
    )
    return f"{words}\n\n{table(heading, rows)}"


def roles_table(found: Fleet, numbers: Mapping[str, str]) -> str:
    """The cheapest fleet for the load, and what runs on it."""
    words = (
        f"**{found.pages_s:g} pages a second:** {found.cells} × ({found.capacity.design}), spare ones included, "
        f"{found.usd_an_hour:.2f} USD an hour, {found.usd_a_million_pages:.0f} USD a million pages."
    )
    return f"{words}\n\n{table(['role', 'of the whole fleet'], [[name, value] for name, value in numbers.items()])}"


def scale_table(capacities: Sequence[CellCapacity]) -> str:
    """Cells and cost from one machine to a hundred million pages a day, the load being the same all day."""
    rows = []
    for pages_a_day in PAGES_A_DAY:
        fleets = [fleet(each, pages_a_day / SECONDS_A_DAY) for each in capacities]
        cells = [f"{each.cells} ({each.usd_a_million_pages:.0f})" for each in fleets]
        rows.append([f"{pages_a_day:,}", *cells])
    heading = ["pages a day", *(f"{each.design}{_computed(each)}" for each in capacities)]
    return f"Cells, in brackets USD a million pages, without spare ones.\n\n{table(heading, rows)}"


def gpu_table(costs: Sequence[GpuCost], mix: Mix) -> str:
    """Milliseconds of a mean page on each GPU."""
    documents = mix.documents()
    pages = [page for document in documents for page in document.pages]
    rows = []
    for cost in costs:
        detection_s = sum(cost.detection.seconds(look) for page in pages for look in page.looks_px) / len(pages)
        recognition_s = sum(
            cost.recognition.seconds(rows_ * width) for page in pages for rows_, width in page.requests
        ) / len(pages)
        rows.append(
            [
                f"{cost.gpu.name}, {cost.reading.name}",
                f"{1000 * detection_s:.1f}",
                f"{1000 * recognition_s:.1f}",
                f"{1 / (detection_s + recognition_s):.0f}",
            ]
        )
    words = f"Computed from data sheets and counted operations, for a mean page of mix `{mix.name}`. Not measured."
    return f"{words}\n\n{table(['GPU', 'detector ms', 'recogniser ms', 'pages/s at most'], rows)}"


def _computed(each: CellCapacity) -> str:
    return " (computed)" if each.design.cell.gpu else ""
