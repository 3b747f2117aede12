"""CTC decoding against a decoder that goes one timestep at a time, and the charset file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_core.contracts.errors import InvalidRequest, NotReady
from postprocess_svc.ctc import Charset, Charsets, decode_lines

CHARSET = Charset.parse("a\nb\n請\n　\nffi\n \n".encode())
SPACE_ID = 6

timesteps = st.lists(st.tuples(st.integers(0, SPACE_ID), st.floats(0, 1, width=16)), max_size=12)


def one_by_one(line: list[tuple[int, float]]) -> tuple[str, list[float], list[float]]:
    text, centres, probabilities = "", [], []
    at = 0
    while at < len(line):
        end = at
        while end + 1 < len(line) and line[end + 1][0] == line[at][0]:
            end += 1
        for character in CHARSET.characters[line[at][0]]:
            text += character
            centres.append((at + end) / 2)
            probabilities.append(line[at][1])
        at = end + 1
    return text, centres, probabilities


def arrays(lines: list[list[tuple[int, float]]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return (
        [np.array([class_id for class_id, _ in line], np.uint16) for line in lines],
        [np.array([probability for _, probability in line], np.float32) for line in lines],
    )


@given(st.lists(timesteps, max_size=6))
def test_decodes_as_one_timestep_at_a_time_does(lines: list[list[tuple[int, float]]]) -> None:
    decoded = decode_lines(*arrays(lines), CHARSET)
    assert len(decoded) == len(lines)
    for line, found in zip(lines, decoded, strict=True):
        text, centres, probabilities = one_by_one(line)
        assert found.text == text
        assert list(found.timesteps) == centres
        assert list(found.probabilities) == pytest.approx(probabilities)


def test_a_blank_separates_doubled_characters() -> None:
    (line,) = decode_lines(*arrays([[(1, 0.9), (1, 0.8), (0, 0.99), (1, 0.7), (3, 0.5)]]), CHARSET)
    assert line.text == "aa請"
    assert line.timesteps == (0.5, 3.0, 4.0)
    assert line.confidence == pytest.approx((0.9 + 0.7 + 0.5) / 3)


def test_equal_classes_on_either_side_of_a_line_end_are_two_characters() -> None:
    assert [line.text for line in decode_lines(*arrays([[(1, 1.0)], [], [(1, 1.0)]]), CHARSET)] == ["a", "", "a"]


def test_a_line_of_blanks_is_empty_and_worth_nothing() -> None:
    (line,) = decode_lines(*arrays([[(0, 1.0), (0, 1.0)]]), CHARSET)
    assert (line.text, line.confidence, line.timesteps) == ("", 0.0, ())


def test_no_lines() -> None:
    assert decode_lines([], [], CHARSET) == []


def test_the_space_is_a_class_like_any_other() -> None:
    (line,) = decode_lines(*arrays([[(1, 1.0), (SPACE_ID, 1.0), (2, 1.0)]]), CHARSET)
    assert line.text == "a b"


def test_a_class_beyond_the_charset_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        decode_lines(*arrays([[(SPACE_ID + 1, 1.0)]]), CHARSET)


def test_charset_lines_are_split_at_line_feeds_alone(tmp_path: Path) -> None:
    content = "a\n\u2028\n\x0b\n\x85\n".encode()
    path = tmp_path / "charset.txt"
    path.write_bytes(content)
    charset = Charset.load(path)
    assert charset.characters == ("", "a", "\u2028", "\x0b", "\x85")
    assert charset.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [b"", b"\n", b"a\n\nb\n", b"\xff\n"])
def test_what_is_no_charset_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "charset.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"charset\.txt"):
        Charset.load(path)


def test_an_unknown_charset_is_retryable() -> None:
    charsets = Charsets([CHARSET])
    assert charsets.named(CHARSET.sha256) is CHARSET
    with pytest.raises(NotReady) as caught:
        charsets.named("0" * 64)
    assert caught.value.retryable
