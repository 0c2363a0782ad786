"""Write golden.json again: `python tests/golden/update.py`, after a change of results that CHANGELOG.md explains."""

import json
import tempfile
from pathlib import Path

from simmig.run import run
from simmig.scenario import load_scenario

HERE = Path(__file__).resolve().parent
SCENARIOS = HERE.parents[1] / "scenarios"


def figures(scenario: Path) -> dict[str, object]:
    """Return what is kept of a run: its digest, and the numbers that tell people what moved."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(load_scenario(scenario), out=Path(folder) / "run")
    summary = result.summary
    return {
        "digest": result.digest,
        "requests": summary["requests"],
        "outcomes": {name: count for name, count in summary["outcomes"].items() if count},
        "total_delay_mean_s": summary["delay_s"]["total"]["mean"],
        "interruption_mean_s": summary["interruption"]["per_migration_s"]["mean"],
        "price_mean": summary["market"]["price"]["demand_weighted_mean"],
        "immersion_mean": summary["qoe"]["immersion_mean"],
    }


if __name__ == "__main__":
    found = {path.stem: figures(path) for path in sorted(SCENARIOS.glob("*.toml"))}
    (HERE / "golden.json").write_text(json.dumps(found, indent=2) + "\n")
