"""JSON documents from an unknown hand: of a size that fits into memory, not too deep, features as a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simmig.errors import TraceError
from simmig.mobility.formats._content import open_content
from simmig.mobility.raw import shortened

_MOST_BYTES = 1_000_000_000
_WGS84 = ("CRS84", "4326", "4979")  # how the names of WGS84 end in a "crs" member


def read_features(path: Path) -> list[dict[str, Any]]:
    """Return the features of a GeoJSON or MF-JSON document; TraceError if it is none, or not in WGS84."""
    with open_content(path) as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise TraceError(f"{path}: more than {_MOST_BYTES // 10**6} MB of JSON; write it as Parquet or CSV")
    try:
        document = json.loads(data.decode("utf-8-sig"), parse_constant=_refused)
    except json.JSONDecodeError as error:
        start = data[:30].decode("utf-8", errors="replace")
        raise TraceError(f"{path}:{error.lineno}: not JSON ({error.msg}); it starts with {start!a}") from None
    except (ValueError, RecursionError) as error:
        raise TraceError(f"{path}: not JSON ({str(error)[:80]})") from None
    features = document.get("features", [document]) if isinstance(document, dict) else document
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise TraceError(f"{path}: not GeoJSON: expected a Feature or a FeatureCollection")
    for member in [document, *features] if isinstance(document, dict) else features:
        _check_crs(path, member.get("crs"))
    return features


def numbers_of(value: object, place: str) -> list[float]:
    """Return a position as numbers; raises TraceError for what is no list of two numbers or more."""
    numbers = value if isinstance(value, list) else []
    is_all = all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
    if len(numbers) < 2 or not is_all:
        raise TraceError(f"{place}: coordinates {shortened(str(value))}, expected [lon, lat] or [lon, lat, height]")
    return [float(number) for number in numbers]


def named(path: Path, features: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield (place for messages, feature, its properties)."""
    for number, feature in enumerate(features, 1):
        properties = feature.get("properties")
        yield f"{path}: feature {number}", feature, properties if isinstance(properties, dict) else {}


def _refused(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check_crs(path: Path, crs: object) -> None:
    if crs is None:
        return
    name = str(crs.get("properties", {}).get("name", crs) if isinstance(crs, dict) else crs)
    if not name.endswith(_WGS84):
        raise TraceError(f"{path}: coordinates are in {name[:60]}; expected WGS84 degrees, reproject the file first")
