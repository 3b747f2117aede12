"""RapidOCR in process: the peer that accuracy and latency are measured against.

Its answers are cached for accuracy only, keyed by the page's pixels, its version and its settings; a timing is never
read from a cache.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidocr import EngineType, RapidOCR

from evaluation.ordering import PlacedText

PEER_VERSION = importlib.metadata.version("rapidocr")


class PeerEngine(StrEnum):
    """What RapidOCR runs its models on."""

    ONNX_RUNTIME = "onnxruntime"
    """Its default."""
    OPENVINO = "openvino"
    """The fastest of its engines on CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """An engine and what differs from RapidOCR's defaults, in its own names."""

    engine: PeerEngine = PeerEngine.ONNX_RUNTIME
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Tells settings apart, for file names."""
        changed = json.dumps(dict(self.changes), sort_keys=True, default=str)
        suffix = f"-{hashlib.sha256(changed.encode()).hexdigest()[:8]}" if self.changes else ""
        return f"{PEER_VERSION}-{self.engine}{suffix}"


class Peer:
    """One RapidOCR instance, loaded when it is first asked."""

    def __init__(self, settings: PeerSettings, *, cache_dir: Path | None = None) -> None:
        self._settings = settings
        self._cache_dir = cache_dir / "rapidocr" / settings.name if cache_dir is not None else None
        self._ocr: RapidOCR | None = None

    def read(self, page: NDArray[np.uint8], *, page_number: int = 1) -> list[PlacedText]:
        """Lines of one page, in RapidOCR's own order; (H, W, 3) uint8 RGB in."""
        if self._cache_dir is None:
            return _as_lines(self._read_now(page), page_number)
        path = self._cache_dir / f"{_digest(page)}.json"
        if not path.exists():
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(json.dumps(self._read_now(page), ensure_ascii=False), encoding="utf-8")
            part.replace(path)
        return _as_lines(json.loads(path.read_text(encoding="utf-8")), page_number)

    def _read_now(self, page: NDArray[np.uint8]) -> list[tuple[str, list[list[float]]]]:
        if self._ocr is None:
            engine = EngineType(self._settings.engine.value)
            engines = {"Det.engine_type": engine, "Cls.engine_type": engine, "Rec.engine_type": engine}
            self._ocr = RapidOCR(params={"Global.log_level": "error", **engines, **self._settings.changes})
        # RapidOCR takes arrays as OpenCV reads them: BGR.
        answer = self._ocr(np.ascontiguousarray(page[:, :, ::-1]))
        if answer.txts is None or answer.boxes is None:
            return []
        boxes = np.asarray(answer.boxes, np.float64)
        return [(text, box.tolist()) for text, box in zip(answer.txts, boxes, strict=True)]


def _as_lines(found: list[tuple[str, list[list[float]]]], page_number: int) -> list[PlacedText]:
    return [PlacedText(text=text, quad=quad, page=page_number) for text, quad in found]


def _digest(page: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(repr(page.shape).encode())
    digest.update(np.ascontiguousarray(page).data)
    return digest.hexdigest()
