"""What a leader of the embodied game earns at prices it tries, the others' held and the followers answering."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import FloatArray, IntArray
from simmig.games._embodied.followers import respond
from simmig.games._embodied.stage import Stage

_CHUNK = 400_000  # pairs that are answered at once: more do not fit the caches, and the results are the same


@dataclass(frozen=True, slots=True)
class Trials:
    """The leaders of N games, each trying prices of its own; `is_total` counts all leaders' earnings as its own."""

    stage: Stage
    is_total: bool = False

    def take(self, games: IntArray) -> Trials:
        """Return some of the games."""
        return replace(self, stage=self.stage.take(games))

    def believed(self, price: FloatArray) -> Trials:
        """Return the trials as leaders believe them to be around prices [N, J].

        A myopic leader takes the gains from purchases for given, those at these prices.
        """
        stage = self.stage
        if not stage.is_myopic or not stage.market.has_effects:
            return self
        demand, _, is_bounded = stage.reply(price)
        gain = stage.market.gain(np.where(is_bounded[:, None, None], demand, 0.0), stage.market.pull(price))
        return replace(self, stage=stage.held(gain))

    def values(self, price: FloatArray, tried: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what the leaders earn and their shadow prices, [G, N, J], at prices tried[G, N, J] against [N, J].

        Earnings are -inf where the followers' demand has no bound.
        """
        size = max(self.stage.market.place.size, 1)
        copies = 1 if self.stage.is_apart else price.shape[1]
        step = max(_CHUNK // (size * copies), 1)
        one = self._apart if self.stage.is_apart else self._linked
        parts = [one(price, tried[k : k + step]) for k in range(0, len(tried), step)]
        return np.concatenate([value for value, _ in parts]), np.concatenate([shadow for _, shadow in parts])

    def _apart(self, price: FloatArray, tried: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Leaders whose followers answer each by itself: only the pairing knows the others."""
        stage, market, (trials, games, leaders) = self.stage, self.stage.market, tried.shape
        rows = np.tile(np.arange(games * leaders), trials)
        found = respond(stage.scenes.take(rows), tried.reshape(-1, 1))
        demand = found.demand.reshape(trials, games, leaders, -1)
        shadow_price = found.shadow_price.reshape(tried.shape)
        pull = market.pull(price)
        others = market.of_pair(market.by_follower(pull)) - pull
        own = np.where(market.is_pair, market.quality / tried[..., None], 0.0)
        total = own + np.maximum(others, 0.0)
        earned = own * demand * (tried[..., None] - stage.cost)
        if self.is_total:
            held, _, _ = stage.reply(price)
            each = pull * np.where(np.isfinite(held), held, 0.0) * (price[:, :, None] - stage.cost)
            earned = earned + market.of_pair(market.by_follower(each)) - each
        value = (earned / np.where(total > 0.0, total, 1.0)).sum(axis=-1)
        return np.where(np.isfinite(value), value, -np.inf), shadow_price

    def _linked(self, price: FloatArray, tried: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Leaders whose move is felt at the others' too: every trial of every leader is a game of its own."""
        stage, (trials, games, leaders) = self.stage, tried.shape
        mover = np.arange(leaders)
        posted = np.broadcast_to(price[None, None], (trials, leaders, games, leaders)).copy()
        posted[:, mover, :, mover] = np.moveaxis(tried, 2, 0)
        flat = posted.reshape(-1, leaders)
        market = stage.market.take(np.tile(np.arange(games), trials * leaders))
        found = respond(market, flat)
        cost = np.tile(stage.cost, (trials * leaders, 1, 1))
        earned = (market.theta(market.pull(flat)) * found.demand * (flat[:, :, None] - cost)).sum(axis=-1)
        wide = earned.reshape(posted.shape)
        value = wide.sum(axis=3) if self.is_total else wide[:, mover, :, mover].transpose(1, 0, 2)
        shadow = found.shadow_price.reshape(posted.shape)[:, mover, :, mover].transpose(1, 0, 2)
        value = np.swapaxes(value, 1, 2)
        return np.where(np.isfinite(value), value, -np.inf), np.swapaxes(shadow, 1, 2)
