"""Immersion games solved per CPU second, against plain best-response iteration with SciPy, and against size.

python tests/benchmarks/bench_immersion.py [--games 1000] [--repeat 5]

Games are those of Table II of 001 with SSIM above the thresholds (every pair counts) and budgets that bind for most.
Nothing is asserted, because times are not tests.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from simmig.games.immersion import ImmersionGame

TABLES = ("delta", "ssim", "ssim_threshold", "efficiency", "budget", "cost", "price_max", "eligible")


def draw(games: int, followers: int, leaders: int, reach: int = 0, prices: str = "individual") -> ImmersionGame:
    """Games in which everyone may buy everywhere, or from 1 to `reach` neighbouring leaders."""
    rng = np.random.default_rng(1)
    pairs = (games, followers, leaders)
    eligible = np.full(pairs, reach == 0)
    if reach:
        first, count = rng.integers(leaders, size=pairs[:2]), rng.integers(1, reach + 1, pairs[:2])
        for k in range(reach):
            at = np.eye(leaders, dtype=bool)[(first + k) % leaders]
            eligible |= at & (k < count)[..., None]
    return ImmersionGame.make(
        delta=rng.uniform(10, 20, pairs[:2]),
        ssim=rng.uniform(0.6, 1.0, pairs),
        ssim_threshold=rng.uniform(0.5, 0.55, pairs[:2]),
        efficiency=rng.uniform(35.5, 39.5, (games, 1, leaders)) * np.ones(pairs),
        budget=np.exp(rng.uniform(-0.7, 4.1, pairs[:2])),
        cost=rng.uniform(1, 4, (games, leaders)),
        price_max=rng.uniform(5, 35, (games, leaders)),
        eligible=eligible,
        prices=prices,
    )


def one_of(batch: ImmersionGame, place: int) -> ImmersionGame:
    """One game of a batch."""
    return ImmersionGame.make(**{name: getattr(batch, name)[place] for name in TABLES}, prices=batch.prices)


def plain_solve(game: ImmersionGame, sweeps: int = 12) -> np.ndarray:
    """Prices by best responses in turn: SLSQP for a follower, a bounded scalar search for a leader's price."""
    price = np.broadcast_to(np.sqrt(game.cost * game.price_max), game.ssim.shape).copy()
    worth = game.delta[:, None] * np.log(game.ssim / game.ssim_threshold[:, None])

    def demand(i: int, asked: np.ndarray) -> np.ndarray:
        found = minimize(
            lambda b: asked @ b - worth[i] @ np.log1p(b * game.efficiency[i]),
            np.full(len(asked), 0.1 * game.budget[i] / asked.sum()),
            jac=lambda b: asked - worth[i] * game.efficiency[i] / (1 + b * game.efficiency[i]),
            bounds=[(0.0, None)] * len(asked),
            constraints={"type": "ineq", "fun": lambda b: game.budget[i] - asked @ b, "jac": lambda b: -asked},
            method="SLSQP",
            options={"ftol": 1e-12},
        )
        return np.maximum(found.x, 0.0)

    for _ in range(sweeps):
        before = price.copy()
        for i, j in np.ndindex(*price.shape):

            def loss(p: float, i: int = i, j: int = j) -> float:
                asked = price[i].copy()
                asked[j] = p
                return -(p - game.cost[j]) * demand(i, asked)[j]

            bounds = (game.cost[j], game.price_max[i, j])
            price[i, j] = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x
        if np.abs(price - before).max() < 1e-4:
            break
    return price


def cpu_s(repeat: int, action: Callable[[], object]) -> float:
    """Least CPU seconds of an action."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print games per CPU second, the ratios, and cost against size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    games, repeat = arguments.games, arguments.repeat

    batch = draw(games, 15, 5)
    together = cpu_s(repeat, batch.solve) / games
    few = [one_of(batch, g) for g in range(20)]
    alone = cpu_s(repeat, lambda: [game.solve() for game in few]) / len(few)
    start = time.process_time()
    price = plain_solve(few[0])
    plain = time.process_time() - start
    found = few[0].solve()
    # Where nothing is sold, many prices are as good; at a kink, plain best responses may stop at another equilibrium.
    off = np.median(np.abs(price / found.price - 1.0)[found.demand > 0.0])
    print(f"5 leaders x 15 followers    games/s   against a batch of {games}")
    print(f"batch of {games:<18d} {1 / together:8.0f}")
    print(f"one at a time               {1 / alone:7.0f}   {alone / together:8.1f} times slower")
    print(f"SLSQP and scalar searches   {1 / plain:7.3f}   {plain / together:8.0f} times slower")
    print(f"median distance of the prices of the last two: {off:.0e}")

    columns = f"{'prices':10s} {'games':>6s} {'pairs':>7s} {'ms/game':>9s} {'ns/pair':>8s}"
    print(f"\n{'leaders x followers, reach':32s} {columns}")
    sizes = (1, 1, 0), (2, 3, 0), (5, 15, 0), (10, 50, 0), (20, 200, 0), (50, 317, 4), (50, 2000, 4)
    for prices in ("individual", "uniform"):
        for leaders, followers, reach in sizes:
            count = max(min(games, 40_000 // (leaders * followers)), 1)
            many = draw(count, followers, leaders, reach, prices)
            spent = cpu_s(repeat, many.solve) / count
            pairs = many.eligible.sum() / count
            name = f"{leaders} x {followers}, {reach or 'all'}"
            print(f"{name:32s} {prices:10s} {count:6d} {pairs:7.0f} {1e3 * spent:9.3f} {1e9 * spent / pairs:8.0f}")


if __name__ == "__main__":
    main()
