"""The public surface: the names that `simmig` exports are frozen here, and the version agrees everywhere."""

import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

import simmig

PUBLIC = [
    "Agent",
    "Channel",
    "FollowerView",
    "Game",
    "InputError",
    "LeaderView",
    "RunError",
    "RunResult",
    "Scenario",
    "SimmigError",
    "Trace",
    "__version__",
    "load_scenario",
    "run_scenario",
    "stream",
]


def test_the_public_names_are_these() -> None:
    assert simmig.__all__ == PUBLIC
    assert sorted(PUBLIC) == PUBLIC
    assert dir(simmig) == PUBLIC


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_a_public_name_is_the_object_of_its_home_module(name: str) -> None:
    found = getattr(simmig, name)
    expected = "run" if name == "run_scenario" else name
    assert found.__name__ == expected
    assert found.__module__.startswith("simmig.")
    assert found.__doc__


def test_no_public_name_hides_a_module() -> None:
    # Importing simmig.x binds x in simmig: a function of that name would come and go with the imports.
    modules = {module.name for module in pkgutil.iter_modules(simmig.__path__)}
    assert modules.isdisjoint(simmig.__all__)
    assert "errors" in modules


def test_an_unknown_name_is_an_attribute_error_that_lists_the_public_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'load_scenery'.*load_scenario, run_scenario"):
        simmig.load_scenery  # noqa: B018


def test_every_plug_in_contract_is_the_same_object_as_in_contracts() -> None:
    from simmig import contracts

    assert simmig.Agent is contracts.Agent
    assert simmig.Game is contracts.Game
    assert simmig.Channel is contracts.Channel


def test_the_version_is_the_same_in_every_file(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = re.search(r"^version: (.+)$", (repository / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    released = re.findall(r"^## \[(\d.*?)\]", (repository / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation is not None
    assert simmig.__version__ == project["version"] == citation[1] == released[0]
