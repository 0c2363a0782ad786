"""Gradient play: every leader climbs its own profit through the followers' answer, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from simmig.learning.price_table import Estimate, sorted_out

if TYPE_CHECKING:
    from simmig.learning.stage import Stage


class ExactSlopes:
    """The derivative of each leader's profit by its own price, the followers' best reply differentiated.

    With `extragradient`, those at the point that a plain step would lead to (Korpelevich 1976), which does not cycle
    where leaders chase one another.
    """

    def __init__(self, *, extragradient: bool) -> None:
        self._extragradient = extragradient

    def __call__(self, stage: Stage, share: Tensor, scale: Tensor, rate: float, progress: float) -> Estimate:
        """Return profits and slopes of a batch: a play for each game, or two."""
        found = self._slopes(stage, share, scale)
        if not self._extragradient:
            return found
        ahead = (share + rate * (found.slope.clamp(-1.0, 1.0) + found.push)).clamp(0.0, 1.0)
        return self._slopes(stage, ahead, scale)._replace(plays=2 * len(share))

    def state(self) -> dict[str, Any]:
        """Return nothing: slopes have no memory."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""

    def _slopes(self, stage: Stage, share: Tensor, scale: Tensor) -> Estimate:
        profit, slope = stage.slope(share)
        return Estimate(profit, *sorted_out(slope / scale, (profit == 0.0) & (slope == 0.0)), len(share))
