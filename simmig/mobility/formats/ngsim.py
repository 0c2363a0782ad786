"""NGSIM (US DOT): cars every tenth of a second, in US survey feet of a state's plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats._columns import find_columns, require_columns
from simmig.mobility.formats._profiles import profile_of
from simmig.mobility.formats._rows import Codes, finish
from simmig.mobility.formats._table import open_table
from simmig.mobility.frame import check_crs
from simmig.mobility.raw import RawTrace, TraceFormat

_NAMES = {
    "id": ("vehicle_id",),
    "frame": ("frame_id",),
    "total": ("total_frames",),
    "x": ("global_x",),
    "y": ("global_y",),
    "site": ("location",),
}
_FRAME_US = 100_000
_SITES = {"peachtree": "EPSG:2240"}  # Georgia West, verified; of the others the files do not say the plane


class Format(TraceFormat):
    """NGSIM's CSV. Times are frames of 0.1 s without a date, because Global_Time is no epoch in every file.

    A vehicle's number comes again in another period: cars are told apart by their Total_Frames too. `crs` names the
    plane of Global_X and Global_Y, in feet; it is known for Peachtree Street.
    """

    crs: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the header begins as NGSIM's does."""
        return profile_of(head) == "ngsim"

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError with the line, or if nothing says which plane the feet are in."""
        table = open_table(path)
        roles = find_columns(f"{path}:1", table.names, _NAMES, {})
        for needed in ("id", "frame", "total", "x", "y"):
            require_columns(f"{path}:1", table.names, roles, _NAMES, needed)
        names, sites = Codes(), Codes()
        readers = {roles[role]: table.floats(table.names[roles[role]]) for role in ("frame", "total", "x", "y")}
        readers[roles["id"]] = table.names_of(names)
        if "site" in roles:
            readers[roles["site"]] = table.names_of(sites)
        rows = table.gather(readers)
        data = {role: rows.columns[index] for role, index in roles.items()}
        is_timed = np.isfinite(data["frame"])
        total = np.where(np.isfinite(data["total"]), data["total"], 0.0).astype(np.int64)
        pairs, vehicle = np.unique(np.stack([data["id"].astype(np.int64), total]), axis=1, return_inverse=True)
        known, often = tuple(names), np.bincount(pairs[0])
        raw = RawTrace(
            source=str(path),
            kind="metres",
            vehicle_id=tuple(known[k] if often[k] == 1 else f"{known[k]}/{n}" for k, n in pairs.T.tolist()),
            vehicle=vehicle.reshape(-1).astype(np.int32),
            t_us=np.where(is_timed, data["frame"], 0.0).astype(np.int64) * _FRAME_US,
            a=data["x"],
            b=data["y"],
            crs=self._plane(path, tuple(sites)),
        )
        return finish(raw, lambda found: table.places(rows.numbers[found].tolist()), is_timed)

    def _plane(self, path: Path, sites: tuple[str, ...]) -> str:
        planes = {_SITES.get(site.lower()) for site in sites}
        plane = self.crs or (planes.pop() if len(planes) == 1 else None)
        if plane is None:
            where = f" at {', '.join(sites)[:60]}" if sites else ""
            raise TraceError(
                f"{path}: Global_X and Global_Y are US survey feet of a plane that the file does not name{where}; "
                'say it: crs = "EPSG:2229" (California zone 5, Los Angeles), or another one'
            )
        return check_crs(plane)
