"""Measures that need the games of a run: rounds are played again and solved, which takes about as long as the run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simmig.compare._measures.columns import column_reader
from simmig.contracts import AnalyticGame
from simmig.errors import SimmigError
from simmig.report.drawing import evenly
from simmig.run.replay import Replayed, play_rounds, recorded_scenario

MOST_ROUNDS = 40  # solved of one run, spread evenly over it: each takes up to a second


@dataclass(slots=True)
class _Sums:
    """Sums over the rounds that could be solved; those whose game has no such outcome are left out."""

    earned: float = 0.0
    solved: float = 0.0
    reached: float = 0.0
    optimal: float = 0.0

    def add(self, played: Replayed) -> None:
        """Add one round."""
        game = played.round.game
        try:
            solved = float(np.sum(game.solve().leader_utility))
        except SimmigError:  # this round has no equilibrium
            return
        self.solved += solved
        self.earned += float(np.sum(game.leader_utility(played.price, played.demand)))
        if not isinstance(game, AnalyticGame):
            return
        try:
            best = game.social_optimum()
        except SimmigError:  # it has no optimum that can be computed
            return
        self.optimal += float(np.sum(game.welfare(best.price, best.demand)))
        self.reached += float(np.sum(game.welfare(played.price, played.demand)))


def from_replay(folder: Path) -> dict[str, float]:
    """Return regret and price of anarchy over at most MOST_ROUNDS rounds of the run; NaN for a run without rounds.

    Raises InputError if the scenario's files are gone.
    """
    with column_reader() as read:
        numbers = np.unique(read(folder, "rounds", ("round",))["round"].to_numpy(dtype=np.int64))
    sums = _Sums()
    if len(numbers):
        chosen = numbers[evenly(len(numbers), MOST_ROUNDS)]
        for played in play_rounds(recorded_scenario(folder), chosen.tolist()):
            sums.add(played)
    return {
        "regret": (sums.solved - sums.earned) / sums.solved if sums.solved > 0.0 else np.nan,
        "price_of_anarchy": sums.optimal / sums.reached if sums.reached > 0.0 else np.nan,
    }
