"""How every figure of the report looks, and how it becomes inline SVG."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from simmig.contracts import FloatArray, IntArray
from simmig.records import Outcome

# Okabe and Ito 2008: told apart with every common kind of colour blindness.
ORANGE, SKY, GREEN, BLUE = "#e69f00", "#56b4e9", "#009e73", "#0072b2"
VERMILLION, PURPLE = "#d55e00", "#cc79a7"
DARK = (BLUE, GREEN, VERMILLION)  # text on these is white
SERIES = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)
# These become the page's own colours, so that figures follow its dark and its print style.
INK, MUTED, GRID, FAINT = "#1c2126", "#6a7178", "#dfe3e7", "#b3bac1"
_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", FAINT: "var(--faint)"}

DASHED = (0, (3, 3))
WIDTH_IN = 8.0
RASTER_DPI = 170
_FINE = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)  # ticks of a short logarithmic axis
RASTER_FROM = 2000  # marks: beyond this they are one picture inside the SVG

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 8.5,
    "font.size": 8,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "path.simplify": True,
    "svg.fonttype": "none",  # text stays text: small, selectable, in the reader's font
    "svg.hashsalt": "simmig",  # else the ids, and so the page, differ from run to run
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 7.5,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How an outcome is shown: colour, matplotlib marker, and the same sign in text."""

    colour: str
    marker: str
    sign: str


OUTCOMES = {
    Outcome.COMPLETED: Mark(GREEN, "o", "●"),
    Outcome.LATE: Mark(ORANGE, "^", "▲"),
    Outcome.REFUSED: Mark(PURPLE, "s", "■"),
    Outcome.LINK_LOST: Mark(VERMILLION, "X", "✖"),
    Outcome.TARGET_FAILED: Mark(BLUE, "D", "◆"),
    Outcome.OUT_OF_COVERAGE: Mark(SKY, "v", "▼"),
    Outcome.SUPERSEDED: Mark(MUTED, "P", "✚"),
    Outcome.UNFINISHED: Mark(INK, "*", "★"),
}


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend, which the page writes in HTML: matplotlib's drops names that start with "_"."""

    label: str
    colour: str
    sign: str = "━"

    @property
    def css(self) -> str:
        """The colour as the page writes it."""
        return _VARIABLES.get(self.colour, self.colour)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure of the page; the caption states n and what is left out."""

    name: str
    svg: Markup
    caption: str
    legend: Sequence[Key] = ()


def draw(name: str, title: str, height_in: float, paint: Callable[[Figure], None]) -> Markup:
    """Return what `paint` puts on an empty figure as inline SVG, its ids made unique by `name`."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # The browser draws the text with fonts of its own; matplotlib only measures it.
        warnings.filterwarnings("ignore", message="Glyph|Matplotlib currently does not support")
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        paint(figure)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", dpi=RASTER_DPI, transparent=True, metadata=nothing)
    return Markup(_inline(buffer.getvalue(), name, title))  # matplotlib has escaped the text it wrote


def _inline(svg: str, name: str, title: str) -> str:
    """Return the SVG element alone, its colours the page's, its ids prefixed; only tags change, not text."""

    def rewrite(tag: re.Match[str]) -> str:
        text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag[0])
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, variable)
        return text

    bare = re.sub(r"<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    bare = re.sub(r'\s(width|height)="[\d.]+pt"', "", bare, count=2)  # the page decides how wide it is
    body = re.sub(r"<[^>]*>", rewrite, bare)
    return body.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)


def evenly(count: int, most: int) -> IntArray:
    """Return at most `most` indices spread evenly over range(count), always the same ones."""
    if count <= most:
        return np.arange(count)
    return (np.arange(most) * count) // most


def log_x(axes: Axes, low: float, high: float, label: Callable[[float], str]) -> None:
    """Make the x axis logarithmic from low to high."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    _log_ticks(axes.xaxis, low, high, label)


def log_y(axes: Axes, low: float, high: float, label: Callable[[float], str]) -> None:
    """Make the y axis logarithmic from low to high."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    _log_ticks(axes.yaxis, low, high, label)


def _log_ticks(axis: Axis, low: float, high: float, label: Callable[[float], str]) -> None:
    """Put ticks at powers of ten, and between them where there would be few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    sparse = range(first, last + 1, max(1, (last - first) // 8))
    ticks: list[float] = []
    for exponents, steps in ((sparse, (1.0,)), (range(first, last), (1.0, 2.0, 5.0)), (range(first, last), _FINE)):
        ticks = [tick for k in exponents for s in steps if low * 0.999 <= (tick := s * 10.0**k) <= high * 1.001]
        if len(ticks) >= 3:
            break
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: label(value)))


def share_axis(axes: Axes, label: str) -> None:
    """Make the y axis a share from 0 to 1, shown in percent."""
    axes.set_ylim(0.0, 1.01)
    axes.yaxis.set_major_locator(FixedLocator([0.0, 0.25, 0.5, 0.75, 1.0]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.set_ylabel(label)


def paint_cumulative(
    axes: Axes, values: FloatArray, span: tuple[float, float], colour: str, width: float = 1.4
) -> None:
    """Draw which share of the values is at most x, from one end of the span to the other."""
    low, high = span
    value, share = cumulative(values)
    # What lies below the span is drawn at its start: an axis of logarithms has no 0.
    x = np.concatenate([[low], np.maximum(value, low), [max(high, float(value[-1]))]])
    axes.plot(x, [0.0, *share, 1.0], color=colour, linewidth=width, drawstyle="steps-post")


def cumulative(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (value, share of the values up to it) at up to 400 quantiles, the tail kept finer."""
    ordered = np.sort(values)
    steps = np.concatenate([np.linspace(0.0, 0.98, 300), np.linspace(0.98, 1.0, 101)[1:]])
    index = np.unique(np.ceil(steps * len(ordered)).astype(np.int64).clip(1, len(ordered)))
    return ordered[index - 1], index / len(ordered)
