"""Games of 002 solved per second: a batch at once, one at a time, and by a plain iteration with scipy.

python tests/benchmarks/bench_social_batch.py [--games 1000] [--alone 50] [--scipy 5] [--hurry 1.0]

5 leaders and 15 followers with the paper's parameters, deadlines times `hurry`. The plain iteration is what one writes
first: each leader in turn takes its best price (scipy's bounded minimize_scalar) until none moves by more than a
millionth, the followers answering through one concave programme (SLSQP). What a leader could still gain at its prices
is printed beside its time. CPU time; nothing is asserted.

python tests/benchmarks/bench_social_batch.py --accuracy 2000

solves that many games of sizes from 1 x 1 to 20 leaders x 200 followers and says how good their certificates are.
"""

import argparse
import time

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from simmig.games._papers import draw_002
from simmig.games.social import SocialGame

NAMES = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")

EXTREMES = {0: (1, 1), 1: (200, 20)}  # followers, leaders of the first games


def drawn(seed: int, batch: tuple[int, ...], followers: int, leaders: int, hurry: float = 1.0) -> dict:
    """Parameters of the paper, as the keywords of SocialGame.make."""
    made = draw_002(np.random.default_rng(seed), batch, followers, leaders)
    return {name: made[name] for name in NAMES} | {"deadline_s": hurry * made["deadline_s"]}


def scipy_followers(game: SocialGame, price: np.ndarray, start: np.ndarray) -> np.ndarray:
    """What followers buy: the maximum of their potential within the deadlines, by SLSQP."""
    shape = game.eligible.shape
    theta = game.pairing(price)

    def loss(x):
        b = x.reshape(shape)
        return -(b * (game.alpha[:, None] - price - game.beta[:, None] * b + 0.5 * (game.ties @ b)) / price).sum()

    def slope(x):
        b = x.reshape(shape)
        return -((game.alpha[:, None] - price - 2 * game.beta[:, None] * b + game.ties @ b) / price).ravel()

    def room(x):
        return game.deadline_s - (theta * (game.work / x.reshape(shape) + game.delay_s)).sum(axis=1)

    def room_slope(x):
        sent = (theta * game.work / x.reshape(shape) ** 2).ravel()
        return np.where(np.repeat(np.arange(shape[0]), shape[1]) == np.arange(shape[0])[:, None], sent, 0.0)

    found = minimize(
        loss,
        start.ravel(),
        jac=slope,
        method="SLSQP",
        bounds=[(1e-6, None)] * start.size,
        constraints=[{"type": "ineq", "fun": room, "jac": room_slope}],
        options={"ftol": 1e-12, "maxiter": 200},
    )
    return found.x.reshape(shape)


def scipy_solve(game: SocialGame) -> np.ndarray:
    """Prices at which no leader moves any more, one after another taking its best."""
    price = 0.5 * (game.cost + game.price_max)
    demand = np.full(game.eligible.shape, 1.0)
    for _ in range(50):
        before = price.copy()
        for j in range(len(price)):

            def loss(p, j=j, start=demand):
                tried = np.where(np.arange(len(price)) == j, p, price)
                return -game.leader_utility(tried, scipy_followers(game, tried, start))[j]

            bounds = float(game.cost[j]), float(game.price_max[j])
            price[j] = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x
        demand = scipy_followers(game, price, demand)
        if np.abs(price - before).max() < 1e-6 * price.max():
            break
    return price


def compare(games: int, alone: int, by_scipy: int, hurry: float) -> None:
    """Print games per second three ways, and how far the prices are apart."""
    made = drawn(1, (games,), 15, 5, hurry)
    start = time.process_time()
    batch = SocialGame.make(**made)
    found = batch.solve()
    together_s = (time.process_time() - start) / games
    start = time.process_time()
    for b in range(alone):
        single = SocialGame.make(**{name: values[b] for name, values in made.items()}).solve()
        assert single.price.tobytes() == found.price[b].tobytes()
    alone_s = (time.process_time() - start) / max(alone, 1)
    late = batch.expected_delay_s(found.price, found.demand) > batch.deadline_s * (1 - 1e-9)
    print(f"{games} games of 5 leaders x 15 followers, {late.mean():.1%} late, {found.converged.mean():.1%} solved")
    print(f"{'all at once':20s} {1 / together_s:10.1f} games/s")
    print(
        f"{'one at a time':20s} {1 / alone_s:10.1f} games/s   {alone_s / together_s:8.1f} times slower, the same bits"
    )
    apart, scipy_s, gap = 0.0, 0.0, 0.0
    for b in range(by_scipy):
        game = SocialGame.make(**{name: values[b] for name, values in made.items()})
        start = time.process_time()
        price = scipy_solve(game)
        scipy_s += (time.process_time() - start) / by_scipy
        apart = max(apart, float(np.abs(price / found.price[b] - 1.0).max()))
        gap = max(gap, float(game.certify(price, game.best_demand(price)).leader_gap_relative.max()))
    if by_scipy:
        print(
            f"{'plain scipy':20s} {1 / scipy_s:10.4f} games/s   {scipy_s / together_s:8.0f} times slower, "
            f"prices apart by {apart:.0e}, a leader could gain {gap:.0e}; mean of {by_scipy} games"
        )


def accuracy(games: int, hurry: float) -> None:
    """Print the certificates of random games, up to 20 leaders x 200 followers, ten games of each size."""
    rng = np.random.default_rng(0)
    gaps, iterations, unsolved, late = [], [], 0, []
    start = time.process_time()
    for seed in range(games // 10):
        followers, leaders = int(np.exp(rng.uniform(0.0, np.log(200.5)))), int(np.exp(rng.uniform(0.0, np.log(20.5))))
        followers, leaders = EXTREMES.get(seed, (followers, leaders))
        game = SocialGame.make(**drawn(seed, (10,), followers, leaders, hurry))
        found = game.solve()
        certificate = found.certificate
        largest = np.maximum(
            certificate.leader_gap_relative.max(axis=-1), certificate.follower_gap_relative.max(axis=-1)
        )
        gaps.append(np.where(found.converged, largest, np.nan))
        late.append((game.expected_delay_s(found.price, found.demand) > game.deadline_s * (1 - 1e-9)).mean())
        iterations.append(found.iterations)
        unsolved += int((~found.converged).sum())
    gap, count = np.concatenate(gaps), np.concatenate(iterations)
    solved = gap[~np.isnan(gap)]
    print(
        f"{len(gap)} games, deadlines times {hurry:g}, {np.mean(late):.1%} late: {unsolved} without an equilibrium; "
        f"of the others {np.mean(solved < 1e-8):.2%} have relative gaps below 1e-8, largest {solved.max():.1e}; "
        f"iterations: median {np.median(count):g}, most {count.max()}; {time.process_time() - start:.0f} s of CPU time"
    )


def main() -> None:
    """Print the comparison, or the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--alone", type=int, default=50)
    parser.add_argument("--scipy", type=int, default=5)
    parser.add_argument("--hurry", type=float, default=1.0)
    parser.add_argument("--accuracy", type=int, default=0)
    asked = parser.parse_args()
    if asked.accuracy:
        accuracy(asked.accuracy, asked.hurry)
    else:
        compare(asked.games, asked.alone, asked.scipy, asked.hurry)


if __name__ == "__main__":
    main()
