"""The same scenario, seed and versions give the same digest; other seeds differ; luck belongs to its cause."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from roads import road


def digest_in_a_new_process(scenario: Path, out: Path, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "simmig", "run", str(scenario), "--out", str(out), "--json"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)["digest"]


@pytest.mark.parametrize("name", ["street", "campus-uav"])
def test_the_digest_is_the_same_in_any_process(simulate_file, repository, tmp_path, name):
    scenario = repository / "scenarios" / f"{name}.toml"
    here = simulate_file(scenario, tmp_path / "here").digest
    digests = {digest_in_a_new_process(scenario, tmp_path / seed, seed) for seed in ("1", "4242")}
    assert digests == {here}


def test_another_seed_gives_another_digest(simulate_file, repository, tmp_path):
    scenario = repository / "scenarios" / "campus-uav.toml"
    digests = {simulate_file(scenario, tmp_path / str(seed), (f"seed={seed}",)).digest for seed in range(5)}
    assert len(digests) == 5


TEXT = road(twin="size_bit = { uniform = [80e6, 400e6] }, cycles = 5e9, deadline_s = { uniform = [1.0, 3.0] }")


def cars(names):
    rows = (f"{name},{k * 0.01},0,0\n{name},{k * 0.01 + 60},600,0\n" for k, name in enumerate(names))
    return "id,t,x,y\n" + "".join(rows)


def test_another_vehicle_changes_nothing_for_the_others(simulate):
    # The newcomer sorts first, is at the same RSUs at the same time, and still touches nobody's numbers.
    few = simulate(TEXT, cars_csv=cars(["m1", "m2", "m3"])).migrations
    many = simulate(TEXT, cars_csv=cars(["m1", "m2", "m3", "a0"])).migrations
    same = many[many["vehicle"] != "a0"].drop(columns="migration").reset_index(drop=True)
    assert len(many) == len(few) + 1
    assert few.drop(columns="migration").equals(same)
