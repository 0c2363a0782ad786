"""Elementary functions of arrays, one element at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simmig.contracts import FloatArray


def each(function: Callable[[float], float], values: FloatArray) -> FloatArray:
    """Return function(value) for every element, same shape as `values`.

    NumPy's log, exp and power take other instructions on another processor, and the last bit changes with
    them, which can move an event by a nanosecond; those of `math` do not. Costs about 60 ns an element.
    """
    return np.fromiter(map(function, values.ravel().tolist()), np.float64, values.size).reshape(values.shape)
