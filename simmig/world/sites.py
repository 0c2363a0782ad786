"""The RSUs of a scenario: their layout from a file or from the scenario itself, and what each of them offers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simmig.contracts import FloatArray
from simmig.errors import ScenarioError
from simmig.mobility.frame import Coordinates, Frame
from simmig.mobility.layout import Layout, Unit, place, read_layout
from simmig.mobility.trace import Trace
from simmig.rng import Draws
from simmig.scenario import Scenario
from simmig.scenario.draws import Draw
from simmig.scenario.rsus import RsuUnit
from simmig.world.model import Rsus

_OFFERS = ("compute_hz", "arrival_per_s", "service_per_s", "bandwidth_hz", "cost", "price_max")


def read_sites(scenario: Scenario) -> Layout:
    """Return the RSUs where the scenario has them, in their own coordinates."""
    rsus = scenario.rsus
    if rsus.path is not None:
        layout = read_layout(scenario.base_dir / rsus.path, rsus.columns)
        return replace(layout, crs=rsus.crs) if rsus.crs is not None and layout.kind == "metres" else layout
    units = rsus.unit or ()
    is_degrees = [unit.lon is not None for unit in units]
    if any(is_degrees) and not all(is_degrees):
        raise ScenarioError(
            f"{scenario.source}: rsus.unit.{is_degrees.index(True)}: has lon and lat, others have x_m and y_m; "
            "expected one kind of coordinates for all units"
        )
    kind: Coordinates = "lonlat" if all(is_degrees) else "metres"
    return Layout(f"{scenario.source} (rsus.unit)", kind, tuple(_unit(unit) for unit in units))


def _unit(unit: RsuUnit) -> Unit:
    first, second = (unit.lon, unit.lat) if unit.lon is not None else (unit.x_m, unit.y_m)
    assert first is not None
    assert second is not None
    corners = unit.polygon_m
    return Unit(
        rsu_id=unit.id,
        a=first,
        b=second,
        z_m=unit.z_m,
        radius_m=unit.radius_m,
        shape=unit.shape if corners is None else "polygon",
        z_min_m=unit.z_min_m,
        z_max_m=unit.z_max_m,
        rings=None if corners is None else (np.array(corners, dtype=np.float64),),
    )


def place_sites(scenario: Scenario, layout: Layout, frame: Frame, trace: Trace) -> tuple[Rsus, list[float | None]]:
    """Return the RSUs in the frame with what they offer, and each one's own transmit power, None without one."""
    rsus = scenario.rsus
    west, east = float(trace.x_m.min()), float(trace.x_m.max())
    south, north = float(trace.y_m.min()), float(trace.y_m.max())
    sites = place(
        layout,
        frame,
        trace_box=(west, south, east, north),
        default_radius_m=rsus.radius_m,
        default_shape=rsus.shape,
        recentre=rsus.recentre,
    )
    own = _own_draws(scenario, layout)
    values = {key: [_offer(scenario, key, name, own[name]) for name in sites.rsu_id] for key in _OFFERS}
    power_dbm = [_offer(scenario, "tx_power_dbm", name, own[name]) for name in sites.rsu_id]
    _check_offers(scenario, sites.rsu_id, values)
    lists = {key: [float(v) for v in values[key] if v is not None] for key in _OFFERS}
    return (
        Rsus(
            sites=sites,
            compute_hz=lists["compute_hz"],
            arrival_per_s=lists["arrival_per_s"],
            service_per_s=lists["service_per_s"],
            bandwidth_hz=lists["bandwidth_hz"],
            cost=np.array(lists["cost"]),
            price_max=np.array(lists["price_max"]),
            offers=_game_offers(scenario, sites.rsu_id),
        ),
        power_dbm,
    )


def _game_offers(scenario: Scenario, rsu_id: tuple[str, ...]) -> dict[str, FloatArray]:
    """Return the named game parameters of every RSU, each [J]; raises ScenarioError if an RSU lacks one."""
    rsus = scenario.rsus
    own = {unit.id: unit.offer for unit in rsus.unit or ()}
    found: dict[str, FloatArray] = {}
    for key in sorted({*rsus.defaults.offer, *(key for offer in own.values() for key in offer)}):
        draws = [own.get(name, {}).get(key) or rsus.defaults.offer.get(key) for name in rsu_id]
        values = []
        for name, draw in zip(rsu_id, draws, strict=True):
            if draw is None:
                raise ScenarioError(
                    f"{scenario.source}: rsus: RSU {name!r} has no offer.{key}, and others have one; "
                    f"expected it there or in rsus.defaults.offer"
                )
            values.append(draw.sample(Draws(scenario.seed, f"rsus.offer.{key}", name)))
        found[key] = np.array(values)
    return found


def _own_draws(scenario: Scenario, layout: Layout) -> dict[str, dict[str, Draw | float]]:
    """Return what each RSU says of itself, by its id, in the file or in the scenario."""
    found: dict[str, dict[str, Draw | float]] = {unit.rsu_id: dict(unit.overrides) for unit in layout.units}
    for unit in scenario.rsus.unit or ():
        given = {key: getattr(unit, key) for key in (*_OFFERS, "tx_power_dbm")}
        found[unit.id] |= {key: draw for key, draw in given.items() if draw is not None}
    return found


def _offer(scenario: Scenario, key: str, name: str, own: dict[str, Draw | float]) -> float | None:
    value = own.get(key, getattr(scenario.rsus.defaults, key))
    if value is None or isinstance(value, float):
        return value
    return float(value.sample(Draws(scenario.seed, f"rsus.{key}", name)))


def _check_offers(scenario: Scenario, names: tuple[str, ...], values: dict[str, list[float | None]]) -> None:
    """Raise ScenarioError if draws or a file leave an RSU without a steady queue or with its cap below its cost."""
    table: dict[str, FloatArray] = {key: np.array(column, dtype=np.float64) for key, column in values.items()}
    for low, high, help_ in (
        ("arrival_per_s", "service_per_s", "a queue needs less work than it can serve"),
        ("cost", "price_max", "the highest price cannot be below the cost"),
    ):
        strict = low == "arrival_per_s"
        bad = table[low] >= table[high] if strict else table[low] > table[high]
        if bad.any():
            j = int(bad.argmax())
            raise ScenarioError(
                f"{scenario.source}: rsus: RSU {names[j]!r} has {low} = {table[low][j]:g} and {high} = "
                f"{table[high][j]:g}; {help_}; bound the draws with low and high"
            )
