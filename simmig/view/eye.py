"""From metres to the plane of a picture: a plan from above, or a view in perspective."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray

_TURN, _PITCH = -0.5, 0.62  # radians; the page starts with the same view
_AWAY = 2.6  # distance of the eye, in widths of what is shown


@dataclass(frozen=True, slots=True)
class Eye:
    """Where a picture is seen from: centre_m[2] of the ground, and the width of what is shown; is_flat: from above."""

    centre_m: FloatArray
    size_m: float
    is_flat: bool

    def project(self, xyz_m: FloatArray) -> FloatArray:
        """Return the places xy[K, 2] of points xyz_m[K, 3], in metres at the centre."""
        if self.is_flat:
            return np.asarray(xyz_m[:, :2])
        dx, dy = (xyz_m[:, :2] - self.centre_m).T
        across = dx * math.cos(_TURN) + dy * math.sin(_TURN)
        along = dy * math.cos(_TURN) - dx * math.sin(_TURN)
        eye_m = _AWAY * self.size_m
        away = eye_m + along * math.cos(_PITCH) - xyz_m[:, 2] * math.sin(_PITCH)
        scale = eye_m / np.maximum(away, 0.05 * eye_m)
        upward = along * math.sin(_PITCH) + xyz_m[:, 2] * math.cos(_PITCH)
        return np.column_stack((across * scale, upward * scale))
