"""CPU seconds to answer, solve and certify embodied games, in bulk and one at a time.

python tests/benchmarks/bench_embodied.py [--games 200]

CPU time, each once; nothing is asserted, because times are not tests. `plain` is best-response iteration as one would
write it first: the followers' replies repeated until they stand still, the leaders' by scipy's minimize_scalar in turn.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from simmig.games.embodied import EmbodiedGame


def games(count: int, followers: int, leaders: int, reach: int = 0, **settings) -> EmbodiedGame:
    """Games in which everyone is weakly tied to everyone; with `reach`, one may buy at so many neighbouring leaders."""
    rng = np.random.default_rng(1)
    ties = np.triu(rng.uniform(0.0, 0.03 / followers, (count, followers, followers)), 1)
    eligible = np.full((count, followers, leaders), reach == 0)
    for i in range(followers if reach else 0):
        eligible[:, i, (rng.integers(leaders) + np.arange(rng.integers(1, reach + 1))) % leaders] = True
    return EmbodiedGame.make(
        delta=rng.uniform(10.0, 15.0, (count, followers)),
        delay_cost=rng.uniform(1.0, 2.0, (count, followers)),
        ties=ties + np.swapaxes(ties, 1, 2),
        complement=np.zeros((leaders, leaders)),
        quality=rng.uniform(0.3, 0.6, (count, leaders)),
        cost=rng.uniform(1.5, 3.0, (count, leaders)),
        price_max=np.full(leaders, 15.0),
        work_s=rng.uniform(0.2, 1.0, (count, followers, leaders)),
        delay_s=rng.uniform(0.1, 0.4, (count, followers, leaders)),
        eligible=eligible,
        **settings,
    )


def one(game: EmbodiedGame, k: int) -> EmbodiedGame:
    """Game k of a batch."""
    names = "delta delay_cost ties complement quality cost price_max work_s delay_s deadline_s capacity eligible"
    values = {name: getattr(game, name)[k] for name in names.split()}
    return EmbodiedGame.make(**values, effects=game.effects)


def plain(game: EmbodiedGame) -> np.ndarray:
    """Prices by plain best-response iteration, additive effects without a complement."""
    room = np.e - game.delay_cost[:, None]

    def demand(price: np.ndarray) -> np.ndarray:
        bought = np.zeros(game.eligible.shape)
        for _ in range(1000):
            left = price - game.ties @ bought
            if (left <= 0.0).any():
                return np.full(bought.shape, np.inf)
            after = np.maximum(game.delta[:, None] / left - room, 0.0)
            if np.abs(after - bought).max() < 1e-13:
                break
            bought = after
        return after

    def loss(own: float, j: int, price: np.ndarray) -> float:
        posted = np.where(np.arange(len(price)) == j, own, price)
        bought = demand(posted)
        return -game.leader_utility(posted, bought)[j] if np.isfinite(bought).all() else 0.0

    price = game.price_max.copy()
    for _ in range(100):
        before = price.copy()
        for j in range(len(price)):
            bounds = game.cost[:, j].max(), game.price_max[j]
            price[j] = minimize_scalar(
                loss, bounds=bounds, args=(j, price), method="bounded", options={"xatol": 1e-9}
            ).x
        if np.abs(price - before).max() < 1e-7:
            break
    return price


def cpu_s(action: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds of an action, and what it returned."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def main() -> None:
    """Print games per second in bulk, alone and plainly, the cost against size, and a masked city."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=200)
    count = parser.parse_args().games
    for effects in ("additive", "multiplicative"):
        batch = games(count, 15, 5, effects=effects)
        reply_s, _ = cpu_s(lambda batch=batch: batch.best_demand(np.full(5, 4.0)))
        bulk_s, found = cpu_s(batch.solve)
        certify_s, certificate = cpu_s(lambda found=found: found.certificate)
        few = min(count, 5)
        alone_s, _ = cpu_s(lambda batch=batch, few=few: [one(batch, k).solve() for k in range(few)])
        print(
            f"{effects}, 5 x 15: {count / reply_s:.0f} replies/s, {count / bulk_s:.0f} games/s in bulk, "
            f"{few / alone_s:.1f} alone, {count / certify_s:.1f} certificates/s, converged "
            f"{found.converged.mean():.1%}, "
            f"largest gap {certificate.leader_gap_relative.max():.1e}, iterations {found.iterations.max()}"
        )
        if effects == "additive":
            plain_s, price = cpu_s(lambda batch=batch, few=few: [plain(one(batch, k)) for k in range(few)])
            apart = np.abs(np.array(price) / found.price[:few] - 1.0).max()
            print(f"  plain iteration {few / plain_s:.2f} games/s, prices within {apart:.0e}")
    print("cost against size, additive: leaders x followers, games, CPU ms a game")
    for leaders, followers, number in ((1, 1, 200), (2, 5, 200), (5, 15, 100), (10, 50, 10), (20, 200, 1)):
        batch = games(number, followers, leaders)
        solve_s, _ = cpu_s(batch.solve)
        print(f"  {leaders:3d} x {followers:3d} {number:5d} {1e3 * solve_s / number:9.2f}")
    city = games(1, 2000, 50, reach=4)
    city = one(city, 0)
    reply_s, _ = cpu_s(lambda: city.best_demand(np.full(50, 4.0)))
    solve_s, _ = cpu_s(city.solve)
    print(f"masked city 50 x 2000, everyone tied: reply {1e3 * reply_s:.0f} ms, solve {1e3 * solve_s:.0f} ms")


if __name__ == "__main__":
    main()
