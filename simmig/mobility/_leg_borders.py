"""Where straight legs cross the borders of discs: the few of their segments that have to be looked at."""

from __future__ import annotations

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.mobility._legs import Legs
from simmig.mobility._zones import RoundZones
from simmig.mobility.grouped import spread

_ROUNDING = 1e-12  # of a squared distance: far more than it may be wrong by


def border_segments(legs: Legs, zones: RoundZones, path: IntArray, zone: IntArray) -> tuple[IntArray, IntArray]:
    """Return (segment, group) for all segments that may cross a border, in order.

    Group g asks about path[g] and zone[g], in order of both. A segment is left out only if its whole leg, or its part
    of it, is off the border by more than its fixes are off the leg.
    """
    if not len(path):
        return path, path
    asked, column_of = np.unique(zone, return_inverse=True)
    leg, column, start, slope, band = _near_border(legs, zones, asked)
    group_of = np.full((max(path[-1], legs.path[-1]) + 1, len(asked)), -1)
    group_of[path, column_of] = np.arange(len(path))
    group = group_of[legs.path[leg], column]
    order = np.argsort(group, kind="stable")
    order = order[np.searchsorted(group[order], 0) :]
    leg, group = leg[order], group[order]
    first, last = _ranges(legs, leg, start[order], slope[order], band[order])
    owner, segment = spread(first, last - first + 1)
    return segment, np.repeat(group, 2)[owner]


def _near_border(
    legs: Legs, zones: RoundZones, asked: IntArray
) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]:
    """Return (leg, column of `asked`, start, slope, band) for legs that come near the borders of zones.

    Along the leg the excess is start + slope u + length^2 u^2, and at the fixes within `band` of that.
    """
    centre_x, centre_y = (centre[asked] for centre in zones.centre)
    (x_m, y_m), (step_x, step_y) = legs.begin, legs.step()
    length2 = (step_x * step_x + step_y * step_y)[:, None]
    from_x, from_y = x_m[:, None] - centre_x, y_m[:, None] - centre_y
    slope = 2.0 * (from_x * step_x[:, None] + from_y * step_y[:, None])
    start = from_x * from_x + from_y * from_y - zones.radius2[asked]
    top = np.maximum(start, start + slope + length2)
    reach2 = top.max(axis=1) + 2.0 * zones.radius2.max()
    band = (2.0 * np.sqrt(reach2) + legs.sway_m) * legs.sway_m + _ROUNDING * reach2
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest_at = np.clip(slope / (-2.0 * length2), 0.0, 1.0)
    lowest_at[length2[:, 0] == 0.0] = 0.0
    bottom = start + lowest_at * (slope + lowest_at * length2)
    near = np.flatnonzero((bottom <= band[:, None]) & (top >= -band[:, None]))
    leg, column = np.divmod(near, len(asked))
    return leg, column, start.ravel()[near], slope.ravel()[near], band[leg]


def _ranges(
    legs: Legs, leg: IntArray, start: FloatArray, slope: FloatArray, band: FloatArray
) -> tuple[IntArray, IntArray]:
    """Return the first and last segments, shape [2 K] each, in which each leg may enter and leave its zone.

    The excess is within the band between two roots before the lowest point, and again between two behind it; where
    the leg does not come deeper than the band, all between the outer roots is one range and the second is empty.
    """
    step_x, step_y = legs.step()
    length2 = (step_x * step_x + step_y * step_y)[leg]
    disc, twice = slope * slope - 4.0 * length2 * start, 4.0 * length2 * band
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, scale = slope / (-2.0 * length2), 0.5 / length2
        outer, inner = np.sqrt(disc + twice) * scale, np.sqrt(disc - twice) * scale
    # A leg of no length has no roots: then fmax and fmin make it one range from 0 to 1.
    low, high = np.fmax(middle - outer, 0.0), np.fmin(middle + outer, 1.0)
    enters, leaves = middle - inner, middle + inner
    bounds = [np.clip(bound, 0.0, 1.0) for bound in (low, np.fmin(enters, high), np.fmax(leaves, low), high)]
    in_first, in_last = legs.ranges(leg, bounds[0], bounds[1])
    out_first, out_last = legs.ranges(leg, bounds[2], bounds[3])
    in_last = np.where(enters < 0.0, in_first - 1, in_last)
    out_first = np.where(leaves <= 1.0, np.maximum(out_first, in_last + 1), out_last + 1)
    first = np.stack((in_first, np.minimum(out_first, out_last + 1)), axis=1)
    return first.ravel(), np.stack((in_last, out_last), axis=1).ravel()
