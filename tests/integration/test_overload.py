"""More documents than the machine can read: the real services over a Triton whose power the tests choose."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.bulk_documents import pdf_document, png_document
from tests.support.sync_house import SyncHouse
from tests.support.triton_double import Mark
from tests.support.waiting import wait_until

PAGE_S = 0.25
"""Four pages a second: the double's detector decides, whatever else this machine does."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncHouse]:
    with SyncHouse(folder=tmp_path_factory.mktemp("overload"), page_s=PAGE_S) as house:
        # The pace is learned before anything is judged.
        for number in range(20):
            assert house.send(png_document(number).content, timeout_s=30).status == 200
        yield house


def test_twice_what_it_can_read_makes_refusals_and_no_timeouts_and_the_rest_is_read(house: SyncHouse) -> None:
    documents = [png_document(number).content for number in range(100, 180)]
    answers = house.send_over_time(documents, every_s=PAGE_S / 2, timeout_s=3.0)
    read = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    late = [answer for answer in answers if answer.status == 504]
    assert len(read) + len(refused) + len(late) == len(answers)
    assert len(late) <= 0.05 * len(answers)
    # Half can be read at most, and what the queue holds when the last has come.
    assert len(read) >= 0.35 * len(answers)
    assert {answer.code for answer in refused} == {"overloaded"}
    assert all(answer.retry_after_s is not None and 1 <= answer.retry_after_s <= 3 for answer in refused)
    # Not one that has waited for its refusal.
    assert sorted(answer.elapsed_s for answer in refused)[len(refused) // 2] < 0.5
    wait_until(house.is_empty, "all that was taken to be given back")
    assert house.send(png_document(999).content, timeout_s=3.0).status == 200


def test_a_burst_is_let_in_as_far_as_it_can_be_answered(house: SyncHouse) -> None:
    documents = [png_document(number).content for number in range(200, 240)]
    answers = house.send_over_time(documents, every_s=0.0, timeout_s=4.0)
    statuses = [answer.status for answer in answers]
    assert statuses.count(429) >= 20
    assert statuses.count(200) >= 6
    assert statuses.count(504) <= 2
    wait_until(house.is_empty, "all that was taken to be given back")


def test_a_document_of_many_pages_is_refused_before_it_is_opened_where_one_page_is_let_in(house: SyncHouse) -> None:
    with house_busy(house, pages=5):
        long = house.send(pdf_document(300, [Mark.PLAIN] * 12).content, timeout_s=5.0)
        short = house.send(png_document(301).content, timeout_s=5.0)
    assert (long.status, long.code) == (429, "overloaded")
    assert 300 not in house.triton.pages_begun()
    assert short.status == 200


def test_when_the_deadline_has_passed_its_work_stops(house: SyncHouse) -> None:
    answer = house.send(pdf_document(400, [Mark.PLAIN] * 20).content, timeout_s=1.2)
    assert (answer.status, answer.code) == (504, "deadline_exceeded")
    wait_until(house.is_empty, "all that was taken to be given back")
    assert house.triton.pages_begun()[400] < 10
    begun = house.triton.pages_begun()[400]
    time.sleep(4 * PAGE_S)
    assert house.triton.pages_begun()[400] == begun


def test_when_the_caller_has_left_its_work_stops_and_who_waited_behind_it_is_read(house: SyncHouse) -> None:
    content = pdf_document(500, [Mark.PLAIN] * 20).content
    caller = _post_and_do_not_wait(house, content)
    wait_until(lambda: 500 in house.triton.pages_begun(), "the start of the work")
    caller.close()
    wait_until(house.is_empty, "all that was taken to be given back")
    assert house.triton.pages_begun()[500] < 10
    assert house.send(png_document(501).content, timeout_s=3.0).status == 200


class house_busy:  # noqa: N801 - reads as a statement
    """Have a document of so many pages read meanwhile, by a caller who leaves at the end."""

    def __init__(self, house: SyncHouse, *, pages: int) -> None:
        self._house, self._pages = house, pages

    def __enter__(self) -> None:
        self._caller = _post_and_do_not_wait(self._house, pdf_document(600, [Mark.PLAIN] * self._pages).content)
        wait_until(lambda: 600 in self._house.triton.pages_begun(), "the start of the work")

    def __exit__(self, *_: object) -> None:
        self._caller.close()


def _post_and_do_not_wait(house: SyncHouse, content: bytes) -> socket.socket:
    url = httpx.URL(house.url)
    caller = socket.create_connection((url.host, url.port or 80), timeout=20)
    head = f"POST /v1/ocr?timeout_s=30 HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: {len(content)}\r\n\r\n"
    caller.sendall(head.encode() + content)
    return caller
