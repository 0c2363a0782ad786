"""Market presets: the papers' parameter sets fill what a file leaves open, and nothing else."""

import numpy as np
import pytest
from roads import road

from simmig.errors import ScenarioError
from simmig.games.presets import MARKET_PRESETS
from simmig.scenario import load_scenario
from simmig.scenario.game_file import load_game

MARKET = """[market]
preset = "paper-002"
round_s = 0.5
[social]
generator = { kind = "complete_graph" }
[agents]
leaders = { kind = "stackelberg" }
followers = { kind = "best_response" }
"""
STREET = road(MARKET, radio='preset = "physical"')
GAME = """schema = 1
preset = "{preset}"
[followers]
count = 400
[leaders]
count = 60
"""


@pytest.fixture
def street(tmp_path):
    (tmp_path / "cars.csv").write_text("id,t,x,y\nv,0,0,0\nv,9,9,0\n")
    path = tmp_path / "street.toml"
    path.write_text(STREET)
    return path


def game_file(tmp_path, preset):
    path = tmp_path / f"{preset}.toml"
    path.write_text(GAME.format(preset=preset))
    return path


def test_a_scenario_gets_the_game_the_preferences_the_prices_and_the_ties(street):
    scenario = load_scenario(street)
    preset = MARKET_PRESETS["paper-002"]
    assert scenario.market.game.kind == "social"
    written = scenario.resolved()
    for key, draw in preset.preferences.items():
        assert written["fleet"][0]["preferences"][key] == {k: _listed(v) for k, v in draw.items()}
    assert written["rsus"]["defaults"]["price_max"] == 15.0
    assert written["social"]["weight"]["normal"] == [5.0, 1.0]


def _listed(value):
    return list(value) if isinstance(value, (list, tuple)) else value


def test_what_the_file_says_counts(street):
    scenario = load_scenario(
        street, ["fleet.cars.preferences.alpha=7.0", "rsus.defaults.cost=0.5", "market.game.kind=social"]
    )
    written = scenario.resolved()
    assert written["fleet"][0]["preferences"]["alpha"] == 7.0
    assert written["fleet"][0]["preferences"]["beta"]["normal"] == [30.0, 1.0]
    assert written["rsus"]["defaults"]["cost"] == 0.5


def test_a_resolved_scenario_reads_back_as_the_same(street):
    scenario = load_scenario(street)
    again = type(scenario).model_validate(scenario.resolved(), context={"base_dir": street.parent, "source": street})
    assert again.resolved() == scenario.resolved()


def test_an_unknown_preset_is_told_with_its_line(street):
    street.write_text(STREET.replace("paper-002", "paper-2"))
    with pytest.raises(ScenarioError, match=r'street\.toml:26: market\.preset: .*did you mean "paper-002"'):
        load_scenario(street)


@pytest.mark.parametrize("preset", sorted(MARKET_PRESETS))
def test_draws_of_a_game_file_follow_the_paper(tmp_path, preset):
    inputs = load_game(game_file(tmp_path, preset)).inputs()
    named = MARKET_PRESETS[preset]
    drawn = {**inputs.preferences, **inputs.offers, "cost": inputs.cost, "price_max": inputs.price_max}
    laws = {**named.preferences, **named.leaders, **named.leaders.get("offer", {})}
    laws.pop("offer", None)
    assert set(drawn) == set(laws)
    for key, law in laws.items():
        values = drawn[key]
        if isinstance(law, float):
            assert (values == law).all()
            continue
        low, high = law.get("uniform", (law.get("low"), law.get("high")))
        assert low <= values.min() < values.max() <= high
        mean, sd = law["normal"] if "normal" in law else (0.5 * (low + high), (high - low) / np.sqrt(12.0))
        assert abs(values.mean() - mean) < 4.0 * sd / np.sqrt(len(values))
    assert (inputs.ties == inputs.ties.T).all()
    assert bool(inputs.ties.any()) == (named.tie is not None)


@pytest.mark.parametrize("preset", sorted(MARKET_PRESETS))
def test_a_small_game_of_each_paper_has_a_certified_equilibrium(tmp_path, preset):
    file = load_game(game_file(tmp_path, preset), ["followers.count=4", "leaders.count=3"])
    found = file.build().solve()
    assert found.converged
    assert found.certificate.leader_gap_relative.max() < 1e-8
    assert found.certificate.follower_gap_relative.max() < 1e-8


def test_settings_of_the_preset_s_game_can_be_changed_alone(tmp_path, street):
    file = load_game(game_file(tmp_path, "paper-001"), ["game.prices=uniform"])
    assert (file.game.kind, file.game.plugin.prices) == ("immersion", "uniform")
    scenario = load_scenario(street, ["market.game.leader_model=myopic"])
    assert (scenario.market.game.kind, scenario.market.game.plugin.leader_model) == ("social", "myopic")
