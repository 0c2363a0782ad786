"""First lines by which data sets are known that would pass for plain delimited text."""

from __future__ import annotations

import re

_NUMBER = r"-?\d+(?:\.\d+)?"
FIRST_LINES = {
    "airdata": re.compile(r".*time\(millisecond\).*datetime\(utc\).*latitude.*"),
    "ngsim": re.compile(r"\"?Vehicle_ID\"?,\"?Frame_ID\"?,\"?Total_Frames\"?,\"?Global_Time\"?,.*"),
    "porto": re.compile(r"\"?TRIP_ID\"?,.*\"?TIMESTAMP\"?,.*\"?POLYLINE\"?"),
    "rome": re.compile(rf"\d+;\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d;POINT\({_NUMBER} {_NUMBER}\)"),
    "tdrive": re.compile(rf"\d+,\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,{_NUMBER},{_NUMBER}"),
}


def profile_of(head: bytes) -> str | None:
    """Return the data set whose first line a file has, or None."""
    line = head.decode("utf-8-sig", errors="replace").partition("\n")[0].strip()
    return next((name for name, pattern in FIRST_LINES.items() if pattern.fullmatch(line)), None)
