"""A run folder is opened with the traces it was made of, or with none."""

import json
import shutil

import numpy as np
import pytest

from simmig.errors import InputError
from simmig.view.recording import open_recording


@pytest.fixture
def movable(repository, simulate_file, tmp_path):
    """A run of a scenario with its files in a folder of its own, to be spoilt."""
    (tmp_path / "traces").mkdir()
    (tmp_path / "scenarios").mkdir()
    for name in ("street.csv", "street_rsus.csv"):
        shutil.copy(repository / "traces" / name, tmp_path / "traces" / name)
    scenario = shutil.copy(repository / "scenarios" / "street.toml", tmp_path / "scenarios" / "street.toml")
    return simulate_file(scenario, tmp_path / "run").folder


def rewrite(path, change):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")


def test_the_recording_has_the_movement_of_the_run(street_run):
    found = open_recording(street_run.folder)
    assert found.trace.vehicle_id == tuple(street_run.vehicles["vehicle"])
    assert found.end_s == 160.0
    assert not found.is_in_space
    assert not found.is_sent_by_vehicles
    assert found.tables["migrations"]["migration"].tolist() == list(range(12))


def test_uavs_are_in_space_and_send_by_themselves(campus_run):
    found = open_recording(campus_run.folder)
    assert found.is_in_space
    assert found.is_sent_by_vehicles
    assert np.isfinite(found.trace.z_m).all()


def test_a_trace_that_is_gone_is_named(movable):
    (movable.parent / "traces" / "street.csv").unlink()
    with pytest.raises(InputError, match=r"street\.csv"):
        open_recording(movable)


def test_a_trace_that_has_changed_is_named_with_the_vehicle(movable):
    file = movable.parent / "traces" / "street.csv"
    rewrite(file, lambda lines: [line.replace("1250", "1251") for line in lines])
    with pytest.raises(InputError, match=r"street\.csv: vehicle 'e10' has distance_m = 1501\.000, .* it was 1500\.000"):
        open_recording(movable)


def test_a_trace_with_other_vehicles_is_named(movable):
    file = movable.parent / "traces" / "street.csv"
    rewrite(file, lambda lines: [line for line in lines if "w20" not in line])
    with pytest.raises(InputError, match=r"street\.csv: 5 vehicles, not the 6 of the run"):
        open_recording(movable)


def test_an_rsu_that_has_moved_is_named(movable):
    file = movable.parent / "traces" / "street_rsus.csv"
    rewrite(file, lambda lines: [line.replace("r2,500", "r2,510") for line in lines])
    with pytest.raises(InputError, match=r"street_rsus\.csv: RSU 'r2' stands or reaches elsewhere"):
        open_recording(movable)


def test_a_layout_with_other_rsus_is_named(movable):
    file = movable.parent / "traces" / "street_rsus.csv"
    rewrite(file, lambda lines: [line for line in lines if not line.startswith("r3")])
    with pytest.raises(InputError, match=r"street_rsus\.csv: 2 RSUs, not the 3 of the run"):
        open_recording(movable)


def test_a_folder_that_was_moved_asks_where_the_scenario_is(movable, repository, tmp_path):
    elsewhere = tmp_path / "far" / "away" / "run"
    shutil.copytree(movable, elsewhere)
    with pytest.raises(InputError, match="--scenario says where the scenario is now"):
        open_recording(elsewhere)
    assert open_recording(elsewhere, repository / "scenarios" / "street.toml").trace.vehicle_count == 6


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(InputError, match="expected a folder written by `simmig run`"):
        open_recording(tmp_path)


def test_a_partial_run_can_be_opened(movable):
    (movable / "events.parquet").unlink()
    document = json.loads((movable / "run.json").read_text())
    (movable / "run.json").write_text(json.dumps({**document, "status": "partial", "digest": None}))
    found = open_recording(movable)
    assert "events" not in found.tables
    assert found.run["status"] == "partial"
