"""Log-distance path loss: a loss at a reference distance, then 10 `exponent` dB for each factor 10."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from simmig.contracts import Channel as ChannelContract
from simmig.contracts import FloatArray
from simmig.radio.channels.free_space import NEAREST_M, free_space_loss_db
from simmig.radio.elementwise import each


class Channel(ChannelContract):
    """Log-distance path loss; distances below 1 m count as 1 m.

    Exponent 2 is free space, 2.7 to 3.5 a street, 3 to 5 an obstructed path. Without `reference_gain_db` the
    loss at `reference_m` is that of free space (the close-in model); with it the carrier plays no part, as in
    002, whose "unit channel gain" is the gain at 1 m.
    """

    exponent: Annotated[float, Field(gt=0.0, le=10.0)] = 2.0
    reference_m: Annotated[float, Field(gt=0.0)] = 1.0
    reference_gain_db: float | None = None

    def path_loss_db(self, distance_m: FloatArray, carrier_hz: float) -> FloatArray:
        """Return the path loss in dB, same shape as `distance_m`."""
        if self.reference_gain_db is None:
            reference_loss_db = free_space_loss_db(self.reference_m, carrier_hz)
        else:
            reference_loss_db = -self.reference_gain_db
        ratio = np.maximum(distance_m, NEAREST_M) / self.reference_m
        return reference_loss_db + 10.0 * self.exponent * each(math.log10, ratio)
