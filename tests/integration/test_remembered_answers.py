"""Answers that are remembered in the process: the real services over Triton's double, which counts what it reads."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.support.bulk_documents import pdf_document, png_document
from tests.support.json_schema import mismatches
from tests.support.sync_house import SyncHouse
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

PARTNERS = "partners.csv"
OWN_SCHEMA = 'title = "Ours"\ndocument_type = "invoice"\n[fields.total_amount]\ntype = "money"\n'
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncHouse]:
    folder = tmp_path_factory.mktemp("remembering")
    (folder / PARTNERS).write_text("name\n株式会社架空倉庫\n", encoding="utf-8")
    (folder / "schemas").mkdir()
    settings = {"OCR_REMEMBER_ENABLED": "true", "OCR_PREPROCESS_MAX_DOCUMENTS": "1"}
    text_settings = {
        "OCR_POSTPROCESS_PARTNERS_FILE": str(folder / PARTNERS),
        "OCR_POSTPROCESS_PARTNERS_LOOK_S": "0.05",
        "OCR_POSTPROCESS_SCHEMAS_DIR": str(folder / "schemas"),
    }
    with SyncHouse(folder=folder, page_s=0.02, settings=settings, text_settings=text_settings) as house:
        yield house


@pytest.fixture
def document() -> tuple[int, bytes]:
    """Another one for every test: its number, and its bytes."""
    number = next(_numbers)
    return number, pdf_document(number, [Mark.PLAIN] * 2).content


def read(house: SyncHouse, content: bytes, *, name: str | None = None, **parameters: object) -> httpx.Response:
    """A document, and wait until its answer is kept, where it is to be."""
    query = {"timeout_s": 20, **parameters}
    files = None if name is None else {"file": (name, content)}
    answer = house.http.post("/v1/ocr", params=query, files=files, content=content if name is None else None)
    if answer.status_code == 200 and "Age" not in answer.headers:
        wait_until(lambda: kept(house) > 0, "the answer to be kept")
    return answer


def kept(house: SyncHouse) -> float:
    return house.metric("ocr_remembered_entries")


def pages_read(house: SyncHouse, number: int) -> int:
    return house.triton.pages_begun().get(number, 0)


def is_remembered(house: SyncHouse, content: bytes, **parameters: object) -> bool:
    answer = read(house, content, **parameters)
    assert answer.status_code == 200, answer.text
    return "Age" in answer.headers


def becomes_remembered(house: SyncHouse, content: bytes, **parameters: object) -> None:
    """What was read is kept a moment after it was answered."""
    wait_until(lambda: is_remembered(house, content, **parameters), "the answer to be remembered")


def test_the_same_bytes_are_answered_again_without_being_read(house: SyncHouse, document: tuple[int, bytes]) -> None:
    number, content = document
    first = read(house, content, name="first.pdf")
    becomes_remembered(house, content)
    begun = pages_read(house, number)
    second = read(house, content, name="second.pdf", timeout_s=7)
    assert pages_read(house, number) == begun
    assert int(second.headers["Age"]) >= 0
    assert "Age" not in first.headers
    before, after = first.json(), second.json()
    api = house.http.get("/openapi.json").json()
    assert mismatches(after, {"$ref": "#/components/schemas/OcrResult"}, api) == []
    assert "from_memory" not in before
    assert after.pop("from_memory") is True
    assert (before["document"].pop("file_name"), after["document"].pop("file_name")) == ("first.pdf", "second.pdf")
    assert after.pop("request_id") == second.headers["X-Request-Id"] != before.pop("request_id")
    spent_ms = after.pop("timing_ms")
    assert before.pop("timing_ms").keys() <= spent_ms.keys()
    assert [spent_ms[stage] for stage in ("open", "detect", "recognise", "wait", "structure")] == [0.0] * 5
    assert 0 < spent_ms["recall"] <= spent_ms["total"]
    assert after == before  # the id too: it is the same document


@pytest.mark.parametrize(
    "other",
    [
        {"schema": "receipt"},
        {"schema": "invoice,receipt"},
        {"pages": "2"},
        {"format": "text"},
        {"text_layer": "prefer"},
        {"min_confidence": 0.6},
        {"page_images": "true"},
    ],
    ids=str,
)
def test_asked_in_another_way_they_are_read(house: SyncHouse, other: dict[str, Any]) -> None:
    content = pdf_document(next(_numbers), [Mark.PLAIN] * 2).content
    assert not is_remembered(house, content)
    becomes_remembered(house, content)
    assert not is_remembered(house, content, **other)
    becomes_remembered(house, content, **other)
    assert is_remembered(house, content)


@pytest.mark.parametrize("written", ["text", "markdown", "hocr", "alto", "pdf"])
def test_every_format_is_the_same_again_to_the_byte(
    house: SyncHouse, document: tuple[int, bytes], written: str
) -> None:
    _, content = document
    first = read(house, content, name="a.pdf", format=written)
    wait_until(
        lambda: (
            "Age" in (again := read(house, content, name="a.pdf", format=written)).headers
            and again.content == first.content
        ),
        "the answer to be remembered",
    )
    second = read(house, content, name="a.pdf", format=written)
    for header in ("Content-Type", "Content-Disposition", "Yomitori-Warnings"):
        assert second.headers.get(header) == first.headers.get(header)
    renamed = read(house, content, name="b.pdf", format=written)
    assert ("Age" in renamed.headers) == (written == "text")  # all others have the name in them


def test_a_new_table_of_partners_is_a_miss_at_once(house: SyncHouse, document: tuple[int, bytes]) -> None:
    _, content = document
    read(house, content)
    becomes_remembered(house, content)
    before = _identity(house)
    (house.folder / PARTNERS).write_text("name\n株式会社別倉庫\n", encoding="utf-8")
    wait_until(lambda: _identity(house) != before, "the new table")
    assert not is_remembered(house, content)
    becomes_remembered(house, content)


def test_other_models_are_a_miss_at_once_and_the_old_ones_a_hit_again(
    house: SyncHouse, document: tuple[int, bytes]
) -> None:
    _, content = document
    read(house, content)
    becomes_remembered(house, content)
    house.triton.restart(version="2")
    wait_until(house._is_ready, "Triton")
    other = read(house, content)
    assert "Age" not in other.headers
    assert other.json()["models"] == {"text_detection": "2", "text_recognition": "2"}
    house.triton.restart()
    wait_until(house._is_ready, "Triton")
    assert is_remembered(house, content)


def test_a_new_schema_is_a_miss(house: SyncHouse, document: tuple[int, bytes]) -> None:
    _, content = document
    read(house, content)
    becomes_remembered(house, content)
    (house.folder / "schemas" / "ours.toml").write_text(OWN_SCHEMA, encoding="utf-8")
    house.text.kill()
    house.text.start()
    wait_until(house._is_ready, "the text side")
    assert not is_remembered(house, content)


def test_while_the_models_are_away_nobody_is_answered_from_memory(
    house: SyncHouse, document: tuple[int, bytes]
) -> None:
    _, content = document
    read(house, content)
    becomes_remembered(house, content)
    house.triton.kill()
    try:
        assert read(house, content).status_code == 503
    finally:
        house.triton.start()
    wait_until(house._is_ready, "Triton")
    assert is_remembered(house, content)


def test_an_error_is_never_remembered(house: SyncHouse) -> None:
    entries = kept(house)
    for _ in range(2):
        assert read(house, b"no document").status_code == 415
        assert read(house, png_document(next(_numbers), Mark.FAILING).content).status_code >= 500
    assert kept(house) == entries


def test_whom_the_house_has_no_room_for_is_answered_if_he_is_remembered(
    house: SyncHouse, document: tuple[int, bytes]
) -> None:
    _, content = document
    read(house, content)
    becomes_remembered(house, content)
    with busy(house):
        assert is_remembered(house, content)
        unknown = read(house, png_document(next(_numbers)).content)
        assert (unknown.status_code, unknown.json()["code"]) == (429, "overloaded")
        assert "Retry-After" in unknown.headers
    wait_until(house.is_empty, "all that was taken to be given back")


def test_losing_it_changes_nothing_but_speed(house: SyncHouse, document: tuple[int, bytes]) -> None:
    _, content = document
    before = read(house, content).json()
    house.pixels.kill()
    house.pixels.start()
    wait_until(house._is_ready, "the pixel side")
    after = read(house, content).json()
    for answer in (before, after):
        for own in ("id", "request_id", "timing_ms"):
            answer.pop(own)
    assert after == before


@contextmanager
def busy(house: SyncHouse) -> Iterator[None]:
    """While a document is read that takes its time; the house has room for one."""
    number = next(_numbers)
    content = png_document(number, Mark.SLOW).content
    caller = threading.Thread(target=read, args=(house, content))
    caller.start()
    wait_until(lambda: pages_read(house, number) > 0, "the start of the work")
    yield
    caller.join()


def _identity(house: SyncHouse) -> str:
    port = house.text.environment["OCR_POSTPROCESS_PORT"]
    return httpx.get(f"http://127.0.0.1:{port}/v1/identity", trust_env=False).headers["Yomitori-Made-With"]
