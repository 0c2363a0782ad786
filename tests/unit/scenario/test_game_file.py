"""Game files: numbers, lists, draws and tables become the inputs of a game; mistakes are told in one line each."""

import numpy as np
import pytest

from simmig.errors import ScenarioError
from simmig.scenario.game_file import load_game

FIG3 = """schema = 1
name = "fig3"
game = { kind = "social" }
ties = 5.0
[followers]
count = 3
preferences = { alpha = [30.0, 25.0, 35.0], beta = 30.0 }
[leaders]
names = ["r1", "r2"]
cost = [3.0, 1.0]
price_max = 15.0
"""


@pytest.fixture
def game_file(tmp_path):
    path = tmp_path / "game.toml"
    path.write_text(FIG3)
    return path


def test_a_file_gives_the_equilibrium_of_fig_3_of_002(game_file):
    # games.md, section 2, to the printed digits.
    found = load_game(game_file).build().solve()
    np.testing.assert_allclose(found.price, [13.036, 11.542], atol=5e-4)
    np.testing.assert_allclose(found.demand.sum(axis=1), [0.7084, 0.5546, 0.8623], atol=5e-5)
    np.testing.assert_allclose(found.follower_utility, [3.790, 2.329, 5.607], atol=5e-4)


def test_what_is_left_out_has_its_default(game_file):
    file = load_game(game_file)
    inputs = file.inputs()
    assert file.names() == (("f0", "f1", "f2"), ("r1", "r2"))
    assert inputs.ties.tolist() == [[0, 5, 5], [5, 0, 5], [5, 5, 0]]
    assert inputs.size_bit.tolist() == [1e8] * 3
    assert np.isinf(inputs.deadline_s).all()
    assert np.isinf(inputs.capacity_hz).all()
    assert inputs.eligible.all()
    assert inputs.efficiency_bit_s_hz.tolist() == [[1.0, 1.0]] * 3


def test_draws_belong_to_a_setting_and_a_player(game_file):
    draws = [
        "followers.preferences.alpha={ uniform = [20.0, 40.0] }",
        "followers.preferences.beta={ uniform = [20.0, 40.0] }",
        "ties={ uniform = [4.0, 6.0] }",
    ]
    three = load_game(game_file, draws).inputs()
    four = load_game(game_file, [*draws, "followers.count=4"]).inputs()
    np.testing.assert_array_equal(four.preferences["alpha"][:3], three.preferences["alpha"])
    np.testing.assert_array_equal(four.ties[:3, :3], three.ties)
    np.testing.assert_array_equal(three.ties, three.ties.T)
    assert len(set(three.preferences["alpha"]) | set(three.preferences["beta"])) == 6
    other = load_game(game_file, [*draws, "seed=2"]).inputs()
    assert not np.any(other.preferences["alpha"] == three.preferences["alpha"])


def test_tables_are_taken_as_they_stand(game_file):
    inputs = load_game(
        game_file,
        ["eligible=[[true, false], [true, true], [false, true]]", "delay_s=[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]"],
    ).inputs()
    assert inputs.eligible.tolist() == [[True, False], [True, True], [False, True]]
    assert inputs.delay_s.tolist() == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("followers.preferences.alpha=[1.0]", "followers.preferences.alpha: [1.0]: expected 3 numbers"),
        ("leaders.cost=[1.0, 2.0, 3.0]", "leaders.cost: [1.0, 2.0, 3.0]: expected 2 numbers"),
        ("ties=[[0.0]]", "ties: expected 3 rows of 3"),
        ("eligible=[[true], [true], [true]]", "eligible: expected 3 rows of 2"),
        ("followers.names=['a', 'a', 'b']", "followers: expected either names or count"),
        ("leaders.names=['a', 'a']", "leaders.names: ['a', 'a']: expected different names"),
        ("leaders.cost='much'", "leaders.cost: 'much': expected a number or a draw"),
        ("leaders.cost=nan", "leaders.cost"),
        ("leader.cost=1.0", 'did you mean "leaders"?'),
        ("game={ kind = 'sociable' }", "social"),
    ],
)
def test_a_mistake_is_one_line(game_file, change, expected):
    with pytest.raises(ScenarioError) as error:
        load_game(game_file, [change])
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
