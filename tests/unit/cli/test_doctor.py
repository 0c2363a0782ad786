"""`simmig doctor`: what is there is read from the packages' own metadata, and what does not fit is one line."""

import json
import os
from importlib import metadata
from pathlib import Path

import pytest

from simmig.cli.main import main
from simmig.run import surroundings


def test_says_what_is_installed_in_one_json_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SIMMIG_RUNS", str(tmp_path / "not" / "yet"))
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    core = {package["name"]: package for package in found["packages"]["core"]}
    assert core["numpy"] == {
        "name": "numpy",
        "found": metadata.version("numpy"),
        "fits": True,
        "required": core["numpy"]["required"],
    }
    assert {*core["numpy"]["required"].split(",")} == {">=2.0", "<3"}
    assert set(found["packages"]) >= {"core", "learn", "dist", "web", "track", "export"}
    assert not {"test", "bench", "all"} & set(found["packages"])
    assert found["machine"]["threads"]["OMP_NUM_THREADS"] == "3"
    assert found["machine"]["usable_cores"] == len(os.sched_getaffinity(0))
    assert found["machine"]["runs_folder"] == str(tmp_path / "not" / "yet")
    assert found["machine"]["free_byte"] > 0
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("present", "line"),
    [
        ({"numpy": "1.26.4"}, "numpy: 1.26.4, expected <3,>=2.0; pip install -c constraints.txt -e ."),
        ({"numpy": None}, "numpy: not installed, expected <3,>=2.0; pip install -c constraints.txt -e ."),
        ({"torch": "2.5.0"}, "torch: 2.5.0, expected >=2.10; pip install -c constraints.txt -e '.[learn]'"),
    ],
)
def test_what_does_not_fit_is_one_line_and_exit_code_1(
    present: dict[str, str | None],
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        found = present.get(name, metadata.version(name))
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(surroundings, "version", version)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_a_missing_extra_is_no_problem_and_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "ray":
            raise metadata.PackageNotFoundError(name)
        return metadata.version(name)

    monkeypatch.setattr(surroundings, "version", version)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "dist     pip install -c constraints.txt -e '.[dist]'" in out
    assert "no problem found" in out
