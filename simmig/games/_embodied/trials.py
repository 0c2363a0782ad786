"""What a leader of the embodied game earns at prices it tries, the others' held and the followers answering."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.followers import TOLERANCE, Reply, limited, respond, unlimited
from simmig.games._embodied.market import Market
from simmig.games._embodied.stage import Stage

_CHUNK = 30_000  # pairs that are answered at once: more do not fit the caches, and the results are the same


@dataclass(frozen=True, slots=True)
class Trials:
    """The leaders of N games, each trying prices of its own; `is_total` counts all leaders' earnings as its own."""

    stage: Stage
    is_total: bool = False
    accuracy: float = TOLERANCE  # of the followers' purchases

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

    def values(
        self, price: FloatArray, tried: FloatArray, sought: BoolArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return what the leaders earn and their shadow prices, [G, N, J], at prices tried[G, N, J] against [N, J].

        Earnings are -inf where the followers' demand has no bound. Those of leaders not sought[N, J] mean nothing.
        """
        wanted = np.ones(price.shape, dtype=bool) if sought is None else sought
        size = max(self.stage.market.place.size, 1)
        if not self.stage.is_apart:
            return self._linked(price, tried, wanted)
        step = max(_CHUNK // size, 1)
        parts = [self._apart(price, tried[k : k + step]) for k in range(0, len(tried), step)]
        return np.concatenate([value for value, _ in parts]), np.concatenate([shadow for _, shadow in parts])

    def _apart(self, price: FloatArray, tried: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Leaders whose followers answer each by itself: only the pairing knows the others."""
        stage, market, (trials, games, leaders) = self.stage, self.stage.market, tried.shape
        rows = np.tile(np.arange(games * leaders), trials)
        found = respond(stage.scenes.take(rows), tried.reshape(-1, 1), self.accuracy)
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

    def _linked(self, price: FloatArray, tried: FloatArray, wanted: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Leaders whose move is felt at the others' too: every trial of every leader is a game of its own."""
        value, shadow_price = np.full(tried.shape, -np.inf), np.zeros(tried.shape)
        chosen = np.nonzero(np.broadcast_to(wanted, tried.shape))
        free = self._free(price)
        step = max(_CHUNK // max(self.stage.market.place[0].size, 1), 1)
        for k in range(0, len(chosen[0]), step):
            at = chosen[0][k : k + step], chosen[1][k : k + step], chosen[2][k : k + step]
            value[at], shadow_price[at] = self._moved(price[at[1]], tried[at], at[1], at[2], free)
        return np.where(np.isfinite(value), value, -np.inf), shadow_price

    def _free(self, price: FloatArray) -> Reply:
        """Return what followers would buy at prices [N, J] without limits: by leader, where only limits link these."""
        market = self.stage.market
        if market.complement is None:
            return unlimited(market.apart(), price.reshape(-1, 1), self.accuracy)
        return unlimited(market, price, self.accuracy)

    def _moved(
        self, posted: FloatArray, tried: FloatArray, games: IntArray, movers: IntArray, free: Reply
    ) -> tuple[FloatArray, FloatArray]:
        """Return what R movers earn, and their shadow prices, if they post tried[R] and the others posted[R, J]."""
        stage, rows = self.stage, np.arange(len(games))
        posted[rows, movers] = tried
        market = stage.market.take(games)
        found = self._answer(market, posted, (games, movers), free)
        margin = posted[:, :, None] - stage.cost[games]
        earned = (market.theta(market.pull(posted)) * found.demand * margin).sum(axis=-1)
        return earned.sum(axis=1) if self.is_total else earned[rows, movers], found.shadow_price[rows, movers]

    def _answer(self, market: Market, posted: FloatArray, moved: tuple[IntArray, IntArray], free: Reply) -> Reply:
        """Return the reply to R movers' prices; `free` is that without limits before they moved."""
        (games, movers), (_, leaders, most) = moved, self.stage.market.place.shape
        if market.complement is not None:
            return respond(market, posted, self.accuracy, free.demand[games])
        rows = np.arange(len(games))
        own = unlimited(market.alone(movers), posted[rows, movers][:, None], self.accuracy)
        demand = free.demand.reshape(-1, leaders, most)[games]
        is_bounded = free.is_bounded.reshape(-1, leaders)[games]
        demand[rows, movers], is_bounded[rows, movers] = own.demand[:, 0], own.is_bounded
        none = np.zeros(posted.shape), np.zeros(market.deadline_s.shape)
        whole = Reply(demand, *none, np.asarray(is_bounded.all(axis=1)), own.iterations)
        return limited(market, posted, whole, self.accuracy)
