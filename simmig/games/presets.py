"""Named markets: the game of each paper with its players' parameters, as a scenario or a game file has them.

A preset gives the game itself, the followers' preferences and what the leaders ask and offer; the file overrides any of
it. Tasks, queues and radio are settings of their own (`radio.preset`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MarketPreset:
    """A preset: what it is, where its numbers are from, and the settings; `leaders` has prices and the `offer`.

    `efficiency_bit_s_hz` is for a game without a map, where there is no radio that says it.
    """

    description: str
    source: str
    game: Mapping[str, object]
    preferences: Mapping[str, object]
    leaders: Mapping[str, object]
    efficiency_bit_s_hz: object
    tie: object | None = None  # weight of a social tie


MARKET_PRESETS: Mapping[str, MarketPreset] = {
    "paper-001": MarketPreset(
        description="UAV twins: individual prices, budgets, immersion",
        source="001, Table II; the budget is not given there, and l, c, s uniform on [0, 1] would leave 35 of 36 pairs "
        "without a trade, so the product is drawn between the threshold and 1",
        game={"kind": "immersion"},
        preferences={
            "delta": {"uniform": [10.0, 20.0]},
            "budget": {"uniform": [8.0, 30.0]},
            "ssim": {"uniform": [0.55, 1.0]},
            "ssim_threshold": {"uniform": [0.5, 0.55]},
        },
        leaders={"cost": {"uniform": [1.0, 4.0]}, "price_max": {"uniform": [5.0, 35.0]}},
        efficiency_bit_s_hz={"uniform": [35.5, 39.5]},
    ),
    "paper-002": MarketPreset(
        description="vehicular twins: one price for each RSU, social ties, deadlines",
        source="002, section VI, in the units in which its figures are consistent: demand in 10^7 Hz, prices ten times "
        "those plotted; normal laws are cut where they make no sense",
        game={"kind": "social"},
        preferences={
            "alpha": {"normal": [30.0, 1.0], "low": 26.0, "high": 34.0},
            "beta": {"normal": [30.0, 1.0], "low": 26.0, "high": 34.0},
        },
        leaders={"cost": {"normal": [1.0, 0.5], "low": 0.2, "high": 2.0}, "price_max": 15.0},
        efficiency_bit_s_hz=38.541209,
        tie={"normal": [5.0, 1.0], "low": 2.0, "high": 8.0},
    ),
    "paper-003": MarketPreset(
        description="embodied-agent twins: pairing by quality over price, social effects",
        source="003, section VI, which has no table: effects and qualities are chosen so that demand has a bound at "
        "every price between cost and cap",
        game={"kind": "embodied"},
        preferences={"delta": {"uniform": [10.0, 15.0]}, "delay_cost": {"uniform": [1.0, 2.0]}},
        leaders={
            "cost": {"uniform": [1.5, 3.0]},
            "price_max": 15.0,
            "offer": {
                "quality": {"uniform": [0.7, 1.0]},
                "quality_threshold": {"uniform": [0.5, 0.55]},
            },
        },
        efficiency_bit_s_hz=38.541209,
        tie={"uniform": [0.0, 0.005]},
    ),
}
