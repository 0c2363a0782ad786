"""Our policy optimiser beside those of Stable-Baselines3 and TorchRL on one game: speed, and plays until it is solved.

python tests/benchmarks/bench_learning.py speed [--rounds 7] [--games 256 4]
python tests/benchmarks/bench_learning.py converge [--seeds 0 1 2] [--iterations 160] [--games 256]

Needs the extras `torchrl` and `bench`. CPU time of one process with one thread; implementations take turns, so that a
busy machine slows all of them, and ratios are medians over the rounds. An agent-step is one player in one slot of one
market. Nothing is asserted, because times are not tests.

Five leaders with one price each, three followers that give their best reply (001 with
uniform prices). All learn with PPO from the same observations: 64-64 tanh networks of actor and critic for each leader,
episodes and rollouts of 32 slots, 4 passes over 4 parts, Adam at 1e-3, discount 0.9, lambda 0.95, clip 0.2. Rewards go
to the other two less their mean over their deviation in random play; ours scales them itself. What remains different is
how each library makes a share in [0, 1]: ours and SB3 by a logistic function of a normal draw whose deviation does not
depend on what is seen, TorchRL by its TanhNormal, whose does.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from tensordict.nn.distributions import NormalParamExtractor
from torch import nn
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.data.replay_buffers.samplers import SamplerWithoutReplacement
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MultiAgentMLP, ProbabilisticActor, TanhNormal
from torchrl.objectives import ClipPPOLoss, ValueEstimators

from simmig.env.adapters.table import Table
from simmig.env.adapters.torchrl import MarketEnv
from simmig.env.market import Market, Rules
from simmig.env.sources import FixedGame
from simmig.games._papers import draw_001
from simmig.games.immersion import ImmersionGame
from simmig.learning.evaluate import play
from simmig.learning.recipe import Recipe
from simmig.learning.trainer import Trainer
from simmig.rng import stream

SLOTS = 32
RULES = Rules(history=3, slots=SLOTS)
CLOSE = 0.03  # mean relative price error that counts as converged, if it lasts for three evaluations
EVERY = 2  # iterations between two evaluations
RECIPE = Recipe(
    history=RULES.history,
    slots=SLOTS,
    steps=SLOTS,
    deviation=1.0,
    learning_rate=1e-3,
    final_rate=1.0,
    discount=0.9,
    trace=0.95,
    epochs=4,
    minibatches=4,
)


def five_leaders() -> ImmersionGame:
    """The game that is learned; every price of its equilibrium lies between cost and cap."""
    drawn = draw_001(stream(1, "bench_learning"), (), 3, 5, positive=True)
    return ImmersionGame.make(**{**drawn, "price_max": np.full(5, 35.0)}, prices="uniform")


def seconds(action: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    action()
    return time.process_time() - start


def reward_scale(game: ImmersionGame) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what takes from profits [..., J] their mean in random play and divides by their deviation."""
    market = Market(FixedGame(game), 4096, RULES, 0)
    market.post(torch.rand(4096, market.leaders, generator=torch.Generator().manual_seed(0)))
    profit = market.buy().profit
    mean, deviation = profit.mean(0), profit.std(0)
    return lambda reward: (reward - mean) / deviation


class Implementation(Protocol):
    """One library's learner on the game of five leaders."""

    def iterate(self) -> object:
        """Play an episode in every market and learn from it."""

    def prices(self) -> np.ndarray:
        """Return what the leaders ask without exploring, [J]."""


def market_of(game: ImmersionGame, games: int, seed: int) -> Table:
    """The game as the adapters have it."""
    return Table(FixedGame(game), RULES, games, seed, acting="leaders", sights=None)


@torch.no_grad()
def settled(table: Table, policy: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    """Return the prices [J] of one market once its random past is forgotten; `policy` makes shares of what is seen."""
    seen = table.begin()["leaders"]
    for _ in range(2 * RULES.history):
        table.post(policy(seen))
        turn = table.buy()
        seen = turn.seen["leaders"]
    return turn.played.price[0].numpy()


class Ours:
    """simmig.learning; the actors as they are, not their mean, which the others do not have."""

    def __init__(self, game: ImmersionGame, games: int, seed: int) -> None:
        recipe = RECIPE.model_copy(update={"games": games})
        self._trainer = Trainer(Market(FixedGame(game), games, RULES, seed), recipe, seed)
        self._single = Market(FixedGame(game), 1, RULES, seed)

    def iterate(self) -> object:
        return self._trainer.iterate()

    def prices(self) -> np.ndarray:
        actors = {"leaders": self._trainer.sides["leaders"].learner.actor}
        return play(self._single, actors, RECIPE)[0][0].numpy()


class Spaces(gymnasium.Env):
    """What a model of Stable-Baselines3 needs to know about an environment that it never steps."""

    def __init__(self, size: int) -> None:
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.action_space = gymnasium.spaces.Box(-10.0, 10.0, (1,), np.float32)  # it wants bounds; none is met


class Stable:
    """Five stock PPOs of Stable-Baselines3, each with its own rollout buffer, trained by its own `train`.

    They act in lock-step in one batch of markets, whose loop over single markets is left out, in their favour.
    """

    def __init__(self, game: ImmersionGame, games: int, seed: int) -> None:
        self._table, self._single = market_of(game, games, seed), market_of(game, 1, seed)
        self._scaled = reward_scale(game)
        self._models = [self._model(games, seed * 10 + j) for j in range(len(game.cost))]

    def _model(self, games: int, seed: int) -> PPO:
        model = PPO(
            "MlpPolicy",
            DummyVecEnv([lambda: Spaces(self._table.sizes["leaders"])] * games),
            learning_rate=RECIPE.learning_rate,
            n_steps=SLOTS,
            batch_size=SLOTS * games // RECIPE.minibatches,
            n_epochs=RECIPE.epochs,
            gamma=RECIPE.discount,
            gae_lambda=RECIPE.trace,
            clip_range=RECIPE.clip,
            vf_coef=RECIPE.value_weight,
            max_grad_norm=RECIPE.most_gradient,
            policy_kwargs={"net_arch": {"pi": [RECIPE.width] * 2, "vf": [RECIPE.width] * 2}},
            seed=seed,
            device="cpu",
        )
        model.set_logger(Logger(folder=None, output_formats=[]))
        return model

    def iterate(self) -> object:
        self._roll_out()
        for model in self._models:
            model.train()
        return None

    @torch.no_grad()
    def _roll_out(self) -> None:
        table = self._table
        seen = table.begin()["leaders"].transpose(0, 1)
        starts = np.ones(seen.shape[1], dtype=bool)
        for model in self._models:
            model.policy.set_training_mode(False)
            model.rollout_buffer.reset()
        for _ in range(SLOTS):
            acted = [model.policy(own) for model, own in zip(self._models, seen, strict=True)]
            table.post(torch.stack([torch.sigmoid(action) for action, _, _ in acted], 1))
            turn = table.buy()
            reward = self._scaled(turn.reward["leaders"]).T.float().numpy().copy()
            after = turn.seen["leaders"].transpose(0, 1)
            for j, (model, (action, value, density)) in enumerate(zip(self._models, acted, strict=True)):
                if turn.played.is_over:  # as its own rollout does where an episode is truncated
                    reward[j] += model.gamma * model.policy.predict_values(after[j])[:, 0].numpy()
                model.rollout_buffer.add(seen[j].numpy(), action.numpy(), reward[j], starts, value, density)
            seen, starts = after, np.full(len(starts), turn.played.is_over)
        for model, last in zip(self._models, seen, strict=True):
            model.rollout_buffer.compute_returns_and_advantage(model.policy.predict_values(last), starts)

    def prices(self) -> np.ndarray:
        def policy(seen: torch.Tensor) -> torch.Tensor:
            best = [model.policy.get_distribution(seen[:, j]).mode() for j, model in enumerate(self._models)]
            return torch.sigmoid(torch.stack(best, 1))

        return settled(self._single, policy)


class TorchRL:
    """Independent PPO as TorchRL's multi-agent tutorial builds it, one network for each leader."""

    def __init__(self, game: ImmersionGame, games: int, seed: int) -> None:
        torch.manual_seed(seed)
        self._env = MarketEnv(FixedGame(game), RULES, count=games, seed=seed)
        self._single, self._scaled = market_of(game, 1, seed), reward_scale(game)
        size, agents = self._single.sizes["leaders"], len(game.cost)
        body = nn.Sequential(self._network(size, 2, agents), NormalParamExtractor())
        law = [("agents", "loc"), ("agents", "scale")]
        self._actor = ProbabilisticActor(
            TensorDictModule(body, in_keys=[("agents", "observation")], out_keys=law),
            in_keys=law,
            out_keys=[("agents", "action")],
            distribution_class=TanhNormal,
            distribution_kwargs={"low": 0.0, "high": 1.0},
            return_log_prob=True,
            log_prob_key=("agents", "sample_log_prob"),
        )
        critic = TensorDictModule(
            self._network(size, 1, agents), in_keys=[("agents", "observation")], out_keys=[("agents", "state_value")]
        )
        self._loss = ClipPPOLoss(
            self._actor,
            critic,
            clip_epsilon=RECIPE.clip,
            entropy_bonus=False,
            critic_coeff=RECIPE.value_weight,
            loss_critic_type="l2",
            normalize_advantage=True,
            normalize_advantage_exclude_dims=(-2,),
        )
        self._loss.set_keys(
            **{key: ("agents", key) for key in ("reward", "action", "sample_log_prob", "done", "terminated")},
            value=("agents", "state_value"),
            advantage=("agents", "advantage"),
            value_target=("agents", "value_target"),
        )
        self._loss.make_value_estimator(ValueEstimators.GAE, gamma=RECIPE.discount, lmbda=RECIPE.trace)
        self._optimiser = torch.optim.Adam(self._loss.parameters(), lr=RECIPE.learning_rate)
        frames = SLOTS * games
        self._buffer = ReplayBuffer(
            storage=LazyTensorStorage(frames),
            sampler=SamplerWithoutReplacement(),
            batch_size=frames // RECIPE.minibatches,
        )

    def _network(self, inputs: int, outputs: int, agents: int) -> MultiAgentMLP:
        return MultiAgentMLP(
            inputs,
            outputs,
            agents,
            centralized=False,
            share_params=False,
            depth=2,
            num_cells=RECIPE.width,
            activation_class=nn.Tanh,
        )

    def iterate(self) -> object:
        with torch.no_grad(), set_exploration_type(ExplorationType.RANDOM):
            data = self._env.rollout(SLOTS, self._actor, break_when_any_done=False)
        reward = data["next", "agents", "reward"]
        data["next", "agents", "reward"] = self._scaled(reward[..., 0])[..., None].float()
        for key in ("done", "terminated"):
            data["next", "agents", key] = data["next", key][..., None, :].expand(reward.shape)
        with torch.no_grad():
            self._loss.value_estimator(data)
        self._buffer.extend(data.reshape(-1))
        for _ in range(RECIPE.epochs * RECIPE.minibatches):
            losses = self._loss(self._buffer.sample())
            (losses["loss_objective"] + losses["loss_critic"]).backward()
            nn.utils.clip_grad_norm_(self._loss.parameters(), RECIPE.most_gradient)
            self._optimiser.step()
            self._optimiser.zero_grad()
        return None

    def prices(self) -> np.ndarray:
        def policy(seen: torch.Tensor) -> torch.Tensor:
            with set_exploration_type(ExplorationType.DETERMINISTIC):
                return self._actor(TensorDict({"agents": {"observation": seen}}, (1,)))["agents", "action"]

        return settled(self._single, policy)


LIBRARIES: dict[str, Callable[[ImmersionGame, int, int], Implementation]] = {
    "simmig": Ours,
    "SB3 x 5": Stable,
    "TorchRL": TorchRL,
}


def slot(market: Market, share: torch.Tensor) -> None:
    """Play one slot."""
    market.post(share)
    market.buy()


def compare_speed(rounds: int, games: list[int]) -> None:
    """Print agent-steps per CPU second of learning, and the median ratio of CPU times to ours."""
    game = five_leaders()
    print("agent-steps per CPU second, and CPU time over ours, with and without the market's: medians of the rounds")
    for count in games:
        learners = {name: make(game, count, 0) for name, make in LIBRARIES.items()}
        market, share = Market(FixedGame(game), count, RULES, 0), torch.full((count, len(game.cost)), 0.5)
        # Few markets take so little time that several iterations make a round.
        repeats = max(1, 64 // count)
        ways = {name: (learner.iterate, repeats) for name, learner in learners.items()}
        ways["market"] = (partial(slot, market, share), repeats * SLOTS)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds + 1):  # the first warms up
            for name, (run, times) in ways.items():
                start = time.process_time()
                for _ in range(times):
                    run()
                taken[name].append(time.process_time() - start)
        steps = repeats * count * SLOTS * len(game.cost)
        spent = {name: np.array(each[1:]) for name, each in taken.items()}
        ours, alone = spent["simmig"], spent["market"]
        for name, each in spent.items():
            print(
                f"{count:>5} games  {name:<10}{steps / np.median(each):>12,.0f}{np.median(each / ours):>9.2f}", end=""
            )
            print("" if name == "market" else f"{np.median((each - alone) / (ours - alone)):>9.2f}", flush=True)


def compare_learning(seeds: list[int], iterations: int, games: int) -> None:
    """Print after how many iterations, and CPU seconds, the prices stay within 3 % of the equilibrium's."""
    game = five_leaders()
    expected = game.solve().price
    print(
        f"iterations and CPU seconds to a price error below {CLOSE:.0%}; {games} games, equilibrium {expected.round(2)}"
    )
    for seed in seeds:
        for name, make in LIBRARIES.items():
            learner = make(game, games, seed)
            errors, spent, reached = [], 0.0, ""
            for number in range(1, iterations + 1):
                spent += seconds(learner.iterate)
                if number % EVERY:
                    continue
                errors.append(float(np.mean(np.abs(learner.prices() - expected) / expected)))
                if len(errors) >= 3 and max(errors[-3:]) < CLOSE:
                    reached = f"{number - 2 * EVERY:>5}"
                    break
            result = reached or f"not in {iterations}"
            print(f"seed {seed}  {name:<10}{result:>12}{spent:>9.1f} s  error {errors[-1]:.4f}", flush=True)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["speed", "converge"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--games", type=int, nargs="+", default=[256, 4])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--iterations", type=int, default=160)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.part == "speed":
        compare_speed(options.rounds, options.games)
    else:
        compare_learning(options.seeds, options.iterations, options.games[0])


if __name__ == "__main__":
    main()
