"""The market as PettingZoo environments: its own numbers, who sees what, ends of episodes, PettingZoo's own checks."""

import numpy as np
import pytest
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test

from simmig.env.adapters.pettingzoo import MarketAECEnv, MarketParallelEnv
from simmig.env.adapters.table import Sights
from simmig.env.market import Market, Rules
from simmig.errors import AgentError, InputError, RunError

RULES = Rules(history=2, slots=2, redraw="episode")


def actions_of(env, play, slot):
    """The shares of one slot of the first market, by player; individual prices as [I] for each leader."""
    price, demand = play.prices[slot][0].numpy(), play.demands[slot][0].numpy()
    leaders = price.T if price.ndim == 2 else price[:, None]
    given = {f"leader_{j}": share for j, share in enumerate(leaders)}
    if "follower_0" in env.possible_agents:
        given |= {f"follower_{i}": share for i, share in enumerate(demand)}
    return given


def steps_in_parallel(env, play):
    for slot in range(len(play.played)):
        if not env.agents:
            env.reset()
        yield env.step(actions_of(env, play, slot))


def steps_in_turn(env, play):
    """Each slot's (observations, rewards, terminations, truncations, infos), actions given one after the other."""
    for slot in range(len(play.played)):
        if slot % RULES.slots == 0:
            env.reset()
        actions = actions_of(env, play, slot)
        for agent in env.possible_agents:
            assert env.agent_selection == agent
            env.step(actions[agent])
        seen = {agent: env.observe(agent) for agent in env.agents}
        yield seen, dict(env.rewards), dict(env.terminations), dict(env.truncations), dict(env.infos)


@pytest.mark.parametrize("acting", ["leaders", "both"])
@pytest.mark.parametrize(("make", "steps"), [(MarketParallelEnv, steps_in_parallel), (MarketAECEnv, steps_in_turn)])
@pytest.mark.parametrize("source", ["drawn", "individual"])
def test_the_numbers_are_those_of_the_market(make, steps, source, acting, raw, request) -> None:
    games = request.getfixturevalue(source)
    play = raw(games, replies=acting == "leaders")
    env = make(games, RULES, acting=acting, seed=5)
    count = 0
    for played, (_, rewards, terminations, truncations, infos) in zip(play.played, steps(env, play), strict=True):
        profit = played.profit[0].sum(0) if played.profit.ndim == 3 else played.profit[0]
        expected = {f"leader_{j}": float(value) for j, value in enumerate(profit)}
        if acting == "both":
            expected |= {f"follower_{i}": float(value) for i, value in enumerate(played.utility[0])}
        assert rewards == expected
        assert not any(terminations.values())
        assert set(truncations.values()) == {played.is_over}
        price = np.broadcast_to(played.price[0].numpy(), (3, 2))
        for agent, info in infos.items():
            side, number = agent.split("_")
            axis = 1 if side == "leader" else 0
            assert np.array_equal(info["demand"], played.demand[0].numpy().take(int(number), axis))
            assert np.array_equal(
                np.broadcast_to(info["price"], (3, 2)[1 - axis : 2 - axis]), price.take(int(number), axis)
            )
        count += played.is_over
    assert count == 2


def test_a_leader_and_two_followers_by_hand(plain) -> None:
    # Half of the way from 2 to 12 is 7; followers buy (10 - 7) / (2 * 2) = 0.75 and (20 - 7) / (2 * 5) = 1.3.
    env = MarketParallelEnv(plain, RULES)
    env.reset(seed=1)
    _, rewards, _, _, infos = env.step({"leader_0": [0.5]})
    assert infos["leader_0"]["price"] == 7.0
    assert infos["leader_0"]["demand"] == pytest.approx([0.75, 1.3], rel=1e-12)
    assert rewards == {"leader_0": pytest.approx((7.0 - 2.0) * (0.75 + 1.3), rel=1e-12)}


def test_followers_that_act_are_paid_by_their_own_demand(plain) -> None:
    # The most that may be asked for is 1.25 times what is wanted at price 2: (20 - 2) / 10 = 2, and (10 - 2) / 4 = 2.
    env = MarketParallelEnv(plain, RULES, acting="both")
    env.reset(seed=1)
    _, rewards, _, _, infos = env.step({"leader_0": [0.5], "follower_0": [0.4], "follower_1": [0.0]})
    assert infos["follower_0"]["demand"] == pytest.approx([1.0], rel=1e-12)
    assert rewards["follower_0"] == pytest.approx(10.0 - 2.0 - 7.0, rel=1e-12)
    assert rewards["follower_1"] == 0.0
    assert rewards["leader_0"] == pytest.approx(5.0, rel=1e-12)


def test_in_turn_followers_see_the_posted_prices(drawn) -> None:
    env = MarketAECEnv(drawn, RULES, seed=5)
    scale = Market(drawn, 1, RULES, 5).price_scale
    env.reset()
    before = env.observe("follower_0")
    env.step([0.25])
    assert np.array_equal(env.observe("leader_1"), env.observe("leader_1"))
    assert np.array_equal(env.observe("follower_0"), before)
    env.step([0.75])
    seen = {agent: env.observe(agent)[-2:] for agent in ("follower_0", "follower_2")}
    for share in ([0.1, 0.2], [0.3, 0.4], [0.5, 0.6]):
        env.step(share)
    price = env.infos["follower_0"]["price"]
    assert not np.array_equal(before[-2:], seen["follower_0"])
    for each in seen.values():
        assert each == pytest.approx(price / scale, rel=1e-6)


def test_in_parallel_followers_see_the_prices_of_the_last_slot(drawn) -> None:
    env = MarketParallelEnv(drawn, Rules(history=2, slots=3), acting="both", seed=5)
    market = Market(drawn, 1, Rules(history=2, slots=3), 5)
    seen, _ = env.reset()
    last = market.price_at(market.past_price[:, -1])[0].numpy()
    assert seen["follower_1"][-2:] == pytest.approx(last / market.price_scale, rel=1e-6)
    for share in (0.2, 0.7):
        actions = {agent: np.full(env.action_space(agent).shape, share) for agent in env.agents}
        seen, _, _, _, infos = env.step(actions)
        expected = infos["follower_1"]["price"] / market.price_scale
        assert seen["follower_1"][-2:] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("make", [MarketParallelEnv, MarketAECEnv])
def test_the_last_observation_is_the_end_of_its_own_episode(make, drawn) -> None:
    env = make(drawn, RULES, acting="leaders", seed=5)
    env.reset()
    for share in (0.25, 0.75):
        if make is MarketParallelEnv:
            seen = env.step({"leader_0": [share], "leader_1": [share]})[0]
        else:
            env.step([share])
            env.step([share])
            seen = {"leader_1": env.observe("leader_1")}
    # "own" sight: (price share, mean demand share) of each remembered slot, then the present.
    assert seen["leader_1"][[0, 2]] == pytest.approx([0.25, 0.75])


def test_sights_say_how_much_is_seen(drawn) -> None:
    size = {
        sight: MarketParallelEnv(drawn, RULES, sights=Sights(sight)).observation_space("leader_0").shape[0]
        for sight in ("own", "full")
    }
    assert size == {"own": 2 * 2 + 3, "full": 2 * (2 + 2 * 3) + 3}


@pytest.mark.parametrize("make", [MarketParallelEnv, MarketAECEnv])
def test_the_same_seed_gives_the_same_numbers_and_another_others(make, drawn) -> None:
    def first(env):
        if make is MarketParallelEnv:
            return env.reset(seed=seed)[0]["leader_0"]
        env.reset(seed=seed)
        return env.observe("leader_0")

    one, other = make(drawn, RULES, seed=1), make(drawn, RULES, seed=1)
    seed = 7
    start = first(one)
    assert np.array_equal(start, first(other))
    seed = None
    again = first(one)
    assert not np.array_equal(start, again)
    assert np.array_equal(again, first(other))
    seed = 8
    assert not np.array_equal(start, first(one))


def test_another_seed_keeps_what_shares_refer_to(drawn) -> None:
    env = MarketParallelEnv(drawn, RULES, acting="both", seed=1)
    scale, other = (Market(drawn, 1, RULES, seed).demand_max for seed in (1, 7))
    assert scale != other
    env.reset(seed=7)
    infos = env.step({agent: np.full(env.action_space(agent).shape, 0.5) for agent in env.agents})[-1]
    assert infos["follower_0"]["demand"].max() == pytest.approx(0.5 * scale, rel=1e-12)


def test_in_turn_every_reward_is_paid_once(drawn, raw) -> None:
    play = raw(drawn)
    env = MarketAECEnv(drawn, RULES, seed=5)
    env.reset()
    paid = []
    for slot in range(RULES.slots):
        actions = actions_of(env, play, slot)
        for agent in env.agents:
            paid.append(env.last()[1])
            env.step(actions[agent])
    first, second = ([*each.profit[0].tolist(), *each.utility[0].tolist()] for each in play.played[: RULES.slots])
    assert paid == [*[0.0] * 5, *first]
    assert [env._cumulative_rewards[agent] for agent in env.possible_agents] == second


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"leader_0": [0.5]}, "leader_1, slot 0: no action, expected 1 numbers from 0 to 1"),
        ({"leader_0": [0.5], "leader_1": [0.5, 0.5]}, r"leader_1, slot 0: action of shape \(2,\), expected 1 numbers"),
        ({"leader_0": [0.5], "leader_1": [1.5]}, "leaders, slot 0: leader_1: share 1.5, expected numbers from 0 to 1"),
        ({"leader_0": [np.nan], "leader_1": [0.5]}, "leader_0: share nan, expected numbers from 0 to 1"),
    ],
)
def test_a_wrong_action_is_named(actions, message, drawn) -> None:
    env = MarketParallelEnv(drawn, RULES)
    env.reset()
    with pytest.raises(AgentError, match=message):
        env.step(actions)


@pytest.mark.parametrize("make", [MarketParallelEnv, MarketAECEnv])
def test_a_step_outside_an_episode_is_refused(make, drawn) -> None:
    with pytest.raises(RunError, match=r"call reset\(\) first"):
        make(drawn, RULES).step({})


def test_unknown_players_are_refused(drawn) -> None:
    with pytest.raises(InputError, match="acting: 'followers': expected leaders or both"):
        MarketParallelEnv(drawn, RULES, acting="followers")


# PettingZoo prefers that all agents see and do the same.
SIZES_DIFFER = pytest.mark.filterwarnings(
    *(
        f"ignore:{text}"
        for text in (
            "Observations are different shapes",
            "Agents have different (obs|act)",
            "Environment has not defined a render",
        )
    )
)


@SIZES_DIFFER
@pytest.mark.parametrize("acting", ["leaders", "both"])
@pytest.mark.parametrize("source", ["drawn", "individual"])
def test_pettingzoo_s_own_checks(source, acting, request) -> None:
    games = request.getfixturevalue(source)
    parallel_api_test(MarketParallelEnv(games, RULES, acting=acting), num_cycles=5)
    parallel_seed_test(lambda: MarketParallelEnv(games, RULES, acting=acting))
    api_test(MarketAECEnv(games, RULES, acting=acting), num_cycles=5)
    seed_test(lambda: MarketAECEnv(games, RULES, acting=acting), num_cycles=5)
