"""``python -m evaluation.capacity plan|validate|measured|gpus|doors``: see ``--help`` and docs/capacity.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation.capacity import plots
from evaluation.capacity.cell import Cell, Load, Setting
from evaluation.capacity.gpus import CAUTIOUS, HOPEFUL, gpu_costs, load_gpus
from evaluation.capacity.machines import Design, MachineError, design, lacks_memory_gb, load_machines
from evaluation.capacity.measured import profile_of_bulk_bench, read_figures
from evaluation.capacity.overload import compare
from evaluation.capacity.profile import Profile, ProfileError, read_profile, write_profile
from evaluation.capacity.sizing import SYNC_DOCUMENTS, Aim, balanced, fleet, largest_load, roles
from evaluation.capacity.tables import capacity_table, gpu_table, roles_table, scale_table
from evaluation.capacity.validation import validate
from evaluation.capacity.workload import MixError, load_mix
from evaluation.datasets import REPOSITORY
from evaluation.machine import describe_machine
from ocr_core.settings import BulkSettings

OUTPUT_DIR = REPOSITORY / "out" / "capacity"
READINGS = {reading.name: reading for reading in (CAUTIOUS, HOPEFUL)}
BENCH_MIX = Path("bench_page")
"""What ``make bench-bulk`` sends."""
MOST_BESIDE = 12
"""Machines beside one with a GPU that are tried."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, reckon, print."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (MixError, ProfileError, MachineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation.capacity", description=__doc__)
    commands = parser.add_subparsers(required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--profile", type=Path, default=Path("epyc-2"), help="a bundled name, or a JSON file")
    common.add_argument("--mix", type=Path, default=Path("invoices"), help="a bundled name, or a TOML file")

    plan = commands.add_parser("plan", parents=[common], help="machines, workers and cost for a load")
    plan.add_argument("--sync", type=float, default=1.0, metavar="PAGES_S", help="pages a second that callers wait for")
    plan.add_argument("--bulk", type=float, default=1.0, metavar="PAGES_S", help="pages a second of bulk jobs")
    plan.add_argument("--p99", type=float, default=5.0, metavar="SECONDS", help="of sync answers")
    plan.add_argument("--machines", type=Path, help="a TOML file of machine types and prices instead of the bundled")
    plan.add_argument("--type", action="append", default=[], help="a machine type; repeat it; all if none is named")
    plan.add_argument("--beside", default="c7i.4xlarge", help="what stands beside a machine with a GPU")
    plan.add_argument("--gpu-reading", choices=READINGS, default=CAUTIOUS.name, help="of the data sheets")
    plan.add_argument("--spare", type=int, default=1, help="cells more than needed, so that one may fail")
    plan.add_argument("--documents", type=int, default=SYNC_DOCUMENTS, help="sync documents of each simulation")
    plan.add_argument("--plots", type=Path, help="a folder for plots")
    plan.set_defaults(command=_plan)

    check = commands.add_parser("validate", parents=[common], help="predicted beside the load test's figures")
    check.add_argument("figures", type=Path, help="figures.json of a load test")
    check.add_argument("--cores", type=float, required=True, help="of the machine it ran on")
    check.set_defaults(command=_validate)

    measured = commands.add_parser("measured", help="a profile, out of what make bench-bulk measured")
    measured.add_argument("--bulk-bench", type=Path, default=REPOSITORY / "out" / "bulk_bench.json")
    measured.add_argument("--profile", type=Path, default=Path("epyc-2"), help="what is scaled to the measured sums")
    measured.add_argument("--output", type=Path, default=OUTPUT_DIR / "profile.json")
    measured.set_defaults(command=_measured)

    gpus = commands.add_parser("gpus", parents=[common], help="what GPUs would need: computed, not measured")
    gpus.set_defaults(command=_gpus)

    doors = commands.add_parser("doors", parents=[common], help="admission beside other rules, under too much load")
    doors.add_argument("--cores", type=float, default=2.0)
    doors.add_argument("--deadline", type=float, default=5.0, metavar="SECONDS", help="of every document")
    doors.set_defaults(command=_doors)
    return parser


def _plan(options: argparse.Namespace) -> None:
    profile, mix = read_profile(options.profile), load_mix(options.mix)
    aim = Aim(
        mix=mix, sync_pages_s=options.sync, bulk_pages_s=options.bulk, p99_s=options.p99, documents=options.documents
    )
    capacities = []
    for each in _designs(options, profile, aim):
        print(f"simulating {each}", file=sys.stderr, flush=True)
        capacities.append(largest_load(each, profile, aim))
    print(capacity_table(capacities, aim), end="\n\n")
    able = [each for each in capacities if each.pages_s]
    if not able:
        print(f"No cell keeps a p99 of {aim.p99_s:g} s, however little it is given.")
        return
    best = min((fleet(each, aim.pages_s, spare=options.spare) for each in able), key=lambda each: each.usd_an_hour)
    print(roles_table(best, roles(best, BulkSettings.model_fields["read_documents"].default)), end="\n\n")
    print(scale_table(able))
    if options.plots:
        plots.draw(able, options.plots)


def _designs(options: argparse.Namespace, profile: Profile, aim: Aim) -> list[Design]:
    machines = load_machines(options.machines) if options.machines else load_machines()
    names = options.type or list(machines)
    unknown = sorted({*names, options.beside} - set(machines))
    if unknown:
        raise MachineError(f"no such machine type: {', '.join(unknown)}")
    wanted = [machines[name] for name in names]
    gpus = load_gpus()
    named = {machine.gpu for machine in wanted if machine.gpu}
    costs = {each.gpu.name: each for each in gpu_costs([gpus[name] for name in sorted(named)])
             if each.reading is READINGS[options.gpu_reading]} if named else {}  # fmt: skip
    designs = []
    for machine in wanted:
        if machine.gpu:
            beside = machines[options.beside]
            choices = [
                design(machine, gpu=costs[machine.gpu], beside=beside, count=count) for count in range(MOST_BESIDE + 1)
            ]
            designs.append(balanced(choices, profile, aim))
        elif lacks_memory_gb(machine, profile) > 0:
            print(f"{machine.name}: {lacks_memory_gb(machine, profile):.0f} GB too little memory", file=sys.stderr)
        else:
            designs.append(design(machine))
    return designs


def _validate(options: argparse.Namespace) -> None:
    found = validate(
        read_figures(options.figures), read_profile(options.profile), load_mix(options.mix), cores=options.cores
    )
    print(found.markdown())


def _measured(options: argparse.Namespace) -> None:
    machine = describe_machine()
    profile = profile_of_bulk_bench(
        read_figures(options.bulk_bench),
        read_profile(options.profile),
        load_mix(BENCH_MIX),
        name=options.output.stem,
        source=f"measured by make bench-bulk on {machine['processor']}, {machine['cores']} cores; parts of each sum "
        f"divide as in {options.profile}",
    )
    write_profile(profile, options.output)
    print(f"wrote {options.output}")


def _doors(options: argparse.Namespace) -> None:
    load = Load(mix=load_mix(options.mix), sync_documents_s=1.0, deadline_s=options.deadline)
    print(compare(Setting(cell=Cell(cores=options.cores), profile=read_profile(options.profile), load=load)))


def _gpus(options: argparse.Namespace) -> None:
    print(gpu_table(gpu_costs(list(load_gpus().values())), load_mix(options.mix)))


if __name__ == "__main__":
    raise SystemExit(main())
