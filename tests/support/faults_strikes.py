"""Blows: who of a house is killed, and how it comes back."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from tests.support.bulk_house import BulkHouse

LONGEST_PAUSE_S = 0.7


def everybody(house: BulkHouse) -> tuple[str, ...]:
    """Who can be killed, by the names that ``strike`` takes."""
    return tuple(sorted({*house.running, "triton", "queue server"}))


def each_in_turn(house: BulkHouse, dice: random.Random) -> Iterator[tuple[str, ...]]:
    """Whom to strike: first everyone once by themselves and once all together, shuffled; then as the dice fall."""
    names = everybody(house)
    rounds = [(name,) for name in names] + [names]
    dice.shuffle(rounds)
    yield from rounds
    while True:
        yield some(house, dice)


def some(house: BulkHouse, dice: random.Random) -> tuple[str, ...]:
    """Mostly one, now and then two or all."""
    names = everybody(house)
    return tuple(dice.sample(names, k=dice.choice((1, 1, 1, 2, len(names)))))


def strike(house: BulkHouse, dice: random.Random, kills: Counter[str], struck: tuple[str, ...] = ()) -> None:
    """Kill them, or whom the dice name; wait a little, and start whoever is dead."""
    victims: dict[str, Callable[[], None]] = {name: process.kill for name, process in house.running.items()}
    victims |= {"triton": house.triton.kill, "queue server": house.aws.kill}
    struck = struck or some(house, dice)
    for name in struck:
        victims[name]()
        kills[name] += 1
    time.sleep(dice.uniform(0, LONGEST_PAUSE_S))
    if "triton" in struck:
        house.triton.start()
    if "queue server" in struck:
        house.restart_aws()
    house.restart_dead()
