"""Maxima of utilities: of one price over its whole range, for many at a time, and of all prices from a start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simmig.contracts import FloatArray, IntArray

# Prices [N] and which of several functions each is put to [N], to values [N].
Utility = Callable[[FloatArray, IntArray], FloatArray]

_BASINS = 3  # the best local maxima among the nodes, each of which is looked into
_INSIDE = 8  # prices tried in each zoom, evenly inside a bracket of which it keeps two ninths
_KINK_STEPS = 60
_KINK = 1e-12  # relative change of a price that is no step to a kink any more
_STEPS = 500
_FIRST = 0.1  # of a first step; points are logarithms of prices
_HALVINGS = 40
_RISE = 1e-4  # part of the rise foretold that a step must bring
_ROUNDING = 1e-13  # relative rise that is not worth a step
_LEVEL = 1e-9  # relative difference that may be rounding: the top of a parabola is better known than its height


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be as high as possible: its values at points [N, J], and its derivatives at a point, both [J]."""

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]


def ascend(
    goal: Goal, start: FloatArray, bounds: tuple[FloatArray, FloatArray], accuracy: float
) -> tuple[FloatArray, float, bool]:
    """Return a local maximum of `goal` within `bounds`, its value, and whether it is one.

    Projected quasi-Newton steps (Bertsekas 1982), updated as by Broyden, Fletcher, Goldfarb and Shanno. It is one if no
    slope that points inside exceeds `accuracy` times the value, or if no step up the slope changes the value any more.
    """
    low, high = bounds
    point, value, slope, model = start, float(goal.value(start[None])[0]), goal.slope(start), None
    for _ in range(_STEPS):
        free = ((point > low) | (slope > 0.0)) & ((point < high) | (slope < 0.0))
        steepest = float(np.abs(slope[free]).max(initial=0.0))
        if steepest <= accuracy * abs(value):
            return point, value, True
        bent = np.eye(len(point)) * (_FIRST / steepest) if model is None else model
        step = np.where(free, (np.where(free, bent, 0.0) * slope).sum(axis=1), 0.0)
        moved, reached = _longest(goal, (point, value, slope), step, bounds)
        if reached > value:
            tilt = goal.slope(moved)
            model = _updated(bent, moved - point, np.where(free, slope - tilt, 0.0))
            point, value, slope = moved, reached, tilt
        elif model is None:
            return point, value, True
        else:
            model = None
    return point, value, False


def _longest(
    goal: Goal, here: tuple[FloatArray, float, FloatArray], step: FloatArray, bounds: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, float]:
    """Return where the longest step leads that rises as the slope foretells (Armijo 1966); `here` if none does."""
    point, value, slope = here
    little, foretold = _ROUNDING * abs(value), float((slope * step).sum())
    for _ in range(_HALVINGS):
        if foretold <= little:
            break
        moved = np.minimum(np.maximum(point + step, bounds[0]), bounds[1])
        reached = float(goal.value(moved[None])[0])
        if reached > value + max(_RISE * float((slope * (moved - point)).sum()), little):
            return moved, reached
        step, foretold = 0.5 * step, 0.5 * foretold
    return point, value


def _updated(model: FloatArray, step: FloatArray, fall: FloatArray) -> FloatArray:
    """Return the inverse of the curvature after `step` made the slope fall by `fall`; as it was where it rose."""
    along = float((step * fall).sum())
    if along <= 1e-12 * float((fall * fall).sum()) * float(np.abs(model).max()):
        return model
    bend = (model * fall).sum(axis=1)
    size = (1.0 + float((fall * bend).sum()) / along) / along
    cross = step[:, None] * bend / along
    return np.asarray(model + size * step[:, None] * step - cross - cross.T)


def highest(utility: Utility, nodes: FloatArray, zooms: int) -> tuple[FloatArray, FloatArray]:
    """Return the best price of each of R functions and its utility there: [R].

    `nodes[G, R]` rise from one end of each range to the other. The best is found if its basin shows among the nodes. A
    zoom cuts the bracket of a maximum to two ninths; a parabola through the best price and one on either side gives
    the rest.
    """
    column = np.arange(nodes.shape[1])
    value = _values(utility, nodes, column)
    top, line = _basins(value)
    tried, value = nodes[:, line], value[:, line]
    inside = (np.arange(_INSIDE + 2) / (_INSIDE + 1))[:, None]
    for _ in range(zooms):
        left, right = _sides(tried, top)
        tried = left + (right - left) * inside
        value = _values(utility, tried, line)
        top = value.argmax(axis=0)
    price, height = _crest(utility, (tried, value, top), (nodes[0, line], nodes[-1, line]), line)
    order = np.lexsort((-height, line))
    first = order[np.searchsorted(line[order], column)]
    return price[first], height[first]


def at_kinks(
    utility: Utility, shadow: Utility, found: tuple[FloatArray, FloatArray], nodes: FloatArray, zooms: int
) -> tuple[FloatArray, FloatArray]:
    """Return the best prices and utilities [R] that `highest` found, those at a kink moved onto it.

    A kink is where sales just fit a capacity: there `shadow`, the shadow price, has fallen to 0. Secants of it find it
    from below, where they do not jump beyond.
    """
    best, height = found
    line = np.arange(len(best))
    bracket = 2.0 * (nodes[1] - nodes[0]) * (2.0 / (_INSIDE + 1)) ** zooms
    below = np.maximum(best - bracket, nodes[0])
    left = shadow(below, line)
    is_kink = left > 0.0
    if not bool(is_kink.any()):
        return best, height
    moved = np.minimum(below + left, nodes[-1])
    for _ in range(_KINK_STEPS):
        there = shadow(moved, line)
        is_below = there > 0.0
        falls = is_below & (there < left) & (moved > below)
        run = np.where(falls, there * (moved - below) / np.where(falls, left - there, 1.0), there)
        after = np.where(is_below, np.minimum(moved + run, nodes[-1]), 0.5 * (below + moved))
        below, left = np.where(is_below, moved, below), np.where(is_below, there, left)
        if bool((np.abs(after - moved) <= _KINK * moved)[is_kink].all()):
            break
        moved = after
    at_kink = utility(below, line)
    is_better = is_kink & (at_kink > height)
    return np.where(is_better, below, best), np.where(is_better, at_kink, height)


def _values(utility: Utility, tried: FloatArray, line: IntArray) -> FloatArray:
    return utility(tried.ravel(), np.tile(line, len(tried))).reshape(tried.shape)


def _basins(value: FloatArray) -> tuple[IntArray, IntArray]:
    """Return node and function of the best local maxima of each function, up to _BASINS of each.

    Those that could not win if the function rose past them twice as much as it rose towards them are left out.
    """
    left, right = np.vstack([value[:1], value[:-1]]), np.vstack([value[1:], value[-1:]])
    reach = value + 2.0 * (value - np.minimum(left, right))
    is_top = (value >= left) & (value >= right) & (reach >= value.max(axis=0))
    order = np.argsort(np.where(is_top, -value, np.inf), axis=0, kind="stable")[:_BASINS]
    line = np.broadcast_to(np.arange(value.shape[1]), order.shape)
    chosen = is_top[order, line]
    return order[chosen], line[chosen]


def _sides(tried: FloatArray, top: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the neighbours of the price `top` of each column of `tried[G, N]`."""
    column = np.arange(len(top))
    return tried[np.maximum(top - 1, 0), column], tried[np.minimum(top + 1, len(tried) - 1), column]


def _crest(
    utility: Utility,
    found: tuple[FloatArray, FloatArray, IntArray],
    ends: tuple[FloatArray, FloatArray],
    line: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the top of a parabola around the best price of each column, and its utility; the best one if higher."""
    tried, value, top = found
    column = np.arange(len(top))
    middle, height = tried[top, column], value[top, column]
    left, right = _sides(tried, top)
    reach = np.maximum(middle - left, right - middle)  # the same on both sides: rounding then does least harm
    left, right = np.maximum(middle - reach, ends[0]), np.minimum(middle + reach, ends[1])
    sides = _values(utility, np.stack([left, right]), line)
    is_inside = (left < middle) & (middle < right)
    rise = (height - sides[0]) / np.where(is_inside, middle - left, 1.0)
    fall = (height - sides[1]) / np.where(is_inside, right - middle, 1.0)
    is_inside &= rise + fall > 0.0
    shift = 0.5 * (rise * (right - middle) - fall * (middle - left)) / np.where(is_inside, rise + fall, 1.0)
    price = middle + np.where(is_inside, shift, 0.0)
    at_top = utility(price, line)
    is_better = at_top >= height - _LEVEL * np.abs(height)
    return np.where(is_better, price, middle), np.where(is_better, at_top, height)
