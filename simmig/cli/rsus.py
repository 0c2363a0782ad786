"""`simmig rsus`: make placements of road-side units."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

rsus_app = typer.Typer(help="Make placements of RSUs.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the group of commands `rsus`."""
    app.add_typer(rsus_app, name="rsus")


@rsus_app.callback()
def _group() -> None:
    """Make placements of RSUs."""


@rsus_app.command()
def make(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="the traffic that they are for, of any known format")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="CSV file to write")],
    kind: Annotated[Literal["grid", "hexagonal", "traffic"], typer.Option(help="how they are placed")] = "hexagonal",
    spacing_m: Annotated[float | None, typer.Option(help="grid, hexagonal: from one to the next")] = None,
    count: Annotated[int | None, typer.Option(help="traffic: how many")] = None,
    radius_m: Annotated[
        float | None, typer.Option(help="of their zones [default: without gaps; needed by traffic]")
    ] = None,
    seed: Annotated[int, typer.Option(help="traffic: chooses where the search begins", min=0)] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="a setting of the trace, such as crs=EPSG:32632"),
    ] = None,
    frame: Annotated[str | None, typer.Option("--frame", metavar="CRS", help="metric frame of the trace")] = None,
) -> None:
    """Place RSUs on a grid or as a honeycomb over the area of a trace, or where its traffic is (k-means)."""
    from simmig.errors import InputError
    from simmig.mobility.synthesis.rsus import by_traffic, grid, honeycomb
    from simmig.run.folder import replace_text
    from simmig.world.importing import import_trace, placement

    needed = {"count": count, "radius_m": radius_m} if kind == "traffic" else {"spacing_m": spacing_m}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise InputError(f"simmig rsus make --kind {kind}: expected --{missing[0].replace('_', '-')}")
    found = import_trace(trace, settings or (), frame_crs=frame)
    if kind == "traffic":
        places, radius = by_traffic(found.trace, count or 0, seed), radius_m or 0.0
    else:
        x_m, y_m = found.trace.x_m, found.trace.y_m
        box = (float(x_m.min()), float(y_m.min()), float(x_m.max()), float(y_m.max()))
        places, radius = (grid if kind == "grid" else honeycomb)(box, spacing_m or 0.0)
    replace_text(out, placement(places, radius_m or radius, found.frame))
    print(f"{out}: {len(places)} RSUs")
