import numpy as np
import pytest
from synthetic_run import DURATION_S, make_run, make_tables

from simmig.metrics import summarise
from simmig.records import Outcome
from simmig.report import tables as texts


@pytest.fixture(scope="module")
def run_tables():
    return make_tables(1000, rsus=30)


@pytest.fixture(scope="module")
def summary(run_tables):
    return summarise(run_tables, make_run())


def test_key_facts_are_those_of_the_summary(summary):
    facts = {fact.name: fact.value for fact in texts.key_facts(summary)}
    assert facts["migration requests"] == "1,000"
    assert facts["completed in time"] == f"{100 * summary['on_time_share']:.1f} %"
    assert facts["median total delay"] == f"{summary['delay_s']['total']['median']:.2f} s"
    assert facts["mean price by demand"] == f"{summary['market']['price']['demand_weighted_mean']:.3f}"
    assert len(facts) == 8


def test_what_was_not_measured_is_no_key_fact():
    nothing = summarise(make_tables(0, vehicles=0, rsus=0, rounds=0), make_run())
    assert [fact.name for fact in texts.key_facts(nothing)] == ["migration requests"]


def test_every_outcome_has_a_bar_as_long_as_its_share(summary):
    bars = texts.outcome_bars(summary)
    assert [bar.count for bar in bars] == [str(summary["outcomes"][outcome.label]) for outcome in Outcome]
    assert sum(bar.width_percent for bar in bars) == pytest.approx(100.0)


def test_a_single_request_among_many_still_has_a_bar(summary):
    outcomes = dict.fromkeys(summary["outcomes"], 0) | {"completed": 999_999, "late": 1}
    bars = texts.outcome_bars({"requests": 1_000_000, "outcomes": outcomes})
    assert bars[0].share == "> 99.9 %"
    assert bars[1].share == "< 0.01 %"
    assert bars[1].width_percent > 0.0


def test_delay_table_has_a_row_for_each_part(summary):
    rows = {row[0]: row[1:] for row in texts.delay_table(summary).rows}
    total = summary["delay_s"]["total"]
    assert rows["total: request to running twin"][:2] == (f"{total['n']}", f"{total['mean']:.3f}")
    assert "held up by an RSU that was down" in rows
    without = {**summary, "delay_s": {**summary["delay_s"], "other": {**summary["delay_s"]["other"], "max": 0.0}}}
    assert "held up by an RSU that was down" not in {row[0] for row in texts.delay_table(without).rows}


def test_a_rounding_is_shown_as_nothing(summary):
    total = {**summary["delay_s"]["total"], "sd": 2.05e-15, "median": 1e-9}
    row = texts.delay_table({**summary, "delay_s": {**summary["delay_s"], "total": total}}).rows[-1]
    assert (row[3], row[4]) == ("0", "1.000 × 10⁻⁹")


def test_rsu_table_has_the_twenty_that_took_most(run_tables):
    table = texts.rsu_table(run_tables["rsus"])
    taken = [int(row[1]) for row in table.rows]
    assert taken == sorted(run_tables["rsus"]["twins_in"], reverse=True)[:20]
    assert table.note == "The 20 that took in most twins, of 30."
    assert texts.rsu_table(run_tables["rsus"].iloc[:20]).note == ""
    by_name = {row[0]: row for row in texts.rsu_table(run_tables["rsus"].iloc[:20]).rows}
    assert by_name["rsu-1"][5] == "30.0 s"


def test_fleets_are_told_apart(run_tables):
    rows = texts.fleet_table(run_tables, DURATION_S).rows
    vehicles = run_tables["vehicles"]
    assert [row[0] for row in rows] == ["cars (av)", "drones (uav)"]
    cars = vehicles[vehicles["fleet"] == "cars"]
    hours = (np.minimum(cars["last_s"], DURATION_S) - cars["first_s"]).sum() / 3600
    assert rows[0][1] == str(len(cars))
    assert rows[0][5] == f"{cars['interruption_s'].sum() / hours:.1f}"


def test_market_table_leaves_out_a_convergence_that_is_not_known(run_tables, summary):
    assert texts.market_table(summary).rows[-1] == ("rounds whose solver converged", "100 %")
    unknown = {**run_tables, "rounds": run_tables["rounds"].drop(columns=["converged", "iterations"])}
    rows = texts.market_table(summarise(unknown, make_run())).rows
    assert rows[-1][0] == "followers: relative gaps below 10⁻⁶"
