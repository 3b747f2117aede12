"""Two ways of reading the documents, for the same scores.

Through the API everything is as a caller has it. From kept readings only the text side runs, in this process, in
milliseconds a document, and can say which candidates it had; what differs is the pixel side's models, which run on
the same engine without Triton.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ocr_client import OcrClient
from rich.console import Console
from rich.progress import track

from evaluation.accuracy.candidates import Considered, considered
from evaluation.api_reader import DocumentRead, as_read, read_document
from evaluation.readings import Readings, text_pipeline
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading import Reading
from postprocess_svc import formats

ALL_CONFIDENCES = 0.0
"""Thresholds are cut here, so that one reading serves them all."""


class DocumentReader(ABC):
    """Reads documents with every confidence."""

    @abstractmethod
    def read(self, paths: Sequence[Path], *, description: str) -> Iterator[DocumentRead]:
        """Each document's reading, in order."""

    def considered(self, path: Path) -> Mapping[str, tuple[Considered, ...]]:
        """The candidates of a document that was read, by field; none where they cannot be seen."""
        del path
        return {}


class ApiReader(DocumentReader):
    """Through a running server."""

    def __init__(self, client: OcrClient) -> None:
        self._client = client

    def read(self, paths: Sequence[Path], *, description: str) -> Iterator[DocumentRead]:
        """One request a document."""
        console = Console(stderr=True)
        for path in track(paths, description=description, console=console, disable=not sys.stderr.isatty()):
            yield read_document(self._client, path, min_confidence=ALL_CONFIDENCES)


class ReadingsReader(DocumentReader):
    """From kept readings; those that are missing are made first."""

    def __init__(self, readings: Readings) -> None:
        """Load the charset.

        Raises:
            NotReady: the weights are not here.
        """
        self._readings = readings
        self._pipeline = text_pipeline()
        self._by_path: dict[Path, Reading] = {}

    def read(self, paths: Sequence[Path], *, description: str) -> Iterator[DocumentRead]:
        """The text side of each reading, written down and read again as a caller does."""
        del description
        for kept in self._readings.of(paths):
            if kept.reading is None:
                yield DocumentRead(error=kept.error)
                continue
            self._by_path[kept.path] = kept.reading
            yield self._structure(kept.reading)

    def considered(self, path: Path) -> Mapping[str, tuple[Considered, ...]]:
        """As the scorer sees them."""
        reading = self._by_path.get(path)
        return {} if reading is None else considered(self._pipeline.page_lines(reading))

    def _structure(self, reading: Reading) -> DocumentRead:
        options = StructureOptions(min_confidence=ALL_CONFIDENCES)
        try:
            result = self._pipeline.structure(reading, options=options, request_id="evaluation")
        except OcrError as error:
            return DocumentRead(error=f"{error.code}: {error.detail}")
        return as_read(json.loads(formats.render(result, options.output_format).body))
