"""What was built and seen, as a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from evaluation.markdown import table
from tests.images.bases import Base
from tests.images.building import Built


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one check."""

    title: str
    seen: str
    good: bool
    seconds: float

    @property
    def mark(self) -> str:
        """For the eye."""
        return "ok  " if self.good else "BAD "


@dataclass(slots=True, kw_only=True)
class Report:
    """All of it."""

    bases: list[Base]
    built: list[Built]
    without: list[str]
    """Services that could not be run: there was no image, and nothing to stand in for it."""
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every check found what it wants."""
        return all(outcome.good for outcome in self.outcomes)

    def markdown(self) -> str:
        """Three tables, and what did not run."""
        stood = [[base.name, base.stand_in or "itself, pulled"] for base in self.bases]
        images = [
            [each.recipe.image, f"{each.megabytes:.0f}", f"{each.own_megabytes:.0f}", f"{each.seconds:.0f}"]
            for each in self.built
        ]
        checks = [[f"{each.mark.strip()} {each.title}", each.seen, f"{each.seconds:.0f}"] for each in self.outcomes]
        parts = [
            "# Images and compose file, built and run",
            table(["base", "what it was"], stood),
            table(["image", "MB unpacked", "MB over its base", "built in s"], images),
        ]
        if checks:
            parts.append(table(["check", "seen", "s"], checks))
        if self.without:
            parts.append(f"Not run, for want of an image: {', '.join(self.without)}.")
        return "\n\n".join(parts) + "\n"
