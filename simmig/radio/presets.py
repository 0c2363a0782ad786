"""Named sets of radio settings: those of the papers, and one that a real radio could have.

Settings are written as in the `[radio]` section of a scenario, draws included. No real link is as good as
those of the papers (a 256-QAM symbol carries 8 bits), but without that most twins of 002 miss their
deadlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RadioPreset:
    """A preset: what it is, where the numbers are from, and the settings as a scenario has them."""

    description: str
    source: str
    settings: Mapping[str, object]


RADIO_PRESETS: Mapping[str, RadioPreset] = {
    "paper-001": RadioPreset(
        description="UAV twins: SNR of 107 to 119 dB at any distance, 35.5 to 39.5 bit/s/Hz",
        source="001, Table II, equations (1) to (3); m, g and sigma^2 are drawn for each RSU",
        settings={
            "channel": {"kind": "constant", "gain_db": {"uniform": [-25.0, -22.0]}},
            "tx_power_dbm": {"uniform": [20.0, 25.0]},
            "noise": {"kind": "fixed", "power_dbm": {"uniform": [-116.0, -112.0]}},
            "fading": {"kind": "none"},
            "rate": {"kind": "shannon"},
        },
    ),
    "paper-002": RadioPreset(
        description="vehicular twins: SNR of 116 dB at 500 m, 38.5 bit/s/Hz",
        source="002, section VI: 40 dBm, unit gain -20 dB, exponent 2, noise -150 dBm as a power",
        settings={
            "channel": {
                "kind": "log_distance",
                "exponent": 2.0,
                "reference_m": 1.0,
                "reference_gain_db": -20.0,
            },
            "tx_power_dbm": 40.0,
            "noise": {"kind": "fixed", "power_dbm": -150.0},
            "fading": {"kind": "none"},
            "rate": {"kind": "shannon"},
        },
    ),
    "physical": RadioPreset(
        description="street at 5.9 GHz, Rayleigh fading, thermal noise, 6.4 bit/s/Hz at most",
        source="log-distance exponent of a street, 30 dBm, noise figure 9 dB of a vehicle, NR link curves",
        settings={
            "channel": {"kind": "log_distance", "exponent": 2.7},
            "tx_power_dbm": 30.0,
            "carrier_hz": 5.9e9,
            "noise": {"kind": "per_hz", "figure_db": 9.0},
            "fading": {"kind": "rayleigh", "mode": "ergodic"},
            "rate": {"kind": "nr_256qam"},
        },
    ),
}
