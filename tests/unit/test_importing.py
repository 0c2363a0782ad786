"""Importing a trace: settings and steps as a user gives them, provenance in the file, and the commands."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from simmig.cli.main import main
from simmig.errors import InputError, ScenarioError, TraceError
from simmig.mobility.formats.parquet import read_about
from simmig.mobility.frame import PLAIN
from simmig.mobility.raw import assemble
from simmig.world.importing import import_trace, save
from simmig.world.traces import open_trace

ROWS = "time,id,x,y\n" + "".join(f"{t},car{v},{10 * t + v},{100 * v}\n" for v in range(3) for t in range(20))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(ROWS.replace("7,car1,71,100", "7,car1,9071,100"))
    (tmp_path / "rsus.csv").write_text("id,x_m,y_m,radius_m\nr1,50,100,120\nr2,190,100,60\nfar,9000,100,5\n")
    return tmp_path / "t.csv"


def test_what_was_done_stands_in_the_file(file: Path) -> None:
    found = import_trace(
        file, ["split_gap_s=30.0"], ["max_speed_m_s=50.0", "resample_s=2.0"], epoch="2024-06-01T07:00:00Z"
    )
    save(found, file.with_name("t.parquet"))
    about = read_about(file.with_name("t.parquet"))
    assert about["provenance"] == found.provenance
    assert about["provenance"]["sha256"] == sha256(file.read_bytes()).hexdigest()
    assert about["provenance"]["settings"] == {"split_gap_s": 30.0}
    assert about["provenance"]["steps"] == [
        {"step": "speed", "max_speed_m_s": 50.0, "left": {"fixes": 59, "trips": 3, "vehicles": 3}},
        {"step": "resample", "resample_s": 2.0, "left": {"fixes": 30, "trips": 3, "vehicles": 3}},
    ]
    assert about["notes"] == {"rows": 60, "kept": 30, "trips": 3, "single_fix_trips": 0, "dropped_too_fast": 1}
    assert about["epoch_utc"] == "2024-06-01T07:00:00+00:00"
    back = assemble(open_trace(file.with_name("t.parquet")), PLAIN)
    np.testing.assert_array_equal(back.x_m, found.trace.x_m)


@pytest.mark.parametrize(
    ("settings", "cleaning", "words"),
    [
        (["split_gap=3"], [], r'--set split_gap=3: split_gap: 3: unknown key \(did you mean "split_gap_s"\?\)'),
        (["crs=3"], [], "--set crs=3: crs: 3: expected text in quotes"),
        (["oops"], [], "--set oops: expected path=value"),
        ([], ["oops"], "--clean oops: expected path=value"),
        ([], ["max_speed_m_s=-1.0"], "--clean max_speed_m_s=-1.0: max_speed_m_s: -1.0: expected"),
        ([], ["box=[1.0, 2.0]"], "box has 2 numbers, expected 4"),
        ([], ["box=[0.0,0.0,1.0,1.0]", 'polygon="x"'], "expected one of them"),
    ],
)
def test_wrong_settings_are_one_line(file: Path, settings: list[str], cleaning: list[str], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        import_trace(file, settings, cleaning)


def test_all_steps_in_their_order(file: Path) -> None:
    steps = [
        *("loop=2", "shift_s=5.0", "stretch=2.0", "trips_as_vehicles=true", "thin_m=0.5", "resample_s=1.0"),
        *("box_m=[0.0, 50.0, 400.0, 400.0]", "to_s=15.0", 'vehicles=["car*"]', "max_speed_m_s=50.0"),
    ]
    found = import_trace(file, [], steps)
    names = [step["step"] for step in found.provenance["steps"]]
    assert names == [
        "speed",
        "vehicles",
        "time",
        "box_m",
        "resample",
        "thin",
        "trips_as_vehicles",
        "stretch",
        "loop",
        "shift",
    ]
    assert found.trace.vehicle_id == ("car1", "car2")
    # Straight lines of 15 s at 10 m/s need two fixes; stretched, twice over, five seconds later.
    assert found.trace.t_us.reshape(2, 4).tolist() == [[5_000_000, 35_000_000, 35_000_001, 65_000_001]] * 2


def test_polygons_are_in_degrees(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,id,lon,lat\n" + "".join(f"{t},a,{11 + t / 1000},45\n" for t in range(10)))
    ring = [[11.0015, 44.0], [11.0055, 44.0], [11.0055, 46.0], [11.0015, 46.0], [11.0015, 44.0]]
    hole = [[11.0025, 44.5], [11.0035, 44.5], [11.0035, 45.5], [11.0025, 45.5], [11.0025, 44.5]]
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring, hole]}}
    (tmp_path / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    found = import_trace(tmp_path / "t.csv", [], [f'polygon="{tmp_path / "area.geojson"}"'])
    assert (found.trace.t_us / 1e6).tolist() == [2, 4, 5]
    boxed = import_trace(tmp_path / "t.csv", [], ["box=[11.0015, 44.0, 11.0035, 46.0]"])
    assert (boxed.trace.t_us / 1e6).tolist() == [2, 3]
    (tmp_path / "bad.geojson").write_text('{"type": "Point", "coordinates": [1, 2]}')
    for name, words in (
        ("bad.geojson", "has no polygon"),
        ("none.geojson", "cannot be read"),
        ("t.csv", "not GeoJSON"),
    ):
        with pytest.raises(TraceError, match=words):
            import_trace(tmp_path / "t.csv", [], [f'polygon="{tmp_path / name}"'])


@pytest.mark.parametrize(
    ("epoch", "words"),
    [("yesterday", "expected a date and time"), ("2024-06-01T07:00:00", "has no time zone")],
)
def test_a_wrong_epoch_is_one_line(file: Path, epoch: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        import_trace(file, epoch=epoch)


def test_a_file_with_dates_takes_no_epoch(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,id,x,y\n2024-01-01T00:00:00Z,a,1,2\n2024-01-01T00:00:01Z,a,2,2\n")
    with pytest.raises(TraceError, match="has dates of its own"):
        import_trace(tmp_path / "t.csv", epoch="2024-06-01T07:00:00Z")


def test_the_commands_work_one_after_the_other(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "import", "t.csv", "out.parquet", "--clean", "max_speed_m_s=50.0", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["fixes"], document["notes"]["dropped_too_fast"], document["lost"]) == (59, 1, [])
    assert main(["trace", "check", "out.parquet", "--rsus", "rsus.csv", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["never_visited"] == ["far"]
    assert document["rsus_visited"] == 2
    assert main(["trace", "plot", "out.parquet", "out.png", "--rsus", "rsus.csv"]) == 0
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")
    assert main(["trace", "import", "out.parquet", "out.txt"]) == 0
    assert main(["trace", "info", "out.txt"]) == 0
    assert main(["trace", "steps"]) == 0
    assert "max_speed_m_s" in capsys.readouterr().out
    for arguments, words in (
        (["import", "tt.csv", "out.gpx"], 'tt.csv: no such file (did you mean "t.csv"?)'),
        (["import", "t.csv", "out.doc"], "out.doc: says no format that is known"),
        (["import", "t.csv", "no/out.xml"], "no/out.xml: there is no folder no"),
        (["import", "t.csv", "out.gpx"], "plain metres have no longitude"),
        (["plot", "t.csv", "out.doc"], "out.doc: expected a name that ends in .png"),
    ):
        assert main(["trace", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert words in err
    assert not list(Path().glob(".writing-*"))
