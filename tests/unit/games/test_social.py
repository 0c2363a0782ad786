"""The social game: numbers of the paper, closed forms, edges of the model, and what it refuses."""

import re

import numpy as np
import pytest

from simmig.errors import InputError, NoEquilibrium
from simmig.games.social import Game


def test_anticipating_leaders_of_002_section_vi(section_vi) -> None:
    game = section_vi()
    found = game.solve()
    assert found.converged
    np.testing.assert_allclose(found.price, [13.036, 11.542], atol=5e-4)
    np.testing.assert_allclose(found.demand.sum(axis=1), [0.7084, 0.5546, 0.8623], atol=5e-5)
    np.testing.assert_allclose(10 * found.leader_utility, [47.970, 61.925], atol=5e-4)
    np.testing.assert_allclose(found.follower_utility, [3.790, 2.329, 5.607], atol=5e-4)
    certificate = game.certify(found.price, found.demand)
    assert certificate.follower_gap_relative.max() < 1e-12
    assert certificate.leader_gap_relative.max() < 1e-12


def test_myopic_leaders_of_002_section_vi(section_vi) -> None:
    game = section_vi(leader_model="myopic")
    found = game.solve()
    assert found.converged
    np.testing.assert_allclose(found.price, [14.137, 12.704], atol=5e-4)
    np.testing.assert_allclose(found.demand.sum(axis=1), [0.6632, 0.5093, 0.8170], atol=5e-5)
    assert game.certify(found.price, found.demand).leader_gap_relative.max() < 1e-12


def test_myopic_prices_are_no_equilibrium_of_anticipating_leaders(section_vi) -> None:
    myopic = section_vi(leader_model="myopic").solve()
    gap = section_vi().certify(myopic.price, myopic.demand)
    assert gap.leader_gap_relative.min() > 1e-3
    assert gap.follower_gap_relative.max() < 1e-12


def test_units_of_002_make_its_leader_utilities_from_its_demands(section_vi) -> None:
    # Total demands 1.082 and 1.218, prices 0.9 and 0.8 (9 and 8 inside), utilities 30.56 and 45.12 times ten.
    demand = np.array([[1.082, 0.0], [0.0, 1.218], [0.0, 0.0]])
    utility = section_vi().leader_utility(np.array([9.0, 8.0]), demand)
    np.testing.assert_allclose(10 * utility, [30.56, 45.12], atol=0.02)


def test_demand_without_ties_is_the_linear_reply(inputs) -> None:
    game = Game().build(inputs([30, 12], [30, 20], np.zeros((2, 2)), [1, 1], [15, 15]))
    demand = game.best_demand(np.array([10.0, 14.0]))
    np.testing.assert_allclose(demand, [[20 / 60, 16 / 60], [2 / 40, 0.0]], rtol=1e-14)


def test_demand_with_ties_solves_the_linear_system(section_vi) -> None:
    price = np.array([9.0, 8.0])
    matrix = np.full((3, 3), -5.0) + 65.0 * np.eye(3)
    expected = np.linalg.solve(matrix, np.array([30.0, 25.0, 35.0])[:, None] - price)
    np.testing.assert_allclose(section_vi().best_demand(price), expected, rtol=1e-13)


def closed_form_reply(game, price, j):
    """The anticipating reply of games.md where everyone may buy everywhere and nobody is late."""
    matrix = 2.0 * np.diag(game.beta) - game.ties
    one = np.ones(len(game.beta))
    a, g = one @ np.linalg.solve(matrix, game.alpha), one @ np.linalg.solve(matrix, one)
    others, c = (1.0 / np.delete(price, j)).sum(), game.cost[j]
    best = (-g + np.sqrt(g * g + g * others * (a + g * c + others * a * c))) / (g * others)
    return np.clip(best, c, game.price_max[j])


@pytest.mark.parametrize("seed", range(12))
def test_every_price_is_the_closed_form_reply_to_the_others(random_round, changed, seed) -> None:
    full = random_round(seed, deadline_share=0.0, full=True, least_leaders=2)
    full = changed(full, preferences={**full.preferences, "alpha": full.preferences["alpha"] + 10.0})
    game = Game().build(full)
    found = game.solve()
    assert found.converged
    expected = [closed_form_reply(game, found.price, j) for j in range(len(found.price))]
    np.testing.assert_allclose(found.price, expected, rtol=1e-9)


def test_a_single_leader_posts_the_monopoly_price(inputs) -> None:
    game = Game().build(inputs([30, 30], [30, 15], np.zeros((2, 2)), [2], [25]))
    np.testing.assert_allclose(game.solve().price, [16.0], rtol=1e-10)


def test_a_leader_gives_up_the_poor_when_the_rich_pay_more(inputs) -> None:
    # Serving both: (c + 26) / 2 = 14; the poor drop out at 12 and the rich alone pay 21.
    game = Game().build(inputs([40, 12], [1, 1], np.zeros((2, 2)), [2], [39]))
    found = game.solve()
    np.testing.assert_allclose(found.price, [21.0], rtol=1e-10)
    np.testing.assert_allclose(found.demand, [[9.5], [0.0]], rtol=1e-10)


def test_a_leader_finds_the_crowd_it_does_best_by(inputs) -> None:
    # Four followers who stop buying at 6 to 37: each crowd has its own best price.
    game = Game().build(
        inputs([10.39, 6.11, 36.79, 16.01], [28.16, 29.34, 26.14, 35.8], np.zeros((4, 4)), [1.07, 4.94], [60, 60])
    )
    found = game.solve()
    assert found.converged
    assert game.certify(found.price, found.demand).leader_gap_relative.max() < 1e-9


def test_a_leader_finds_a_narrow_peak_between_the_prices_it_tries(inputs) -> None:
    game = Game(leader_model="myopic").build(
        inputs(
            *([7.35, 33.47], [6.67, 32.67], [[0, 3.16], [3.16, 0]], [2.51, 0.7, 0.67, 3.42], [60] * 4),
            eligible=[[1, 0, 1, 1], [1, 1, 1, 1]],
            work=[[0.18, 1.0, 0.12, 0.13], [1.82, 0.07, 0.01, 2.61]],
            delay_s=[[2.06, 0.0, 0.23, 1.03], [0.59, 1.31, 1.96, 2.42]],
            deadline_s=[3.81, np.inf],
        )
    )
    found = game.solve()
    assert found.converged
    assert game.certify(found.price, found.demand).leader_gap_relative.max() < 1e-9


def test_a_captive_late_follower_buys_just_enough_and_pays_the_cap(inputs) -> None:
    game = Game().build(inputs([20], [30], [[0.0]], [2], [15], work=[[1.0]], delay_s=[[0.5]], deadline_s=[1.5]))
    found = game.solve()
    np.testing.assert_allclose(found.price, [15.0])
    np.testing.assert_allclose(found.demand, [[1.0]], rtol=1e-12)
    np.testing.assert_allclose(game.expected_delay_s(found.price, found.demand), [1.5], rtol=1e-12)


def test_leaders_price_for_the_late_even_if_nobody_else_would_pay(inputs) -> None:
    # Worth 0.5 for the first unit, yet bought at 26, because the deadline must be met.
    game = Game().build(
        inputs(
            *([0.5], [20.0], [[0.0]], [1.5, 1.3, 1.1], [60.0, 60.0, 8.0]),
            work=[[0.2, 0.5, 0.9]],
            delay_s=[[0.1, 0.2, 0.3]],
            deadline_s=[1.2],
        )
    )
    found = game.solve()
    assert found.converged
    assert (found.price[:2] < 59.0).all()
    assert game.certify(found.price, found.demand).leader_gap_relative.max() < 1e-9


def test_who_cannot_trade_does_not(inputs) -> None:
    game = Game().build(
        inputs(
            [30, 30, 4], [30] * 3, np.zeros((3, 3)), [2, 2, 6], [15, 15, 15], eligible=[[1, 0, 0], [0, 0, 0], [0, 0, 1]]
        )
    )
    found = game.solve()
    assert found.converged
    np.testing.assert_allclose(found.price, [15.0, 15.0, 15.0])  # monopoly at 16, nobody, and nobody above cost
    np.testing.assert_allclose(found.demand, [[0.25, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert found.leader_utility[1:].tolist() == [0.0, 0.0]
    assert found.follower_utility[1:].tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(game.pairing(found.price), [[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    assert game.certify(found.price, found.demand).leader_gap.max() == 0.0


def test_a_round_in_which_nobody_can_trade_is_solved(inputs) -> None:
    game = Game().build(inputs([30, 30], [30, 30], [[0, 1], [1, 0]], [2], [15], eligible=[[0], [0]]))
    found = game.solve()
    certificate = game.certify(found.price, found.demand)
    assert found.converged
    assert found.price.tolist() == [15.0]
    assert found.demand.tolist() == [[0.0], [0.0]]
    assert certificate.follower_gap.tolist() == [0.0, 0.0]
    assert certificate.leader_gap.tolist() == [0.0]


def test_deadlines_may_leave_no_pure_equilibrium_and_solve_says_so(chasing) -> None:
    game = Game().build(chasing)
    found = game.solve()
    assert not found.converged
    assert game.certify(found.price, found.demand).leader_gap_relative.max() > 1e-3
    # And there is none to be found: on a grid, someone can always gain at least 0.2 %.
    price = [np.linspace(c, top, 81)[1:] for c, top in zip(game.cost, game.price_max, strict=True)]
    points = np.array([[x, y] for x in price[0] for y in price[1]])
    utility = np.array([game.leader_utility(p, game.best_demand(p)) for p in points]).T.reshape(2, 80, 80)
    gain = np.maximum(utility[0].max(axis=0)[None] / utility[0], utility[1].max(axis=1)[:, None] / utility[1]) - 1.0
    assert gain.min() > 2e-3


def test_ties_too_strong_for_the_model_are_named(inputs) -> None:
    with pytest.raises(NoEquilibrium, match=r"ties of follower [02] add up to 12 against 2 beta = 10") as caught:
        Game().build(inputs([30, 30, 30], [5, 30, 5], [[0, 0, 12], [0, 0, 0], [12, 0, 0]], [1], [15]))
    assert len(caught.value.args) == 1
    # The same two are no trouble when they never meet at a leader.
    apart = [[1, 0], [1, 1], [0, 1]]
    Game().build(inputs([30] * 3, [5, 30, 5], [[0, 0, 12], [0, 0, 0], [12, 0, 0]], [1, 1], [15, 15], eligible=apart))


def test_definiteness_is_proved_and_not_left_to_the_solver(inputs, monkeypatch) -> None:
    ties = np.array([[0.0, 12.0], [12.0, 0.0]])

    def careless(_ties, _local, first, _metric, _accuracy, _parts):
        return np.linalg.solve(np.eye(2) - ties / 10.0, first), np.array([True])

    monkeypatch.setattr("simmig.games._social.pairs.settle_parts", careless)
    with pytest.raises(NoEquilibrium, match="not positive definite among the followers of leader 0"):
        Game().build(inputs([30, 30], [5, 5], ties, [1], [15]))


def test_a_deadline_that_no_bandwidth_can_meet_is_dropped_or_refused(inputs) -> None:
    late = inputs(
        [30, 30], [30, 30], np.zeros((2, 2)), [1, 1], [15, 15], delay_s=[[0.1, 3.0]] * 2, deadline_s=[2.0, 4.0]
    )
    # At prices 15 and 1 the slow leader gets 15/16 of the pairing: 0.1/16 + 3 * 15/16 = 2.819 s.
    game = Game().build(late)
    assert game.is_relaxed.tolist() == [True, False]
    assert game.deadline_s.tolist() == [np.inf, 4.0]
    message = r"follower 0 has a deadline of 2 s, but .* can take 2\.81875 s"
    with pytest.raises(NoEquilibrium, match=message):
        Game(infeasible_deadline="error").build(late)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cost", [0.0, 1.0], "cost of leader 0 is 0.0, expected above 0"),
        ("cost", [1.0, 20.0], "price_max of leader 1 is 15.0, expected a finite number not below its cost"),
        ("price_max", [15.0, np.inf], "price_max of leader 1 is inf"),
        ("deadline_s", [np.nan, 1.0], "deadline_s of follower 0 is nan"),
        ("size_bit", [1e7, 0.0], "size_bit of follower 1 is 0.0"),
        ("ties", [[0.0, 1.0], [2.0, 0.0]], "tie of followers 0 and 1 is 1.0, expected finite"),
        ("ties", [[0.0, -1.0], [-1.0, 0.0]], "tie of followers 0 and 1 is -1.0"),
        ("ties", [[1.0, 0.0], [0.0, 0.0]], "tie of followers 0 and 0 is 1.0"),
        ("efficiency_bit_s_hz", [[1.0, 0.0], [1.0, 1.0]], "efficiency_bit_s_hz of follower and leader 0 and 1 is 0.0"),
        ("delay_s", [[1.0, 1.0], [-1.0, 1.0]], "delay_s of follower and leader 1 and 0 is -1.0"),
        ("preferences", {"alpha": [30.0, np.inf], "beta": [30.0, 30.0]}, "alpha of follower 1 is inf"),
        ("preferences", {"alpha": [30.0, 30.0], "beta": [30.0, 0.0]}, "beta of follower 1 is 0.0"),
        (
            "preferences",
            {"alpha": [30.0, 30.0], "bet": [1.0, 1.0]},
            "preferences of the vehicles: alpha, bet, expected",
        ),
    ],
)
def test_parameters_outside_the_model_are_refused(inputs, changed, field, value, message) -> None:
    good = inputs([30, 30], [30, 30], np.zeros((2, 2)), [1, 1], [15, 15])
    is_named = isinstance(value, dict)
    value = {key: np.array(x) for key, x in value.items()} if is_named else np.array(value)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        Game().build(changed(good, **{field: value}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("price", [[2.9, 5.0], [9.0, 15.1], [9.0, np.nan]])
def test_prices_out_of_bounds_are_refused(section_vi, price) -> None:
    with pytest.raises(ValueError, match="price of leader"):
        section_vi().best_demand(np.array(price))


def test_settings_are_strict() -> None:
    with pytest.raises(ValueError, match="leader_model"):
        Game(leader_model="clever")
    with pytest.raises(ValueError, match="bandwidth_unit_hz"):
        Game(bandwidth_unit_hz=0.0)


def test_inputs_may_be_read_only(random_round) -> None:
    given = random_round(3)
    for name in ("ties", "size_bit", "efficiency_bit_s_hz", "delay_s", "deadline_s", "cost", "price_max", "eligible"):
        getattr(given, name).flags.writeable = False
    game = Game().build(given)
    found = game.solve()
    assert game.certify(found.price, found.demand).leader_gap_relative.max() < 1e-6


def test_few_evaluations_are_enough(section_vi, random_round) -> None:
    assert section_vi().solve().iterations <= 6
    in_time = [Game().build(random_round(seed, deadline_share=0.0)).solve().iterations for seed in range(40)]
    assert np.median(in_time) <= 6
    # Where deadlines bend demand, Newton alone would take 40 to 120.
    hard = [(28, 15.0), (134, 15.0), (259, 35.0), (317, 35.0), (327, 35.0)]
    for seed, price_max in hard:
        found = Game().build(random_round(seed, deadline_share=1.0, price_max=price_max)).solve()
        assert found.converged
        assert found.iterations <= 30


def test_the_same_round_has_the_same_bits(random_round) -> None:
    first, second = (Game().build(random_round(11)).solve() for _ in range(2))
    assert first.price.tobytes() == second.price.tobytes()
    assert first.demand.tobytes() == second.demand.tobytes()
