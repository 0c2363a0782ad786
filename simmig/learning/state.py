"""Nested states as flat tensors and JSON, exactly.

An optimiser's state is dictionaries in lists in dictionaries, with integers as keys and tensors at the leaves; a
checkpoint holds a flat table of tensors and a JSON document. `flatten_state` takes the one apart into the other
and `unflatten_state` puts it together again, bit for bit, for any state made of the same parts::

    tensors, form = flatten_state({"optimizer": optimizer.state_dict(), "torch": generator.get_state()})
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from simmig.errors import InputError, RunError


def flatten_state(state: object) -> tuple[dict[str, Tensor], Any]:
    """Return (tensors by name, form as JSON) of a state.

    A state is None, a bool, an int, a float, a string, a tensor, or a dict, list or tuple of states; the keys of a
    dict are strings or integers. Raises RunError for anything else, naming its place.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _flat(state, "", tensors)


def unflatten_state(tensors: Mapping[str, Tensor], form: object) -> Any:  # noqa: ANN401 - a state has any form
    """Return the state that `flatten_state` took apart; raises InputError if the form or a tensor does not fit."""
    try:
        return _nested(tensors, form)
    except RecursionError:
        raise InputError("form of a stored state: nested too deeply; expected what flatten_state returned") from None


def _nested(tensors: Mapping[str, Tensor], form: object) -> Any:  # noqa: ANN401
    if isinstance(form, Mapping) and len(form) == 1:
        ((kind, inner),) = form.items()
        if kind == "tensor" and isinstance(inner, str) and inner in tensors:
            return tensors[inner]
        if kind == "float" and inner in ("nan", "inf", "-inf"):
            return float(inner)
        if kind in ("list", "tuple") and isinstance(inner, list):
            entries = [_nested(tensors, entry) for entry in inner]
            return entries if kind == "list" else tuple(entries)
        if kind == "dict" and isinstance(inner, list) and all(_is_entry(entry) for entry in inner):
            return {key: _nested(tensors, value) for key, value in inner}
    elif form is None or isinstance(form, bool | int | float | str):
        return form
    raise InputError(f"form of a stored state: found {form!r:.80}; expected what flatten_state returned")


def _flat(state: object, place: str, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401
    if isinstance(state, Tensor):
        name = place or "state"
        while name in tensors:  # keys such as 1 and "1", or "a/b" beside a dict in a dict
            name += "_"
        tensors[name] = state
        return {"tensor": name}
    if isinstance(state, Mapping):
        for key in state:
            if type(key) not in (str, int):
                raise RunError(f"state at {place or 'the top'}: a key is {key!r:.80}; expected a string or an integer")
        return {"dict": [[key, _flat(value, _below(place, key), tensors)] for key, value in state.items()]}
    if isinstance(state, list | tuple):
        kind = "list" if isinstance(state, list) else "tuple"
        return {kind: [_flat(entry, _below(place, index), tensors) for index, entry in enumerate(state)]}
    if isinstance(state, float):
        return float(state) if math.isfinite(state) else {"float": str(float(state))}
    if state is None or isinstance(state, bool | int | str):
        return state
    raise RunError(f"state at {place or 'the top'}: a {type(state).__name__} cannot be stored")


def _below(place: str, key: str | int) -> str:
    return f"{place}/{key}" if place else str(key)


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and type(entry[0]) in (str, int)
