"""A trained policy as ONNX files, from its folder alone."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from simmig.errors import InputError
from simmig.learning._columns import Terms
from simmig.learning.export import export_side
from simmig.learning.networks_at_play import actor_of
from simmig.learning.policy import read_policy
from simmig.learning.recipe import Recipe


def export_policy(policy: Path, folder: Path, side: str | None = None) -> list[Path]:
    """Write the networks of a policy's sides, or of one, into a new folder; return the JSON that describes each side.

    Raises InputError if there is no policy, if it has no such side or no networks of that kind, if the folder is taken,
    or as `export_side`.
    """
    tensors, facts, agent = read_policy(policy)
    learned = facts.get("sides")
    if not isinstance(learned, dict):
        raise InputError(f"{policy}: agent {agent} has no network for each player; expected one such as ippo or malppo")
    if side is not None and side not in learned:
        raise InputError(f"{policy}: {side} have not learned; expected --side {' or '.join(learned)}")
    if folder.exists():
        raise InputError(f"{folder}: exists already; expected a new folder")
    try:
        recipe, terms = Recipe.model_validate(facts["recipe"]), Terms(**facts["market"])
    except (KeyError, TypeError, ValidationError):
        raise InputError(f"{policy}: does not say what market it was trained in; train it again") from None
    found = []
    for name in [side] if side else learned:
        actor = actor_of(name, tensors, facts, recipe)
        assert actor is not None
        found.append(export_side(folder, name, actor, terms, recipe))
    return found
