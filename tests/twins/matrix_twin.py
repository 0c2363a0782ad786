"""Matrix games from their definitions alone: loops over actions, supports, corners and grids, one game at a time."""

from itertools import combinations, product

import numpy as np


def best_replies(row):
    """Where a list of payoffs is largest."""
    return [k for k, value in enumerate(row) if value == max(row)]


def pure_commitment(a, b, ties):
    """(leader's action, follower's) when the leader commits to one action and ties go for ("strong") or against it."""
    pick = max if ties == "strong" else min
    outcomes = []
    for i in range(len(a)):
        replies = best_replies(list(b[i]))
        worth = pick(a[i][j] for j in replies)
        outcomes.append((worth, i, next(j for j in replies if a[i][j] == worth)))
    most = max(worth for worth, _, _ in outcomes)
    return next((i, j) for worth, i, j in outcomes if worth == most)


def pure_nash(payoffs):
    """All joint actions from which no agent gains by moving alone; `payoffs[k][a_1, ..., a_N]`."""
    found = []
    for joint in product(*(range(size) for size in payoffs[0].shape)):
        gains = False
        for k, table in enumerate(payoffs):
            for own in range(table.shape[k]):
                gains = gains or table[(*joint[:k], own, *joint[k + 1 :])] > table[joint]
        if not gains:
            found.append(joint)
    return found


def sequential(payoffs, order, ties, begun=()):
    """The joint action, by rank, of agents who act in turn and know what came before."""
    rank = len(begun)
    if rank == len(order):
        return begun

    def utility(played, agent):
        return payoffs[agent][tuple(played[order.index(k)] for k in range(len(order)))]

    open_ends = [sequential(payoffs, order, ties, (*begun, own)) for own in range(payoffs[0].shape[order[rank]])]
    top = max(utility(played, order[rank]) for played in open_ends)
    open_ends = [played for played in open_ends if utility(played, order[rank]) == top]
    for superior in order[:rank]:
        wanted = (max if ties == "strong" else min)(utility(played, superior) for played in open_ends)
        open_ends = [played for played in open_ends if utility(played, superior) == wanted]
    return open_ends[0]


def mixed_commitment_value(a, b):
    """The most that a leader gets by committing to a mixed strategy, ties in its favour.

    For each reply j the strategies that make it a best one are a polytope; its corners are where m - 1 of the
    constraints x_i >= 0 and x (B_j - B_k) >= 0 are tight, and the leader's utility is linear, so a corner is best.
    """
    m, n = a.shape
    best = -np.inf
    for j in range(n):
        planes = [*np.eye(m), *(b[:, j] - b[:, k] for k in range(n) if k != j)]
        for tight in combinations(planes, m - 1):
            system = np.array([np.ones(m), *tight])
            if abs(np.linalg.det(system)) < 1e-12:
                continue
            x = np.linalg.solve(system, np.eye(m)[0])
            if all(plane @ x >= -1e-9 for plane in planes):
                best = max(best, x @ a[:, j])
    return best


def mixed_commitment_on_a_grid(a, b, steps):
    """The most that a leader gets by a commitment whose probabilities are multiples of 1 / steps: a lower bound."""
    best = -np.inf
    for counts in product(range(steps + 1), repeat=len(a) - 1):
        if sum(counts) > steps:
            continue
        x = np.array([*counts, steps - sum(counts)]) / steps
        worth = x @ b
        best = max(best, max((x @ a)[worth >= worth.max() - 1e-12]))
    return best


def support_enumeration(a, b):
    """All Nash equilibria (x, y) with supports of one size that their indifference determines."""
    m, n = a.shape
    found = []
    for size in range(1, min(m, n) + 1):
        for rows in combinations(range(m), size):
            for columns in combinations(range(n), size):
                y = _indifferent(a[np.ix_(rows, columns)], n, columns)
                x = _indifferent(b[np.ix_(rows, columns)].T, m, rows)
                if x is None or y is None:
                    continue
                if (a @ y).max() <= (a @ y)[list(rows)].min() + 1e-9 and (x @ b).max() <= (x @ b)[
                    list(columns)
                ].min() + 1e-9:
                    found.append((x, y))
    return found


def _indifferent(payoff, size, support):
    """The positive weights on the columns of `payoff` that make all its rows worth the same, or None."""
    k = len(payoff)
    system = np.block([[payoff, -np.ones((k, 1))], [np.ones((1, k)), np.zeros((1, 1))]])
    if abs(np.linalg.det(system)) < 1e-12:
        return None
    weights = np.linalg.solve(system, np.append(np.zeros(k), 1.0))[:k]
    if weights.min() <= 1e-12:
        return None
    full = np.zeros(size)
    full[list(support)] = weights
    return full
