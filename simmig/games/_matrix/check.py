"""What the matrix games check: payoffs when a game is made, strategies when a certificate is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from simmig.contracts import Array, FloatArray, IntArray
from simmig.errors import InputError

Ties = Literal["strong", "weak"]

_LARGEST = 1e300  # the difference of two payoffs has to be finite
_SUM_TOLERANCE = 1e-9  # how far probabilities may be from 1: what softmax and linear programmes leave


def checked_payoffs(given: Sequence[Array], names: Sequence[str]) -> FloatArray:
    """Return the payoffs of N agents stacked, [N, ..., m_1, ..., m_N], float64 and read-only.

    `given[k]` has shape [..., m_1, ..., m_N]; batch axes broadcast, actions have to agree. Raises InputError that
    names the agent, and the game of a batch, of the first payoff that is missing or no finite number.
    """
    agents = len(names)
    arrays = [_numbers(value, name) for value, name in zip(given, names, strict=True)]
    for name, array in zip(names, arrays, strict=True):
        if array.ndim < agents or 0 in array.shape:
            raise InputError(
                f"matrix game: payoff of {name} has shape {array.shape}, expected [..., {_sizes(agents)}] and no axis "
                "of length 0"
            )
        if array.shape[-agents:] != arrays[0].shape[-agents:]:
            raise InputError(
                f"matrix game: payoff of {name} is over {array.shape[-agents:]} actions, that of {names[0]} over "
                f"{arrays[0].shape[-agents:]}"
            )
        _require_finite(array, agents, name)
    try:
        stacked = np.stack(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape[:-agents]) for array in arrays)
        raise InputError(f"matrix game: batch shapes {shapes} of the payoffs do not fit together") from None
    stacked.setflags(write=False)
    return stacked


def checked_strategy(strategy: Array, actions: int, batch: tuple[int, ...], name: str) -> FloatArray:
    """Return a mixed strategy as [*batch, actions]; raises InputError if it is no distribution over the actions."""
    array = _numbers(strategy, name)
    try:
        wide = np.broadcast_to(array, (*batch, actions))
    except ValueError:
        raise InputError(
            f"matrix game: strategy of {name} has shape {array.shape}, expected {(*batch, actions)}"
        ) from None
    is_good = np.all(wide >= 0.0, axis=-1) & (np.abs(wide.sum(axis=-1) - 1.0) <= _SUM_TOLERANCE)
    if not bool(is_good.all()):
        place = tuple(int(k) for k in np.argwhere(~is_good)[0])
        raise InputError(
            f"matrix game{_game(place)}: strategy of {name} is {wide[place].tolist()}, expected probabilities that add "
            "to 1"
        )
    return wide


def checked_response(response: IntArray, actions: int, batch: tuple[int, ...]) -> IntArray:
    """Return the follower's responses as [*batch]; raises InputError for what is no number of one of its actions."""
    array = np.asarray(response)
    is_action = array.dtype.kind in "iu" and array.shape == batch and np.all((array >= 0) & (array < actions))
    if not is_action:
        raise InputError(
            f"matrix game: responses of shape {array.shape}, {array.dtype}, expected shape {batch} of actions from 0 "
            f"to {actions - 1}"
        )
    return array


def checked_ties(ties: str) -> None:
    """Raise InputError for a rule for ties that is unknown."""
    if ties not in get_args(Ties):
        raise InputError(f'matrix game: ties is {ties!r}, expected "strong" or "weak"')


def _numbers(value: Array, name: str) -> FloatArray:
    if hasattr(value, "detach"):  # a torch tensor, perhaps on another device and with a gradient
        value = value.detach().cpu().numpy()
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"matrix game: what {name} has is not one rectangular array of numbers") from None


def _require_finite(array: FloatArray, agents: int, name: str) -> None:
    is_good = np.abs(array) <= _LARGEST  # False for NaN
    if not bool(is_good.all()):
        place = tuple(int(k) for k in np.argwhere(~is_good)[0])
        batch = len(place) - agents
        raise InputError(
            f"matrix game{_game(place[:batch])}: payoff of {name} at actions {place[batch:]} is "
            f"{float(array[place])!r}, expected a number of at most {_LARGEST:g}"
        )


def _game(place: tuple[int, ...]) -> str:
    return f" {place} of the batch" if place else ""


def _sizes(agents: int) -> str:
    return ", ".join(f"m_{agent + 1}" for agent in range(agents))
