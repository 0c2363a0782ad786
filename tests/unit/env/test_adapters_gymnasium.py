"""One leader as a Gymnasium environment: the market's own numbers, the others' policies, Gymnasium's own checks."""

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from simmig.env.adapters.gymnasium import EquilibriumPrices, LeaderEnv, LeaderVectorEnv
from simmig.env.market import Market, Rules
from simmig.env.observations import leaders_see
from simmig.errors import AgentError, InputError

RULES = Rules(history=2, slots=2, redraw="episode")


class Replayed:
    """A policy that does what it is given, slot after slot."""

    def __init__(self, shares):
        self.shares = list(shares)

    def __call__(self, market):
        return self.shares.pop(0)


def mine(share, leader):
    """A leader's own action [B, A] among all shares."""
    return share[..., leader].numpy() if share.ndim == 3 else share[:, leader : leader + 1].numpy()


@pytest.mark.parametrize("source", ["drawn", "individual"])
@pytest.mark.parametrize("replies", [True, False])
def test_the_numbers_are_those_of_the_market(source, replies, raw, request) -> None:
    games = request.getfixturevalue(source)
    play = raw(games, count=4, replies=replies)
    others = {"rivals": Replayed(play.prices), "followers": None if replies else Replayed(play.demands)}
    env = LeaderVectorEnv(games, RULES, count=4, leader=1, seed=5, **others)
    env.reset()
    for share, played in zip(play.prices, play.played, strict=True):
        seen, reward, terminated, truncated, infos = env.step(mine(share, 1))
        profit = played.profit[..., 1].sum(1) if played.profit.ndim == 3 else played.profit[:, 1]
        assert np.array_equal(reward, profit.numpy())
        assert np.array_equal(infos["price"], played.price.numpy())
        assert np.array_equal(infos["demand"], played.demand.numpy())
        assert seen in env.observation_space
        assert not terminated.any()
        assert truncated.tolist() == [played.is_over] * 4


def test_one_market_is_a_batch_of_one(drawn, raw) -> None:
    play = raw(drawn)
    env = LeaderEnv(drawn, RULES, rivals=Replayed(play.prices), followers=Replayed(play.demands), seed=5)
    for slot, (share, played) in enumerate(zip(play.prices, play.played, strict=True)):
        if slot % RULES.slots == 0:
            env.reset()
        _, reward, terminated, truncated, infos = env.step(mine(share, 0)[0])
        assert reward == float(played.profit[0, 0])
        assert np.array_equal(infos["price"], played.price[0].numpy())
        assert np.array_equal(infos["demand"], played.demand[0].numpy())
        assert (terminated, truncated) == (False, played.is_over)


def test_the_action_is_one_s_own_and_no_rival_s(drawn) -> None:
    env = LeaderVectorEnv(drawn, RULES, count=3, leader=1, rivals=lambda market: torch.full((3, 2), 0.25))
    env.reset(seed=3)
    low, high = (getattr(Market(drawn, 3, RULES, 3).payoffs, name) for name in ("cost", "price_max"))
    _, _, _, _, infos = env.step(np.full((3, 1), 0.75))
    expected = low + torch.tensor([0.25, 0.75]) * (high - low)
    assert infos["price"] == pytest.approx(expected.numpy(), rel=1e-12)


@pytest.mark.parametrize("source", ["drawn", "individual"])
def test_rivals_play_the_equilibrium_unless_told_otherwise(source, request) -> None:
    games = request.getfixturevalue(source)
    market = Market(games, 2, RULES, 3)
    found = market.game.solve()
    low, high = market.payoffs.cost.numpy(), market.payoffs.price_max.numpy()
    env = LeaderVectorEnv(games, RULES, count=2, leader=0, seed=3)
    env.reset()
    action = ((found.price - low) / (high - low))[..., 0]
    _, reward, _, _, infos = env.step(action.reshape(2, -1))
    assert infos["price"] == pytest.approx(found.price, rel=1e-9)
    assert reward == pytest.approx(found.leader_utility[:, 0], rel=1e-6)


def test_the_equilibrium_is_solved_again_for_fresh_games(drawn) -> None:
    market, policy = Market(drawn, 2, RULES, 3), EquilibriumPrices()
    before = policy(market)
    assert policy(market) is before
    market.reset()
    assert market.price_at(policy(market)).numpy() == pytest.approx(market.game.solve().price, rel=1e-12)


def test_the_step_that_ends_the_episodes_returns_both_ends(drawn) -> None:
    rivals = Replayed([torch.full((3, 2), 0.5)] * 3)
    env = LeaderVectorEnv(drawn, RULES, count=3, leader=0, rivals=rivals, seed=5)
    market = Market(drawn, 3, RULES, 5)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    seen, _ = env.reset()
    assert np.array_equal(seen, leaders_see(market, "own").flat()[0].numpy())
    for share in (0.25, 0.75):
        seen, _, _, _, infos = env.step(np.full((3, 1), share))
        market.post(torch.tensor([[share, 0.5]]).expand(3, 2))
        played = market.buy()
    assert np.array_equal(seen, leaders_see(market, "own").flat()[0].numpy())
    # "own" sight: (price share, mean demand share) of each remembered slot, then the present.
    assert infos["final_obs"][:, [0, 2]] == pytest.approx(np.tile([0.25, 0.75], (3, 1)))
    assert np.array_equal(infos["final_info"]["price"], played.price.numpy())
    assert infos["_final_obs"].all()


def test_a_leader_by_hand(plain) -> None:
    # Half of the way from 2 to 12 is 7; followers buy (10 - 7) / (2 * 2) = 0.75 and (20 - 7) / (2 * 5) = 1.3.
    env = LeaderEnv(plain, RULES)
    env.reset(seed=1)
    assert env.step(np.array([0.5]))[1] == pytest.approx((7.0 - 2.0) * (0.75 + 1.3), rel=1e-12)


def test_the_same_seed_gives_the_same_numbers_and_another_others(drawn) -> None:
    one, other = (LeaderVectorEnv(drawn, RULES, count=3, seed=1) for _ in range(2))
    start = one.reset(seed=7)[0]
    assert np.array_equal(start, other.reset(seed=7)[0])
    assert np.array_equal(start, one.reset(seed=7)[0])
    again = one.reset()[0]
    assert not np.array_equal(start, again)
    assert np.array_equal(again, other.reset()[0])
    assert not np.array_equal(start, one.reset(seed=8)[0])


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([[0.5]], r"leader_1, slot 0: actions of shape \(1, 1\), expected \(3, 1\)"),
        ([[0.5], [0.5], [-0.1]], "leaders, slot 0: leader_1: share -0.1, expected numbers from 0 to 1"),
    ],
)
def test_a_wrong_action_is_named(action, message, drawn) -> None:
    env = LeaderVectorEnv(drawn, RULES, count=3, leader=1)
    env.reset()
    with pytest.raises(AgentError, match=message):
        env.step(np.array(action))


def test_a_leader_that_there_is_not_is_refused(drawn) -> None:
    with pytest.raises(InputError, match="leader: 2: expected 0 to 1"):
        LeaderEnv(drawn, RULES, leader=2)


@pytest.mark.parametrize("source", ["drawn", "individual"])
def test_gymnasium_s_own_checks(source, request) -> None:
    check_env(LeaderEnv(request.getfixturevalue(source), RULES), skip_render_check=True)
