"""Conversions between decibels and ratios, seconds and nanoseconds, and the physical constants in use."""

import math

SPEED_OF_LIGHT_M_S = 299_792_458.0  # exact, SI 2019
BOLTZMANN_J_K = 1.380649e-23  # exact, SI 2019
NOISE_TEMPERATURE_K = 290.0  # IEEE standard noise temperature
BIT_PER_MB = 8e6  # 1 MB = 10^6 bytes
NS_PER_S = 1_000_000_000
NS_PER_US = 1_000


def db_to_ratio(value_db: float) -> float:
    """Return the power ratio of a value in decibels."""
    return float(10.0 ** (value_db / 10.0))


def ratio_to_db(ratio: float) -> float:
    """Return the decibels of a power ratio; -inf for 0.

    Raises ValueError for a negative ratio.
    """
    if ratio < 0.0:
        raise ValueError(f"a power ratio cannot be negative, got {ratio!r}")
    return 10.0 * math.log10(ratio) if ratio > 0.0 else -math.inf


def dbm_to_w(power_dbm: float) -> float:
    """Return the power in watts."""
    return db_to_ratio(power_dbm) * 1e-3


def w_to_dbm(power_w: float) -> float:
    """Return the power in dBm; raises ValueError if it is negative."""
    return ratio_to_db(power_w / 1e-3)


def s_to_ns(duration_s: float) -> int:
    """Return the duration in whole nanoseconds, rounded to nearest.

    Raises ValueError if the duration is not finite: a NaN would run the clock backwards.
    """
    if not math.isfinite(duration_s):
        raise ValueError(f"a duration must be finite, got {duration_s!r} s")
    return round(duration_s * NS_PER_S)


def ns_to_s(time_ns: int) -> float:
    """Return the time in seconds."""
    return time_ns / NS_PER_S
