"""Traces made by a model of movement, from settings as a user gives them: `simmig trace make`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from simmig.errors import InputError
from simmig.mobility.synthesis.gauss_markov import gauss_markov
from simmig.mobility.synthesis.manhattan import manhattan
from simmig.mobility.synthesis.random_waypoint import random_waypoint
from simmig.mobility.trace import Trace
from simmig.plugins.wording import did_you_mean
from simmig.world.importing import checked_settings

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Settings(BaseModel):
    """What every model of movement needs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    vehicles: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    duration_s: Annotated[float, Field(gt=0.0)] = 600.0
    seed: Annotated[int, Field(ge=0)] = 0


class _RandomWaypoint(_Settings):
    area_m: Pair = Field(default=[2000.0, 2000.0])
    speed_m_s: Pair = Field(default=[5.0, 15.0])
    pause_s: Pair = Field(default=[0.0, 30.0])
    fix_interval_s: float | None = 10.0  # shorter than the gap at which a reader ends a trip


class _GaussMarkov(_Settings):
    area_m: Pair = Field(default=[2000.0, 2000.0])
    height_m: Pair | None = None
    speed_m_s: float = 12.0
    speed_sd_m_s: float = 3.0
    direction_sd_rad: float = 0.6
    pitch_sd_rad: float = 0.1
    memory: float = 0.85
    step_s: float = 1.0


class _Manhattan(_Settings):
    blocks: Annotated[list[int], Field(min_length=2, max_length=2)] = Field(default=[8, 8])
    block_m: float = 250.0
    speed_m_s: Pair = Field(default=[8.0, 15.0])
    turn_share: float = 0.5


MODELS: dict[str, tuple[type[_Settings], Callable[..., Trace]]] = {
    "gauss_markov": (_GaussMarkov, gauss_markov),
    "manhattan": (_Manhattan, manhattan),
    "random_waypoint": (_RandomWaypoint, random_waypoint),
}


def make_trace(model: str, settings: Sequence[str]) -> tuple[Trace, dict[str, Any]]:
    """Return the movement of a model, and where it comes from; raises InputError for what there is not."""
    if model not in MODELS:
        raise InputError(f"{model}: no such movement{did_you_mean(model, MODELS)}; expected {', '.join(MODELS)}")
    wanted, function = MODELS[model]
    given = checked_settings(wanted, {}, settings, "--set")
    arguments = {name: tuple(x) if isinstance(x, list) else x for name, x in given.model_dump().items()}
    return function(**arguments), {"source": f"made by {model}", "settings": given.model_dump(mode="json")}
