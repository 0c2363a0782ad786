"""`simmig sweep`: run a scenario with many settings and seeds, and tabulate what comes out."""

from __future__ import annotations

import typer

from simmig.cli import study_options as options
from simmig.cli.common import AsJson, Overrides, print_json
from simmig.cli.study import conduct, print_summary
from simmig.cli.study_plan import Asked
from simmig.cli.study_tables import cell_document, print_cells

MEASURES = ("total_delay_mean_s", "on_time_share", "welfare")


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(sweep)


def sweep(
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
    """Run a scenario with every combination of settings, each with the same seeds, and tabulate the results."""
    asked = Asked(
        *("sweep", file, vary or [], leaders, followers, samples, seeds, overrides or [], name, measures or [])
    )
    how = options.How(*(store, workers, ray, time_limit_s, memory_limit_mb, retry_failed, dry_run, out, as_json))
    finished = conduct(asked, how, MEASURES)
    if finished is None:
        return
    from simmig.compare.studies.tabulating import figures

    cells = figures(finished.rows, finished.measures)
    if as_json:
        print_json({**finished.document, "cells": [cell_document(cell) for cell in cells]})
    else:
        print_summary(finished.document)
        print()
        print_cells(cells, finished.measures)
        print(f"\nstore     {finished.document['store']}\nresults   {finished.document['results']}")
    if finished.has_failures:
        raise typer.Exit(1)
