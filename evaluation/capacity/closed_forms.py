"""What queueing theory says about queues that are simple enough: the simulation is tested against these.

``servers`` is a count, ``offered`` the offered load in erlangs (arrivals a second times seconds of service), ``busy``
the utilisation, offered / servers. Squared coefficients of variation are ``scv``: 0 for constant times, 1 for
exponential ones.

Sources: L. Kleinrock, Queueing Systems, vol. 1 (1975) for M/M/c, M/G/1 and priorities; J. F. C. Kingman, The single
server queue in heavy traffic (1961); A. O. Allen, Probability, Statistics, and Queueing Theory (1990) for
Allen-Cunneen.
"""

from __future__ import annotations

import math


class Unstable(ValueError):
    """More arrives than the servers can do: the queue grows without end, and no mean exists."""


def erlang_b(servers: int, offered: float) -> float:
    """Share of arrivals that find all servers busy and are turned away (M/G/c/c)."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Share of arrivals that have to wait (M/M/c).

    Raises:
        Unstable.
    """
    busy = _stable(offered / servers)
    blocked = erlang_b(servers, offered)
    return blocked / (1 - busy * (1 - blocked))


def mmc_wait_s(servers: int, arrivals_s: float, service_s: float) -> float:
    """Mean wait before service in M/M/c, first come first served.

    Raises:
        Unstable.
    """
    offered = arrivals_s * service_s
    return erlang_c(servers, offered) * service_s / (servers - offered)


def mmc_wait_quantile_s(servers: int, arrivals_s: float, service_s: float, share: float) -> float:
    """The wait that a share of arrivals does not exceed (M/M/c, first come first served).

    Raises:
        Unstable.
    """
    offered = arrivals_s * service_s
    waits = erlang_c(servers, offered)
    return max(0.0, math.log(waits / (1 - share)) * service_s / (servers - offered))


def mg1_wait_s(arrivals_s: float, service_s: float, service_scv: float) -> float:
    """Mean wait in M/G/1 (Pollaczek-Khinchine); with ``service_scv`` 0 this is M/D/1.

    Raises:
        Unstable.
    """
    busy = _stable(arrivals_s * service_s)
    return busy * service_s * (1 + service_scv) / (2 * (1 - busy))


def shared_response_s(arrivals_s: float, service_s: float) -> float:
    """Mean time in M/G/1 under processor sharing: the same for every distribution of that mean.

    Raises:
        Unstable.
    """
    return service_s / (1 - _stable(arrivals_s * service_s))


def priority_waits_s(urgent_s: float, other_s: float, service_s: float, service_scv: float) -> tuple[float, float]:
    """Mean waits of two classes at one server that ends what it has begun (Cobham), one service time for both.

    Args:
        urgent_s: Arrivals a second of those that go first.
        other_s: Of those that go last.
        service_s: Mean time of service.
        service_scv: Its squared coefficient of variation.

    Raises:
        Unstable.
    """
    busy = _stable((urgent_s + other_s) * service_s)
    residual_s = (urgent_s + other_s) * service_s**2 * (1 + service_scv) / 2
    first_s = residual_s / (1 - urgent_s * service_s)
    return first_s, first_s / (1 - busy)


def kingman_wait_s(busy: float, service_s: float, arrival_scv: float, service_scv: float) -> float:
    """Mean wait in G/G/1, an upper approximation that is sharp under heavy load.

    Raises:
        Unstable.
    """
    return _stable(busy) / (1 - busy) * (arrival_scv + service_scv) / 2 * service_s


def allen_cunneen_wait_s(
    servers: int, arrivals_s: float, service_s: float, arrival_scv: float, service_scv: float
) -> float:
    """Mean wait in G/G/c: that of M/M/c, scaled by the variation of arrivals and service. Exact for M/M/c and M/G/1.

    Raises:
        Unstable.
    """
    return mmc_wait_s(servers, arrivals_s, service_s) * (arrival_scv + service_scv) / 2


def _stable(busy: float) -> float:
    if busy >= 1:
        raise Unstable(f"{busy:.2f} servers' work arrives for each server")
    return busy
