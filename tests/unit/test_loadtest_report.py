"""The whole report, from a recorded run: what it says is what was seen."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loadtest.__main__ import main
from loadtest.mix import read_mix
from loadtest.phase import Phase
from loadtest.programme import BESIDE_BULK, RUN_FILE, SOAK, SYNC_ALONE, Part, Programme
from loadtest.samples import Outcome, Sample
from tests.support.load_runs import STARTED_S, look, looks, record, sample

CAPACITY_PER_S = 2.0
PROGRAMME = Programme(parts=(Part.LOADS, Part.BULK, Part.SOAK), measured_s=60.0, soak_s=120.0)


def recorded_samples(phase: Phase, draw: np.random.Generator) -> list[Sample]:
    """What a server that answers two documents a second might make of a phase."""
    samples = []
    rate_per_s = phase.rate_per_s or CAPACITY_PER_S
    for number in range(int(phase.sending_s * rate_per_s)):
        at_s = number / rate_per_s
        latency_s = 0.5 * float(draw.lognormal(0.0, 0.2)) * (1.2 if phase.backlog else 1.0)
        if rate_per_s > CAPACITY_PER_S and number % 2:
            samples.append(sample(at_s, 0.02, Outcome.REFUSED))
        else:
            samples.append(sample(at_s, latency_s, text_crc32=4))
    return samples


def recorded_run(folder: Path, *, programme: Programme = PROGRAMME, spoil: bool = False) -> Path:
    draw = np.random.default_rng(31)
    names = []
    for phase in [*programme.before_capacity(), *programme.after_capacity(CAPACITY_PER_S)]:
        name = f"{len(names):02d}-{phase.name.replace(' ', '-')}"
        bulk = [
            {"at_s": STARTED_S + at_s, "queued": 0 if spoil else 40, "done": at_s, "failed": 0}
            for at_s in range(int(phase.sending_s))
            if phase.backlog
        ]
        samples = recorded_samples(phase, draw)
        if spoil:
            samples = [
                replace(each, ended_s=each.ended_s + (9.0 if each.outcome is Outcome.ANSWERED else 0.3))
                for each in samples
            ]
        resources = looks(phase.sending_s, one=lambda at_s: look(at_s, memory_mib=100 + 3 * at_s * spoil))
        record(folder / name, phase, samples, resources=resources, bulk=bulk)
        names.append(name)
    run = {
        "started_at": "2026-11-29 10:00 UTC",
        "command": "python -m loadtest run",
        "machine": {"processor": "two cores"},
        "programme": asdict(programme),
        "mix": read_mix("samples").model_dump(mode="json"),
        "phases": names,
        "capacity": {"documents_per_s": CAPACITY_PER_S, "pages_per_s": 2.5, "measured": True},
    }
    (folder / RUN_FILE).write_text(json.dumps(run))
    return folder


def figures_of(folder: Path) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    content: dict[str, Any] = json.loads((folder / "figures.json").read_text(), parse_constant=refuse)
    return content


@pytest.fixture(scope="module")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report."""
    folder = recorded_run(tmp_path_factory.mktemp("run"))
    assert main(["report", str(folder)]) == 0
    return folder


def test_a_good_run_meets_everything_that_is_wanted(good_run: Path) -> None:
    figures = figures_of(good_run)
    assert all(finding["met"] for finding in figures["findings"])
    spoken_of = " | ".join(finding["what"] for finding in figures["findings"])
    for what in (
        "load 0.8: p99 ÷ p50",
        "load 2: goodput",
        "refusals",
        "after their deadline",
        "memory",
        "bulk queue full",
        "soak",
    ):
        assert what in spoken_of


def test_a_bad_run_meets_none_of_it(tmp_path: Path) -> None:
    main(["report", str(recorded_run(tmp_path, spoil=True))])
    missed = {finding["what"] for finding in figures_of(tmp_path)["findings"] if not finding["met"]}
    for what in ("load 2: goodput", "refusals", "after their deadline", "load 2: memory", "documents waiting", "soak"):
        assert any(what in each for each in missed)


def test_every_phase_and_load_is_in_the_figures(good_run: Path) -> None:
    phases = {phase["name"]: phase for phase in figures_of(good_run)["phases"]}
    assert [phases[f"load {load:g}"]["load"] for load in (0.5, 0.8, 1.0, 1.5, 2.0)] == [0.5, 0.8, 1.0, 1.5, 2.0]
    assert {SYNC_ALONE, BESIDE_BULK, SOAK} <= set(phases)
    overloaded = phases["load 2"]
    assert (overloaded["requests"], overloaded["refused"], overloaded["in_time"]) == (240, 120, 120)
    assert overloaded["goodput_per_s"] == 2.0
    assert phases[BESIDE_BULK]["bulk"]["queued_least"] == 40


def test_the_report_has_its_tables_and_its_pictures_can_be_opened(good_run: Path) -> None:
    text = (good_run / "report.md").read_text()
    for heading in (
        "## Wanted, and found",
        "## By load",
        "## By kind",
        "## Bulk jobs",
        "## What grows",
        "## CPU",
        "## The models",
    ):
        assert heading in text
    pictures = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert set(pictures) == {path.name for path in good_run.glob("*.png")}
    assert len(pictures) == 6
    for name in pictures:
        with Image.open(good_run / name) as picture:
            picture.load()
            assert min(picture.size) > 300


def test_tables_have_as_many_cells_in_each_row_as_in_their_heading(good_run: Path) -> None:
    cells = 0
    for line in (good_run / "report.md").read_text().splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells
        else:
            cells = 0


def test_a_run_that_was_broken_off_has_a_report_of_what_there_is(tmp_path: Path) -> None:
    run = json.loads((recorded_run(tmp_path) / RUN_FILE).read_text())
    del run["capacity"]
    (tmp_path / RUN_FILE).write_text(json.dumps({**run, "phases": run["phases"][:2]}))
    assert main(["report", str(tmp_path)]) == 0
    assert [phase["name"] for phase in figures_of(tmp_path)["phases"]] == ["warm-up", "capacity"]


def test_both_halves_of_the_bulk_comparison_send_the_same_at_the_same_moments() -> None:
    alone, beside = Programme(parts=(Part.BULK,)).after_capacity(2.0)
    assert (alone.seed, alone.rate_per_s) == (beside.seed, beside.rate_per_s)
    assert (alone.backlog, beside.backlog > 0) == (0, True)


def test_the_whole_programme_takes_less_than_twelve_minutes() -> None:
    programme = Programme(parts=(Part.LOADS, Part.BULK))
    phases = [*programme.before_capacity(), *programme.after_capacity(2.0)]
    sending_s = sum(phase.sending_s for phase in phases)
    # What is under way at a phase's end is waited for, its deadline of five seconds and a moment of rest; the stack
    # takes a minute to start at most, the bulk queue some seconds to fill, the report ten.
    assert sending_s + 8 * len(phases) + 60 + 15 + 10 < 12 * 60
