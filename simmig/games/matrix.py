"""Matrix games (004): who commits, who answers, and what that is worth against simultaneous play.

Not a pricing game, so no plug-in: these are the test beds of agents that learn to lead and to follow. `BimatrixGame`
is for two players and mixed strategies, `MatrixGame` for N agents who act in priority order; both hold whole batches.
"""

from __future__ import annotations

from simmig.games._matrix.bimatrix import BimatrixGame
from simmig.games._matrix.certificate import Regret
from simmig.games._matrix.check import Ties
from simmig.games._matrix.mixed import Commitment
from simmig.games._matrix.named import asymmetric_coordination, different_order, penalty
from simmig.games._matrix.nash import NashEquilibria, Profile
from simmig.games._matrix.pure import SequentialPlay
from simmig.games._matrix.sequential import MatrixGame

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
