"""Which answers are remembered, under which keys, and what becomes of those who say what answers are made with."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from ocr_core.adapters.remembered import Kind, Memory
from ocr_core.code_digest import code_sha256
from ocr_core.contracts.access import Caller, Scope, TenantPolicy
from ocr_core.contracts.deadline import Deadline
from ocr_core.contracts.document import OpenLimits
from ocr_core.contracts.errors import NotFound, NotReady
from ocr_core.contracts.ports import ModelsInUse, RenderedResult
from ocr_core.contracts.remembered import REPEATABLE_WARNINGS
from ocr_core.contracts.result import OutputFormat
from ocr_core.service import RequestContext
from ocr_core.settings import FileOpenerSettings, OpenerLauncher, PdfSettings, PostprocessSettings, RememberSettings
from ocr_core.telemetry import Metrics
from postprocess_svc.ctc import Charset, Charsets
from postprocess_svc.identity import TextIdentity
from postprocess_svc.making import make_catalogue
from postprocess_svc.partners.master import parse_partners
from postprocess_svc.pipeline import TextPipeline
from preprocess_svc.parameters import OcrParameters
from preprocess_svc.pixel_identity import pixel_identity
from preprocess_svc.remembered_answers import PATIENCE_S, Recall, RememberedAnswers

ACME = Caller(tenant="acme", key_id=None, scopes=frozenset({Scope.SYNC}), policy=TenantPolicy())
BODY = to_json({"id": "doc_1", "request_id": "req_1", "document": {"file_name": "a.pdf"}, "timing_ms": {"total": 1}})
FRESH = RenderedResult(content_type="application/json", body=BODY, made_with_sha256="text 1")
DOCUMENT = "d" * 64


@dataclass
class Told:
    """What models and text side say of themselves."""

    models: str = "models 1"
    text: str = "text 1"
    error: Exception | None = None
    delay_s: float = 0.0

    async def in_use(self) -> ModelsInUse:
        await self._suffer()
        return ModelsInUse(versions={"text_detection": "1"}, charset_sha256="c" * 64, sha256=self.models)

    async def identity(self, *, deadline: Deadline) -> str:
        del deadline
        await self._suffer()
        return self.text

    async def _suffer(self) -> None:
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error


@dataclass
class Store:
    """Object storage."""

    held: dict[str, bytes] = field(default_factory=dict)
    asked: int = 0

    async def get(self, name: str, *, max_bytes: int) -> bytes:
        del max_bytes
        self.asked += 1
        if name not in self.held:
            raise NotFound("there is no such object")
        return self.held[name]

    async def put(self, name: str, body: bytes, **_: Any) -> None:
        self.held[name] = body


@dataclass
class Asking:
    """One process's memory of answers, asked."""

    told: Told = field(default_factory=Told)
    house_sha256: str = "house 1"
    memory: Memory = field(
        default_factory=lambda: Memory(RememberSettings(enabled=True), kind=Kind.ANSWER, metrics=Metrics())
    )

    @property
    def answers(self) -> RememberedAnswers:
        return RememberedAnswers(
            self.memory,
            models=self.told,  # type: ignore[arg-type]
            structurer=self.told,  # type: ignore[arg-type]
            house_sha256=self.house_sha256,
        )

    async def recall(
        self, document: str = DOCUMENT, *, file_name: str | None = "a.pdf", caller: Caller = ACME, **parameters: Any
    ) -> Recall:
        return await self.answers.look_up(
            document,
            file_name=file_name,
            parameters=OcrParameters(**parameters),
            caller=caller,
            deadline=Deadline.after(30),
        )

    async def answered(self, result: RenderedResult = FRESH, **asked: Any) -> None:
        answers, recall = self.answers, await self.recall(**asked)
        answers.keep(recall, result)
        await answers.settle()

    async def knows(self, **asked: Any) -> bool:
        return (await self.recall(**asked)).found is not None


OTHERS: dict[str, dict[str, Any]] = {
    "schemas": {"schema": ("receipt",)},
    "pages": {"pages": "1"},
    "format": {"format": "text"},
    "text_layer": {"text_layer": "prefer"},
    "min_confidence": {"min_confidence": 0.51},
    "page_images": {"page_images": True},
    "store": {"store": False},
}


def test_every_parameter_is_thought_of() -> None:
    assert OcrParameters.model_fields.keys() - OTHERS.keys() == {"timeout_s"}


@pytest.mark.parametrize("name", OTHERS)
async def test_another_parameter_is_another_question(name: str) -> None:
    asking = Asking()
    await asking.answered()
    assert await asking.knows()
    assert not await asking.knows(**OTHERS[name])


async def test_nothing_is_at_rest_of_a_document_of_which_nothing_is_to_be_kept() -> None:
    """Answers of a tenant that has retention lie in object storage; ``store=false`` asks for none there."""
    store, caller = Store(), replace(ACME, policy=TenantPolicy(retention_days=30))
    memory = Memory(RememberSettings(enabled=True), kind=Kind.ANSWER, metrics=Metrics(), objects=store)  # type: ignore[arg-type]
    asking = Asking(memory=memory)
    await asking.answered(caller=caller, store=False)
    assert not await asking.knows(caller=caller, store=False)
    assert (store.held, store.asked) == ({}, 0)
    await asking.answered(caller=caller)
    assert await asking.knows(caller=caller)
    assert [name.split("/")[:2] for name in store.held] == [["remembered", "acme"]]
    await asking.answered(store=False)  # of whom nothing is kept anyway, it is in memory alone
    assert await asking.knows(store=False)


async def test_patience_is_no_part_of_the_question() -> None:
    asking = Asking()
    await asking.answered(timeout_s=5.0)
    assert await asking.knows(timeout_s=29.0)


async def test_nobody_finds_what_is_another_tenants_or_of_other_bytes() -> None:
    asking = Asking()
    await asking.answered()
    assert not await asking.knows(caller=replace(ACME, tenant="globex"))
    assert not await asking.knows(document="e" * 64)


async def test_a_tenant_of_the_same_name_that_was_made_anew_is_another_one() -> None:
    asking = Asking()

    def of_day(day: int) -> Caller:
        since = dt.datetime(2026, 1, day, tzinfo=dt.UTC)
        return replace(ACME, policy=TenantPolicy(tenant_since=since))

    await asking.answered(caller=of_day(1))
    assert await asking.knows(caller=of_day(1))
    assert not await asking.knows(caller=of_day(2))


@pytest.mark.parametrize("what", ["models", "text", "house"])
async def test_whatever_answers_are_made_with_is_a_part_of_the_key(what: str) -> None:
    asking = Asking()
    await asking.answered()
    if what == "house":
        asking.house_sha256 = "house 2"
    else:
        setattr(asking.told, what, "2")
    assert not await asking.knows()


@pytest.mark.parametrize("output_format", list(OutputFormat))
async def test_a_name_that_is_written_into_the_answer_is_a_part_of_the_key(output_format: OutputFormat) -> None:
    asking = Asking()
    await asking.answered(format=output_format)
    has_name = output_format not in {OutputFormat.JSON, OutputFormat.TEXT}
    assert await asking.knows(format=output_format, file_name="b.pdf") is not has_name


@pytest.mark.parametrize("codes", [("unreadable_page",), ("field_failed",), ("schema_failed",), ("something_new",)])
async def test_what_may_go_better_the_next_time_is_not_remembered(codes: tuple[str, ...]) -> None:
    asking = Asking()
    await asking.answered(replace(FRESH, warning_codes=(*codes, "page_rendered_smaller")))
    assert not await asking.knows()


async def test_what_the_same_bytes_always_give_is() -> None:
    asking = Asking()
    codes = tuple(sorted(REPEATABLE_WARNINGS))
    await asking.answered(replace(FRESH, warning_codes=codes))
    recall = await asking.recall()
    assert recall.found is not None
    answer = await asking.answers.renewed(
        recall.found, output_format=OutputFormat.JSON, file_name=None, context=RequestContext(request_id="req_2")
    )
    assert answer.warning_codes == codes


@pytest.mark.parametrize("made_with", [None, "text 2"])
async def test_an_answer_of_another_text_side_than_was_asked_is_not_remembered(made_with: str | None) -> None:
    asking = Asking()
    await asking.answered(replace(FRESH, made_with_sha256=made_with))
    assert not await asking.knows()


async def test_an_answer_of_models_that_were_replaced_meanwhile_is_not_remembered() -> None:
    asking = Asking()
    recall = await asking.recall()
    asking.told.models = "models 2"
    answers = asking.answers
    answers.keep(recall, FRESH)
    await answers.settle()
    assert not await asking.knows()
    asking.told.models = "models 1"
    assert not await asking.knows()


@pytest.mark.parametrize("told", [Told(error=NotReady("gone")), Told(delay_s=60.0)])
async def test_who_does_not_say_what_he_is_soon_enough_is_no_reason_to_wait_or_fail(told: Told) -> None:
    asking = Asking(told=told)
    started_s = asyncio.get_running_loop().time()
    recall = await asking.recall()
    assert (recall.found, recall.key) == (None, None)
    assert asyncio.get_running_loop().time() - started_s < PATIENCE_S + 2.0
    asking.answers.keep(recall, FRESH)


def identity_of(**changes: Any) -> str:
    told: dict[str, Any] = {
        "limits": OpenLimits(),
        "second_look": True,
        "opener": FileOpenerSettings(),
        "pdf": PdfSettings(),
        "generation": "",
        **changes,
    }
    return pixel_identity(**told)


def test_settings_that_show_in_a_reading_make_another_pixel_side() -> None:
    elsewhere = FileOpenerSettings().model_copy(update={"launcher": OpenerLauncher.SOCKET})
    identities = [
        identity_of(),
        identity_of(limits=replace(OpenLimits(), render_dpi=150)),
        identity_of(second_look=False),
        identity_of(opener=elsewhere),
        identity_of(pdf=PdfSettings(jpeg_quality=50)),
        identity_of(generation="2"),
    ]
    assert len(set(identities)) == len(identities)
    assert identity_of() == identities[0]


def text_pipeline(folder: Path | None = None, charset: bytes = b"a\nb\n", table: bytes | None = None) -> TextPipeline:
    catalogue = make_catalogue(PostprocessSettings().model_copy(update={"schemas_dir": folder}))
    return TextPipeline(
        charsets=Charsets([Charset.parse(charset)]),
        schemas=catalogue,
        partners=None if table is None else _Partners(table),  # type: ignore[arg-type]
    )


@dataclass
class _Partners:
    """What ``PartnersInUse`` promises, of a table alone."""

    content: bytes

    @property
    def matcher(self) -> Any:
        return self

    @property
    def table(self) -> Any:
        return parse_partners(self.content)


def test_whatever_shows_in_a_result_makes_another_text_side(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        'title = "Ours"\ndocument_type = "invoice"\n[fields.total_amount]\ntype = "money"\n', encoding="utf-8"
    )

    def of(pipeline: TextPipeline, day: int = 1) -> str:
        return TextIdentity(pipeline, today=lambda: dt.date(2026, 1, day)).sha256()

    identities = [
        of(text_pipeline()),
        of(text_pipeline(tmp_path)),
        of(text_pipeline(charset=b"a\nc\n")),
        of(text_pipeline(table=b"name\none\n")),
        of(text_pipeline(table=b"name\ntwo\n")),
        of(text_pipeline(), day=2),
    ]
    (tmp_path / "ours.toml").write_text(
        'title = "Ours too"\ndocument_type = "invoice"\n[fields.total_amount]\ntype = "money"\n', encoding="utf-8"
    )
    identities.append(of(text_pipeline(tmp_path)))
    assert len(set(identities)) == len(identities)
    assert of(text_pipeline()) == identities[0]


def test_code_is_told_apart_by_its_bytes_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "code_of_a_test"
    package.mkdir()

    def digest(**files: str) -> str:
        for path in package.iterdir():
            path.unlink() if path.is_file() else None
        for name, content in files.items():
            (package / f"{name}.py").write_text(content, encoding="utf-8")
        code_sha256.cache_clear()
        return code_sha256("code_of_a_test")

    digests = [digest(a="1"), digest(a="2"), digest(b="1"), digest(a="1", b=""), digest(a="", b="1")]
    assert len(set(digests)) == len(digests)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.pyc").write_bytes(b"compiled")
    assert digest(a="1") == digests[0]
    with pytest.raises(ModuleNotFoundError):
        code_sha256("there_is_no_such_package")
