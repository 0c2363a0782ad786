"""ANSim's movements, as OMNeT++ and BonnMotion write them: each change of position is a straight way."""

from __future__ import annotations

from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._lines import number_in, time_in
from simmig.mobility.formats._xml import MAX_DEPTH, XmlReader, root_of
from simmig.mobility.raw import RawTrace, TraceFormat

_FIELDS = ("node_id", "start_time", "end_time", "xpos", "ypos", "zpos")


class Format(TraceFormat):
    """ANSim's <position_change>: a node leaves where it is at start_time and is at the destination at end_time.

    Where a node is before its first change the format does not say: it appears at the end of that one. `start` puts
    every node at a place at the beginning of its first change instead.
    """

    start: tuple[float, float] | None = None

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the root element is <simulation> or <mobility> of positions that change."""
        return root_of(head) in ("simulation", "mobility") and b"<position_change" in head

    def read(self, path: Path) -> RawTrace:
        """Return a fix where a node sets out and where it arrives; raises TraceError with the line."""
        changes = _Changes(path, self.start)
        changes.xml.parse()
        return changes.fixes.raw("metres", notes={"changes": changes.count})


class _Changes:
    """The changes of position in a file, taken one by one; times of a node must not run back."""

    def __init__(self, path: Path, start: tuple[float, float] | None) -> None:
        self.fixes = Growing(path)
        self.count = 0
        self.xml = XmlReader(path)
        self.xml.parser.StartElementHandler = self._start
        self.xml.parser.EndElementHandler = self._end
        self.xml.parser.CharacterDataHandler = self._characters
        self._first = start
        self._open: list[str] = []
        self._text = ""
        self._values: dict[str, str] = {}
        self._last: dict[str, tuple[int, float, float, float]] = {}

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            raise self.xml.refuse(f"not ANSim: elements nested deeper than {MAX_DEPTH}")
        self._text = ""
        if name == "position_change":
            self._values = {}

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1] in _FIELDS:
            self._text += text

    def _end(self, name: str) -> None:
        self._open.pop()
        if name in _FIELDS and "position_change" in self._open:
            self._values[name] = self._text.strip()
        elif name == "position_change":
            self._change()

    def _change(self) -> None:
        place = f"{self.fixes.path}:{self.xml.line}"
        missing = [name for name in _FIELDS[:-1] if name not in self._values]
        if missing:
            raise TraceError(f"{place}: <position_change> has no <{missing[0]}>")
        node = self._values["node_id"]
        begin_us, end_us = (time_in(self._values[name], place) for name in ("start_time", "end_time"))
        x_m, y_m = (number_in(self._values[name], place) for name in ("xpos", "ypos"))
        z_m = number_in(self._values["zpos"], place) if "zpos" in self._values else float("nan")
        if node not in self._last and self._first is not None:
            self._add(node, begin_us, *self._first, z_m)
        last = self._last.get(node)
        if end_us < begin_us or (last is not None and begin_us < last[0]):
            raise TraceError(f"{place}: node {node} goes from {begin_us / 1e6:g} s to {end_us / 1e6:g} s, back in time")
        if last is not None and begin_us > last[0]:
            self._add(node, begin_us, *last[1:])
        if last is None or end_us > begin_us:
            self._add(node, end_us, x_m, y_m, z_m)
        self.count += 1

    def _add(self, node: str, t_us: int, x_m: float, y_m: float, z_m: float) -> None:
        self.fixes.add(node, t_us, x_m, y_m, z_m, self.xml.line)
        self._last[node] = (t_us, x_m, y_m, z_m)
