"""Plans of studies: what they accept, how they are laid out, and how their mistakes are told."""

import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studied import write_street

from simmig.compare.studies.checking import load_cells
from simmig.compare.studies.design import Cell, lay_out
from simmig.compare.studies.schema import Plan, is_scenario, load_study
from simmig.compare.studies.toml_text import label_text, split_values, toml_text
from simmig.errors import InputError, ScenarioError

HEAD = 'schema = 1\nname = "mine"\nscenario = "street.toml"\n'


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    """A folder with street.toml and its traces."""
    write_street(repository, tmp_path)
    return tmp_path


def plan_of(folder: Path, text: str) -> Plan:
    file = folder / "mine.toml"
    file.write_text(HEAD + text)
    return load_study(file)


def cells_of(folder: Path, text: str) -> tuple[Cell, ...]:
    return lay_out(plan_of(folder, text))


# Quotes, escapes, controls, marks of TOML, and letters of one to four bytes.
TEXT = st.text("ab 1.=#'\"\\{}[],\n\t\r\0\x1f\x7f\x85é€𝄞", max_size=6)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


@given(PLAIN)
def test_property_text_reads_back_as_the_value(value: object) -> None:
    text = toml_text(value)  # type: ignore[arg-type]
    back = tomllib.loads(f"value = {text}")["value"]
    assert back == value
    assert repr(back) == repr(value)
    assert "\n" not in text


def test_labels_are_plain_words_or_toml() -> None:
    assert [label_text(v) for v in ("uav", "", " x", True, 0.5, [1, "a"], {"kind": "a3"})] == [
        *("uav", '""', '" x"', "true", "0.5", '[1, "a"]', '{ kind = "a3" }')
    ]


def test_values_on_a_command_line_are_split_at_the_commas_outside_of_brackets() -> None:
    text = '0.2, greedy,{ kind = "a,b", x = [1, 2] },"c,d",true,2'
    assert split_values(text, "--vary") == [0.2, "greedy", {"kind": "a,b", "x": [1, 2]}, "c,d", True, 2]


@pytest.mark.parametrize("text", ["", "1,,2", "1,", "{ kind = 1", '"open', "2026-01-01,{ a = 2026-01-01 }", "[1"])
def test_what_is_no_value_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InputError, match=r"^--vary x: .*expected a TOML value"):
        split_values(text, "--vary x")


def test_a_grid_has_every_combination_in_order(folder: Path) -> None:
    cells = cells_of(
        folder,
        'set = ["radio.fading.kind=none"]\nleaders = ["greedy", "monopoly"]\nfollowers = ["best_response"]\n'
        '[vary]\n"market.round_s" = [0.2, 0.5]\nradio.tx_power_dbm = { low = 20, high = 46, points = 3 }',
    )
    assert [cell.name for cell in cells[:3]] == [
        "leaders=greedy, followers=best_response, market.round_s=0.2, radio.tx_power_dbm=20",
        "leaders=monopoly, followers=best_response, market.round_s=0.2, radio.tx_power_dbm=20",
        "leaders=greedy, followers=best_response, market.round_s=0.2, radio.tx_power_dbm=33",
    ]
    assert len(cells) == 2 * 3 * 2
    assert cells[-1].overrides == (
        *("radio.fading.kind=none", "market.round_s=0.5", "radio.tx_power_dbm=46"),
        *('agents.leaders={ kind = "monopoly" }', 'agents.followers={ kind = "best_response" }'),
    )


def test_agents_of_one_kind_are_told_apart_by_their_settings(folder: Path) -> None:
    text = 'leaders = ["greedy", { kind = "fixed_price", price = 3 }, { kind = "fixed_price", price = 4 }]'
    cells = cells_of(folder, text)
    assert [cell.agents["leaders"] for cell in cells] == ["greedy", "fixed_price (price=3)", "fixed_price (price=4)"]
    assert cells[1].overrides == ('agents.leaders={ kind = "fixed_price", price = 3 }',)


def test_without_anything_varied_there_is_one_cell(folder: Path) -> None:
    assert [(cell.name, cell.overrides) for cell in cells_of(folder, "")] == [("", ())]


def test_zip_takes_values_side_by_side(folder: Path) -> None:
    text = 'method = "zip"\n[vary]\na = [1, 2, 3]\nb = { low = 1.0, high = 100.0, points = 3, scale = "log" }'
    assert [dict(cell.values) for cell in cells_of(folder, text)] == [
        *({"a": 1, "b": 1.0}, {"a": 2, "b": 10.0}, {"a": 3, "b": 100.0})
    ]


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("low = 1, high = 5, points = 5", [1, 2, 3, 4, 5]),
        ("low = 0, high = 1, points = 3", [0.0, 0.5, 1.0]),
        ("low = 0.1, high = 0.7, points = 3", [0.1, 0.4, 0.7]),
        ("low = 0, high = 1.0, points = 4", [0.0, 0.333333, 0.666667, 1.0]),
        ('low = 1, high = 1000, points = 4, scale = "log"', [1, 10, 100, 1000]),
        ("low = 1, high = 4, points = 5, integer = true", [1, 2, 3, 4]),
    ],
)
def test_spans_in_a_grid(folder: Path, span: str, expected: list[float]) -> None:
    values = [cell.values["x"] for cell in cells_of(folder, f"[vary]\nx = {{ {span} }}")]
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_a_latin_hypercube_has_one_sample_in_each_part_of_every_axis(folder: Path) -> None:
    text = """method = "latin_hypercube"
        samples = 12
        [vary]
        a = { low = 2.0, high = 8.0 }
        b = { low = 1.0, high = 1000.0, scale = "log" }
        c = { low = 1, high = 4, integer = true }
        d = ["x", "y", "z"]
    """
    cells = cells_of(folder, text)
    parts_a = sorted(math.floor((float(cell.values["a"]) - 2.0) / 0.5) for cell in cells)  # type: ignore[arg-type]
    parts_b = sorted(math.floor(math.log10(float(cell.values["b"])) * 4.0) for cell in cells)  # type: ignore[arg-type]
    assert parts_a == parts_b == list(range(12))
    assert sorted(cell.values["c"] for cell in cells) == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3  # type: ignore[type-var]
    assert sorted(cell.values["d"] for cell in cells) == ["x"] * 4 + ["y"] * 4 + ["z"] * 4  # type: ignore[type-var]
    assert cells_of(folder, text) == cells
    assert cells_of(folder, "design_seed = 1\n" + text) != cells


def test_seeds_are_counted_from_0_or_listed(folder: Path) -> None:
    assert plan_of(folder, "seeds = 3").seeds == (0, 1, 2)
    assert plan_of(folder, "seeds = [7, 3]").seeds == (7, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metod = 1", ['mine.toml:4: metod: 1: unknown key (did you mean "method"?)']),
        ("seeds = 0", ["mine.toml:4: seeds: 0: expected how many, from 1 to 100000, or a list of seeds"]),
        ("seeds = [1, 2, 1]", ["mine.toml:4: seeds.2: 1: expected each seed once"]),
        ("seeds = true", ["mine.toml:4: seeds: True: expected how many"]),
        (
            'seeds = [1.0]\nset = [3]\n[vary]\n"a b" = [1]',
            ["mine.toml:4: seeds.0: 1.0: expected a whole number", "mine.toml:5: set.0: 3: expected text in quotes"],
        ),
        ('[vary]\n"a b" = [1]', ["mine.toml:5: vary.'a b': 'a b': expected a dotted path in the scenario"]),
        ("[vary]\nseed = [1]", ["mine.toml:5: vary.seed: 'seed': expected seeds to be used for that"]),
        ("[vary]\nx = []", ["mine.toml:5: vary.x: []: expected a list of values, or a table { low, high, points }"]),
        ("[vary]\nx = 3", ["mine.toml:5: vary.x: 3: expected a list of values"]),
        ("[vary]\nx = [1, 2.0, 2.0]", ["mine.toml:5: vary.x.2: 2.0: expected each value once"]),
        ("[vary]\nx = [2026-01-01]", ["vary.x.0: datetime.date(2026, 1, 1): expected a number, text"]),
        ("[vary]\nx = [nan]", ["vary.x.0: nan: expected a number, text"]),
        ("[vary]\nx = { low = 3, high = 2, points = 2 }", ["vary.x.high: 2: expected more than low, which is 3"]),
        ("[vary]\nx = { low = 1, high = 2 }", ["vary.x: ", "expected points, how many values it has"]),
        ("[vary]\nx = { low = 1, high = 2, point = 3 }", ['vary.x.point: 3: unknown key (did you mean "points"?)']),
        (
            '[vary]\nx = { low = 0, high = 2, points = 3, scale = "log" }',
            ["vary.x.low: 0: expected more than 0 for a scale of factors"],
        ),
        (
            "[vary]\nx = { low = 1, high = 2.5, points = 3, integer = true }",
            ["vary.x.high: 2.5: expected a whole number"],
        ),
        ('method = "zip"\n[vary]\nx = [1]\ny = [1, 2]', ["mine.toml:7: vary.y: 2: expected 1 values"]),
        ('method = "latin_hypercube"\n[vary]\nx = [1]', ["samples: None: expected how many combinations to draw"]),
        ("samples = 3\n[vary]\nx = [1]", ['samples: 3: expected method = "latin_hypercube" beside it']),
        ('leaders = ["greedy", "greedy"]', ["mine.toml:4: leaders.1", "expected each agent once"]),
        ('leaders = ["greedy", 3]', ["mine.toml:4: leaders.1: 3: expected a table"]),
        ('leaders = ["greedy"]\n[vary]\n"agents.leaders.kind" = ["x"]', ["expected leaders and followers to be used"]),
        ('set = ["seed=3"]', ["mine.toml:4: set.0: 'seed=3': expected a setting that stays, seed is varied"]),
        (
            'set = ["a=1", "x.y=3"]\n[vary]\nx = [1]',
            ["set.1: 'x.y=3': expected a setting that stays, x is varied"],
        ),
        (
            'set = ["agents.leaders.share=0.1"]\nleaders = ["fixed_price"]',
            ["set.0: 'agents.leaders.share=0.1': expected a setting that stays, agents.leaders is varied"],
        ),
        ('name = "a"', ["mine.toml:4: not TOML"]),
    ],
)
def test_mistakes_in_a_plan_are_told_with_line_path_and_what_was_expected(
    folder: Path, text: str, expected: list[str]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_of(folder, text)
    for part in expected:
        assert part in str(caught.value), str(caught.value)


def test_a_plan_names_a_file_that_is_there_and_itself_well(folder: Path) -> None:
    (folder / "mine.toml").write_text('schema = 1\nname = "a/b"\nscenario = "stret.toml"')
    with pytest.raises(ScenarioError) as caught:
        load_study(folder / "mine.toml")
    lines = str(caught.value).splitlines()
    assert "mine.toml:2: name: 'a/b': expected a name of letters" in lines[0]
    assert "mine.toml:3: scenario: 'stret.toml': expected a file" in lines[1]
    assert 'did you mean "street.toml"?' in lines[1]


def test_a_setting_beside_what_varies_is_kept(folder: Path) -> None:
    text = 'set = ["xy=1", "agents.followers.kind=greedy"]\nleaders = ["greedy"]\n[vary]\nx = [1]'
    assert plan_of(folder, text).set == ("xy=1", "agents.followers.kind=greedy")


def test_scenarios_and_plans_are_told_apart(folder: Path) -> None:
    plan_of(folder, "")
    assert is_scenario(folder / "street.toml")
    assert not is_scenario(folder / "mine.toml")
    assert not is_scenario(folder / "absent.toml")


def test_cells_are_loaded_with_their_settings(folder: Path) -> None:
    plan = plan_of(folder, 'leaders = ["greedy", "monopoly"]\n[vary]\nmarket.round_s = [0.2, 0.5]')
    loaded = load_cells(plan, lay_out(plan), folder / "street.toml", None)
    assert [(s.market.round_s, s.agents.leaders.kind) for s in loaded] == [  # type: ignore[union-attr]
        *((0.2, "greedy"), (0.2, "monopoly"), (0.5, "greedy"), (0.5, "monopoly"))
    ]


def mistakes(folder: Path, source: Path | None, text: str) -> list[str]:
    plan = plan_of(folder, text)
    with pytest.raises(ScenarioError) as caught:
        load_cells(plan, lay_out(plan), folder / "street.toml", source)
    return str(caught.value).splitlines()


WRONG = 'leaders = ["greedy", "gredy"]\n[vary]\nmarket.round_s = [0.2, -1.0]\nduration_s = [10.0, 20.0]\n'


def test_mistakes_of_all_cells_are_told_at_once_each_once(folder: Path) -> None:
    source = folder / "mine.toml"
    assert mistakes(folder, source, 'set = ["radio.tx_power_db=30"]\n' + WRONG) == [
        '--set radio.tx_power_db=30: radio.tx_power_db: 30: unknown key (did you mean "tx_power_dbm"?)',
        f"{source}: leaders: agents.leaders.kind: agent 'gredy': no agent has this name (did you mean \"greedy\"?)",
        f"{source}: vary: market.round_s=-1.0: market.round_s: -1.0: expected 1e-06 to 100000 s",
    ]


def test_a_mistake_names_the_option_where_there_is_no_plan_file(folder: Path) -> None:
    assert mistakes(folder, None, WRONG) == [
        "--leaders: agents.leaders.kind: agent 'gredy': no agent has this name (did you mean \"greedy\"?)",
        "--vary market.round_s=-1.0: market.round_s: -1.0: expected 1e-06 to 100000 s",
    ]


def test_a_mistake_that_comes_of_two_settings_names_the_first_combination(folder: Path) -> None:
    overlap = 'seeds = 1\n[vary]\nfault = [[], [{ rsu = "r1", at_s = 1.0, for_s = 5.0 }]]\n"fault.0.at_s" = [1.0, 2.0]'
    assert mistakes(folder, None, overlap) == [
        *(
            f"--vary fault.0.at_s={at}: fault has no '0', expected a name or 0 to -1 (in fault=[], fault.0.at_s={at})"
            for at in (1.0, 2.0)
        )
    ]


def test_the_studies_that_ship_have_no_mistake(repository: Path) -> None:
    files = sorted((repository / "scenarios" / "studies").glob("*.toml"))
    assert [file.stem for file in files] == ["street-prices", "street-rounds"]
    for file in files:
        plan = load_study(file)
        assert plan.name == file.stem
        cells = lay_out(plan)
        assert len(load_cells(plan, cells, file.parent / plan.scenario, file)) == len(cells) > 1
