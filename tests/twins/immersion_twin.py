"""The immersion game a second time, from 001 alone: slow and plain, one game at a time, by search over prices."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

ZOOM = 15  # prices tried between the neighbours of the best
FINEST = 1e-8  # part of the cap to which a price is searched
STEADY = 2e-6  # prices that move less than this part have settled: a flat top hides some 1e-7


@dataclass
class Twin:
    """I UAVs and J RSUs in the letters of 001, Section III-B."""

    delta: np.ndarray  # [I]
    S: np.ndarray  # [I, J] ln(SSIM / SSIM^th)
    q: np.ndarray  # [I, J] bit/s/Hz
    R: np.ndarray  # [I] budgets
    c: np.ndarray  # [J]
    top: np.ndarray  # [I, J] price caps
    may: np.ndarray  # [I, J] who can be served where: everyone everywhere in the paper
    cap: np.ndarray  # [J] bandwidth of each RSU: unlimited in the paper

    def buys(self, p):
        """Problem (10) without capacities, for prices [..., I, J].

        By (23) b_ij = nu S_ij / p_ij - 1/q_j where that is positive, with nu = delta_i / (1 + lambda_i). What i spends
        is a convex function of nu, so Newton's steps down from nu = delta_i end at the budget after J of them.
        """
        worth = np.where(self.may, np.maximum(self.S, 0.0), 0.0)
        nu = np.broadcast_to(self.delta, p.shape[:-1])
        for _ in range(p.shape[-1] + 1):
            buying = nu[..., None] * worth > p / self.q
            over = np.where(buying, nu[..., None] * worth - p / self.q, 0.0).sum(axis=-1) - self.R
            slope = np.where(buying, worth, 0.0).sum(axis=-1)
            nu = nu - np.where(over > 0.0, over / np.where(slope > 0.0, slope, 1.0), 0.0)
        return np.maximum(nu[..., None] * worth / p - 1.0 / self.q, 0.0) * self.may

    def buys_by_optimiser(self, p):
        """Problem (10) of all UAVs at once, within the capacities, for prices [I, J].

        Their utilities touch one another only through the capacities, so the equilibrium in which everybody faces the
        same shadow prices is the greatest sum of utilities that fits.
        """
        i, j = np.nonzero(self.may & (self.S > 0.0))
        b = np.zeros(p.shape)
        if not len(i):
            return b
        gain, rate, price = (self.delta[:, None] * self.S)[i, j], self.q[i, j], p[i, j]
        # b_ij lies between 0 and delta_i S_ij / p_ij: as parts of that, unknowns are of one size.
        size = gain / price
        limits = [(row * price * size, self.R[k]) for k, row in enumerate(np.equal.outer(np.arange(len(p)), i))]
        limits += [(row * size, self.cap[k]) for k, row in enumerate(np.equal.outer(np.arange(p.shape[1]), j))]
        limits = [(row / bound, 1.0) for row, bound in limits if np.isfinite(bound) and row.any()]
        rows = np.array([row for row, _ in limits]).reshape(-1, len(i))
        found = minimize(
            lambda x: -(gain * np.log1p(x * size * rate) - price * size * x).sum(),
            np.full(len(i), 1e-3),
            jac=lambda x: -(gain * size * rate / (1.0 + x * size * rate) - price * size),
            method="SLSQP",
            bounds=[(0.0, 1.0)] * len(i),
            constraints=[{"type": "ineq", "fun": lambda x: 1.0 - rows @ x, "jac": lambda x: -rows}] if limits else [],
            options={"ftol": 1e-15, "maxiter": 500},
        )
        b[i, j] = found.x * size
        return b

    def follower_utility(self, p, b):
        """(9)."""
        gain = np.where(self.may, self.delta[:, None] * np.log1p(b * self.q) * self.S, 0.0)
        return (gain - p * b).sum(axis=-1)

    def leader_utility(self, p, b):
        """(11)."""
        return ((p - self.c) * b).sum(axis=-2)

    def replies_to_each(self, p, j):
        """Return the best price of RSU j to every UAV, by itself, the others' prices standing: shape [I]."""

        def profit(tried):  # [G, I] -> [G, I]
            prices = np.repeat(p[None], len(tried), axis=0)
            prices[:, :, j] = tried
            return (tried - self.c[j]) * self.buys(prices)[:, :, j]

        return highest(profit, np.full(len(p), self.c[j]), self.top[:, j])[0]

    def reply_to_all(self, p, j):
        """Return the best single price of RSU j, the others' prices [J] standing, and its profit."""

        def profit(tried):  # [G, 1] -> [G, 1]
            prices = np.repeat(self._to_everyone(p)[None], len(tried), axis=0)
            prices[:, :, j] = tried
            return ((tried - self.c[j]) * self.buys(prices)[:, :, j]).sum(axis=1, keepdims=True)

        price, best = highest(profit, self.c[[j]], self.top[:1, j], peaks=4)
        return float(price[0]), float(best[0])

    def _to_everyone(self, p):
        return np.broadcast_to(p, self.may.shape)

    def individual_prices(self):
        """Problem (12) of every RSU in turn until no price moves: [I, J]."""
        p = np.sqrt(self.c * self.top)
        for _ in range(300):
            before = p.copy()
            for j in range(len(self.c)):
                p[:, j] = self.replies_to_each(p, j)
            if np.abs(p - before).max() < STEADY * p.max():
                return p
        raise AssertionError("prices did not settle")

    def uniform_prices(self):
        """The same with one price of each RSU for everybody: [J], or None where the prices move for ever."""
        p = np.sqrt(self.c * self.top[0])
        for _ in range(60):
            before = p.copy()
            for j in range(len(p)):
                p[j] = self.reply_to_all(p, j)[0]
            if np.abs(p - before).max() < STEADY * p.max():
                return p
        return None

    def social_optimum(self):
        """Where the sum of all utilities has its greatest value without capacities: delta S q / (1 + b q) = c."""
        return np.maximum(self.delta[:, None] * self.S / self.c - 1.0 / self.q, 0.0) * self.may


def highest(value, low, high, peaks=1, grid=160):
    """Return where each column of `value` ([G, N] -> [G, N]) is largest between low[N] and high[N], and how large.

    The best `peaks` of `grid` even steps are each looked at closer and closer.
    """
    column = np.arange(len(low))
    even = low + (high - low) * np.linspace(0.0, 1.0, grid + 1)[:, None]
    tried = value(even)
    inner = np.vstack([np.full_like(low, -np.inf), tried, np.full_like(low, -np.inf)])
    is_peak = (tried >= inner[:-2]) & (tried >= inner[2:])
    order = np.argsort(np.where(is_peak, -tried, np.inf), axis=0, kind="stable")
    best, most = high.astype(float), value(high[None].astype(float))[0]
    for k in order[:peaks]:
        left, right = even[np.maximum(k - 1, 0), column], even[np.minimum(k + 1, grid), column]
        while (right - left).max() > FINEST * high.max():
            near = left + (right - left) * np.linspace(0.0, 1.0, ZOOM)[:, None]
            seen = value(near)
            at = seen.argmax(axis=0)
            is_better = seen[at, column] > most
            best, most = np.where(is_better, near[at, column], best), np.where(is_better, seen[at, column], most)
            left, right = near[np.maximum(at - 1, 0), column], near[np.minimum(at + 1, ZOOM - 1), column]
    return best, most
