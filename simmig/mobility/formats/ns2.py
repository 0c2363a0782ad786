"""ns-2 movements (setdest): commands that send a node to a place at a speed, not samples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from simmig.errors import TraceError
from simmig.mobility.formats._growing import Growing
from simmig.mobility.formats._lines import first_line, number_in, numbered_lines, time_in
from simmig.mobility.raw import RawTrace, TraceFormat

_NAME = r"\$(?:node_|n)\((\w+)\)"
_PLACE = re.compile(rf"{_NAME}\s+set\s+([XYZ])_\s+(\S+)\s*;?\s*(?:#.*)?")
_TIMED = re.compile(r'\$ns_?\s+at\s+(\S+)\s+"\s*(.*?)\s*"\s*;?\s*(?:#.*)?')
_SENT = re.compile(rf"{_NAME}\s+setdest\s+(\S+)\s+(\S+)\s+(\S+)")
_START = re.compile(rf"({_NAME}|\$ns_?\s|set\s)")
_AXES = {"X": 0, "Y": 1, "Z": 2}


@dataclass(slots=True)
class _Command:
    """At t_us: go to x, y at a speed, or, if that is None, be at a value on an axis."""

    t_us: int
    line: int
    speed_m_s: float | None
    values: tuple[float, ...]
    axis: int = 0


@dataclass(slots=True)
class _Node:
    place: list[float] = field(default_factory=lambda: [0.0, 0.0, float("nan")])
    placed: set[int] = field(default_factory=set)
    commands: list[_Command] = field(default_factory=list)


class Format(TraceFormat):
    """Movements of ns-2, as ns-3, BonnMotion, SUMO's traceExporter and VANET tools write them; plain metres.

    A node is there from its first command to the end of its last way; with `always_present` from 0 to the last
    moment of the file, as ns-2 itself has it. `node_prefix` stands before the numbers of the nodes.
    """

    always_present: bool = False
    node_prefix: str = ""

    @classmethod
    def recognises(cls, head: bytes, path: Path) -> bool:
        """Return whether the first line that is no comment is a Tcl command about nodes or times."""
        text = head.decode("utf-8", errors="replace")
        return _START.match(first_line(head, "#")) is not None and re.search(_NAME, text) is not None

    def read(self, path: Path) -> RawTrace:
        """Return a fix wherever a node sets out, arrives or is turned round; raises TraceError with the line."""
        nodes: dict[str, _Node] = {}
        count = 0
        for number, line in numbered_lines(path):
            count += self._take(nodes, line, f"{path}:{number}", number)
        if not any(node.commands or node.placed for node in nodes.values()):
            raise TraceError(f'{path}: has no movement; expected lines such as $ns_ at 2.0 "$node_(0) setdest 5 9 1.5"')
        fixes = Growing(path)
        if any(2 in node.placed or any(c.axis == 2 for c in node.commands) for node in nodes.values()):
            for node in nodes.values():  # heights are 0 where a file with heights says nothing
                node.place[2] = node.place[2] if 2 in node.placed else 0.0
        ways = {name: _way(node) for name, node in nodes.items()}
        last_us = max(way[-1][0] for way in ways.values())
        for name, way in ways.items():
            if self.always_present:
                way = [(0, *way[0][1:]), *way, (last_us, *way[-1][1:])]
            before = None
            for t_us, (x_m, y_m, z_m), number in way:
                if t_us != before:
                    fixes.add(self.node_prefix + name, t_us, x_m, y_m, z_m, number)
                before = t_us
        return fixes.raw("metres", notes={"commands": count})

    def _take(self, nodes: dict[str, _Node], line: str, place: str, number: int) -> int:
        """Take a line; return whether it is a command about a node."""
        if line.startswith(("#", "set ", "append ", "puts ")):
            return 0
        timed, t_us = _TIMED.fullmatch(line), 0
        if timed:
            t_us, line = time_in(timed[1], place), timed[2]
            if t_us < 0:
                raise TraceError(f"{place}: time {timed[1]}, expected 0 or more")
        set_ = _PLACE.fullmatch(line)
        sent = _SENT.fullmatch(line) if timed else None
        if set_:
            axis, value = _AXES[set_[2]], number_in(set_[3], place)
            node = nodes.setdefault(set_[1], _Node())
            if timed:
                node.commands.append(_Command(t_us, number, None, (value,), axis))
            else:
                node.place[axis] = value
                node.placed.add(axis)
        elif sent:
            x_m, y_m, speed_m_s = (number_in(text, place) for text in sent.groups()[1:])
            if speed_m_s < 0.0:
                raise TraceError(f"{place}: speed {sent[4]}, expected 0 or more")
            nodes.setdefault(sent[1], _Node()).commands.append(_Command(t_us, number, speed_m_s, (x_m, y_m)))
        elif timed is None:
            raise TraceError(f"{place}: {line[:60]!r} is no command of an ns-2 movement file")
        return int(set_ is not None or sent is not None)


def _way(node: _Node) -> list[tuple[int, tuple[float, float, float], int]]:
    """Return (time, place, line) of a node's turning points in order; two may share a time, then the first counts."""
    x_m, y_m, z_m = node.place
    if not node.commands:
        return [(0, (x_m, y_m, z_m), 0)]
    commands = sorted(node.commands, key=lambda command: command.t_us)  # stable: as in the file where times are equal
    first = commands[0]
    way = []
    target, speed_m_s, since_us, line = (x_m, y_m), 0.0, first.t_us, first.line
    for command in [*commands, None]:
        far_m = ((target[0] - x_m) ** 2 + (target[1] - y_m) ** 2) ** 0.5
        arrival_us = since_us + (far_m / speed_m_s * 1e6 if speed_m_s > 0.0 else 0.0)
        way.append((since_us, (x_m, y_m, z_m), line))
        if far_m > 0.0 and speed_m_s > 0.0:
            if command is None or arrival_us <= command.t_us:
                x_m, y_m = target
                way.append((round(arrival_us), (x_m, y_m, z_m), line))
            else:
                share = (command.t_us - since_us) / (arrival_us - since_us)
                x_m, y_m = x_m + share * (target[0] - x_m), y_m + share * (target[1] - y_m)
        if command is None:
            return way
        since_us, line = command.t_us, command.line
        if command.speed_m_s is None:
            moved = [x_m, y_m, z_m]
            moved[command.axis] = command.values[0]
            x_m, y_m, z_m = moved
            target, speed_m_s = (x_m, y_m), 0.0
        else:
            target, speed_m_s = (command.values[0], command.values[1]), command.speed_m_s
    return way
