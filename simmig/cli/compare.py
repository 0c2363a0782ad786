"""`simmig compare`: let agents play the same scenario on the same luck, and say which of them is better."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from simmig.cli import study_options as options
from simmig.cli.common import AsJson, Overrides, print_json
from simmig.cli.study import conduct, print_summary
from simmig.cli.study_plan import Asked
from simmig.cli.study_tables import judgement_document, print_judgement

if TYPE_CHECKING:
    from simmig.compare.report.judging import Judgement

_SEED = 0  # of the resampling: the same runs give the same verdicts


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(compare)


def compare(
    file: options.File,
    vary: options.Vary = None,
    leaders: options.Leaders = None,
    followers: options.Followers = None,
    samples: options.Samples = None,
    seeds: options.Seeds = None,
    overrides: Overrides = None,
    name: options.Name = None,
    measures: options.Measure = None,
    store: options.StoreFolder = None,
    workers: options.Slots = None,
    ray: options.RayAddress = None,
    time_limit_s: options.TimeLimit = None,
    memory_limit_mb: options.MemoryLimit = None,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    out: options.OutFolder = None,
    as_json: AsJson = False,
) -> None:
    """Let agents play a scenario with the same seeds each, say which is better in what, and write a report."""
    asked = Asked(
        *("compare", file, vary or [], leaders, followers, samples, seeds, overrides or [], name, measures or [])
    )
    how = options.How(*(store, workers, ray, time_limit_s, memory_limit_mb, retry_failed, dry_run, out, as_json))
    from simmig.compare.measures import MAIN

    finished = conduct(asked, how, MAIN, least_agents=2)
    if finished is None:
        return
    from simmig.compare.report import write_report
    from simmig.compare.report.grouping import Study
    from simmig.compare.report.judging import judge
    from simmig.compare.statistics import Resampling
    from simmig.compare.studies.results import frame_of

    record, rows = finished.study.record, frame_of(finished.rows, finished.study.record)
    facts = {
        "title": record.name,
        "description": record.description,
        "command": record.command,
        "compare": record.sides,
        "measures": record.measures,
        "seed": _SEED,
        "plan": json.dumps(record.plan, indent=1),
    }
    judgements = judge(Study.of(rows, facts), Resampling(_SEED))
    report = write_report(rows, facts, finished.folder / "report.html")
    if as_json:
        verdicts = [judgement_document(judgement) for judgement in judgements]
        print_json({**finished.document, "verdicts": verdicts, "report": str(report)})
    else:
        print_summary(finished.document)
        _print_judgements(judgements, len({run.seed for run in record.runs}))
        document = finished.document
        print(f"\nstore     {document['store']}\nresults   {document['results']}\nreport    {report}")
    if finished.has_failures:
        raise typer.Exit(1)


def _print_judgements(judgements: Sequence[Judgement], seeds: int) -> None:
    setting = ""
    for judgement in judgements:
        if judgement.setting != setting:
            setting = judgement.setting
            print(f"\n=== {setting}")
        print()
        print_judgement(judgement, seeds)
