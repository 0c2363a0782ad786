"""Games of N agents with a payoff array each, who act one after another: one step of 004's sequential game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simmig.contracts import Array, BoolArray, FloatArray
from simmig.errors import InputError
from simmig.games._matrix.certificate import Regret, sequential_regret
from simmig.games._matrix.check import Ties, checked_payoffs, checked_ties
from simmig.games._matrix.pure import SequentialPlay, backward_induction, pure_nash


@dataclass(frozen=True, slots=True)
class MatrixGame:
    """A game of N agents in normal form, or a batch: `payoff[N, ..., m_1, ..., m_N]`, read-only."""

    payoff: FloatArray

    @classmethod
    def make(cls, payoffs: Sequence[Array]) -> MatrixGame:
        """Return the game in which agent k gets `payoffs[k][..., a_1, ..., a_N]`; raises InputError for bad payoffs."""
        if not len(payoffs):
            raise InputError("matrix game: no payoffs, expected one array for each agent")
        return cls(checked_payoffs(payoffs, [f"agent {agent}" for agent in range(len(payoffs))]))

    @classmethod
    def team(cls, payoff: Array, agents: int) -> MatrixGame:
        """Return the game in which all of these agents get the same, `payoff[..., a_1, ..., a_N]`."""
        return cls.make([payoff] * agents)

    def play(self, order: Sequence[int] | None = None, ties: Ties = "strong") -> SequentialPlay:
        """Return what agents do who act in `order` (agent 0 first if None), each knowing what its superiors did.

        An agent with several best actions takes the one that is best ("strong") or worst ("weak") for its
        superiors, the first of them before the second, and among those the action of the lowest number.
        """
        checked_ties(ties)
        agents = range(len(self.payoff))
        chosen = tuple(agents if order is None else order)
        if sorted(chosen) != list(agents):
            raise InputError(f"matrix game: order {chosen}, expected each of the agents 0 to {len(agents) - 1} once")
        return backward_induction(self.payoff, chosen, ties)

    def pure_nash(self) -> BoolArray:
        """Return which joint actions are Nash equilibria of simultaneous play, [..., m_1, ..., m_N]."""
        return pure_nash(self.payoff)

    def certify(self, play: SequentialPlay) -> Regret:
        """Return what each agent could still gain by another action, its inferiors answering in turn."""
        return sequential_regret(self.payoff, play.order, play.ties, play.action)
