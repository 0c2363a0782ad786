"""`simmig list`, `describe` and `schema`."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from simmig.cli.main import main
from simmig.plugins import KINDS, finding

AGENT = '''
from typing import ClassVar
from pydantic import Field
from simmig.contracts import Agent as Player, Information

class Agent(Player):
    """Posts one [price] for ever."""

    information: ClassVar[Information] = "public"
    level: float = Field(default=0.5, ge=0.0, lt=1.0, description="share of the way from cost to cap")
    count: int
    side: str | None = None
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one agent, and the folder that commands run in."""
    package = tmp_path / f"listed_{tmp_path.name}"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "posted.py").write_text(AGENT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    agents = EntryPoint("listed", package.name, "simmig.agents")
    monkeypatch.setattr(finding, "entry_points", lambda group: [agents] if group == agents.group else [])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.strip()


def test_list_shows_names_and_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "list", "agents") == (
        "agents (price bandwidth, or buy it)\n  posted  Posts one [price] for ever.\n"
    )
    everything = printed(capsys, "list")
    assert all(f"{kind} (" in everything for kind in [*KINDS, "scenarios"])
    assert "  log_distance  " in everything


def test_list_wraps_long_summaries_under_their_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = printed(capsys, "list", "channels").splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert any(line.startswith(" " * len("  log_distance  ")) for line in lines)


def test_list_as_json(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    document = json.loads(printed(capsys, "list", "agents", "--json"))
    file = folder / f"listed_{folder.name}" / "posted.py"
    assert document == {
        "schema": 1,
        "agents": [{"name": "posted", "file": str(file), "summary": "Posts one [price] for ever."}],
    }
    assert list(json.loads(printed(capsys, "list", "--json"))) == ["schema", *KINDS, "scenarios"]


def test_list_scenarios_here_even_those_that_cannot_be_read(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "scenarios" / "papers").mkdir(parents=True)
    (folder / "scenarios" / "a.toml").write_text('name = "first"\ndescription = "two\\nlines"')
    (folder / "scenarios" / "b.toml").write_text("name = ")
    (folder / "scenarios" / "papers" / "c.toml").write_text('name = "third"')
    (folder / "scenarios" / "d.toml").write_bytes(b"\xff")
    found = json.loads(printed(capsys, "list", "scenarios", "--json"))["scenarios"]
    here = {entry["name"]: entry["summary"] for entry in found if entry["name"].startswith("scenarios/")}
    assert list(here) == [f"scenarios/{name}.toml" for name in ("a", "b", "d", "papers/c")]
    assert here["scenarios/a.toml"] == "two lines"
    assert here["scenarios/papers/c.toml"] == "third"
    assert here["scenarios/b.toml"].startswith("cannot be read: scenarios/b.toml:1: not TOML: invalid value")
    assert here["scenarios/d.toml"].startswith("cannot be read: ")


def test_list_of_an_unknown_kind(capsys: pytest.CaptureFixture[str]) -> None:
    expected = "expected agents, channels, formats, games, triggers or scenarios"
    assert refused(capsys, "list", "agnts") == f"simmig list 'agnts': {expected} (did you mean \"agents\"?)"


def test_describe_shows_settings_and_information(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    file = folder / f"listed_{folder.name}" / "posted.py"
    assert printed(capsys, "describe", "posted").splitlines() == [
        f"agents/posted  ({file})",
        "",
        "Posts one [price] for ever.",
        "",
        "information: public",
        "",
        "  setting  type                 default",
        "  level    number >= 0 and < 1  0.5       share of the way from cost to cap",
        "  count    whole number         required",
        "  side     text | null          null",
    ]
    assert printed(capsys, "describe", "agents/posted") == printed(capsys, "describe", "posted")
    assert "no settings" in printed(capsys, "describe", "free_space")


def test_describe_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    [document] = json.loads(printed(capsys, "describe", "channels/constant", "--json"))["plugins"]
    assert document["settings"][0] | {"description": ""} == {
        "name": "gain_db",
        "type": "number",
        "default": None,
        "required": True,
        "description": "",
    }
    assert "information" not in document


def test_describe_a_name_of_several_kinds_shows_them_all(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / f"listed_{folder.name}" / "constant.py").write_text(AGENT)
    text = printed(capsys, "describe", "constant")
    assert "agents/constant" in text
    assert "channels/constant" in text


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("postd", "simmig describe 'postd': expected a plug-in or a scenario file *.toml (did you mean \"posted\"?)"),
        ("agents/postd", "agent 'postd': no agent has this name (did you mean \"posted\"?)"),
        ("x/y", "simmig describe 'x/y': expected a plug-in or a scenario file *.toml"),
        ("none.toml", "none.toml: no such file"),
    ],
)
def test_describe_nothing(capsys: pytest.CaptureFixture[str], name: str, line: str) -> None:
    assert refused(capsys, "describe", name) == line


def test_describe_a_scenario_shows_every_setting(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "own.py").write_text(
        "from simmig.contracts import Plugin\nclass Trigger(Plugin):\n    m_m: float = 1.0\n"
    )
    for name in ("cars.csv", "rsus.csv"):
        (folder / name).write_text("")
    (folder / "s.toml").write_text(
        'schema = 1\nname = "s"\n[[fleet]]\nname = "cars"\nkind = "av"\ntrace = { path = "cars.csv" }\n'
        "twin = { size_bit = { uniform = [1, 2] }, cycles = 5e9 }\n[rsus]\npath = 'rsus.csv'\n"
        "[migration]\ntrigger = { kind = 'own.py' }\n"
    )
    lines = printed(capsys, "describe", "s.toml", "--set", "fleet.cars.twin.count=3").splitlines()
    for line in (
        "schema = 1",
        'fleet.0.name = "cars"',
        "fleet.0.twin.size_bit.uniform = [1.0, 2.0]",
        "fleet.0.twin.count = 3",
        "migration.trigger.m_m = 1.0",
        "migration.retry_s = 1.0",
    ):
        assert line in lines
    document = json.loads(printed(capsys, "describe", "s.toml", "--json"))
    assert document["fleet"][0]["twin"]["size_bit"] == {"uniform": [1.0, 2.0]}


def test_schema_goes_to_standard_output_or_a_file(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    document = json.loads(printed(capsys, "schema"))
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert '"const": "posted"' in json.dumps(document)
    assert printed(capsys, "schema", "--out", "schema.json") == "schema.json\n"
    assert json.loads((folder / "schema.json").read_text()) == document
    assert (
        refused(capsys, "schema", "--out", "no/such/file")
        == "simmig schema --out no/such/file: No such file or directory"
    )
