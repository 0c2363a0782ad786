"""Independent random streams, one for each cause.

A draw belongs to a cause (this vehicle's third migration), never to a moment: adding a vehicle or changing an
agent leaves every other cause's numbers as they were, so agents are compared on the same luck.

Two forms, one naming rule. `stream` gives a full NumPy generator and costs about 50 microseconds; `Draws` gives a
handful of numbers for one cause and costs about 2, which matters at a million migrations.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # odd increment of SplitMix64, Steele, Lea and Flood 2014, section 3


def _mixed(z: int) -> int:
    """Return the output function of SplitMix64: every bit of the result depends on every bit of `z`."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _digest(seed: int, names: tuple[str | int, ...], size: int) -> int:
    # Each part carries its type and length, so ("ab", "c") and ("a", "bc") or 1 and "1" cannot collide.
    text = "\x1f".join(f"{type(name).__name__[0]}{len(str(name))}:{name}" for name in (seed, *names))
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest(), "little")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the NumPy generator of the component `names`, independent of every other name."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(_digest(seed, names, 32))))


class Draws:
    """A few numbers for one cause: SplitMix64 started from a hash of the cause's name."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, *names: str | int) -> None:
        self._state = _digest(seed, names, 8)

    def uniform(self) -> float:
        """Return the next number, uniform on (0, 1), both ends excluded."""
        self._state = state = (self._state + _GOLDEN) & _MASK
        return ((_mixed(state) >> 12) + 0.5) * 2.0**-52

    def exponential(self, mean: float) -> float:
        """Return the next exponential number with the given mean."""
        return -mean * math.log(self.uniform())


class DrawsOfMany:
    """One number for every event of each of many members, such as the wait of a vehicle's k-th migration.

    A number belongs to its member's name and to the event, whoever else is a member.
    """

    __slots__ = ("_states",)

    def __init__(self, seed: int, component: str, members: Iterable[str]) -> None:
        # Packed: a million draws for ten thousand members are as quick as their states are near each other in memory.
        self._states = array("Q", (_digest(seed, (component, name), 8) for name in members))

    def uniform_of(self, member: int, number: int) -> float:
        """Return the number of event `number` of this member, uniform on (0, 1); uses up nothing."""
        z = number + _GOLDEN  # twice `_mixed`, without the calls
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= (z >> 31) ^ self._states[member]
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (((z ^ (z >> 31)) >> 12) + 0.5) * 2.0**-52
