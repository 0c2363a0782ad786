"""The state of a run at an instant: by hand on the street, by the books at the end, by the log in between."""

import numpy as np
import pytest

from simmig.view.marks import MarkKind, codes, make_marks
from simmig.view.moment import Moments


@pytest.fixture(scope="module")
def street(street_run):
    return {name: getattr(street_run, name) for name in ("migrations", "rounds", "vehicles", "rsus", "events")}


@pytest.fixture(scope="module")
def outage(outage_run):
    tables = {name: getattr(outage_run, name) for name in ("migrations", "rounds", "vehicles", "rsus", "events")}
    tables["migrations"] = tables["migrations"].sort_values("migration", ignore_index=True)
    return tables


def test_the_instant_of_two_requests_on_the_street(street):
    """scenarios/street.toml: at 63 s e20 and w10 ask for r2; copies take 1.998547 s, starting 0.333333 s each."""
    moments, names = Moments(street), list(street["vehicles"]["vehicle"])
    of = {name: names.index(name) for name in ("e20", "w10")}
    before, half, queued, after = (moments.at(t) for t in (62.99, 64.0, 65.1, 66.0))
    assert (before.requests, before.done) == (1, 1)
    assert before.mean_delay_s == pytest.approx(2.331880, abs=5e-7)
    assert [before.host[v] for v in of.values()] == [0, 2]
    assert half.requests == 3
    assert half.share == pytest.approx([1.0 / 1.998547] * 2, abs=1e-6)
    assert half.moves[list(of.values())].all()
    assert (half.host[list(of.values())] == -1).all()
    assert half.price[1] == pytest.approx(14.0)
    assert (queued.waiting[1], queued.serving[1], len(queued.open_moves)) == (1, 1, 0)
    assert [after.host[v] for v in of.values()] == [1, 1]
    assert after.done == 3


def test_at_the_end_every_rsu_has_what_the_books_say(outage):
    end = Moments(outage).at(900.0)
    placed = outage["events"][outage["events"]["event"] == "placed"]
    first = np.bincount(codes(placed["rsu"], outage["rsus"]["rsu"]), minlength=len(outage["rsus"]))
    expected = first + outage["rsus"]["twins_in"].to_numpy() - outage["rsus"]["twins_out"].to_numpy()
    np.testing.assert_array_equal(end.hosted, expected)
    assert (end.waiting.sum(), end.serving.sum(), len(end.open_moves)) == (0, 0, 0)


def test_the_figures_at_the_end_are_those_of_the_summary(outage, outage_run):
    end, summary = Moments(outage).at(outage_run.summary["simulated_s"]), outage_run.summary
    assert end.requests == summary["requests"]
    assert end.done == summary["delay_s"]["total"]["n"] > 50
    assert end.mean_delay_s == pytest.approx(summary["delay_s"]["total"]["mean"], rel=1e-12)


@pytest.mark.parametrize("time_s", [0.0, 100.0, 333.3, 500.1, 650.0, 899.9])
def test_every_twin_that_was_placed_runs_somewhere_or_moves(outage, time_s):
    found = Moments(outage).at(time_s)
    events = outage["events"]
    placed = int(((events["event"] == "placed") & (events["time_s"] <= time_s)).sum())
    assert found.hosted.sum() + found.moves.sum() == placed
    assert not (found.moves & (found.host >= 0)).any()


def test_rsus_are_down_while_a_fault_lasts(outage):
    events = outage["events"]
    down = events[events["event"] == "rsu_down"].iloc[0]
    up = events[(events["event"] == "rsu_up") & (events["rsu"] == down["rsu"])].iloc[0]
    j = list(outage["rsus"]["rsu"]).index(down["rsu"])
    moments = Moments(outage)
    shifts = (down["time_s"] - 0.01, down["time_s"] + 0.01, up["time_s"] - 0.01, up["time_s"] + 0.01)
    assert [bool(moments.at(t).is_down[j]) for t in shifts] == [False, True, True, False]


def test_marks_of_one_instant_keep_the_order_of_a_migration(street):
    marks = make_marks(street)
    assert (np.diff(marks.time_s) >= 0).all()
    mine = marks.kind[(marks.subject == 0) & (marks.kind >= MarkKind.REQUESTED) & (marks.kind <= MarkKind.ENDED)]
    assert mine.tolist() == [1, 2, 3, 4, 5, 6]


def test_without_events_twins_are_placed_with_their_first_request(outage):
    partial = {name: table for name, table in outage.items() if name != "events"}
    marks = make_marks(partial)
    first = outage["migrations"].iloc[0]
    v = list(outage["vehicles"]["vehicle"]).index(first["vehicle"])
    assert marks.placed_s[v] == first["requested_s"]
    assert marks.first_host[v] == list(outage["rsus"]["rsu"]).index(first["source"])
    still = np.flatnonzero(outage["vehicles"]["requests"].to_numpy() == 0)
    assert len(still) > 0
    assert (marks.first_host[still] == -1).all()
    assert np.isnan(marks.placed_s[still]).all()
    assert Moments(partial).at(900.0).done == Moments(outage).at(900.0).done
