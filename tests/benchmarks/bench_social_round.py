"""CPU milliseconds to build, solve and certify one round of the social game.

python tests/benchmarks/bench_social_round.py [--repeat 7]

Medians of CPU time; nothing is asserted, because times are not tests. `late` is the share of followers whose deadline
binds at the equilibrium, `ties` the pairs of friends who could buy from the same RSU.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import networkx
import numpy as np

from simmig.contracts import GameInputs
from simmig.games.social import Game

UNIT_HZ = 1e7


def round_inputs(
    followers: int, leaders: int, reach: int, friends: float, deadline_share: float, work: tuple[float, float]
) -> GameInputs:
    """A round in which everyone may buy at 1 to `reach` neighbouring RSUs, all of them if `reach` is 0."""
    rng = np.random.default_rng(1)
    eligible = np.full((followers, leaders), reach == 0)
    for i in range(followers if reach else 0):
        eligible[i, (rng.integers(leaders) + np.arange(rng.integers(1, reach + 1))) % leaders] = True
    ties = np.zeros((followers, followers))
    if friends:
        graph = networkx.gnp_random_graph(followers, friends / (followers - 1), seed=1)
        for a, b in graph.edges:
            ties[a, b] = ties[b, a] = rng.uniform(4.0, 6.0)
    return GameInputs(
        preferences={"alpha": rng.normal(30.0, 1.0, followers), "beta": rng.normal(30.0, 1.0, followers)},
        ties=ties,
        size_bit=rng.uniform(*work, followers) * UNIT_HZ,
        efficiency_bit_s_hz=np.ones((followers, leaders)),
        delay_s=rng.uniform(0.0, 0.3, (followers, leaders)),
        deadline_s=np.where(rng.random(followers) < deadline_share, rng.uniform(1.0, 4.0, followers), np.inf),
        cost=rng.uniform(0.5, 2.0, leaders),
        price_max=np.full(leaders, 15.0),
        capacity_hz=np.full(leaders, np.inf),
        eligible=eligible,
    )


ROUNDS = {
    "3 x 5, everyone tied, in time": round_inputs(5, 3, 0, 4, 0.0, (0.1, 1.0)),
    "3 x 5, everyone tied, deadlines": round_inputs(5, 3, 0, 4, 1.0, (0.2, 1.0)),
    "50 x 317, in time": round_inputs(317, 50, 4, 0, 0.0, (0.1, 1.0)),
    "50 x 317, two friends each, in time": round_inputs(317, 50, 4, 2, 0.0, (0.1, 1.0)),
    "50 x 317, a third with deadlines": round_inputs(317, 50, 4, 0, 0.3, (0.1, 1.0)),
    "50 x 317, two friends each, a third with deadlines": round_inputs(317, 50, 4, 2, 0.3, (0.1, 1.0)),
    "50 x 317, deadlines for all": round_inputs(317, 50, 4, 0, 1.0, (0.1, 1.0)),
    "50 x 2000, 4 friends each, in time": round_inputs(2000, 50, 4, 4, 0.0, (0.1, 1.0)),
    "50 x 2000, 4 friends each, a third with deadlines": round_inputs(2000, 50, 4, 4, 0.3, (0.1, 1.0)),
}


def cpu_ms(repeat: int, action: Callable[[], object]) -> float:
    """Median CPU milliseconds of an action."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        action()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times)


def main() -> None:
    """Print one line for each kind of round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    print(
        f"{'round':50s} {'pairs':>6s} {'ties':>5s} {'late':>5s} {'build':>7s} {'solve':>7s} {'certify':>7s} {'gap':>8s}"
    )
    for name, inputs in ROUNDS.items():
        game = Game().build(inputs)
        found = game.solve()
        certificate = game.certify(found.price, found.demand)
        late = game.expected_delay_s(found.price, found.demand) > game.deadline_s * (1 - 1e-9)
        times = [
            cpu_ms(repeat, action)
            for action in (
                lambda inputs=inputs: Game().build(inputs),
                lambda game=game: game.solve(),
                lambda game=game, found=found: game.certify(found.price, found.demand),
            )
        ]
        gap = max(certificate.leader_gap_relative.max(), certificate.follower_gap_relative.max())
        pairs, ties = int(inputs.eligible.sum()), len(game.market.pairs.ties.weight) // 2
        columns = " ".join(f"{x:7.2f}" for x in times)
        print(f"{name:50s} {pairs:6d} {ties:5d} {late.mean():5.0%} {columns} {gap:8.0e}")


if __name__ == "__main__":
    main()
