"""Bandit learning by joint perturbation: every leader tries a little more or less at once, and sees its own profit.

The pseudo-gradient of Martin and Sandholm (IJCAI 2025, arXiv 2408.09306): all players perturb their actions together,
so that an estimate takes two plays however many they are. Here a share goes up or down by `spread`, either with
probability 1/2, instead of by a normal draw: of all laws with independent parts this has the least variance (Sadegh and
Spall 1998).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Generator, Tensor

from simmig.learning.price_table import Estimate, mean_of, sorted_out

if TYPE_CHECKING:
    from simmig.learning.stage import Stage

Points = Literal["two", "one"]
Credit = Literal["each", "joint"]
_MEMORY = 0.9  # of the mean profit that a single play is compared with: about ten estimates


class PerturbedSlopes:
    """Slopes from own profits alone, one perturbation for each game of a batch."""

    def __init__(self, *, spread: float, final_spread: float, points: Points, credit: Credit, draw: Generator) -> None:
        self._spread, self._final_spread = spread, final_spread
        self._points, self._credit, self._draw = points, credit, draw
        self._usual: Tensor | None = None

    def __call__(self, stage: Stage, share: Tensor, scale: Tensor, rate: float, progress: float) -> Estimate:
        """Return profits and slopes of a batch: a play for each point and game."""
        spread = self._spread * self._final_spread**progress
        sign = torch.randint(0, 2, share.shape, generator=self._draw).double() * 2.0 - 1.0
        up, down = (share + spread * sign).clamp(0.0, 1.0), (share - spread * sign).clamp(0.0, 1.0)
        earned = stage.profit(up)
        seen = self._seen(earned)
        if self._points == "one":
            surprise = seen - self._expected(seen, stage.is_open)
            slope = surprise * sign / (spread * scale)
            return Estimate(earned, *sorted_out(slope, (seen == 0.0) & (up > 0.0)), len(share))
        other = stage.profit(down)
        seen_there = self._seen(other)
        slope = (seen - seen_there) / ((up - down) * scale)
        idle = (seen == 0.0) & (seen_there == 0.0)
        return Estimate(0.5 * (earned + other), *sorted_out(slope, idle), 2 * len(share))

    def state(self) -> dict[str, Any]:
        """Return the usual profit and the generator."""
        return {"usual": self._usual, "draw": self._draw.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._usual = state["usual"]
        self._draw.set_state(state["draw"])

    def _seen(self, profit: Tensor) -> Tensor:
        """Return what each price is judged by: what its own follower brought, or all that its leader earned."""
        is_joint = self._credit == "joint" and profit.ndim == 3
        return profit.sum(1, keepdim=True).expand_as(profit) if is_joint else profit

    def _expected(self, seen: Tensor, is_open: Tensor) -> Tensor:
        """Return the running mean of what was seen before this play, which it then enters."""
        now = mean_of(seen.nan_to_num(posinf=0.0), is_open)
        usual = now if self._usual is None else self._usual
        self._usual = torch.lerp(now, usual, _MEMORY)
        return usual
