"""The wait of a twin in front of an RSU's processor: behind background work, behind other twins, or none.

Background work is an M/M/1 queue (002, section II-B) that is never simulated packet by packet: its workload
is drawn from its exact law, for one instant (`StationaryWait`) or jointly along time (`BackgroundMM1`).
Rates are per second; the closed forms hold for first come, first served.
"""

from __future__ import annotations

import functools
import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simmig.contracts import FloatArray, Plugin
from simmig.errors import InputError

_MOST_UTILISATION = 0.99  # of a queue with memory: its table has 1.3 million rows there, without bound above
_TABLE_REST = 1e-14  # probability of a busy period beyond the table
_CHUNK = 64  # background arrivals drawn at once


class BackgroundSettings(Plugin):
    """Background work as an M/M/1 queue in front of a processor that serves the twins at once.

    Without `memory` every migration sees its own stationary wait: exact for one instant, and the same luck
    whatever agent plays. With it the waits at one RSU are those of one queue, so near in time they are alike.
    """

    kind: Literal["background_mm1"] = "background_mm1"
    memory: bool = False


class TaskSettings(Plugin):
    """Twins wait for one another: one processor, first come, first served, service time cycles / speed."""

    kind: Literal["task"] = "task"


class NoQueueSettings(Plugin):
    """Nobody waits."""

    kind: Literal["none"] = "none"


QueueSettings = Annotated[BackgroundSettings | TaskSettings | NoQueueSettings, Field(discriminator="kind")]


def mean_wait_s(arrival_per_s: float, service_per_s: float) -> float:
    """Return the mean wait of an M/M/1 queue, lambda / (mu (mu - lambda)) (002, section II-B).

    Raises InputError, as the queues here do, if there is no steady state.
    """
    _check_stable(arrival_per_s, service_per_s)
    return arrival_per_s / (service_per_s * (service_per_s - arrival_per_s))


class StationaryWait:
    """The wait at one instant of an M/M/1 queue: 0 with probability 1 - rho, else exponential of rate mu - lambda."""

    __slots__ = ("_rest_per_s", "_rho")

    def __init__(self, arrival_per_s: float, service_per_s: float) -> None:
        _check_stable(arrival_per_s, service_per_s)
        self._rho = arrival_per_s / service_per_s
        self._rest_per_s = service_per_s - arrival_per_s

    def exceeded_s(self, probability: float) -> float:
        """Return the wait that is exceeded with this probability; of a uniform number, a draw of the wait.

        The same number at a busier queue is a longer wait.
        """
        return math.log(self._rho / probability) / self._rest_per_s if probability < self._rho else 0.0


class TaskQueue:
    """One processor that serves twins first come, first served, exactly."""

    __slots__ = ("_free_s",)

    def __init__(self) -> None:
        self._free_s = -math.inf

    def submit(self, time_s: float, work_s: float) -> float:
        """Return the wait of a twin that comes at `time_s`, not before the last one, and needs `work_s`."""
        start_s = max(time_s, self._free_s)
        self._free_s = start_s + work_s
        return start_s - time_s


class BackgroundMM1:
    """An M/M/1 queue of background work, stationary at first, that twins look into or join at any instants.

    The waits have the exact joint law of the packet-by-packet queue. Between two migrations the cost is about
    rho / (1 - rho) rounds for the idle stretch, however long, plus a draw for each packet that arrives before
    the queue first empties.
    """

    __slots__ = ("_arrival_per_s", "_served", "_service_per_s", "_time_s", "_workload_s")

    def __init__(self, arrival_per_s: float, service_per_s: float) -> None:
        """Raise InputError if the utilisation is above 0.99."""
        _check_stable(arrival_per_s, service_per_s)
        rho = arrival_per_s / service_per_s
        if rho > _MOST_UTILISATION:
            raise InputError(
                f"a queue with memory needs a utilisation of at most {_MOST_UTILISATION}, got {rho:.6g} "
                f"(arrival_per_s = {arrival_per_s:g}, service_per_s = {service_per_s:g}): "
                "lower arrival_per_s, or set memory = false for the queue"
            )
        self._arrival_per_s = arrival_per_s
        self._service_per_s = service_per_s
        self._served = _served_in_busy_period(rho)
        self._time_s = -math.inf  # an empty queue is stationary after an infinite time
        self._workload_s = 0.0

    def submit(self, time_s: float, work_s: float, generator: np.random.Generator) -> float:
        """Return the wait of a twin that comes at `time_s`, not before the last one, with `work_s` >= 0."""
        assert time_s >= self._time_s, "twins must be submitted in order of time"
        wait_s = self._workload_after_s(time_s - self._time_s, generator)
        self._time_s = time_s
        self._workload_s = wait_s + work_s
        return wait_s

    def _workload_after_s(self, gap_s: float, generator: np.random.Generator) -> float:
        if self._arrival_per_s == 0.0:
            return max(0.0, self._workload_s - gap_s)
        idle_s, workload_s = self._path_phase(gap_s, generator)
        return workload_s if workload_s > 0.0 else self._ladder_phase_s(idle_s, generator)

    def _path_phase(self, gap_s: float, generator: np.random.Generator) -> tuple[float, float]:
        # Follows the workload packet by packet until it is 0 (then: time left in the gap, 0) or the gap ends
        # (then: 0, workload).
        workload_s = self._workload_s
        while workload_s > 0.0:
            arrival_s = np.cumsum(generator.standard_exponential(_CHUNK)) / self._arrival_per_s
            service_s = np.cumsum(generator.standard_exponential(_CHUNK)) / self._service_per_s
            empty_s = workload_s + np.concatenate(([0.0], service_s[:-1]))  # if packet k does not come before
            is_over = arrival_s >= np.minimum(empty_s, gap_s)
            k = int(np.argmax(is_over))
            if is_over[k]:
                end_s = float(empty_s[k])
                return (gap_s - end_s, 0.0) if end_s <= gap_s else (0.0, end_s - gap_s)
            workload_s += float(service_s[-1] - arrival_s[-1])
            gap_s -= float(arrival_s[-1])
        return gap_s, 0.0

    def _ladder_phase_s(self, time_s: float, generator: np.random.Generator) -> float:
        # Started empty, the workload after `time_s` has the law of the highest point of arrivals minus time
        # (reversed, the path is the same). A next ladder point exists with probability rho, is a service time
        # higher (no memory) and, if it exists, comes after a time with the law of the busy period.
        points = int(generator.geometric(1.0 - self._arrival_per_s / self._service_per_s)) - 1
        if points == 0:
            return 0.0
        served = 1 + np.searchsorted(self._served, generator.random(points), side="right")
        event_rate_per_s = self._arrival_per_s + self._service_per_s
        epoch_s = np.cumsum(generator.standard_gamma(2 * served - 1)) / event_rate_per_s
        reached = int(np.searchsorted(epoch_s, time_s, side="right"))
        return float(generator.standard_gamma(reached)) / self._service_per_s


@functools.lru_cache(maxsize=8)  # RSUs of one utilisation share a table; queues keep theirs alive
def _served_in_busy_period(rho: float) -> FloatArray:
    """Return P(K <= k), k = 1, 2, ..., of the number K served in a busy period, up to 1 - 1e-14.

    P(K = k) = C(2k - 2, k - 1) / k rho^{k-1} / (1 + rho)^{2k-1}; given K = k the busy period lasts Gamma(2k -
    1) of rate lambda + mu (both from the ballot theorem).
    """
    z = rho / (1.0 + rho) ** 2
    rows = 2 + int(math.log(_TABLE_REST) / math.log(4.0 * z)) if rho > 0.0 else 1
    k = np.arange(1.0, rows)
    ratios = 2.0 * (2.0 * k - 1.0) / (k + 1.0) * z  # P(k + 1) / P(k)
    cumulated: FloatArray = np.cumprod(np.concatenate(([1.0 / (1.0 + rho)], ratios))).cumsum()
    return cumulated[: 1 + int(np.searchsorted(cumulated, 1.0 - _TABLE_REST))]


def _check_stable(arrival_per_s: float, service_per_s: float) -> None:
    if not 0.0 <= arrival_per_s < service_per_s < math.inf:
        raise InputError(
            f"a queue with arrival_per_s = {arrival_per_s:g} and service_per_s = {service_per_s:g} has no "
            "steady state: 0 <= arrival_per_s < service_per_s is needed (bound drawn rates with low and high)"
        )
