from dataclasses import fields

import numpy as np
import pytest
from random_games import KINDS, make, parameters, random_plays

from simmig.contracts import GameInputs
from simmig.env.sources import DrawnGames, FixedGame, Games, RecordedRounds, padded, placed, stack
from simmig.errors import InputError
from simmig.games import embodied, immersion, social
from simmig.games.matrix import MatrixGame
from simmig.games.social import SocialGame

ROUND_GAMES = (social.Game(), immersion.Game(), immersion.Game(prices="uniform"), embodied.Game(complement=0.01))


def round_of(followers: int, leaders: int, seed: int) -> GameInputs:
    """A round of a simulation with all that any of the games asks for; some pairs cannot trade."""
    draw = np.random.default_rng(seed)
    pairs = (followers, leaders)
    ties = np.triu(draw.uniform(0.0, 0.01, (followers, followers)), 1)
    return GameInputs(
        preferences={
            "alpha": draw.uniform(20.0, 30.0, followers),
            "beta": draw.uniform(20.0, 30.0, followers),
            "delta": draw.uniform(10.0, 20.0, followers),
            "delay_cost": draw.uniform(1.0, 2.0, followers),
            "ssim": draw.uniform(0.8, 1.0, followers),
            "ssim_threshold": draw.uniform(0.5, 0.55, followers),
            "budget": draw.uniform(2.0, 9.0, followers),
        },
        ties=ties + ties.T,
        size_bit=draw.uniform(1e7, 4e7, followers),
        efficiency_bit_s_hz=draw.uniform(5.0, 9.0, pairs),
        delay_s=draw.uniform(0.1, 0.4, pairs),
        deadline_s=draw.uniform(3.0, 9.0, followers),
        cost=draw.uniform(1.0, 2.0, leaders),
        price_max=draw.uniform(9.0, 15.0, leaders),
        capacity_hz=draw.uniform(4e6, 4e7, leaders),
        eligible=draw.random(pairs) < 0.8,
        offers={
            "ssim": draw.uniform(0.9, 1.0, leaders),
            "quality": draw.uniform(0.7, 1.0, leaders),
            "quality_threshold": draw.uniform(0.5, 0.55, leaders),
        },
    )


def tables(game) -> dict[str, np.ndarray]:
    """Every parameter of a game that is an array."""
    found = {each.name: getattr(game, each.name) for each in fields(game)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def assert_same_games(one, other) -> None:
    ours, theirs = tables(one), tables(other)
    assert ours.keys() == theirs.keys()
    for name, table in ours.items():
        np.testing.assert_array_equal(table, theirs[name], err_msg=name)
    price, demand = random_plays(one)
    for method in ("follower_utility", "leader_utility"):
        np.testing.assert_array_equal(getattr(one, method)(price, demand), getattr(other, method)(price, demand))
    np.testing.assert_array_equal(one.best_demand(price), other.best_demand(price))


@pytest.mark.parametrize("kind", KINDS)
def test_stacked_single_games_are_the_batch_made_at_once(kind) -> None:
    given = parameters(kind, np.random.default_rng(7), (5,))
    rules = {name: value for name, value in given.items() if isinstance(value, str)}
    singles = [
        make(kind, {name: value[k] for name, value in given.items() if name not in rules} | rules) for k in range(5)
    ]
    assert_same_games(stack(singles), make(kind, given))


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("social", {"leader_model": "myopic", "infeasible_deadline": "error", "bandwidth_unit_hz": 3e6}),
        ("individual", {"prices": "uniform", "bandwidth_unit_hz": 3e6}),
        ("additive", {"effects": "multiplicative", "leader_model": "myopic", "bandwidth_unit_hz": 3e6}),
    ],
)
def test_stacked_games_keep_their_rules(kind, rules) -> None:
    game = make(kind, parameters(kind, np.random.default_rng(1), ()) | rules)
    batch = stack([game, game])
    assert {name: getattr(batch, name) for name in rules} == rules


def test_a_finite_capacity_is_kept() -> None:
    given = parameters("social", np.random.default_rng(3), ()) | {"capacity": [0.5, 1.0, 2.0]}
    assert stack([make("social", given)] * 2).capacity.tolist() == [[0.5, 1.0, 2.0]] * 2


def test_only_games_with_batches_can_be_stacked() -> None:
    game = MatrixGame.make([[[1.0, 0.0], [0.0, 1.0]]] * 2)
    with pytest.raises(InputError, match="MatrixGame: learners cannot play it"):
        stack([game])  # type: ignore[list-item]


def test_a_fixed_game_is_the_same_in_every_place_and_uses_no_luck() -> None:
    game = make("social", parameters("social", np.random.default_rng(2), ()))
    draw = np.random.default_rng(4)
    games = FixedGame(game).games(3, draw)
    assert FixedGame.is_fixed
    assert draw.random() == np.random.default_rng(4).random()
    assert games.signals.shape == (3, 3, 0)
    for name, table in tables(games.game).items():
        assert table.shape[0] == 3
        np.testing.assert_array_equal(table, np.stack([getattr(game, name)] * 3), err_msg=name)


def test_signals_of_a_fixed_game_go_to_every_place() -> None:
    game = make("social", parameters("social", np.random.default_rng(2), ()))
    signals = np.arange(6.0).reshape(3, 2)
    games = FixedGame(game, signals).games(4, np.random.default_rng(4))
    assert games.signals.shape == (4, 3, 2)
    assert all((each == signals).all() for each in games.signals)


def test_a_single_game_of_a_source_is_one_of_its_games() -> None:
    given = make("social", parameters("social", np.random.default_rng(2), ()))
    fixed = FixedGame(given, np.ones((3, 1)))
    assert fixed.single(np.random.default_rng(0)) is fixed

    def law(draw: np.random.Generator, batch: tuple[int, ...]) -> Games:
        return Games(make("social", parameters("social", draw, batch)), draw.random((*batch, 3, 2)))

    drawn = DrawnGames(law).single(np.random.default_rng(8)).games(2, np.random.default_rng(0))
    expected, signals = law(np.random.default_rng(8), ())
    np.testing.assert_array_equal(drawn.game.alpha, [expected.alpha] * 2)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(drawn.signals, [signals] * 2)
    rounds = [round_of(2, 2, seed) for seed in range(3)]
    recorded = RecordedRounds(social.Game(), rounds)
    draw = np.random.default_rng(1)
    met = {tuple(recorded.single(draw).game.alpha.tolist()) for _ in range(40)}  # type: ignore[attr-defined]
    assert met == {tuple(each.preferences["alpha"].tolist()) for each in rounds}


@pytest.mark.parametrize("game", ROUND_GAMES, ids=("social", "individual", "uniform", "embodied"))
def test_leaders_in_columns_of_their_own_play_as_before(game) -> None:
    one = round_of(3, 2, 4)
    wide = game.build(placed(one, np.array([3, 1]), 5))  # leader 0 in column 3, leader 1 in column 1
    alone = game.build(one)
    assert not wide.eligible[:, [0, 2, 4]].any()
    price = np.random.default_rng(2).uniform(2.0, 9.0, wide.eligible.shape if wide.individual_prices else (5,))
    found, own = wide.best_demand(price), alone.best_demand(price[..., [3, 1]])
    np.testing.assert_allclose(found[:, [3, 1]], own, rtol=1e-9, atol=1e-12)
    assert own.max() > 0.01
    assert not found[:, [0, 2, 4]].any()
    np.testing.assert_allclose(
        wide.leader_utility(price, found)[[3, 1]], alone.leader_utility(price[..., [3, 1]], own), rtol=1e-9
    )
    np.testing.assert_allclose(
        wide.follower_utility(price, found), alone.follower_utility(price[..., [3, 1]], own), rtol=1e-9
    )


def test_a_law_gets_the_generator_and_the_count() -> None:
    def law(draw: np.random.Generator, batch: tuple[int, ...]) -> Games:
        return Games.silent(make("social", parameters("social", draw, batch)))

    games = DrawnGames(law).games(4, np.random.default_rng(8))
    assert not DrawnGames.is_fixed
    assert_same_games(games.game, make("social", parameters("social", np.random.default_rng(8), (4,))))


def test_recorded_rounds_are_drawn_evenly_and_with_replacement() -> None:
    rounds = [round_of(2, 2, seed) for seed in range(3)]
    source = RecordedRounds(social.Game(), rounds)
    game = source.games(900, np.random.default_rng(1)).game
    assert not source.is_fixed
    assert isinstance(game, SocialGame)
    counts = [int((game.alpha == each.preferences["alpha"]).all(-1).sum()) for each in rounds]
    assert sum(counts) == 900
    assert all(abs(count - 300) < 5 * 14.2 for count in counts)  # standard deviation sqrt(900 * 1/3 * 2/3) = 14.1


def test_without_a_round_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(InputError, match="no pricing round was closed in this scenario"):
        RecordedRounds(social.Game(), [])


@pytest.mark.parametrize("game", ROUND_GAMES, ids=("social", "individual", "uniform", "embodied"))
def test_added_players_change_nothing_and_get_nothing(game) -> None:
    for seed in range(5):
        alone, wide = game.build(round_of(3, 2, seed)), game.build(padded(round_of(3, 2, seed), 5, 4))
        draw = np.random.default_rng(seed)
        price = draw.uniform(2.0, 9.0, wide.eligible.shape if wide.individual_prices else (4,))
        real = price[:3, :2] if wide.individual_prices else price[:2]
        own, found = alone.best_demand(real), wide.best_demand(price)
        np.testing.assert_allclose(found[:3, :2], own, rtol=1e-9, atol=1e-12)
        assert own.max() > 0.01
        assert not found[3:].any()
        assert not found[:, 2:].any()
        bought = np.zeros((5, 4))
        bought[:3, :2] = draw.random((3, 2)) * alone.eligible
        for method in ("follower_utility", "leader_utility"):
            values, padding = np.split(getattr(wide, method)(price, bought), [3 if method[0] == "f" else 2])
            np.testing.assert_allclose(values, getattr(alone, method)(real, bought[:3, :2]), rtol=1e-12)
            assert not padding.any()


def test_rounds_of_any_size_share_one_shape() -> None:
    rounds = [round_of(2, 3, 1), round_of(4, 1, 2)]
    game = RecordedRounds(social.Game(), rounds).games(6, np.random.default_rng(1)).game
    assert game.eligible.shape == (6, 4, 3)
    numbers = sorted({tuple(each) for each in game.eligible.sum((1, 2), keepdims=True)[:, 0].tolist()})
    assert numbers == sorted({(int(each.eligible.sum()),) for each in rounds})


def test_a_round_of_the_full_size_stays_as_it_is() -> None:
    one = round_of(3, 2, 4)
    same = padded(one, 3, 2)
    for each in fields(GameInputs):
        ours, theirs = getattr(one, each.name), getattr(same, each.name)
        if isinstance(ours, dict):
            assert ours.keys() == theirs.keys()
            assert all((ours[key] == theirs[key]).all() for key in ours)
        else:
            np.testing.assert_array_equal(ours, theirs)
