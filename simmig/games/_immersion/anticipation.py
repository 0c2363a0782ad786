"""What the rivals of a leader that is sold out at its caps ask: they anticipate how its shadow price answers them.

A rival that asks more of follower l sends l's money to the full leader, whose shadow price rises, so that l gets
little for it and its level rises faster than if the leader had bandwidth left; and other followers spend less there,
and more with the rival. So the best price is not a matter of one follower alone any more. To first order a full
leader is a seller of fixed price whose score is the slope of what l spends on it in l's level, and what the rival
earns of the others is a surcharge on its cost at l: with these the staircase of `leaders.py` is solved again,
until nothing moves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._immersion.clearing import clear, eliminate, jacobian_of, sales_of
from simmig.games._immersion.columns import lay, stand
from simmig.games._immersion.followers import Rows, water_level
from simmig.games._immersion.leaders import Asked
from simmig.games._immersion.rationing import Demand, Market
from simmig.games._immersion.sellers import Sellers

_PATIENCE = 3  # rounds
_ROUNDS = 25  # about 6 are needed, more where a budget is just spent
_FEW = 12  # steps from a good guess of shadow prices; games that need more do not settle
_STILL = 1e-11  # of a price: the profit is flat there, so what is lost is of the square of it
_OVER = 1e-9  # of a capacity
_ABOUT = 1e-9  # of a price
_LEAST_START = 1e-3  # of what is reached: a seller in a slot must start somewhere above 0
_RIDGE = 1e-12  # of a slope: where all money of some followers goes to full leaders, their shadow prices may all rise


def anticipate(sellers: Sellers, value: FloatArray, asked: Asked) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return what is asked, x = p / q [K, N], once full leaders are anticipated, whether it was found [G], and rounds.

    `value[G, J]` and `asked` are the multipliers and the answer without anticipation: games in which no follower that
    is short of money buys from a leader full at its caps keep that, bit for bit.
    """
    shape = sellers.score.shape
    start, is_found, rounds = lay(asked.start, shape), np.ones(len(value), np.bool_), np.zeros(len(value), np.int64)
    is_full = _full_at_caps(sellers, value, asked)
    is_short = ~asked.is_slack.reshape(shape[:2])[..., None]
    # Who is about to buy holds its level there, which it need not: the full leader is dearer than it looks.
    buys = lay(asked.level * stand(sellers.score) - asked.start * (1.0 - _ABOUT), shape) >= 0.0
    meets = is_short & buys & is_full[sellers.games(), sellers.leader]
    left = np.flatnonzero(meets.any(axis=(1, 2)))
    if left.size:
        start[left], is_found[left], rounds[left] = _settle(sellers.take(left), value[left], start[left], is_full[left])
    return stand(start), is_found, rounds


def _full_at_caps(sellers: Sellers, value: FloatArray, asked: Asked) -> BoolArray:
    """Return the leaders, [G, J], that would sell too much though they ask their caps."""
    is_over = sellers.sales(sellers.charged(value), asked) > sellers.capacity * (1.0 + _OVER)
    is_full: BoolArray = is_over & (value >= sellers.highest())
    return is_full


def _settle(
    sellers: Sellers, value: FloatArray, start: FloatArray, is_full: BoolArray
) -> tuple[FloatArray, BoolArray, IntArray]:
    """Return what is asked, [G, I, K], whether it was found, and rounds."""
    found, left = start.copy(), np.arange(len(value))
    is_found, rounds = np.zeros(left.size, np.bool_), np.zeros(left.size, np.int64)
    price = start * sellers.efficiency
    share, inverse_sigma, shadow_price = None, None, None
    for count in range(1, _ROUNDS + 1):
        at, shadow_price, is_answered = _answered(sellers, price, shadow_price)
        share = at.binds.astype(float) if share is None else share
        response = _response(sellers, price, at, is_full, share, value)
        if inverse_sigma is None:
            inverse_sigma = np.where(at.binds, 1.0 / np.maximum(response.slope, 1e-300), 0.0)
        share = np.clip(inverse_sigma * response.slope, 0.0, 1.0)
        seen = _as_seen(sellers, price, at, shadow_price, is_full, response, inverse_sigma, value)
        value, cleared, _ = clear(seen, value, seen.highest())
        columns = seen.charged(value)
        asked = sellers.solver.ask(columns)
        inverse_sigma = asked.inverse_sigma.reshape(share.shape)
        following = np.clip(lay(asked.start, price.shape) * sellers.efficiency, sellers.cost, sellers.price_max)
        following = np.where(is_full[sellers.games(), sellers.leader], sellers.price_max, following)
        moved = (np.abs(following - price) / price).max(axis=(1, 2))
        is_rationed = is_answered & (~is_full | (shadow_price > 0.0)).all(axis=1)
        is_full = is_full | _full_at_caps(seen, value, asked)
        found[left], rounds[left] = following / sellers.efficiency, count
        is_found[left] = (moved <= _STILL) & cleared & is_rationed & asked.converged.reshape(share.shape).all(axis=1)
        # A leader that has bandwidth left at its caps does not stay there: it undercuts, and all of this changes.
        keep = np.flatnonzero((moved > _STILL) & (is_rationed | (count < _PATIENCE)))
        if not keep.size:
            break
        sellers, left, price, value = sellers.take(keep), left[keep], following[keep], value[keep]
        is_full, share, inverse_sigma, shadow_price = (
            is_full[keep],
            share[keep],
            inverse_sigma[keep],
            shadow_price[keep],
        )
    return found, is_found, rounds


def _answered(sellers: Sellers, price: FloatArray, near: FloatArray | None) -> tuple[Demand, FloatArray, BoolArray]:
    """Return what followers buy at prices [G, I, K], the shadow prices [G, J], and whether these were found.

    Shadow prices `near` by save most of the steps.
    """
    rows = Rows(sellers.score, sellers.efficiency, sellers.delta, sellers.budget)
    tables = (sellers.score, sellers.efficiency, price, sellers.leader, sellers.delta, sellers.budget)
    market = Market(*tables, water_level(rows, price), sellers.capacity)
    if near is None:
        shadow_price, is_cleared = market.shadow_price(), np.ones(len(price), np.bool_)
    else:
        shadow_price, is_cleared, _ = clear(market, near, market.highest(), most=_FEW)
    return market.demand(shadow_price), shadow_price, is_cleared


class _Response(NamedTuple):
    """What follows when the level nu of one follower rises, the shadow prices answer, and so the other followers do.

    `slope[G, I]` is how fast its spending grows, `on_full[G, I, K]` that on full leaders, and `earned[G, I, K]` what
    the leader in each slot earns more of the other followers, whose money the shadow prices free.
    """

    slope: FloatArray
    on_full: FloatArray
    earned: FloatArray


def _response(
    sellers: Sellers, price: FloatArray, at: Demand, is_full: BoolArray, share: FloatArray, value: FloatArray
) -> _Response:
    """Return the response; `share[G, I]` is 1 for followers whose budget binds, 0 if it does not, between at a kink."""
    leaders, is_k = is_full.shape[1], is_full[sellers.games(), sellers.leader]
    spends = price * at.rises
    rises, falls = np.where(is_k, at.rises, 0.0), np.where(is_k, at.falls, 0.0)
    paid = spends.sum(axis=-1)
    into = (share / np.where(paid > 0.0, paid, 1.0))[..., None] * price * falls  # levels in shadow prices
    matrix = jacobian_of(sellers.leader, falls, -rises, into, leaders)
    diagonal, total = np.arange(leaders), sales_of(sellers.leader, falls, leaders)
    own = matrix[:, diagonal, diagonal]
    matrix[:, diagonal, diagonal] = np.where(total > 0.0, own + _RIDGE * total, 1.0)
    inverse = eliminate(matrix, np.broadcast_to(np.eye(leaders), matrix.shape))
    cost = sellers.cost + value[sellers.games(), sellers.leader]
    margin = np.where(is_k, 0.0, (1.0 - cost / price) * spends)
    earns = jacobian_of(sellers.leader, np.zeros_like(margin), margin, into, leaders)
    earned = np.zeros_like(earns)
    for k in range(leaders):
        earned += earns[:, :, k, None] * inverse[:, None, k, :]
    place = sellers.games()[..., None], sellers.leader[..., :, None], sellers.leader[..., None, :]
    answer = (inverse[place] * rises[..., None, :]).sum(axis=-1)
    # So far the follower's own budget answers too: without that (Sherman and Morrison 1950) its level alone moves.
    own_level = (into * answer).sum(axis=-1, keepdims=True)
    others = (earned[place] * rises[..., None, :]).sum(axis=-1) - margin * own_level
    on_full = np.where(is_k, np.maximum(spends - price * falls * answer / (1.0 + own_level), 0.0), 0.0)
    slope = np.where(is_k, on_full, spends).sum(axis=-1)
    return _Response(slope, on_full, np.maximum(others / (1.0 + own_level), 0.0))


def _as_seen(
    sellers: Sellers,
    price: FloatArray,
    at: Demand,
    shadow_price: FloatArray,
    is_full: BoolArray,
    response: _Response,
    inverse_sigma: FloatArray,
    value: FloatArray,
) -> Sellers:
    """Return the games as the rivals of full leaders see them at these prices."""
    place = sellers.games(), sellers.leader
    is_k, buys = is_full[place], at.bought > 0.0
    level, delta = at.level[..., None], sellers.delta[..., None]
    # A full leader that is too dear as yet is met at the level at which it will not be.
    extra = shadow_price[place] / delta
    left = sellers.score - extra / sellers.efficiency
    enters = np.where(left > 0.0, price / sellers.efficiency / np.where(left > 0.0, left, 1.0), np.inf)
    later = np.where(
        left > 0.0, sellers.score * (price / (price + np.where(left > 0.0, enters, 0.0) * extra)) ** 2, 0.0
    )
    score = np.where(buys, response.on_full, later)
    reach = score * np.where(buys, level, np.where(left > 0.0, enters, 0.0))
    spent = np.where(buys, price * at.bought, 0.0)
    begin = np.where(buys, np.maximum(reach - spent, _LEAST_START * reach), reach)
    fixed = np.where(is_k & buys, spent - reach + begin, 0.0).sum(axis=-1)
    begin = np.where(reach > 0.0, begin, price / sellers.efficiency)
    cost = sellers.cost + value[place]
    # Who sells nothing yet is not among those who share the follower, and would be.
    each = inverse_sigma[..., None] / np.where(buys, 1.0, 1.0 + sellers.score * inverse_sigma[..., None])
    rest = 1.0 - (sellers.score + response.earned) * each
    surcharge = cost * response.earned * each / np.where(rest > 0.0, rest, 1.0)
    dearer = np.where(rest > 0.0, np.minimum(sellers.cost + surcharge, sellers.price_max), sellers.price_max)
    return sellers._replace(
        score=np.where(is_k, score, sellers.score),
        cost=np.where(is_k, begin * sellers.efficiency, dearer),
        price_max=np.where(is_k, begin * sellers.efficiency, sellers.price_max),
        budget=np.maximum(sellers.budget - fixed, 0.0),
        capacity=np.where(is_full, np.inf, sellers.capacity),
    )
