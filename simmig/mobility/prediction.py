"""Where a vehicle goes next, and how long it stays: a Markov chain over zones, the baseline of every predictor.

The state is the last `order` RSUs whose zones a vehicle has entered; where a state was never seen, the last but one is
forgotten, and so on. Learned from the visits in a trace.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from simmig.errors import InputError
from simmig.mobility.coverage import coverage_intervals
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace
from simmig.rng import stream

State = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """A zone that a vehicle was in: its RSU, how long, and whether it both entered and left it on its way."""

    rsu: int
    dwell_s: float
    is_whole: bool


def journeys(trace: Trace, sites: Sites) -> list[list[Visit]]:
    """Return the visits of every vehicle in the order in which they began; of equal beginnings the longer one first."""
    visits = coverage_intervals(trace, sites)
    order = np.lexsort((-visits.exit_ns, visits.enter_ns, visits.vehicle))
    found: dict[int, list[Visit]] = defaultdict(list)
    whole = ~visits.starts_inside & ~visits.ends_inside
    dwell_s = (visits.exit_ns - visits.enter_ns) / 1e9
    for k in order.tolist():
        found[int(visits.vehicle[k])].append(Visit(int(visits.rsu[k]), float(dwell_s[k]), bool(whole[k])))
    return [found[vehicle] for vehicle in sorted(found)]


@dataclass(slots=True)
class ZoneChain:
    """A Markov chain over zones: `learn` it, then ask about the RSUs whose zones a vehicle has entered so far."""

    order: int = 1
    _next: dict[State, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    _dwell_s: dict[State, list[float]] = field(default_factory=lambda: defaultdict(list))

    def learn(self, paths: Iterable[Sequence[Visit]]) -> ZoneChain:
        """Count what followed what; return itself. Raises InputError for an order below 1."""
        if self.order < 1:
            raise InputError(f"order {self.order} of a Markov chain; expected 1 or more")
        for path in paths:
            rsus = [visit.rsu for visit in path]
            for k, visit in enumerate(path):
                for state in _states(rsus[: k + 1], self.order):
                    if k + 1 < len(path):
                        self._next[state][rsus[k + 1]] += 1
                    if visit.is_whole:
                        self._dwell_s[state].append(visit.dwell_s)
        return self

    def next_rsus(self, entered: Sequence[int]) -> list[int]:
        """Return the RSUs that have followed, the most frequent first, of equal ones the first by number."""
        counts: Counter[int] = next((self._next[s] for s in _states(entered, self.order) if s in self._next), Counter())
        return sorted(counts, key=lambda rsu: (-counts[rsu], rsu))

    def dwell_s(self, entered: Sequence[int]) -> float | None:
        """Return the median time that vehicles stayed where this one is, in seconds; None if nobody did."""
        stays = next((self._dwell_s[s] for s in _states(entered, self.order) if s in self._dwell_s), None)
        return median(stays) if stays else None


def hit_rate(trace: Trace, sites: Sites, order: int = 1, folds: int = 5, seed: int = 0) -> dict[str, Any]:
    """Return how often the chain is right about vehicles it has not learned from, ready for JSON.

    Vehicles are dealt at random to `folds` parts; each is predicted by a chain that learned from the others.
    `hit_rate` and `hit_rate_of_3`: share of changes to another zone whose RSU was the first guess, or among three;
    `hit_rate_without_history`: had the RSU that is entered most often been guessed always. `dwell_error_s`: mean
    absolute error of the time in a zone, `dwell_error_s_without_history` if the median of all is said every time.
    Raises InputError for less than two vehicles that visit a zone, or folds below 2.
    """
    paths = journeys(trace, sites)
    if folds < 2 or len(paths) < 2:
        raise InputError(f"{folds} folds of {len(paths)} vehicles that visit a zone; expected 2 or more of both")
    deal = stream(seed, "prediction", "folds").permutation(len(paths)) % min(folds, len(paths))
    hits, of_3, common, errors_s, plain_s = [], [], [], [], []
    for part in range(int(deal.max()) + 1):
        known = [path for path, mine in zip(paths, deal.tolist(), strict=True) if mine != part]
        chain = ZoneChain(order).learn(known)
        often = Counter(visit.rsu for path in known for visit in path[1:]).most_common(1)
        stays = [visit.dwell_s for path in known for visit in path if visit.is_whole]
        for path in (path for path, mine in zip(paths, deal.tolist(), strict=True) if mine == part):
            rsus = [visit.rsu for visit in path]
            for k, visit in enumerate(path):
                entered = rsus[: k + 1]
                if k + 1 < len(path):
                    guesses = chain.next_rsus(entered)
                    hits.append(guesses[:1] == [rsus[k + 1]])
                    of_3.append(rsus[k + 1] in guesses[:3])
                    common.append(bool(often) and often[0][0] == rsus[k + 1])
                if visit.is_whole and stays:
                    said = chain.dwell_s(entered)
                    errors_s.append(abs((median(stays) if said is None else said) - visit.dwell_s))
                    plain_s.append(abs(median(stays) - visit.dwell_s))
    return {
        "order": order,
        "vehicles": len(paths),
        "changes": len(hits),
        "hit_rate": _mean(hits),
        "hit_rate_of_3": _mean(of_3),
        "hit_rate_without_history": _mean(common),
        "stays": len(errors_s),
        "dwell_error_s": _mean(errors_s),
        "dwell_error_s_without_history": _mean(plain_s),
    }


def _states(entered: Sequence[int], order: int) -> list[State]:
    """Return the states to look at, the longest first."""
    return [tuple(entered[-length:]) for length in range(min(order, len(entered)), 0, -1)]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
