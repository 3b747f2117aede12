"""When requests come, and which documents they bring: an open loop, whose arrivals wait for no answer.

Both are drawn from a seed before anything is sent, so that two runs meet the same load.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from loadtest.documents import Document

Key = TypeVar("Key")


def poisson_arrivals_s(rate_per_s: float, duration_s: float, *, seed: int) -> list[float]:
    """Arrival times of a Poisson process, in seconds from its start, in order.

    Their number is not left to chance: it is ``rate x duration``, rounded. Given its number of events, those of a
    Poisson process are independent and uniform over the interval (Ross, Introduction to Probability Models, 5.3.5), so
    gaps and bursts are as they should be, while a short run offers exactly the load that it is said to offer: a
    hundred arrivals left to chance would be ninety or a hundred and ten.

    Raises:
        ValueError: the rate or the duration is not positive.
    """
    if rate_per_s <= 0 or duration_s <= 0:
        raise ValueError(f"no arrivals at {rate_per_s} a second for {duration_s} s")
    draw = random.Random(seed)
    return sorted(draw.uniform(0.0, duration_s) for _ in range(round(rate_per_s * duration_s)))


def shuffled_documents(
    documents: Sequence[Document], weights: Mapping[str, float], count: int, *, seed: int
) -> list[Document]:
    """So many documents: each kind has its share, exactly, and their order is left to chance.

    The order has to be: dear documents that come one upon another are what queues are made of. The shares need not be,
    and one long document more or less would change the load of a short run.

    Args:
        documents: The corpus.
        weights: By kind; what has none is not sent.
        count: How many.
        seed: Decides the order.
    """
    draw = random.Random(f"documents:{seed}")
    of_kind = _by_kind(documents, weights, draw)
    total = sum(weights[kind] for kind in of_kind)
    wanted = {kind: count * weights[kind] / total for kind in of_kind}
    counts = {kind: math.floor(number) for kind, number in wanted.items()}
    # The largest remainders get what is left over.
    by_remainder = sorted(wanted, key=lambda kind: (counts[kind] - wanted[kind], kind))
    for kind in by_remainder[: count - sum(counts.values())]:
        counts[kind] += 1
    dealt = [of_kind[kind][index % len(of_kind[kind])] for kind in of_kind for index in range(counts[kind])]
    draw.shuffle(dealt)
    return dealt


def balanced_documents(documents: Sequence[Document], weights: Mapping[str, float], *, seed: int) -> Iterator[Document]:
    """Documents without end, in which every kind has its share from the beginning on.

    For callers who are counted by how many they had answered: wherever the measurement ends, what was read is the mix.
    """
    draw = random.Random(f"documents:{seed}")
    of_kind = _by_kind(documents, weights, draw)
    total = sum(weights[kind] for kind in of_kind)
    credit = {kind: draw.random() for kind in of_kind}
    sent: defaultdict[str, int] = defaultdict(int)
    while True:
        for kind in credit:
            credit[kind] += weights[kind] / total
        kind = max(credit, key=lambda each: credit[each])
        credit[kind] -= 1.0
        yield of_kind[kind][sent[kind] % len(of_kind[kind])]
        sent[kind] += 1


def _by_kind(
    documents: Sequence[Document], weights: Mapping[str, float], draw: random.Random
) -> dict[str, list[Document]]:
    kinds: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        if weights.get(document.kind, 0.0) > 0:
            kinds[document.kind].append(document)
    if not kinds:
        raise ValueError("no document of the corpus has a weight")
    for each in kinds.values():
        draw.shuffle(each)
    return dict(kinds)
