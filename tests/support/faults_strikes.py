"""Blows: who of a house is killed, and how it comes back."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.support.bulk_house import BulkHouse

LONGEST_PAUSE_S = 0.7


def strike(house: BulkHouse, dice: random.Random, kills: Counter[str]) -> None:
    """Kill somebody, now and then everybody; wait a little, and start whoever is dead."""
    victims: dict[str, Callable[[], None]] = {name: process.kill for name, process in house.running.items()}
    victims |= {"triton": house.triton.kill, "queue server": house.aws.kill}
    struck = dice.sample(sorted(victims), k=dice.choice((1, 1, 1, 2, len(victims))))
    for name in struck:
        victims[name]()
        kills[name] += 1
    time.sleep(dice.uniform(0, LONGEST_PAUSE_S))
    if "triton" in struck:
        house.triton.start()
    if "queue server" in struck:
        house.restart_aws()
    house.restart_dead()
