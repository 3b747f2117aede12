"""The work of the two stages alone, in this process: no queue, no object storage, no database, no HTTP.

The same pipelines, the same Triton, the same sandbox, the same encoding as in ``async_worker/stages``, and as many
documents in hand. What the workers' processes take beyond this is what connecting them costs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvloop
from pydantic_core import to_json

from evaluation.cpu_accounts import cpu_s_by_tree
from ocr_core.adapters.openers import make_file_opener
from ocr_core.adapters.triton import TritonModels
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits, PageSelection, Priority
from ocr_core.contracts.ports import StructureOptions
from ocr_core.contracts.reading_codec import decode_reading, encode_reading
from ocr_core.settings import FileOpenerSettings, StorageSettings, TritonSettings
from postprocess_svc.ctc import Charsets
from postprocess_svc.formats import json_format
from postprocess_svc.pipeline import TextPipeline
from preprocess_svc.pipeline import read_document

_DEADLINE_S = 600.0
_WARM_UP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCosts:
    """CPU seconds a page, outside of Triton."""

    pixels_s: float
    """Opening in the sandbox, canvases, boxes, crops, calls to Triton, the reading as bytes."""
    text_s: float
    """The reading from bytes, lines, order, fields, JSON."""


def measure_stages(
    bodies: Sequence[bytes], *, grpc_url: str, charset: Path, documents_in_hand: int, others: Collection[int]
) -> StageCosts:
    """Run both stages over documents of one page each.

    Args:
        bodies: The documents.
        grpc_url: Triton.
        charset: Of its recogniser.
        documents_in_hand: As many as a read worker takes.
        others: Children of this process that have no part in it.
    """

    def own_cpu_s() -> float:
        return cpu_s_by_tree({"self": os.getpid()}, without=others)["self"]

    return uvloop.run(_measure(bodies, grpc_url, charset, documents_in_hand, own_cpu_s))


async def _measure(
    bodies: Sequence[bytes], grpc_url: str, charset: Path, documents_in_hand: int, own_cpu_s: Callable[[], float]
) -> StageCosts:
    models = TritonModels(TritonSettings(grpc_url=grpc_url))
    opener = make_file_opener(FileOpenerSettings(), StorageSettings())
    pipeline = TextPipeline(charsets=Charsets.load([charset]))
    await models.start()
    await opener.start()
    try:
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            places = asyncio.Semaphore(documents_in_hand)

            async def read(body: bytes) -> bytes:
                async with places:
                    reading = await read_document(
                        body,
                        file_name="page",
                        selection=PageSelection(),
                        limits=OpenLimits(),
                        text_layer=False,
                        priority=Priority.BULK,
                        deadline=Deadline.after(_DEADLINE_S),
                        opener=opener,
                        models=models,
                        workers=workers,
                    )
                    return await asyncio.get_running_loop().run_in_executor(workers, encode_reading, reading)

            await asyncio.gather(*map(read, bodies[:_WARM_UP]))
            before_s = own_cpu_s()
            readings = await asyncio.gather(*map(read, bodies))
            after_pixels_s = own_cpu_s()
            for reading in readings:
                _structure(reading, pipeline)
            after_text_s = own_cpu_s()
    finally:
        await opener.close()
        await models.close()
    count = len(bodies)
    return StageCosts(pixels_s=(after_pixels_s - before_s) / count, text_s=(after_text_s - after_pixels_s) / count)


def _structure(encoded: bytes, pipeline: TextPipeline) -> bytes:
    result = pipeline.structure(decode_reading(encoded), options=StructureOptions(), request_id="bench")
    return to_json(json_format.to_json_value(result))
