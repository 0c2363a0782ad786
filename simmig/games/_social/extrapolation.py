"""Extrapolation of the leaders' steps in the social game, game by game."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray

_MEMORY = 3  # steps to extrapolate from
_FAST = 0.03  # a step this much smaller than the last needs no help
_NEAR = 0.03  # relative step below which steps are regular enough for that


@dataclass(slots=True)
class Past:
    """The last steps of `climb` in each of B games, from which Anderson (1965) foretells where they lead.

    Newton's equations leave out how a deadline bends demand; what is left falls by a constant factor a step, which
    is what extrapolation is good at. Far from the answer, or when steps grow, a game starts afresh.
    """

    moves: FloatArray  # [_MEMORY, B, J] changes of the prices, the latest last, as parts of them
    falls: FloatArray  # and how much Newton's step changed with them
    known: IntArray  # [B] how many of them count
    price: FloatArray  # [B, J] the latest
    gap: FloatArray
    far: FloatArray  # [B] the largest gap

    @classmethod
    def none(cls, games: int, leaders: int) -> Past:
        """Return the past of games that have not begun."""
        steps, latest = np.zeros((_MEMORY, games, leaders)), np.zeros((games, leaders))
        return cls(steps, steps, np.zeros(games, np.int64), latest, latest, np.zeros(games))

    def of(self, games: IntArray) -> Past:
        """Return the past of these games."""
        return Past(
            self.moves[:, games],
            self.falls[:, games],
            self.known[games],
            self.price[games],
            self.gap[games],
            self.far[games],
        )

    def extrapolated(self, price: FloatArray, gap: FloatArray, far: FloatArray) -> FloatArray:
        """Return the relative step [B J] to take when Newton's method would take `gap`, at most `far[B]`."""
        price, gap, before, self.far = price.reshape(self.price.shape), gap.reshape(self.gap.shape), self.far, far
        # Of a game that has not begun, `far` is 0: whatever follows has grown.
        is_near = (before < _NEAR) & (_FAST * before < far) & (far <= before)
        if np.count_nonzero(is_near) == 0:
            self.known, self.price, self.gap = np.zeros_like(self.known), price, gap
            return gap.ravel()
        self.known = np.where(is_near, np.minimum(self.known + 1, _MEMORY), 0)
        self.moves = np.concatenate([self.moves[1:], ((price - self.price) / price)[None]])
        self.falls = np.concatenate([self.falls[1:], (gap - self.gap)[None]])
        self.price, self.gap = price, gap
        foretold = np.minimum(np.maximum(self._foretold(gap), -_NEAR), _NEAR)
        return np.where((self.known > 0)[:, None], foretold, gap).ravel()

    def _foretold(self, gap: FloatArray) -> FloatArray:
        step, rest = gap, gap
        done: list[tuple[FloatArray, FloatArray]] = []
        for back in range(int(self.known.max())):
            is_known = (back < self.known)[:, None]
            move = np.where(is_known, self.moves[-1 - back], 0.0)
            fall = np.where(is_known, self.falls[-1 - back], 0.0)
            length = _dot(fall, fall)
            for other_move, other_fall in done:
                part = _dot(fall, other_fall)
                move, fall = move - part * other_move, fall - part * other_fall
            left = _dot(fall, fall)
            is_news = left > 1e-10 * length  # else this step says nothing that a later one has not said
            root = np.sqrt(np.where(is_news, left, 1.0))
            move, fall = (np.where(is_news, x / root, 0.0) for x in (move, fall))
            part = _dot(rest, fall)
            rest, step = rest - part * fall, step - part * (move + fall)
            done.append((move, fall))
        return step


def _dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the product of the rows of each game, [B, 1]."""
    product: FloatArray = (one * other).sum(axis=1, keepdims=True)
    return product
