"""Fixtures shared by every test."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pandas as pd


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real mobility files, named by SIMMIG_TEST_DATA; skipped without it, an error in CI."""
    name = os.environ.get("SIMMIG_TEST_DATA", "")
    if name and Path(name).is_dir():
        return Path(name)
    if os.environ.get("CI"):
        pytest.fail(f"SIMMIG_TEST_DATA={name!r} is not a folder, and CI must not skip the real files")
    pytest.skip("SIMMIG_TEST_DATA is not set: the tests on real mobility files are skipped")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Simulated:
    """A finished run: its folder, tables, documents."""

    folder: Path
    migrations: "pd.DataFrame"
    rounds: "pd.DataFrame"
    vehicles: "pd.DataFrame"
    rsus: "pd.DataFrame"
    events: "pd.DataFrame"
    run: dict[str, Any]
    summary: dict[str, Any]

    @property
    def digest(self) -> str:
        """The fingerprint of the log."""
        return self.run["digest"]


def _simulate_file(scenario: Path, out: Path, overrides: tuple[str, ...] = ()) -> Simulated:
    """Run a scenario file into `out` and read the folder back."""
    from simmig.run import run
    from simmig.run.folder import read_json, read_tables
    from simmig.scenario import load_scenario

    folder = run(load_scenario(scenario, overrides), out=out).folder
    return Simulated(
        folder, **read_tables(folder), run=read_json(folder, "run.json"), summary=read_json(folder, "summary.json")
    )


@pytest.fixture(scope="session")
def simulate_file() -> Callable[..., Simulated]:
    """simulate_file(scenario, out, overrides=()): run a scenario file into a folder and read that back."""
    return _simulate_file


@pytest.fixture
def simulate(tmp_path: Path) -> Callable[..., Simulated]:
    """simulate(text, *overrides, **files): write the scenario and its files (name without dots: x_csv), run it."""
    numbers = count()

    def run_text(text: str, *overrides: str, **files: str) -> Simulated:
        for name, content in files.items():
            stem, _, suffix = name.rpartition("_")
            (tmp_path / f"{stem}.{suffix}").write_text(content)
        number = next(numbers)
        scenario = tmp_path / f"scenario{number}.toml"
        scenario.write_text(text)
        return _simulate_file(scenario, tmp_path / f"run{number}", overrides)

    return run_text
