"""When a vehicle's twin has to move, and whereto: one trigger in each file."""

from __future__ import annotations

from dataclasses import dataclass

from simmig.contracts import FloatArray
from simmig.mobility.coverage import Intervals
from simmig.mobility.positions import Positions
from simmig.mobility.sites import Sites
from simmig.mobility.trace import Trace


@dataclass(frozen=True, slots=True)
class TriggerScene:
    """What a trigger is armed with: all movement, all RSUs, and how their strengths compare.

    coverage: the visits of `trace` to the zones of `sites`, without a margin. bonus_db[J]: differences of transmit
    power; exponent: of the path loss 10 exponent log10(distance).
    """

    trace: Trace
    sites: Sites
    positions: Positions
    coverage: Intervals
    bonus_db: FloatArray
    exponent: float
