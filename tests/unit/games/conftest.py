"""Rounds of the social game to test with."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from simmig.contracts import GameInputs
from simmig.games.social import Game, SocialGame

UNIT_HZ = 1e7


def inputs_of(
    alpha, beta, ties, cost, price_max, eligible=None, work=None, delay_s=None, deadline_s=None
) -> GameInputs:
    """A round in the game's own units: `work[I, J]` is the seconds that a twin takes on one unit of bandwidth."""
    followers, leaders = len(alpha), len(cost)
    shape = followers, leaders
    work = np.ones(shape) if work is None else np.asarray(work, float)
    return GameInputs(
        preferences={"alpha": np.asarray(alpha, float), "beta": np.asarray(beta, float)},
        ties=np.asarray(ties, float),
        size_bit=np.full(followers, UNIT_HZ),
        efficiency_bit_s_hz=1.0 / work,
        delay_s=np.zeros(shape) if delay_s is None else np.asarray(delay_s, float),
        deadline_s=np.full(followers, np.inf) if deadline_s is None else np.asarray(deadline_s, float),
        cost=np.asarray(cost, float),
        price_max=np.asarray(price_max, float),
        capacity_hz=np.full(leaders, np.inf),
        eligible=np.ones(shape, bool) if eligible is None else np.asarray(eligible, bool),
    )


def random_inputs(
    seed: int, tie_share=0.4, deadline_share=0.6, full=False, price_max=15.0, least_leaders=1
) -> GameInputs:
    """A round of 1 to 7 followers and 1 to 4 leaders, ties and deadlines among them, friendly to nobody."""
    rng = np.random.default_rng(seed)
    followers, leaders = int(rng.integers(1, 8)), max(int(rng.integers(1, 5)), least_leaders)
    beta = rng.uniform(10.0, 40.0, followers)
    ties = np.triu((rng.random((followers, followers)) < tie_share) * rng.uniform(0, 6, (followers, followers)), 1)
    ties += ties.T
    ties *= min(1.0, 1.8 * beta.min() / max(ties.sum(axis=1).max(), 1e-9))
    return inputs_of(
        alpha=rng.uniform(10.0, 40.0, followers),
        beta=beta,
        ties=ties,
        cost=rng.uniform(0.3, 4.0, leaders),
        price_max=np.full(leaders, price_max),
        eligible=np.ones((followers, leaders)) if full else rng.random((followers, leaders)) < 0.7,
        work=rng.uniform(0.05, 1.0, (followers, leaders)),
        delay_s=rng.uniform(0.0, 0.4, (followers, leaders)),
        deadline_s=np.where(rng.random(followers) < deadline_share, rng.uniform(0.8, 4.0, followers), np.inf),
    )


@pytest.fixture(scope="session")
def inputs() -> Callable[..., GameInputs]:
    """Inputs in the game's own units, from lists."""
    return inputs_of


@pytest.fixture(scope="session")
def random_round() -> Callable[..., GameInputs]:
    """A random round by seed."""
    return random_inputs


@pytest.fixture(scope="session")
def section_vi() -> Callable[..., SocialGame]:
    """The game of 002, Fig. 3: three followers, two leaders, all tied, deadlines slack."""

    def build(**settings) -> SocialGame:
        ties = np.full((3, 3), 5.0) - 5.0 * np.eye(3)
        return Game(**settings).build(inputs_of([30, 25, 35], [30, 30, 30], ties, [3, 1], [15, 15]))

    return build


@pytest.fixture(scope="session")
def chasing() -> GameInputs:
    """One follower whose deadline makes two leaders chase one another: no prices suit both."""
    return inputs_of(
        *([18.0], [24.0], [[0.0]], [0.64, 1.37], [15.0, 15.0]),
        work=[[0.2, 0.01]],
        delay_s=[[0.625, 0.256]],
        deadline_s=[0.82],
    )


@pytest.fixture(scope="session")
def changed() -> Callable[..., GameInputs]:
    """Inputs with some fields replaced."""
    return replace
