"""Answers of the sync road that are remembered: the same bytes, asked in the same way, are not read again.

::

    bytes ─► sha256 ─┐
    parameters, file ├─► key ─► memory ─┬─ there ──► request id, file name, times made anew ─► answer
    name, settings   │                  └─ not ────► read ─► nothing doubtful in it, and all is as it was? ─► memory
    code, models,    │
    text side: now ──┘

What models and what text side would answer is asked of themselves, each time: so a change is a miss at once. If they do
not say so soon, nothing is looked up and nothing is remembered. docs/adr/0016 tells what else was thought of.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial

from pydantic_core import from_json, to_json

from ocr_core.adapters.remembered import Memory
from ocr_core.contracts.access import Caller
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.errors import OcrError
from ocr_core.contracts.ports import RenderedResult, Structurer, TextModels
from ocr_core.contracts.remembered import REPEATABLE_WARNINGS, MemoryKey, Remembered
from ocr_core.contracts.result import OutputFormat
from ocr_core.contracts.warning_codes import join_codes, split_codes
from ocr_core.service import RequestContext
from preprocess_svc.completing import MAX_BYTES_ON_THE_LOOP
from preprocess_svc.keeping import DocumentKeeper
from preprocess_svc.parameters import OcrParameters

PATIENCE_S = 0.25
"""For what models and text side say of themselves; both take a millisecond or two."""

_CHANGES_NO_ANSWER = {"timeout_s"}
_NAMES_THE_FILE = frozenset({OutputFormat.MARKDOWN, OutputFormat.HOCR, OutputFormat.ALTO, OutputFormat.PDF})
"""Formats that have the file's name written into them; JSON gets it anew, and a text has none."""
_STAGES_OF_A_READING = ("open", "detect", "recognise", "wait", "structure")
_WARNINGS, _FILE_NAME, _STORED_ID = "warnings", "file_name", "stored_id"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """What came of looking an answer up, and where a fresh one is to be put."""

    found: Remembered | None
    """To be made anew for this request (``renewed``)."""
    key: MemoryKey | None
    """Null: what answers are made with is not known, or its caller wants nothing kept: nothing is remembered either."""
    caller: Caller
    models_sha256: str = ""
    text_sha256: str = ""


class RememberedAnswers:
    """Of one process. Nothing of it raises, or waits for long. Used from one event loop only."""

    def __init__(
        self,
        memory: Memory,
        *,
        models: TextModels,
        structurer: Structurer,
        house_sha256: str,
        keeper: DocumentKeeper | None = None,
    ) -> None:
        """Store whom it asks.

        Args:
            memory: Where answers lie.
            models: Say which they are.
            structurer: Says what it makes results with.
            house_sha256: Of this side's code, and of its settings that show in an answer.
            keeper: Knows which documents are stored: an answer that names one is about one that is still there.
        """
        self._keeper = keeper
        self._memory = memory
        self._models = models
        self._structurer = structurer
        self._house_sha256 = house_sha256
        self._later: set[asyncio.Task[None]] = set()

    async def look_up(
        self,
        document_sha256: str,
        *,
        file_name: str | None,
        parameters: OcrParameters,
        caller: Caller,
        deadline: Deadline,
    ) -> Recall:
        """Whether this very question has been answered.

        Of a tenant whose documents are kept, answers lie at rest: none of a document of which nothing is to be kept.
        """
        if caller.policy.retention_days and not parameters.store:
            return Recall(found=None, key=None, caller=caller)
        try:
            async with asyncio.timeout(min(PATIENCE_S, deadline.remaining_s())):
                models, text_sha256 = await asyncio.gather(
                    self._models.in_use(), self._structurer.identity(deadline=deadline)
                )
        except (OcrError, TimeoutError):
            return Recall(found=None, key=None, caller=caller)  # whoever reads the document finds out why
        key = MemoryKey.of(
            tenant=caller.tenant,
            tenant_since=caller.policy.tenant_since,
            document_sha256=document_sha256,
            circumstances={
                "kind": "answer",
                "parameters": parameters.model_dump(mode="json", exclude=_CHANGES_NO_ANSWER),
                "file_name": file_name if parameters.format in _NAMES_THE_FILE else None,
                "retention_days": caller.policy.retention_days,
                "house": self._house_sha256,
                "models": models.sha256,
                "text": text_sha256,
            },
        )
        found = await self._memory.find(key, caller.policy)
        if found is not None and not await self._is_there(caller, found.notes.get(_STORED_ID), deadline):
            found = None
        return Recall(found=found, key=key, caller=caller, models_sha256=models.sha256, text_sha256=text_sha256)

    async def renewed(
        self, found: Remembered, *, output_format: OutputFormat, file_name: str | None, context: RequestContext
    ) -> RenderedResult:
        """What was found as the answer to this request: what is the request's own is made anew."""
        result = RenderedResult(
            content_type=found.content_type,
            body=found.body,
            warning_codes=split_codes(found.notes.get(_WARNINGS)),
            file_name=found.notes.get(_FILE_NAME),
            stored_id=found.notes.get(_STORED_ID),
            age_s=self._memory.age_s(found),
        )
        if output_format is not OutputFormat.JSON:
            return result
        if len(found.body) <= MAX_BYTES_ON_THE_LOOP:
            body = _renewed(found.body, file_name, context)
        else:
            body = await asyncio.to_thread(_renewed, found.body, file_name, context)
        return replace(result, body=body)

    def keep(self, recall: Recall, result: RenderedResult) -> None:
        """Remember a fresh answer, if it would be the same the next time; nobody waits for that."""
        if recall.key is not None and _is_repeatable(result, recall):
            self._run_later(self._keep(recall.key, recall, result))

    async def settle(self) -> None:
        """Wait until what was to be kept is kept."""
        while self._later:
            await asyncio.wait(set(self._later))
        await self._memory.settle()

    async def _keep(self, key: MemoryKey, recall: Recall, result: RenderedResult) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                models = await self._models.in_use()
        except (OcrError, TimeoutError):
            return
        if models.sha256 != recall.models_sha256:  # they were replaced while the document was read
            return
        notes = {_WARNINGS: join_codes(result.warning_codes)}
        if result.file_name is not None:
            notes[_FILE_NAME] = result.file_name
        if result.stored_id is not None:
            notes[_STORED_ID] = result.stored_id
        thing = self._memory.made_now(result.body, content_type=result.content_type, notes=notes)
        still_wanted = partial(self._is_stored, recall.caller, result.stored_id)
        self._memory.keep(key, thing, recall.caller.policy, still_wanted)

    async def _is_there(self, caller: Caller, stored_id: str | None, deadline: Deadline) -> bool:
        """The same, for somebody who waits."""
        try:
            async with asyncio.timeout(min(PATIENCE_S, deadline.remaining_s())):
                return await self._is_stored(caller, stored_id)
        except TimeoutError:
            return False

    async def _is_stored(self, caller: Caller, stored_id: str | None) -> bool:
        """Whether the stored document that an answer names has not been deleted; one that names none is always well."""
        if stored_id is None:
            return True
        return self._keeper is not None and await self._keeper.is_there(caller.tenant, stored_id)

    def _run_later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._forget_task)

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("An answer could not be remembered", exc_info=error, extra={"action": "remembered.fault"})


def sha256_of(content: bytes) -> str:
    """Of a document's bytes."""
    return hashlib.sha256(content).hexdigest()


def _is_repeatable(result: RenderedResult, recall: Recall) -> bool:
    """Whether the same bytes would be answered in the same way.

    Its warnings are those of the document and not of the moment, and the text side that wrote it was the one that was
    asked before.
    """
    return REPEATABLE_WARNINGS.issuperset(result.warning_codes) and result.made_with_sha256 == recall.text_sha256


def _renewed(body: bytes, file_name: str | None, context: RequestContext) -> bytes:
    """A JSON result for another request. Its ``id`` stays: it names the same document, which was read once."""
    answer = from_json(body)
    answer["request_id"] = context.request_id
    answer["document"]["file_name"] = file_name
    spent_ms = {stage: round(ms, 1) for stage, ms in context.stages_ms.items()}
    answer["timing_ms"] = {**dict.fromkeys(_STAGES_OF_A_READING, 0.0), **spent_ms}
    answer["from_memory"] = True
    return to_json(answer)
