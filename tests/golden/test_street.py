"""The three-RSU street by hand, as the comment in scenarios/street.toml works it out."""

import pytest


@pytest.fixture(scope="module")
def street(simulate_file, repository, tmp_path_factory):
    return simulate_file(repository / "scenarios" / "street.toml", tmp_path_factory.mktemp("street") / "run")


# car: (asks, total delay) at its two changes of RSU; the copy takes 1.998547 s, the start 0.333333 s.
BY_HAND = {
    "e10": [(53.0, 2.331880), (103.0, 2.331880)],
    "e15": [(65.333333, 2.498547), (98.666667, 2.665214)],
    "e20": [(63.0, 2.331880), (88.0, 2.331880)],
    "w10": [(63.0, 2.665214), (113.0, 2.331880)],
    "w15": [(75.333333, 2.498547), (108.666667, 2.665214)],
    "w20": [(96.5, 2.331880), (121.5, 2.331880)],
}


@pytest.mark.parametrize("car", sorted(BY_HAND))
def test_times_and_delays_by_hand(street, car):
    table = street.migrations[street.migrations["vehicle"] == car].sort_values("requested_s")
    route = ["r1", "r2", "r3"] if car.startswith("e") else ["r3", "r2", "r1"]
    assert table["source"].tolist() == route[:2]
    assert table["target"].tolist() == route[1:]
    assert set(table["outcome"]) == {"completed"}
    for row, (asks_s, delay_s) in zip(table.itertuples(), BY_HAND[car], strict=True):
        assert row.requested_s == pytest.approx(asks_s, abs=1e-6)
        assert row.transfer_delay_s == pytest.approx(1.998547, abs=1e-6)
        assert row.total_delay_s == pytest.approx(delay_s, abs=1e-6)


def test_price_bandwidth_and_utilities_by_hand(street):
    # One RSU at a time is eligible, so it is a monopoly: p = (alpha + c) / 2 = 14, b = (26 - 14) / 60 = 0.2.
    assert street.rounds["price"].to_numpy() == pytest.approx(14.0, rel=1e-6)
    assert street.migrations["bandwidth_hz"].to_numpy() == pytest.approx(2e6, rel=1e-6)
    assert street.migrations["payment"].to_numpy() == pytest.approx(2.8, rel=1e-6)
    single = street.rounds[street.rounds["eligible"] == 1]
    assert single["leader_utility"].to_numpy() == pytest.approx(2.4, rel=1e-6)
    assert single["follower_utility"].to_numpy() == pytest.approx(1.2, rel=1e-6)
