"""Random games from the parameter tables of the three papers, as the keywords that the games are made from.

Sizes: I followers, J leaders, `...` the batch. Every law is the paper's; what a paper leaves out, or gives so that no
game comes of it, is chosen here, with the reason beside it. Numbers are in the units of the games: demand of 002 and
003 in 10^7 Hz, and their prices ten times those that 002 plots.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.random import Generator

from simmig.contracts import FloatArray
from simmig.units import BIT_PER_MB

UNIT_HZ = 1e7  # the unit of demand in which the figures of 002 are consistent
_SPREAD = 3.0  # normal draws further than this many standard deviations from the mean are drawn again
_FRIENDS = 3  # neighbours on either side of a ring that one is tied to; up to 7 players that is everybody


def draw_001(
    draw: Generator, batch: tuple[int, ...], followers: int, leaders: int, *, positive: bool = False
) -> dict[str, FloatArray]:
    """Return the keywords of ImmersionGame.make by 001, Table II.

    delta[..., I], ssim[..., I, J], ssim_threshold[..., I], efficiency[..., I, J] in bit/s/Hz, budget[..., I],
    cost[..., J], price_max[..., J].

    With l, c, s uniform on [0, 1] as printed, 1 pair in 36 has S = ln(SSIM / SSIM^th) > 0 and nearly nobody buys.
    `positive` draws them on [0.7, 1], where 3 pairs in 4 have S > 0, and again for a follower left without any.
    The paper gives no budget R_i: here it is 0.25 to 1.25 times delta_i sum_j max(S_ij, 0), the most that i would
    spend at low prices, so that it binds for some and not for others; delta_i times that where every S_ij < 0.
    """
    pairs = (*batch, followers, leaders)
    delta = draw.uniform(10.0, 20.0, pairs[:-1])
    threshold = draw.uniform(0.5, 0.55, pairs[:-1])
    low = 0.7 if positive else 0.0
    ssim = draw.uniform(low, 1.0, (3, *pairs)).prod(axis=0)  # l c s, (5)
    while positive and bool((is_lost := (ssim <= threshold[..., None]).all(axis=-1)).any()):
        ssim[is_lost] = draw.uniform(low, 1.0, (3, int(is_lost.sum()), leaders)).prod(axis=0)
    worth = np.maximum(np.log(ssim / threshold[..., None]), 0.0).sum(axis=-1)
    per_leader = (*batch, leaders)
    noise_dbm = draw.uniform(-116.0, -112.0, per_leader)
    snr_db = draw.uniform(20.0, 25.0, per_leader) + draw.uniform(-25.0, -22.0, per_leader) - noise_dbm  # (1)
    efficiency = np.log2(1.0 + 10.0 ** (snr_db / 10.0))  # (2)
    return {
        "delta": delta,
        "ssim": ssim,
        "ssim_threshold": threshold,
        "efficiency": np.repeat(efficiency[..., None, :], followers, axis=-2),
        "budget": draw.uniform(0.25, 1.25, worth.shape) * delta * np.where(worth > 0.0, worth, 1.0),
        "cost": draw.uniform(1.0, 4.0, per_leader),
        "price_max": draw.uniform(5.0, 35.0, per_leader),
    }


def draw_002(draw: Generator, batch: tuple[int, ...], followers: int, leaders: int) -> dict[str, FloatArray]:
    """Return the parameters of the social game by 002, Section VI-A.

    alpha, beta[..., I]; ties[..., I, I]; size_bit, cycles, deadline_s[..., I]; compute_hz, arrival_per_s,
    service_per_s, cost, price_max[..., J]; efficiency[..., I, J] in bit/s/Hz; and what follows from them:
    work_s[..., I, J], the time to send a twin on one unit of bandwidth, and delay_s[..., I, J], wait plus
    re-instantiation.

    Normal laws end at 3 standard deviations; three of them end sooner. compute_hz: at 5 GHz, because N(15, 5) reaches
    0. service - arrival: at 5 per second, because without mu > lambda there is no steady state; with both, waiting
    and re-instantiation stay below 1.5 s, within every deadline. cost: at 0.1, because followers are paired by 1/price.
    002 has up to 6 followers, all tied; with many, W ~ N(5, 1) would exceed 2 beta and demand have no bound, so
    everybody is tied to the 3 next on either side of a ring: to all up to 7 followers, to 6 beyond.
    """
    ends = (*batch, followers), (*batch, leaders)
    alpha, beta = _normal(draw, 30.0, 1.0, ends[0]), _normal(draw, 30.0, 1.0, ends[0])
    ties = _ring(_normal(draw, 5.0, 1.0, (*batch, followers, followers)))
    return {
        "alpha": alpha,
        "beta": beta,
        "ties": ties,
        **_migration(draw, *ends),
        "cost": _normal(draw, 1.0, 0.5, ends[1], low=0.1),
        "price_max": np.full(ends[1], 15.0),
    }


def draw_003(
    draw: Generator,
    batch: tuple[int, ...],
    followers: int,
    leaders: int,
    *,
    effects: Literal["additive", "multiplicative"] = "additive",
    effect_max: float = 0.005,
) -> dict[str, FloatArray]:
    """Return the keywords of EmbodiedGame.make for the simulation of 003, Section VI.

    delta, delay_cost[..., I]; ties[..., I, I]; complement[..., J, J]; quality, cost, price_max[..., J];
    work_s, delay_s[..., I, J]; deadline_s[..., I].

    003 gives no parameter but 3 AVs and 2 RSUs, and says that the others are "similar to" 002's: migration tasks,
    deadlines, queues, radio and price cap are those of `draw_002`. Chosen here: delta in [10, 15]; alpha_i T_i^th in
    [1, 2], so that e - alpha_i T_i^th > 0 and (9) holds at b = 0; q_j of (4) with reputation 1, A-DISTS quality in
    [0.7, 1] and threshold in [0.5, 0.55] as the SSIM^th of 001; costs in [1.5, 3], which bring prices near 4.
    zeta and eta are uniform on [0, effect_max] between the 3 next on either side of a ring and 0 beyond. Up to 0.005,
    demand is bounded at every price between cost and cap; at 0.1 it is not at many. In the `additive` game eta is 0:
    a positive one makes (9) grow without bound in b_ij b_is.
    """
    ends = (*batch, followers), (*batch, leaders)
    migration = _migration(draw, *ends)
    ties = _ring(draw.uniform(0.0, effect_max, (*batch, followers, followers)))
    complement = _ring(draw.uniform(0.0, effect_max, (*batch, leaders, leaders)))
    return {
        "delta": draw.uniform(10.0, 15.0, ends[0]),
        "delay_cost": draw.uniform(1.0, 2.0, ends[0]),
        "ties": ties,
        "complement": complement if effects == "multiplicative" else np.zeros_like(complement),
        "quality": np.log(draw.uniform(0.7, 1.0, ends[1]) / draw.uniform(0.5, 0.55, ends[1])),
        "cost": draw.uniform(1.5, 3.0, ends[1]),
        "price_max": np.full(ends[1], 15.0),
        "work_s": migration["work_s"],
        "delay_s": migration["delay_s"],
        "deadline_s": migration["deadline_s"],
    }


def _migration(draw: Generator, per_follower: tuple[int, ...], per_leader: tuple[int, ...]) -> dict[str, FloatArray]:
    """Return the tasks, servers and links of 002, Section VI-A, and the two parts of the delay (before (1))."""
    size_bit = draw.uniform(10.0, 50.0, per_follower) * BIT_PER_MB
    cycles = _normal(draw, 5e9, 5e8, per_follower)
    compute_hz = _normal(draw, 15e9, 5e9, per_leader, low=5e9)
    arrival, service = _queues(draw, per_leader)
    # 40 dBm transmitted, -20 dB at 1 m, 500 m with exponent 2, noise -150 dBm: the same for every pair.
    snr_db = 40.0 - 20.0 - 10.0 * 2.0 * np.log10(500.0) + 150.0
    efficiency = np.full((*per_follower, per_leader[-1]), np.log2(1.0 + 10.0 ** (snr_db / 10.0)))
    wait_s = arrival / (service * (service - arrival))
    return {
        "size_bit": size_bit,
        "cycles": cycles,
        "efficiency": efficiency,
        "arrival_per_s": arrival,
        "service_per_s": service,
        "compute_hz": compute_hz,
        "deadline_s": draw.uniform(2.0, 4.0, per_follower),
        "work_s": size_bit[..., None] / (UNIT_HZ * efficiency),
        "delay_s": wait_s[..., None, :] + cycles[..., None] / compute_hz[..., None, :],
    }


def _queues(draw: Generator, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Return arrival and service rates per second; both are drawn again where the queue would hardly empty."""
    arrival, service = _normal(draw, 450.0, 20.0, shape), _normal(draw, 500.0, 20.0, shape)
    while bool((is_full := service - arrival < 5.0).any()):
        count = (int(is_full.sum()),)
        arrival[is_full], service[is_full] = _normal(draw, 450.0, 20.0, count), _normal(draw, 500.0, 20.0, count)
    return arrival, service


def _normal(draw: Generator, mean: float, deviation: float, shape: tuple[int, ...], low: float = -np.inf) -> FloatArray:
    """Return normal numbers within `_SPREAD` deviations of the mean and not below `low`."""
    bottom, top = max(low, mean - _SPREAD * deviation), mean + _SPREAD * deviation
    value = draw.normal(mean, deviation, shape)
    while bool((is_out := (value < bottom) | (value > top)).any()):
        value[is_out] = draw.normal(mean, deviation, int(is_out.sum()))
    return value


def _ring(weight: FloatArray) -> FloatArray:
    """Return the weights above the diagonal, mirrored, between neighbours on a ring and 0 elsewhere: [..., N, N]."""
    place = np.arange(weight.shape[-1])
    apart = np.abs(place - place[:, None])
    apart = np.minimum(apart, len(place) - apart)
    upper = np.triu(np.where(apart <= _FRIENDS, weight, 0.0), 1)
    return upper + np.swapaxes(upper, -1, -2)
