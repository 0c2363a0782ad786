"""GPX 1.1: a <trk> for each vehicle, a <trkseg> for each trip."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from simmig.mobility.frame import Frame
from simmig.mobility.trace import Trace
from simmig.mobility.writers._common import check_xml_names, degrees, iso_times

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="simmig" xmlns="http://www.topografix.com/GPX/1/1">\n'


def write(trace: Trace, path: Path, frame: Frame, __: dict[str, Any] | None = None) -> list[str]:
    """Write degrees with nine decimals (0.1 mm), heights in metres and times in UTC; TraceError without dates."""
    check_xml_names(trace)
    lon, lat = degrees(trace, frame)
    times = iso_times(trace, "GPX")
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        for vehicle, name in enumerate(trace.vehicle_id):
            file.write(f"<trk><name>{escape(name)}</name>\n")
            for trip in trace.trips_of(vehicle):
                file.write("<trkseg>\n")
                for row in range(trace.trip_start[trip], trace.trip_start[trip + 1]):
                    height = "" if trace.z_m is None else f"<ele>{trace.z_m[row]:.3f}</ele>"
                    place = f'lat="{lat[row]:.9f}" lon="{lon[row]:.9f}"'
                    file.write(f"<trkpt {place}>{height}<time>{next(times)}</time></trkpt>\n")
                file.write("</trkseg>\n")
            file.write("</trk>\n")
        file.write("</gpx>\n")
    return []
