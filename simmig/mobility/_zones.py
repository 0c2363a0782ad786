"""Round coverage zones as arrays: discs, spheres and cylinders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.mobility._blocks import Box
from simmig.mobility.sites import Sites


@dataclass(frozen=True, slots=True)
class RoundZones:
    """Z closed zones, each the points whose squared distance from centre[D][Z] is at most radius2[Z].

    `upright` weighs the height in that distance: 1 for a sphere, 0 for a disc or a cylinder. A cylinder's height is
    in [low, high]. Every method takes points or boxes, and the zone that each is asked about.
    """

    rsu: IntArray
    centre: list[FloatArray]
    radius2: FloatArray
    upright: FloatArray
    low: FloatArray
    high: FloatArray

    def excess_m2(self, axes: Sequence[FloatArray], zone: IntArray) -> FloatArray:
        """Return the squared distance from the centre less the squared radius."""
        offset = [axis - centre[zone] for axis, centre in zip(axes, self.centre, strict=True)]
        return self.square_m2(offset, zone) - self.radius2[zone]

    def square_m2(self, offset: Sequence[FloatArray], zone: IntArray) -> FloatArray:
        """Return the squared length of vectors, as the zone measures it."""
        total = offset[0] * offset[0] + offset[1] * offset[1]
        if len(offset) == 3:
            total += offset[2] * offset[2] * self.upright[zone]
        return total

    def contain(self, axes: Sequence[FloatArray], zone: IntArray) -> BoolArray:
        """Return whether points are inside."""
        inside = self.excess_m2(axes, zone) <= 0.0
        if len(axes) == 3:
            inside &= (axes[2] >= self.low[zone]) & (axes[2] <= self.high[zone])
        return inside

    def reach(self, box: Box, zone: IntArray) -> BoolArray:
        """Return whether boxes have points inside."""
        return self._sides(box, zone)[0]

    def straddle(self, box: Box, zone: IntArray) -> BoolArray:
        """Return whether boxes have points both inside and outside.

        Rounding is monotone and the arithmetic is that of `contain`: what is decided for a box holds for every
        point in it, to the last bit.
        """
        has_inside, has_outside = self._sides(box, zone)
        return has_inside & has_outside

    def _sides(self, box: Box, zone: IntArray) -> tuple[BoolArray, BoolArray]:
        near, far = [], []
        for low, high, centre in zip(*box, self.centre, strict=True):
            middle = centre[zone]
            below, above = low - middle, middle - high
            near.append(np.maximum(np.maximum(below, above), 0.0))
            far.append(np.minimum(below, above))
        radius2 = self.radius2[zone]
        has_inside = self.square_m2(near, zone) - radius2 <= 0.0
        has_outside = self.square_m2(far, zone) - radius2 > 0.0
        if len(near) == 3:
            bottom, top = self.low[zone], self.high[zone]
            has_inside &= (box[1][2] >= bottom) & (box[0][2] <= top)
            has_outside |= (box[0][2] < bottom) | (box[1][2] > top)
        return has_inside, has_outside


def round_zones(sites: Sites, margin_m: float, dimensions: int) -> RoundZones:
    """Return the round zones of the sites, their radii less a margin; those with nothing left are left out.

    On the ground plane (two dimensions, height 0) a sphere is the disc it cuts out of the plane.
    """
    shape = np.array(sites.shape)
    radius = sites.radius_m - margin_m
    height = sites.xyz_m[:, 2]
    is_ball = shape == "sphere"
    low, high = np.where((shape == "cylinder")[:, None], sites.z_range_m, (-np.inf, np.inf)).T
    radius2 = radius * radius
    keep = (shape != "polygon") & (radius > 0.0)
    if dimensions == 2:
        radius2 = np.where(is_ball, radius2 - height * height, radius2)
        keep &= (radius2 >= 0.0) & (low <= 0.0) & (high >= 0.0)
    rsu = np.flatnonzero(keep)
    centre = [np.ascontiguousarray(sites.xyz_m[rsu, axis]) for axis in range(dimensions)]
    return RoundZones(rsu, centre, radius2[rsu], is_ball[rsu].astype(np.float64), low[rsu], high[rsu])
