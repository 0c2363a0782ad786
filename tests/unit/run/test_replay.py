"""A round of a run folder played again is the round that was played."""

import json
import shutil

import numpy as np
import pytest

from simmig.errors import InputError, RunError
from simmig.run.replay import replay_round


@pytest.fixture(scope="module")
def played(repository, simulate_file, tmp_path_factory):
    """A run with some rounds of several vehicles."""
    out = tmp_path_factory.mktemp("replay") / "run"
    return simulate_file(repository / "scenarios" / "demo.toml", out, ("duration_s=400.0", "market.round_s=20.0"))


def test_a_replayed_round_has_the_recorded_prices_and_sales(played):
    index = int(played.rounds.groupby("round")["eligible"].max().idxmax())
    found = replay_round(played.folder, index)
    recorded = played.rounds[played.rounds["round"] == index]
    np.testing.assert_array_equal(found.price, recorded["price"])
    np.testing.assert_array_equal(found.names[1], recorded["rsu"])
    unit_hz = found.round.game.bandwidth_unit_hz
    np.testing.assert_array_equal(found.demand.sum(axis=0) * unit_hz, recorded["demand_hz"])
    of_round = played.migrations[played.migrations["round"] == index]
    assert set(of_round["vehicle"]) == set(found.names[0])
    assert len(found.names[0]) > 2


def test_a_round_that_is_not_there_is_told(played):
    last = int(played.rounds["round"].max())
    with pytest.raises(InputError, match=f"--round 9999: no such round, expected 0 to {last}"):
        replay_round(played.folder, 9999)


def test_a_moved_scenario_is_asked_for(played, repository, tmp_path):
    moved = tmp_path / "elsewhere" / "run"
    shutil.copytree(played.folder, moved)
    with pytest.raises(InputError, match="--scenario says where"):
        replay_round(moved, 0)
    found = replay_round(moved, 0, repository / "scenarios" / "demo.toml")
    np.testing.assert_array_equal(found.price, played.rounds[played.rounds["round"] == 0]["price"])


def test_another_scenario_is_found_out(played, repository, tmp_path):
    changed = tmp_path / "run"
    shutil.copytree(played.folder, changed)
    document = json.loads((changed / "run.json").read_text())
    document["scenario"]["rsus"]["defaults"]["cost"] = 2.5
    (changed / "run.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match="round 0: played again it has other prices"):
        replay_round(changed, 0, repository / "scenarios" / "demo.toml")


def test_a_folder_without_rounds_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"has no rounds\.parquet"):
        replay_round(tmp_path, 0)
