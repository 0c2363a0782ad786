"""ArduPilot's DataFlash logs (.bin): self-describing binary messages, of which GPS or POS hold positions."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simmig.contracts import FloatArray
from simmig.errors import TraceError
from simmig.mobility.formats._gps_time import gps_to_us
from simmig.mobility.formats._rows import finish
from simmig.mobility.raw import RawTrace, TraceFormat

_HEAD = b"\xa3\x95"
_FMT = 128  # the message that describes the others
_FMT_BYTES = 89
_MOST_BYTES = 4_000_000_000
_3D_FIX = 3
# NumPy type and scale of each letter of a format, from libraries/AP_Logger/README.md of ArduPilot.
_LETTERS = {
    "b": ("i1", 1.0),
    "B": ("u1", 1.0),
    "M": ("u1", 1.0),
    "h": ("<i2", 1.0),
    "H": ("<u2", 1.0),
    "i": ("<i4", 1.0),
    "I": ("<u4", 1.0),
    "q": ("<i8", 1.0),
    "Q": ("<u8", 1.0),
    "f": ("<f4", 1.0),
    "d": ("<f8", 1.0),
    "g": ("<f2", 1.0),
    "c": ("<i2", 1e-2),
    "C": ("<u2", 1e-2),
    "e": ("<i4", 1e-2),
    "E": ("<u4", 1e-2),
    "L": ("<i4", 1e-7),
    "n": ("S4", 1.0),
    "N": ("S16", 1.0),
    "Z": ("S64", 1.0),
    "a": ("(32,)<i2", 1.0),
}


class _Kind(NamedTuple):
    """A message: its length with the head, and the letter of each column."""

    name: str
    length: int
    columns: dict[str, str]

    def decoded(self, data: bytes) -> dict[str, NDArray[np.generic]]:
        """Return the columns of messages that stand one behind the other, without their heads."""
        layout = np.dtype([(name, _LETTERS[letter][0]) for name, letter in self.columns.items()])
        rows = np.frombuffer(data, layout)
        return {name: rows[name] for name in self.columns}

    def scaled(self, table: dict[str, NDArray[np.generic]], column: str) -> FloatArray:
        """Return a column as floats in its unit."""
        number, scale = table[column].astype(np.float64), _LETTERS[self.columns[column]][1]
        return number / round(1.0 / scale)  # exact where the decimal is: 1e-7 is no binary number


class Format(TraceFormat):
    """A DataFlash log in WGS84, heights above sea level; `vehicle` names the craft, else the file does.

    Positions are those of the first GPS receiver with a three-dimensional fix, each at its own GPS time. A log without
    GPS messages has those of the estimator (POS), whose times count from the start of the autopilot.
    """

    vehicle: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the file starts with the message that describes messages."""
        return head.startswith(_HEAD + bytes([_FMT]))

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError for a log without positions."""
        kinds, found, damaged = _messages(path)
        remarks = [f"{damaged} bytes are damaged or cut, and were left out"] if damaged else []
        name = self.vehicle or path.name.partition(".")[0]
        if "GPS" in found:
            kind = kinds["GPS"]
            table = kind.decoded(found["GPS"])
            time, week = ("GMS", "GWk") if "GMS" in table else ("TimeMS", "Week")
            self._require(path, kind, (time, week, "Status", "Lat", "Lng", "Alt"))
            has_fix = table["Status"].astype(np.int64) >= _3D_FIX
            if "I" in table:
                has_fix &= table["I"].astype(np.int64) == 0
            t_us, epoch_us = gps_to_us(table[week].astype(np.int64), table[time].astype(np.int64)), 0
        elif "POS" in found:
            kind = kinds["POS"]
            table = kind.decoded(found["POS"])
            self._require(path, kind, ("TimeUS", "Lat", "Lng", "Alt"))
            has_fix = np.ones(len(table["Lat"]), dtype=bool)
            t_us, epoch_us = table["TimeUS"].astype(np.int64), None
            remarks.append("no GPS message: positions of the estimator, times since the autopilot started")
        else:
            others = ", ".join(sorted(found)) or "nothing else"
            raise TraceError(f"{path}: no position (looked for GPS and POS messages); it has {others[:100]}")
        lon, lat, alt = (kind.scaled(table, column)[has_fix] for column in ("Lng", "Lat", "Alt"))
        rows = np.flatnonzero(has_fix)
        raw = RawTrace(
            source=str(path),
            kind="lonlat",
            vehicle_id=(name,),
            vehicle=np.zeros(len(rows), np.int32),
            t_us=t_us[rows],
            a=lon,
            b=lat,
            z=alt,
            epoch_us=epoch_us,
            notes={"rows": len(has_fix), "no_fix": int((~has_fix).sum())},
            remarks=tuple(remarks),
        )
        return finish(raw, lambda chosen: [f"{path}, {kind.name} message {rows[row] + 1}" for row in chosen])

    def _require(self, path: Path, kind: _Kind, columns: tuple[str, ...]) -> None:
        missing = [column for column in columns if column not in kind.columns]
        if missing:
            raise TraceError(f"{path}: {kind.name} messages have no {missing[0]}; they have {', '.join(kind.columns)}")


def _messages(path: Path) -> tuple[dict[str, _Kind], dict[str, bytes], int]:
    """Return the kinds of message by name, the bytes of GPS, POS and whether others are there, and bytes left out."""
    if path.stat().st_size > _MOST_BYTES:
        raise TraceError(f"{path}: more than {_MOST_BYTES // 10**9} GB; no flight is as long")
    data = path.read_bytes()
    kinds: dict[int, _Kind] = {_FMT: _Kind("FMT", _FMT_BYTES, {})}
    parts: dict[int, list[bytes]] = {}
    at, damaged = 0, 0
    while at + 3 <= len(data):
        kind = kinds.get(data[at + 2]) if data[at : at + 2] == _HEAD else None
        if kind is None or at + kind.length > len(data):
            following = data.find(_HEAD, at + 1)
            following = len(data) if following < 0 else following
            damaged += following - at
            at = following
            continue
        content = data[at + 3 : at + kind.length]
        if data[at + 2] == _FMT:
            described = _described(content)
            if described is not None:
                kinds[content[0]] = described
        else:
            parts.setdefault(data[at + 2], []).append(content if kind.name in ("GPS", "POS") else b"")
        at += kind.length
    damaged += len(data) - at
    found = {kinds[number].name: b"".join(contents) for number, contents in parts.items()}
    return {kind.name: kind for kind in kinds.values()}, found, damaged


def _described(content: bytes) -> _Kind | None:
    """Return the kind that an FMT message describes, None if it contradicts itself."""
    number, length, name, letters, columns = struct.unpack("<BB4s16s64s", content)
    texts = [field.split(b"\0", 1)[0].decode("ascii", errors="replace") for field in (name, letters, columns)]
    names = texts[2].split(",") if texts[2] else []
    is_known = all(letter in _LETTERS for letter in texts[1]) and len(names) == len(texts[1]) == len(set(names))
    size = sum(np.dtype(_LETTERS[letter][0]).itemsize for letter in texts[1]) if is_known else -1
    if number == _FMT or length < 3 or (texts[0] in ("GPS", "POS") and size != length - 3):
        return None
    return _Kind(texts[0], length, dict(zip(names, texts[1], strict=True)) if is_known else {})
