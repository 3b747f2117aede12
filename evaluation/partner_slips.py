"""Learns what slips cost: readings aligned with the names that they are of, and counted."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from postprocess_svc.partners.channel import Confusions
from postprocess_svc.partners.normalise import CompanyName, Script, bare, normalise, script_of

# How many characters of a kind a reading chooses from where nothing else is known: what a character that comes from
# nowhere costs. Of kanji those that names have, not all that there are.
_CHOICES = {Script.KANJI: 400.0, Script.KANA: 60.0, Script.LATIN: 30.0, Script.OTHER: 30.0}
_ROUNDS = 4
_PRIOR = 12.0
"""Occurrences' worth of the general costs beside a character's own."""
_UNRELATED = 0.34
"""A reading that has less of the name's characters is of something else and teaches no slips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A name as one engine read it."""

    read: str
    true: str
    engine: str
    count: int = 1


class SlipKind(StrEnum):
    """What happened to a character."""

    KEPT = "kept"
    TAKEN = "taken"
    LOST = "lost"
    ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """One step from the written name to the reading."""

    kind: SlipKind
    place: int
    """In the written name."""
    written: str
    read: str
    cost: float


STARTING_COSTS = Confusions(
    lost_open=4.0,
    lost_more=1.0,
    form_lost_open=3.0,
    form_lost_more=0.7,
    end_open=3.5,
    end_more=0.7,
    start_open=5.0,
    start_more=1.0,
    added_open=9.0,
    added_more=5.0,
    tail_open=7.0,
    tail_more=5.0,
    form_taken=7.0,
    voicing_taken=5.0,
    script_taken={f"{a}>{b}": 8.0 if a == b else 10.0 for a in Script for b in Script},
    taken={},
)


def learn_confusions(readings: Sequence[Reading]) -> Confusions:
    """Costs of slips: aligned with the costs so far, counted, and again.

    Args:
        readings: Of the training names. A reading that came many times counts little more than one that came once, so
            that a form which one sender prints badly a hundred times is no rule.
    """
    pairs = [
        (normalise(reading.read).key, normalise(reading.true), 1.0 + math.log(reading.count)) for reading in readings
    ]
    pairs = [pair for pair in pairs if pair[0] and _is_related(pair[0], pair[1].key)]
    confusions = STARTING_COSTS
    for _ in range(_ROUNDS):
        confusions = _count(pairs, confusions)
    return confusions


def align(reading: str, name: CompanyName, confusions: Confusions) -> list[Slip]:
    """The cheapest way from a name to a reading, step by step; its cost is ``Channel.costs`` of the pair."""
    return _Alignment(reading, name, confusions).slips()


class _Alignment:
    """Gotoh's dynamic programme with the way back, for one pair; the service needs the cost alone, for many."""

    def __init__(self, reading: str, name: CompanyName, confusions: Confusions) -> None:
        self.reading, self.name, self.given = reading, name, confusions

    def in_form(self, place: int) -> bool:
        return self.name.form_start <= place < self.name.form_end

    def taken_cost(self, place: int, read: str) -> float:
        written = self.name.key[place]
        if written == read:
            return 0.0
        seen = self.given.taken.get(written + read)
        if self.in_form(place):
            return min(self.given.form_taken, seen if seen is not None else math.inf)
        if seen is not None:
            return seen
        if bare(written) == bare(read):
            return self.given.voicing_taken
        return self.given.script_taken[f"{script_of(written)}>{script_of(read)}"]

    def lost_cost(self, start: int, end: int) -> float:
        """Of losing [start, end) in the middle."""
        given = self.given
        opening = (
            given.form_lost_open - given.form_lost_more if self.in_form(start) else given.lost_open - given.lost_more
        )
        return opening + sum(
            given.form_lost_more if self.in_form(place) else given.lost_more for place in range(start, end)
        )

    def slips(self) -> list[Slip]:
        given, key, reading = self.given, self.name.key, self.reading
        best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {(0, 0): (0.0, None)}
        for place in range(1, len(key) + 1):
            best[0, place] = (given.start_open + given.start_more * place, (0, 0))
        for row in range(1, len(reading) + 1):
            for place in range(len(key) + 1):
                ways = [
                    (
                        best[earlier, place][0] + given.added_open + given.added_more * (row - earlier - 1),
                        (earlier, place),
                    )
                    for earlier in range(row)
                ]
                if place:
                    ways.append(
                        (
                            best[row - 1, place - 1][0] + self.taken_cost(place - 1, reading[row - 1]),
                            (row - 1, place - 1),
                        )
                    )
                ways += [(best[row, start][0] + self.lost_cost(start, place), (row, start)) for start in range(place)]
                best[row, place] = min(ways)
        last = len(reading)
        ends = [(best[last, len(key)][0], len(key))]
        ends += [
            (best[last, place][0] + given.end_open + given.end_more * (len(key) - place), place)
            for place in range(len(key))
        ]
        cost, place = min(ends)
        found = [Slip(kind=SlipKind.LOST, place=place, written=key[place:], read="", cost=cost - best[last, place][0])]
        found = found if place < len(key) else []
        spot: tuple[int, int] = (last, place)
        while (before := best[spot][1]) is not None:
            cost = best[spot][0] - best[before][0]
            written, read = key[before[1] : spot[1]], reading[before[0] : spot[0]]
            kind = SlipKind.LOST if not read else SlipKind.ADDED if not written else SlipKind.TAKEN
            kind = SlipKind.KEPT if written == read else kind
            found.append(Slip(kind=kind, place=before[1], written=written, read=read, cost=cost))
            spot = before
        return found[::-1]


def _is_related(reading: str, key: str) -> bool:
    shared = sum((Counter(reading) & Counter(key)).values())
    return shared >= _UNRELATED * max(len(reading), len(key))


def _count(pairs: Sequence[tuple[str, CompanyName, float]], confusions: Confusions) -> Confusions:
    seen: dict[str, float] = defaultdict(float)
    taken: dict[str, float] = defaultdict(float)
    written: dict[str, float] = defaultdict(float)
    for reading, name, weight in pairs:
        for what, how_many in _events(reading, name, confusions):
            seen[what] += how_many * weight
            if what.startswith("pair "):
                taken[what[5:]] += weight
        for character in name.key:
            written[character] += weight
        seen["names"] += weight
        seen["core"] += weight * len(name.core)
        seen["form"] += weight * (len(name.key) - len(name.core))
        for character in name.core:
            seen[f"of {script_of(character)}"] += weight
    return _to_costs(seen, taken, written)


def _events(reading: str, name: CompanyName, confusions: Confusions) -> Iterator[tuple[str, int]]:
    for slip in align(reading, name, confusions):
        in_form = name.form_start <= slip.place < name.form_end
        if slip.kind is SlipKind.LOST:
            at_end = slip.place + len(slip.written) == len(name.key)
            where = "end" if at_end else "start" if slip.place == 0 else "form_lost" if in_form else "lost"
            yield f"{where} runs", 1
            yield f"{where} more", len(slip.written) - 1
        elif slip.kind is SlipKind.ADDED:
            where = "tail" if slip.place == len(name.key) else "added"
            yield f"{where} runs", 1
            yield f"{where} more", len(slip.read) - 1
        elif slip.kind is SlipKind.TAKEN:
            yield f"pair {slip.written}{slip.read}", 1
            if in_form:
                yield "form taken", 1
            elif bare(slip.written) == bare(slip.read):
                yield "voicing", 1
            else:
                yield f"{script_of(slip.written)}>{script_of(slip.read)}", 1


def _to_costs(seen: Mapping[str, float], taken: Mapping[str, float], written: Mapping[str, float]) -> Confusions:
    names = seen["names"]

    def cost(part: float, whole: float) -> float:
        return -math.log((part + 0.5) / (whole + 1.0))

    def run(where: str, chances: float) -> tuple[float, float]:
        runs, more = seen.get(f"{where} runs", 0.0), seen.get(f"{where} more", 0.0)
        return cost(runs, chances), cost(more, runs + more)

    anything = sum(_CHOICES.values()) / 4
    lost, form_lost = run("lost", seen["core"]), run("form_lost", seen["form"])
    end, start = run("end", names), run("start", names)
    added, tail = run("added", seen["core"] + seen["form"]), run("tail", names)
    script_taken = {
        f"{a}>{b}": cost(seen.get(f"{a}>{b}", 0.0), seen.get(f"of {a}", 0.0)) + math.log(_CHOICES[b])
        for a in Script
        for b in Script
    }
    form_taken = cost(seen.get("form taken", 0.0), seen["form"]) + math.log(anything)
    voicing = cost(seen.get("voicing", 0.0), seen.get(f"of {Script.KANA}", 0.0))
    pairs = {}
    for pair, count in taken.items():
        general = script_taken[f"{script_of(pair[0])}>{script_of(pair[1])}"]
        if bare(pair[0]) == bare(pair[1]):
            general = voicing
        own = -math.log((count + _PRIOR * math.exp(-general)) / (written[pair[0]] + _PRIOR))
        if own < general - 0.3:
            pairs[pair] = round(own, 2)
    return Confusions(
        lost_open=lost[0],
        lost_more=lost[1],
        form_lost_open=form_lost[0],
        form_lost_more=form_lost[1],
        end_open=end[0] - end[1],
        end_more=end[1],
        start_open=start[0] - start[1],
        start_more=start[1],
        added_open=added[0] + math.log(anything),
        added_more=added[1] + math.log(anything),
        tail_open=tail[0] + math.log(anything),
        tail_more=tail[1] + math.log(anything),
        form_taken=form_taken,
        voicing_taken=voicing,
        script_taken={key: round(value, 2) for key, value in script_taken.items()},
        taken=dict(sorted(pairs.items())),
    )
