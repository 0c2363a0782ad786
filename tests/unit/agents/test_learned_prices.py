"""Agents that learn prices, from `simmig train` to a run that plays the policy."""

import json
from pathlib import Path
from typing import Any

import pytest
from priced import fig_3, table_ii, venue
from roads import cars, market, road

from simmig.cli.main import main
from simmig.errors import InputError
from simmig.learning.session import run_training
from simmig.plugins import plugin_class
from simmig.testing import check_agent
from simmig.testing.markets import MARKETS

AGENTS: dict[str, dict[str, Any]] = {
    "gradient_play": {"iterations": 12, "games": 4},
    "joint_perturbation": {"iterations": 12, "games": 4},
    "amortised_equilibrium": {"iterations": 12, "games": 4, "width": 8},
}
TABLES = ("gradient_play", "joint_perturbation")
STREET = road(market(), fleet="preferences = { alpha = 30.0, beta = 30.0 }")


def policy(agent: str, game: Any, folder: Path, names: tuple[str, ...] = ()) -> Path:
    """The folder of a policy that was learned in this game."""
    kind: Any = plugin_class("agents", agent, Path())
    recipe = type(kind.recipe).model_validate({**kind.recipe.model_dump(), **AGENTS[agent]})
    run_training(kind, agent, venue(game, names), recipe, 1, folder)
    return folder


@pytest.mark.parametrize("agent", AGENTS)
def test_what_a_scenario_taught_plays_in_it_twice_the_same(agent: str, simulate: Any, tmp_path: Path) -> None:
    scenario, out = tmp_path / "street.toml", tmp_path / "learned"
    scenario.write_text(STREET)
    (tmp_path / "cars.csv").write_text(cars(8))
    changes = [part for key, value in AGENTS[agent].items() for part in ("--set", f"{key}={value}")]
    assert main(["train", str(scenario), "--agent", agent, "--out", str(out), *changes]) == 0
    runs = [simulate(STREET, f'agents.leaders={{kind="{agent}",policy="learned"}}') for _ in range(2)]
    assert runs[0].digest == runs[1].digest
    assert runs[0].rounds["price"].between(1.0, 15.0).all()
    document = json.loads((out / "policy.json").read_text(encoding="utf-8"))
    assert document["meta"]["facts"]["leaders"] == ["a", "b"]
    if agent in TABLES:  # a table posts the same place of the interval in every round
        assert (runs[0].rounds.groupby("rsu")["price"].nunique() == 1).all()


@pytest.mark.parametrize("agent", TABLES)
def test_tables_keep_every_promise_in_every_market(agent: str, tmp_path: Path) -> None:
    names = tuple(f"rsu{number}" for number in range(5))
    folder = policy(agent, table_ii(3, 5), tmp_path / "policy", names)
    played = check_agent(agent, settings={"policy": str(folder)}, side="leaders", rounds=4)
    assert played == tuple(("leaders", name) for name in MARKETS)


@pytest.mark.parametrize(("game", "where"), [(fig_3, "social"), (table_ii, "immersion")])
def test_the_network_keeps_every_promise_in_markets_of_its_game(game: Any, where: str, tmp_path: Path) -> None:
    folder = policy("amortised_equilibrium", game(), tmp_path / "policy")
    settings = {"policy": str(folder)}
    assert check_agent("amortised_equilibrium", settings=settings, side="leaders", rounds=4) == (("leaders", where),)


@pytest.mark.parametrize("agent", TABLES)
def test_an_rsu_that_was_not_trained_stops_the_run_in_one_line(
    agent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy(agent, fig_3(), tmp_path / "learned", ("a", "elsewhere"))
    scenario = tmp_path / "street.toml"
    scenario.write_text(STREET)
    (tmp_path / "cars.csv").write_text(cars(4))
    chosen = f'agents.leaders={{kind="{agent}",policy="learned"}}'
    assert main(["run", str(scenario), "--set", chosen, "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert "the policy knows RSUs a, elsewhere, not 'b'" in said


@pytest.mark.parametrize("agent", AGENTS)
def test_a_policy_of_another_agent_is_refused(agent: str, tmp_path: Path) -> None:
    policy(agent, fig_3(), tmp_path / "policy")
    others: Any = [plugin_class("agents", other, Path()) for other in AGENTS if other != agent]
    for other in others:
        with pytest.raises(InputError, match=f"a policy of agent '{agent}'"):
            other(policy="policy").prepare(tmp_path)
