"""What a plan leaves in its folder: the table as JSON and Markdown, the numbers behind the picture as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from simmig.compare.plans.findings import Row
from simmig.compare.plans.results import Results
from simmig.errors import InputError, RunError

_POINTS = ("sweep", "series", "place", "agent", "seed", "measure", "value")
_HEADER = ("statement of the paper", "ours", "equilibrium solved", "verdict", "why")


def document_of(name: str, results: Results, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the table as a JSON document; the documentation is made from it."""
    plan = results.plan
    return {
        "schema": 1,
        "name": name,
        "paper": plan.paper,
        "figure": plan.figure,
        "title": plan.title,
        "size": results.size,
        "seeds": results.seeds,
        "agents": [{"label": agent.label, "name": agent.name, "recipe": agent.recipe} for agent in plan.agent],
        "trainings": sum(end.is_learned for ended in results.ended.values() for end in ended),
        "remarks": list(plan.remarks),
        "rows": [
            {
                "statement": row.statement,
                "ours": row.finding.ours,
                "equilibrium": row.finding.solved,
                "verdict": row.finding.verdict,
                "why": row.finding.why,
            }
            for row in rows
        ],
    }


def markdown_of(document: dict[str, Any]) -> str:
    """Return the table as a section of Markdown."""
    size = "Full run" if document["size"] == "full" else "Quick run, trainings too short to judge agents by"
    lines = [
        f"## {document['name']}: {document['figure']} of {document['paper']}",
        "",
        f"{document['title']}. {size}: {_seeds(document)}, {document['trainings']} trainings.",
        "",
        *(f"- {remark}" for remark in document["remarks"]),
        *([""] if document["remarks"] else []),
        "| " + " | ".join(_HEADER) + " |",
        "|" + "---|" * len(_HEADER),
        *(
            "| " + " | ".join(_cell(row[key]) for key in ("statement", "ours", "equilibrium", "verdict", "why")) + " |"
            for row in document["rows"]
        ),
    ]
    return "\n".join(lines) + "\n"


def _seeds(document: dict[str, Any]) -> str:
    count = int(document["seeds"])
    return f"{count} seed{'s' if count != 1 else ''}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or "–"


def write_results(name: str, results: Results, rows: Sequence[Row], folder: Path) -> dict[str, Any]:
    """Write table.json, table.md, points.csv and, if there are learning curves, curves.csv; return the table."""
    document = document_of(name, results, rows)
    try:
        (folder / "table.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        (folder / "table.md").write_text(markdown_of(document), encoding="utf-8")
        _write_csv(
            folder / "points.csv", ("sweep", "series", "place", "agent", "seed", "measure", "value"), _ends(results)
        )
        if results.plan.curves is not None:
            _write_csv(folder / "curves.csv", ("agent", "seed", "iteration", "measure", "value"), _curves(results))
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror})") from None
    return document


def read_document(folder: Path) -> dict[str, Any]:
    """Return the table in a folder; raises InputError if there is none."""
    path = folder / "table.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path}: cannot be read; expected a table that `simmig reproduce` wrote") from None
    if not isinstance(document, dict) or document.get("schema") != 1 or "rows" not in document:
        raise InputError(f"{path}: not a table; expected one that `simmig reproduce` wrote")
    return document


def documentation(folders: Sequence[Path]) -> str:
    """Return the page that holds the tables in these folders, in the order of their names."""
    documents = sorted((read_document(folder) for folder in folders), key=lambda document: str(document["name"]))
    verdicts = ("reproduced", "shape only", "not reproduced")
    lines = ["| figure | run | " + " | ".join(verdicts) + " |", "|---|---|---|---|---|"]
    for document in documents:
        counts = [sum(row["verdict"] == verdict for row in document["rows"]) for verdict in verdicts]
        run = f"{document['size']}, {_seeds(document)}"
        lines.append(f"| {document['name']} | {run} | " + " | ".join(map(str, counts)) + " |")
    return _PAGE + "\n".join(lines) + "\n\n" + "\n".join(map(markdown_of, documents))


_PAGE = """# The papers' figures

This page is made by `simmig reproduce --docs` from tables that `simmig reproduce NAME` wrote; nothing in it is written
by hand. Every figure has a plan in `scenarios/papers/`, which says what is played and how each statement is checked.

*Reproduced*: it holds for what our agents came to and, where the statement is about the game, at the equilibrium.
*Shape only*: the order or the direction is right, but not the numbers, or not every step, or not with every draw of
the seeds. *Not reproduced*: it does not come out, for the reason given. Differences between agents are paired seed by
seed; they count only if the 95 % bootstrap interval of their mean leaves out zero.

A *quick* run cuts trainings short: what it says of agents is no verdict on them, only that the plan works; what it says
of the equilibrium is the same as in a full run. Statements per verdict:

"""


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _ends(results: Results) -> Iterable[tuple[object, ...]]:
    """Yield every measure of every outcome; the equilibrium counts as an agent."""
    for (sweep, line, place), solved in results.solved.items():
        for seed, measures in enumerate(solved):
            yield from ((sweep, line, place, "equilibrium", seed, name, value) for name, value in measures.items())
    for (agent, (sweep, line, place)), ended in results.ended.items():
        for seed, each in enumerate(ended):
            yield from ((sweep, line, place, agent, seed, name, value) for name, value in each.end.items())


def _curves(results: Results) -> Iterable[tuple[object, ...]]:
    for (agent, _), ended in results.ended.items():
        for seed, each in enumerate(ended):
            for name, values in each.curves.items():
                yield from ((agent, seed, x, name, value) for x, value in zip(each.x, values, strict=True))
