"""The comparison of doors: every one under every load."""

from __future__ import annotations

import pytest

from evaluation.capacity import overload
from evaluation.capacity.__main__ import main
from evaluation.capacity.doors import DOORS


def test_the_command_prints_every_door_under_every_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(overload, "DURATION_S", 30.0)
    monkeypatch.setattr(overload, "SEEDS", (1,))
    assert main(["doors", "--deadline", "3"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == 8 * len(DOORS)
    in_time = {(row[0].strip("| "), row[1]): float(row[2]) for row in rows}
    assert in_time["load 2", "by estimate"] > in_time["load 2", "at most 32"]
