"""How often printed intervals hold the truth, and how often an agent is told apart from itself.

    python tests/benchmarks/bench_statistics.py [--trials 20000]

Coverage: of 95 % intervals of a mean paired difference and of an interquartile mean, for scatter of known law; beside
it that of the percentile bootstrap. False alarms: comparisons of four agents that are one and the same, on one measure
and on three, whose runs share the luck of their seed; an alarm is any verdict but "no difference seen".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from simmig.compare.intervals import interquartile_mean_interval, mean_interval
from simmig.compare.statistics import Interval, Resampling, bootstrap_interval, interquartile_mean, mean
from simmig.compare.verdicts import compare_many
from simmig.contracts import FloatArray
from simmig.rng import stream

Law = Callable[[np.random.Generator, tuple[int, ...]], FloatArray]

LAWS: dict[str, Law] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "Laplace": lambda rng, shape: rng.laplace(size=shape),
    "Student t, 3 degrees": lambda rng, shape: rng.standard_t(3, size=shape),
    "lognormal, sigma 0.5": lambda rng, shape: rng.lognormal(0.0, 0.5, size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
    "lognormal, sigma 1": lambda rng, shape: rng.lognormal(0.0, 1.0, size=shape),
}
MEANS = {"lognormal, sigma 0.5": np.exp(0.125), "lognormal, sigma 1": np.exp(0.5), "exponential": 1.0}
RUNS = (10, 30, 100)
FEW = 1000  # trials and resamples of the bootstrap, which is drawn
RESAMPLING = Resampling(seed=1)


def coverage(law: str, runs: int, trials: int, statistic: str, method: str) -> float:
    """Return the share of trials whose interval holds the true value, in percent."""
    rng = stream(1, "coverage", law, str(runs), statistic, method)
    truth = MEANS.get(law, 0.0) if statistic == "mean" else middle(law)
    inside = 0
    for trial in range(trials):
        found = interval(LAWS[law](rng, (runs,)), statistic, method, trial)
        inside += found.low <= truth <= found.high
    return 100.0 * inside / trials


def interval(scores: FloatArray, statistic: str, method: str, seed: int) -> Interval:
    """Return the interval of a statistic by a method."""
    if method == "bootstrap":
        of = mean if statistic == "mean" else interquartile_mean
        return bootstrap_interval(scores, Resampling(seed, FEW), of)
    return (mean_interval if statistic == "mean" else interquartile_mean_interval)(scores, RESAMPLING)


def middle(law: str) -> float:
    """Return the mean of the middle half of a law, from four million draws: to about 0.0005."""
    drawn = np.sort(LAWS[law](stream(2, "middle", law), (4_000_000,)))
    return float(drawn[1_000_000:3_000_000].mean())


def false_alarms(law: str, runs: int, measures: int, trials: int) -> float:
    """Return the share of trials in which any of four equal agents is told apart on any measure, in percent."""
    rng = stream(1, "alarms", law, str(runs), str(measures))
    alarms = 0
    for trial in range(trials):
        luck = rng.normal(size=(measures, runs))
        own = LAWS[law](rng, (measures, 4, runs))
        questions = {k: dict(zip("abcd", luck[k] + own[k], strict=True)) for k in range(measures)}
        found = compare_many(questions, Resampling(trial, FEW))
        alarms += any(c.verdict != "no difference seen" for comparisons in found.values() for c in comparisons)
    return 100.0 * alarms / trials


def single_alarms(law: str, runs: int, trials: int) -> float:
    """Return the share of comparisons of two equal agents that see a difference, in percent."""
    rng = stream(1, "single", law, str(runs))
    alarms = 0
    for trial in range(trials):
        luck, own = rng.normal(size=runs), LAWS[law](rng, (2, runs))
        (found,) = compare_many({0: {"a": luck + own[0], "b": luck + own[1]}}, Resampling(trial, FEW))[0]
        alarms += found.verdict != "no difference seen"
    return 100.0 * alarms / trials


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20_000, help="of every interval (default: 20000)")
    parser.add_argument(
        "--alarms",
        type=int,
        default=2_000,
        help="trials of false alarms, ten times as many of one comparison (default: 2000)",
    )
    given = parser.parse_args()
    for statistic in ("mean", "interquartile mean"):
        print(f"coverage of the 95 % interval of the {statistic}, in percent (in brackets: percentile bootstrap)")
        for law in LAWS:
            cells = []
            for runs in RUNS:
                ours = coverage(law, runs, given.trials, statistic, "closed form")
                drawn = coverage(law, runs, min(FEW, given.trials), statistic, "bootstrap")
                cells.append(f"n={runs}: {ours:.1f} ({drawn:.1f})")
            print(f"  {law:22s}", "   ".join(cells), flush=True)
    print("false alarms, in percent: one comparison; any of 6 pairs; any of 6 pairs on 3 measures")
    for law in ("normal", "lognormal, sigma 1", "Student t, 3 degrees"):
        for runs in (10, 30):
            found = (
                single_alarms(law, runs, 10 * given.alarms),
                false_alarms(law, runs, 1, given.alarms),
                false_alarms(law, runs, 3, given.alarms),
            )
            print(f"  {law:22s} n={runs}:", "; ".join(f"{share:.2f}" for share in found), flush=True)


if __name__ == "__main__":
    main()
