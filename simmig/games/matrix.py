"""Matrix games (004): who commits, who answers, and what that is worth against simultaneous play.

Not a pricing game, so no plug-in: these are the test beds of agents that learn to lead and to follow. `BimatrixGame`
is for two players and mixed strategies, `MatrixGame` for N agents who act in priority order; both hold whole batches.
"""

from __future__ import annotations

from simmig.games._matrix_bimatrix import BimatrixGame
from simmig.games._matrix_certificate import Regret
from simmig.games._matrix_check import Ties
from simmig.games._matrix_mixed import Commitment
from simmig.games._matrix_named import asymmetric_coordination, different_order, penalty
from simmig.games._matrix_nash import NashEquilibria, Profile
from simmig.games._matrix_pure import SequentialPlay
from simmig.games._matrix_sequential import MatrixGame

__all__ = [
    "BimatrixGame",
    "Commitment",
    "MatrixGame",
    "NashEquilibria",
    "Profile",
    "Regret",
    "SequentialPlay",
    "Ties",
    "asymmetric_coordination",
    "different_order",
    "penalty",
]
