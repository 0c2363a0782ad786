"""Free space: 20 log10(4 pi d f / c)."""

from __future__ import annotations

import math

import numpy as np

from simmig.contracts import Channel as ChannelContract
from simmig.contracts import FloatArray
from simmig.radio.elementwise import each
from simmig.units import SPEED_OF_LIGHT_M_S

NEAREST_M = 1.0  # closer than this is the near field of an antenna: the laws would give a gain without bound


def free_space_loss_db(distance_m: float, carrier_hz: float) -> float:
    """Return the free-space path loss in dB at one distance > 0 (ITU-R P.525)."""
    return 20.0 * math.log10(4.0 * math.pi * distance_m * carrier_hz / SPEED_OF_LIGHT_M_S)


class Channel(ChannelContract):
    """Free-space path loss (ITU-R P.525); distances below 1 m count as 1 m. No settings."""

    def path_loss_db(self, distance_m: FloatArray, carrier_hz: float) -> FloatArray:
        """Return the path loss in dB, same shape as `distance_m`."""
        loss_at_1_m_db = free_space_loss_db(1.0, carrier_hz)
        return loss_at_1_m_db + 20.0 * each(math.log10, np.maximum(distance_m, NEAREST_M))
