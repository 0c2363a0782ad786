"""Filling a scenario or a game file with the market preset that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simmig.games.presets import MARKET_PRESETS, MarketPreset
from simmig.plugins.wording import did_you_mean, mistake


def preset_of(name: object, *path: str) -> MarketPreset:
    """Return the preset of this name; raises the error at `path` if there is none."""
    if not isinstance(name, str) or name not in MARKET_PRESETS:
        names = ", ".join(f'"{known}"' for known in MARKET_PRESETS)
        raise mistake(name, f"expected one of {names}{did_you_mean(str(name), MARKET_PRESETS)}", *path)
    return MARKET_PRESETS[name]


def fill_scenario(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario as read, with what `market.preset` names where the file says nothing."""
    market = raw.get("market")
    if not isinstance(market, dict) or "preset" not in market:
        return raw
    preset = preset_of(market["preset"], "market", "preset")
    filled = {**raw, "market": _under(market, {"game": preset.game})}
    fleets = raw.get("fleet")
    if isinstance(fleets, list | tuple):
        filled["fleet"] = [_under(fleet, {"preferences": preset.preferences}) for fleet in fleets]
    filled["rsus"] = _under(raw.get("rsus", {}), {"defaults": preset.leaders})
    if preset.tie is not None and "social" in raw:
        filled["social"] = _under(raw["social"], {"weight": preset.tie})
    return filled


def fill_game(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a game file as read, with what its `preset` names where the file says nothing."""
    if "preset" not in raw:
        return raw
    preset = preset_of(raw["preset"], "preset")
    tie = {} if preset.tie is None else {"ties": preset.tie}
    given = {"game": preset.game, "efficiency_bit_s_hz": preset.efficiency_bit_s_hz, **tie}
    filled: dict[str, Any] = _under(raw, given)
    filled["followers"] = _under(raw.get("followers", {}), {"preferences": preset.preferences})
    filled["leaders"] = _under(raw.get("leaders", {}), preset.leaders)
    return filled


def _under(given: Any, defaults: Mapping[str, Any]) -> Any:  # noqa: ANN401  (whatever a file may hold)
    """Return `given` with the keys of `defaults` that it lacks; tables are filled, a draw or a plug-in is one value."""
    if not isinstance(given, dict):
        return given  # not a table: the schema says so
    filled = dict(given)
    for key, value in defaults.items():
        if key not in given:
            filled[key] = dict(value) if isinstance(value, dict) else value
        elif key in ("game", "preferences", "defaults", "offer"):
            filled[key] = _under(given[key], value)
    return filled
