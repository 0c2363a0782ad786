"""Measures against the street, where every number is known by hand, and against small tables."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simmig.compare._measures.recorded import jain, share_to_gain
from simmig.compare._measures.returns import returned
from simmig.compare.measures import MAIN, MEASURES, read_measures
from simmig.compare.statistics import Interval
from simmig.errors import InputError

# A car alone buys (26 − p) / 60 units of 10^7 Hz at price p; the RSU has cost 2 (scenarios/street.toml).
CARS, ROUNDS = 12, 11  # migrations, and rounds they were sold in: at 63 s two cars buy of one RSU
FIXED = 8.0


def bought(price):
    return (26.0 - price) / 60.0


def welfare(price):
    return 26.0 * bought(price) - 30.0 * bought(price) ** 2 - 2.0 * bought(price)


@pytest.fixture(scope="module")
def street(repository, simulate_file, tmp_path_factory):
    """The street at its equilibrium, and with leaders whose price is fixed."""
    folder = tmp_path_factory.mktemp("street")
    file = repository / "scenarios" / "street.toml"
    fixed = ("agents.leaders.kind=fixed_price", f"agents.leaders.price_per_unit={FIXED}")
    return {
        "solved": simulate_file(file, folder / "solved").folder,
        "fixed": simulate_file(file, folder / "fixed", fixed).folder,
        "empty": simulate_file(file, folder / "empty", ("duration_s=20.0",)).folder,
    }


def test_every_measure_is_read_costly_ones_when_asked(street):
    costly = {name for name, measure in MEASURES.items() if measure.is_costly}
    assert costly == {"regret", "price_of_anarchy"}
    assert set(read_measures(street["empty"])) == set(MEASURES) - costly
    assert set(read_measures(street["empty"], costly=True)) == set(MEASURES)
    assert set(MAIN) <= set(MEASURES)
    assert all(name == measure.name for name, measure in MEASURES.items())


def test_the_street_at_its_equilibrium(street):
    found = read_measures(street["solved"], costly=True)
    expected = {
        "leader_gap": 0.0,
        "follower_gap": 0.0,
        "regret": 0.0,
        "price_of_anarchy": 4.0 / 3.0,  # linear demand: a monopoly reaches three quarters
        "leader_utility": 2.4 * CARS / ROUNDS,
        "follower_utility": 1.2 * CARS / ROUNDS,
        "welfare": 3.6 * CARS / ROUNDS,
        "price": 14.0,
        "demand_hz": 2e6 * CARS / ROUNDS,
        "fairness_vehicles": 1.0,
        "decision_delay_mean_s": (2 * 0.5 / 3 + 2 * 1.0 / 3) / CARS,
        "decision_delay_median_s": 0.0,
        "transfer_delay_p95_s": 1.998547,
        "queue_delay_mean_s": 1.0 / 3 / CARS,
        "reinstantiation_delay_median_s": 1.0 / 3,
        "total_delay_mean_s": 1.998547 + 1.0 / 3 + (1.0 + 1.0 / 3) / CARS,
        "deadline_miss_share": 0.0,
        "on_time_share": 1.0,
        "served_share": 1.0,
        "ping_pong_share": 0.0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6, abs=1e-9)
    # r1 and r3 took in three twins each, r2 six; what was paid goes with that.
    assert found["fairness_rsus"] == pytest.approx(12**2 / (3 * (3**2 + 6**2 + 3**2)))


def test_regret_and_price_of_anarchy_of_a_price_that_is_too_low(street):
    found = read_measures(street["fixed"], costly=True)
    earned, best = (FIXED - 2.0) * bought(FIXED), 12.0 * bought(14.0)
    assert found["regret"] == pytest.approx(1.0 - earned / best, rel=1e-9)
    assert found["price_of_anarchy"] == pytest.approx(welfare(2.0) / welfare(FIXED), rel=1e-9)
    # The leaders alone could gain: followers reply as is best for them.
    assert found["leader_gap"] == pytest.approx(1.0 - earned / best, rel=1e-6)
    assert found["leader_gap_max"] == pytest.approx(best / earned - 1.0, rel=1e-6)
    assert found["follower_gap"] == 0.0
    assert found["welfare"] == pytest.approx(welfare(FIXED) * CARS / ROUNDS)


def test_a_run_without_requests_has_no_measures_but_says_so(street):
    found = read_measures(street["empty"], costly=True)
    has_value = {name for name, value in found.items() if not math.isnan(value)}
    assert has_value <= {"immersion", "interruption_share"}


def test_a_folder_that_is_no_run_is_refused(tmp_path, street):
    with pytest.raises(InputError, match=r"has no summary\.json; expected a folder written by `simmig run`"):
        read_measures(tmp_path)
    (tmp_path / "summary.json").write_text((street["empty"] / "summary.json").read_text())
    with pytest.raises(InputError, match=r"has no migrations\.parquet"):
        read_measures(tmp_path)


def test_costly_measures_need_the_scenario_where_it_was(street, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in Path(street["fixed"]).iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    document = json.loads((moved / "run.json").read_text())
    document["scenario_folder"] = "nowhere"
    (moved / "run.json").write_text(json.dumps(document))
    assert read_measures(moved)["leader_gap"] > 0.0
    with pytest.raises(InputError, match=r"no such file|--scenario"):
        read_measures(moved, costly=True)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [([3.0, 3.0, 3.0], 1.0), ([5.0, 0.0, 0.0, 0.0], 0.25), ([1.0, 2.0, 3.0], 36 / 42), ([7e-200], 1.0)],
)
def test_known_values_of_jains_index(shares, expected):
    assert jain(np.array(shares)) == pytest.approx(expected)


def test_nothing_is_neither_fair_nor_unfair():
    assert math.isnan(jain(np.zeros(3)))
    assert math.isnan(jain(np.empty(0)))


SHARES = st.lists(st.just(0.0) | st.floats(1e-6, 1e6), min_size=1, max_size=20).filter(any)


@given(SHARES, st.floats(1e-3, 1e3))
def test_property_jains_index_is_between_one_nth_and_one_whatever_the_unit(shares, unit):
    found = jain(np.array(shares))
    assert 1.0 / len(shares) - 1e-12 <= found <= 1.0 + 1e-12
    assert jain(unit * np.array(shares)) == pytest.approx(found, rel=1e-6)
    assert jain(np.array([*shares, 0.0])) == pytest.approx(found * len(shares) / (len(shares) + 1), rel=1e-6)


def test_what_is_left_to_gain_is_a_share_of_the_best():
    assert share_to_gain(np.array([3.0, 5.0]), np.array([1.0, 1.0])) == pytest.approx(0.2)
    # A leader who sells next to nothing counts for next to nothing, and a gap that is not a number not at all.
    assert share_to_gain(np.array([3.0, 1e-12, 9.0]), np.array([1.0, 1e-6, np.inf])) == pytest.approx(0.25, rel=1e-5)
    assert math.isnan(share_to_gain(np.zeros(2), np.zeros(2)))
    assert math.isnan(share_to_gain(np.empty(0), np.empty(0)))


def moves(*rows):
    """A table of migrations: vehicle, source, target, completed_s, outcome."""
    columns = ("vehicle", "source", "target", "completed_s", "outcome")
    return pd.DataFrame([(*row, "completed")[:5] for row in rows], columns=columns)


def test_a_twin_that_comes_back_soon_plays_ping_pong():
    table = moves(
        ("u", "b", "a", 18.0),  # back after 8 s; rows stand in any order
        ("u", "a", "b", 10.0),
        ("v", "a", "b", 12.0),  # what u does last, the other way
        ("u", "a", "b", 28.0),  # after exactly 10 s: stayed long enough
        ("u", "b", "c", 30.0),
        ("u", "c", "b", 33.0, "late"),  # late, but back
        ("u", "b", "c", 34.0, "link_lost"),
        ("u", "b", "a", 35.0),  # goes on
    )
    assert returned(table).tolist() == [True, False, False, False, False, True, False, False]
    assert returned(table, window_s=10.1).tolist() == [True, False, False, True, False, True, False, False]
    assert returned(table.iloc[:0]).tolist() == []


def test_no_interval_reaches_beyond_what_a_measure_can_be() -> None:
    wide = Interval(0.73, -0.32, 1.12, 0.95)
    assert MEASURES["on_time_share"].within(wide) == Interval(0.73, 0.0, 1.0, 0.95)
    assert MEASURES["total_delay_mean_s"].within(wide) == Interval(0.73, 0.0, 1.12, 0.95)
    assert MEASURES["welfare"].within(wide) == wide
    single = MEASURES["on_time_share"].within(Interval(0.5, math.nan, math.nan, 0.95))
    assert math.isnan(single.low)
    assert math.isnan(single.high)
