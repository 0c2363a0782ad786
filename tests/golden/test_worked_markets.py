"""The markets of campus-immersion and embodied-street by hand, as the comments in their files work them out."""

import math

import numpy as np
import pytest


def test_a_uav_with_money_to_spare_pays_what_the_comment_says(simulate_file, repository, tmp_path):
    means = {"delta": 15.0, "budget": 1e6, "ssim": 0.85, "ssim_threshold": 0.525}
    changes = [f"fleet.uavs.preferences.{name}={value}" for name, value in means.items()]
    run = simulate_file(
        repository / "scenarios" / "campus-immersion.toml",
        tmp_path / "run",
        ("duration_s=300.0", "rsus.defaults.cost=1.0", *changes),
    )
    bought = run.migrations[run.migrations["outcome"] == "completed"]
    assert len(bought) >= 10
    price, demand = bought["price"].to_numpy(), bought["bandwidth_hz"].to_numpy() / 1e6
    assert price == pytest.approx(6.79, rel=0.02)  # q moves a little below its cap, and the price with it
    worth = 15.0 * math.log(0.85 / 0.525)
    q = price**2 / worth  # from p = sqrt(delta S q c)
    np.testing.assert_allclose(demand, worth / price - 1.0 / q, rtol=1e-9)
    assert q.max() <= 0.86 * 7.4063 * (1.0 + 1e-12)


def test_alike_agents_clear_the_street_at_one_price_and_go_by_quality(simulate_file, repository, tmp_path):
    changes = ("fleet.agents.preferences.delta=12.5", "fleet.agents.preferences.delay_cost=1.5", "social.weight=0.3")
    run = simulate_file(repository / "scenarios" / "embodied-street.toml", tmp_path / "run", changes)
    assert set(run.rounds["rsu"]) == {"sharp", "fair", "coarse"}
    assert run.rounds["price"].to_numpy() == pytest.approx(12.5 / (0.5 + math.e - 1.5) + 3 * 0.3 * 0.5, rel=1e-6)
    assert run.rounds["demand_hz"].to_numpy() == pytest.approx(20e6, rel=1e-9)
    assert run.migrations["bandwidth_hz"].to_numpy() == pytest.approx(5e6, rel=1e-6)
    shares = run.migrations["target"].value_counts(normalize=True)
    for name, share in (("sharp", 0.467), ("fair", 0.342), ("coarse", 0.191)):
        assert abs(shares[name] - share) < 4.0 * math.sqrt(share * (1.0 - share) / len(run.migrations)), name
    # Leaders earn theta_ij b_ij (p_j - c), so the sharp RSU's pairing probability is what its utility says.
    earned = run.rounds[run.rounds["round"] == 0].set_index("rsu")["leader_utility"]
    assert (earned / earned.sum()).to_dict() == pytest.approx(
        {"sharp": 0.467, "fair": 0.342, "coarse": 0.191}, abs=5e-4
    )
