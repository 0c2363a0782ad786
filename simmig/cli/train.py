"""`simmig train`: let an agent learn in a market, and keep its policy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simmig.cli.common import AsJson, print_json
from simmig.cli.run import INTERRUPTED, Seed, progress_bar

if TYPE_CHECKING:
    from simmig.learning.agent import LearnedAgent
    from simmig.learning.session import Trained


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(train)


def train(
    source: Annotated[
        Path,
        typer.Argument(metavar="SCENARIO|GAME", help="scenario whose rounds are learned from, or game file (TOML)"),
    ],
    agent: Annotated[str, typer.Option(help="the agent that learns, such as malppo", metavar="NAME")],
    out: Annotated[Path, typer.Option(help="folder of the policy, which must not exist", metavar="POLICY")],
    recipe: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="change the agent's recipe, such as iterations=50"),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PATH=VALUE", help="change the scenario or game file, as --set of run does"),
    ] = None,
    seed: Seed = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the training in POLICY")] = False,
    save_every_s: Annotated[float, typer.Option(help="CPU seconds between two states to resume from", min=0.0)] = 20.0,
    show: Annotated[bool, typer.Option("--recipe", help="print the recipe and stop")] = False,
    as_json: AsJson = False,
) -> None:
    """Train an agent on a market and keep its policy, for { kind = NAME, policy = POLICY } in a scenario."""
    from simmig.learning.recipe import recipe_with
    from simmig.run.interrupt import interrupts

    learner = _learner(agent)
    chosen = recipe_with(learner.recipe, agent, _changes(recipe or []))
    if show:
        print_json(chosen.model_dump(mode="json"))
        return
    from simmig.learning.session import run_training
    from simmig.learning.venue import venue_of

    venue = venue_of(source, given or [])
    with interrupts() as signals:
        arguments: dict[str, Any] = {
            "resume": resume,
            "save_every_s": save_every_s,
            "is_stopped": lambda: signals.was_called,
        }
        if sys.stderr.isatty():
            with progress_bar() as bar:
                done = run_training(learner, agent, venue, chosen, seed or 0, out, on_progress=bar, **arguments)
        else:
            done = run_training(learner, agent, venue, chosen, seed or 0, out, **arguments)
    _print(done, agent, as_json)
    if not done.is_complete:
        raise typer.Exit(INTERRUPTED)


def _learner(name: str) -> type[LearnedAgent]:
    """Return the class of an agent that learns; raises PluginError or InputError."""
    from simmig.errors import InputError
    from simmig.learning.agent import LearnedAgent
    from simmig.plugins import plugin_class

    found = plugin_class("agents", name, Path())
    if not issubclass(found, LearnedAgent):
        raise InputError(f"--agent {name}: does not learn; expected an agent with a recipe, such as malppo")
    return found


def _changes(given: list[str]) -> dict[str, Any]:
    """Return changes KEY=VALUE, a value that is no TOML as text; raises InputError."""
    import tomllib

    from simmig.errors import InputError

    found: dict[str, Any] = {}
    for change in given:
        path, equals, text = change.partition("=")
        if not equals:
            raise InputError(f"--set {change}: expected KEY=VALUE")
        try:
            found[path.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[path.strip()] = text.strip()
    return found


def _print(done: Trained, agent: str, as_json: bool) -> None:
    document: dict[str, Any] = {
        "folder": str(done.folder),
        "status": "complete" if done.is_complete else "partial",
        "iterations": done.iterations,
        "plays": done.plays,
        "cpu_s": round(done.cpu_s, 3),
        "score": done.score,
    }
    if as_json:
        print_json(document)
        return
    print(f"trained   {agent}: {done.iterations} iterations, {done.plays} plays, {done.cpu_s:.1f} CPU s")
    if done.score is not None:
        named = {
            "price_error": "mean price error",
            "nash_conv": "NashConv",
            "follower_regret": "follower regret",
            "collusion": "collusion index",
        }
        print("score     " + ", ".join(f"{named[key]} {value:.3g}" for key, value in done.score.items()))
    print(f"policy    {done.folder}" + ("" if done.is_complete else " (partial: go on with --resume)"))
