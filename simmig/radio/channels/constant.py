"""One gain at every distance, as 001 has it."""

from __future__ import annotations

import numpy as np

from simmig.contracts import Channel as ChannelContract
from simmig.contracts import FloatArray


class Channel(ChannelContract):
    """The same power gain at every distance (001, Table II gives -25 to -22 dB)."""

    gain_db: float

    def path_loss_db(self, distance_m: FloatArray, carrier_hz: float) -> FloatArray:
        """Return the path loss in dB, same shape as `distance_m`."""
        return np.full(np.shape(distance_m), -self.gain_db)
