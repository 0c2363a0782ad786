"""PX4 flight logs (ULog): one vehicle, from its GPS or its position estimate."""

from __future__ import annotations

import io
import struct
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from pydantic import Field

from simmig.contracts import FloatArray, IntArray
from simmig.errors import TraceError
from simmig.mobility.formats._rows import finish
from simmig.mobility.raw import RawTrace, TraceFormat

if TYPE_CHECKING:
    from pyulog import ULog

_MAGIC = b"ULog\x01\x12\x35"
_HEADER_BYTES = 16
_DEFINITIONS, _FIRST_DATA = b"BFIMPQ", b"ALC"  # kinds of messages before the data, and those that end them
_LONGEST_UNKNOWN = 10_000  # bytes of a message of a kind still unknown, as pyulog has it
Topic = Literal["vehicle_gps_position", "sensor_gps", "vehicle_global_position"]
# GPS first: only it knows UTC. The estimate is smoother, but counts from the start of the autopilot.
_TOPICS: tuple[Topic, ...] = ("vehicle_gps_position", "sensor_gps", "vehicle_global_position")
_MIN_FIX_TYPE = 2  # 2-D fix; below, PX4 repeats the last or an invented position
# Since PX4 1.14 positions are doubles; before, whole numbers of 1e-7 degrees and of millimetres.
_LAYOUTS = (
    (("longitude_deg", 1.0), ("latitude_deg", 1.0), ("altitude_msl_m", 1.0)),
    (("lon", 1e7), ("lat", 1e7), ("alt", 1e3)),
)


class Format(TraceFormat):
    """A ULog file; `vehicle` names the drone (default: the name of the file)."""

    topic: Literal["auto", "vehicle_gps_position", "sensor_gps", "vehicle_global_position"] = "auto"
    instance: int = Field(0, ge=0)  # multi_id of the topic
    vehicle: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the file starts as a ULog does."""
        return head.startswith(_MAGIC[:4])

    def read(self, path: Path) -> RawTrace:
        """Return the fixes, altitude above mean sea level; UTC where the log has it, else time since boot."""
        log = _open(path)
        topic, data = self._positions(path, log)
        has_fix = data.get("fix_type", np.full(len(data["timestamp"]), _MIN_FIX_TYPE)) >= _MIN_FIX_TYPE
        if not has_fix.any():
            raise TraceError(f"{path}: {topic} has {len(has_fix)} rows, none with a GPS fix")
        data = {name: column[has_fix] for name, column in data.items()}
        lon, lat, alt = _coordinates(path, topic, data)
        t_us, epoch_us = _times(data)
        raw = RawTrace(
            source=str(path),
            kind="lonlat",
            vehicle_id=(self.vehicle or path.name.partition(".")[0],),
            vehicle=np.zeros(len(lon), np.int32),
            t_us=t_us,
            a=lon,
            b=lat,
            z=alt,
            epoch_us=epoch_us,
            notes={"rows": len(lon), "without_fix": int((~has_fix).sum()), "log_corrupt": int(log.file_corruption)},
            remarks=("the log is corrupt in places; fixes may be missing",) if log.file_corruption else (),
        )
        rows = np.flatnonzero(has_fix)
        return finish(raw, lambda found: [f"{path}, {topic} row {rows[row] + 1}" for row in found])

    def _positions(self, path: Path, log: ULog) -> tuple[Topic, dict[str, Any]]:
        wanted = _TOPICS if self.topic == "auto" else (self.topic,)
        held = {(data.name, data.multi_id): data.data for data in log.data_list if len(data.data.get("timestamp", ()))}
        for topic in wanted:
            if (topic, self.instance) in held:
                return topic, held[topic, self.instance]
        others = sorted(f"{name} {instance}" for name, instance in held)
        found = f"; it has {', '.join(others)}: choose with topic and instance" if others else ""
        raise TraceError(f"{path}: no position with instance = {self.instance} (looked for {', '.join(wanted)}){found}")


def _open(path: Path) -> ULog:
    from pyulog import ULog
    from pyulog.exceptions import ULogException

    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
        if magic != _MAGIC:
            raise TraceError(f"{path}: not a ULog file: starts with {magic.hex()}, expected {_MAGIC.hex()}")
        _check_definitions(path, file)
        file.seek(0)
        try:
            with redirect_stdout(io.StringIO()):  # pyulog prints what it finds damaged
                return ULog(file, list(_TOPICS), disable_str_exceptions=True)
        except (ULogException, OSError) as error:  # OSError: damage that makes it seek to before the start
            raise TraceError(f"{path}: not readable as ULog: {error}") from error


def _check_definitions(path: Path, file: BinaryIO) -> None:
    """Raise TraceError if the messages before the data do not fit together: pyulog can loop for ever over them."""
    start = _HEADER_BYTES
    while True:
        file.seek(start)
        head = file.read(3)
        size, kind = struct.unpack("<HB", head) if len(head) == 3 else (0, _FIRST_DATA[0])
        if kind in _FIRST_DATA:
            return
        is_strange = kind not in _DEFINITIONS and (kind == 0 or not 0 < size <= _LONGEST_UNKNOWN)
        if is_strange or len(file.read(size)) < size:
            raise TraceError(f"{path}: cut or damaged at byte {start}, before the flight data begin")
        start += 3 + size


def _coordinates(path: Path, topic: str, data: dict[str, Any]) -> tuple[FloatArray, FloatArray, FloatArray]:
    for layout in _LAYOUTS:
        if all(name in data for name, _ in layout):
            lon, lat, alt = (data[name] / (scale if data[name].dtype.kind in "iu" else 1.0) for name, scale in layout)
            return lon, lat, alt.astype(np.float64)
    raise TraceError(f"{path}: {topic} has no known position fields; it has {', '.join(data)}")


def _times(data: dict[str, Any]) -> tuple[IntArray, int | None]:
    """Return t_us and epoch: GPS time if every fix has it, else the boot clock, set by the first that has."""
    boot_us = data["timestamp"].astype(np.int64)
    utc_us = data["time_utc_usec"].astype(np.int64) if "time_utc_usec" in data else np.zeros_like(boot_us)
    dated = np.flatnonzero(utc_us > 0)
    if not len(dated):
        return boot_us, None
    if len(dated) == len(utc_us) and (np.diff(utc_us) > 0).all():
        return utc_us, 0
    return boot_us + (utc_us[dated[0]] - boot_us[dated[0]]), 0
