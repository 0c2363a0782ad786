"""CPU seconds to answer, solve and certify embodied games, in bulk and one at a time; and how far to trust them.

python tests/benchmarks/bench_embodied.py [--games 200] [--scipy 1]
python tests/benchmarks/bench_embodied.py --accuracy 2000 [--effects additive]

CPU time, each once; nothing is asserted, because times are not tests. Two ways of best-response iteration are compared,
both with scipy's minimize_scalar for the leaders in turn: `plain` answers for the followers by SLSQP on the utilities
as 003 states them, `direct` knows a follower's best reply in closed form.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from simmig.games._papers import draw_003
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


BLOCK = 200  # games between two lines of the accuracy

Replies = Callable[[EmbodiedGame, np.ndarray, np.ndarray], np.ndarray]  # from prices [J] and others' demands [I, J]


def direct(game: EmbodiedGame, price: np.ndarray, bought: np.ndarray) -> np.ndarray:
    """Every follower's best reply in closed form, additive effects without a complement; inf without bound."""
    left = price - game.ties @ bought
    if (left <= 0.0).any():
        return np.full(bought.shape, np.inf)
    return np.maximum(game.delta[:, None] / left - (np.e - game.delay_cost[:, None]), 0.0)


def slsqp(game: EmbodiedGame, price: np.ndarray, bought: np.ndarray) -> np.ndarray:
    """Every follower's best reply by SLSQP on (9) with its gradient, additive effects without a complement."""
    theta, gain = game.pairing(price), game.ties @ bought
    replies = np.empty(bought.shape)
    for i, (delta, room) in enumerate(zip(game.delta, np.e - game.delay_cost, strict=True)):
        net = price - gain[i]
        found = minimize(
            lambda b, i=i, delta=delta, room=room, net=net: -theta[i] @ (delta * np.log(b + room) - net * b),
            bought[i],
            jac=lambda b, i=i, delta=delta, room=room, net=net: -theta[i] * (delta / (b + room) - net),
            bounds=[(0.0, None)] * len(price),
            method="SLSQP",
            options={"ftol": 1e-12},
        )
        replies[i] = found.x
    return replies


def iterated(game: EmbodiedGame, replies: Replies, accuracy: float) -> np.ndarray:
    """Prices by best responses in turn, the followers' until nothing changes by more than the accuracy."""
    bought = np.zeros(game.eligible.shape)

    def loss(own: float, j: int, price: np.ndarray) -> float:
        nonlocal bought
        posted = np.where(np.arange(len(price)) == j, own, price)
        for _ in range(1000):
            last, bought = bought, replies(game, posted, bought)
            if not np.isfinite(bought).all():
                bought = np.zeros(bought.shape)
                return 0.0
            if np.abs(bought - last).max() < accuracy:
                break
        return -float(game.leader_utility(posted, bought)[j])

    price = game.price_max.copy()
    for _ in range(100):
        before = price.copy()
        for j in range(len(price)):
            bounds, options = (game.cost[:, j].max(), game.price_max[j]), {"xatol": 1e-6}
            price[j] = minimize_scalar(loss, bounds=bounds, args=(j, price), method="bounded", options=options).x
        if np.abs(price - before).max() < 1e-4:
            break
    return price


def cpu_s(action: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds of an action, and what it returned."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def accuracy(number: int, effects: str) -> None:
    """Print the certificates of random games as 003 has them, with its deadlines, ten of each size; and partial sums.

    Sizes are up to 200 followers and 20 leaders, uniform in their logarithms and drawn apart.
    """
    rng = np.random.default_rng(0)
    gaps, iterations, failed = [], [], 0
    start = time.process_time()
    for batch in range(1, number // 10 + 1):
        followers, leaders = int(np.exp(rng.uniform(0.0, np.log(200.5)))), int(np.exp(rng.uniform(0.0, np.log(20.5))))
        found = EmbodiedGame.make(**draw_003(rng, (10,), followers, leaders, effects=effects), effects=effects).solve()
        certificate = found.certificate
        largest = np.fmax(certificate.leader_gap_relative.max(axis=-1), certificate.follower_gap_relative.max(axis=-1))
        gaps.append(np.where(found.converged, largest, np.nan))
        iterations.append(found.iterations)
        failed += len(found.failures)
        if not found.converged.all():
            print(f"  batch {batch} ({leaders} x {followers}): {found.converged}, {found.failures}", flush=True)
        if batch % (BLOCK // 10) == 0 or batch == number // 10:
            report(effects, np.concatenate(gaps), np.concatenate(iterations), failed, time.process_time() - start)


def report(effects: str, gap: np.ndarray, iterations: np.ndarray, failed: int, spent_s: float) -> None:
    """Print what the games so far have come to: their largest relative gaps, NaN where not converged."""
    solved = gap[~np.isnan(gap)]
    print(
        f"{effects}, {len(gap)} games: {failed} without equilibrium, {len(gap) - failed - len(solved)} not converged; "
        f"{np.mean(solved < 1e-8):.2%} of the others have relative gaps below 1e-8, largest {solved.max():.1e}; "
        f"iterations: median {np.median(iterations):g}, most {iterations.max()}; {spent_s:.0f} s of CPU time",
        flush=True,
    )


def compare(effects: str, count: int, by_scipy: int) -> None:
    """Print games per second in bulk, alone and by scipy."""
    batch = games(count, 15, 5, effects=effects)
    reply_s, _ = cpu_s(lambda: batch.best_demand(np.full(5, 4.0)))
    bulk_s, found = cpu_s(batch.solve)
    certify_s, certificate = cpu_s(lambda: found.certificate)
    few = min(count, 20)
    alone_s, _ = cpu_s(lambda: [one(batch, k).solve() for k in range(few)])
    print(
        f"{effects}, 5 x 15: {count / reply_s:.0f} replies/s, {count / bulk_s:.0f} games/s in bulk, "
        f"{few / alone_s:.1f} alone ({count * alone_s / few / bulk_s:.0f} times slower), "
        f"{count / certify_s:.1f} certificates/s, converged {found.converged.mean():.1%}, "
        f"largest gap {certificate.leader_gap_relative.max():.1e}, iterations {found.iterations.max()}"
    )
    if effects == "additive":
        for name, replies, number, accuracy in (("direct", direct, 5, 1e-13), ("plain", slsqp, by_scipy, 1e-9)):
            if number:
                run_s, price = cpu_s(
                    lambda r=replies, n=number, a=accuracy: [iterated(one(batch, k), r, a) for k in range(n)]
                )
                apart = np.abs(np.array(price) / found.price[:number] - 1.0).max()
                print(
                    f"  {name}: {number / run_s:.4g} games/s, {count * run_s / number / bulk_s:.0f} times "
                    f"slower than in bulk; prices within {apart:.0e}",
                    flush=True,
                )


def main() -> None:
    """Print games per second in bulk, alone and plainly, the cost against size, and a masked city; or the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=200)
    parser.add_argument("--scipy", type=int, default=1, help="games solved with SLSQP, minutes each")
    parser.add_argument("--accuracy", type=int, default=0, help="games to certify instead")
    parser.add_argument("--effects", choices=("additive", "multiplicative"), help="one of the two games only")
    asked = parser.parse_args()
    for effects in [asked.effects] if asked.effects else ["additive", "multiplicative"]:
        if asked.accuracy:
            accuracy(asked.accuracy, effects)
        else:
            compare(effects, asked.games, asked.scipy)
    if asked.accuracy:
        return
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
