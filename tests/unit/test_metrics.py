import json
import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmig.metrics import delays_s, distribution, first_of_round, present_s, summarise
from simmig.records import Outcome

RUN = {"simulated_s": 100.0}
NAN = math.nan
MOMENTS = ("decision", "transfer", "queue", "reinstantiation")


def migrations(rows: list[dict]) -> pd.DataFrame:
    """A table of migrations with the columns that figures of merit are made of; what a row leaves out is NaN."""
    numbers = [f"{name}_delay_s" for name in (*MOMENTS, "paper", "total", "formula")]
    numbers += ["interruption_s", "immersion_loss", "data_bit", "sent_bit", "payment"]
    columns = {name: [float(row.get(name, NAN)) for row in rows] for name in numbers}
    return pd.DataFrame({"outcome": [row["outcome"] for row in rows], **columns})


def rounds(rows: list[tuple]) -> pd.DataFrame:
    names = ("round", "price", "demand_hz", "leader_utility", "leader_gap", "leader_gap_relative")
    names += ("follower_gap", "follower_gap_relative", "follower_utility", "converged")
    return pd.DataFrame(rows, columns=list(names)).astype({"round": int, "converged": bool})


def vehicles(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["first_s", "last_s", "covered_s", "immersion_mean"]).astype(float)


def tables(**parts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    empty = {"migrations": migrations([]), "rounds": rounds([]), "vehicles": vehicles([])}
    return {**empty, "rsus": pd.DataFrame({"sold_hz_s": [2e6, 3e6]}), **parts}


def done(outcome: str, decision: float, other: float, transfer: float, queue: float, service: float, **more):
    """A migration that arrived, with delays that add up."""
    return {
        "outcome": outcome,
        "decision_delay_s": decision,
        "transfer_delay_s": transfer,
        "queue_delay_s": queue,
        "reinstantiation_delay_s": service,
        "paper_delay_s": transfer + queue + service,
        "total_delay_s": decision + other + transfer + queue + service,
        **more,
    }


THREE = migrations(
    [
        done("completed", 0.5, 0.0, 1.0, 0.0, 0.25, formula_delay_s=1.5, data_bit=8e6, sent_bit=8e6, payment=2.0),
        done("late", 0.25, 3.0, 2.0, 0.5, 0.25, formula_delay_s=2.25, data_bit=4e6, sent_bit=6e6, payment=3.0),
        {"outcome": "link_lost", "decision_delay_s": 9.0, "data_bit": 5e6, "sent_bit": 1e6, "payment": 7.0},
        {"outcome": "refused", "data_bit": 5e6, "sent_bit": 0.0, "payment": 0.0},
    ]
)


def test_outcomes_are_counted_by_kind():
    found = summarise(tables(migrations=THREE), RUN)
    assert found["requests"] == 4
    counts = {name: count for name, count in found["outcomes"].items() if count}
    assert counts == {"completed": 1, "late": 1, "refused": 1, "link_lost": 1}
    assert list(found["outcomes"]) == [outcome.label for outcome in Outcome]
    assert found["on_time_share"] == 0.25
    assert found["served_share"] == 0.5


def test_delays_are_those_of_completed_and_late_migrations():
    delay = summarise(tables(migrations=THREE), RUN)["delay_s"]
    means = {name: figures["mean"] for name, figures in delay.items()}
    assert means == {
        "decision": 0.375,  # not the 9 s of the one that was lost
        "other": 1.5,
        "transfer": 1.5,
        "queue": 0.25,
        "reinstantiation": 0.25,
        "paper": 2.0,
        "total": 3.875,
        "formula": 1.875,
        "measured_minus_formula": 0.125,
    }
    assert {figures["n"] for figures in delay.values()} == {2}
    assert delay["total"]["sd"] == pytest.approx(statistics.stdev([1.75, 6.0]))


def test_bits_of_failed_copies_are_sent_but_not_delivered():
    found = summarise(tables(migrations=THREE), RUN)
    assert found["transfer"] == {"delivered_bit": 12e6, "sent_bit": 15e6, "sold_hz_s": 5e6}
    assert found["market"]["payment"] == 5.0  # the lost one's 7 was not for a completed migration


def test_interruption_and_loss_count_every_request_that_stopped_the_service():
    rows = [
        {"outcome": "completed", "interruption_s": 2.0, "immersion_loss": 4.0},
        {"outcome": "target_failed", "interruption_s": 6.0, "immersion_loss": 6.0},
        {"outcome": "refused"},
    ]
    present = vehicles([(0.0, 30.0, 30.0, 1.0), (10.0, 60.0, 10.0, 2.0)])
    found = summarise(tables(migrations=migrations(rows), vehicles=present), RUN)
    assert found["interruption"]["per_migration_s"]["n"] == 2
    assert found["interruption"]["total_s"] == 8.0
    assert found["interruption"]["share_of_presence"] == 0.1
    assert found["qoe"]["immersion_loss_per_migration"]["mean"] == 5.0
    assert found["qoe"]["immersion_loss_total"] == 10.0


def test_presence_ends_with_the_run_and_weighs_immersion():
    present = vehicles([(0.0, 500.0, 50.0, 1.0), (50.0, 75.0, 25.0, 3.0), (120.0, 130.0, 0.0, NAN)])
    assert present_s(present, 100.0).tolist() == [100.0, 25.0, 0.0]
    found = summarise(tables(vehicles=present), RUN)
    assert found["coverage"] == {"covered_s": 75.0, "present_s": 125.0, "share": 0.6}
    assert found["qoe"]["immersion_mean"] == pytest.approx((100 * 1.0 + 25 * 3.0) / 125)
    assert found["qoe"]["immersion_per_vehicle"]["n"] == 2


def test_market_counts_leaders_by_row_and_followers_by_round():
    rows = [
        (0, 1.0, 3e6, 2.0, 1e-9, 1e-10, 1e-3, 1e-4, 5.0, True),
        (0, 2.0, 1e6, 4.0, 1e-2, 1e-3, 1e-3, 1e-4, 5.0, True),
        (7, 4.0, 0.0, 0.0, NAN, NAN, 1e-9, 1e-9, 9.0, False),
    ]
    market = summarise(tables(rounds=rounds(rows)), RUN)["market"]
    assert market["rounds"] == 2
    assert market["price"] == {
        "demand_weighted_mean": 1.25,
        "n": 3,
        "mean": pytest.approx(7 / 3),
        "min": 1.0,
        "max": 4.0,
    }
    assert market["demand_hz_per_round"] == 2e6
    assert market["leader_utility_per_round"] == 3.0
    assert market["follower_utility_per_round"] == 7.0
    assert market["converged_share"] == 0.5
    assert market["leader_gap"]["n"] == 2  # a gap that is NaN was not certified
    assert market["leader_gap"]["max"] == 1e-2
    assert market["leader_gap"]["relative_max"] == 1e-3
    assert market["leader_gap"]["share_below_1e_6"] == 0.5
    assert market["follower_gap"]["n"] == 2
    assert market["follower_gap"]["share_below_1e_6"] == 0.5


def test_an_infinite_utility_has_no_mean_and_an_unknown_convergence_no_share():
    rows = rounds([(0, 1.0, 1.0, math.inf, 0.0, 0.0, 0.0, 0.0, -math.inf, True)]).drop(columns="converged")
    market = summarise(tables(rounds=rows), RUN)["market"]
    assert market["leader_utility_per_round"] is None
    assert market["follower_utility_per_round"] is None
    assert market["converged_share"] is None


def test_nothing_at_all_gives_zeros_and_none():
    found = summarise(tables(rsus=pd.DataFrame({"sold_hz_s": []})), RUN)
    assert found["requests"] == found["vehicles"] == found["rsus"] == found["market"]["rounds"] == 0
    assert sum(found["outcomes"].values()) == 0
    assert found["on_time_share"] is None
    assert found["delay_s"]["total"] == {"n": 0, **dict.fromkeys(("mean", "sd", "min", "median", "p95", "p99", "max"))}
    assert found["market"]["price"]["demand_weighted_mean"] is None
    assert found["market"]["leader_gap"]["share_below_1e_6"] is None
    assert found["coverage"]["share"] is None
    json.dumps(found, allow_nan=False)


def test_the_summary_is_json_even_if_a_formula_is_infinite():
    rows = migrations([done("completed", 0.0, 0.0, 1.0, 0.0, 1.0, formula_delay_s=math.inf, data_bit=1, sent_bit=1)])
    found = summarise(tables(migrations=rows), RUN)
    assert found["delay_s"]["formula"]["n"] == found["delay_s"]["measured_minus_formula"]["n"] == 0
    assert found["delay_s"]["total"]["sd"] is None  # one value has no spread
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_names_as_text_and_as_categories_give_the_same():
    as_category = THREE.assign(outcome=pd.Categorical(THREE["outcome"], [outcome.label for outcome in Outcome]))
    assert summarise(tables(migrations=as_category), RUN) == summarise(tables(migrations=THREE), RUN)


def test_first_of_round_needs_no_order():
    assert first_of_round(pd.DataFrame({"round": [3, 3, 1, 3, 1, 2]})).tolist() == [
        True,
        False,
        True,
        False,
        False,
        True,
    ]


SECONDS = st.integers(0, 5_000_000_000).map(lambda ns: ns / 1e9)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["completed", "late", "refused"]), *[SECONDS] * 5), min_size=1, max_size=30))
def test_property_parts_add_up(rows):
    table = migrations([done(*row) for row in rows])
    parts = delays_s(table)
    whole = sum(parts[name] for name in (*MOMENTS, "other"))
    assert np.allclose(whole, parts["total"], rtol=0, atol=2e-9)
    assert np.allclose(parts["other"], [row[2] for row in rows], rtol=0, atol=2e-9)
    mean = {name: figures["mean"] for name, figures in summarise(tables(migrations=table), RUN)["delay_s"].items()}
    if mean["total"] is not None:
        assert math.isclose(mean["decision"] + mean["other"] + mean["paper"], mean["total"], abs_tol=1e-8)
        assert math.isclose(mean["transfer"] + mean["queue"] + mean["reinstantiation"], mean["paper"], abs_tol=1e-8)


def interpolated(ordered: list[float], share: float) -> float:
    """The quantile by hand: linear between order statistics."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


@settings(deadline=None, max_examples=80, derandomize=True)
@given(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([NAN, math.inf, -math.inf]), max_size=40))
def test_property_distribution_is_that_of_the_finite_values(values):
    found = distribution(np.array(values, dtype=float))
    finite = sorted(value for value in values if math.isfinite(value))
    assert found["n"] == len(finite)
    if not finite:
        assert set(found.values()) == {0, None}
        return
    assert (found["min"], found["max"]) == (finite[0], finite[-1])
    assert found["mean"] == pytest.approx(statistics.fmean(finite), abs=1e-6)
    for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert found[name] == pytest.approx(interpolated(finite, share), abs=1e-6)
    if len(finite) > 1:
        assert found["sd"] == pytest.approx(statistics.stdev(finite), rel=1e-6, abs=1e-6)
