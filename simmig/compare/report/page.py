"""One HTML file about many runs; it asks nothing of any server."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from simmig.compare.report import figures, origin, tables
from simmig.compare.report.curves import curves_figure
from simmig.compare.report.grouping import Study
from simmig.compare.report.judging import Judgement, judge
from simmig.compare.report.painting import Look
from simmig.compare.statistics import Resampling
from simmig.errors import InputError
from simmig.report.drawing import Drawing
from simmig.report.html import page_style
from simmig.report.numbers import number, shorten
from simmig.report.tables import Fact, Table
from simmig.run.folder import replace_text

if TYPE_CHECKING:
    import pandas as pd

MOST_SETTINGS = 4  # whose figures are drawn; verdicts and tables are of all
_RESAMPLES = 2000  # of profiles and of probabilities of improvement
_TITLE = 120


@dataclass(frozen=True, slots=True)
class Part:
    """A figure and tables of one setting; `setting` is empty if there is one only."""

    setting: str
    drawing: Drawing | None = None
    tables: Sequence[Table] = ()
    summary: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with its anchor; `of_agents` says that its legends are of the agents."""

    anchor: str
    title: str
    parts: Sequence[Part]
    note: str = ""
    of_agents: bool = True


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of one setting."""

    setting: str
    lines: Sequence[tables.Line]


def write_report(rows: pd.DataFrame, facts: Mapping[str, Any], out: Path) -> Path:
    """Write the report of a study to the file `out` and return it.

    `rows` has one row for each run: the columns `seed`, `key`, `folder` (None without one), `status` ("done", or the
    cause of the failure), `message` (of a failure; may be missing), one for each measure by its name in MEASURES, and
    before all of these the labels of the cell, as text, in the order in which they are to be shown.

    `facts` may have: `title`, `description`, `command` (what makes the study again), `compare` (which labels tell the
    agents apart; else those of "leaders", "followers", "agent" that there are, else all labels), `reference` (the
    agent that others are compared with; else every pair is compared), `measures` (names, those judged; else MAIN),
    `seed` (of the resampling), `confidence`, `plan` (text of the plan).

    Raises InputError for labels, measures or a reference that there are not, and if `out` cannot be written.
    """
    text = render(rows, facts)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place with --out") from None
    replace_text(out, text)
    return out


def render(rows: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """Return the report as one HTML document, the same text for the same runs and facts; see `write_report`."""
    from jinja2 import Environment, StrictUndefined

    resampling = Resampling(int(facts.get("seed", 0)), confidence=float(facts.get("confidence", 0.95)))
    study = Study.of(rows, facts)
    judged, look, found = judge(study, resampling), Look(study.agents), origin.sources(study)
    here, script = files("simmig.compare.report"), _file("script.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(here.joinpath("template.html").read_text("utf-8")).render(
        title=shorten(str(facts.get("title") or "Comparison"), _TITLE),
        description=str(facts.get("description") or ""),
        warnings=_warnings(study, origin.versions_of(found)),
        summary=_summary(study, judged),
        legend=look.legend(),
        verdicts=[
            Verdicts(setting, tables.verdict_lines(_of(judged, setting), study.agents)) for setting in study.settings
        ],
        sections=_sections(study, judged, look, found, resampling),
        failures=tables.failure_table(study),
        failure_text=(*range(len(study.labels)), len(study.labels) + 1, len(study.labels) + 2),
        command=str(facts.get("command") or ""),
        origin=_origin(study, origin.versions_of(found)),
        methods=origin.methods(_drawn(resampling), sum(len(of.comparisons) for of in judged)),
        papers=origin.papers_of(found),
        plan=str(facts.get("plan") or ""),
        runs=tables.run_table(study),
        run_text=tuple(range(len(study.labels))),
        style=page_style(),
        own_style=Markup(_file("study.css")),
        script=Markup(script),
        script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
    )


def _drawn(resampling: Resampling) -> Resampling:
    """Return how what is drawn or told to two digits is resampled: less often."""
    return replace(resampling, resamples=_RESAMPLES)


def _file(name: str) -> str:
    return files("simmig.compare.report").joinpath(name).read_text("utf-8")


def _of(judged: Sequence[Judgement], setting: str) -> list[Judgement]:
    return [of for of in judged if of.setting == setting]


def _warnings(study: Study, versions: Sequence[str]) -> list[str]:
    found = []
    if not all(study.is_done):
        found.append(
            f"Only {tables.share_done(study)} of the runs have a result; everything below is about those. See Failures."
        )
    if len(versions) > 1:
        found.append(f"The runs were made with {len(versions)} different sets of versions, listed at the end.")
    return found


def _summary(study: Study, judged: Sequence[Judgement]) -> str:
    comparisons = sum(len(of.comparisons) for of in judged)
    settings = f" in {number(len(study.settings))} settings" if len(study.settings) > 1 else ""
    return (
        f"{number(len(study.agents))} agents{settings}, {number(sum(study.is_done))} runs. Values are means over the "
        f"runs with their interval. Verdicts are corrected for all {number(comparisons)} comparisons made here."
    )


def _sections(
    study: Study, judged: Sequence[Judgement], look: Look, found: Sequence[origin.Source], resampling: Resampling
) -> list[Section]:
    drawn = _drawn(resampling)

    def by_setting(draw: Callable[[str, str], Drawing | None], name: str) -> list[Part]:
        made = [(s, draw(s, f"{name}-{k}")) for k, s in enumerate(study.settings[:MOST_SETTINGS])]
        return [Part(setting, drawing) for setting, drawing in made if drawing is not None]

    by_name = figures.settings_figure(study, judged, look, "settings", resampling)
    curves = curves_figure(found, look, "curves")
    sections = [
        Section("settings", "Across settings", [Part("", by_name)] if by_name else []),
        Section("differences", "Differences", _differences(study, judged, drawn), of_agents=False),
        Section("delay", "Delay", by_setting(lambda s, n: figures.delay_figure(study, s, look, n), "delay")),
        Section(
            "paths",
            "Price and demand",
            by_setting(lambda s, n: figures.paths_figure(study, s, look, n, resampling), "paths"),
        ),
        Section(
            "profiles",
            "Performance profiles",
            by_setting(lambda s, n: figures.profile_figure(study, s, look, n, drawn), "profiles"),
        ),
        Section("curves", "Learning curves", [Part("", curves)] if curves else []),
        Section("others", "Other measures", _others(study)),
    ]
    left = len(study.settings) - MOST_SETTINGS
    note = f"Drawn for the first {MOST_SETTINGS} settings of {number(len(study.settings))}." if left > 0 else ""
    drawn_by_setting = ("differences", "delay", "paths", "profiles")
    return [
        Section(s.anchor, s.title, s.parts, note if s.anchor in drawn_by_setting else "", s.of_agents)
        for s in sections
        if s.parts
    ]


def _differences(study: Study, judged: Sequence[Judgement], drawn: Resampling) -> list[Part]:
    parts = []
    for k, setting in enumerate(study.settings):
        here = _of(judged, setting)
        if any(of.comparisons for of in here):
            drawing = figures.differences_figure(here, f"differences-{k}") if k < MOST_SETTINGS else None
            numbers = tables.comparison_tables(study, here, drawn)
            parts.append(Part(setting, drawing, numbers, "In numbers", tables.COMPARISONS_NOTE))
    return parts


def _others(study: Study) -> list[Part]:
    made = [(setting, tables.other_measures_table(study, setting)) for setting in study.settings]
    return [Part(setting, tables=(table,), summary="Means") for setting, table in made if table is not None]


def _origin(study: Study, versions: Sequence[str]) -> list[Fact]:
    seeds = [int(seed) for seed in study.rows["seed"].tolist()]
    return [
        Fact("seeds", origin.seeds_text(seeds)),
        Fact("runs with a result", tables.share_done(study)),
        *(Fact("made with" if k == 0 else "and with", text) for k, text in enumerate(versions)),
    ]
