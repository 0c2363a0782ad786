"""Ping-pong: twins that come back to the RSU which they have just left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simmig.contracts import BoolArray
from simmig.metrics import column, is_done

if TYPE_CHECKING:
    import pandas as pd

# 3GPP TR 36.839 recommends 1 s for radio handovers, which take some 50 ms; twins take seconds to move.
PING_PONG_S = 10.0


def returned(migrations: pd.DataFrame, window_s: float = PING_PONG_S) -> BoolArray:
    """Return which migrations brought a twin back, shape [N]: after B to A, it went A to B within the window.

    After the time of stay of 3GPP TR 36.839: from the moment at which the twin ran at A to that at which it ran at B
    again. Needs the columns vehicle, source, target, outcome and completed_s; only completed migrations count.
    """
    found = np.zeros(len(migrations), dtype=bool)
    at = np.flatnonzero(is_done(migrations))
    vehicle, source, target = (migrations[name].astype(str).to_numpy()[at] for name in ("vehicle", "source", "target"))
    completed_s = column(migrations, "completed_s")[at]
    order = np.lexsort((completed_s, vehicle))
    before, after = order[:-1], order[1:]
    is_back = (
        (vehicle[before] == vehicle[after]) & (source[before] == target[after]) & (target[before] == source[after])
    )
    is_back &= completed_s[after] - completed_s[before] < window_s
    found[at[after]] = is_back
    return found
