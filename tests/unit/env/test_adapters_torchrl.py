"""Markets as a TorchRL environment: the market's own numbers, groups, ends of episodes, TorchRL's own checks."""

import os

import pytest
import torch

if not os.environ.get("CI"):  # CI has the library, and must not skip these tests
    pytest.importorskip("torchrl")

from tensordict import TensorDict, TensorDictBase
from torchrl.envs.utils import check_env_specs, step_mdp

from simmig.env.adapters.torchrl import MarketEnv
from simmig.env.market import Market, Rules
from simmig.env.observations import leaders_see
from simmig.errors import AgentError, InputError

RULES = Rules(history=2, slots=2, redraw="episode")
COUNT = 4


def act(env, start, play, slot):
    """The state `start` with the actions of one slot of a play."""
    price = play.prices[slot]
    leaders = price.transpose(1, 2) if price.ndim == 3 else price[..., None]
    if "agents" in env.group_map:
        return start.set(("agents", "action"), leaders)
    return start.set(("leaders", "action"), leaders).set(("followers", "action"), play.demands[slot])


@pytest.mark.parametrize("acting", ["leaders", "both"])
@pytest.mark.parametrize("source", ["drawn", "individual"])
def test_the_numbers_are_those_of_the_market(source, acting, raw, request) -> None:
    games = request.getfixturevalue(source)
    play = raw(games, count=COUNT, replies=acting == "leaders")
    env = MarketEnv(games, RULES, count=COUNT, acting=acting, seed=5)
    leaders = "agents" if acting == "leaders" else "leaders"
    now = env.reset()
    for slot, played in enumerate(play.played):
        after = env.step(act(env, now, play, slot))["next"]
        profit = played.profit.sum(1) if played.profit.ndim == 3 else played.profit
        assert torch.equal(after[leaders, "reward"], profit[..., None].float())
        if acting == "both":
            assert torch.equal(after["followers", "reward"], played.utility[..., None].float())
        assert torch.equal(after["price"], played.price)
        assert torch.equal(after["demand"], played.demand)
        assert not after["terminated"].any()
        for key in ("done", "truncated"):
            assert after[key].tolist() == [[played.is_over]] * COUNT
        now = env.reset() if played.is_over else step_mdp(TensorDict({"next": after}, (COUNT,)))


def test_a_leader_by_hand(plain) -> None:
    # Half of the way from 2 to 12 is 7; followers buy (10 - 7) / (2 * 2) = 0.75 and (20 - 7) / (2 * 5) = 1.3.
    env = MarketEnv(plain, RULES, count=1)
    after = env.step(env.reset().set(("agents", "action"), torch.tensor([[[0.5]]])))["next"]
    assert after["price"].item() == 7.0
    assert after["agents", "reward"].item() == pytest.approx((7.0 - 2.0) * (0.75 + 1.3), rel=1e-6)


def test_a_rollout_goes_on_from_one_episode_to_the_next(drawn) -> None:
    def play(tensordict: TensorDictBase) -> TensorDictBase:  # TorchRL goes by the annotation
        return tensordict.set(("agents", "action"), torch.full((COUNT, 2, 1), 0.25))

    env = MarketEnv(drawn, RULES, count=COUNT, seed=5)
    market = Market(drawn, COUNT, RULES, 5)
    walk = env.rollout(5, play, break_when_any_done=False)
    assert walk["next", "done"][0, :, 0].tolist() == [False, True, False, True, False]
    for slot in range(5):
        seen = leaders_see(market, "own").flat().transpose(0, 1)
        assert torch.equal(walk["agents", "observation"][:, slot], seen)
        market.post(torch.full((COUNT, 2), 0.25))
        assert torch.equal(walk["next", "price"][:, slot], market.buy().price)
    # The last observation of an episode is its own end: two slots in which the share of every price was 0.25.
    ends = walk["next", "agents", "observation"][:, [1, 3]]
    assert ends[..., [0, 2]] == pytest.approx(0.25)


def test_groups_are_named_by_who_acts(drawn) -> None:
    leaders = ["leader_0", "leader_1"]
    assert MarketEnv(drawn, RULES, count=1).group_map == {"agents": leaders}
    followers = ["follower_0", "follower_1", "follower_2"]
    assert MarketEnv(drawn, RULES, count=1, acting="both").group_map == {"leaders": leaders, "followers": followers}


def test_the_same_seed_gives_the_same_numbers_and_another_others(drawn) -> None:
    def first(env, seed):
        env.set_seed(seed)
        return env.reset()["agents", "observation"]

    one, other = (MarketEnv(drawn, RULES, count=COUNT, seed=1) for _ in range(2))
    start = first(one, 7)
    assert torch.equal(start, first(other, 7))
    again = one.reset()["agents", "observation"]
    assert not torch.equal(start, again)
    assert torch.equal(again, other.reset()["agents", "observation"])
    assert not torch.equal(start, first(one, 8))


def test_a_wrong_share_is_named(drawn) -> None:
    env = MarketEnv(drawn, RULES, count=1)
    with pytest.raises(AgentError, match=r"leader_1: share 1\.5, expected numbers from 0 to 1"):
        env.step(env.reset().set(("agents", "action"), torch.tensor([[[0.5], [1.5]]])))


def test_some_markets_cannot_be_reset_without_the_others(drawn) -> None:
    env = MarketEnv(drawn, RULES, count=2)
    with pytest.raises(InputError, match="some markets only; expected all of them"):
        env.reset(TensorDict({"_reset": torch.tensor([[True], [False]])}, (2,)))


@pytest.mark.parametrize("acting", ["leaders", "both"])
@pytest.mark.parametrize("source", ["drawn", "individual"])
def test_torchrl_s_own_checks(source, acting, request) -> None:
    check_env_specs(MarketEnv(request.getfixturevalue(source), RULES, count=COUNT, acting=acting), seed=1)
