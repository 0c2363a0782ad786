"""MAVLink telemetry logs (.tlog): packets with the ground station's clock, of which one kind holds positions."""

from __future__ import annotations

import struct
from collections import Counter
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.raw import RawTrace, TraceFormat

_V1, _V2 = 0xFE, 0xFD
_STAMP = struct.Struct(">Q")
_POSITION = struct.Struct("<IiiiihhhH")  # GLOBAL_POSITION_INT of common.xml
_POSITION_ID, _POSITION_SEED = 33, 104
_SIGNED, _SIGNATURE_BYTES = 1, 13
_FIRST_US, _LAST_US = 946_684_800_000_000, 4_102_444_800_000_000  # 2000 to 2100
_MOST_BYTES = 4_000_000_000


class Format(TraceFormat):
    """A telemetry log in WGS84, heights above sea level, times of the ground station's clock (UTC).

    Positions are GLOBAL_POSITION_INT; those at 0, 0, before the first fix, are counted and left out. Where several
    systems speak, each is a vehicle, called after the file and its number; `system` chooses one.
    """

    system: int | None = None
    vehicle: str | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the file starts with a time of this century and a packet."""
        if len(head) < 9 or head[8] not in (_V1, _V2):
            return False
        [stamp_us] = _STAMP.unpack_from(head)
        return bool(_FIRST_US <= stamp_us < _LAST_US)

    def read(self, path: Path) -> RawTrace:
        """Return the fixes; raises TraceError for a log without positions."""
        if path.stat().st_size > _MOST_BYTES:
            raise TraceError(f"{path}: more than {_MOST_BYTES // 10**9} GB; no flight is as long")
        data = path.read_bytes()
        name = self.vehicle or path.name.partition(".")[0]
        count: Counter[str] = Counter()
        found: list[tuple[int, int, float, float, float, int]] = []
        at = 0
        while at + 8 + 8 <= len(data):
            length, system, message, payload = _packet(data, at + 8)
            t_us = _STAMP.unpack_from(data, at)[0]
            if not length or not _FIRST_US <= t_us < _LAST_US:
                count["bytes_skipped"] += 1
                at += 1
                continue
            if message == _POSITION_ID:
                count["rows"] += 1
                if not _is_whole(data, at + 8, length):
                    count["dropped_checksum"] += 1
                elif self.system in (None, system):
                    _, lat, lon, alt, *_ = _POSITION.unpack(payload.ljust(_POSITION.size, b"\0")[: _POSITION.size])
                    if lat or lon:
                        found.append((system, t_us, lon / 1e7, lat / 1e7, alt / 1e3, at))
                    else:
                        count["no_fix"] += 1
            at += 8 + length
        systems = sorted({row[0] for row in found})
        fixes = Growing(path)
        for system, t_us, lon, lat, alt, place in found:
            fixes.add(name if len(systems) == 1 else f"{name}/{system}", t_us, lon, lat, alt, place)
        if not found:
            raise TraceError(f"{path}: no position (looked for GLOBAL_POSITION_INT); {count['no_fix']} before a fix")
        skipped = count.pop("bytes_skipped", 0)
        remarks = [f"{skipped} bytes are damaged or cut, and were left out"] if skipped else []
        return fixes.raw("lonlat", epoch_us=0, notes=dict(count), remarks=remarks)


def _packet(data: bytes, at: int) -> tuple[int, int, int, bytes]:
    """Return length, system, message and payload of the packet at a place, length 0 if there is none."""
    if data[at] == _V1:
        size, head, tail = data[at + 1], 6, 2
        system, message = data[at + 3], data[at + 5]
    elif data[at] == _V2 and at + 10 <= len(data):
        size, head = data[at + 1], 10
        tail = 2 + (_SIGNATURE_BYTES if data[at + 2] & _SIGNED else 0)
        system, message = data[at + 5], int.from_bytes(data[at + 7 : at + 10], "little")
    else:
        return 0, 0, 0, b""
    length = head + size + tail
    if at + length > len(data):
        return 0, 0, 0, b""
    return length, system, message, data[at + head : at + head + size]


def _is_whole(data: bytes, at: int, length: int) -> bool:
    """Return whether the checksum of a position's packet is right: CRC-16/MCRF4XX over it and the message's seed."""
    size = data[at + 1]
    end = at + (6 if data[at] == _V1 else 10) + size
    crc = 0xFFFF
    for byte in (*data[at + 1 : end], _POSITION_SEED):
        mixed = (byte ^ crc) & 0xFF
        mixed = (mixed ^ (mixed << 4)) & 0xFF
        crc = (crc >> 8) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)
    return crc == int.from_bytes(data[end : end + 2], "little")
