"""Where RSUs stand and the zones they cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simmig.contracts import FloatArray

ZoneShape = Literal["disc", "sphere", "cylinder", "polygon"]
Rings = tuple[FloatArray, ...]  # closed or open rings of vertices [K, 2]; even-odd rule, so holes are just rings


@dataclass(frozen=True, slots=True)
class Sites:
    """J RSUs and their coverage zones, in the metric frame of the traces.

    rsu_id[J]; xyz_m[J, 3]; shape[J]; radius_m[J] (NaN for a polygon); z_range_m[J, 2] (cylinders and polygons,
    -inf..inf when open); rings[J] (None unless polygon). A disc is a cylinder of any height.
    """

    rsu_id: tuple[str, ...]
    xyz_m: FloatArray
    shape: tuple[ZoneShape, ...]
    radius_m: FloatArray
    z_range_m: FloatArray
    rings: tuple[Rings | None, ...]

    @property
    def count(self) -> int:
        """Number of RSUs, J."""
        return len(self.rsu_id)
