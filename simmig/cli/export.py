"""`simmig export`: what a training left, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from simmig.cli.common import AsJson, print_json
from simmig.errors import InputError

_CURVE = "curve.jsonl"


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(export)


def export(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="folder that `simmig train` wrote")],
    onnx: Annotated[
        Path | None, typer.Option(metavar="DIR", help="write the networks into this new folder, one ONNX file each")
    ] = None,
    side: Annotated[
        Literal["leaders", "followers"] | None, typer.Option(help="with --onnx: this side alone, not all that learned")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="write the learning curve into this folder, for TensorBoard")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Export the networks of a trained policy as ONNX, or the curve of a training for TensorBoard."""
    if (onnx is None) == (tensorboard is None):
        raise InputError("simmig export: expected one of --onnx DIR and --tensorboard DIR")
    if side is not None and onnx is None:
        raise InputError("simmig export: --side is for --onnx: a curve has all sides")
    if not policy.is_dir():
        raise InputError(f"{policy}: no such folder; expected one that `simmig train` wrote")
    written = _networks(policy, onnx, side) if onnx is not None else [_curve(policy, tensorboard)]
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        print(f"written   {path}")


def _networks(policy: Path, folder: Path, side: str | None) -> list[Path]:
    try:
        from simmig.learning.policy_export import export_policy
    except ImportError as error:
        raise InputError(f"ONNX export needs {error.name} (pip install 'simmig[learn,export]')") from None
    return export_policy(policy, folder, side)


def _curve(policy: Path, folder: Path | None) -> Path:
    from simmig.learning.curves import read_curve, to_tensorboard

    assert folder is not None
    if not (policy / _CURVE).is_file():
        raise InputError(f"{policy}: no learning curve here; expected a folder that `simmig train` wrote")
    return to_tensorboard(read_curve(policy / _CURVE), folder)
