"""SUMO floating-car data as XML, plain or gzipped: sumo --fcd-output out.xml.gz."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simmig.errors import TraceError
from simmig.mobility.formats import _fcd
from simmig.mobility.formats._rows import Codes, finish
from simmig.mobility.formats._times import sumo_time_us
from simmig.mobility.formats._xml import XmlReader, root_of
from simmig.mobility.frame import Coordinates
from simmig.mobility.raw import RawTrace, TraceFormat

_SUMO_ROOTS = {  # what else SUMO writes that is taken for a trace
    "tripinfos": "this looks like SUMO's tripinfo output; write positions with --fcd-output",
    "netstate": "netstate has lane positions only; write positions with --fcd-output",
    "sumo-netstate": "netstate has lane positions only; write positions with --fcd-output",
    "routes": "these are routes; run them and write positions with --fcd-output",
    "meandata": "this looks like SUMO's edge data; write positions with --fcd-output",
}
_GEO = re.compile(r'<fcd-output\.geo value="(true|1|yes|on|x|t)"', re.IGNORECASE)


class Format(TraceFormat):
    """FCD XML. SUMO's header comment tells degrees from metres; without it, their range and the speeds do."""

    coordinates: _fcd.CoordinateSetting = "auto"
    crs: str | None = None  # of metres: --fcd-output.utm writes them, but not their zone
    allow_truncated: bool = False  # keep the complete time steps of a file that was cut

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the root element is one that SUMO writes."""
        root = root_of(head)
        return root == "fcd-export" or root in _SUMO_ROOTS

    def read(self, path: Path) -> RawTrace:
        """Return the vehicles' fixes; persons and containers are counted, not read."""
        rows = _Rows(path, self.allow_truncated)
        rows.xml.parse(rows.cut)
        raw = rows.raw()
        if not len(raw.t_us):
            raise TraceError(f"{path}: has no <vehicle> in {rows.steps} time steps")
        setting = self.coordinates if self.coordinates != "auto" else rows.kind or "auto"
        raw = _fcd.located(raw, setting, self.crs, np.frombuffer(rows.speed_m_s, np.float64))
        return finish(raw, lambda found: _places(path, found))


class _Rows:
    """The vehicles of a file: every column grows by one value with each <vehicle>."""

    def __init__(self, path: Path, allow_truncated: bool) -> None:
        self.xml = XmlReader(path)
        self.xml.parser.StartElementHandler = self._root
        self.xml.parser.CommentHandler = self._comment
        self.kind: Coordinates | None = None
        self.steps = 0
        self.speed_m_s = array("d")
        self._allow_truncated = allow_truncated
        self._codes = Codes()
        self._step_us = 0
        self._complete = 0  # rows of the steps before the present one
        self._ignored = 0  # persons and containers
        self._vehicle, self._t_us = array("i"), array("q")
        self._x, self._y, self._z = array("d"), array("d"), array("d")

    def raw(self) -> RawTrace:
        """Return the rows read; whether they are degrees or metres is not decided yet."""
        z = np.frombuffer(self._z, np.float64)
        return RawTrace(
            source=str(self.xml.path),
            kind="metres",
            vehicle_id=tuple(self._codes),
            vehicle=np.frombuffer(self._vehicle, np.int32),
            t_us=np.frombuffer(self._t_us, np.int64),
            a=np.frombuffer(self._x, np.float64),
            b=np.frombuffer(self._y, np.float64),
            z=None if np.isnan(z).all() else z,
            notes={"rows": len(self._t_us)} | _fcd.ignored(self._ignored),
        )

    def cut(self) -> TraceError | None:
        """Drop the unfinished time step of a file that was cut, or return the error about it."""
        columns = (self._vehicle, self._t_us, self._x, self._y, self._z, self.speed_m_s)
        if not self._allow_truncated:
            last = f"t = {self._t_us[self._complete - 1] / 1e6:g} s" if self._complete else "none"
            return self.xml.refuse(
                f"the file was cut here; last complete time step with vehicles: {last}, {self._complete} "
                "rows in all; keep those with allow_truncated = true"
            )
        for column in columns:
            del column[self._complete :]
        return None

    def _comment(self, text: str) -> None:
        if "sumoConfiguration" in text or "<configuration" in text:
            self.kind = "lonlat" if _GEO.search(text) else "metres"

    def _root(self, name: str, _: dict[str, str]) -> None:
        if name != "fcd-export":
            hint = _SUMO_ROOTS.get(name, "SUMO writes traces with --fcd-output")
            raise self.xml.refuse(f"root element is <{name[:40]}>, expected <fcd-export>; {hint}")
        self.xml.parser.StartElementHandler = self._element

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        if name == "vehicle":
            try:
                self._x.append(float(attributes["x"]))
                self._y.append(float(attributes["y"]))
                self._z.append(float(attributes.get("z", "nan")))
                self.speed_m_s.append(float(attributes.get("speed", "nan")))
                self._vehicle.append(self._codes[attributes["id"]])
            except (KeyError, ValueError):
                raise self._bad_vehicle(attributes) from None
            self._t_us.append(self._step_us)
        elif name == "timestep":
            self._step(attributes)
        elif name in ("person", "container"):
            self._ignored += 1
        else:
            raise self.xml.refuse(f"not FCD: unexpected element <{name[:40]}>")

    def _step(self, attributes: dict[str, str]) -> None:
        text = attributes.get("time", "")
        try:
            self._step_us = sumo_time_us(text)
        except ValueError:
            expected = "expected seconds, HH:MM:SS or D:HH:MM:SS"
            raise self.xml.refuse(f'time="{text[:40]}" of <timestep>; {expected}') from None
        self.steps += 1
        self._complete = len(self._t_us)

    def _bad_vehicle(self, attributes: dict[str, str]) -> TraceError:
        if "id" not in attributes:
            return self.xml.refuse("<vehicle> has no id")
        _fcd.require_positions(f"{self.xml.path}:{self.xml.line}", attributes.keys())
        bad = next(name for name in ("x", "y", "z", "speed") if not _is_number(attributes.get(name, "nan")))
        return self.xml.refuse(f'{bad}="{attributes[bad][:40]}" of <vehicle> is not a number')


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _places(path: Path, rows: Sequence[int]) -> list[str]:
    """Return "file:line" of the rows with these numbers, by reading the file once more."""
    xml, wanted, found, count = XmlReader(path), set(rows), [], -1

    def element(name: str, _: dict[str, str]) -> None:
        nonlocal count
        count += name == "vehicle"
        if name == "vehicle" and count in wanted:
            found.append(f"{path}:{xml.line}")

    xml.parser.StartElementHandler = element
    xml.parse(lambda: None)
    return found
