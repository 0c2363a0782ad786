"""Cell towers of OpenCelliD, with or without a header: sectors gathered to sites."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._content import open_content

SITE_M = 50.0  # sectors nearer to one another stand on one mast: their places are estimates
COLUMNS = [
    "radio",
    "mcc",
    "net",
    "area",
    "cell",
    "unit",
    "lon",
    "lat",
    "range",
    "samples",
    "changeable",
    "created",
    "updated",
    "averageSignal",
]
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?(?:GSM|UMTS|CDMA|LTE|NR),\d+,\d+,\d+,\d+,")
_DEGREE_M = 111_195.0


@dataclass(frozen=True, slots=True)
class CellSite:
    """A mast: where it is named in the file, its name, place in degrees, and the widest range of its sectors."""

    place: str
    site_id: str
    lon: float
    lat: float
    radius_m: float | None


def is_cells(head: bytes) -> bool:
    """Return whether the first line is OpenCelliD's header or one of its rows."""
    header = ",".join(COLUMNS).encode()
    return head.removeprefix(b"\xef\xbb\xbf").startswith(header) or _FIRST.match(head) is not None


def read_cells(path: Path) -> tuple[list[CellSite], list[str]]:
    """Return the sites, named after their first sector, and a line for each row that cannot be.

    A sector that stands in the file again is taken once. Raises TraceError for text that is none.
    """
    seen: dict[str, tuple[int, float, float, float]] = {}
    mistakes = []
    with io.TextIOWrapper(open_content(path), "utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        try:
            for record in filter(None, reader):
                if record == COLUMNS:
                    continue
                try:
                    name, row = _sector(record)
                    seen.setdefault(name, (reader.line_num, *row))
                except ValueError as error:
                    mistakes.append(f"{path}:{reader.line_num}: {error}")
        except (UnicodeDecodeError, csv.Error) as error:
            raise TraceError(f"{path}:{reader.line_num + 1}: {error}") from None
    return _gathered(path, seen), mistakes


def _sector(record: list[str]) -> tuple[str, tuple[float, float, float]]:
    """Return a sector's name and its lon, lat, range; raises ValueError saying what is wrong."""
    if len(record) != len(COLUMNS):
        raise ValueError(f"{len(record)} fields, expected {len(COLUMNS)}: {', '.join(COLUMNS[:9])}, ...")
    try:
        lon, lat, range_m = (float(record[column]) for column in (6, 7, 8))
    except ValueError:
        raise ValueError(f"lon, lat, range = {', '.join(record[6:9])[:60]}, expected numbers") from None
    if not (abs(lon) <= 180.0 and abs(lat) <= 90.0) or (lon == 0.0 and lat == 0.0):
        raise ValueError(f"lon, lat = {lon:g}, {lat:g}, expected a place in degrees")
    if not (0.0 <= range_m < 1e6):
        raise ValueError(f"range = {range_m:g}, expected metres")
    return "-".join(record[:5]), (lon, lat, range_m)


def _gathered(path: Path, sectors: dict[str, tuple[int, float, float, float]]) -> list[CellSite]:
    """Return a site for each group of sectors in which each is near another one, in the order of the file."""
    if not sectors:
        return []
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    names, rows = list(sectors), np.array(list(sectors.values()))
    lon, lat, range_m = rows[:, 1], rows[:, 2], rows[:, 3]
    # Metres on a cylinder through each sector's own latitude: true between sectors some metres apart.
    xy_m = np.stack([lon * _DEGREE_M * np.cos(np.radians(lat)), lat * _DEGREE_M], axis=1)
    pairs = cKDTree(xy_m).query_pairs(SITE_M, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
    _, group = connected_components(links, directed=False)
    _, first = np.unique(group, return_index=True)
    found = []
    for k in np.sort(first):
        mine = group == group[k]
        widest_m = float(range_m[mine].max())
        found.append(
            CellSite(
                f"{path}:{int(rows[k, 0])}",
                names[k],
                math.fsum(lon[mine]) / int(mine.sum()),
                math.fsum(lat[mine]) / int(mine.sum()),
                widest_m or None,
            )
        )
    return found
