"""Bimatrix games that learned agents are tried on, with their sources.

004 names a penalty game and a mixing game; the text that simmig has gives neither's payoffs, and no public code of
004 was found. So the games stand here under names of their own, and none claims to be 004's mixing game.
"""

from __future__ import annotations

from simmig.games._matrix.bimatrix import BimatrixGame


def penalty(k: float, second: float = 10.0) -> BimatrixGame:
    """Return the penalty game: both get `k` <= 0 where they miss one another, 10 or `second` where they meet.

    Claus and Boutilier 1998, with the columns the other way round. With second = 8, as in the matrix environment of
    STEER (ICML 2024), whose first author is that of 004, only one cell is best.
    """
    payoff = [[k, 0.0, 10.0], [0.0, 2.0, 0.0], [second, 0.0, k]]
    return BimatrixGame.make(payoff, payoff)


def asymmetric_coordination() -> BimatrixGame:
    """Return the 3x3 game of Zhang et al. 2020 (Bi-level Actor-Critic): commitment beats both pure Nash equilibria."""
    return BimatrixGame.make(
        [[20.0, 0.0, 0.0], [30.0, 10.0, 0.0], [0.0, 0.0, 5.0]],
        [[15.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 10.0]],
    )


def different_order() -> BimatrixGame:
    """Return STEER's 3x3 game (ICML 2024) in which it matters who leads."""
    return BimatrixGame.make(
        [[0.0, -10.0, -8.0], [-5.0, -5.0, -15.0], [5.0, -10.0, -10.0]],
        [[5.0, -5.0, 4.0], [-10.0, 0.0, -5.0], [0.0, -5.0, 5.0]],
    )
