"""A second implementation of the social game, written from 002 alone, with a general optimiser: the two must agree."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from simmig.contracts import GameInputs
from simmig.games.social import Game

GAMES = 100
UNIT_HZ = 1e7


@dataclass
class Paper:
    """N vehicles (MSPs) and M RSUs (MRPs) in the letters of 002, Section III."""

    alpha: np.ndarray
    beta: np.ndarray
    w: np.ndarray
    c: np.ndarray
    p_max: np.ndarray
    D: np.ndarray  # bit
    K: np.ndarray  # s
    rate: np.ndarray  # [N, M] log2(1 + SNR), bit/s/Hz
    queue: np.ndarray  # [N, M] waiting and re-instantiation, s
    may: np.ndarray  # [N, M] who can be served where: everyone everywhere in the paper
    C: np.ndarray  # [M] bandwidth that each RSU has to sell: unlimited in the paper

    def theta(self, p):
        shares = self.may / p
        return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)

    def delay(self, b, p):
        """The left side of (6), per vehicle."""
        t = np.where(self.may, self.D[:, None] / (np.maximum(b, 1e-12) * UNIT_HZ * self.rate) + self.queue, 0.0)
        return (self.theta(p) * t).sum(axis=1)

    def leader_utility(self, p, b):
        """(2)."""
        return (self.theta(p) * b * (p - self.c)).sum(axis=0)

    def follower_utility(self, p, b):
        """(1)."""
        gain = self.alpha[:, None] * b - self.beta[:, None] * b**2 + b * (self.w @ b) - p * b
        return (self.theta(p) * gain).sum(axis=1)

    def followers_in_time(self, p):
        """(11) for all at once, where no deadline binds and everybody buys."""
        b = np.zeros(self.may.shape)
        for j in range(len(p)):
            i = np.flatnonzero(self.may[:, j])
            b[i, j] = np.linalg.solve(2 * np.diag(self.beta[i]) - self.w[np.ix_(i, i)], self.alpha[i] - p[j])
        return b

    def followers(self, p):
        """Problem 1 of every vehicle at once.

        Its utility times sum_l 1/p_l has the same optimum, and those utilities have a common potential because w is
        symmetric: sum_ij [(alpha_i - p_j) b_ij - beta_i b_ij^2 + 1/2 b_ij sum_k w_ik b_kj] / p_j.
        """
        i, j = np.nonzero(self.may)

        def full(x):
            b = np.zeros(self.may.shape)
            b[i, j] = x
            return b

        def loss(x):
            b = full(x)
            value = self.alpha[:, None] - p - self.beta[:, None] * b + 0.5 * (self.w @ b)
            return -(b * value / p).sum()

        def slope(x):
            b = full(x)
            return -((self.alpha[:, None] - p - 2 * self.beta[:, None] * b + self.w @ b) / p)[i, j]

        def room(x):
            return (self.K - self.delay(full(x), p))[np.isfinite(self.K)]

        def room_slope(x):
            sent = self.theta(p)[i, j] * self.D[i] / (UNIT_HZ * self.rate[i, j]) / x**2
            return ((np.arange(len(self.K))[:, None] == i) * sent)[np.isfinite(self.K)]

        # A common price of what an RSU lacks, in units of money, is p_j times the multiplier of its capacity here.
        sold = np.equal.outer(np.flatnonzero(np.isfinite(self.C)), j) * 1.0
        limits = [{"type": "ineq", "fun": room, "jac": room_slope}] if np.isfinite(self.K).any() else []
        if len(sold):
            left = self.C[np.isfinite(self.C)]
            limits.append({"type": "ineq", "fun": lambda x: left - sold @ x, "jac": lambda x: -sold})
        start = np.full(len(i), 1.0)
        while np.isfinite(self.K).any() and room(start).min() < 0:
            start *= 1.5
        found = minimize(
            loss,
            start,
            jac=slope,
            method="SLSQP",
            bounds=[(1e-6, None)] * len(i),
            constraints=limits,
            options={"ftol": 1e-15, "maxiter": 500},
        )
        return full(found.x)

    def leaders_in_time(self):
        """Problem 2 of every RSU in turn, the vehicles answering by (11), until no price moves."""
        p = 0.5 * (self.c + self.p_max)
        for _ in range(100):
            before = p.copy()
            for j in range(len(p)):

                def loss(x, j=j):
                    tried = np.where(np.arange(len(p)) == j, x, p)
                    return -self.leader_utility(tried, self.followers_in_time(tried))[j]

                bounds = self.c[j], self.p_max[j]
                best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10})
                p[j] = self.p_max[j] if loss(self.p_max[j]) <= best.fun else best.x
            if np.abs(p - before).max() < 1e-7:
                return p
        raise AssertionError("prices did not settle")


def random_paper(number: int) -> Paper:
    """A game of the sizes and ranges of 002, Section VI; every second has deadlines, every third has masks."""
    rng = np.random.default_rng(number)
    n, m = int(rng.integers(2, 6)), int(rng.integers(2, 4))
    w = np.triu(rng.normal(5, 1, (n, n)), 1)
    may = rng.random((n, m)) < (0.7 if number % 3 == 0 else 2.0)
    may[may.sum(axis=1) == 0, 0] = True
    may[0, may.sum(axis=0) == 0] = True
    return Paper(
        alpha=rng.normal(30, 2, n),
        beta=rng.normal(30, 1, n),
        w=w + w.T,
        c=rng.uniform(0.5, 3.0, m),
        p_max=np.full(m, 15.0),
        D=rng.uniform(10, 50, n) * 8e6,
        K=rng.uniform(2, 4, n) if number % 2 else np.full(n, np.inf),
        rate=rng.uniform(15, 40, (n, m)),
        queue=rng.uniform(0.1, 0.6, (n, m)),
        may=may,
        C=np.full(m, np.inf),
    )


def product_game(paper: Paper):
    return Game(bandwidth_unit_hz=UNIT_HZ).build(
        GameInputs(
            preferences={"alpha": paper.alpha, "beta": paper.beta},
            ties=paper.w,
            size_bit=paper.D,
            efficiency_bit_s_hz=paper.rate,
            delay_s=paper.queue,
            deadline_s=paper.K,
            cost=paper.c,
            price_max=paper.p_max,
            capacity_hz=paper.C * UNIT_HZ,
            eligible=paper.may,
        )
    )


@pytest.mark.parametrize("number", range(0, GAMES, 2))
def test_without_deadlines_prices_demands_and_utilities_agree(number) -> None:
    paper = random_paper(number)
    found = product_game(paper).solve()
    assert found.converged
    price = paper.leaders_in_time()
    demand = paper.followers_in_time(price)
    assert demand[paper.may].min() > 0.0
    np.testing.assert_allclose(found.price, price, rtol=1e-6)
    np.testing.assert_allclose(found.demand, demand, rtol=1e-5)
    np.testing.assert_allclose(
        found.leader_utility, paper.leader_utility(price, demand), rtol=1e-7
    )  # the twin knows prices to 1e-8
    np.testing.assert_allclose(found.follower_utility, paper.follower_utility(price, demand), rtol=1e-5)


@pytest.mark.parametrize("number", range(1, GAMES, 2))
def test_with_deadlines_demands_agree_and_no_price_is_better(number) -> None:
    paper = random_paper(number)
    found = product_game(paper).solve()
    assert found.converged
    np.testing.assert_allclose(found.demand, paper.followers(found.price), rtol=2e-5, atol=1e-6)
    assert (paper.delay(found.demand, found.price) <= paper.K * (1 + 1e-9)).all()
    np.testing.assert_allclose(found.leader_utility, paper.leader_utility(found.price, found.demand), rtol=1e-12)
    np.testing.assert_allclose(found.follower_utility, paper.follower_utility(found.price, found.demand), rtol=1e-9)
    for j in range(len(found.price)):
        for share in (0.25, 0.5, 0.75, 1.0, found.price[j] / 15.0 - 0.02):
            tried = np.where(np.arange(len(found.price)) == j, np.clip(15.0 * share, paper.c[j], 15.0), found.price)
            utility = paper.leader_utility(tried, paper.followers(tried))[j]
            assert utility <= found.leader_utility[j] * (1 + 1e-6)


@pytest.mark.parametrize("number", range(GAMES))
def test_with_capacities_demands_agree(number) -> None:
    paper = random_paper(number)
    rng = np.random.default_rng(number)
    price = rng.uniform(paper.c, 15.0)
    wanted = product_game(paper).best_demand(price)
    tight = replace(paper, C=wanted.sum(axis=0) * rng.uniform(0.85, 1.1, len(paper.c)))
    game = product_game(tight)
    demand, shadow_price = game.respond(price)
    gives_up = tight.delay(demand, price) > tight.K * (1 + 1e-9)  # whom the capacities leave too little
    assert gives_up.any() or ((wanted.sum(axis=0) > tight.C) <= (shadow_price > 0.0)).all()
    patient = replace(tight, K=np.where(gives_up, np.inf, tight.K))
    np.testing.assert_allclose(demand, patient.followers(price), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("number", range(GAMES, GAMES + 20))
def test_with_capacities_no_price_is_better(number) -> None:
    paper = random_paper(number)
    rng = np.random.default_rng(number)
    sold = product_game(paper).solve().demand.sum(axis=0)
    tight = replace(paper, C=sold * rng.uniform(0.8, 1.1, len(paper.c)))
    found = product_game(tight).solve()
    assert found.converged or np.isfinite(paper.K).any()
    for j in range(len(found.price) if found.converged else 0):
        for share in (0.25, 0.5, 0.75, 1.0, found.price[j] / 15.0 - 0.02, found.price[j] / 15.0 + 0.02):
            tried = np.where(np.arange(len(found.price)) == j, np.clip(15.0 * share, paper.c[j], 15.0), found.price)
            demand = tight.followers(tried)
            if (tight.delay(demand, tried) <= tight.K * (1 + 1e-6)).all():
                assert tight.leader_utility(tried, demand)[j] <= found.leader_utility[j] * (1 + 1e-6)


def test_deadlines_bind_in_many_of_these_games() -> None:
    late = 0
    for number in range(1, GAMES, 2):
        paper = random_paper(number)
        found = product_game(paper).solve()
        late += int((paper.delay(found.demand, found.price) > paper.K * (1 - 1e-9)).any())
    assert 10 <= late <= 45


@pytest.mark.parametrize("number", range(0, GAMES, 5))
def test_within_capacities_demands_agree(number) -> None:
    paper = random_paper(number)
    rng = np.random.default_rng(number)
    price = paper.c + (paper.p_max - paper.c) * rng.random(len(paper.c))
    # With more than deadlines ask for by itself, there is always an answer.
    least = paper.followers(paper.p_max).sum(axis=0)
    free = paper.followers(price).sum(axis=0)
    paper.C = least + (free - least) * rng.uniform(0.2, 1.2, len(price))
    demand, shadow = product_game(paper).respond(price)
    expected = paper.followers(price)
    np.testing.assert_allclose(demand, expected, rtol=5e-5, atol=2e-5)
    assert (demand.sum(axis=0) <= paper.C * (1 + 1e-9)).all()
    assert (shadow[demand.sum(axis=0) < paper.C * (1 - 1e-6)] == 0.0).all()
    late = np.isfinite(paper.K) & (paper.delay(demand, price) > paper.K * (1 - 1e-6))
    marginal = paper.alpha[:, None] - price - 2 * paper.beta[:, None] * demand + paper.w @ demand
    free_to_choose = ((demand > 1e-9) & paper.may) * ~late[:, None]
    np.testing.assert_allclose((marginal - shadow) * free_to_choose, 0.0, atol=1e-7)
