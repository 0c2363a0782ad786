"""The page: what ran, its key numbers, figures and tables, in one file that needs no network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from simmig.report.drawing import Drawing
from simmig.report.figures import delay_figure, experience_figure, formula_figure, gap_figure
from simmig.report.map import map_figure
from simmig.report.market import market_figure
from simmig.report.numbers import duration, number, shorten
from simmig.report.tables import (
    Fact,
    Table,
    delay_table,
    experience_table,
    fleet_table,
    key_facts,
    market_table,
    outcome_bars,
    rsu_table,
)

if TYPE_CHECKING:
    import pandas as pd

_SCENARIO_CHARACTERS = 60_000  # of the scenario as resolved; run.json holds all of it


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its anchor; `empty` is said where there is nothing to show."""

    anchor: str
    title: str
    drawings: tuple[Drawing | None, ...]
    tables: tuple[Table, ...]
    empty: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether no figure and no row would be shown."""
        return not any(self.drawings) and not any(table.rows for table in self.tables)


def render(tables: dict[str, pd.DataFrame], run: dict[str, Any], summary: dict[str, Any]) -> str:
    """Return the report of a run as one HTML document.

    `tables` and `run` are those of the run folder, `summary` is what `metrics.summarise` makes of them. The
    page asks nothing of any server, has no script, and is the same text for the same input.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("simmig.report").joinpath("template.html").read_text("utf-8"))
    return template.render(
        style=page_style(),
        name=shorten(str(run["scenario"]["name"]), 120),
        description=str(run["scenario"].get("description") or ""),
        is_partial=run["status"] != "complete",
        simulated=duration(summary["simulated_s"], 4),
        command=f"simmig run SCENARIO.toml --seed {run['seed']}",
        origin=_origin(run),
        scenario=_scenario_text(run["scenario"]),
        facts=key_facts(summary),
        bars=outcome_bars(summary),
        requests=number(summary["requests"]),
        sections=_sections(tables, summary),
    )


def page_style() -> Markup:
    """Return the style sheet of simmig's pages."""
    return Markup(files("simmig.report").joinpath("page.css").read_text("utf-8"))


def _origin(run: dict[str, Any]) -> list[Fact]:
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    agents = ", ".join(f"{side}: {agent}" for side, agent in run["agents"].items())
    return [
        Fact("seed", str(run["seed"])),
        Fact("agents", agents or "none: the scenario has no market"),
        Fact("digest of the log", str(run["digest"] or "none: the run was interrupted")),
        Fact("simmig", f"{run['simmig_version']}, results version {run['results_version']}"),
        Fact("source revision", str(run["git_revision"] or "installed package")),
        Fact("with", f"Python {run['python']}, {versions}"),
        Fact("started", f"{run['started_utc']}, took {duration(run['wall_s'])}"),
    ]


def _scenario_text(scenario: dict[str, Any]) -> str:
    text = json.dumps(scenario, indent=2, ensure_ascii=False)
    if len(text) <= _SCENARIO_CHARACTERS:
        return text
    return f"{text[:_SCENARIO_CHARACTERS]}\n… cut here; run.json has all {number(len(text))} characters"


def _sections(tables: dict[str, pd.DataFrame], summary: dict[str, Any]) -> list[Section]:
    migrations, rounds = tables["migrations"], tables["rounds"]
    has_market = summary["market"]["rounds"] > 0
    fleets = fleet_table(tables, summary["simulated_s"])
    return [
        Section(
            "delay",
            "Migration delay",
            (delay_figure(migrations), formula_figure(migrations)),
            (delay_table(summary),) if summary["delay_s"]["total"]["n"] else (),
            "No migration was completed, so there is no delay to show.",
        ),
        Section(
            "market",
            "Prices and demand",
            (market_figure(rounds), gap_figure(rounds)),
            (market_table(summary),) if has_market else (),
            "No pricing round was held.",
        ),
        Section("map", "Map", (map_figure(tables),), (), "The run had no RSU."),
        Section("rsus", "Road-side units", (), (rsu_table(tables["rsus"]),), "The run had no RSU."),
        Section(
            "experience",
            "Quality of experience",
            (experience_figure(tables),),
            (experience_table(summary), fleets) if fleets.rows else (),
            "The run had no vehicle.",
        ),
    ]
