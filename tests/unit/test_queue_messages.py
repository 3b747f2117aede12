"""Runs of messages that one call may carry, and keys of objects, whatever comes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.adapters.object_parts import check_key, disposition
from ocr_core.adapters.queue_messages import batches
from ocr_core.contracts.errors import InternalError
from ocr_core.contracts.queues import MAX_BATCH_MESSAGES, MAX_MESSAGE_BYTES, OutgoingMessage

SIZES = st.lists(st.integers(1, MAX_MESSAGE_BYTES), max_size=40) | st.lists(st.integers(1, 100), max_size=60)


@given(sizes=SIZES)
def test_every_message_goes_once_in_order_and_no_call_is_too_large(sizes: list[int]) -> None:
    messages = [OutgoingMessage(body="x" * size, group_id="t") for size in sizes]
    runs = list(batches(messages))
    assert [index for run in runs for index in run] == list(range(len(messages)))
    for run in runs:
        assert 1 <= len(run) <= MAX_BATCH_MESSAGES
        assert sum(sizes[index] for index in run) <= MAX_MESSAGE_BYTES
    for run, following in pairwise(runs):
        # No run could have taken the next message as well.
        size_bytes = sum(sizes[index] for index in run) + sizes[following[0]]
        assert len(run) == MAX_BATCH_MESSAGES or size_bytes > MAX_MESSAGE_BYTES


@given(body=st.text(min_size=1, max_size=50))
def test_a_message_is_counted_as_it_is_sent(body: str) -> None:
    try:
        message = OutgoingMessage(body=body, group_id="t")
    except InternalError:
        return
    assert message.size_bytes == len(body.encode())


@given(key=st.text(max_size=30))
def test_no_key_leads_out_of_its_prefix(key: str) -> None:
    try:
        check_key(key, max_bytes=1_024)
    except InternalError:
        return
    assert key.isascii()
    assert not {"", ".", ".."} & set(key.split("/"))


@given(name=st.text(max_size=30).filter(lambda text: text.isprintable()))
def test_a_downloads_name_cannot_break_its_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert not set('\r\n"; ') & set(header.removeprefix("attachment; filename*=UTF-8''"))


@pytest.mark.parametrize("key", ["readings/t/job_1/doc_1/a.0-49.msgpack", "a", "a/b-c_d=e.json"])
def test_keys_of_ids_pass(key: str) -> None:
    check_key(key, max_bytes=1_024)


def test_a_reason_is_bounded_and_counted() -> None:
    reasoned = OutgoingMessage(body="{}", group_id="t", reason="none of 3 attempts came to an end")
    assert reasoned.size_bytes == 2 + len("reason") + len("String") + len("none of 3 attempts came to an end")
    for bad in ("", "x" * 501, "a\0b"):
        with pytest.raises(InternalError):
            OutgoingMessage(body="{}", group_id="t", reason=bad)
