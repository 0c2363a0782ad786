"""The best-response curves of two leaders, and the point where they meet."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from simmig.contracts import AnalyticGame, Equilibrium, FloatArray
from simmig.errors import InputError
from simmig.report.drawing import BLUE, INK, ORANGE, RASTER_DPI, STYLE
from simmig.report.solution import Names

_PRICES = 61  # of each leader
_SIZE_IN = (5.0, 4.6)


def best_responses(
    game: AnalyticGame, found: Equilibrium, pair: tuple[int, int], bounds: tuple[FloatArray, FloatArray], follower: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return (price of a, best reply of b, price of b, best reply of a) of leaders a and b, each of shape [61].

    The other leaders keep the prices of `found`. `bounds` are the lowest and highest prices [J]; with individual prices
    the curves are those towards one follower.
    """
    a, b = pair
    low, high = bounds
    curves = []
    for mover, other in ((a, b), (b, a)):
        tried = np.linspace(low[mover], high[mover], _PRICES)
        replies = np.empty(_PRICES)
        for k, value in enumerate(tried):
            price = np.array(found.price)
            place = (follower, mover) if game.individual_prices else (mover,)
            price[place] = value
            answer = game.best_price(price)
            replies[k] = answer[(follower, other) if game.individual_prices else (other,)]
        curves += [tried, replies]
    return curves[0], curves[1], curves[2], curves[3]


def draw_best_responses(
    curves: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    at: tuple[float, float],
    leaders: tuple[str, str],
    whom: str,
    path: Path,
) -> None:
    """Write the two curves and the equilibrium `at` as a picture; the file's ending says of which kind.

    `whom` follows "price of ..." on the axes. Raises InputError if the file cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=_SIZE_IN, layout="constrained")
        axes = figure.subplots()
        axes.plot(curves[0], curves[1], color=BLUE, label=f"best price of {leaders[1]}")
        axes.plot(curves[3], curves[2], color=ORANGE, label=f"best price of {leaders[0]}")
        axes.plot(*at, "o", color=INK, markersize=5, label="equilibrium")
        axes.set_xlabel(f"price of {leaders[0]}{whom}")
        axes.set_ylabel(f"price of {leaders[1]}{whom}")
        axes.legend(frameon=False)
        try:
            figure.savefig(path, dpi=RASTER_DPI)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        except ValueError:
            raise InputError(f"{path}: cannot be written; expected a name that ends in .png, .svg or .pdf") from None


def leader_pair(names: Names, chosen: str | None) -> tuple[int, int]:
    """Return the indices of the two leaders named "a,b", or of the first two; raises InputError."""
    leaders = names[1]
    if len(leaders) < 2:
        raise InputError("--plot: the game has one leader; expected two whose best responses can meet")
    if chosen is None:
        return 0, 1
    parts = [part.strip() for part in chosen.split(",")]
    if len(set(parts)) != 2 or not set(parts) <= set(leaders):
        raise InputError(f"--leaders {chosen}: expected two of {', '.join(leaders[:10])}, with a comma between")
    return leaders.index(parts[0]), leaders.index(parts[1])
