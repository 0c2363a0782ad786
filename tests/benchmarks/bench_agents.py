"""How near the agents that learn come to the equilibrium, and what it costs them: a table for one game and many seeds.

python tests/benchmarks/bench_agents.py 001|002 [--agents ippo,malppo] [--seeds 10] [--jobs 2] [--out DIR] [--share 1.0]
    [--reply]

Games: "001" has 5 leaders x 15 followers drawn by Table II (S > 0, individual prices), another one for each seed;
"002" is Fig. 3 of 002. One CPU thread a training. Finished trainings are kept in DIR and not repeated. `--share` of a
recipe's iterations are done. With `--reply` followers answer at best, as in 001, also those of agents in whose recipe
they learn; no prices are then drawn at random for them. Nothing is asserted, because these are measurements.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

AGENTS = (
    *("tiny_madrl", "ippo", "malppo", "mappo", "maa2c", "maa3c", "malppo_rl", "malppo_rf", "random"),
    *("gradient_play", "joint_perturbation", "amortised_equilibrium"),
)
CHECKS = 25  # of a training, to see when it comes near
NEAR = 0.03  # price error
SLOTS = 400  # to average what random players earn


def venue_for(name: str, seed: int) -> Any:
    """The venue of a game; the drawn one belongs to the seed."""
    from simmig.env.sources import FixedGame
    from simmig.games._papers import draw_001
    from simmig.games.immersion import ImmersionGame
    from simmig.games.social import SocialGame
    from simmig.learning.venue import Venue
    from simmig.rng import stream

    if name == "001":
        game: Any = ImmersionGame.make(**draw_001(stream(seed, "game"), (), 15, 5, positive=True))
    else:
        game = SocialGame.make(
            alpha=[30.0, 25.0, 35.0],
            beta=30.0,
            ties=5.0 * (1.0 - np.eye(3)),
            work_s=np.full((3, 2), 1e-6),
            delay_s=np.zeros((3, 2)),
            cost=[3.0, 1.0],
            price_max=15.0,
        )
    leaders = tuple(f"r{j}" for j in range(game.cost.shape[-1]))
    return Venue(FixedGame(game), leaders, name, {"game": name, "seed": seed})


def reward_of(venue: Any, agent: str, training: Any, seed: int) -> float:
    """Mean utility of all players, without exploring; players that draw their actions do so over many slots."""
    import torch

    from simmig.env.market import Market, Rules

    market = Market(venue.source, SLOTS, Rules(slots=2), seed)
    wide = market.payoffs.cost.shape
    if training is not None:
        price, demand = (torch.tensor(x)[None].expand(SLOTS, *x.shape) for x in training.answer(venue.source))
        price, demand = price.clone(), demand.clone()
    draw = torch.Generator().manual_seed(seed)
    if agent in ("random", "malppo_rl"):
        price = market.price_at(torch.rand(wide, generator=draw, dtype=torch.float64))
        demand = market.reply(price)
    if agent in ("random", "malppo_rf"):
        share = torch.rand(market.payoffs.eligible.shape, generator=draw, dtype=torch.float64)
        demand = share * market.demand_max * market.payoffs.eligible
    payoffs = market.payoffs
    profit, worth = payoffs.profit(price, demand), payoffs.purchases(price, demand).sum(-1)
    worth = torch.where(payoffs.is_late(price, demand), 0.0, worth)
    total = profit.flatten(1).sum(1) + worth.sum(1)
    return float(total.mean()) / (market.leaders + market.followers)


def one(task: tuple[str, str, int, float, str]) -> dict[str, Any]:
    """Train one agent in one game with one seed."""
    import torch

    from simmig.learning.evaluate import Yardstick
    from simmig.plugins import plugin_class

    torch.set_num_threads(1)
    name, agent, seed, share, followers = task
    venue = venue_for(name, seed)
    yard = Yardstick(venue.source.game)
    if agent == "random":
        return {"reward": reward_of(venue, agent, None, seed), **random_score(venue, yard, seed)}
    learner: Any = plugin_class("agents", agent)
    recipe = learner.recipe
    changed: dict[str, Any] = {"iterations": max(int(recipe.iterations * share), 1)}
    if followers == "reply" and getattr(recipe, "followers", None) == "learn":
        changed |= {"followers": "best_reply", "lead_in": 0.0}
    recipe = recipe.model_copy(update=changed)
    training = learner.train(venue, recipe, seed)
    used, plays_near, cpu_near, row = 0.0, None, None, {"plays": 0}
    every = max(recipe.iterations // CHECKS, 1)
    score = None
    while training.iteration < recipe.iterations:
        start = time.process_time()
        row = training.iterate()
        used += time.process_time() - start
        if training.iteration % every == 0 or training.iteration == recipe.iterations:
            score = yard.score(*training.answer(venue.source))
            if score.price_error > NEAR:
                plays_near = cpu_near = None
            elif plays_near is None:
                plays_near, cpu_near = row["plays"], used
    assert score is not None
    figures = score.figures()
    if agent == "malppo_rl":  # its leaders draw their prices whatever is learned
        figures = {**random_score(venue, yard, seed), "follower_regret": score.follower_regret}
    cost = {"plays": row["plays"], "cpu_s": used, "plays_near": plays_near, "cpu_near_s": cpu_near}
    return {"reward": reward_of(venue, agent, training, seed), **figures, **cost}


def random_score(venue: Any, yard: Any, seed: int) -> dict[str, float]:
    """Mean score of prices drawn at random."""
    from simmig.env.market import Market, Rules
    from simmig.rng import stream

    market = Market(venue.source, 20, Rules(slots=2), seed)
    import torch

    price = market.price_at(torch.tensor(stream(seed, "random").random(tuple(market.payoffs.cost.shape))))
    demand = market.reply(price)
    rows = [yard.score(p, d).figures() for p, d in zip(price.numpy(), demand.numpy(), strict=True)]
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def interval(values: list[float]) -> str:
    """Interquartile mean with its 95 % interval, for the table."""
    from simmig.compare.statistics import Resampling, bootstrap_interval

    if len(values) < 2:
        return f"{values[0]:.3g}"
    found = bootstrap_interval(np.array(values), Resampling(seed=1))
    return f"{found.estimate:.3g} [{found.low:.2g}, {found.high:.2g}]"


def show(name: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Print the table, best price error first, and the paired comparison of the rewards."""
    from simmig.compare.statistics import Resampling
    from simmig.compare.verdicts import compare_all

    print(f"game {name}: interquartile mean [95 % interval]")
    columns = ("price_error", "nash_conv", "collusion", "reward", "plays", "cpu_s")
    print("agent | seeds | " + " | ".join(columns) + " | seeds within 3 % | plays to 3 % | CPU s to 3 %")
    for agent in sorted(rows, key=lambda a: float(np.median([r["price_error"] for r in rows[a]]))):
        found = rows[agent]
        cells = [interval([r[key] for r in found]) if found[0].get(key) is not None else "" for key in columns]
        near = [r for r in found if r.get("plays_near") is not None]
        to_near = [f"{np.median([r[key] for r in near]):.4g}" if near else "" for key in ("plays_near", "cpu_near_s")]
        print(" | ".join([agent, str(len(found)), *cells, f"{len(near)}", *to_near]))
    count = min(map(len, rows.values()))
    if count > 1 and len(rows) > 1:
        rewards = {agent: np.array([r["reward"] for r in found[:count]]) for agent, found in rows.items()}
        for comparison in compare_all(rewards, Resampling(seed=1)):
            print(comparison)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("game", choices=("001", "002"))
    parser.add_argument("--agents", default=",".join(AGENTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--reply", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {}
    agents, followers = asked.agents.split(","), "reply" if asked.reply else "recipe"
    tasks = [(asked.game, agent, seed, asked.share, followers) for agent in agents for seed in range(asked.seeds)]
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        waiting = {}
        for task in tasks:
            kept = asked.out / f"{'-'.join(map(str, task))}.json" if asked.out else None
            if kept is not None and kept.exists():
                waiting[task] = json.loads(kept.read_text())
            else:
                waiting[task] = pool.submit(one, task)
        for task, future in waiting.items():
            found = future if isinstance(future, dict) else future.result()
            if asked.out:
                asked.out.mkdir(parents=True, exist_ok=True)
                (asked.out / f"{'-'.join(map(str, task))}.json").write_text(json.dumps(found))
            rows.setdefault(task[1], []).append(found)
            print(task[1], task[2], {key: value for key, value in found.items() if value is not None}, flush=True)
    show(asked.game, rows)


if __name__ == "__main__":
    main()
