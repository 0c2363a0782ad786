"""The games of a plan: built from its parameters and the tables of the papers, with what a sweep changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simmig.compare.plans.schema import PARAMETERS, PLAYERS, GamePart, Plan, Series, Sweep
from simmig.contracts import AnalyticGame, FloatArray
from simmig.errors import InputError, SimmigError
from simmig.games._papers import draw_001, draw_002
from simmig.games.immersion import ImmersionGame
from simmig.games.social import SocialGame
from simmig.rng import stream

Settings = Mapping[str, Any]
# Axes of a parameter: f for the followers, l for the leaders.
_AXES = {
    **dict.fromkeys(("delta", "ssim_threshold", "budget", "alpha", "beta", "deadline_s"), "f"),
    **dict.fromkeys(("cost", "price_max"), "l"),
    **dict.fromkeys(("ssim", "efficiency", "work_s", "delay_s"), "fl"),
    "ties": "ff",
}
_SLACK: dict[str, dict[str, float]] = {
    # Where a plan says nothing of delays there is no deadline that they could break.
    "social": {"work_s": 1.0, "delay_s": 0.0, "deadline_s": np.inf, "ties": 0.0},
    "immersion": {},
}


def settings_of(sweep: Sweep, line: int, place: int) -> dict[str, Any]:
    """Return what a point of a sweep changes in the game."""
    series: Series = sweep.series[line]
    return {**series.set, sweep.x.key: sweep.x.values[place]}


def game_of(plan: Plan, seed: int, settings: Settings) -> AnalyticGame:
    """Return the game of one seed with these settings; raises InputError or NoEquilibrium for what it refuses."""
    part = plan.game
    followers, leaders = (_count(part, settings, side) for side in PLAYERS)
    names = _parameters(part, seed)
    for key, value in (*part.parameters.items(), *settings.items()):
        _change(names, key, value, part)
    sizes = {"f": followers, "l": leaders}
    given = {name: _cut(name, values, sizes) for name, values in names.items()}
    lacking = [name for name in PARAMETERS[part.kind] if name not in given]
    if lacking:
        raise InputError(f'game.parameters: {", ".join(lacking)} missing; expected a number, or law = "table"')
    make: Any = ImmersionGame.make if part.kind == "immersion" else SocialGame.make
    game: AnalyticGame = make(**given)
    return game


def _parameters(part: GamePart, seed: int) -> dict[str, FloatArray]:
    """Return what is drawn or slack, at the full number of players."""
    sizes = {"f": part.followers, "l": part.leaders}
    found = {name: np.full([sizes[a] for a in _AXES[name]], value) for name, value in _SLACK[part.kind].items()}
    if part.law == "table":
        draw = stream(part.seed, "plan", seed if part.is_redrawn else 0)
        law = draw_002 if part.kind == "social" else _draw_positive
        drawn = law(draw, (), part.followers, part.leaders)
        found |= {name: drawn[name] for name in PARAMETERS[part.kind]}
    return found


def _draw_positive(draw: np.random.Generator, batch: tuple[int, ...], followers: int, leaders: int) -> Any:  # noqa: ANN401
    return draw_001(draw, batch, followers, leaders, positive=True)


def _count(part: GamePart, settings: Settings, side: str) -> int:
    most = getattr(part, side)
    count = settings.get(side, most)
    if count != int(count) or not 1 <= count <= most:
        raise InputError(f"sweep: {side} = {count:g}, expected a whole number from 1 to game.{side} = {most}")
    return int(count)


def _change(names: dict[str, FloatArray], key: str, value: Any, part: GamePart) -> None:  # noqa: ANN401
    """Set a parameter, "cost", or one entry of it, "cost.0"; the players are counted elsewhere."""
    name, _, place = key.partition(".")
    if name in PLAYERS:
        return
    sizes = {"f": part.followers, "l": part.leaders}
    shape = tuple(sizes[axis] for axis in _AXES[name])
    if place:
        if name not in names or int(place) >= shape[0]:
            raise InputError(f"{key}: expected an entry of a parameter that the game has")
        changed = names[name].copy()
        changed[int(place)] = value
    else:
        listed = np.asarray(value, dtype=np.float64)
        if listed.ndim and listed.shape[0] != shape[0]:
            raise InputError(f"game.parameters.{name}: {len(listed)} numbers, expected {shape[0]}")
        # A list belongs to the first axis; the others have it alike.
        changed = np.broadcast_to(listed.reshape(listed.shape + (1,) * (len(shape) - 1) * listed.ndim), shape).copy()
    names[name] = changed


def _cut(name: str, values: FloatArray, sizes: Mapping[str, int]) -> FloatArray:
    """Return the entries of the first players; no follower has a tie with itself."""
    kept = values[tuple(slice(sizes[axis]) for axis in _AXES[name])]
    return kept * (1.0 - np.eye(len(kept))) if name == "ties" else kept


def solved(game: AnalyticGame, where: str) -> tuple[FloatArray, FloatArray]:
    """Return the equilibrium's prices and demands; an error says where it was."""
    try:
        found = game.solve()
    except SimmigError as error:
        raise type(error)(f"{where}: {error}") from None
    return found.price, found.demand
