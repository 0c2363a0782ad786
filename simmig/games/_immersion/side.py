"""One leader's side of the followers it can serve: the straight pieces of what they spend on it at the others' prices.

While its x = p / q rises from 0, the level nu rises, the other leaders enter one by one, the budget goes slack (if it
does), and at last nothing is bought any more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmig.contracts import FloatArray


class Side(NamedTuple):
    """Any followers [...] and their K slots: `score` is 0 at the leader itself and where nothing is wanted.

    `start[..., K]` is x = p / q, `margin[..., K]` the part 1 - c / p of the others' income that counts as profit,
    `own_score[...]` the leader's S, `delta[...]`, `budget[...]`.
    """

    score: FloatArray
    start: FloatArray
    margin: FloatArray
    own_score: FloatArray
    delta: FloatArray
    budget: FloatArray

    def pieces(self) -> tuple[FloatArray, list[FloatArray]]:
        """Return the x [..., K + 3] where pieces start, and the changes there of alpha, beta, gamma, eta.

        Spending on the leader is alpha - beta x, the others' profit gamma + eta x.
        """
        wanted = self.score > 0.0
        threshold = np.where(wanted, self.start / np.where(wanted, self.score, 1.0), np.inf)
        order = np.argsort(threshold, axis=-1, kind="stable")
        enters = np.take_along_axis(threshold, order, axis=-1)
        weights = (self.score, np.where(wanted, self.start, 0.0), self.margin * self.score, self.margin * self.start)
        scores, starts, gains, losses = (
            np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1) for weight in weights
        )
        own, delta = self.own_score[..., None], self.delta[..., None]
        budget = np.minimum(self.budget, 2.0 * self.delta * (scores[..., -1] + self.own_score))[..., None]
        roots = np.where(scores > 0.0, (budget + starts) / np.where(scores > 0.0, scores, 1.0), np.inf)
        top = np.minimum(delta, roots.min(axis=-1, keepdims=True))  # the level without the leader
        left_over = np.where(wanted, np.maximum(top * self.score - self.start, 0.0), 0.0)
        end = top * own
        slack = np.where(top < delta, end, np.minimum(end + left_over.sum(axis=-1, keepdims=True) - budget, end))
        before = [np.concatenate([np.zeros_like(t[..., :1]), t[..., :-1]], axis=-1) for t in (scores, starts)]
        is_early = enters < top
        level = np.where(is_early, enters, 0.0)
        entry = np.where(is_early, np.minimum(level * (own + before[0]) - before[1] - budget, slack), slack)
        total = np.where(own + scores > 0.0, own + scores, 1.0)
        beta, per_level = scores / total, gains / total
        money = budget + starts
        profit = (left_over * self.margin).sum(axis=-1, keepdims=True)
        zero, one = np.zeros_like(own), np.ones_like(own)
        lines = (
            np.concatenate([budget, money * (own / total), end, zero], axis=-1),
            np.concatenate([zero, beta, one, zero], axis=-1),
            np.concatenate([zero, money * per_level - losses, profit, profit], axis=-1),
            np.concatenate([zero, per_level, zero, zero], axis=-1),
        )
        changes = [np.diff(line, axis=-1, prepend=0.0) for line in lines]
        # The first piece starts below all others, whatever they are.
        first = np.minimum(0.0, entry.min(axis=-1, keepdims=True))
        return np.concatenate([first, entry, slack, end], axis=-1), changes
