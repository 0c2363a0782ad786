"""Games of one leader and one follower with a payoff matrix each: commitment, Nash equilibria, certificates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from simmig.contracts import Array, BoolArray, FloatArray, IntArray
from simmig.errors import InputError
from simmig.games._matrix.certificate import Regret, mixed_commitment_regret, nash_regret, pure_commitment_regret
from simmig.games._matrix.check import Ties, checked_payoffs, checked_response, checked_strategy, checked_ties
from simmig.games._matrix.mixed import Commitment, best_commitment, maximin
from simmig.games._matrix.nash import NashEquilibria, Profile, extreme_equilibria, lemke_howson
from simmig.games._matrix.pure import backward_induction, pure_nash

_NAMES = ("the leader", "the follower")
_MOST_ACTIONS = 20  # of both players together: random games of 10 by 10 actions take about 0.6 s, of 12 by 12 about 4 s
_CONSTANT = 1e-12  # how far the sum of the payoffs may vary, as a share of the largest payoff, from rounding


@dataclass(frozen=True, slots=True)
class BimatrixGame:
    """A game of a leader with m actions and a follower with n, or a batch: `payoff[2, ..., m, n]`, read-only.

    `payoff[0]` is the leader's. Strategies are probabilities over actions, [..., m] and [..., n].
    """

    payoff: FloatArray

    @classmethod
    def make(cls, leader_payoff: Array, follower_payoff: Array) -> BimatrixGame:
        """Return the game of payoffs [..., m, n]; raises InputError for empty ones, NaN and shapes that differ."""
        return cls(checked_payoffs((leader_payoff, follower_payoff), _NAMES))

    def swapped(self) -> BimatrixGame:
        """Return the game in which the follower leads."""
        payoff = self.payoff[::-1].swapaxes(-1, -2)
        return BimatrixGame.make(payoff[0], payoff[1])

    def leader_utility(self, leader: Array, follower: Array) -> Array:
        """Return the leader's expected payoff [...] of mixed strategies; NumPy or torch, differentiable in both."""
        return _expected(_like(self.payoff[0], leader), leader, follower)

    def follower_utility(self, leader: Array, follower: Array) -> Array:
        """Return the follower's expected payoff [...] of mixed strategies; NumPy or torch, differentiable in both."""
        return _expected(_like(self.payoff[1], leader), leader, follower)

    def leader_action_utility(self, follower: Array) -> Array:
        """Return what each action gives the leader against a mixed strategy: [..., m]; the largest is the best."""
        xp = array_namespace(follower)
        return xp.sum(_like(self.payoff[0], follower) * follower[..., None, :], axis=-1)

    def follower_action_utility(self, leader: Array) -> Array:
        """Return what each action gives the follower against a mixed strategy: [..., n]; the largest is the best."""
        xp = array_namespace(leader)
        return xp.sum(_like(self.payoff[1], leader) * leader[..., :, None], axis=-2)

    def pure_commitment(self, ties: Ties = "strong") -> Commitment:
        """Return the leader's best commitment to one action; of several, that of the lowest number.

        A follower with several best responses takes the one that is best for the leader ("strong", or optimistic) or
        worst for it ("weak", or pessimistic), and among those the action of the lowest number.
        """
        checked_ties(ties)
        play = backward_induction(self.payoff, (0, 1), ties)
        strategy = np.eye(self.payoff.shape[-2])[play.action[..., 0]]
        return Commitment(strategy, play.action[..., 1], play.utility[..., 0], play.utility[..., 1], ties)

    def mixed_commitment(self) -> Commitment:
        """Return the leader's best commitment to a mixed strategy, ties of the follower broken for the leader.

        This is the strong Stackelberg equilibrium (Conitzer and Sandholm 2006). Without ties in its favour a leader
        gets as near to it as it likes, except in degenerate games (von Stengel and Zamir 2010). Games of a batch are
        solved one after another, by a linear programme of about a millisecond for each action of the follower that
        may matter.
        """
        batch = self.payoff.shape[1:-2]
        strategy = np.empty((*batch, self.payoff.shape[-2]))
        response = np.empty(batch, dtype=np.int64)
        for place in np.ndindex(batch):
            strategy[place], response[place] = best_commitment(*self._one(place))
        answer = np.eye(self.payoff.shape[-1])[response]
        ours, theirs = self.leader_utility(strategy, answer), self.follower_utility(strategy, answer)
        return Commitment(strategy, response, ours, theirs, "strong")

    def pure_nash(self) -> BoolArray:
        """Return which pairs of actions are Nash equilibria, [..., m, n]."""
        return pure_nash(self.payoff)

    def nash(self, dropped: int = 0) -> Profile:
        """Return one Nash equilibrium of every game, exact but for the last rounding (Lemke and Howson 1964).

        `dropped` is the action, the leader's from 0, the follower's from m on, at which the path to it begins:
        another may lead to another equilibrium.
        """
        *batch, rows, columns = self.payoff.shape[1:]
        if not 0 <= dropped < rows + columns:
            raise InputError(f"matrix game: dropped is {dropped}, expected an action, 0 to {rows + columns - 1}")
        leader, follower = np.empty((*batch, rows)), np.empty((*batch, columns))
        for place in np.ndindex(*batch):
            found = lemke_howson(*self._one(place), dropped)
            leader[place], follower[place] = found.leader, found.follower
        return Profile(leader, follower)

    def every_nash(self) -> NashEquilibria:
        """Return all extreme Nash equilibria of one game of at most 20 actions, exact but for the last rounding."""
        rows, columns = self.payoff.shape[-2:]
        if self.payoff.ndim > 3:
            raise InputError(f"matrix game: every_nash takes one game, this is a batch {self.payoff.shape[1:-2]}")
        if rows + columns > _MOST_ACTIONS:
            raise InputError(
                f"matrix game: every_nash of {rows} by {columns} actions, expected at most {_MOST_ACTIONS} together; "
                "nash() finds one"
            )
        return extreme_equilibria(*self._one(()))

    def zero_sum(self) -> Profile:
        """Return an equilibrium of every game, in which all that one gains the other loses (von Neumann 1928).

        Raises InputError for a game whose two payoffs do not add up to the same everywhere.
        """
        total = self.payoff.sum(axis=0)
        largest = np.abs(self.payoff).max(axis=(0, -2, -1))
        varied = np.ptp(total, axis=(-2, -1)) > _CONSTANT * largest
        if bool(varied.any()):
            place = tuple(int(k) for k in np.argwhere(varied)[0])
            low, high = float(total[place].min()), float(total[place].max())
            where = f" {place} of the batch" if place else ""
            raise InputError(f"matrix game{where}: payoffs add up to {low:g} and to {high:g}, expected the same sum")
        *batch, rows, columns = self.payoff.shape[1:]
        leader, follower = np.empty((*batch, rows)), np.empty((*batch, columns))
        for place in np.ndindex(*batch):
            ours, theirs = self._one(place)
            leader[place], follower[place] = maximin(ours), maximin(theirs.T)
        return Profile(leader, follower)

    def certify_nash(self, leader: Array, follower: Array) -> Regret:
        """Return the largest gains of either player alone from mixed strategies that need not come from a solver."""
        *batch, rows, columns = self.payoff.shape[1:]
        return nash_regret(
            self.payoff,
            checked_strategy(leader, rows, tuple(batch), _NAMES[0]),
            checked_strategy(follower, columns, tuple(batch), _NAMES[1]),
        )

    def certify_pure_commitment(self, found: Commitment) -> Regret:
        """Return the leader's gain over every other action it may commit to, and the follower's over its response."""
        strategy, response = self._committed(found)
        if not bool(np.all(strategy.max(axis=-1) == 1.0)):
            raise InputError("matrix game: strategy of the leader is mixed, expected one action of probability 1")
        return pure_commitment_regret(self.payoff, np.stack([strategy.argmax(axis=-1), response], axis=-1), found.ties)

    def certify_mixed_commitment(self, found: Commitment) -> Regret:
        """Return a proved bound of what the leader could gain by any other commitment, and the follower's gain."""
        return mixed_commitment_regret(self.payoff, *self._committed(found))

    def _committed(self, found: Commitment) -> tuple[FloatArray, IntArray]:
        *batch, rows, columns = self.payoff.shape[1:]
        checked_ties(found.ties)
        return (
            checked_strategy(found.strategy, rows, tuple(batch), _NAMES[0]),
            checked_response(found.response, columns, tuple(batch)),
        )

    def _one(self, place: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        return self.payoff[(0, *place)], self.payoff[(1, *place)]


def _expected(payoff: Array, leader: Array, follower: Array) -> Array:
    xp = array_namespace(leader, follower)
    # Sums along one axis after the other: a game gives the same bits in a batch and alone.
    return xp.sum(leader * xp.sum(payoff * follower[..., None, :], axis=-1), axis=-1)


def _like(payoff: FloatArray, strategy: Array) -> Array:
    """Return the payoffs as an array of the strategy's library, precision and device."""
    if isinstance(strategy, np.ndarray):
        return payoff
    # A copy: torch does not share read-only memory.
    return array_namespace(strategy).asarray(payoff.copy(), dtype=strategy.dtype, device=device(strategy))
