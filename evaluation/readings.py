"""Readings of documents, kept: the pixel side runs once a document, the text side as often as one likes.

``Readings`` runs the pixel pipeline in this process (the file opener's sandbox, both models on OpenVINO) and keeps what
comes out under the digest of the document, of the pixel side's code and of the weights. What is measured from a kept
reading is the text side as it is now, in milliseconds a document; latency is not to be taken from here.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.progress import track

from evaluation.datasets import REPOSITORY
from evaluation.inprocess_models import InProcessModels, weights_folder
from ocr_core.adapters.file_opener import LocalFileOpener
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection, Priority
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.reading import Reading
from ocr_core.contracts.reading_codec import decode_reading, encode_reading
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.pipeline import TextPipeline
from preprocess_svc.pipeline import read_document

FOLDER = REPOSITORY / "out" / "cache" / "readings"
TIMEOUT_S = 300.0
"""Of one document: accuracy is measured here, and the machine may be busy."""

_PIXEL_ROOMS = ("preprocess_svc", "lambda_file_open", "ocr_core/contracts")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReading:
    """A document's reading, or why there is none."""

    path: Path
    reading: Reading | None
    error: str | None = None


class Readings:
    """Readings from the folder, and of documents that it lacks, made anew.

    Args:
        folder: Where they lie.
        allow_older: Whether a reading that older code of the pixel side made will do.
        text_layer: Whether a PDF's own text is read as well (``text_layer=prefer``).
        models: What reads; in f16 where none are given, whatever is served, so that kept readings mean the same on
            every machine.
    """

    def __init__(
        self,
        folder: Path = FOLDER,
        *,
        allow_older: bool = False,
        text_layer: bool = False,
        models: InProcessModels | None = None,
    ) -> None:
        self._folder = folder
        self._allow_older = allow_older
        self._text_layer = text_layer
        self._models = models or InProcessModels(precision="f16")

    def of(self, paths: Sequence[Path]) -> list[KeptReading]:
        """A reading of each document, in order; those that are missing are made, one after another."""
        missing = [path for path in dict.fromkeys(paths) if self._find(path) is None]
        errors = asyncio.run(self._make(missing)) if missing else {}
        return [self._kept(path, errors.get(path)) for path in paths]

    def _kept(self, path: Path, error: str | None) -> KeptReading:
        found = self._find(path)
        if found is None:
            return KeptReading(path=path, reading=None, error=error or "not read")
        return KeptReading(path=path, reading=decode_reading(found.read_bytes()))

    def _find(self, path: Path) -> Path | None:
        wanted = self._file(path)
        if wanted.exists():
            return wanted
        if self._allow_older:
            others = sorted(wanted.parent.glob("*.reading"), key=lambda file: file.stat().st_mtime)
            return others[-1] if others else None
        return None

    def _file(self, path: Path) -> Path:
        folder = document_folder(self._folder, path, text_layer=self._text_layer)
        return folder / f"{pixel_side_digest()[:16]}.reading"

    async def _make(self, paths: Sequence[Path]) -> dict[Path, str]:
        errors: dict[Path, str] = {}
        async with _pixel_side(self._models) as (opener, workers):
            for path in track(paths, description="reading", console=Console(stderr=True)):
                try:
                    reading = await read_document(
                        path.read_bytes(),
                        file_name=path.name,
                        selection=PageSelection(),
                        limits=OpenLimits(),
                        text_layer=self._text_layer,
                        priority=Priority.SYNC,
                        deadline=Deadline.after(TIMEOUT_S),
                        opener=opener,
                        models=self._models,
                        workers=workers,
                    )
                except OcrError as error:
                    errors[path] = f"{error.code}: {error.detail}"
                    continue
                file = self._file(path)
                file.parent.mkdir(parents=True, exist_ok=True)
                unfinished = file.with_suffix(".part")
                unfinished.write_bytes(encode_reading(reading))
                unfinished.replace(file)
        return errors


def document_folder(folder: Path, path: Path, *, text_layer: bool = False) -> Path:
    """Where the readings of one document lie, one file for each state of the pixel side's code."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return folder / f"{digest}-layer" if text_layer else folder / digest


@asynccontextmanager
async def _pixel_side(models: InProcessModels) -> AsyncIterator[tuple[LocalFileOpener, ThreadPoolExecutor]]:
    opener = LocalFileOpener()
    await opener.start()
    try:
        with models, ThreadPoolExecutor(2, thread_name_prefix="pixels") as workers:
            yield opener, workers
    finally:
        await opener.close()


@cache
def pixel_side_digest() -> str:
    """Of everything that a reading depends on beside its document: the code of the pixel side, and the weights."""
    digest = hashlib.sha256()
    for file in _ingredients():
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _ingredients() -> Iterator[Path]:
    for room in _PIXEL_ROOMS:
        yield from sorted((REPOSITORY / room).rglob("*.py"))
    folder = weights_folder()
    if folder is not None:
        yield from sorted(folder.glob("PP-OCRv6_*_small.onnx"))


def text_pipeline() -> TextPipeline:
    """A text pipeline that knows the charset of these readings.

    Raises:
        NotReady: the weights are not here.
    """
    with InProcessModels() as models:
        charset = "".join(f"{character}\n" for character in models.charset)
    return TextPipeline(charsets=Charsets([Charset.parse(charset.encode())]))


def readable(readings: Iterable[KeptReading]) -> Iterator[tuple[Path, Reading]]:
    """Those that there are."""
    for kept in readings:
        if kept.reading is not None:
            yield kept.path, kept.reading
