"""RSUs from OpenCelliD and Eclipse MOSAIC."""

import json
from pathlib import Path

import numpy as np
import pytest

from simmig.errors import TraceError
from simmig.mobility.formats._cells import COLUMNS
from simmig.mobility.layout import read_layout

HEADER = ",".join(COLUMNS) + "\n"
NORTH_M = 1 / 111_195.0  # degrees


def cell(number: int, lon: float, lat: float, range_m: float = 500, radio: str = "LTE") -> str:
    return f"{radio},262,2,852,{number},0,{lon},{lat},{range_m},9,1,1294561074,1662692508,0\n"


@pytest.mark.parametrize("header", ["", HEADER])
def test_sectors_of_a_mast_are_one_site(tmp_path: Path, header: str) -> None:
    path = tmp_path / "cells.csv"
    mast = [cell(1, 11.0, 48.0, 400), cell(2, 11.0, 48.0 + 40 * NORTH_M, 900), cell(3, 11.0, 48.0 + 80 * NORTH_M, 0)]
    path.write_text(header + mast[0] + cell(7, 11.01, 48.0, 0) + mast[1] + mast[2] + mast[0])
    layout = read_layout(path)
    assert [unit.rsu_id for unit in layout.units] == ["LTE-262-2-852-1", "LTE-262-2-852-7"]
    assert layout.kind == "lonlat"
    assert layout.b[0] == pytest.approx(48.0 + 40 * NORTH_M, abs=1e-12)
    assert [unit.radius_m for unit in layout.units] == [900.0, None]


def test_east_is_measured_at_its_own_latitude(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    shrunk = NORTH_M / np.cos(np.radians(60.0))
    path.write_text(cell(1, 11.0, 60.0) + cell(2, 11.0 + 49 * shrunk, 60.0) + cell(3, 11.0 + 101 * shrunk, 60.0))
    assert [unit.rsu_id[-1] for unit in read_layout(path).units] == ["1", "3"]


def test_every_wrong_row_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(
        cell(1, 0, 0) + cell(2, 190, 50) + cell(3, 11, 48, -5) + "LTE,262,2\n" + cell(4, 11, 48).replace("48", "x")
    )
    with pytest.raises(TraceError) as caught:
        read_layout(path)
    lines = str(caught.value).splitlines()
    assert [line.split(": ", 1)[0] for line in lines] == [f"{path}:{k}" for k in range(1, 6)]
    assert "lon, lat = 0, 0, expected a place in degrees" in lines[0]
    assert "range = -5, expected metres" in lines[2]
    assert "3 fields, expected 14" in lines[3]
    assert "expected numbers" in lines[4]


def test_mosaic_s_rsus_have_a_position(tmp_path: Path) -> None:
    path = tmp_path / "mapping_config.json"
    rsus = [{"name": "RSU", "position": {"latitude": 52.5, "longitude": 13.3}}, {"position": {"latitude": 52.6}}]
    path.write_text(json.dumps({"prototypes": [], "rsus": [rsus[0], {"lat": 1, **rsus[0]}]}))
    assert [unit.rsu_id for unit in read_layout(path).units] == ["RSU_0", "RSU_1"]
    path.write_text(json.dumps({"prototypes": [], "rsus": rsus}))
    with pytest.raises(TraceError, match="rsus 2: expected a position of latitude and longitude"):
        read_layout(path)
    path.write_text(json.dumps({"prototypes": []}))
    with pytest.raises(TraceError, match="there is no RSU in it"):
        read_layout(path)


def test_real_registers(test_data: Path) -> None:
    with_header = read_layout(test_data / "opencellid/opencellid_302_canada_excerpt_header.csv")
    without = read_layout(test_data / "opencellid/opencellid_302_canada_excerpt_headerless.csv")
    assert (len(with_header.units), len(without.units)) == (33, 40)  # of 34 and 41 sectors, two stand at one place
    mosaic = read_layout(test_data / "cells/mosaic_tiergarten_mapping_config.json")
    assert [(unit.rsu_id, unit.a) for unit in mosaic.units] == [("RSU", 13.32891047000885)]
    with pytest.raises(TraceError, match=r"cells_bad\.csv:4: .* expected a place in degrees"):
        read_layout(test_data / "bad/cells_bad.csv")
