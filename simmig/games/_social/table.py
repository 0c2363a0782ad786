"""The parameters of all games of a batch, one below another: nothing joins two games, so their pairs make one list."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Table:
    """B games of I followers and J leaders; follower i of game b has row b I + i, and leader j number b J + j."""

    alpha: FloatArray  # [B I], as are beta and deadline_s
    beta: FloatArray
    work: FloatArray  # [B I, J], as are delay_s and eligible
    delay_s: FloatArray
    deadline_s: FloatArray
    eligible: BoolArray
    cost: FloatArray  # [B, J], as is price_max
    price_max: FloatArray
    one: IntArray  # [E] the rows of both ends of every tie, each listed both ways, and its weight
    other: IntArray
    weight: FloatArray

    @property
    def games(self) -> int:
        """Return B."""
        return len(self.cost)

    @property
    def followers(self) -> int:
        """Return I."""
        return len(self.alpha) // max(len(self.cost), 1)

    def take(self, games: IntArray) -> Table:
        """Return copies of these games, numbered anew from 0; a game may be named several times."""
        count = self.followers
        rows = (games[:, None] * count + np.arange(count)).ravel()
        per_row = {
            name: getattr(self, name)[rows] for name in ("alpha", "beta", "work", "delay_s", "deadline_s", "eligible")
        }
        first = np.searchsorted(self.one, np.arange(self.games + 1) * count)
        size = first[games + 1] - first[games]
        tie = np.repeat(first[games] - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
        shift = np.repeat((np.arange(len(games)) - games) * count, size)
        return Table(
            **per_row,
            cost=self.cost[games],
            price_max=self.price_max[games],
            one=self.one[tie] + shift,
            other=self.other[tie] + shift,
            weight=self.weight[tie],
        )

    def without(self, games: IntArray) -> Table:
        """Return the table in which nobody may buy in these games."""
        eligible = self.eligible.copy()
        eligible.reshape(self.games, -1, eligible.shape[1])[games] = False
        return replace(self, eligible=eligible)


def slowest_mean_s(table: Table, rows: IntArray) -> FloatArray:
    """Return the largest sum_j theta_ij delay_ij that admissible prices can make, for the followers `rows[R]`.

    With pulls 1/p between 1/price_max and 1/cost the largest mean pulls fully where the delay is above that mean
    (Dinkelbach 1967); the mean rises with every round, at most J rounds. Delays are 0 where not eligible.
    """
    game = rows // max(table.followers, 1)
    strong = np.where(table.eligible[rows], 1.0 / table.cost[game], 0.0)
    weak = np.where(table.eligible[rows], 1.0 / table.price_max[game], 0.0)
    delay_s = table.delay_s[rows]
    mean = np.zeros(len(delay_s))
    for _ in range(delay_s.shape[1]):
        pull = np.where(delay_s > mean[:, None], strong, weak)
        total = pull.sum(axis=1)
        higher = (pull * delay_s).sum(axis=1) / np.where(total > 0.0, total, 1.0)
        if bool(np.all(higher <= mean)):
            break
        mean = higher
    return mean


def in_time(table: Table, is_error: bool) -> tuple[Table, BoolArray, dict[int, str]]:
    """Return the table without the deadlines that cannot be met, who lost one [B I], and the games without equilibrium.

    Those are games in which `is_error` forbids to drop a deadline, with the reason; nobody buys there any more.
    """
    rows, worst_s = hopeless(table)
    is_relaxed = np.zeros(len(table.alpha), bool)
    if len(rows) == 0:
        return table, is_relaxed, {}
    is_relaxed[rows] = not is_error
    late: dict[int, str] = {}
    for row, worst in zip(rows[::-1], worst_s[::-1], strict=True):  # of each game the first one stays
        late[int(row) // table.followers] = (
            f"game social: follower {int(row) % table.followers} has a deadline of {table.deadline_s[row]:g} s, but "
            f"waiting and re-instantiation alone can take {worst:g} s; "
            'infeasible_deadline = "relax" drops such a deadline'
        )
    relaxed = replace(table, deadline_s=np.where(is_relaxed, np.inf, table.deadline_s))
    if not is_error:
        return relaxed, is_relaxed, {}
    return table.without(np.array(sorted(late), int)), is_relaxed, late


def hopeless(table: Table) -> tuple[IntArray, FloatArray]:
    """Return the rows whose deadline no bandwidth can meet at some admissible prices, and the delay that shows it."""
    # No mean exceeds its largest term, so most followers need no closer look.
    is_doubtful = (table.delay_s.max(axis=1, initial=0.0) >= table.deadline_s) & table.eligible.any(axis=1)
    rows = np.flatnonzero(is_doubtful)
    if len(rows) == 0:
        return rows, np.zeros(0)
    worst_s = slowest_mean_s(table, rows)
    is_lost = worst_s >= table.deadline_s[rows]
    return rows[is_lost], worst_s[is_lost]
