"""What the tables of a scenario mean together, presets and draws per RSU, and the JSON Schema for editors."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from simmig.errors import ScenarioError
from simmig.plugins import plugin_class
from simmig.radio.presets import RADIO_PRESETS
from simmig.rng import Draws
from simmig.scenario import Scenario, json_schema, load_scenario

PLUGINS = """
from simmig.contracts import Agent as Player, Game as Family, Plugin

class Trigger(Plugin):
    margin_m: float = 0.0

class Game(Family):
    rounds: int = 3

class Leader(Player):
    def price(self, view):
        return view.cost

class Follower(Player):
    def demand(self, view):
        return view.delay_s
"""
INLINE = """\
schema = 1
name = "inline"
[[fleet]]
name = "cars"
kind = "av"
trace = { path = "street.csv" }
twin = { size_bit = 8e7, cycles = 5e9 }
[migration]
trigger = { kind = "own.py" }
[rsus]
radius_m = 300.0
[[rsus.unit]]
id = "r1"
x_m = 0.0
y_m = 0.0
[[rsus.unit]]
id = "r2"
lon = 11.3
lat = 44.5
"""
MARKET = """\
[market]
game = { kind = "own.py", rounds = 4 }
round_s = 0.5
[agents]
leaders = { kind = "own.py:Leader" }
followers = { kind = "own.py:Follower" }
"""


@pytest.fixture
def inline(folder: Path) -> str:
    (folder / "own.py").write_text(PLUGINS)
    return INLINE


def loaded(text: str, *overrides: str) -> Scenario:
    Path("s.toml").write_text(text)
    return load_scenario("s.toml", overrides)


def mistakes(text: str, *overrides: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loaded(text, *overrides)
    return str(caught.value).splitlines()


def test_defaults(inline: str) -> None:
    scenario = loaded(inline)
    assert (scenario.seed, scenario.duration_s, scenario.market, scenario.agents) == (0, None, None, None)
    assert scenario.fleet[0].twin.deadline_s is None
    assert scenario.fleet[0].immersion.ssim_threshold.mean() == 0.525
    assert scenario.rsus.defaults.service_per_s.mean() == 500.0
    assert scenario.radio.preset == "physical"
    assert scenario.migration.queue.kind == "background_mm1"
    assert scenario.migration.retry_s == 1.0


@pytest.mark.parametrize("name", sorted(RADIO_PRESETS))
def test_a_preset_gives_what_the_file_leaves_open(inline: str, name: str) -> None:
    radio = loaded(inline + f'[radio]\npreset = "{name}"\nlink = "vehicle_to_rsu"\n').radio
    given = RADIO_PRESETS["physical"].settings | RADIO_PRESETS[name].settings
    written = radio.model_dump(mode="json", exclude_none=True)
    assert written["tx_power_dbm"] == given["tx_power_dbm"]
    assert written["carrier_hz"] == given["carrier_hz"]
    for table in ("channel", "noise", "fading", "rate"):
        assert written[table].items() >= dict(given[table]).items()  # type: ignore[call-overload]
    assert radio.link == "vehicle_to_rsu"


def test_the_file_goes_before_its_preset(inline: str) -> None:
    radio = loaded(inline + '[radio]\npreset = "paper-002"\nnoise = { kind = "per_hz" }\n').radio
    assert radio.noise.typical.kind == "per_hz"
    assert radio.tx_power_dbm.mean() == 40.0


def test_settings_of_a_radio_may_be_drawn_for_each_rsu(inline: str) -> None:
    radio = loaded(inline + '[radio]\npreset = "paper-001"\n').radio
    assert radio.channel.typical.plugin.model_dump()["gain_db"] == -23.5
    first, again, second = (radio.channel.sample(Draws(1, "channel", rsu)) for rsu in ("r1", "r1", "r2"))
    gains = [one.plugin.model_dump()["gain_db"] for one in (first, again, second)]
    assert gains[0] == gains[1] != gains[2]
    assert all(-25.0 <= gain <= -22.0 for gain in gains)
    assert -116.0 <= radio.noise.sample(Draws(1, "noise", "r1")).power_dbm <= -112.0  # type: ignore[union-attr]
    fixed = loaded(inline).radio
    assert fixed.channel.sample(Draws(1)) is fixed.channel.typical


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("fleet=[]", "fleet: []: expected at least 1 entries"),
        ("rsus.unit.r2.id=r1", "rsus.unit.1.id: 'r1': expected another id, rsus.unit.0 has it"),
        ("rsus.unit.r2.x_m=1", "s.toml:16: rsus.unit.1: expected a position: either x_m and y_m, or lon and lat"),
        ("rsus.unit.r2.lat=91", "rsus.unit.1.lat: 91: expected -90 to 90 degrees"),
        (
            "rsus.unit.r1.polygon_m=[[0,0],[1,0]]",
            "rsus.unit.0.polygon_m: [[0, 0], [1, 0]]: expected at least 3 entries",
        ),
        ("rsus.unit.r1.polygon_m=[[0,0],[1,0],[1]]", "rsus.unit.0.polygon_m.2: [1]: expected 2 entries"),
        (
            "rsus.unit.r2.polygon_m=[[0,0],[1,0],[1,1]]",
            "rsus.unit.1.polygon_m: expected x_m and y_m beside polygon_m, both in metres",
        ),
        (
            "rsus.unit.r1={id='r1',x_m=0,y_m=0,z_min_m=9,z_max_m=3}",
            "rsus.unit.0.z_max_m: 3.0: expected more than z_min_m = 9",
        ),
        ("rsus.unit.r1.shape=ring", "rsus.unit.0.shape: 'ring': expected 'disc', 'sphere' or 'cylinder'"),
        ("rsus.columns={id='x'}", "rsus.columns: expected no columns without path: they are the file's"),
        (
            "rsus.crs=EPSG:32632",
            "rsus.crs: expected no crs without path: it is the file's; units stand in the run's frame",
        ),
        (
            "rsus.path=rsus.csv",
            "s.toml:10: rsus: expected either path, a file of RSUs, or [[rsus.unit]] tables, and not both",
        ),
        (
            "rsus.defaults.arrival_per_s=500",
            "rsus.defaults.arrival_per_s: 500.0: expected less than service_per_s = 500: the queue would grow for ever",
        ),
        (
            "rsus.unit.r2.service_per_s=400",
            "s.toml:16: rsus.unit.1.arrival_per_s: 450.0: "
            "expected less than service_per_s = 400: the queue would grow for ever",
        ),
        ("rsus.unit.r2.price_max=0.5", "rsus.unit.1.price_max: 0.5: expected at least cost = 1"),
        (
            "fault=[{rsu='r22',at_s=1,for_s=1}]",
            "fault.0.rsu: 'r22': expected the id of an RSU (did you mean \"r2\"?)",
        ),
        (
            "fault=[{rsu='r1',at_s=1,for_s=2},{rsu='r1',at_s=2,for_s=1}]",
            "fault.1.at_s: 2.0: expected no overlap with fault.0, of the same RSU",
        ),
        (
            "agents={leaders={kind='own.py:Leader'},followers={kind='own.py:Follower'}}",
            "agents: expected a [market] beside [agents]: nothing is decided without one",
        ),
        ("social.path=street.csv", "social: expected a [market] beside [social]: nothing is decided without one"),
        ("social={}", "social: expected either generator or path, a file of edges, and not both"),
        (
            "market={game={kind='own.py'},round_s=1}",
            "s.toml: agents: missing, and [market] needs leaders and followers",
        ),
        ("migration.target=warm", "migration.target: 'warm': expected 'cold'"),
        ("migration.queue={kind='task',memory=true}", "migration.queue.memory: True: unknown key"),
        (
            "migration.queue.kind=tsk",
            "migration.queue.kind: 'tsk': expected 'background_mm1', 'task', 'none' (did you mean \"task\"?)",
        ),
        ("seed=-1", "seed: -1: expected 0 to 9.22337e+18"),
        ("duration_s=0", "duration_s: 0: expected 1e-09 to 1e+10 s"),
    ],
)
def test_what_does_not_fit_together(inline: str, override: str, line: str) -> None:
    [found] = mistakes(inline, override)
    assert found == (line if line.startswith("s.toml") else f"--set {override}: {line}")


@pytest.mark.parametrize(
    ("game", "override", "line"),
    [
        (
            "immersion",
            "fleet.cars.preferences.buget=3",
            'fleet.0.preferences.buget: unknown to game immersion (did you mean "budget"?)',
        ),
        (
            "social",
            "fleet.cars.preferences.hurry=3",
            "fleet.0.preferences.hurry: unknown to game social, expected alpha or beta",
        ),
        (
            "social",
            "rsus.defaults.offer.quality=1",
            "rsus.defaults.offer.quality: unknown to game social, expected none here",
        ),
        (
            "embodied",
            "rsus.unit.r2.offer.reputaton=1",
            'rsus.unit.1.offer.reputaton: unknown to game embodied (did you mean "reputation"?)',
        ),
    ],
)
def test_a_parameter_that_the_game_does_not_read_is_refused(inline: str, game: str, override: str, line: str) -> None:
    text = inline + MARKET.replace('{ kind = "own.py", rounds = 4 }', f'{{ kind = "{game}" }}')
    loaded(text)
    [found] = mistakes(text, override)
    assert found == f"--set {override}: {line}"


def test_games_that_do_not_say_what_they_read_take_any_parameter(inline: str) -> None:
    changes = ("fleet.cars.preferences.hurry=3", "rsus.defaults.offer.colour=1")
    assert loaded(inline + MARKET, *changes).fleet[0].preferences["hurry"].mean() == 3.0
    assert loaded(inline, *changes).market is None


@pytest.mark.parametrize("name", ["social", "immersion", "embodied"])
def test_games_declare_what_their_description_names(name: str) -> None:
    game = plugin_class("games", name, Path())
    assert game.preferences is not None
    assert all(f"`{parameter}`" in str(game.__doc__) for parameter in (*game.preferences, *game.offers))


def test_ties_are_generated_with_whatever_parameters_the_generator_has(inline: str) -> None:
    ties = "social.generator={kind='watts_strogatz_graph',k=4,p=0.1}"
    social = loaded(inline + MARKET, ties, "social.weight={uniform=[1,2]}").social
    assert social is not None
    assert social.generator is not None
    assert (social.generator.kind, social.generator.model_extra) == ("watts_strogatz_graph", {"k": 4, "p": 0.1})
    assert social.weight.mean() == 1.5
    wrong = "social={generator={kind='x',k='4'}}"
    line = f"--set {wrong}: social.generator.k: '4': expected a number, true or false"
    assert mistakes(inline + MARKET, wrong) == [line]


def test_faults_that_touch_or_are_elsewhere_are_fine(inline: str) -> None:
    faults = "fault=[{rsu='r1',at_s=1,for_s=1},{rsu='r2',at_s=1,for_s=9},{rsu='r1',at_s=2,for_s=1}]"
    assert len(loaded(inline, faults).fault) == 3


def test_fleets_need_names_of_their_own(inline: str) -> None:
    second = inline[inline.index("[[fleet]]") : inline.index("[migration]")]
    assert mistakes(inline + second) == ["s.toml:21: fleet.1.name: 'cars': expected another name, fleet.0 has it"]


def test_an_agent_must_play_the_side_it_is_given(inline: str) -> None:
    assert loaded(inline + MARKET).agents is not None
    assert mistakes(inline + MARKET, "agents.leaders.kind=own.py:Follower") == [
        "--set agents.leaders.kind=own.py:Follower: agents.leaders.kind: 'own.py:Follower': "
        "expected an agent that plays leaders, this one has no method price(view)"
    ]


def test_a_resolved_scenario_reads_back_as_the_same(inline: str) -> None:
    draws = ["radio.preset=paper-001", "fleet.cars.twin.size_bit={normal=[5,1],low=2,high=9}"]
    first = loaded(inline + MARKET, *draws, "fleet.cars.trace={path='street.csv',format='csv',separator=';'}")
    text = json.dumps(first.resolved(), allow_nan=False)
    context = {"base_dir": first.base_dir, "source": first.source}
    second = Scenario.model_validate(json.loads(text), context=context)
    assert second == first
    assert json.dumps(second.resolved()) == text
    assert first.resolved()["fleet"][0]["trace"]["separator"] == ";"
    assert first.resolved()["market"]["game"] == {"kind": "own.py", "rounds": 4}


def test_a_scenario_cannot_be_changed(inline: str) -> None:
    scenario = loaded(inline)
    with pytest.raises(ValueError, match="frozen"):
        scenario.seed = 3


def complaints(document: object) -> list[str]:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(document)]


def test_json_schema_takes_the_sample_and_knows_the_plugins(sample: str) -> None:
    assert complaints(tomllib.loads(sample)) == []
    text = json.dumps(json_schema())
    for name in ("coverage_exit", "log_distance", "best_response", "social", "csv"):
        assert f'"const": "{name}"' in text


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("seed = 7", 'seed = "7"', "$.seed"),
        ("seed = 7", "sed = 7", "$"),
        ("5.9e9", "5.9", "$.radio.carrier_hz"),
        ("margin_m = 20.0", "margn_m = 20.0", "$.migration.trigger"),
        ("margin_m = 20.0", "margin_m = 'x'", "$.migration.trigger"),
        ("exponent = 2.0", "exponent = 'x'", "$.radio.channel"),
        ("uniform = [80e6, 400e6]", "uniform = [80e6]", "$.fleet[0].twin.size_bit"),
        ('format = "csv"', 'format = "csv", colums = 3', "$.fleet[0].trace"),
    ],
)
def test_json_schema_refuses_what_the_reader_refuses(sample: str, old: str, new: str, path: str) -> None:
    assert complaints(tomllib.loads(sample.replace(old, new))) == [path]


@pytest.mark.parametrize(
    "change",
    [
        {"radio": {"preset": "paper-001"}},
        {"radio": {"channel": {"kind": "constant", "gain_db": {"uniform": [-25.0, -22.0]}}}},
        {"radio": {"noise": {"kind": "fixed", "power_dbm": {"choice": [-116.0]}}}},
        {"migration": {"trigger": {"kind": "mine.py:Trigger", "anything": 3}}},
        {"qoe": {"ssim": {"kind": "rate_curve"}}},
    ],
)
def test_json_schema_takes_presets_draws_and_plugins_of_others(sample: str, change: dict[str, Any]) -> None:
    assert complaints({**tomllib.loads(sample), **change}) == []
