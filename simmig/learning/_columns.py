"""What the columns of a player's row mean, in words for whoever fills it outside simmig."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simmig.env.observations import ObservationSizes
from simmig.learning.recipe import Recipe

if TYPE_CHECKING:
    from simmig.env.market import Market


class Terms(NamedTuple):
    """What the rows of a policy depend on in the market that it was trained in; `signals` is how many a leader sees."""

    followers: int
    leaders: int
    has_individual_prices: bool
    signals: int
    demand_max: float
    price_scale: float


def terms_of(market: Market) -> Terms:
    """Return those of a market."""
    signals = int(market.signals.shape[-1])
    return Terms(market.followers, market.leaders, market.has_individual_prices, signals, *market.scales)


def columns_seen(side: str, market: Terms, recipe: Recipe) -> tuple[ObservationSizes, list[str]]:
    """Return what a side sees in this market besides single rivals: its sizes, and a name for each column of a row.

    A price share is 0 at the cost and 1 at the highest price, a demand share is one of `demand_max`.
    """
    if side == "leaders":
        step, now = _leader_step(market, recipe), _leader_now(market)
    else:
        step = _follower_step(market, recipe)
        now = [f"price of leader {j} / price_scale" for j in range(market.leaders)]
    sizes = ObservationSizes(recipe.history, len(step), len(now), 0)
    past = [f"{name}, {sizes.slots - slot} slots ago" for slot in range(sizes.slots) for name in step]
    return sizes, [*past, *now]


def meaning_of_action(side: str, market: Terms, recipe: Recipe) -> str:
    """Return how the market reads a share."""
    if side == "followers":
        return "share k times demand_max is the demand at leader k"
    if market.has_individual_prices and recipe.individual:
        return "cost + share k (price_max - cost) is the price for follower k"
    return "cost + share (price_max - cost) is the price"


def _leader_step(market: Terms, recipe: Recipe) -> list[str]:
    buyers, sellers = range(market.followers), range(market.leaders)
    if recipe.leaders_see == "full":
        pairs = [f"of follower {i} at leader {j}" for i in buyers for j in sellers]
        prices = pairs if market.has_individual_prices else [f"of leader {j}" for j in sellers]
        return [*(f"price share {who}" for who in prices), *(f"demand share {who}" for who in pairs)]
    if market.has_individual_prices and recipe.individual:
        own = [
            *(f"own price share for follower {i}" for i in buyers),
            *(f"demand share of follower {i}" for i in buyers),
        ]
    else:
        own = ["own price share, mean over followers", "demand share, mean over who may buy"]
    rivals = [
        "rivals' mean price / price_scale",
        "rivals' mean x / (1 + x), x sales",
        "rivals' least price / price_scale",
    ]
    return own + (rivals if recipe.leaders_see == "public" else [])


def _leader_now(market: Terms) -> list[str]:
    signals = [f"signal {k}" for k in range(market.signals)]
    return ["cost / price_max", "price_max / price_scale", "n / (1 + n), n who may buy", *signals]


def _follower_step(market: Terms, recipe: Recipe) -> list[str]:
    if recipe.followers_see == "now":
        return []
    buyers, sellers = range(market.followers), range(market.leaders)
    own = [*(f"price share of leader {j}" for j in sellers), *(f"own demand share at leader {j}" for j in sellers)]
    if recipe.followers_see == "full":
        return own + [f"demand share of follower {i} at leader {j}" for i in buyers for j in sellers]
    if recipe.followers_see == "public":
        return own + [f"sum of demand shares at leader {j}" for j in sellers]
    return own
