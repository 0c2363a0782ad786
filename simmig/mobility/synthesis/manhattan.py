"""Manhattan movement: along the streets of a grid, turning at crossings by chance."""

from __future__ import annotations

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.synthesis.legs import US_PER_S, Path, build_trace, check_range, whole_us
from simmig.mobility.trace import Trace
from simmig.rng import stream

_WAYS = ((1, 0), (0, 1), (-1, 0), (0, -1))  # east, north, west, south: the next one is a turn to the left


def manhattan(
    vehicles: int,
    blocks: tuple[int, int],
    block_m: float,
    speed_m_s: tuple[float, float],
    duration_s: float,
    *,
    turn_share: float = 0.5,
    seed: int = 0,
) -> Trace:
    """Return vehicles `v00000`, ... on the streets around blocks[0] x blocks[1] square blocks (2-D).

    A vehicle starts at a random crossing. At every crossing it goes straight on, or turns left or right with half of
    `turn_share` each (ETSI TR 101 112, B.1.6.4: 0.5 in all); what would leave the grid is left out. Each block is
    driven at a speed uniform on `speed_m_s`. Vehicle k's draws depend on the seed and k alone. Raises TraceError for
    numbers out of bounds.
    """
    check_range(speed_m_s, "speed_m_s", is_positive=True)
    if min(blocks) < 1 or not (np.isfinite(block_m) and block_m > 0.0) or not 0.0 <= turn_share <= 1.0:
        raise TraceError(
            f"blocks = {blocks!r}, block_m = {block_m!r}, turn_share = {turn_share!r}: expected one block or more "
            "each way, a positive length, and a share from 0 to 1"
        )
    end_us = whole_us(duration_s, "duration_s")
    paths = {}
    for k in range(vehicles):
        paths[f"v{k:05d}"] = _drive(stream(seed, "manhattan", k), blocks, block_m, speed_m_s, end_us, turn_share)
    return build_trace(paths, None)


def _drive(
    rng: np.random.Generator,
    blocks: tuple[int, int],
    block_m: float,
    speed_m_s: tuple[float, float],
    end_us: int,
    turn_share: float,
) -> Path:
    column, row = (int(rng.integers(0, count + 1)) for count in blocks)
    way = int(rng.integers(4))
    t_us, places = [0], [(column * block_m, row * block_m)]
    while t_us[-1] < end_us:
        choice, speed = rng.random(), rng.uniform(*speed_m_s)
        way = _chosen(way, (column, row), blocks, turn_share, float(choice))
        column, row = column + _WAYS[way][0], row + _WAYS[way][1]
        arrival_us = t_us[-1] + max(round(block_m / speed * US_PER_S), 1)
        place = (column * block_m, row * block_m)
        if arrival_us > end_us:
            share = (end_us - t_us[-1]) / (arrival_us - t_us[-1])
            before = places[-1]
            place = (before[0] + share * (place[0] - before[0]), before[1] + share * (place[1] - before[1]))
            arrival_us = end_us
        t_us.append(arrival_us)
        places.append(place)
    return Path(np.array(t_us), np.array(places))


def _chosen(way: int, crossing: tuple[int, int], blocks: tuple[int, int], turn_share: float, choice: float) -> int:
    """Return the way to go from a crossing, by a number from 0 to 1."""
    weights = {way: 1.0 - turn_share, (way + 1) % 4: turn_share / 2.0, (way - 1) % 4: turn_share / 2.0}
    open_ = {
        w: weight
        for w, weight in weights.items()
        if 0 <= crossing[0] + _WAYS[w][0] <= blocks[0] and 0 <= crossing[1] + _WAYS[w][1] <= blocks[1]
    }
    total = sum(open_.values())
    if not total:  # straight on is closed and turns are never taken; at every crossing one of them is open
        open_ = dict.fromkeys(open_, 1.0)
        total = float(len(open_))
    for w, weight in open_.items():
        choice -= weight / total
        if choice < 0.0:
            return w
    return w
