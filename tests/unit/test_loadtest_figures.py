"""Figures of a phase, from recorded samples and monitor lines whose right answers are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.figures import changed_texts, phase_figures, read_phase
from loadtest.phase import Phase
from loadtest.samples import Outcome
from tests.support.load_runs import STARTED_S, look, looks, record, sample

PHASE = Phase(name="load 2", rate_per_s=2.0, load=2.0, lead_in_s=5.0, measured_s=20.0, run_out_s=3.0)


def test_only_what_arrived_in_the_measured_time_counts(tmp_path: Path) -> None:
    samples = [sample(at_s) for at_s in (1.0, 4.99, 5.0, 24.9, 25.0, 27.0)]
    figures = phase_figures(read_phase(record(tmp_path, PHASE, samples)))
    assert (figures.requests, figures.offered_per_s, figures.goodput_per_s) == (2, 0.1, 0.1)


def test_of_a_closed_loop_what_ended_in_the_measured_time_counts(tmp_path: Path) -> None:
    closed = Phase(name="capacity", callers=8, lead_in_s=5.0, measured_s=20.0)
    samples = [sample(4.0, 2.0), sample(20.0, 1.0), sample(24.0, 2.0)]
    assert phase_figures(read_phase(record(tmp_path, closed, samples))).requests == 2


def test_latency_counts_from_the_intended_arrival(tmp_path: Path) -> None:
    # The sender was late by two seconds: that is no excuse for the server that held it up.
    figures = phase_figures(read_phase(record(tmp_path, PHASE, [sample(10.0, 2.4, lag_s=2.0)])))
    assert figures.accepted_ms.max == pytest.approx(2_400)
    assert figures.lag_ms.max == pytest.approx(2_000)


def test_goodput_is_what_came_within_the_deadline(tmp_path: Path) -> None:
    samples = [
        sample(6.0, 4.9),
        sample(7.0, 5.2),
        sample(8.0, 9.0, deadline_s=15.0, pages=3, kind="scan-3"),
        sample(9.0, 0.01, Outcome.REFUSED),
        sample(10.0, 5.0, Outcome.FAILED),
        sample(11.0, 5.0, Outcome.FAILED, status=0, code="ConnectionResetError"),
    ]
    figures = phase_figures(read_phase(record(tmp_path, PHASE, samples)))
    assert (figures.in_time, figures.late, figures.refused, figures.failed) == (2, 1, 1, 2)
    assert figures.goodput_pages_per_s == pytest.approx(4 / 20)
    assert figures.errors == {"429 overloaded": 1, "504 deadline_exceeded": 1, "0 ConnectionResetError": 1}
    assert figures.beyond_deadline == 1
    assert figures.by_kind["scan-3"].in_time == 1


def test_failures_are_in_the_latency_of_the_accepted_and_refusals_are_not(tmp_path: Path) -> None:
    samples = [
        *(sample(5.0 + number, 1.0) for number in range(9)),
        sample(15.0, 5.0, Outcome.FAILED),
        sample(16.0, 0.01, Outcome.REFUSED),
    ]
    figures = phase_figures(read_phase(record(tmp_path, PHASE, samples)))
    assert (figures.accepted_ms.count, figures.accepted_ms.max) == (10, 5_000)
    assert figures.refused_ms.p50 is not None
    assert figures.refused_ms.p50.value == pytest.approx(10)


def test_cpu_memory_and_the_rest_of_the_machine_are_told(tmp_path: Path) -> None:
    lines = looks(30.0, one=lambda at_s: look(at_s, memory_mib=100 + at_s, descriptors=20 + int(at_s == 14.0)))
    figures = phase_figures(read_phase(record(tmp_path, PHASE, [sample(10.0)], resources=lines)))
    usage = figures.services["preprocess"]
    assert (usage.cores, usage.cpu_s) == (pytest.approx(0.5), pytest.approx(10.0))
    # Seen at 6, 8, … 24 s.
    assert usage.memory_peak_mib == pytest.approx(124.0)
    assert usage.memory_growth_mib == pytest.approx(16.0)
    assert (usage.descriptors_peak, usage.starts) == (21, 0)
    machine = figures.machine
    assert machine is not None
    # Of two cores one was idle, a quarter stolen, half ours.
    assert (machine.idle_cores, machine.steal_cores) == (pytest.approx(1.0), pytest.approx(0.25))
    assert machine.other_cores == pytest.approx(0.25)


def test_a_service_that_was_started_again_is_told_and_its_cpu_goes_on(tmp_path: Path) -> None:
    def one(at_s: float) -> dict[str, object]:
        again = at_s >= 14
        return look(at_s, root=8 if again else 7, cpu_s=0.5 * (at_s - 14) if again else 0.5 * at_s)

    figures = phase_figures(read_phase(record(tmp_path, PHASE, [sample(10.0)], resources=looks(30.0, one=one))))
    usage = figures.services["preprocess"]
    assert usage.starts == 1
    # What it took between the last look at the one and the first at the other is not known.
    assert usage.cpu_s == pytest.approx(9.0)


def test_triton_s_queue_and_batches_are_told(tmp_path: Path) -> None:
    figures = phase_figures(read_phase(record(tmp_path, PHASE, [sample(10.0)], resources=looks(30.0, 7.0))))
    usage = figures.models["text_recognition"]
    # The measured time begins and ends between two looks.
    assert usage.requests_per_s == pytest.approx(2.0)
    assert (usage.rows_per_request, usage.rows_per_batch) == (pytest.approx(3.0), pytest.approx(3.0))
    assert (usage.queue_ms, usage.compute_ms) == (pytest.approx(40.0), pytest.approx(90.0))


def test_a_server_elsewhere_has_no_usage(tmp_path: Path) -> None:
    figures = phase_figures(read_phase(record(tmp_path, PHASE, [sample(10.0)])))
    assert (figures.services, figures.models, figures.machine, figures.bulk) == ({}, {}, None, None)


def test_the_bulk_queue_is_proved_to_have_been_full(tmp_path: Path) -> None:
    bulk = [
        {"at_s": STARTED_S + at_s, "queued": queued, "done": done, "failed": 0}
        for at_s, queued, done in ((2.0, 0, 0), (6.0, 40, 3), (16.0, 17, 8), (26.0, 0, 30))
    ]
    figures = phase_figures(read_phase(record(tmp_path, PHASE, [sample(10.0)], bulk=bulk)))
    assert figures.bulk is not None
    assert (figures.bulk.queued_least, figures.bulk.documents_per_s) == (17, 0.5)


def test_a_document_that_reads_otherwise_under_load_is_named(tmp_path: Path) -> None:
    quiet = record(tmp_path / "1", PHASE, [sample(6.0, text_crc32=1), sample(7.0, document="b", text_crc32=5)])
    loaded = record(tmp_path / "2", PHASE, [sample(6.0, text_crc32=2), sample(7.0, document="b", text_crc32=5)])
    assert changed_texts([read_phase(quiet), read_phase(loaded)]) == ["pdf-1-00.pdf"]
