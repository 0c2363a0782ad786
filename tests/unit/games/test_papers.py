"""The random games of the papers: their ranges, their laws, and that the games can be played."""

import numpy as np
import pytest

from simmig.games._papers import UNIT_HZ, draw_001, draw_002, draw_003
from simmig.rng import stream

BATCH, FOLLOWERS, LEADERS = (400,), 6, 4
PER_I, PER_J, PAIRS, FRIENDS = (400, 6), (400, 4), (400, 6, 4), (400, 6, 6)


def within(value, low, high) -> None:
    """The whole range is used and not left: a hundredth at either end is hit, nothing beyond."""
    margin = 0.01 * (high - low)
    assert low <= value.min() <= low + margin
    assert high - margin <= value.max() <= high


def draw(number, *args, **settings):
    return (draw_001, draw_002, draw_003)[number - 1](stream(3, "papers", number), *args, **settings)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_same_stream_gives_the_same_games(number) -> None:
    one, again = draw(number, BATCH, FOLLOWERS, LEADERS), draw(number, BATCH, FOLLOWERS, LEADERS)
    other = (draw_001, draw_002, draw_003)[number - 1](stream(4, "papers", number), BATCH, FOLLOWERS, LEADERS)
    assert {key: value.tobytes() for key, value in one.items()} == {key: x.tobytes() for key, x in again.items()}
    assert any((one[key] != other[key]).any() for key in one)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_games_have_any_batch_axes(number, batch) -> None:
    found = draw(number, batch, 3, 2)
    tails = {(3,), (2,), (3, 2), (3, 3), (2, 2)}
    assert all(value.shape[: len(batch)] == batch and value.shape[len(batch) :] in tails for value in found.values())
    assert all(np.isfinite(value).all() for value in found.values())


def test_001_keeps_to_table_ii() -> None:
    found = draw(1, BATCH, FOLLOWERS, LEADERS)
    assert {key: value.shape for key, value in found.items()} == {
        "delta": PER_I,
        "ssim": PAIRS,
        "ssim_threshold": PER_I,
        "efficiency": PAIRS,
        "budget": PER_I,
        "cost": PER_J,
        "price_max": PER_J,
    }
    within(found["delta"], 10.0, 20.0)
    within(found["ssim_threshold"], 0.5, 0.55)
    within(found["cost"], 1.0, 4.0)
    within(found["price_max"], 5.0, 35.0)
    # SNR = m g / sigma^2 from 20 - 25 + 112 = 107 dB to 25 - 22 + 116 = 119 dB.
    assert np.log2(1 + 10**10.7) < found["efficiency"].min() < 36.5
    assert 38.5 < found["efficiency"].max() < np.log2(1 + 10**11.9)
    assert (np.ptp(found["efficiency"], axis=1) == 0.0).all()
    # ln of a uniform number has mean -1, so that of l c s has mean -3 and variance 3.
    assert np.log(found["ssim"]).mean() == pytest.approx(-3.0, abs=4 * np.sqrt(3 / found["ssim"].size))


def score(found):
    return np.log(found["ssim"] / found["ssim_threshold"][..., None])


def test_001_as_printed_leaves_nearly_everybody_below_the_threshold() -> None:
    # P(l c s > t) = 1 - t (1 + x + x^2 / 2) with x = -ln t, 0.0276 in the mean over t in [0.5, 0.55].
    buys = score(draw(1, BATCH, FOLLOWERS, LEADERS)) > 0.0
    assert buys.mean() == pytest.approx(0.0276, abs=4 * np.sqrt(0.0276 / buys.size))


def test_positive_leaves_everybody_someone_to_buy_from() -> None:
    found = draw(1, (50,), 3, 1, positive=True)
    assert (score(found) > 0.0).all()
    many = score(draw(1, BATCH, FOLLOWERS, LEADERS, positive=True)) > 0.0
    assert many.any(axis=-1).all()
    assert 0.7 < many.mean() < 0.85


@pytest.mark.parametrize("positive", [False, True])
def test_budgets_are_parts_of_what_could_be_spent(positive) -> None:
    found = draw(1, BATCH, FOLLOWERS, LEADERS, positive=positive)
    worth = np.maximum(score(found), 0.0).sum(axis=-1)
    within(found["budget"] / found["delta"] / np.where(worth > 0.0, worth, 1.0), 0.25, 1.25)


def test_002_keeps_to_section_vi() -> None:
    found = draw(2, BATCH, FOLLOWERS, LEADERS)
    assert {found[key].shape for key in ("alpha", "beta", "size_bit", "cycles", "deadline_s")} == {PER_I}
    per_leader = ("compute_hz", "arrival_per_s", "service_per_s", "cost", "price_max")
    assert {found[key].shape for key in per_leader} == {PER_J}
    assert {found[key].shape for key in ("efficiency", "work_s", "delay_s")} == {PAIRS}
    assert found["ties"].shape == FRIENDS
    within(found["size_bit"], 8e7, 4e8)
    within(found["deadline_s"], 2.0, 4.0)
    for key, mean, deviation in [("alpha", 30, 1), ("beta", 30, 1), ("cycles", 5e9, 5e8)]:
        assert np.abs(found[key] - mean).max() <= 3 * deviation
        assert found[key].mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(found[key].size))
        assert found[key].std() == pytest.approx(0.9866 * deviation, rel=0.05)  # cut at 3 deviations
    assert found["compute_hz"].min() >= 5e9
    assert found["cost"].min() >= 0.1
    assert (found["service_per_s"] - found["arrival_per_s"]).min() >= 5.0
    assert (found["price_max"] == 15.0).all()
    # 40 dBm - 20 dB - 20 log10(500) + 150 dBm = 116.02 dB.
    assert found["efficiency"] == pytest.approx(np.log2(10.0) * 11.60206, rel=1e-6)


def test_002_draws_a_symmetric_tie_between_any_two_of_its_followers() -> None:
    ties = draw(2, BATCH, FOLLOWERS, LEADERS)["ties"]
    assert (ties == np.swapaxes(ties, 1, 2)).all()
    assert (np.diagonal(ties, axis1=1, axis2=2) == 0.0).all()
    drawn = ties[:, *np.triu_indices(FOLLOWERS, 1)]
    assert np.abs(drawn - 5.0).max() <= 3.0
    assert drawn.mean() == pytest.approx(5.0, abs=4 / np.sqrt(drawn.size))


def test_002_adds_up_the_delays_of_its_equations() -> None:
    found = draw(2, BATCH, FOLLOWERS, LEADERS)
    rate = UNIT_HZ * found["efficiency"]
    assert found["work_s"] == pytest.approx(found["size_bit"][:, :, None] / rate, rel=1e-15)
    load = found["arrival_per_s"] / found["service_per_s"]
    wait_s = load / (found["service_per_s"] - found["arrival_per_s"])
    expected = wait_s[:, None, :] + found["cycles"][:, :, None] / found["compute_hz"][:, None, :]
    assert found["delay_s"] == pytest.approx(expected, rel=1e-12)
    assert found["delay_s"].max() < 1.5 < found["deadline_s"].min()


@pytest.mark.parametrize("followers", [6, 7, 8, 60])
def test_demand_of_002_has_a_bound_however_many_follow(followers) -> None:
    found = draw(2, (50,), followers, 2)
    curvature = 2.0 * found["beta"][:, :, None] * np.eye(followers) - found["ties"]
    assert np.linalg.eigvalsh(curvature).min() > 1.0
    assert ((found["ties"] > 0.0).sum(axis=-1) == min(followers - 1, 6)).all()


def test_003_draws_what_the_game_allows() -> None:
    found = draw(3, BATCH, FOLLOWERS, LEADERS, effects="multiplicative")
    assert {key: value.shape for key, value in found.items()} == {
        "delta": PER_I,
        "delay_cost": PER_I,
        "ties": FRIENDS,
        "complement": (400, 4, 4),
        "quality": PER_J,
        "cost": PER_J,
        "price_max": PER_J,
        "work_s": PAIRS,
        "delay_s": PAIRS,
        "deadline_s": PER_I,
    }
    within(found["delta"], 10.0, 15.0)
    within(found["delay_cost"], 1.0, 2.0)
    within(found["cost"], 1.5, 3.0)
    within(found["deadline_s"], 2.0, 4.0)
    assert np.log(0.7 / 0.55) < found["quality"].min() < found["quality"].max() < np.log(1.0 / 0.5)
    assert (found["price_max"] == 15.0).all()
    for key in ("ties", "complement"):
        effect = found[key]
        assert (effect == np.swapaxes(effect, 1, 2)).all()
        assert (np.diagonal(effect, axis1=1, axis2=2) == 0.0).all()
        within(effect[:, *np.triu_indices(effect.shape[1], 1)], 0.0, 0.005)


@pytest.mark.parametrize("followers", [3, 40])
def test_demand_of_003_has_a_bound_at_every_price(followers) -> None:
    extra = draw(3, (200,), followers, 3, effects="multiplicative")
    gain = extra["ties"].sum(axis=-1).max() + extra["complement"].sum(axis=-1).max()
    assert (extra["delta"] * gain / extra["cost"].min()).max() < 1.0  # no row of the effects reaches 1
    plain = draw(3, (200,), followers, 3)
    assert (plain["complement"] == 0.0).all()
    # Where all buy b with delta / (b + E) + z b = p, which has an answer down to p = 2 sqrt(delta z) - z E.
    z = plain["ties"].sum(axis=-1).max()
    assert 2.0 * np.sqrt(plain["delta"].max() * z) < plain["cost"].min()


def test_effects_of_003_are_as_strong_as_asked() -> None:
    found = draw(3, BATCH, FOLLOWERS, LEADERS, effects="multiplicative", effect_max=0.1)
    within(found["ties"][:, *np.triu_indices(FOLLOWERS, 1)], 0.0, 0.1)
    within(found["complement"][:, *np.triu_indices(LEADERS, 1)], 0.0, 0.1)
