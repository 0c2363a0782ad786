import numpy as np
import pandas as pd
import pytest
from synthetic_run import make_tables

from simmig.report.market import _binned, market_figure


def frame(rows):
    return pd.DataFrame(rows, columns=["time_s", "rsu", "price", "demand_hz"])


def test_few_rounds_are_drawn_one_by_one():
    rows = [(1.0, "b", 2.0, 4e6), (1.0, "a", 3.0, 0.0), (2.5, "b", 5.0, 1e6)]
    series = _binned(frame(rows))
    assert series.rsu == ["a", "b"]
    assert series.time_s.tolist() == [1.0, 2.5]
    assert series.price[1].tolist() == [2.0, 5.0]
    assert series.demand_mhz[1].tolist() == [4.0, 1.0]
    assert series.price[0, 0] == 3.0
    assert np.isnan(series.price[0, 1])  # "a" took no part in the second round
    assert "2 rounds. Each point is a round." in market_figure(frame(rows)).caption


def test_many_rounds_are_averaged_as_pandas_does():
    rounds = make_tables(0, rsus=7, rounds=1111)["rounds"]
    series = _binned(rounds)
    assert series.price.shape == (7, 79)  # of 4444 rows, about 8 of each RSU in each mean
    group = (np.searchsorted(np.arange(79) * 1111 // 79, rounds["round"], side="right") - 1).astype(int)
    expected = rounds.assign(group=group).groupby([rounds["rsu"].astype(str), "group"])
    price = expected["price"].mean().unstack().to_numpy()
    demand_mhz = expected["demand_hz"].mean().unstack().to_numpy() / 1e6
    assert np.allclose(series.price, price, equal_nan=True)
    assert np.allclose(series.demand_mhz, demand_mhz, equal_nan=True)
    assert "Each point is a mean over about 14 rounds." in market_figure(rounds).caption


@pytest.mark.parametrize(("rounds", "rsus", "points"), [(60, 4, 60), (61, 4, 20), (600, 4, 75), (4000, 4, 150)])
def test_points_are_as_many_as_the_rounds_bear(rounds, rsus, points):
    assert len(_binned(make_tables(0, rsus=rsus, rounds=rounds)["rounds"]).time_s) == points


def test_the_rsus_that_sell_most_are_named_and_the_rest_is_grey():
    rows = [(float(t), f"_r{j}", 1.0, 1e6 * j) for t in range(5) for j in range(60)]
    drawing = market_figure(frame(rows))
    assert [key.label for key in drawing.legend] == [f"_r{j}" for j in range(59, 53, -1)] + ["other RSUs"]
    assert "grey: 40 of the 54 others" in drawing.caption
    assert "grey: the others." in market_figure(frame(rows[:8])).caption


def test_who_sells_seldom_but_dear_is_not_who_sells_most():
    often = [(float(t), "often", 1.0, 2e6) for t in range(600)]
    seldom = [(float(t), "seldom", 1.0, 9e6) for t in range(0, 600, 40)]
    assert [key.label for key in market_figure(frame([*often, *seldom])).legend] == ["often", "seldom"]


def test_without_rounds_there_is_no_figure():
    assert market_figure(frame([])) is None
