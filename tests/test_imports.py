"""What gets imported when: commands stay quick, and nobody pays for a library that the run does not use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "scipy",
    "pandas",
    "duckdb",
    "matplotlib",
    "networkx",
    "shapely",
    "pyproj",
    "pyulog",
    "jinja2",
    "simpy",
)

# The last line on standard output, whatever the program itself prints.
REPORT = """
import json, sys
print()
print(json.dumps({"code": globals().get("code") or 0, "modules": sorted(sys.modules)}))
"""
COMMAND = (
    """
import sys
sys.argv = ["simmig", *sys.argv[1:]]
from simmig.cli.main import main
try:
    code = main()
except SystemExit as stop:
    code = stop.code
"""
    + REPORT
)


def modules_after(code: str, *arguments: str) -> tuple[int, set[str]]:
    """Run Python code in a new process; return the exit code it reports and the modules it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    return report["code"], set(report["modules"])


def test_import_simmig_imports_next_to_nothing() -> None:
    _, modules = modules_after(f"import simmig\n{REPORT}")
    assert "simmig" in modules
    assert modules.isdisjoint((*HEAVY, "numpy", "pydantic"))


def test_a_public_name_is_imported_when_it_is_used() -> None:
    _, modules = modules_after(f"import simmig\nsimmig.stream\n{REPORT}")
    assert "simmig.rng" in modules
    assert "simmig.contracts" not in modules


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_import_no_heavy_library(arguments: list[str]) -> None:
    code, modules = modules_after(COMMAND, *arguments)
    assert code == 0
    assert "simmig.cli.main" in modules
    assert modules.isdisjoint((*HEAVY, "numpy"))


def test_an_analytic_run_imports_neither_torch_nor_pyplot(repository: Path, tmp_path: Path) -> None:
    scenario = repository / "scenarios" / "street.toml"
    code, modules = modules_after(COMMAND, "run", str(scenario), "--out", str(tmp_path / "street"))
    assert code == 0
    assert (tmp_path / "street" / "run.json").is_file()
    assert "simmig.engine.simulation" in modules
    assert modules.isdisjoint(("torch", "matplotlib.pyplot"))
