"""The Markov chain over zones: rings and forks whose answers are known."""

import numpy as np
import pytest
from small_traces import trace_of

from simmig.errors import InputError
from simmig.mobility.prediction import Visit, ZoneChain, hit_rate, journeys
from simmig.mobility.sites import Sites


def visits(*rsus: int, dwell_s: float = 5.0) -> list[Visit]:
    return [Visit(rsu, dwell_s + rsu, True) for rsu in rsus]


def sites(*x_m: float) -> Sites:
    count = len(x_m)
    return Sites(
        rsu_id=tuple(f"r{j}" for j in range(count)),
        xyz_m=np.array([(x, 0.0, 0.0) for x in x_m]),
        shape=("disc",) * count,
        radius_m=np.full(count, 60.0),
        z_range_m=np.array([(-np.inf, np.inf)] * count),
        rings=(None,) * count,
    )


def test_the_most_frequent_follower_is_guessed_first() -> None:
    chain = ZoneChain().learn([visits(0, 1, 2), visits(0, 2), visits(0, 1), visits(3, 2), visits(3, 1)])
    assert chain.next_rsus([0]) == [1, 2]
    assert chain.next_rsus([3]) == [1, 2]  # once each: the first by number
    assert chain.next_rsus([2]) == []
    assert chain.dwell_s([1]) == 6.0
    assert chain.dwell_s([9]) is None


def test_a_longer_memory_tells_where_one_comes_from() -> None:
    paths = [visits(0, 1, 2)] * 3 + [visits(2, 1, 0)] * 2
    one, two = ZoneChain(1).learn(paths), ZoneChain(2).learn(paths)
    assert one.next_rsus([2, 1]) == [2, 0]
    assert two.next_rsus([2, 1]) == [0]
    assert two.next_rsus([7, 1]) == [2, 0]  # never seen: the place alone counts


def test_only_whole_stays_say_how_long_one_stays() -> None:
    chain = ZoneChain().learn(
        [[Visit(0, 99.0, False), Visit(1, 4.0, True)], [Visit(1, 8.0, True)], [Visit(1, 5.0, True)]]
    )
    assert chain.dwell_s([0]) is None
    assert chain.dwell_s([1]) == 5.0


def there_and_back(count: int) -> dict[str, list[list[tuple[float, float, float]]]]:
    """Cars at 10 m/s: even ones eastbound over 600 m, odd ones westbound."""
    ends = [(-100.0, 500.0), (500.0, -100.0)]
    return {
        f"c{k:02d}": [[(3.0 * k, ends[k % 2][0], 0.0), (3.0 * k + 60.0, ends[k % 2][1], 0.0)]] for k in range(count)
    }


def test_hit_rates_on_a_street_with_two_directions() -> None:
    trace, places = trace_of(there_and_back(20)), sites(0.0, 100.0, 200.0, 300.0, 400.0)
    assert [visit.rsu for visit in journeys(trace, places)[1]] == [4, 3, 2, 1, 0]
    assert [visit.dwell_s for visit in journeys(trace, places)[0]] == pytest.approx([12.0] * 5)
    first, second = hit_rate(trace, places, order=1), hit_rate(trace, places, order=2)
    assert (first["changes"], first["stays"]) == (80, 100)
    # From an end the way is clear; in the middle an order of one knows but the more frequent direction.
    assert 0.25 <= first["hit_rate"] < 0.8
    assert first["hit_rate_of_3"] == 1.0
    assert second["hit_rate"] == 1.0
    assert second["dwell_error_s"] == pytest.approx(0.0, abs=1e-6)
    assert first["hit_rate_without_history"] < 0.4
    assert hit_rate(trace, places, order=2, seed=1) == second


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(InputError, match="order 0"):
        ZoneChain(0).learn([])
    with pytest.raises(InputError, match="2 or more of both"):
        hit_rate(trace_of(there_and_back(1)), sites(0.0))
