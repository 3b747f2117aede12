"""Builds every image, runs the compose file, and asks everything of it: ``make images-check``.

    python -m tests.images [--pull] [--fresh] [--build-only] [--keep] [--folder out/images]

It needs root, Debian's packages that ``machine.PACKAGES`` names, the registries of Debian and Python, and the model
repository. With ``--pull`` the pinned base images are fetched from their registries; without, they are stood in for
(``bases``). The report is printed and written to FOLDER/report.md; the exit status is 1 where a check failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from local_stack.triton import REPOSITORY_ROOT
from tests.images import bases, building, loose, walk
from tests.images.house import House, resolved_services, started_by
from tests.images.machine import CommandFailed, Machine, NotHere
from tests.images.report import Outcome, Report

PROFILES = ("cpu", "local")


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.images", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, default=REPOSITORY_ROOT / "out" / "images", help="default: out/images")
    parser.add_argument("--pull", action="store_true", help="the real base images, from their registries")
    parser.add_argument("--fresh", action="store_true", help="with an empty store: nothing from an earlier run")
    parser.add_argument("--build-only", action="store_true", help="start nothing")
    parser.add_argument("--keep", action="store_true", help="leave the store, some 5 GB, for the next run")
    options = parser.parse_args(arguments)
    machine = Machine(folder=options.folder.resolve())
    try:
        if options.fresh:
            machine.remove()
        machine.prepare()
        report = _check(machine, pull=options.pull, build_only=options.build_only)
    except (NotHere, CommandFailed) as error:
        _say(f"images: {error}")
        return 1
    finally:
        if not options.keep and machine.folder.is_dir():
            machine.remove()
    text = report.markdown()
    (options.folder / "report.md").write_text(text)
    _say(f"\n{text}")
    return 0 if report.good else 1


def _check(machine: Machine, *, pull: bool, build_only: bool) -> Report:
    services = resolved_services(machine, PROFILES)
    wanted = list(started_by(services, PROFILES))
    recipes = building.recipes(services)
    names = bases.bases_of([recipe.dockerfile for recipe in recipes])
    others = {service["image"] for service in services.values() if "build" not in service}
    available = {image for image in others if pull or bases.can_stand_in(image)}
    without = [name for name in wanted if services[name]["image"] in others - available]
    provided = bases.provide(machine, sorted({*names, *available}), pull=pull)
    report = Report(bases=provided, built=building.build(machine, recipes, _say), without=without)
    if build_only:
        return report
    with House(machine, PROFILES, without=without) as house:
        visit = walk.Visit(house=house, services=tuple(name for name in wanted if name not in without))
        for check in (*walk.CHECKS, *loose.CHECKS):
            outcome = _outcome(check, visit)
            report.outcomes.append(outcome)
            _say(f"{outcome.mark} {outcome.title}: {outcome.seen}")
            if not outcome.good and check is walk.healthy:
                break  # the rest would say the same
    return report


def _outcome(check: walk.Check, visit: walk.Visit) -> Outcome:
    started_s = time.monotonic()
    title = (check.__doc__ or "").split("\n", 1)[0].rstrip(".")
    try:
        seen, good = check(visit), True
    except Exception as error:
        seen, good = f"{type(error).__name__}: {error}", False
    return Outcome(title=title, seen=seen, good=good, seconds=time.monotonic() - started_s)


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
