"""Every scenario that ships gives the results it gave when they were last looked at; see update.py."""

import importlib.util
import json
from pathlib import Path

import pytest

from simmig.log import RESULTS_VERSION

HERE = Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden.json").read_text())
SPEC = importlib.util.spec_from_file_location("golden_update", HERE / "update.py")
UPDATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(UPDATE)


def test_every_scenario_is_in_the_record():
    assert sorted(GOLDEN) == sorted(path.stem for path in UPDATE.SCENARIOS.glob("*.toml"))


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_results_are_as_recorded(name):
    found = UPDATE.figures(UPDATE.SCENARIOS / f"{name}.toml")
    recorded = GOLDEN[name]
    counted = ("requests", "outcomes")
    assert {key: found[key] for key in counted} == {key: recorded[key] for key in counted}
    for key in (key for key in recorded if key not in (*counted, "digest")):
        if recorded[key] is None:
            assert found[key] is None, key
        else:
            assert found[key] == pytest.approx(recorded[key], rel=1e-9), key
    assert found["digest"] == recorded["digest"], f"results moved: RESULTS_VERSION is {RESULTS_VERSION}"
