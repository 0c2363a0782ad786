"""The followers' side of many embodied games at once: who may buy where, and what purchases do for one another.

A *scene* is a follower stage that is solved by itself, of J leaders, each with up to L followers: a whole game, or one
leader of it where nothing links a follower's purchases. Arrays over pairs are [S, J, L]: cost follows the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.ties import Ties

_PER_PAIR = "place", "delta", "room", "quality", "work_s", "delay_s", "gift"


@dataclass(frozen=True, slots=True)
class Market:
    """S scenes. `place[S, J, L]` is the follower of a pair, I where there is none: its delta is 0, it buys nothing.

    `room` is E = e - alpha_i T_i^th of 003, section IV-B; `gift` a gain from others that stays as it is (the myopic
    leaders' belief). `ties` and `complement` are None where all are 0.
    """

    is_multiplicative: bool
    followers: int
    place: IntArray
    delta: FloatArray
    room: FloatArray
    quality: FloatArray
    work_s: FloatArray
    delay_s: FloatArray
    gift: FloatArray
    capacity: FloatArray  # [S, J]
    deadline_s: FloatArray  # [S, I + 1]
    ties: Ties | None
    complement: FloatArray | None  # [S, J, J]

    @property
    def is_pair(self) -> BoolArray:
        """Whether there is a follower at a place, shape [S, J, L]."""
        return self.place < self.followers

    @property
    def has_effects(self) -> bool:
        """Whether any purchase raises the worth of another."""
        return self.ties is not None or self.complement is not None

    @property
    def is_linked(self) -> bool:
        """Whether a follower's purchases at different leaders depend on one another."""
        return self.complement is not None or bool(np.isfinite(self.deadline_s).any())

    def take(self, scenes: IntArray) -> Market:
        """Return some scenes, in the order given."""
        return replace(
            self,
            place=self.place[scenes],
            delta=self.delta[scenes],
            room=self.room[scenes],
            quality=self.quality[scenes],
            work_s=self.work_s[scenes],
            delay_s=self.delay_s[scenes],
            gift=self.gift[scenes],
            capacity=self.capacity[scenes],
            deadline_s=self.deadline_s[scenes],
            ties=None if self.ties is None else self.ties.take(scenes),
            complement=None if self.complement is None else self.complement[scenes],
        )

    def apart(self) -> Market:
        """Return every leader as a scene of its own, scene S * J + j; only for a market that is not linked."""
        leaders, most = self.place.shape[1:]
        return replace(
            self,
            place=self.place.reshape(-1, 1, most),
            delta=self.delta.reshape(-1, 1, most),
            room=self.room.reshape(-1, 1, most),
            quality=self.quality.reshape(-1, 1, most),
            work_s=self.work_s.reshape(-1, 1, most),
            delay_s=self.delay_s.reshape(-1, 1, most),
            gift=self.gift.reshape(-1, 1, most),
            capacity=self.capacity.reshape(-1, 1),
            deadline_s=np.repeat(self.deadline_s, leaders, axis=0),
            ties=None if self.ties is None else self.ties.apart(),
            complement=None,
        )

    def alone(self, leaders: IntArray) -> Market:
        """Return every scene with one of its leaders [S] only; for a market without a complement."""
        rows = np.arange(len(leaders)), leaders
        pairs = {name: getattr(self, name)[rows][:, None] for name in _PER_PAIR}
        ties = None if self.ties is None else self.ties.alone(leaders)
        return replace(self, **pairs, capacity=self.capacity[rows][:, None], ties=ties, complement=None)

    def shared(self) -> BoolArray:
        """Return which leaders some follower can buy from both, shape [S, J, J]."""
        wide = np.zeros((*self.place.shape[:2], self.followers + 1))
        np.put_along_axis(wide, self.place, self.is_pair * 1.0, axis=2)
        return np.asarray(np.einsum("sji,ski->sjk", wide[:, :, :-1], wide[:, :, :-1]) > 0.0)

    def held(self, gift: FloatArray) -> Market:
        """Return the market in which what purchases do for one another is the gift [S, J, L] whatever is bought."""
        return replace(self, gift=gift, ties=None, complement=None)

    def pull(self, price: FloatArray) -> FloatArray:
        """Return q_ij / p_j, shape [S, J, L], for prices [S, J]; 0 where there is no follower."""
        return np.where(self.is_pair, self.quality / price[:, :, None], 0.0)

    def theta(self, pull: FloatArray) -> FloatArray:
        """Return the pairing probabilities, shape [S, J, L]."""
        total = self.of_pair(self.by_follower(pull))
        return pull / np.where(total > 0.0, total, 1.0)

    def by_follower(self, values: FloatArray) -> FloatArray:
        """Return sums of pair values [S, J, L] over each follower's leaders, shape [S, I + 1]."""
        wide = self.followers + 1
        index = self.place + wide * np.arange(len(values))[:, None, None]
        sums = np.bincount(index.ravel(), values.ravel(), wide * len(values))
        return np.asarray(sums, dtype=np.float64).reshape(-1, wide)

    def of_pair(self, values: FloatArray) -> FloatArray:
        """Return followers' values [S, I + 1] at their pairs, shape [S, J, L]."""
        flat = self.place.reshape(len(values), self.place.shape[1] * self.place.shape[2])
        return np.take_along_axis(values, flat, axis=1).reshape(self.place.shape)

    def crossed(self, own: FloatArray, other: FloatArray) -> FloatArray:
        """Return sums over followers of own_ij other_il, shape [S, J, J], for pair values [S, J, L]."""
        wide = np.zeros((2, *self.place.shape[:2], self.followers + 1))
        np.put_along_axis(wide[0], self.place, own, axis=2)
        np.put_along_axis(wide[1], self.place, other, axis=2)
        return np.asarray(np.einsum("sji,sli->sjl", wide[0, :, :, :-1], wide[1, :, :, :-1]))

    def gain(self, demand: FloatArray, pull: FloatArray) -> FloatArray:
        """Return what the demand [S, J, L] adds to the worth of one more unit of each pair, same shape.

        Multiplicative: sum_k zeta_ik b_kj + sum_s eta_js b_is. Additive: the derivative of 003 (9) by b_ij over
        theta_ij, sum_k zeta_ik b_kj + sum_s (1 + theta_is / theta_ij) eta_js b_is, because b_ij stands in the
        complementary terms of both leaders.
        """
        gain = self.social_gain(demand)
        if self.complement is not None:
            gain = gain + self._across(demand)
            if not self.is_multiplicative:
                gain = gain + self._across(demand * pull) / np.where(self.is_pair, pull, 1.0)
        return np.where(self.is_pair, gain, 0.0)

    def social_gain(self, demand: FloatArray) -> FloatArray:
        """Return sum_k zeta_ik b_kj for every pair."""
        return np.zeros_like(demand) if self.ties is None else self.ties.gain(demand)

    def _across(self, values: FloatArray) -> FloatArray:
        """Return sum_s eta_js values_is for every pair."""
        if self.complement is None:
            return np.zeros_like(values)
        wide = np.zeros((*self.place.shape[:2], self.followers + 1))
        np.put_along_axis(wide, self.place, values, axis=2)
        return np.take_along_axis(np.einsum("sjk,ski->sji", self.complement, wide), self.place, axis=2)


def places(eligible: BoolArray) -> IntArray:
    """Return the followers of each leader, [N, J, L], from who is eligible, [N, I, J]; I fills up."""
    can_buy = np.swapaxes(eligible, 1, 2)
    most = max(int(can_buy.sum(axis=2).max(initial=0)), 1)
    followers = eligible.shape[1]
    order = np.argsort(~can_buy, axis=2, kind="stable")[:, :, :most]
    return np.where(np.take_along_axis(can_buy, order, axis=2), order, followers)


def gathered(values: FloatArray, place: IntArray, filler: float) -> FloatArray:
    """Return values [N, I, J] at the pairs, [N, J, L], and `filler` where there is no follower."""
    inside = np.minimum(place, values.shape[1] - 1)
    taken = np.take_along_axis(np.swapaxes(values, 1, 2), inside, axis=2)
    return np.where(place < values.shape[1], taken, filler)


def spread(values: FloatArray, place: IntArray, followers: int) -> FloatArray:
    """Return pair values [N, J, L] as [N, I, J], 0 where not eligible."""
    wide = np.zeros((*place.shape[:2], followers + 1))
    np.put_along_axis(wide, place, values, axis=2)
    return np.ascontiguousarray(np.swapaxes(wide[:, :, :followers], 1, 2))
