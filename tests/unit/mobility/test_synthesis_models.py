"""Gauss-Markov and Manhattan movement: laws they must follow, and what changes nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_traces import check

from simmig.cli.main import main
from simmig.errors import TraceError
from simmig.mobility.formats.parquet import read_about
from simmig.mobility.synthesis.gauss_markov import gauss_markov
from simmig.mobility.synthesis.manhattan import manhattan
from simmig.mobility.trace import Trace

AREA = (3000.0, 2000.0)


def paths(trace: Trace) -> list[np.ndarray]:
    """Vertices (t_s, x, y[, z]) of every vehicle."""
    axes = [trace.t_us / 1e6, trace.x_m, trace.y_m] + ([] if trace.z_m is None else [trace.z_m])
    return np.split(np.stack(axes, axis=1), trace.trip_start[1:-1])


def speeds(path: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(path[:, 1:], axis=0), axis=1) / np.diff(path[:, 0])


MADE = {
    "gauss_markov": lambda vehicles, seed, duration_s=50.0: gauss_markov(vehicles, AREA, duration_s, seed=seed),
    "manhattan": lambda vehicles, seed, duration_s=50.0: manhattan(
        vehicles, (5, 3), 100.0, (5.0, 15.0), duration_s, seed=seed
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_a_vehicle_s_luck_is_its_own(name: str) -> None:
    few, more, again, other = (MADE[name](n, seed) for n, seed in ((2, 1), (5, 1), (2, 1), (2, 2)))
    check(more)
    for one, two, three in zip(paths(few), paths(more), paths(again), strict=False):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    assert not np.array_equal(paths(few)[0][:, 1:], paths(other)[0][: len(paths(few)[0]), 1:])
    assert few.end_us == 50_000_000


def test_gauss_markov_stays_inside_and_has_the_speeds_that_were_asked_for() -> None:
    trace = gauss_markov(60, AREA, 600.0, height_m=(50.0, 120.0), speed_m_s=12.0, speed_sd_m_s=2.0, seed=4)
    check(trace)
    assert trace.z_m is not None
    for axis, low, high in ((trace.x_m, 0.0, AREA[0]), (trace.y_m, 0.0, AREA[1]), (trace.z_m, 50.0, 120.0)):
        assert axis.min() >= low
        assert axis.max() <= high
    # Mirrored steps are shorter in a straight line: they are left out.
    found = []
    for path in paths(trace):
        far = (path[:, 1:] > [30.0, 30.0, 80.0]) & (path[:, 1:] < [AREA[0] - 30.0, AREA[1] - 30.0, 90.0])
        found.append(speeds(path)[far.all(axis=1)[:-1] & far.all(axis=1)[1:]])
    together = np.concatenate(found)
    assert len(together) > 1000
    assert together.mean() == pytest.approx(12.0, abs=0.3)
    assert together.std() == pytest.approx(2.0, abs=0.25)


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.95])
def test_gauss_markov_forgets_as_fast_as_it_should(memory: float) -> None:
    # In a huge area without borders: the correlation of one speed with the next is the memory.
    trace = gauss_markov(80, (1e7, 1e7), 300.0, speed_m_s=50.0, speed_sd_m_s=3.0, memory=memory, seed=5)
    found = np.stack([speeds(path) for path in paths(trace)]) - 50.0
    assert np.corrcoef(found[:, :-1].ravel(), found[:, 1:].ravel())[0, 1] == pytest.approx(memory, abs=0.03)


def test_manhattan_keeps_to_the_streets_and_turns_as_often_as_it_should() -> None:
    trace = manhattan(60, (400, 400), 100.0, (5.0, 15.0), 1500.0, turn_share=0.4, seed=6)
    check(trace)
    turned = []
    for path in paths(trace):
        steps = np.diff(path[:, 1:], axis=0)[:-1]
        assert (np.abs(steps).min(axis=1) < 1e-9).all()  # along one street at a time
        assert np.abs(steps).max(axis=1) == pytest.approx(100.0)
        speed = speeds(path)
        assert speed.min() >= 5.0 - 1e-5
        assert speed.max() <= 15.0 + 1e-5
        ways = np.sign(np.round(steps))
        assert (np.abs(ways[1:] + ways[:-1]).sum(axis=1) > 0).all()  # nobody turns back
        turned.append((ways[1:] != ways[:-1]).any(axis=1))
    assert np.concatenate(turned).mean() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("turn_share", [0.0, 0.5, 1.0])
def test_manhattan_never_leaves_the_smallest_grids(turn_share: float) -> None:
    trace = manhattan(20, (1, 2), 50.0, (10.0, 10.0), 200.0, turn_share=turn_share, seed=7)
    assert trace.x_m.min() >= 0.0
    assert trace.x_m.max() <= 50.0
    assert trace.y_m.min() >= 0.0
    assert trace.y_m.max() <= 100.0


@pytest.mark.parametrize(
    "made",
    [
        lambda: gauss_markov(1, AREA, 10.0, memory=1.0),
        lambda: gauss_markov(1, AREA, 10.0, speed_sd_m_s=-1.0),
        lambda: gauss_markov(1, AREA, 10.0, step_s=0.0),
        lambda: gauss_markov(1, AREA, 10.0, height_m=(9.0, 9.0)),
        lambda: manhattan(1, (0, 3), 100.0, (5.0, 6.0), 10.0),
        lambda: manhattan(1, (3, 3), 100.0, (0.0, 6.0), 10.0),
        lambda: manhattan(1, (3, 3), 100.0, (5.0, 6.0), 10.0, turn_share=1.5),
    ],
)
def test_impossible_numbers_are_refused(made) -> None:
    with pytest.raises(TraceError, match="expected"):
        made()


def test_the_command_keeps_its_settings_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for model in ("random_waypoint", "gauss_markov", "manhattan"):
        assert (
            main(["trace", "make", model, f"{model}.parquet", "--set", "vehicles=3", "--set", "seed=8", "--json"]) == 0
        )
        document = json.loads(capsys.readouterr().out)
        assert (document["vehicles"], document["trips"]) == (3, 3)
        about = read_about(Path(f"{model}.parquet"))
        assert about["provenance"]["source"] == f"made by {model}"
        assert about["provenance"]["settings"]["seed"] == 8
        assert main(["trace", "info", f"{model}.parquet", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["trips"] == 3
    for arguments, words in (
        (["manhatan"], 'no such movement (did you mean "manhattan"?)'),
        (["manhattan", "--set", "block=1.0"], "block: 1.0: unknown key"),
        (["manhattan", "--set", "blocks=[1]"], "--set blocks=[1]: blocks"),
    ):
        assert main(["trace", "make", arguments[0], "x.parquet", *arguments[1:]]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert words in err
