"""Whether the pixel side still reads what it read: ``python -m evaluation.reading_differences [SET …] [--count 60]``.

Reads documents with the code as it is, and holds each reading against the one that older code left among the kept
readings (``evaluation/readings.py``). For changes that should make the pixel side faster and nothing else: boxes, class
ids, rulings and stamps must be the same, probabilities but for the last bits.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from evaluation.datasets import REPOSITORY, load_generated, load_samples, load_set
from evaluation.readings import FOLDER, Readings, document_folder, pixel_side_digest
from ocr_core.contracts.page import PageError
from ocr_core.contracts.reading import LineReading, PageReading, Reading
from ocr_core.contracts.reading_codec import decode_reading

SAME_PROBABILITY = 2e-3
"""They are kept as float16, and an engine adds in another order on another day."""
_GENERATED = REPOSITORY / "out" / "generated"


def differences(before: Reading, now: Reading) -> Iterator[str]:
    """What is not the same, by kind; nothing where all is."""
    if len(before.pages) != len(now.pages):
        yield "pages"
        return
    for old, new in zip(before.pages, now.pages, strict=True):
        if isinstance(old, PageError) or isinstance(new, PageError):
            if type(old) is not type(new):
                yield "an unread page"
        else:
            yield from _page_differences(old, new)


def _page_differences(old: PageReading, new: PageReading) -> Iterator[str]:
    size = (old.width_px, old.height_px, old.dpi, old.rotation_deg)
    if size != (new.width_px, new.height_px, new.dpi, new.rotation_deg):
        yield "size or rotation"
    if abs(old.skew_deg - new.skew_deg) > 1e-6:
        yield "skew"
    if old.rulings != new.rulings:
        yield "rulings"
    if old.stamps != new.stamps:
        yield "stamps"
    if old.text_layer != new.text_layer:
        yield "text layer"
    if len(old.lines) != len(new.lines):
        yield "number of lines"
        return
    for one, other in zip(old.lines, new.lines, strict=True):
        yield from _line_differences(one, other)


def _line_differences(old: LineReading, new: LineReading) -> Iterator[str]:
    if old.quad != new.quad or old.timestep_px != new.timestep_px or old.stamp != new.stamp:
        yield "a line's place"
    if abs(old.detection_confidence - new.detection_confidence) > 1e-6:
        yield "a line's detection confidence"
    if not np.array_equal(old.class_ids, new.class_ids):
        yield "a line's class ids"
    elif not np.allclose(old.probabilities, new.probabilities, rtol=0, atol=SAME_PROBABILITY):
        yield "a line's probabilities"


def _older(path: Path) -> Reading | None:
    """The youngest reading of a document that other code than this has made."""
    kept = document_folder(FOLDER, path).glob("*.reading")
    others = [file for file in kept if file.stem != pixel_side_digest()[:16]]
    newest = max(others, key=lambda file: file.stat().st_mtime, default=None)
    return None if newest is None else decode_reading(newest.read_bytes())


def _documents(names: Sequence[str], count: int) -> list[Path]:
    """So many documents, taken evenly from each set in turn."""
    paths: list[Path] = []
    for name in names:
        folder = _GENERATED / name
        found = load_samples() if name == "samples" else load_generated(folder) if folder.is_dir() else load_set(name)
        wanted = max(1, count // len(names))
        paths += [document.path for document in found[:: max(1, len(found) // wanted)][:wanted]]
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and say by the exit code whether all is the same."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.reading_differences",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sets", nargs="*", default=["develop"], help="splits of out/generated, shared sets, or samples")
    parser.add_argument("--count", type=int, default=60, help="documents in all")
    options = parser.parse_args(arguments)
    before = {path: older for path in _documents(options.sets, options.count) if (older := _older(path)) is not None}
    compared, kinds = 0, Counter[str]()
    for kept in Readings().of(list(before)):
        if kept.reading is None:
            kinds["a document that is not read any more"] += 1
            continue
        compared += 1
        found = Counter(differences(before[kept.path], kept.reading))
        kinds += found
        for kind, times in found.items():
            print(f"{kept.path.name}: {kind}, {times} times")
    print(f"{compared} documents compared: {dict(kinds) if kinds else 'all the same'}")
    return 1 if kinds or not compared else 0


if __name__ == "__main__":
    sys.exit(main())
