"""The embodied game a second time, from 003 alone: replies repeated until nobody moves, prices found by search."""

from dataclasses import dataclass

import numpy as np
from immersion_twin import highest

ROUNDS = 600  # replies of the AVs to one another before demand counts as without bound
EDGE = 1e-3  # part of a price by which this puts that edge too high at most: there, replies are slow
JUMP = 12  # rounds before, and between, attempts at the end of replies that grow in proportion
HUGE = 1e5  # demand, some 10^12 Hz, that counts as without bound
STEADY = 1e-13  # demands that move less than this part have settled
STEADY_PRICE = 2e-6  # prices: a flat top hides some 1e-7


@dataclass
class Twin:
    """I AVs and J RSUs in the letters of 003, Section III."""

    delta: np.ndarray  # [I]
    E: np.ndarray  # [I] e - alpha_i T_i^th
    zeta: np.ndarray  # [I, I]
    eta: np.ndarray  # [J, J]
    q: np.ndarray  # [I, J] QoE of (4)
    c: np.ndarray  # [I, J]
    p_max: np.ndarray  # [J]
    W: np.ndarray  # [I, J] seconds to send a twin on one unit of bandwidth
    d: np.ndarray  # [I, J] seconds of waiting and re-instantiation
    K: np.ndarray  # [I] T_i^max
    may: np.ndarray  # [I, J] who can be served where: everyone everywhere in the paper
    effects: str  # "additive": (9) as stated; "multiplicative": as analysed in (14) to (17)

    def theta(self, p):
        """(1), for prices [..., J]."""
        pull = np.where(self.may, self.q / p[..., None, :], 0.0)
        total = pull.sum(axis=-1, keepdims=True)
        return pull / np.where(total > 0.0, total, 1.0)

    def slopes(self, p, b):
        """Return a and r such that one more unit is worth a / (b_ij + E_i) - r to i, the others' b and p standing."""
        social, own = self.zeta @ b, b @ self.eta
        if self.effects == "multiplicative":  # A of Section IV-B1, held while i moves, as in (14)
            return self.delta[:, None] * (1.0 + social + own), np.broadcast_to(p[..., None, :], b.shape)
        return np.broadcast_to(self.delta[:, None], b.shape), p[..., None, :] - social

    def has_no_reply(self):
        """Whether (9) has no greatest value for some AV, whatever the prices.

        It holds b_ij b_is twice, times eta_js (theta_ij + theta_is), and only logarithms and linear terms besides: with
        eta_js > 0 it grows without bound where both grow.
        """
        both = self.may[:, :, None] & self.may[:, None, :]
        return self.effects == "additive" and bool((both & (self.eta > 0.0)).any())

    def followers(self, p):
        """Return the demands [..., I, J] at prices [..., J] from which no AV moves, NaN where they have no bound.

        All answer one another, from nothing bought, over and over. Nobody is late: see `followers_in_time`.
        """
        p = np.atleast_2d(p)
        b = np.zeros((len(p), *self.may.shape))
        if self.has_no_reply():
            return b * np.nan
        live = np.arange(len(p))
        for number in range(ROUNDS):
            if number % JUMP == JUMP - 1 and self.effects == "multiplicative":
                for n in live:
                    b[n] = self._end_of_growth(p[n], b[n])
                live = live[~np.isnan(b[live]).any(axis=(1, 2))]
            a, r = self.slopes(p[live], b[live])
            lost = ((r <= 0.0) & self.may).any(axis=(1, 2))
            new = np.maximum(a / np.where(r > 0.0, r, 1.0) - self.E[:, None], 0.0) * self.may
            moved = (np.abs(new - b[live]) > STEADY * (1.0 + new)).any(axis=(1, 2))
            b[live] = np.where(lost[:, None, None], np.nan, new)
            live = live[moved & ~lost]
            if not len(live):
                return b
        b[live] = np.nan
        return b

    def _end_of_growth(self, p, b):
        """Return where (16) leads from demands [I, J] if those who buy now are all who ever will; NaN if nowhere.

        From nothing bought, demands only grow, and (16) is linear in them.
        """
        i, j = np.nonzero(b > 0.0)
        effect = np.equal.outer(j, j) * self.zeta[np.ix_(i, i)] + np.equal.outer(i, i) * self.eta[np.ix_(j, j)]
        growth = (self.delta[i] / p[j])[:, None] * effect
        if len(i) and np.abs(np.linalg.eigvals(growth)).max() >= 1.0:
            return b * np.nan
        grown = np.zeros_like(b)
        grown[i, j] = np.linalg.solve(np.eye(len(i)) - growth, self.delta[i] / p[j] - self.E[i])
        return grown

    def followers_in_time(self, p):
        """The same at prices [J] with the deadlines (11), each AV in turn."""
        b, theta = np.zeros(self.may.shape), self.theta(p)
        for _ in range(ROUNDS):
            before = b.copy()
            for i in range(len(b)):
                a, r = self.slopes(p, b)
                if ((r[i] <= 0.0) & self.may[i]).any():
                    return None
                b[i] = self._reply_in_time(i, a[i], r[i], theta[i])
            if (np.abs(b - before) <= 1e-11 * (1.0 + b)).all():
                return b
            if b.max() > HUGE:
                return None
        return None

    def _reply_in_time(self, i, a, r, theta):
        """Return the demand [J] of i that is worth most and not late: a/(b + E) - r + m W/b^2 = 0 with the least m."""
        at = np.flatnonzero(self.may[i])
        b = np.zeros(len(a))
        b[at] = np.maximum(a[at] / r[at] - self.E[i], 0.0)
        if not np.isfinite(self.K[i]) or not len(at):
            return b

        def demand(m):
            # The left side is convex and falls: Newton's steps from below its zero stay below.
            x = np.maximum(a[at] / r[at] - self.E[i], np.sqrt(m * self.W[i, at] / r[at]))
            for _ in range(60):
                excess = a[at] / (x + self.E[i]) + m * self.W[i, at] / x**2 - r[at]
                step = excess / (a[at] / (x + self.E[i]) ** 2 + 2.0 * m * self.W[i, at] / x**3)
                x = x + step
                if (step <= 1e-15 * x).all():
                    break
            return x

        def late(x):
            return (theta[at] * (self.W[i, at] / np.maximum(x, 1e-300) + self.d[i, at])).sum() - self.K[i]

        if late(b[at]) <= 0.0:
            return b
        low, high = -40.0, 40.0  # ln m
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if late(demand(np.exp(middle))) > 0.0 else (low, middle)
        b[at] = demand(np.exp(high))
        return b

    def follower_utility(self, p, b):
        """(9), or the utility whose derivative is (14) where the effects are multiplicative."""
        ln = np.log(np.where(self.may, b + self.E[:, None], 1.0))
        effect = self.zeta @ b + b @ self.eta
        if self.effects == "multiplicative":
            worth = self.delta[:, None] * (1.0 + effect) * ln
        else:
            worth = self.delta[:, None] * ln + b * effect
        return (self.theta(p) * (worth - p * b)).sum(axis=-1)

    def leader_utility(self, p, b):
        """(10), for prices [..., J] and demands [..., I, J]."""
        return (self.theta(p) * b * (p[..., None, :] - self.c)).sum(axis=-2)

    def least_price(self):
        """Return the least price that (12) admits, c_ij <= p_j for every AV that j may serve: [J]."""
        return np.where(self.may.any(axis=0), np.where(self.may, self.c, 0.0).max(axis=0), self.p_max)

    def reply(self, p, j, held=None):
        """Return the best price of RSU j, the others' standing, and whether demand has a bound at none below it.

        The AVs answer every price; with `held` demands, a myopic RSU takes what they gain from one another for given.
        Below some price demand has no bound, and an RSU may not ask that. If just above is best, no price is.
        """

        def profit(tried):  # [G, 1] -> [G, 1]
            prices = np.repeat(p[None], len(tried), axis=0)
            prices[:, j] = tried[:, 0]
            gain = self.leader_utility(prices, self._answers(prices, held))[:, j]
            return np.where(np.isnan(gain), -np.inf, gain)[:, None]

        low, high = self.least_price()[j], self.p_max[j]
        edge, has_edge = low, profit(np.array([[low]]))[0, 0] == -np.inf
        while has_edge and high - low > 1e-9 * high:
            tried = np.linspace(low, high, 9)[:, None]
            first = int((profit(tried)[:, 0] > -np.inf).argmax())
            low, high = tried[first - 1, 0], tried[first, 0]
            edge = high
        price = highest(profit, np.array([edge]), self.p_max[[j]], peaks=2, grid=60)[0]
        return float(price[0]), bool(has_edge and price[0] < edge * (1.0 + EDGE))

    def _answers(self, prices, held):
        return self.followers(prices) if held is None else self._believed(prices, held)

    def _believed(self, prices, held):
        a, r = self.slopes(prices, np.repeat(held[None], len(prices), axis=0))
        lost = ((r <= 0.0) & self.may).any(axis=(1, 2), keepdims=True)
        return np.where(lost, np.nan, np.maximum(a / np.where(r > 0.0, r, 1.0) - self.E[:, None], 0.0) * self.may)

    def leaders(self, myopic=False):
        """Return the prices [J] that no RSU leaves, None if demand has no bound or a best price is at its edge."""
        p, is_edge = self.p_max.astype(float), np.zeros(len(self.p_max), dtype=bool)
        for _ in range(100):
            before = p.copy()
            for j in range(len(p)):
                held = self.followers(p)[0]
                if np.isnan(held).any():
                    return None
                p[j], is_edge[j] = self.reply(p, j, held if myopic else None)
            if np.abs(p - before).max() < STEADY_PRICE * p.max():
                return None if is_edge.any() else p
        raise AssertionError("prices did not settle")
