"""Places for road-side units: on a grid, as a honeycomb, or where the traffic is."""

from __future__ import annotations

import math

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import InputError
from simmig.mobility.cleaning.sampling import resample
from simmig.mobility.trace import Trace
from simmig.rng import stream

MOST = 100_000  # places; more is a spacing in the wrong unit
_MOST_SAMPLES = 200_000
_STEP_S = 1.0


def grid(box_m: tuple[float, float, float, float], spacing_m: float) -> tuple[FloatArray, float]:
    """Return places [K, 2] on squares that cover a box (least x, least y, greatest x, greatest y), and a radius.

    With that radius, spacing / sqrt(2), discs around the places leave no gap in the box. The grid is centred on it.
    Raises InputError unless the spacing is positive and gives at most MOST places.
    """
    x_m, y_m = (_line(low, high, spacing_m) for low, high in ((box_m[0], box_m[2]), (box_m[1], box_m[3])))
    _check_count(len(x_m) * len(y_m), spacing_m)
    places = np.stack(np.meshgrid(x_m, y_m), axis=-1).reshape(-1, 2)
    return places, spacing_m / math.sqrt(2.0)


def honeycomb(box_m: tuple[float, float, float, float], spacing_m: float) -> tuple[FloatArray, float]:
    """Return places [K, 2] in the middles of hexagons that cover a box, and the radius spacing / sqrt(3).

    Every place has its nearest six others at the spacing: the fewest discs without a gap (Kershner 1939). Raises
    InputError as `grid` does.
    """
    row_m = spacing_m * math.sqrt(3.0) / 2.0
    # Halfway between two neighbours of a row their discs reach spacing / sqrt(12) beyond it.
    y_m = _line(box_m[1], box_m[3], row_m, reach_m=spacing_m / math.sqrt(12.0) - row_m / 2.0)
    x_m = _line(box_m[0], box_m[2], spacing_m)
    _check_count((len(x_m) + 1) * len(y_m), spacing_m)
    rows = [
        np.stack([row_x_m, np.full(len(row_x_m), y)], axis=1)
        for k, y in enumerate(y_m.tolist())
        for row_x_m in [x_m if k % 2 == 0 else np.append(x_m - spacing_m / 2.0, x_m[-1] + spacing_m / 2.0)]
    ]
    return np.concatenate(rows), spacing_m / math.sqrt(3.0)


def by_traffic(trace: Trace, count: int, seed: int = 0) -> FloatArray:
    """Return `count` places [K, 2] that are near where vehicles spend their time: k-means over positions every second.

    Of many positions an even share is taken. Places are sorted by x, then y. Raises InputError for less than one
    place, or more than there are different positions.
    """
    from scipy.cluster.vq import kmeans2

    samples = resample(trace, _STEP_S, 120.0)
    xy_m = np.stack([samples.x_m, samples.y_m], axis=1)
    xy_m = xy_m[:: max(len(xy_m) // _MOST_SAMPLES, 1)]
    different = len(np.unique(xy_m, axis=0))
    if not 1 <= count <= different:
        raise InputError(f"{count} RSUs for traffic at {different} different places; expected 1 to {different}")
    places, _ = kmeans2(xy_m, count, minit="++", rng=stream(seed, "rsus", "traffic"), missing="raise")
    return np.asarray(places[np.lexsort((places[:, 1], places[:, 0]))])


def _line(low_m: float, high_m: float, spacing_m: float, reach_m: float = 0.0) -> FloatArray:
    """Return points on a line, centred, so that each spacing / 2 + reach around them covers it."""
    if not (spacing_m > 0.0 and high_m >= low_m):
        raise InputError(f"spacing {spacing_m:g} m for {low_m:g} to {high_m:g} m; expected more than 0, and a box")
    count = max(math.ceil((high_m - low_m - 2.0 * reach_m) / spacing_m - 1e-9), 1)
    _check_count(count, spacing_m)
    steps = np.arange(count, dtype=np.float64) - (count - 1) / 2.0
    return (low_m + high_m) / 2.0 + steps * spacing_m


def _check_count(count: int, spacing_m: float) -> None:
    if count > MOST:
        raise InputError(f"spacing {spacing_m:g} m makes {count} RSUs; expected at most {MOST}: a larger spacing")
