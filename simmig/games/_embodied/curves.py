"""What every leader of the embodied game sells at its own price, where its followers answer it by themselves.

Without complements and deadlines a purchase depends on the price of its leader alone, so N games of J leaders have N J
demand curves b_i(p), each falling; at a price too low there may be no bound. With a = (b + E)^2 / delta (additive) or
delta / p (multiplicative) and Z the ties, all derivatives solve systems of one matrix, 1 - a Z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmig.contracts import BoolArray, FloatArray, IntArray
from simmig.games._embodied.market import Market

_STEPS = 60  # plain steps: ties that need more are left to the general search
_SCANNED = 1e-6  # accuracy of a scan, which only finds the hill
_ROUNDING = 2e-15


@dataclass(frozen=True, slots=True)
class Sales:
    """Purchases and their two derivatives by the price, [N, J, L], and where they have been found, [N]."""

    demand: FloatArray
    slope: FloatArray
    bend: FloatArray
    is_found: BoolArray

    def take(self, games: IntArray) -> Sales:
        """Return some of the games."""
        return Sales(self.demand[games], self.slope[games], self.bend[games], self.is_found[games])


@dataclass(frozen=True, slots=True)
class Curves:
    """The demand curves of N games; `is_held` if leaders take the effects for given (myopic)."""

    market: Market
    is_held: bool = False

    def take(self, games: IntArray) -> Curves:
        """Return some of the games."""
        return Curves(self.market.take(games), self.is_held)

    def scanned(self, price: FloatArray) -> FloatArray:
        """Return purchases [K, N, J, L] at falling prices [K, N, J]; NaN from where they have no bound."""
        found = np.empty((len(price), *self.market.place.shape))
        demand = np.zeros(self.market.place.shape)
        for k, posted in enumerate(price):
            if k > 1:
                # Purchases are convex in 1/p, so a line through two prices that are higher stays below them.
                with np.errstate(divide="ignore", invalid="ignore"):
                    ahead = (1.0 / posted - 1.0 / price[k - 1]) / (1.0 / price[k - 1] - 1.0 / price[k - 2])
                ahead = np.where(np.isfinite(ahead), ahead, 0.0)[:, :, None]
                demand = np.maximum(demand + ahead * (demand - found[k - 2]), demand)
            demand, _ = self.settled(posted, np.nan_to_num(demand), _SCANNED)
            found[k] = demand
        return found

    def settled(self, price: FloatArray, start: FloatArray, tolerance: float) -> tuple[FloatArray, BoolArray]:
        """Return purchases [N, J, L] at prices [N, J], by plain steps, and in which games they were found.

        Where they were not, those of the leaders to blame are NaN.
        """
        posted, bought = price[:, :, None], start
        for _ in range(_STEPS if self.market.has_effects else 1):
            last, bought = bought, self._wanted(posted, bought)
            with np.errstate(invalid="ignore"):
                # Comparisons with NaN are false: what has no bound is not waited for.
                is_moving = np.abs(bought - last) > tolerance * (1.0 + bought)
            if not is_moving.any():
                break
        is_lost = ~np.isfinite(bought)
        if self.market.has_effects:
            is_lost |= is_moving
        is_closed = np.asarray(is_lost.any(axis=2))
        return np.where(is_closed[:, :, None], np.nan, bought), ~np.asarray(is_closed.any(axis=1))

    def at(self, price: FloatArray, start: FloatArray, guess: Sales | None = None) -> Sales:
        """Return the sales at prices [N, J], from purchases and derivatives near them.

        The first derivatives are exact, and their existence proves the purchases to be the least; the second ones
        converge as guesses follow one another.
        """
        market = self.market
        demand, is_found = self.settled(price, start, _ROUNDING)
        demand = np.where(is_found[:, None, None], demand, 0.0)
        space, posted = np.where(demand > 0.0, demand + market.room, 0.0), price[:, :, None]
        if market.is_multiplicative:
            steepness, push = np.where(demand > 0.0, market.delta / posted, 0.0), -space / posted
        else:
            steepness = space**2 / np.where(market.is_pair, market.delta, 1.0)
            push = -steepness
        slope, is_least = self._tangent(steepness, push, push if guess is None else guess.slope)
        if market.is_multiplicative:
            push = -2.0 * slope / posted
        else:
            push = 2.0 * slope**2 / np.where(space > 0.0, space, 1.0)
        bend = push
        if market.ties is not None and not self.is_held:
            bend = push + steepness * market.social_gain(push if guess is None else guess.bend)
        return Sales(demand, slope, bend, is_found & is_least)

    def _tangent(self, steepness: FloatArray, push: FloatArray, start: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Return the solution of y = push + a Z y, and where there is one that proves the spectral radius below 1."""
        if self.market.ties is None or self.is_held:
            return push, np.ones(len(push), dtype=bool)
        slope = np.where(steepness > 0.0, start, 0.0)
        for _ in range(_STEPS):
            last, slope = slope, push + steepness * self.market.social_gain(slope)
            is_moving = np.abs(slope - last) > _ROUNDING * np.abs(slope)
            if not is_moving.any():
                break
        return slope, ~np.asarray((is_moving | (slope > 0.0)).any(axis=(1, 2)))

    def _wanted(self, posted: FloatArray, bought: FloatArray) -> FloatArray:
        market = self.market
        gain = market.gift if market.ties is None else market.gift + market.social_gain(bought)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if market.is_multiplicative:
                space = market.delta * (1.0 + gain) / posted
            else:
                left = posted - gain
                space = np.where(left > 0.0, market.delta / left, np.inf)
            return np.maximum(space - market.room, 0.0)
