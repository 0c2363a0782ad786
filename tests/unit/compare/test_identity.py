"""Fingerprints: everything that a run's numbers depend on counts, and nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from roads import cars, market, road

from simmig.compare import code, identity
from simmig.compare.identity import content_digest, fingerprint, identify, key_of
from simmig.errors import InputError
from simmig.scenario import load_scenario

AGENT = """
from simmig.contracts import Agent as Base
{imports}
class Agent(Base):
    factor: float = 1.0
    policy: str = ""

    def price(self, view):
        return view.cost * 1.1
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cars.csv").write_text(cars(2))
    (tmp_path / "road.toml").write_text(road(market(leaders='kind = "own.py", policy = "learned"')))
    (tmp_path / "own.py").write_text(AGENT.format(imports=""))
    (tmp_path / "learned").mkdir()
    (tmp_path / "learned" / "weights.bin").write_text("1 2 3")
    return tmp_path


def key(folder: Path, *overrides: str) -> str:
    return fingerprint(load_scenario(folder / "road.toml", overrides))


def rewrite(file: Path, text: str) -> None:
    """Put other text into a file, with the size and the time that it had."""
    before = file.stat()
    assert len(text.encode()) == before.st_size
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_key_is_the_same_again_and_is_that_of_its_document(folder):
    first = identify(load_scenario(folder / "road.toml"))
    assert first == identify(load_scenario(folder / "road.toml"))
    assert first.key == key_of(first.document)
    assert len(first.key) == 32
    assert set(first.document["files_sha256"]) == {
        "agents.leaders.kind",
        "agents.leaders.policy",
        "fleet.0.trace.path",
    }


@pytest.mark.parametrize(
    "override",
    [
        "seed=2",
        "market.round_s=0.25",
        "fleet.cars.twin.cycles=6e9",
        "rsus.unit.a.cost=2.0",
        "agents.leaders.factor=2.0",
    ],
)
def test_every_setting_counts(folder, override):
    assert key(folder, override) != key(folder)


def test_a_setting_given_as_its_default_does_not_count(folder):
    assert key(folder, "migration.retry_s=1.0", "agents.leaders.factor=1.0") == key(folder)


def test_places_do_not_count(folder, tmp_path):
    before = key(folder)
    other = tmp_path / "elsewhere" / "deep"
    (other / "data").mkdir(parents=True)
    for name in ("own.py", "road.toml"):
        shutil.copy(folder / name, other / name)
    shutil.copytree(folder / "learned", other / "policies" / "learned")
    shutil.copy(folder / "cars.csv", other / "data" / "cars.csv")
    moved = ("fleet.0.trace.path=data/cars.csv", "agents.leaders.policy=policies/learned")
    assert key(other, *moved) == before
    os.rename(other / "data" / "cars.csv", other / "data" / "vans.csv")
    assert key(other, "fleet.0.trace.path=data/vans.csv", moved[1]) != before


@pytest.mark.parametrize("name", ["cars.csv", "own.py", "learned/weights.bin"])
@pytest.mark.parametrize("is_settled", [False, True])
def test_the_content_of_every_file_counts_whatever_its_time(folder, monkeypatch, name, is_settled):
    # Once it has settled the digest is kept by the file's stamp, in which the time of the last change still tells.
    monkeypatch.setattr(identity, "_SETTLED_NS", 0 if is_settled else identity._SETTLED_NS)
    before = key(folder)
    text = (folder / name).read_text()
    rewrite(folder / name, text.replace("1", "4"))
    assert key(folder) != before
    rewrite(folder / name, text)
    assert key(folder) == before


def test_two_changes_in_one_tick_of_the_clock_count(folder, monkeypatch):
    file = str(folder / "cars.csv")
    stat, facts = os.stat, os.stat(file)
    monkeypatch.setattr(os, "stat", lambda place, **how: facts if place == file else stat(place, **how))
    before = content_digest(file)
    (folder / "cars.csv").write_text("id,t,x,y")
    assert content_digest(file) != before


def test_a_settled_file_is_read_once(folder, monkeypatch):
    monkeypatch.setattr(identity, "_SETTLED_NS", 0)
    first = content_digest(str(folder / "cars.csv"))
    monkeypatch.setattr(identity, "_read_digest", lambda file: pytest.fail("read again"))
    assert content_digest(str(folder / "cars.csv")) == first


def test_a_file_added_to_or_renamed_in_a_folder_counts(folder):
    found = [key(folder)]
    (folder / "learned" / "more.bin").write_text("")
    found.append(key(folder))
    (folder / "learned" / "more.bin").rename(folder / "learned" / "less.bin")
    found.append(key(folder))
    assert len(set(found)) == 3


def test_a_text_that_happens_to_be_a_folder_is_no_file(folder):
    settings = ("fleet.0.trace.format=csv", "fleet.0.trace.crs=EPSG:25832")
    scenario = load_scenario(folder / "road.toml", settings)
    before = identify(scenario)
    assert scenario.resolved()["fleet"][0]["trace"]["decimal"] == "."
    (folder / "EPSG:25832").mkdir()
    (folder / "cars").mkdir()
    assert identify(load_scenario(folder / "road.toml", settings)) == before
    assert not {"fleet.0.trace.decimal", "fleet.0.trace.crs"} & set(before.document["files_sha256"])


def test_an_unreadable_file_is_one_line(folder, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied", file)

    monkeypatch.setattr(identity, "_read_digest", refuse)
    with pytest.raises(InputError, match=r"cars\.csv: cannot be read: Permission denied$"):
        key(folder)


def test_versions_count(folder, monkeypatch):
    found = {key(folder)}
    monkeypatch.setattr(identity, "RESULTS_VERSION", 99)
    found.add(key(folder))
    monkeypatch.setattr(identity, "package_versions", lambda: {"numpy": "1.0"})
    found.add(key(folder))
    assert len(found) == 3


HELPER = "def margin():\n    return 1.{digit}\n"


def new_process_key(folder: Path) -> str:
    """The key in a new process, where modules are imported anew and hashes of text are others."""
    program = (
        "from simmig.scenario import load_scenario\nfrom simmig.compare.identity import fingerprint\n"
        "print(fingerprint(load_scenario('road.toml')))"
    )
    path = os.pathsep.join([str(folder / "lib"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "77"}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def test_another_process_finds_the_same_key_and_helpers_of_plug_ins_count(folder):
    (folder / "lib" / "mylab").mkdir(parents=True)
    (folder / "lib" / "mylab" / "__init__.py").write_text("")
    (folder / "lib" / "mylab" / "deep.py").write_text(HELPER.format(digit=1))
    (folder / "lib" / "mylab" / "front.py").write_text("def f():\n    from .deep import margin\n    return margin()\n")
    (folder / "lib" / "mylab" / "unused.py").write_text("")
    (folder / "own.py").write_text(AGENT.format(imports="from mylab.front import f"))
    before = new_process_key(folder)
    (folder / "lib" / "mylab" / "unused.py").write_text("x = 1")
    assert new_process_key(folder) == before
    (folder / "lib" / "mylab" / "deep.py").write_text(HELPER.format(digit=2))
    assert new_process_key(folder) != before


def test_the_code_of_an_agent_counts_only_where_it_plays(folder):
    (folder / "road.toml").write_text(road(market(leaders='kind = "own.py"')))
    (folder / "own.py").write_text("from simmig_agents.greedy import Agent")
    facts = identify(load_scenario(folder / "road.toml")).document["code_sha256"]
    assert set(facts) == {"simmig", "simmig_agents", "simmig_agents.best_response", "simmig_agents.greedy"}


def test_an_agent_that_learns_brings_the_learning_code_and_torch():
    facts, packages = code.code_facts(["simmig_agents.mappo"])
    assert {"simmig", "simmig.learning", "simmig_agents.mappo"} <= set(facts)
    assert set(packages) >= {"torch", "safetensors"}
    analytic, packages = code.code_facts(["simmig_agents.best_response"])
    assert "simmig.learning" not in analytic
    assert "torch" not in packages


def test_what_no_run_executes_does_not_count():
    parts = code._run_parts()
    assert {"engine", "games", "run", "scenario", "log.py", "rng.py"} <= set(parts)
    assert not {"cli", "compare", "report", "view", "testing"} & set(parts)
