"""The capacity model as a whole: laws of queueing networks, sizing, profiles, prices, the load test's figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from evaluation.capacity import measured
from evaluation.capacity.cell import Bursts, Cell, Load, Setting
from evaluation.capacity.demand import bottleneck, capacity_documents_s, demand, utilisation
from evaluation.capacity.doors import DOORS
from evaluation.capacity.gpus import CAUTIOUS, HOPEFUL, Gpu, GpuCost, load_gpus, seconds
from evaluation.capacity.machines import MACHINES_FILE, Machine, MachineError, design, lacks_memory_gb, load_machines
from evaluation.capacity.measured import at_pace, profile_of_bulk_bench
from evaluation.capacity.network import simulate
from evaluation.capacity.operations import Layer
from evaluation.capacity.profile import ModelCost, ProfileError, read_profile, write_profile
from evaluation.capacity.sizing import Aim, CellCapacity, balanced, fleet, largest_load, roles
from evaluation.capacity.validation import mix_of, validate
from evaluation.capacity.workload import FORMATS, MIXES_DIR, MixError, load_mix

PROFILE = read_profile(Path("epyc-2"))
ONE_PAGE = load_mix(Path("bench_page"))
INVOICES = load_mix(Path("invoices"))
QUICK_GPU = GpuCost(
    gpu=load_gpus()["L4"],
    reading=CAUTIOUS,
    detection=ModelCost(points=((400_000, 0.002), (800_000, 0.004))),
    recognition=ModelCost(points=((64, 0.0005), (10_000, 0.005))),
)


def setting(sync_s: float, *, cores: float = 2, mix=ONE_PAGE, **options) -> Setting:
    cell_options = {name: options.pop(name) for name in list(options) if name in Cell.__dataclass_fields__}
    return Setting(
        cell=Cell(cores=cores, **cell_options),
        profile=PROFILE,
        load=Load(mix=mix, sync_documents_s=sync_s, **options),
    )


@pytest.mark.parametrize("gpu", [None, QUICK_GPU], ids=["CPU", "GPU"])
def test_resources_are_as_busy_as_arrivals_times_demand(gpu: GpuCost | None) -> None:
    case = setting(0.9, gpu=gpu, gpus=1 if gpu else 0)
    outcomes = [simulate(case, duration_s=1_000, seed=seed) for seed in range(3)]
    expected = utilisation(case)
    # Some 800 documents a run: their number alone varies by 3.5 % between runs.
    assert fmean(outcome.cores_busy for outcome in outcomes) == pytest.approx(expected["cores"], rel=0.07)
    if gpu:
        assert fmean(outcome.gpus_busy for outcome in outcomes) == pytest.approx(expected["GPUs"], rel=0.07)


def test_what_never_lacks_work_ends_as_many_documents_as_the_bottleneck_allows() -> None:
    case = setting(0.0, bulk_saturated=True)
    outcome = simulate(case, duration_s=600)
    limit = capacity_documents_s(replace(case, load=replace(case.load, bulk_documents_s=1.0)))
    assert outcome.cores_busy > 0.98
    assert outcome.bulk_pages / outcome.counted_s == pytest.approx(limit, rel=0.03)


def test_a_lone_document_takes_the_sum_of_its_stages_on_parallel_cores() -> None:
    outcome = simulate(setting(0.001), duration_s=60_000)
    stages = demand(setting(0.001), urgent=True).core_s_a_page_by_stage
    alone_s = sum(stages[name] for name in ("opening", "pixels", "text", "road"))
    models_s = stages["detection"] + stages["recognition"]
    # The models use both cores, but neither better than perfectly nor worse than one core alone.
    assert alone_s + models_s / 2 < fmean(outcome.sync_s) < alone_s + models_s
    assert outcome.lost_share == 0


def test_latency_grows_with_the_load() -> None:
    p99s = [simulate(setting(share * 2.1), duration_s=600).quantile_s(0.99) for share in (0.2, 0.5, 0.8)]
    assert p99s == sorted(p99s)
    assert p99s[-1] > 1.5 * p99s[0]


def test_beyond_capacity_the_door_turns_away_what_is_too_much_and_goodput_holds() -> None:
    most = capacity_documents_s(setting(1.0))
    outcome = simulate(setting(2 * most, max_documents=6), duration_s=400)
    assert outcome.refused / outcome.sync_arrived == pytest.approx(0.5, abs=0.08)
    assert outcome.goodput_documents_s > 0.9 * most


def test_a_deadline_ends_the_work_of_those_who_wait_too_long() -> None:
    most = capacity_documents_s(setting(1.0))
    case = setting(2 * most, max_documents=500, deadline_s=4.0)
    outcome = simulate(case, duration_s=400, door=DOORS["at most 32"])
    assert outcome.late > 0
    assert max(outcome.sync_s) <= 4.0


@pytest.mark.parametrize("share", [1.5, 2.0])
def test_the_services_own_door_lets_in_what_can_be_answered_in_time_and_no_more(share: float) -> None:
    most = capacity_documents_s(setting(1.0))
    outcome = simulate(setting(share * most, deadline_s=5.0), duration_s=600)
    assert outcome.goodput_documents_s > 0.9 * most
    assert outcome.late < 0.01 * len(outcome.sync_s)
    counted = simulate(setting(share * most, deadline_s=5.0), duration_s=600, door=DOORS["at most 32"])
    assert outcome.goodput_documents_s > 1.2 * counted.goodput_documents_s


def test_a_machine_that_becomes_half_as_fast_makes_refusals_and_hardly_anybody_late() -> None:
    most = capacity_documents_s(setting(1.0))
    case = setting(0.8 * most, deadline_s=5.0, slow_spells=((200.0, 300.0), (400.0, 500.0)))
    outcome = simulate(case, duration_s=600)
    assert outcome.refused > 0
    assert outcome.late < 0.03 * len(outcome.sync_s)


def test_waves_come_as_often_as_they_say() -> None:
    waves = Bursts(period_s=20.0, share=0.25, high=3.0, low=0.5)
    outcome = simulate(setting(1.0, bursts=waves, deadline_s=30.0), duration_s=2_000)
    assert outcome.sync_arrived / outcome.counted_s == pytest.approx(0.25 * 3.0 + 0.75 * 0.5, rel=0.1)


def test_bulk_work_uses_what_sync_work_leaves_and_does_not_push_it_aside() -> None:
    alone = simulate(setting(0.6), duration_s=600)
    beside = simulate(setting(0.6, bulk_saturated=True), duration_s=600)
    assert beside.bulk_pages / beside.counted_s > 0.8
    # On a machine that has nothing left, and with requests under way that are not interrupted.
    assert alone.quantile_s(0.5) < beside.quantile_s(0.5) < 2.5 * alone.quantile_s(0.5)


def test_the_same_seed_gives_the_same_run_and_another_another() -> None:
    first, again, other = (simulate(setting(1.0), duration_s=100, seed=seed).sync_s for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.fixture(scope="module")
def found() -> CellCapacity:
    """A machine of two cores that costs 3.6 dollars an hour, a thousandth of a dollar a second."""
    machine = replace(load_machines()["c7i.2xlarge"], vcpus=2, usd_an_hour=3.6)
    return largest_load(design(machine), PROFILE, Aim(mix=ONE_PAGE, sync_pages_s=1.0, bulk_pages_s=0.0, p99_s=1.5))


def test_the_largest_load_meets_the_target_and_twice_as_much_does_not(found: CellCapacity) -> None:
    assert found.outcome.quantile_s(0.99) <= 1.5
    assert found.bottleneck == "cores"
    more = replace(found.setting, load=replace(found.setting.load, sync_documents_s=2 * found.pages_s))
    assert simulate(more, duration_s=1_000).quantile_s(0.99) > 1.5


def test_a_target_below_the_work_itself_is_said_to_be_missed() -> None:
    aim = Aim(mix=ONE_PAGE, sync_pages_s=1.0, bulk_pages_s=0.0, p99_s=0.1)
    found = largest_load(design(load_machines()["c7i.2xlarge"]), PROFILE, aim)
    assert found.pages_s == 0.0
    with pytest.raises(ValueError, match="misses the target"):
        fleet(found, 1.0)


def test_a_fleet_grows_by_whole_cells_and_its_cost_is_theirs(found: CellCapacity) -> None:
    for_three = fleet(found, 2.5 * found.pages_s)
    assert for_three.cells == 3
    assert fleet(found, 2.5 * found.pages_s, spare=1).cells == 4
    assert for_three.usd_a_million_pages == pytest.approx(3 * 1e-3 / (2.5 * found.pages_s) * 1e6)
    assert roles(for_three, read_documents=3)["read workers"] == "0"
    busy = replace(found.setting, load=replace(found.setting.load, bulk_documents_s=0.1))
    with_bulk = roles(fleet(replace(found, setting=busy), 2.5 * found.pages_s), read_documents=3)
    assert with_bulk["read workers"] == "3"
    assert with_bulk["recogniser instances (CPU)"] == "6"


def test_machines_beside_a_gpu_are_added_until_it_is_the_bottleneck_or_they_cost_more() -> None:
    machines = load_machines()
    aim = Aim(mix=ONE_PAGE, sync_pages_s=1.0, bulk_pages_s=1.0, p99_s=5.0)
    beside = machines["c7i.2xlarge"]
    choices = [design(machines["g6.xlarge"], gpu=QUICK_GPU, beside=beside, count=count) for count in range(8)]
    best = balanced(choices, PROFILE, aim)
    few = setting(1.0, cores=choices[0].cell.cores, gpu=QUICK_GPU, gpus=1)
    assert bottleneck(few) == "cores"
    assert {machine.name: count for machine, count in best.machines}.get("c7i.2xlarge", 0) > 0
    assert 0 < best.cell.remote_share < 1


def test_reading_beside_the_gpu_needs_no_sending() -> None:
    here = demand(setting(1.0, gpu=QUICK_GPU, gpus=1), urgent=True)
    elsewhere = demand(setting(1.0, gpu=QUICK_GPU, gpus=1, remote_share=1.0), urgent=True)
    assert here.core_s_a_page_by_stage["sending"] == 0
    # A canvas of 2.5 MB and lines of about as much.
    assert elsewhere.core_s_a_page_by_stage["sending"] == pytest.approx(5.0 * PROFILE.socket_s_a_megabyte, rel=0.3)


def test_a_layer_takes_the_longer_of_its_operations_and_its_bytes() -> None:
    gpu = Gpu(name="x", matrix_ops_s=1e12, vector_ops_s=1e11, memory_bytes_s=1e11, source="")
    reading = replace(HOPEFUL, matrix_share=0.5, vector_share=0.5, memory_share=0.5, launch_s=1e-6)
    heavy = Layer(kind="Convolution", operations=1e9, bytes_moved=1e6, on_matrix_units=True, fusable=False)
    wide = Layer(kind="Concat", operations=1e6, bytes_moved=1e8, on_matrix_units=False, fusable=False)
    fused = Layer(kind="Relu", operations=1e6, bytes_moved=1e8, on_matrix_units=False, fusable=True)
    assert seconds([heavy], gpu, reading) == pytest.approx(2e-3 + 1e-6)
    assert seconds([wide], gpu, reading) == pytest.approx(2e-3 + 1e-6)
    assert seconds([fused], gpu, reading) == 0
    assert seconds([fused], gpu, replace(reading, fused=False)) == pytest.approx(2e-3 + 1e-6)


def test_a_cost_is_a_straight_line_between_and_beyond_its_points() -> None:
    cost = ModelCost(points=((100, 1.0), (200, 3.0)))
    assert [cost.seconds(size) for size in (50, 100, 150, 300)] == [1.0, 1.0, 2.0, 5.0]


def test_a_profile_survives_its_file_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    write_profile(PROFILE, file)
    assert read_profile(file) == PROFILE
    file.write_text(file.read_text(encoding="utf-8").replace('"pixels_page_s"', '"pixels_pages"'), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"p\.json"):
        read_profile(file)


def test_a_profile_of_a_benchmark_has_the_sums_that_were_measured() -> None:
    cpu = {"triton": 0.7, "bulk-read": 0.14, "bulk-structure": 0.04, "bulk-dispatcher": 0.01, "bulk-api": 0.005}
    figures = {
        "machine": {"cores": "2"},
        "rounds": [{"bulk_pages_s": 1.8, "cpu_s_a_page": {**cpu, "aws": 0.015}}],
        "stages": {"pixels_s": 0.11, "text_s": 0.02},
    }
    found = profile_of_bulk_bench(figures, PROFILE, ONE_PAGE, name="x", source="test")
    case = replace(setting(0.0), profile=found)
    stages = demand(case, urgent=False).core_s_a_page_by_stage
    assert stages["detection"] + stages["recognition"] == pytest.approx(0.7)
    assert stages["opening"] + stages["pixels"] == pytest.approx(0.11)
    assert stages["text"] == pytest.approx(0.02)
    assert stages["road"] == pytest.approx(0.14 + 0.04 - 0.13 + 0.015)
    assert found.reachable_share == pytest.approx(0.91 * 1.8 / 2)


def test_the_benchmark_s_processes_have_the_names_that_are_asked_for() -> None:
    bulk_report = pytest.importorskip("evaluation.bulk_report")
    assert (bulk_report.MODELS, bulk_report.READ, bulk_report.STRUCTURE) == (
        measured.MODELS,
        measured.READ,
        measured.STRUCTURE,
    )
    assert measured.OTHERS == (bulk_report.DISPATCHER, bulk_report.API)


@pytest.mark.parametrize("file", sorted(MIXES_DIR.glob("*.toml")), ids=lambda file: file.stem)
def test_a_bundled_mix_gives_pages_like_those_it_was_counted_on(file: Path) -> None:
    mix = load_mix(file)
    documents = mix.documents()
    pages = [page for document in documents for page in document.pages]
    assert len(pages) / len(documents) == pytest.approx(mix.pages_a_document, rel=0.1)
    middle = float(np.interp(0.5, mix.lines.shares, mix.lines.values))
    assert np.median([page.lines for page in pages]) == pytest.approx(middle, rel=0.06)
    assert all(sum(rows for rows, _ in page.requests) == page.lines for page in pages)
    assert {document.format for document in documents} <= set(FORMATS)


def test_a_mix_whose_shares_do_not_add_up_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    text = (MIXES_DIR / "bench_page.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("[[1, 1.0]]", "[[1, 0.9]]"), encoding="utf-8")
    with pytest.raises(MixError, match="pages"):
        load_mix(file)
    file.write_text(text.replace("[[0, 59]", "[[0.1, 59]"), encoding="utf-8")
    with pytest.raises(MixError, match="lines"):
        load_mix(file)


def test_bundled_machines_say_when_and_where_their_price_is_from_and_name_known_gpus() -> None:
    for machine in load_machines().values():
        assert isinstance(machine.seen, date)
        assert machine.source
        assert not machine.gpu or (machine.gpu in load_gpus() and machine.gpus > 0)


def test_a_machine_with_too_little_memory_for_the_models_is_seen() -> None:
    machines = load_machines()
    assert lacks_memory_gb(machines["c7i.4xlarge"], PROFILE) <= 0
    assert lacks_memory_gb(replace(machines["c7i.4xlarge"], memory_gb=16), PROFILE) > 0


def test_a_machine_entry_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "machines.toml"
    file.write_text(MACHINES_FILE.read_text(encoding="utf-8").replace("usd_an_hour", "eur_an_hour"), encoding="utf-8")
    with pytest.raises(MachineError, match="eur_an_hour"):
        load_machines(file)
    assert isinstance(next(iter(load_machines().values())), Machine)


def load_test_figures(capacity_s: float) -> dict:
    def phase(load: float) -> dict:
        quantiles = {"p50": {"value": 600.0, "low": 500.0, "high": 700.0}, "p99": {"value": 1500.0}}
        offered_s = load * capacity_s
        return {
            "name": f"load {load:g}",
            "callers": None,
            "load": load,
            "seconds": 60.0,
            "offered_per_s": offered_s,
            "goodput_per_s": min(offered_s, capacity_s),
            "requests": round(60 * offered_s),
            "refused": 0,
            "accepted_ms": quantiles,
            "bulk": None,
        }

    kinds = [
        {"name": "pdf-1", "files": ["a/*.pdf"], "made": "as they are", "pages": 1, "sync_weight": 3.0},
        {"name": "fax", "files": ["a/*.png"], "made": "fax tiff", "pages": 1, "sync_weight": 1.0},
        {"name": "photo", "files": ["a/*.jpg"], "made": "as they are", "pages": 1, "sync_weight": 2.0},
        {"name": "pdf-2", "files": ["a/*.pdf"], "made": "joined pdf", "pages": 2, "sync_weight": 2.0},
        {"name": "bulk only", "files": ["a/*.pdf"], "made": "joined pdf", "pages": 9, "sync_weight": 0.0},
    ]
    return {
        "mix": {"name": "m", "deadline_s": 5.0, "kinds": kinds},
        "programme": {"deadline_s": None},
        "capacity": {"documents_per_s": capacity_s},
        "phases": [{**phase(1.0), "name": "capacity", "callers": 8}, phase(0.5), phase(2.0)],
    }


def test_the_load_test_s_mix_becomes_ours() -> None:
    mix = mix_of(load_test_figures(1.5)["mix"], INVOICES)
    assert mix.pages == ((1, 0.75), (2, 0.25))
    assert dict(zip(FORMATS, mix.formats, strict=True)) == {"pdf": 0.625, "image": 0.375}
    assert mix.lines == INVOICES.lines


def test_a_validation_fits_the_pace_and_shows_every_open_phase() -> None:
    found = validate(load_test_figures(1.5), PROFILE, ONE_PAGE, cores=2)
    assert [each.name for each in found.phases] == ["load 0.5", "load 2"]
    half, twice = found.phases
    assert half.predicted["refused %"][1] == 0
    assert half.predicted["goodput/s"][1] == pytest.approx(0.75, rel=0.15)
    assert twice.predicted["goodput/s"][1] <= 1.6
    assert "load 0.5" in found.markdown()
    # A machine at half the pace has half the capacity: the fit must find that and nothing else.
    slower = validate(load_test_figures(0.75), PROFILE, ONE_PAGE, cores=2)
    assert slower.pace == pytest.approx(2 * found.pace)


def test_a_slower_pace_makes_all_work_longer() -> None:
    case = replace(setting(1.0), profile=at_pace(PROFILE, 1.5))
    assert demand(case, urgent=True).core_s_a_page == pytest.approx(
        1.5 * demand(setting(1.0), urgent=True).core_s_a_page
    )
