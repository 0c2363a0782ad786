import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic_run import make_tables

from simmig.metrics import is_done
from simmig.report import figures
from simmig.report.drawing import FAINT, paint_cumulative


@pytest.fixture(scope="module")
def tables():
    return make_tables(600, vehicles=40)


def test_delays_say_how_many_they_show_and_leave_out(tables):
    drawing = figures.delay_figure(tables["migrations"])
    done = int(is_done(tables["migrations"]).sum())
    assert f"n = {done} completed or late; the {600 - done} requests that ended otherwise" in drawing.caption
    labels = [key.label for key in drawing.legend]
    assert labels == [label for label, _ in figures.PARTS.values()] + ["total"]


def test_without_outages_no_part_is_held_up(tables):
    migrations = tables["migrations"].assign(
        total_delay_s=tables["migrations"]["decision_delay_s"] + tables["migrations"]["paper_delay_s"]
    )
    drawing = figures.delay_figure(migrations)
    assert FAINT not in {key.colour for key in drawing.legend}


def test_the_stack_of_means_is_as_long_as_their_sum():
    axes = Figure().subplots()
    figures._stack_means(axes, {"decision": 0.25, "transfer": 1.5, "queue": 0.0625})
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0.0, 0.25), (0.25, 1.5), (1.75, 0.0625)]
    assert axes.get_title(loc="center") or axes.get_title(loc="left") == "mean total 1.81 s"
    assert [text.get_text() for text in axes.texts] == ["250 ms", "1.50 s"]  # the queue's part has no room


def test_formula_compares_what_has_both(tables):
    migrations = tables["migrations"].copy()
    done = np.flatnonzero(is_done(migrations))
    migrations.loc[done[:10], "formula_delay_s"] = np.nan
    migrations.loc[done[10:12], "formula_delay_s"] = np.inf
    count = len(done) - 12
    caption = figures.formula_figure(migrations).caption
    assert f"Left: all {count} completed migrations" in caption
    assert f"Right: all {count}," in caption


def test_formula_of_many_shows_some_and_says_so():
    caption = figures.formula_figure(make_tables(9000)["migrations"]).caption
    assert "Left: 4,000 of 8," in caption
    assert "(evenly spread)" in caption


def test_gaps_that_are_all_zero_still_draw_a_line():
    rounds = make_tables(0, rounds=20)["rounds"].assign(leader_gap_relative=0.0, follower_gap_relative=np.nan)
    drawing = figures.gap_figure(rounds)
    assert [key.label for key in drawing.legend] == ["leaders (each RSU of each round)"]
    assert "n = 80 leaders" in drawing.caption


def test_cumulative_line_starts_at_nothing_and_ends_at_all():
    axes = Figure().subplots()
    paint_cumulative(axes, np.array([0.0, 2.0, 50.0]), (1.0, 10.0), "#000000")
    x, y = axes.lines[0].get_data()
    assert x.tolist() == [1.0, 1.0, 2.0, 50.0, 50.0]  # 0 has no place on a logarithmic axis
    assert list(y) == [0.0, 1 / 3, 2 / 3, 1.0, 1.0]


def test_experience_says_what_was_no_interruption(tables):
    counted = int(tables["migrations"]["interruption_s"].notna().sum())
    caption = figures.experience_figure(tables).caption
    assert f"{counted} interruptions; the other {600 - counted} requests stopped no service" in caption


def test_nothing_to_show_gives_no_figure():
    empty = make_tables(0, vehicles=0, rsus=0, rounds=0)
    assert figures.delay_figure(empty["migrations"]) is None
    assert figures.formula_figure(empty["migrations"]) is None
    assert figures.gap_figure(empty["rounds"]) is None
    assert figures.experience_figure(empty) is None


@pytest.mark.parametrize("value", [0.0, 1e-9, 1.0, 1e6])
def test_values_that_are_all_alike_are_drawn_without_a_warning(value):
    tables = make_tables(30, vehicles=5)
    delays = [name for name in tables["migrations"] if name.endswith("delay_s")]
    tables["migrations"][[*delays, "interruption_s"]] = value
    tables["vehicles"]["immersion_mean"] = value
    drawings = [figures.delay_figure(tables["migrations"]), figures.experience_figure(tables)]
    assert all("<svg" in drawing.svg for drawing in drawings)
    formula = figures.formula_figure(tables["migrations"])
    assert (formula is None) == (value == 0.0)


def test_differences_of_a_rounding_look_like_none():
    axes = Figure().subplots()
    figures._paint_differences(axes, np.array([0.0, 2.3e-16, -1e-16] * 20))
    low, high = axes.get_xlim()
    assert high - low >= 2e-3
    assert max(bar.get_height() for bar in axes.patches) == 60


@pytest.mark.parametrize(("count", "bars"), [(0, 5), (1, 5), (100, 10), (10**6, 50)])
def test_more_values_have_more_bars(count, bars):
    assert figures._bins(count) == bars


def test_one_migration_is_enough():
    migrations = make_tables(200)["migrations"]
    one = migrations[is_done(migrations)].iloc[:1].reset_index(drop=True)
    assert "n = 1 completed" in figures.delay_figure(one).caption
    assert "Left: all 1 completed" in figures.formula_figure(one).caption
    tables = {"migrations": one, "vehicles": pd.DataFrame({"immersion_mean": []})}
    assert "Left: 1 interruptions" in figures.experience_figure(tables).caption
