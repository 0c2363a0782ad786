"""Plug-ins: found without being imported, named in three ways, and every failure told in one line."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import BaseModel

from simmig.contracts import Agent, Channel
from simmig.errors import PluginError
from simmig.plugins import KINDS, available, finding, load, plugin_class, summary

AGENT = '''
"""A file of a plug-in author."""
from simmig.contracts import Agent as Player

class Agent(Player):
    """Posts one price.

    More about it.
    """

    level: float = 0.5

class Other(Agent):
    """Another."""
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An author's package of agents, named by an entry point as after its installation."""
    name = f"authors_{tmp_path.name}"
    folder = tmp_path / name / "agents"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    named = {"simmig.agents": f"{name}.agents"}

    def entries(group: str) -> list[EntryPoint]:
        return [EntryPoint("authors", named[group], group)] if group in named else []

    monkeypatch.setattr(finding, "entry_points", entries)
    return folder


def refused(*arguments: object) -> str:
    with pytest.raises(PluginError) as caught:
        load(*arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) or len(arguments) > 2
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_builtin_plugin_has_a_summary_and_loads_under_its_name(kind: str) -> None:
    if kind != "agents":
        assert available(kind)
    for name, file in available(kind).items():
        found = plugin_class(kind, name)
        assert Path(file).stem == name
        assert issubclass(found, KINDS[kind].base)
        assert summary(kind, file) == (found.__doc__ or "").split("\n")[0] != ""


def test_a_new_file_is_a_new_plugin_and_is_not_imported_to_be_listed(package: Path) -> None:
    assert available("agents") == {}
    (package / "fixed.py").write_text("raise RuntimeError('imported')" + AGENT)
    (package / "_helper.py").write_text(AGENT)
    (package / "notes.py").write_text("# class Agent is not here\n")
    (package / "text.txt").write_text(AGENT)
    (package / "broken.py").write_text("class Agent(:\n")
    assert available("agents") == {"broken": str(package / "broken.py"), "fixed": str(package / "fixed.py")}
    assert summary("agents", str(package / "fixed.py")) == "Posts one price."
    assert summary("agents", str(package / "broken.py")).startswith("cannot be used: ")
    assert not any(name.startswith(package.parent.name) for name in sys.modules if name.endswith(".fixed"))


def test_a_name_means_a_file_a_module_or_a_path(package: Path, tmp_path: Path) -> None:
    (package / "fixed.py").write_text(AGENT)
    module = f"{package.parent.name}.agents.fixed"
    named = load("agents", "fixed", {"level": 0.25})
    assert isinstance(named, Agent)
    assert named.model_dump() == {"level": 0.25}
    assert plugin_class("agents", f"{module}:Agent") is type(named)
    assert plugin_class("agents", f"{module}:Other").__name__ == "Other"
    (tmp_path / "mine.py").write_text(AGENT)
    assert plugin_class("agents", "mine.py:Other", tmp_path).__name__ == "Other"
    assert plugin_class("agents", "mine.py", tmp_path).__name__ == "Agent"
    assert plugin_class("agents", str(tmp_path / "mine.py")).__name__ == "Agent"


def test_a_file_gives_the_same_class_until_it_changes(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(AGENT)
    first = plugin_class("agents", "mine.py", tmp_path)
    assert plugin_class("agents", "mine.py", tmp_path) is first
    (tmp_path / "mine.py").write_text(AGENT.replace("0.5", "0.75"))
    second = plugin_class("agents", "mine.py", tmp_path)
    assert second().model_dump() == {"level": 0.75}
    assert first().model_dump() == {"level": 0.5}
    assert sys.modules[first.__module__] is not sys.modules[second.__module__]


def test_an_unknown_name_comes_with_the_nearest_right_one(package: Path) -> None:
    assert refused("agents", "fixd") == "agent 'fixd': no agent has this name (there are: none installed)"
    (package / "fixed.py").write_text(AGENT)
    assert refused("agents", "fixd") == "agent 'fixd': no agent has this name (did you mean \"fixed\"?)"
    assert refused("channels", "xyz") == (
        "channel 'xyz': no channel has this name (there are: constant, free_space, log_distance)"
    )


def test_a_file_that_has_changed_is_looked_at_again(package: Path) -> None:
    (package / "fixed.py").write_text("class Agents: ...\n")
    assert available("agents") == {}
    (package / "fixed.py").write_text(AGENT)
    assert list(available("agents")) == ["fixed"]
    (package / "fixed.py").unlink()
    assert available("agents") == {}


def test_a_name_that_two_packages_have_must_be_written_out(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package / "fixed.py").write_text(AGENT)
    second = package.parent / "more"
    second.mkdir()
    for name in ("__init__.py", "fixed.py"):
        (second / name).write_text((package / name).read_text())
    parent = package.parent.name
    both = [EntryPoint(name, f"{parent}.{name}", "simmig.agents") for name in ("more", "agents")]
    monkeypatch.setattr(finding, "entry_points", lambda group: both)
    assert available("agents") == {"fixed": str(package / "fixed.py")}
    assert refused("agents", "fixed") == (
        "agent 'fixed': more than one has this name, expected "
        f'"{parent}.agents.fixed:Agent" or "{parent}.more.fixed:Agent"'
    )
    assert load("agents", f"{parent}.more.fixed:Agent")


def test_an_entry_point_to_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("no_such_package", "no_such.package", "json.decoder"):
        monkeypatch.setattr(finding, "entry_points", lambda group, value=value: [EntryPoint("x", value, group)])
        with pytest.raises(PluginError, match=f"^entry point simmig.agents names '{value}', expected an installed"):
            available("agents")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("\nimport no_such_module\n", ":2: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def f(:\n", ":1: SyntaxError: invalid syntax"),
        ("x = 1\ny = {}['a']\n", ":2: KeyError: 'a'"),
        ("def f():\n    raise ValueError('two\\nlines')\n\nf()\n", ":2: ValueError: two lines"),
        ("import sys\nsys.exit(3)\n", ":2: SystemExit: 3"),
        ("import json\n\njson.loads('{')\n", ":3: JSONDecodeError: Expecting property name"),
        (
            "from pydantic import BaseModel\nclass Agent(BaseModel):\n    x = 3\n",
            ":2: PydanticUserError: A non-annotated",
        ),
    ],
)
def test_a_file_that_breaks_is_told_with_its_line(tmp_path: Path, body: str, text: str) -> None:
    (tmp_path / "mine.py").write_text(body)
    line = refused("agents", "mine.py", None, tmp_path)
    assert line.startswith(f"agent 'mine.py': {tmp_path / 'mine.py'}{text}")
    assert "\n" not in line
    assert refused("agents", "mine.py", None, tmp_path) == line
    (tmp_path / "mine.py").write_text(AGENT)  # mended, it loads in the same process
    assert load("agents", "mine.py", None, tmp_path)


def test_a_missing_extra_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (package / "learned.py").write_text("import torch\n" + AGENT)
    assert refused("agents", "learned").endswith(" (pip install 'simmig[learn]')")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.py:Nobody", "mine.py: expected a class Nobody, there is none"),
        ("mine.py:Player", None),
        ("mine.py:model", "mine.py: expected a class model, there is none"),
        ("none.py", "agent 'none.py': cannot read none.py: No such file or directory"),
        ("pydantic:BaseModel", "class BaseModel must inherit simmig.contracts.Agent"),
        ("json:JSONDecoder", "module json is a part of Python; expected one that defines a plug-in"),
        ("no.such.module:Agent", "agent 'no.such.module:Agent': ModuleNotFoundError: No module named 'no'"),
        (":Agent", "agent ':Agent': ValueError: Empty module name"),
        ("", "agent '': no agent has this name"),
    ],
)
def test_what_is_no_plugin(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(AGENT + "\nmodel = 3\n")
    if text is None:
        assert plugin_class("agents", name) is Agent
    else:
        assert text in refused("agents", name)


def test_settings_that_are_refused_are_one_line_each() -> None:
    assert refused("channels", "log_distance", {"exponent": "x", "reference_m": 0, "exponnt": 1}).splitlines() == [
        "channel 'log_distance': exponent: 'x': expected a number",
        "channel 'log_distance': reference_m: 0: expected more than 0",
        "channel 'log_distance': exponnt: 1: unknown key (did you mean \"exponent\"?)",
    ]
    assert refused("channels", "constant") == "channel 'constant': gain_db: missing, and it has no default"


def test_a_check_of_settings_that_breaks_is_told_with_its_line(tmp_path: Path) -> None:
    check = "\n    def model_post_init(self, context):\n        return 1 / 0\n"
    (tmp_path / "mine.py").write_text(AGENT.replace("    level: float = 0.5\n", f"    level: float = 0.5\n{check}"))
    line = refused("agents", "mine.py", None, tmp_path)
    assert line == f"agent 'mine.py': {tmp_path / 'mine.py'}:14: ZeroDivisionError: division by zero"


def test_a_plugin_is_a_model_of_its_kind() -> None:
    assert isinstance(load("channels", "free_space"), Channel)
    assert issubclass(plugin_class("channels", "free_space"), BaseModel)
