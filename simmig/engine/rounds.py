"""A pricing round as a value: who plays, what was published before, and what is recorded of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, GameInputs, IntArray, PricingGame
from simmig.engine.migration import Migration
from simmig.log import EventLog

_ROUNDING = 1e-12  # of a utility: a gap below this is the last bits of a sum, which differ between machines


@dataclass(frozen=True, slots=True)
class Published:
    """What the RSUs did in the last round that each took part in, [all RSUs]; NaN before."""

    price: FloatArray
    demand: FloatArray
    utility: FloatArray

    @classmethod
    def nothing(cls, count: int) -> Published:
        """Return what is published before any round."""
        unknown = np.full(count, np.nan)
        return cls(unknown, unknown, unknown)

    def after(self, rsu: IntArray, price: FloatArray, demand: FloatArray, utility: FloatArray) -> Published:
        """Return what is published after a round of these RSUs; what was handed out before stays as it was."""
        return Published(
            _updated(self.price, rsu, price),
            _updated(self.demand, rsu, demand),
            _updated(self.utility, rsu, utility),
        )


def _updated(values: FloatArray, at: IntArray, by: FloatArray) -> FloatArray:
    changed = values.copy()
    changed[at] = by
    return changed


@dataclass(frozen=True, slots=True)
class Round:
    """A closed round whose decisions are due: I requests, J RSUs that at least one of them may use.

    `rsu[J]` are indices into the run's RSUs.
    """

    index: int
    time_ns: int
    migrations: tuple[Migration, ...]
    rsu: IntArray
    inputs: GameInputs
    game: PricingGame
    published: Published


def record(closed: Round, price: FloatArray, demand: FloatArray, log: EventLog) -> Published:
    """Log a round that was played, with its certificate, and return what is published from now on."""
    game, eligible = closed.game, closed.inputs.eligible
    found = game.certify(price, demand)
    leader_utility = game.leader_utility(price, demand)
    sold, posted = demand.sum(axis=0), mean_price(price, demand, eligible)
    leader_gap = _seen(found.leader_gap, found.leader_gap_relative)
    follower_gap = _seen(found.follower_gap, found.follower_gap_relative)
    of_round = (
        float(game.follower_utility(price, demand).sum()),
        float(follower_gap.max()),
        float(_seen(found.follower_gap_relative, found.follower_gap_relative).max()),
    )
    columns = (
        closed.rsu,
        posted,
        sold * game.bandwidth_unit_hz,
        eligible.sum(axis=0),
        (demand > 0.0).sum(axis=0),
        leader_utility,
        leader_gap,
        _seen(found.leader_gap_relative, found.leader_gap_relative),
    )
    for rsu, *rest in zip(*(column.tolist() for column in columns), strict=True):
        log.round.append(closed.index, rsu, closed.time_ns, *rest, *of_round)
    return closed.published.after(closed.rsu, posted, sold, leader_utility)


def _seen(gap: FloatArray, relative: FloatArray) -> FloatArray:
    """Return the gaps without those that are only rounding, so that a log is the same on every machine."""
    seen: FloatArray = np.where(relative > _ROUNDING, gap, 0.0)
    return seen


def mean_price(price: FloatArray, demand: FloatArray, eligible: BoolArray) -> FloatArray:
    """Return the price of every RSU, [J]: of individual prices the mean over what was bought, or over who could buy."""
    if price.ndim == 1:
        return price
    weight = np.where(demand.sum(axis=0) > 0.0, demand, eligible)
    mean = (weight * price).sum(axis=0) / weight.sum(axis=0)
    # A mean of equal prices may come out a rounding above them.
    low = np.where(weight > 0.0, price, np.inf).min(axis=0)
    high = np.where(weight > 0.0, price, -np.inf).max(axis=0)
    kept: FloatArray = np.minimum(np.maximum(mean, low), high)
    return kept


def rationed(closed: Round, demand: FloatArray) -> FloatArray:
    """Return what the buyers get: where more is asked of an RSU than it has, each the same share of what it asked."""
    asked, capacity = demand.sum(axis=0), closed.inputs.capacity_hz / closed.game.bandwidth_unit_hz
    share = np.where(asked > capacity, capacity / np.where(asked > 0.0, asked, 1.0), 1.0)
    sold: FloatArray = demand * share
    return sold
