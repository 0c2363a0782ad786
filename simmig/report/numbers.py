"""Numbers as a reader wants them: few digits, thousands apart, powers of ten in superscript."""

from __future__ import annotations

import math

NOTHING = "–"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_STEPS = ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (1e-6, "µs", 1e6), (1e-9, "ns", 1e9))


def number(value: float | None, digits: int = 4) -> str:
    """Return the value with this many significant digits, integers in full, a dash for None or NaN."""
    if value is None or math.isnan(value):
        return NOTHING
    if isinstance(value, int) or value == 0.0 or math.isinf(value):
        return f"{value:,}".replace("-", "−") if isinstance(value, int) else f"{value:g}".replace("inf", "∞")
    exponent = int(f"{value:.{digits - 1}e}".rpartition("e")[2])
    if not -4 <= exponent < 7:
        mantissa = f"{value:.{digits - 1}e}".partition("e")[0]
        return f"{mantissa} × {power_of_ten(exponent)}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - exponent, 0)}f}".replace("-", "−")


def percent(share: float | None) -> str:
    """Return a share as a percentage to 3 digits that says 100 % or 0 % only if it is exactly that."""
    if share is None:
        return NOTHING
    if 0.9995 <= share < 1.0:
        return "> 99.9 %"
    return "< 0.01 %" if 0.0 < share < 1e-4 else f"{number(100 * share, 3)} %"


def power_of_ten(exponent: int) -> str:
    """Return 10 with a superscript exponent."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def duration(value_s: float | None, digits: int = 3) -> str:
    """Return a time span in the unit that suits its size."""
    if value_s is None or math.isnan(value_s):
        return NOTHING
    for least, unit, factor in _STEPS:
        if abs(value_s) >= least:
            return f"{number(value_s * factor, digits)} {unit}"
    return "0 s"


def decade(value: float) -> str:
    """Return a tick at a power of ten, which comes out of a float's logarithm, as a superscript power."""
    return power_of_ten(round(math.log10(value)))


def tick_duration(value_s: float) -> str:
    """Return a tick's time span without needless zeros: 1 s, 20 ms, 1.5 s."""
    amount, _, unit = duration(value_s).partition(" ")
    return f"{amount.rstrip('0').rstrip('.') if '.' in amount else amount} {unit}"


def shorten(text: str, most: int = 24) -> str:
    """Return the text on one line, control characters replaced, its middle left out if it is too long."""
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    if len(clean) <= most:
        return clean
    head = (most - 1) // 2
    return f"{clean[:head]}…{clean[head + 1 - most :]}"
