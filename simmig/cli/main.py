"""The `simmig` command: gathers the commands, and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from simmig import __version__
from simmig.cli import (
    check,
    compare,
    doctor,
    export,
    listing,
    new,
    report,
    reproduce,
    rsus,
    run,
    solve,
    store,
    sweep,
    trace,
    train,
    view,
)
from simmig.errors import SimmigError

_PIPE_CLOSED = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

app = typer.Typer(
    name="simmig",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="show the version and exit")] = False,
) -> None:
    """Simulate digital twins that migrate between road-side units, and the market for the bandwidth."""
    if version:
        print(f"simmig {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


for _commands in (
    run,
    check,
    listing,
    new,
    report,
    solve,
    trace,
    train,
    export,
    reproduce,
    doctor,
    store,
    sweep,
    compare,
    view,
    rsus,
):
    _commands.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong input, 130 interrupted."""
    _print_anything()
    try:
        code = app(list(sys.argv[1:] if arguments is None else arguments), "simmig", standalone_mode=False)
        sys.stdout.flush()
    except SimmigError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:  # how the command was called
        return _fail(f"simmig: {' '.join(error.format_message().split())} (see simmig --help)", error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output once more at exit, and must not find the pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return code if isinstance(code, int) else 0


def _print_anything() -> None:
    """Let names that the terminal's encoding lacks be escaped instead of ending the command."""
    for output in (sys.stdout, sys.stderr):
        reconfigure = getattr(output, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _fail(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code
