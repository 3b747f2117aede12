"""What skipping blank margins would save the detector: ``python -m evaluation.blank_regions``.

Of each page of the shared sets and samples, from kept readings: the canvas that the detector is shown, and the one
that would do if the page were cut to what is printed on it, known beforehand and for nothing. So it is the most that
any search for blank regions could save.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.datasets import load_generated, load_samples, load_set, shared_data_dir
from evaluation.markdown import table
from evaluation.readings import Readings, readable
from ocr_core.contracts.reading import PageReading
from preprocess_svc.canvas import plan_canvas
from preprocess_svc.detection import first_scale

SETS = ("zugferd", "sroie", "jp-receipts-synth", "docubench")
MARGIN = 0.012
"""Paper that is left around the print, as a share of the longer side."""
LEAST_PX = 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.blank_regions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--generated", nargs="*", type=Path, default=(), help="folders of generated documents")
    parser.add_argument("--allow-older", action="store_true", help="readings of older code of the pixel side will do")
    options = parser.parse_args(arguments)
    readings = Readings(allow_older=options.allow_older)
    documents = {name: load_set(name) for name in SETS if (shared_data_dir() / name).is_dir()}
    documents |= {"samples": load_samples()} | {folder.name: load_generated(folder) for folder in options.generated}
    rows = []
    for name, found in documents.items():
        pages = [
            page
            for _, reading in readable(readings.of([document.path for document in found]))
            for page in reading.pages
            if isinstance(page, PageReading) and page.lines
        ]
        if pages:
            printed, saved = zip(*_shares(pages), strict=True)
            rows.append(
                [
                    name,
                    str(len(pages)),
                    f"{statistics.median(printed):.2f}",
                    f"{statistics.mean(saved):.1%}",
                    f"{statistics.median(saved):.1%}",
                ]
            )
    print(table(["set", "pages", "printed share of the page, median", "canvas saved, mean", "median"], rows))
    return 0


def _shares(pages: Sequence[PageReading]) -> Iterator[tuple[float, float]]:
    """Of each page: the share that is printed on, and the share of the detector's canvas that cutting would save."""
    for page in pages:
        height, width = page.height_px, page.width_px
        margin = MARGIN * max(height, width)
        xs = [x for line in page.lines for x, _ in line.quad]
        ys = [y for line in page.lines for _, y in line.quad]
        printed_height = min(height, max(ys) + margin) - max(0.0, min(ys) - margin)
        printed_width = min(width, max(xs) + margin) - max(0.0, min(xs) - margin)
        whole = plan_canvas(height, width, first_scale(height, width))
        cut = plan_canvas(max(LEAST_PX, int(printed_height)), max(LEAST_PX, int(printed_width)), whole.scale_y)
        yield printed_height * printed_width / (height * width), 1 - min(cut.area_px, whole.area_px) / whole.area_px


if __name__ == "__main__":
    raise SystemExit(main())
