"""The hostile corpus through the running sync API: right answers in time, and good documents that notice nothing."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import httpx
import pytest

from local_stack.stack import LocalStack
from tests.support.answers import ask_all, differences, problem
from tests.support.good_documents import good_documents
from tests.support.hostile_corpus import CASES, CODES, HOSTILE, MANY_PAGES, Case, each_case, needs_corpus

TIMEOUT_S = 30.0
MAX_PAGES = 30
AT_ONCE = 3
"""Documents on their way at the same time: fewer than the API reads at once, so that none is answered 429."""
SEED = 20_261_128

PATIENT = {"timeout_s": f"{TIMEOUT_S:g}"}
LINES_ONLY = PATIENT | {"schema": "none"}


def parameters_for(case: Case) -> dict[str, str]:
    return LINES_ONLY | {"pages": "1-3"} if case.path.name in MANY_PAGES else LINES_ONLY


def answer_of(answer: httpx.Response) -> str:
    """``ok``, or the index's word for the problem; each must be whole, and a limit must be named."""
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        assert any("lines" in page for page in answer.json()["pages"])
        return "ok"
    code, detail = problem(answer)
    if answer.status_code == 413:
        assert re.search(r"limit (of|is) [0-9]+", detail), detail
    found = [word for word, expected in CODES.items() if expected == (answer.status_code, code)]
    assert found, answer.text
    return found[0]


@needs_corpus
@each_case
def test_a_hostile_file_is_answered_as_expected_and_in_time(api: httpx.Client, case: Case) -> None:
    started_s = time.monotonic()
    answer = api.post("/v1/ocr", params=parameters_for(case), content=case.path.read_bytes())
    assert time.monotonic() - started_s < TIMEOUT_S
    assert answer_of(answer) in case.expected, answer.text


@needs_corpus
@pytest.mark.parametrize("name", MANY_PAGES)
def test_more_pages_than_the_limit_are_refused_and_the_limit_is_named(api: httpx.Client, name: str) -> None:
    answer = api.post("/v1/ocr", params=LINES_ONLY, content=(HOSTILE / "bad" / name).read_bytes())
    assert answer_of(answer) == "413"
    detail = answer.json()["detail"]
    assert f"{MANY_PAGES[name]} pages" in detail
    assert f"limit is {MAX_PAGES} pages" in detail


@needs_corpus
@pytest.mark.timeout(420)
def test_good_documents_among_hostile_ones_are_read_as_when_alone(running_stack: LocalStack, samples: Path) -> None:
    good = good_documents(samples)
    alone = ask_all(running_stack.api_url, [(document, PATIENT) for document in good.values()], at_once=1)
    assert {answer.status_code for answer in alone} == {200}
    references = {name: answer.json() for name, answer in zip(good, alone, strict=True)}

    dice = random.Random(SEED)  # noqa: S311 - a shuffle, not a secret
    sent: list[Case | str] = [*list(good) * 2, *dice.sample(CASES, k=48)]
    dice.shuffle(sent)
    requests = [
        (each.path.read_bytes(), parameters_for(each)) if isinstance(each, Case) else (good[each], PATIENT)
        for each in sent
    ]
    for each, answer in zip(sent, ask_all(running_stack.api_url, requests, at_once=AT_ONCE), strict=True):
        if isinstance(each, Case):
            assert answer_of(answer) in each.expected, (each.path.name, answer.text)
        else:
            assert answer.status_code == 200, answer.text
            assert differences(references[each], answer.json()) == [], each
