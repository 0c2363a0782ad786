"""The followers' stage once more, for the certificate alone: damped steps from nothing, many prices at a time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.check import room
from simmig.games._embodied.rationing import Damped, rationed, rationed_in_time
from simmig.games._embodied.replies import Pairs, Reply, best_reply

if TYPE_CHECKING:
    from simmig.games.embodied import EmbodiedGame

SETTLED = 1e-13  # last step in parts of the demand
_STEPS = 3000
_LARGEST = 1e9
_PLAIN = 40  # steps before the first extrapolation
_SPARSE = 4  # times as many followers as friends from where lists of friends are shorter


@dataclass(frozen=True, slots=True)
class Scenes:
    """S views of a leader each: the games [S], its followers [S, L] and the columns [S, C] that its price reaches."""

    games: IntArray
    leaders: IntArray
    followers: IntArray
    columns: IntArray

    @classmethod
    def of(cls, game: EmbodiedGame, games: IntArray, leaders: IntArray) -> Scenes:
        """Return the views of some leaders of N games: their own customers where nothing links these to others."""
        count, total = len(games), game.eligible.shape[-1]
        if bool(game.complement.any()) or bool(np.isfinite(game.deadline_s).any()):
            everyone = np.broadcast_to(np.arange(game.eligible.shape[-2]), (count, game.eligible.shape[-2]))
            return cls(games, leaders, everyone, np.broadcast_to(np.arange(total), (count, total)))
        is_open = game.eligible[games, :, leaders]
        most = max(int(is_open.sum(axis=1).max(initial=0)), 1)
        return cls(games, leaders, np.argsort(~is_open, axis=1, kind="stable")[:, :most], leaders[:, None])

    def take(self, scenes: IntArray) -> Scenes:
        """Return some of the scenes."""
        return Scenes(*(getattr(self, f.name)[scenes] for f in fields(self)))

    def of_pairs(self, values: FloatArray) -> FloatArray:
        """Return values [N, I, J] as seen, [S, L, C]."""
        return np.asarray(values[self.games[:, None, None], self.followers[:, :, None], self.columns[:, None, :]])

    @property
    def is_own(self) -> BoolArray:
        """Return which of its columns is the scene's leader, [S, C]."""
        return np.asarray(self.columns == self.leaders[:, None])

    def pairing(self, game: EmbodiedGame, price: FloatArray, tried: FloatArray) -> FloatArray:
        """Return theta [S, G, L, C] at the leaders' prices tried[S, G] against the others' of price[S, J]."""
        seen = self.games[:, None], self.followers
        pull = np.where(game.eligible[seen], game.quality[seen] / price[:, None, :], 0.0)
        own = self.of_pairs(np.where(game.eligible, game.quality, 0.0))[:, None] / tried[:, :, None, None]
        others = np.where(np.arange(price.shape[1]) == self.leaders[:, None, None], 0.0, pull).sum(axis=2)
        here = np.take_along_axis(
            pull, np.broadcast_to(self.columns[:, None], (*pull.shape[:2], len(self.columns.T))), 2
        )
        here = np.where(self.is_own[:, None, None], own, here[:, None])
        total = others[:, None] + (own * self.is_own[:, None, None]).sum(axis=3)
        return np.asarray(here / np.maximum(total, 1e-300)[:, :, :, None])


def answer(
    game: EmbodiedGame, scenes: Scenes, price: FloatArray, tried: FloatArray, gift: FloatArray, accuracy: float
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return demand and theta [S, G, L, C] in scenes of N games, and where there is a demand, [S, G].

    The leaders' prices are tried[S, G], the others' those of price[S, J].
    """
    stage = _Stage.of(game, scenes, price, tried, gift)
    bought, has_answer = stage.settled(accuracy, capped=False)
    # The answer without capacities is the one wherever it fits.
    fits = has_answer & (bought.sum(axis=2) <= stage.capacity[:, None]).all(axis=2)
    again = np.flatnonzero((~fits).any(axis=1) & np.isfinite(stage.capacity).any(axis=1))
    if len(again):
        rationed, is_found = stage.take(again).settled(accuracy, capped=True)
        bought[again] = np.where(fits[again][:, :, None, None], bought[again], rationed)
        has_answer[again] = fits[again] | is_found
    return bought, stage.theta, has_answer


@dataclass(frozen=True, slots=True)
class _Stage:
    """The stage of S scenes at G prices each: [S, G, L, C], or 1 where it does not depend on one of these."""

    is_multiplicative: bool
    is_held: bool
    price: FloatArray  # [S, G, 1, C]
    theta: FloatArray  # [S, G, L, C]
    left_s: FloatArray  # [S, G, L]
    delta: FloatArray  # [S, 1, L, 1]
    room: FloatArray  # [S, 1, L, 1]
    gift: FloatArray  # [S, 1, L, C]
    is_open: BoolArray  # [S, 1, L, C]
    work_s: FloatArray  # [S, 1, L, C]
    capacity: FloatArray  # [S, C]
    complement: FloatArray  # [S, C, C]
    ties: FloatArray  # [S, L, L], or of the few friends that each has [S, L, D]
    friend: IntArray | None  # who these are [S, L, D]

    @classmethod
    def of(cls, game: EmbodiedGame, scenes: Scenes, price: FloatArray, tried: FloatArray, gift: FloatArray) -> _Stage:
        n, i, j = scenes.games, scenes.followers, scenes.columns
        theta = scenes.pairing(game, price, tried)
        left_s = np.full(theta.shape[:3], np.inf)
        if np.isfinite(game.deadline_s).any():  # then all columns are seen
            delay_s = np.where(theta > 0.0, theta * scenes.of_pairs(game.delay_s)[:, None], 0.0).sum(axis=3)
            is_served = game.eligible[n[:, None], i].any(axis=2)
            left_s = np.where(is_served, game.deadline_s[n[:, None], i], np.inf)[:, None] - delay_s
        ties, friend = _friends(game.ties[n[:, None, None], i[:, :, None], i[:, None, :]])
        posted = np.take_along_axis(price, j, axis=1)[:, None]
        posted = np.where(scenes.is_own[:, None], tried[:, :, None], posted)
        return cls(
            game.effects == "multiplicative",
            game.leader_model == "myopic",
            posted[:, :, None],
            theta,
            left_s,
            game.delta[n[:, None], i][:, None, :, None],
            room(game.delay_cost)[n[:, None], i][:, None, :, None],
            scenes.of_pairs(gift)[:, None],
            scenes.of_pairs(game.eligible)[:, None] > 0.0,
            scenes.of_pairs(game.work_s)[:, None],
            game.capacity[n[:, None], j],
            game.complement[n[:, None, None], j[:, :, None], j[:, None, :]],
            ties,
            friend,
        )

    def take(self, scenes: IntArray) -> _Stage:
        """Return some of the scenes."""
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        taken: dict[str, Any] = {name: x[scenes] for name, x in kept.items() if isinstance(x, np.ndarray)}
        return replace(self, **taken)

    def settled(self, accuracy: float, capped: bool) -> tuple[FloatArray, BoolArray]:
        """Return what scenes settle at, from nothing, with vector extrapolation (Irons and Tuck 1969) on the way."""
        bought, has_answer = np.zeros(self.theta.shape), np.zeros(self.theta.shape[:2], dtype=bool)
        rows, part, is_over = np.arange(len(bought)), self, has_answer.copy()
        x, last, shadow = (
            bought.copy(),
            np.full_like(bought, np.nan),
            np.zeros(self.theta.shape[:2] + self.theta.shape[3:]),
        )
        reply = Reply(x, np.zeros(self.left_s.shape))
        for count in range(_STEPS):
            reply, shadow = part._step(x, shadow, reply, capped)
            value = reply.bought
            with np.errstate(invalid="ignore"):
                step = value - x
            largest = np.abs(value).max(axis=(2, 3))
            is_lost = ~(largest < _LARGEST)
            is_done = (np.abs(step) <= accuracy * (1.0 + largest[:, :, None, None])).all(axis=(2, 3))
            is_done &= ~(is_over | is_lost)
            is_over |= is_done | is_lost
            if is_done.any():
                at = np.nonzero(is_done)
                bought[rows[at[0]], at[1]], has_answer[rows[at[0]], at[1]] = value[at], True
            ahead = _ahead(value, step, last) if count >= _PLAIN and count % 4 == 3 else value
            x = np.where(is_lost[:, :, None, None], 0.0, ahead)  # what is lost starts again, with nothing to disturb
            last = np.where(ahead == value, step, np.nan)
            kept = np.flatnonzero(~is_over.all(axis=1))
            if not len(kept):
                break
            if len(kept) <= len(rows) // 2:
                rows, part, is_over = rows[kept], part.take(kept), is_over[kept]
                x, last, shadow = x[kept], last[kept], shadow[kept]
                reply = Reply(reply.bought[kept], reply.multiplier[kept])
        return bought, has_answer

    def _step(self, bought: FloatArray, shadow: FloatArray, reply: Reply, capped: bool) -> tuple[Reply, FloatArray]:
        """Return what followers want when gains are those at `bought`, and the shadow prices [S, G, C] with it.

        Shadow prices and the reply of the last step are where the search for those of this one begins.
        """
        gain = self.gift if self.is_held else self.gift + self._gain(bought)
        worth, passed_on = self.delta, gain
        if self.is_multiplicative:
            worth, passed_on = self.delta * (1.0 + gain), np.zeros(1)
        net, most = self.price - passed_on + np.zeros_like(bought), np.array(np.inf)
        pairs = Pairs(worth, self.room, self.theta, self.work_s, most)
        if not capped:
            return best_reply(pairs, net, self.left_s, reply), shadow
        if np.isfinite(self.left_s).any():
            return rationed_in_time(pairs, net, self.left_s, self.capacity[:, None], shadow, reply)
        # Damping by a tangent: one more unit is worth less by `damping` for every unit bought above the last point.
        damping = np.zeros_like(bought)
        if not self.is_held:
            damping = np.where(np.isfinite(self.capacity)[:, None, None], self._gain(np.ones_like(bought)), 0.0)
        if self.is_multiplicative:
            damping = damping * self.delta / np.maximum(bought + self.room, 1e-9)
        sold = rationed(Damped(pairs, net, damping, bought), self.capacity[:, None])
        return Reply(sold, reply.multiplier), shadow

    def _gain(self, bought: FloatArray) -> FloatArray:
        if self.friend is None:
            gain = np.einsum("sik,sgkc->sgic", self.ties, bought)
        else:
            gain, (scenes, prices) = np.zeros_like(bought), np.ogrid[: bought.shape[0], : bought.shape[1]]
            for k in range(self.friend.shape[2]):
                theirs = bought[scenes[..., None], prices[..., None], self.friend[:, None, :, k]]
                gain += self.ties[:, None, :, k, None] * theirs
        if self.complement.any():
            gain = gain + np.einsum("sgic,scd->sgid", bought, self.complement)
            if not self.is_multiplicative:
                weight = np.where(self.theta > 0.0, self.theta, 1.0)
                gain = gain + np.einsum("sgic,scd->sgid", bought * weight, self.complement) / weight
        return np.where(self.is_open, gain, 0.0)


def _friends(ties: FloatArray) -> tuple[FloatArray, IntArray | None]:
    """Return the ties [S, L, D] to the few friends [S, L, D] of each, or all [S, L, L] where these are many."""
    most = max(int((ties > 0.0).sum(axis=2).max(initial=0)), 1)
    if _SPARSE * most > ties.shape[2]:
        return ties, None
    friend = np.argsort(ties == 0.0, axis=2, kind="stable")[:, :, :most]
    return np.take_along_axis(ties, friend, axis=2), friend


def _ahead(value: FloatArray, step: FloatArray, last: FloatArray) -> FloatArray:
    """Return where steps that grow in proportion lead, or the value where they do not."""
    with np.errstate(invalid="ignore", divide="ignore"):
        bend = step - last
        ratio = -(last * bend).sum(axis=(2, 3)) / (bend**2).sum(axis=(2, 3))
        is_ahead = (ratio > 1.0) & (ratio < 1e3)
        ahead = value + (np.where(is_ahead, ratio, 1.0) - 1.0)[:, :, None, None] * step
    return np.where(is_ahead[:, :, None, None] & np.isfinite(ahead), np.maximum(ahead, 0.0), value)
