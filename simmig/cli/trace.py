"""`simmig trace`: look at mobility files, bring them in, and take them elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from simmig.cli.common import AsJson, flattened, print_json, print_table

trace_app = typer.Typer(
    help="Look at mobility traces, import, check and convert them.", no_args_is_help=True, rich_markup_mode=None
)

Source = Annotated[Path, typer.Argument(metavar="FILE", help="trace file of any known format")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="a setting of the trace table of a scenario, such as crs=EPSG:32632, format=csv or columns.lon=long",
    ),
]
Clean = Annotated[
    list[str] | None,
    typer.Option("--clean", metavar="KEY=VALUE", help="a step of cleaning, such as max_speed_m_s=60 (see trace steps)"),
]
Epoch = Annotated[str | None, typer.Option(metavar="TIME", help="when time 0 was, for a file without dates")]
FrameCrs = Annotated[str | None, typer.Option("--frame", metavar="CRS", help='metric frame, such as "EPSG:32632"')]
Uav = Annotated[bool, typer.Option("--uav", help="every position must have a height")]


def add_to(app: typer.Typer) -> None:
    """Add the group of commands `trace`."""
    app.add_typer(trace_app, name="trace")


@trace_app.callback()
def _group() -> None:
    """Look at mobility traces, import, check and convert them."""


@trace_app.command()
def info(
    file: Source,
    format_: Annotated[str | None, typer.Option("--format", help="its format, instead of recognising it")] = None,
    crs: Annotated[str | None, typer.Option(help='what its metres are, such as "EPSG:32632"')] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what is in a trace: vehicles, span, box, intervals, speeds, altitudes, and what looks wrong."""
    from simmig.mobility.frame import choose_frame
    from simmig.mobility.raw import assemble
    from simmig.mobility.trace_info import describe
    from simmig.world.traces import open_trace

    raw = open_trace(file, format_, crs)
    facts = {**describe(assemble(raw, choose_frame([raw]))), "remarks": list(raw.remarks)}
    _show({"schema": 1, "file": str(file), **facts}, as_json)


@trace_app.command("import")
def import_(
    file: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="the file to write; its ending says the format")],
    to: Annotated[str | None, typer.Option(metavar="FORMAT", help="format to write, see below")] = None,
    settings: Settings = None,
    clean: Clean = None,
    epoch: Epoch = None,
    frame: FrameCrs = None,
    uav: Uav = False,
    as_json: AsJson = False,
) -> None:
    """Read a trace of any known format, clean it, and write simmig's own Parquet or another format.

    Formats: parquet (.parquet), fcd (.xml), gpx (.gpx), mfjson (.json), ns2 (.ns_movements), bonnmotion (.movements),
    one (.txt), geoparquet (by name only). What was read, dropped and done is printed, and kept in the Parquet file.
    """
    from simmig.mobility.trace_info import describe
    from simmig.world.importing import import_trace, save

    found = import_trace(file, settings or (), clean or (), epoch=epoch, frame_crs=frame, is_uav=uav)
    lost = save(found, out, to)
    facts = describe(found.trace)
    _show({"schema": 1, "file": str(out), **facts, "provenance": found.provenance, "lost": lost}, as_json)


@trace_app.command()
def check(
    file: Source,
    rsus: Annotated[Path, typer.Option(metavar="FILE", help="RSUs: CSV, GeoJSON, OpenCelliD, MOSAIC")],
    radius_m: Annotated[float | None, typer.Option(help="radius of RSUs that have none of their own")] = None,
    settings: Settings = None,
    clean: Clean = None,
    frame: FrameCrs = None,
    as_json: AsJson = False,
) -> None:
    """Tell whether a trace and RSUs fit together: coverage, gaps, dwell times, RSUs that nobody visits."""
    from simmig.world.importing import import_trace, overlap_with

    found = import_trace(file, settings or (), clean or (), frame_crs=frame)
    _show({"schema": 1, "file": str(file), "rsus_file": str(rsus), **overlap_with(found, rsus, radius_m)}, as_json)


@trace_app.command()
def make(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="random_waypoint, gauss_markov or manhattan")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="the file to write; its ending says the format")],
    to: Annotated[str | None, typer.Option(metavar="FORMAT", help="format to write, as for trace import")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="a setting, such as vehicles=500 or seed=3")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a trace by a model of movement, from a seed."""
    from simmig.mobility.frame import PLAIN
    from simmig.mobility.trace_info import describe
    from simmig.world.importing import Imported, save
    from simmig.world.making import make_trace

    trace, provenance = make_trace(model, settings or ())
    lost = save(Imported(trace, PLAIN, (), provenance), out, to)
    _show({"schema": 1, "file": str(out), **describe(trace), "provenance": provenance, "lost": lost}, as_json)


@trace_app.command()
def predict(
    file: Source,
    rsus: Annotated[Path, typer.Option(metavar="FILE", help="RSUs: CSV, GeoJSON, OpenCelliD, MOSAIC")],
    radius_m: Annotated[float | None, typer.Option(help="radius of RSUs that have none of their own")] = None,
    order: Annotated[int, typer.Option(help="how many RSUs back the chain remembers", min=1, max=10)] = 1,
    seed: Annotated[int, typer.Option(help="deals the vehicles to the parts of the test", min=0)] = 0,
    settings: Settings = None,
    clean: Clean = None,
    frame: FrameCrs = None,
    as_json: AsJson = False,
) -> None:
    """Tell how well a Markov chain over zones predicts the next RSU and the time in a zone: the baseline to beat."""
    from simmig.mobility.prediction import hit_rate
    from simmig.world.importing import import_trace, place_layout

    found = import_trace(file, settings or (), clean or (), frame_crs=frame)
    rates = hit_rate(found.trace, place_layout(found, rsus, radius_m), order, seed=seed)
    _show({"schema": 1, "file": str(file), "rsus_file": str(rsus), **rates}, as_json)


@trace_app.command()
def steps(as_json: AsJson = False) -> None:
    """List the steps of cleaning that --clean knows, in the order in which they are done."""
    from simmig.mobility.cleaning.plan import Cleaning

    rows = [[name, _default(field.default), field.description or ""] for name, field in Cleaning.model_fields.items()]
    if as_json:
        print_json({"schema": 1, "steps": [{"name": name, "what": what} for name, _, what in rows]})
    else:
        print_table(rows)


@trace_app.command()
def plot(
    file: Source,
    out: Annotated[Path, typer.Argument(metavar="PICTURE", help="picture to write: .png, .svg or .pdf")],
    rsus: Annotated[
        Path | None, typer.Option(metavar="FILE", help="RSUs to draw: CSV, GeoJSON, OpenCelliD, MOSAIC")
    ] = None,
    radius_m: Annotated[float | None, typer.Option(help="radius of RSUs that have none of their own")] = None,
    settings: Settings = None,
    clean: Clean = None,
    frame: FrameCrs = None,
) -> None:
    """Draw a trace: paths on a map, speeds, intervals, vehicles over time."""
    from simmig.report.trace import draw_trace
    from simmig.world.importing import import_trace, place_layout

    found = import_trace(file, settings or (), clean or (), frame_crs=frame)
    sites = None if rsus is None else place_layout(found, rsus, radius_m)
    draw_trace(found.trace, out, sites)
    print(out)


def _default(value: object) -> str:
    return "" if value is None or isinstance(value, bool | list) or not isinstance(value, int | float) else f"{value:g}"


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    print_table([[name, _text(value)] for name, value in flattened(document) if name != "schema"])


def _text(value: object) -> str:
    return "; ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
