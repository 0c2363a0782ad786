"""The embodied game with deadlines: late followers in the solver and in the certificate, friends as lists, the scan."""

import numpy as np
import pytest

from simmig.games._embodied import leaders
from simmig.games._embodied.market import Market, places
from simmig.games._embodied.replies import Pairs, Reply, best_reply, sending_s
from simmig.games._embodied.scenes import _friends
from simmig.games._embodied.ties import Ties
from simmig.games._embodied.timely import in_time
from simmig.games._papers import draw_003
from simmig.games.embodied import EmbodiedGame

FOLLOWERS = 300


def drawn(leaders_count: int, slack: str, negative_room: bool = False) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Pairs [I, J] of late followers, their net prices and the time left, a tenth of them late by next to nothing."""
    rng = np.random.default_rng(leaders_count)
    shape = FOLLOWERS, leaders_count
    room = np.broadcast_to(rng.uniform(-0.5 if negative_room else 0.7, 2.0, FOLLOWERS)[:, None], shape)
    theta = rng.dirichlet(np.ones(leaders_count), FOLLOWERS)
    pairs = Pairs(rng.uniform(0.1, 30.0, shape), room, theta, rng.uniform(0.2, 1.0, shape), np.array(np.inf))
    net = rng.uniform(0.5, 20.0, shape)
    free = np.maximum(pairs.worth / net - room, 0.0)
    share = 1.0 - 10.0 ** -rng.uniform(3.0, 9.0, FOLLOWERS) if slack == "nearly" else rng.uniform(0.05, 0.95, FOLLOWERS)
    return pairs, net, share * np.minimum(sending_s(pairs, free), 50.0)


def in_solver(pairs: Pairs, net: np.ndarray, left_s: np.ndarray, guess=None) -> tuple[np.ndarray, np.ndarray]:
    """What the solver's code makes of the same followers: [I, J] and the multipliers [I]."""
    followers, count = net.shape
    place, none = places(np.ones((1, followers, count), dtype=bool)), np.zeros((1, count, followers))
    deadline_s = np.append(left_s, np.inf)[None]
    market = Market(
        *(False, followers, place, none, pairs.room.T[None], none, pairs.work_s.T[None], none, none),
        *(np.full((1, count), np.inf), deadline_s, None, None),
    )
    start = (none, np.zeros(deadline_s.shape)) if guess is None else (guess[0].T[None], np.append(guess[1], 0.0)[None])
    weighted = (pairs.theta * pairs.work_s).T[None]
    demand, multiplier = in_time(market, (pairs.worth.T[None], net.T[None]), weighted, deadline_s, start)
    return demand[0].T, multiplier[0, :-1]


@pytest.mark.parametrize("leaders_count", [1, 2, 7, 20])
@pytest.mark.parametrize("slack", ["tight", "nearly"])
@pytest.mark.parametrize("negative_room", [False, True])
def test_late_followers_use_up_their_time_where_it_is_cheapest(leaders_count, slack, negative_room) -> None:
    pairs, net, left_s = drawn(leaders_count, slack, negative_room)
    reply = best_reply(pairs, net, left_s)
    bought, multiplier = in_solver(pairs, net, left_s)
    for b, mu in ((reply.bought, reply.multiplier), (bought, multiplier)):
        np.testing.assert_allclose(sending_s(pairs, b), left_s, rtol=1e-12)
        worth = pairs.worth / (b + pairs.room) + mu[:, None] * pairs.work_s / b**2
        np.testing.assert_allclose(worth, net, rtol=1e-9)
        assert (mu > 0.0).all()
        assert (b + pairs.room > 0.0).all()
    np.testing.assert_allclose(bought, reply.bought, rtol=1e-9)


def test_a_start_near_by_changes_no_reply() -> None:
    pairs, net, left_s = drawn(5, "tight")
    near = best_reply(pairs, net * 1.01, left_s)
    elsewhere = Reply(np.full(net.shape, 3.0), np.full(len(net), 1e-3))
    cold = best_reply(pairs, net, left_s)
    for start in (near, elsewhere):
        np.testing.assert_allclose(best_reply(pairs, net, left_s, start).bought, cold.bought, rtol=1e-12)
        again, _ = in_solver(pairs, net, left_s, (start.bought, start.multiplier))
        np.testing.assert_allclose(again, cold.bought, rtol=1e-9)


def test_who_has_time_buys_as_if_there_were_no_deadline() -> None:
    pairs, net, left_s = drawn(3, "tight")
    free = np.maximum(pairs.worth / net - pairs.room, 1e-9)
    pairs = Pairs(net * (free + pairs.room), pairs.room, pairs.theta, pairs.work_s, pairs.most)
    left_s[::2] = 1e12
    reply, (bought, multiplier) = best_reply(pairs, net, left_s), in_solver(pairs, net, left_s)
    for b, mu in ((reply.bought, reply.multiplier), (bought, multiplier)):
        np.testing.assert_allclose(b[::2], free[::2], rtol=1e-6)
        assert (mu[::2] == 0.0).all()


def test_no_time_left_is_demand_without_bound() -> None:
    pairs, net, left_s = drawn(3, "tight")
    left_s[0] = 0.0
    bought, _ = in_solver(pairs, net, left_s)
    assert np.isinf(bought[0]).all()
    assert np.isfinite(bought[1:]).all()


def test_few_friends_are_listed_and_count_the_same() -> None:
    rng = np.random.default_rng(0)
    ties = np.where(rng.random((2, 40, 40)) < 0.05, rng.random((2, 40, 40)), 0.0)
    ties = np.triu(ties, 1) + np.swapaxes(np.triu(ties, 1), 1, 2)
    place = places(rng.random((2, 40, 3)) < 0.9)
    listed = Ties.of(ties, place)
    assert listed.friend is not None
    demand = np.where(place < 40, rng.random(place.shape), 0.0)
    wide = np.zeros((2, 3, 41))
    np.put_along_axis(wide, place, demand, axis=2)
    for n, j in np.ndindex(2, 3):
        expected = np.append(ties[n] @ wide[n, j, :-1], 0.0)[place[n, j]]
        np.testing.assert_allclose(listed.gain(demand)[n, j], expected, rtol=1e-13)
        alone = listed.take(np.array([n])).alone(np.array([j])).gain(demand[[n], [j]][:, None])
        np.testing.assert_allclose(alone[0, 0], expected, rtol=1e-13)
    np.testing.assert_array_equal(listed.apart().gain(demand.reshape(6, 1, -1)), listed.gain(demand).reshape(6, 1, -1))
    weight, friend = _friends(ties)
    summed = (weight * wide[np.arange(2)[:, None, None], 0, friend]).sum(axis=2)
    np.testing.assert_allclose(summed, np.einsum("nik,nk->ni", ties, wide[:, 0, :-1]), rtol=1e-13)
    assert _friends(np.ones((1, 5, 5)))[1] is None


@pytest.mark.parametrize("effects", ["additive", "multiplicative"])
def test_the_scan_is_the_proof_and_the_climb_a_means(monkeypatch, effects) -> None:
    # Climbs are stopped before they settle: what is called converged then is so by the scan alone.
    given = draw_003(np.random.default_rng(3), (6,), 5, 2, effects=effects)
    given["deadline_s"] = given["delay_s"].max(axis=2) + 0.4 * given["work_s"][:, :, 0]
    monkeypatch.setattr(leaders, "_STEPS", 1)
    found = EmbodiedGame.make(**given, effects=effects).solve()
    assert found.converged.all()
    assert found.certificate.leader_gap_relative.max() < 1e-8
