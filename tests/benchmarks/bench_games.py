"""What an equilibrium costs against the size of the game, for the three pricing games, as a table and a picture.

python tests/benchmarks/bench_games.py [--plot games.svg] [--seconds 1.0]

Games of the papers' parameters, in batches as large as about a second allows, and one at a time; CPU time. Nothing is
asserted, because times are not tests. The ratio to plain scipy is in the benchmarks of each game.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simmig.games._papers import draw_001, draw_002, draw_003
from simmig.games.embodied import EmbodiedGame
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame
from simmig.rng import stream

SIZES = [(1, 1), (2, 5), (5, 15), (10, 50), (20, 200)]  # leaders, followers
LARGEST_BATCH = 1000
SOCIAL = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")


def immersion(batch: tuple[int, ...], followers: int, leaders: int) -> ImmersionGame:
    """Games of 001, Table II, with enough quality to trade."""
    return ImmersionGame.make(**draw_001(stream(1, "bench"), batch, followers, leaders, positive=True))


def social(batch: tuple[int, ...], followers: int, leaders: int) -> SocialGame:
    """Games of 002, section VI."""
    drawn = draw_002(stream(1, "bench"), batch, followers, leaders)
    return SocialGame.make(**{name: drawn[name] for name in SOCIAL})


def embodied(batch: tuple[int, ...], followers: int, leaders: int) -> EmbodiedGame:
    """Games of 003 without deadlines."""
    drawn = draw_003(stream(1, "bench"), batch, followers, leaders)
    return EmbodiedGame.make(**{**drawn, "deadline_s": np.full(drawn["deadline_s"].shape, np.inf)})


GAMES: dict[str, Callable[[tuple[int, ...], int, int], Any]] = {
    "immersion": immersion,
    "social": social,
    "embodied": embodied,
}


def seconds(action: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def measure(make: Callable[..., Any], leaders: int, followers: int, budget_s: float) -> tuple[float, float, float]:
    """Return CPU ms for a game alone, a game in a batch, and a certificate in a batch."""
    alone = make((), followers, leaders)
    alone.solve()
    one_s = min(seconds(alone.solve) for _ in range(3))
    count = int(np.clip(budget_s / max(one_s, 1e-6), 1, LARGEST_BATCH))
    games = make((count,), followers, leaders)
    batch_s = seconds(games.solve)
    found = alone.solve()
    certify_s = seconds(lambda: alone.certify(found.price, found.demand))
    checked = int(np.clip(budget_s / max(certify_s, 1e-6), 1, count))  # a certificate may cost a hundred solutions
    games = make((checked,), followers, leaders)
    found = games.solve()
    certify_s = seconds(lambda: games.certify(found.price, found.demand))
    return 1e3 * one_s, 1e3 * batch_s / count, 1e3 * certify_s / checked


def draw(rows: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    """Write the costs in a batch against the number of pairs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    pairs = [leaders * followers for leaders, followers in SIZES]
    for name, costs in rows.items():
        axes.loglog(pairs, [cost[1] for cost in costs], "o-", label=f"{name}, in a batch")
        axes.loglog(pairs, [cost[0] for cost in costs], "o:", color=axes.lines[-1].get_color(), label=f"{name}, alone")
    axes.set_xlabel("leaders x followers")
    axes.set_ylabel("CPU ms for one equilibrium")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print one line for each game and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long a batch may take")
    arguments = parser.parse_args()
    rows: dict[str, list[tuple[float, float, float]]] = {}
    print(f"{'game':10s} {'size':>9s} {'alone':>9s} {'in batch':>9s} {'certify':>9s}   CPU ms for one game")
    for name, make in GAMES.items():
        rows[name] = []
        for leaders, followers in SIZES:
            costs = measure(make, leaders, followers, arguments.seconds)
            rows[name].append(costs)
            size = f"{leaders} x {followers}"
            print(f"{name:10s} {size:>9s} " + " ".join(f"{cost:9.3f}" for cost in costs), flush=True)
    if arguments.plot is not None:
        draw(rows, arguments.plot)
        print(arguments.plot)


if __name__ == "__main__":
    main()
