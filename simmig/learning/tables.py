"""What a learner learns in one vector, its gradient in another: a step is a few operations, however many parameters.

The parameters of the modules keep their names and shapes, and become views: in tables with one row for each player, or
one row for what all players share, so that the norm of a player's gradient is that of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Owned(NamedTuple):
    """Parameters whose gradients are measured together: by the players on their first axis, and lists for each player.

    What all players share is one list.
    """

    stacked: list[nn.Parameter]
    alone: list[list[nn.Parameter]]

    @property
    def rows(self) -> int:
        """How many owners there are."""
        return len(self.alone) or len(self.stacked[0])

    @property
    def width(self) -> int:
        """How many numbers each of them owns."""
        own = self.alone[0] if self.alone else []
        return sum(p[0].numel() for p in self.stacked) + sum(p.numel() for p in own)


class Tables(NamedTuple):
    """All of some parameters as `weights[P]`, and their `gradient[P]`, which is made of the tables `rows`, [K, P_k].

    `slopes` are the places of single parameters in the gradient; `learned` are those parameters, in the same order.
    """

    weights: Tensor
    gradient: Tensor
    rows: list[Tensor]
    learned: list[nn.Parameter]
    slopes: list[Tensor]

    def whole(self) -> nn.Parameter:
        """Return the weights as one parameter with that gradient, for an optimiser."""
        found = nn.Parameter(self.weights)
        found.grad = self.gradient
        return found


@torch.no_grad()
def in_tables(groups: Sequence[Owned]) -> Tables:
    """Move parameters of one dtype into one vector, group after group; the gradient is 0."""
    size = sum(group.rows * group.width for group in groups)
    made = Tables(torch.empty(size), torch.zeros(size), [], [], [])
    start = 0
    for group in groups:
        end = start + group.rows * group.width
        table, slope = (vector[start:end].view(group.rows, -1) for vector in (made.weights, made.gradient))
        made.rows.append(slope)
        column = 0
        for parameter in group.stacked:
            column = _move(made, parameter, table, slope, column)
        for number, own in enumerate(group.alone):
            place = column
            for parameter in own:
                place = _move(made, parameter, table[number], slope[number], place)
        start = end
    return made


def _move(made: Tables, parameter: nn.Parameter, table: Tensor, slope: Tensor, column: int) -> int:
    """Put a parameter into columns from `column` on, of a table [K, P] or of one row; return the column after it."""
    end = column + parameter.numel() // (len(table) if table.ndim == 2 else 1)
    place, gradient = (each[..., column:end].view(parameter.shape) for each in (table, slope))
    place.copy_(parameter)
    parameter.data = place
    made.learned.append(parameter)
    made.slopes.append(gradient)
    return end
