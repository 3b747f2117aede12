"""The text side hangs: once somebody has waited for it in vain, nothing is read for nobody, until it answers again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.bulk_documents import pdf_document, png_document
from tests.support.sync_house import Answer, SyncHouse
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

DEADLINE_S = 4.0
"""Of a caller: time enough to read a page and to give the text side a fair part."""
PAGE_S = 0.25
LONG_PAGES = 28
"""As many as may be; they are read for 7 s."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncHouse]:
    settings = {"OCR_PREPROCESS_MAX_DOCUMENTS_READING": "1"}
    with SyncHouse(folder=tmp_path_factory.mktemp("silence"), page_s=PAGE_S, settings=settings) as house:
        assert send(house, 0).status == 200
        yield house


def send(house: SyncHouse, number: int, *, timeout_s: float = DEADLINE_S) -> Answer:
    return house.send(png_document(number).content, timeout_s=timeout_s)


def is_read_again(house: SyncHouse, number: int) -> bool:
    return send(house, number, timeout_s=20).status == 200


def test_who_comes_after_the_first_deadline_is_told_at_once_and_nothing_is_read_for_him(house: SyncHouse) -> None:
    house.text.pause()
    try:
        first = send(house, 1)
        assert (first.status, first.code) == (504, "deadline_exceeded")
        assert 1 in house.triton.pages_begun()
        wait_until(lambda: send(house, 2).status == 503, "the first refusal")
        answers = [send(house, number) for number in range(10, 20)]
        assert {(answer.status, answer.code) for answer in answers} == {(503, "not_ready")}
        assert {answer.retry_after_s for answer in answers} == {1}
        assert sorted(answer.elapsed_s for answer in answers)[len(answers) // 2] < DEADLINE_S / 4
        assert not set(range(10, 20)) & house.triton.pages_begun().keys()
        problem = house.http.post("/v1/ocr", content=png_document(20).content).json()
        assert "text service does not answer" in problem["detail"]
    finally:
        house.text.resume()
    wait_until(lambda: is_read_again(house, 30), "the first answer after it")
    wait_until(house.is_empty, "all that was taken to be given back")


def test_who_waited_for_his_turn_meanwhile_is_told_instead_of_being_read(house: SyncHouse) -> None:
    house.text.pause()
    try:
        with ThreadPoolExecutor(max_workers=3) as callers:
            finds_out = callers.submit(send, house, 81, timeout_s=DEADLINE_S - 1)
            wait_until(lambda: 81 in house.triton.pages_begun(), "the start of the first")
            long = pdf_document(82, [Mark.PLAIN] * LONG_PAGES).content
            has_the_place = callers.submit(house.send, long, timeout_s=30)
            wait_until(lambda: 82 in house.triton.pages_begun(), "the start of the long one")
            waited = callers.submit(send, house, 83, timeout_s=30)
            assert finds_out.result().status == 504
            assert (waited.result().status, waited.result().code) == (503, "not_ready")
            house.text.resume()
            assert has_the_place.result().status == 200, "who has been read is answered, if it comes back in time"
    finally:
        house.text.resume()
    assert 83 not in house.triton.pages_begun()


def test_callers_in_a_hurry_shut_nobody_out(house: SyncHouse) -> None:
    house.text.pause()
    try:
        hasty = [send(house, 40 + number, timeout_s=0.9) for number in range(4)]
        assert {answer.status for answer in hasty} == {504}
    finally:
        house.text.resume()
    assert send(house, 50, timeout_s=20).status == 200


def test_nothing_is_read_for_a_text_side_that_is_gone(house: SyncHouse) -> None:
    house.text.kill()
    try:
        assert send(house, 60).status == 503
        wait_until(lambda: "does not answer" in detail(house, 61), "the first refusal at the door")
        assert send(house, 62).status == 503
        assert 62 not in house.triton.pages_begun()
    finally:
        house.text.start()
    wait_until(lambda: is_read_again(house, 70), "the first answer after it", patience_s=60)


def detail(house: SyncHouse, number: int) -> str:
    return str(house.http.post("/v1/ocr", content=png_document(number).content).json()["detail"])
