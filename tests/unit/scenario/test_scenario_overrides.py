"""`--set path=value`: where it goes, what it may be, and what is said when it cannot."""

import tomllib
from typing import Any

import pytest

from simmig.errors import ScenarioError
from simmig.scenario.overrides import apply_overrides

TEXT = """
seed = 1
[[fleet]]
name = "cars"
twin = { cycles = 5e9 }
[[fleet]]
name = "bikes"
twin = { cycles = 1e9 }
[rsus]
unit = [ { id = "r.1", x_m = 1.0 }, { id = "r2", x_m = 2.0 } ]
"""


def changed(*overrides: str) -> dict[str, Any]:
    raw = tomllib.loads(TEXT)
    apply_overrides(raw, overrides)
    return raw


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.5e2", 350.0),
        ("true", True),
        ('"a b"', "a b"),
        ("best", "best"),
        ("a/b-c.csv", "a/b-c.csv"),
        ("{ uniform = [1, 2] }", {"uniform": [1, 2]}),
        ("[1, 2]", [1, 2]),
        ("a=b", "a=b"),
        ("1.2.3", "1.2.3"),
        (" 4 ", 4),
    ],
)
def test_values_are_toml_and_bare_words_are_text(text: str, value: object) -> None:
    assert changed(f"seed={text}")["seed"] == value


def test_elements_go_by_index_name_or_id() -> None:
    raw = changed("fleet.0.twin.cycles=1", "fleet.bikes.twin.cycles=2", 'rsus.unit."r.1".x_m=3', "rsus.unit.r2.x_m=4")
    assert [fleet["twin"]["cycles"] for fleet in raw["fleet"]] == [1, 2]
    assert [unit["x_m"] for unit in raw["rsus"]["unit"]] == [3, 4]


def test_tables_on_the_way_are_made() -> None:
    assert changed("radio.noise.kind=fixed")["radio"] == {"noise": {"kind": "fixed"}}


def test_the_last_of_two_wins_and_both_know_their_place() -> None:
    raw = tomllib.loads(TEXT)
    assert apply_overrides(raw, ["fleet.bikes.kind=uav", "seed=2", "seed=3"]) == {
        ("fleet", 1, "kind"): "fleet.bikes.kind=uav",
        ("seed",): "seed=3",
    }
    assert raw["seed"] == 3


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("seed", "--set seed: expected path=value, such as market.round_s=0.5"),
        ("=3", "--set =3: expected a dotted path before the equals sign"),
        ("a b=3", "--set a b=3: expected a dotted path before the equals sign"),
        ("seed=", "--set seed=: expected a TOML value after the equals sign"),
        ("seed=[1", "--set seed=[1: expected a TOML value after the equals sign"),
        ("seed=1\nname='x'", "--set \"seed=1\\nname='x'\": expected a TOML value after the equals sign"),
        ("seed.x=1", "--set seed.x=1: seed is a single value, expected a table"),
        (
            "fleet.crs.kind=uav",
            "--set fleet.crs.kind=uav: fleet has no 'crs' (did you mean \"cars\"?), expected a name or 0 to 1",
        ),
        ("fleet.2.kind=uav", "--set fleet.2.kind=uav: fleet has no '2', expected a name or 0 to 1"),
        ("fleet.-1.kind=uav", "--set fleet.-1.kind=uav: fleet has no '-1', expected a name or 0 to 1"),
    ],
)
def test_an_override_that_goes_nowhere_is_one_line(override: str, text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        changed(override)
    assert str(caught.value) == text
