"""How fast the market is, raw and through each adapter, with every player acting.

python tests/benchmarks/bench_market.py [--rounds 7]

Needs the extra `torchrl`. CPU time of one process with one thread; the ways to play take turns, so that a busy machine
slows all of them. An agent-step is one player in one slot of one market. Nothing is asserted, because times are not
tests.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from tensordict import TensorDictBase

from simmig.env.adapters.gymnasium import LeaderVectorEnv
from simmig.env.adapters.pettingzoo import MarketAECEnv, MarketParallelEnv
from simmig.env.adapters.torchrl import MarketEnv
from simmig.env.market import Market, Rules
from simmig.env.sources import FixedGame
from simmig.games._papers import draw_002
from simmig.games.social import SocialGame
from simmig.rng import stream

SOCIAL = ("alpha", "beta", "ties", "work_s", "delay_s", "deadline_s", "cost", "price_max")
SLOTS = 32
RULES = Rules(history=3, slots=SLOTS)


def social() -> FixedGame:
    """A game of 002, section VI: 3 followers, 2 leaders."""
    drawn = draw_002(stream(1, "bench_market"), (), 3, 2)
    return FixedGame(SocialGame.make(**{name: drawn[name] for name in SOCIAL}))


def walks(count: int) -> dict[str, Callable[[int], int]]:
    """Ways to play the social game by chance: each plays some slots and returns the agent-steps.

    In the Gymnasium environment one leader acts and policies do for the others, who are counted as well.
    """
    source, draw = social(), torch.Generator().manual_seed(0)
    market = Market(source, count, RULES, 0)
    prices = torch.rand(count, 2, generator=draw, dtype=torch.float64)
    demands = torch.rand(count, 3, 2, generator=draw, dtype=torch.float64)
    rl = MarketEnv(source, RULES, count=count, acting="both")
    vector = LeaderVectorEnv(source, RULES, count=count, rivals=lambda _: prices, followers=lambda _: demands)
    parallel, turns = MarketParallelEnv(source, RULES, acting="both"), MarketAECEnv(source, RULES, acting="both")
    given = {f"leader_{j}": np.array([0.5]) for j in range(2)} | {f"follower_{i}": np.full(2, 0.5) for i in range(3)}
    mine = prices[:, :1].numpy()
    vector.reset()

    def raw(slots: int) -> int:
        for _ in range(slots):
            market.post(prices)
            market.buy(demands)
        return slots * count * 5

    def act(tensordict: TensorDictBase) -> TensorDictBase:
        tensordict["leaders", "action"], tensordict["followers", "action"] = prices[..., None].float(), demands.float()
        return tensordict

    def torchrl(slots: int) -> int:
        rl.rollout(slots, act, break_when_any_done=False)
        return slots * count * 5

    def gymnasium_vector(slots: int) -> int:
        for _ in range(slots):
            vector.step(mine)
        return slots * count * 5

    def pettingzoo_parallel(slots: int) -> int:
        for _ in range(slots):
            if not parallel.agents:
                parallel.reset()
            parallel.step(given)
        return slots * 5

    def pettingzoo_in_turn(slots: int) -> int:
        for _ in range(slots):
            if not turns.agents or any(turns.truncations.values()):
                turns.reset()
            for agent in turns.agents:
                turns.last()
                turns.step(given[agent])
        return slots * 5

    every = (raw, torchrl, gymnasium_vector) if count > 1 else (raw, pettingzoo_parallel, pettingzoo_in_turn)
    return {f"{walk.__name__.replace('_', ' ')}, B={count}": walk for walk in every}


def measure_market(rounds: int) -> None:
    """Print agent-steps per CPU second of the market and of each adapter."""
    print("social game, 2 leaders and 3 followers, all act: agent-steps per CPU second (median and best of the rounds)")
    ways = walks(256) | walks(1)
    slots = 10 * SLOTS
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for walk in ways.values():
        walk(SLOTS)
    for _ in range(rounds):
        for name, walk in ways.items():
            start = time.process_time()
            rates[name].append(walk(slots) / (time.process_time() - start))
    for name, found in rates.items():
        print(f"{name:<28}{median(found):>14,.0f}{max(found):>14,.0f}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    torch.set_num_threads(1)
    measure_market(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
