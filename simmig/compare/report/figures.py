"""The figures of one setting: paired differences, delays, prices and sales over time, performance profiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simmig.compare._measures.columns import column_reader
from simmig.compare.report.grouping import Study
from simmig.compare.report.judging import FEWEST, Judgement, clear_winner
from simmig.compare.report.painting import NAME, Look, band, panels, titled
from simmig.compare.report.reading import PARTS, Delays, read_delays, read_paths
from simmig.compare.statistics import Resampling, performance_profile
from simmig.compare.verdicts import Comparison
from simmig.report.drawing import INK, MUTED, Drawing, Key, cumulative, draw, log_x, share_axis
from simmig.report.numbers import number, shorten, tick_duration

_PAIR_IN = 0.19  # height of one interval
_PANEL_IN = 2.1
_LEVELS = 80  # thresholds of a profile
_DECADES = 4  # of the logarithmic delay axes
_LONGEST_SHARE = 0.999  # of the delays: the rest is right of the axis
_TITLES = {
    "decision": "wait for the decision",
    "transfer": "transfer",
    "queue": "queue",
    "reinstantiation": "re-instantiation",
    "total": "total: request to running twin",
}


def differences_figure(judged: Sequence[Judgement], name: str) -> Drawing | None:
    """Return the mean paired differences of a setting with their intervals, a panel for each measure."""
    judged = [of for of in judged if of.comparisons]
    if not judged:
        return None
    pairs = list(dict.fromkeys((found.a, found.b) for of in judged for found in of.comparisons))

    def paint(figure: Figure) -> None:
        panels(figure, [titled(of.measure) for of in judged], lambda axes, k: _paint_pairs(axes, judged[k], pairs, k))

    height = -(-len(judged) // 2) * (0.75 + _PAIR_IN * len(pairs))
    some = judged[0].comparisons[0]
    return Drawing(
        name,
        draw(name, "Mean paired differences with their intervals", height, paint),
        f"Mean over the seeds of the first agent's value minus the second's at the same seed, with its "
        f"{100 * some.difference.confidence:g} % interval. Filled: a verdict was given; hollow: no difference seen. "
        f"The intervals are not corrected for their number, the verdicts are.",
        [Key("a difference was seen", INK, "●"), Key("no difference seen", MUTED, "○")],
    )


def _paint_pairs(axes: Axes, judged: Judgement, pairs: Sequence[tuple[str, str]], place: int) -> None:
    axes.axvline(0.0, color=MUTED, linewidth=0.9)
    by_pair: dict[tuple[str, str], Comparison] = {(found.a, found.b): found for found in judged.comparisons}
    for row, pair in enumerate(pairs):
        if pair not in by_pair:
            continue
        found, scale = by_pair[pair], judged.measure.scale
        is_clear = clear_winner(found, judged.measure.direction) is not None
        low, at, high = (scale * x for x in (found.difference.low, found.difference.estimate, found.difference.high))
        colour = INK if is_clear else MUTED
        axes.plot([low, high], [row, row], color=colour, linewidth=1.2)
        axes.plot([at], [row], marker="o", markersize=4, color=colour, markerfacecolor=colour if is_clear else "none")
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    is_left = place % 2 == 0
    axes.set_yticks(range(len(pairs)), [_pair(a, b) for a, b in pairs] if is_left else [""] * len(pairs))
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)


def _pair(a: str, b: str) -> str:
    return f"{shorten(a, NAME // 2 + 4)} − {shorten(b, NAME // 2 + 4)}"


def delay_figure(study: Study, setting: str, look: Look, name: str) -> Drawing | None:
    """Return the distributions of the delay and its parts, a line for each agent."""
    with column_reader() as read:
        found = {agent: read_delays(folders, read) for agent, folders in study.folders(setting).items()}
    found = {agent: delays for agent, delays in found.items() if delays.migrations}
    if not found:
        return None
    parts = [part for part in PARTS if max(float(of.values_s[part].max()) for of in found.values()) > 0.0]

    def paint(figure: Figure) -> None:
        panels(figure, [_TITLES[part] for part in parts], lambda axes, k: _paint_delay(axes, found, parts[k], look))

    return Drawing(
        name,
        draw(name, "Cumulative distributions of the delay by part", -(-len(parts) // 2) * _PANEL_IN, paint),
        "Share of the completed migrations, late ones included, that took at most so long; each run counts alike. "
        + "; ".join(f"{shorten(a, 40)}: {number(of.migrations)} in {number(of.runs)} runs" for a, of in found.items())
        + ".",
        look.legend(),
    )


def _paint_delay(axes: Axes, found: Mapping[str, Delays], part: str, look: Look) -> None:
    longest_s = max(float(np.quantile(of.values_s[part], _LONGEST_SHARE)) for of in found.values())
    shortest_s = min(float(of.values_s[part][of.values_s[part] > 0.0].min(initial=np.inf)) for of in found.values())
    high = 1.15 * max(longest_s, 1e-6)
    low = min(max(0.9 * shortest_s, high * 10.0**-_DECADES), high / 1.5)
    for agent, of in found.items():
        value_s, share = cumulative(of.values_s[part])
        x = np.concatenate([[low], np.maximum(value_s, low), [max(high, float(value_s[-1]))]])
        axes.plot(x, [0.0, *share, 1.0], drawstyle="steps-post", linewidth=1.3, **look.line(agent))
    log_x(axes, low, high, tick_duration)
    share_axis(axes, "share up to it")


def paths_figure(study: Study, setting: str, look: Look, name: str, resampling: Resampling) -> Drawing | None:
    """Return price and bandwidth sold over time, the mean of each agent's runs with its interval."""
    with column_reader() as read:
        time_s, found = read_paths(study.folders(setting), read)
    if not found:
        return None
    titles = ("price, weighted by what was sold", "bandwidth sold in a round (MHz)")

    def paint(figure: Figure) -> None:
        def panel(axes: Axes, k: int) -> None:
            for agent, paths in found.items():
                band(axes, time_s, (paths.price, paths.sold_mhz)[k], look, agent, resampling)
            axes.set_xlim(0.0, float(2.0 * time_s[-1] - time_s[-2]))
            axes.margins(y=0.08)
            if k == 1:
                axes.set_xlabel("time since the start (s)")

        panels(figure, titles, panel, columns=1)

    width_s = float(time_s[1] - time_s[0])
    return Drawing(
        name,
        draw(name, "Price and bandwidth sold over time", 2 * _PANEL_IN, paint),
        f"Means over stretches of {number(width_s, 3)} s and over the runs of an agent; shaded: "
        f"{100 * resampling.confidence:g} % interval of the mean over the runs.",
        look.legend(),
    )


def profile_figure(study: Study, setting: str, look: Look, name: str, resampling: Resampling) -> Drawing | None:
    """Return the performance profiles: which share of an agent's runs is better than each value of a measure."""
    tables = []
    for measure in study.measures:
        scores = {a: np.array(list(v.values())) for a, v in study.scores(setting, measure).items() if len(v) >= FEWEST}
        if measure.direction != "neutral" and scores and np.ptp(np.concatenate(list(scores.values()))) > 0.0:
            tables.append((measure, {agent: measure.scale * values for agent, values in scores.items()}))
    if not tables:
        return None

    def paint(figure: Figure) -> None:
        def panel(axes: Axes, k: int) -> None:
            measure, scores = tables[k]
            _paint_profile(axes, scores, measure.direction == "lower", look, resampling)

        panels(figure, [titled(measure) for measure, _ in tables], panel)

    return Drawing(
        name,
        draw(name, "Performance profiles", -(-len(tables) // 2) * _PANEL_IN, paint),
        "Share of an agent's runs that are better than the value on the axis: the line further up is the better agent. "
        f"Shaded: {100 * resampling.confidence:g} % interval of each share by itself, by the percentile bootstrap "
        "(Agarwal et al. 2021).",
        look.legend(),
    )


def _paint_profile(
    axes: Axes, scores: Mapping[str, np.ndarray], lower_is_better: bool, look: Look, resampling: Resampling
) -> None:
    every = np.concatenate(list(scores.values()))
    air = 0.03 * float(np.ptp(every))
    levels = np.linspace(float(every.min()) - air, float(every.max()) + air, _LEVELS)
    for agent, values in scores.items():
        found = performance_profile(values, levels, resampling, lower_is_better=lower_is_better)
        axes.plot(levels, found.share, linewidth=1.4, drawstyle="steps-mid", **look.line(agent))
        axes.fill_between(
            levels, found.low, found.high, color=look.colour(agent), alpha=0.09, linewidth=0, gid=look.name(agent)
        )
    axes.set_xlim(levels[0], levels[-1])
    share_axis(axes, "share of runs better")


def settings_figure(
    study: Study, judged: Sequence[Judgement], look: Look, name: str, resampling: Resampling
) -> Drawing | None:
    """Return how each measure moves from setting to setting, a line with intervals for each agent."""
    if len(study.settings) < 2:
        return None
    position, ticks = _positions(study.settings)
    measures = [measure for measure in study.measures if any(of.means for of in judged if of.measure == measure)]

    def paint(figure: Figure) -> None:
        def panel(axes: Axes, k: int) -> None:
            here = {of.setting: of for of in judged if of.measure == measures[k]}
            for place, agent in enumerate(look.agents):
                _paint_means(axes, here, agent, place, position, look, measures[k].scale)
            axes.set_xticks(*ticks)
            axes.margins(x=0.06, y=0.08)

        panels(figure, [titled(measure) for measure in measures], panel)

    return Drawing(
        name,
        draw(name, "Means of every measure by setting", -(-len(measures) // 2) * (_PANEL_IN + 0.2), paint),
        f"Mean over the runs of each agent, with its {100 * resampling.confidence:g} % interval; the settings are "
        f"{'numbered in the order of the tables' if ticks[1] and ticks[1][0] == '1' else 'on the axis'}.",
        look.legend(),
    )


def _positions(settings: Sequence[str]) -> tuple[dict[str, float], tuple[list[float], list[str]]]:
    """Return where each setting is on the axis, and the ticks: its number if one quantity varies, else its place."""
    keys, values = zip(*(setting.rpartition("=")[::2] for setting in settings), strict=True)
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    if numbers and len(set(keys)) == 1 and ", " not in keys[0] and len(settings) <= 12 and np.isfinite(numbers).all():
        return dict(zip(settings, numbers, strict=True)), (numbers, list(values))
    step = max(1, math.ceil(len(settings) / 12))
    shown = list(range(0, len(settings), step))
    places = {setting: float(place) for place, setting in enumerate(settings)}
    return places, ([float(place) for place in shown], [str(place + 1) for place in shown])


def _paint_means(
    axes: Axes,
    here: Mapping[str, Judgement],
    agent: str,
    place: int,
    position: Mapping[str, float],
    look: Look,
    scale: float,
) -> None:
    known = sorted((s for s, of in here.items() if agent in of.means), key=position.__getitem__)
    if not known:
        return
    width = 0.01 * (max(position.values()) - min(position.values()))
    x = np.array([position[setting] for setting in known]) + width * (place - (len(look.agents) - 1) / 2.0)
    found = [here[setting].means[agent] for setting in known]
    low, mean, high = (scale * np.array([getattr(f, end) for f in found]) for end in ("low", "estimate", "high"))
    axes.plot(x, mean, marker="o", markersize=2.5, linewidth=1.0, **look.line(agent))
    axes.vlines(x, low, high, color=look.colour(agent), linewidth=1.0, gid=look.name(agent))
