"""``rapidocr_api``'s own app with RapidOCR on OpenVINO, for uvicorn to import.

``rapidocr_api`` 0.2.0 has no setting for the engine: what it serves runs on ONNX Runtime. Its routes, its decoding and
its answers stay as they are; its RapidOCR is put in its place, and guarded, because RapidOCR has one OpenVINO request,
which may not be asked twice at once, while the app answers in several threads.
"""

from __future__ import annotations

import threading
from typing import Any

from rapidocr import EngineType, RapidOCR
from rapidocr_api.main import app, processor

__all__ = ["app"]


class _OneAtATime:
    """A RapidOCR that is called by one thread after the other."""

    def __init__(self, ocr: RapidOCR) -> None:
        self._ocr = ocr
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        with self._lock:
            return self._ocr(*arguments, **options)


_ENGINE = EngineType.OPENVINO
processor.ocr = _OneAtATime(
    RapidOCR(
        params={
            "Global.log_level": "error",
            "Det.engine_type": _ENGINE,
            "Cls.engine_type": _ENGINE,
            "Rec.engine_type": _ENGINE,
        }
    )
)
