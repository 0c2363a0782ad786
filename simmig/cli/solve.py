"""`simmig solve`: the equilibrium of a game file, or of one round of a run, with its certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simmig.cli.common import AsJson, Overrides, print_json, print_table

if TYPE_CHECKING:
    from simmig.contracts import Equilibrium, GameInputs, PricingGame

_MOST_ROWS = 40  # of followers, in the table; --json has all of them


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(solve)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The game to solve, what it was built from, its players' names, and what was played if it is a round."""

    title: str
    game: PricingGame
    inputs: GameInputs
    names: tuple[tuple[str, ...], tuple[str, ...]]
    played: dict[str, Any] | None = None


def solve(
    source: Annotated[Path, typer.Argument(metavar="GAME|RUN", help="game file (TOML), or run folder with --round")],
    round_: Annotated[int | None, typer.Option("--round", help="the round of the run to solve", min=0)] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="where the run's scenario is, if it has moved", metavar="FILE")
    ] = None,
    overrides: Overrides = None,
    plot: Annotated[Path | None, typer.Option(help="draw the best responses of two leaders", metavar="FILE")] = None,
    leaders: Annotated[str | None, typer.Option(help="the two leaders to draw, instead of the first two")] = None,
    as_json: AsJson = False,
) -> None:
    """Solve a game exactly and say how exact that is."""
    from simmig.report.solution import solution

    _refuse_idle_options(
        ("--leaders", leaders is not None, "--plot", plot is not None),
        ("--scenario", scenario is not None, "--round", round_ is not None),
        ("--set", bool(overrides), "a game file", round_ is None),
    )
    asked = _game_of(source, overrides or []) if round_ is None else _round_of(source, round_, scenario)
    found = asked.game.solve()
    document = {"title": asked.title, **solution(asked.game, found, asked.names), "played": asked.played}
    if plot is not None:
        _plot(asked, found, plot, leaders)
        document["plot"] = str(plot)
    if as_json:
        print_json(document)
    else:
        _print(document)


def _refuse_idle_options(*options: tuple[str, bool, str, bool]) -> None:
    """Raise InputError for an option (name, given) that means nothing without another (name, given)."""
    from simmig.errors import InputError

    for name, is_given, other, has_other in options:
        if is_given and not has_other:
            raise InputError(f"{name}: expected only with {other}")


def _game_of(file: Path, overrides: list[str]) -> _Asked:
    from simmig.errors import InputError
    from simmig.scenario.game_file import load_game

    if file.is_dir():
        raise InputError(f"{file}: a folder; expected a game file, or a run folder with --round N")
    given = load_game(file, overrides)
    try:
        game = given.build()
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return _Asked(given.name, game, given.inputs(), given.names())


def _round_of(folder: Path, index: int, scenario: Path | None) -> _Asked:
    from simmig.report.solution import point
    from simmig.run.replay import replay_round

    found = replay_round(folder, index, scenario)
    game = found.round.game
    played = point(game, found.names, found.price, found.demand, game.certify(found.price, found.demand))
    return _Asked(f"{folder.name}, round {index}", game, found.round.inputs, found.names, played)


def _plot(asked: _Asked, found: Equilibrium, path: Path, chosen: str | None) -> None:
    from simmig.contracts import AnalyticGame
    from simmig.errors import InputError
    from simmig.report.best_responses import best_responses, draw_best_responses, leader_pair

    game = asked.game
    if not isinstance(game, AnalyticGame):
        raise InputError("--plot: this game does not say what a leader's best price is; expected one with best_price")
    pair = leader_pair(asked.names, chosen)
    curves = best_responses(game, found, pair, (asked.inputs.cost, asked.inputs.price_max), 0)
    price = found.price[0] if game.individual_prices else found.price
    at = (float(price[pair[0]]), float(price[pair[1]]))
    whom = f" for {asked.names[0][0]}" if game.individual_prices else ""
    draw_best_responses(curves, at, (asked.names[1][pair[0]], asked.names[1][pair[1]]), whom, path)


def _print(document: dict[str, Any]) -> None:
    unit_mhz = document["bandwidth_unit_hz"] / 1e6
    settled = "converged" if document["converged"] else "NOT CONVERGED"
    print(f"{document['title']}: {settled} after {document['iterations']} steps; one unit is {unit_mhz:g} MHz")
    print()
    _print_players(document)
    if document["played"] is not None:
        print("\nas it was played")
        _print_players(document["played"])
    print()
    _print_outcomes(document)
    if "plot" in document:
        print(f"\nplot      {document['plot']}")


def _print_players(told: dict[str, Any]) -> None:
    leaders: list[tuple[str, ...]] = [("leader", "price", "sold", "utility", "gap", "relative gap")]
    for of in told["leaders"]:
        prices = of["price"] if isinstance(of["price"], list) else [of["price"]]
        low, high = _text(min(prices)), _text(max(prices))
        span = low if low == high else f"{low} to {high}"
        leaders.append((of["leader"], span, *_texts(of, "sold", "utility", "gap", "gap_relative")))
    print_table(leaders)
    print()
    followers: list[tuple[str, ...]] = [("follower", "buys", "utility", "gap", "relative gap")]
    for of in told["followers"][:_MOST_ROWS]:
        followers.append((of["follower"], _text(sum(of["demand"])), *_texts(of, "utility", "gap", "gap_relative")))
    print_table(followers)
    left = len(told["followers"]) - _MOST_ROWS
    if left > 0:
        print(f"and {left} more followers (see --json)")


def _print_outcomes(document: dict[str, Any]) -> None:
    rows: list[tuple[str, ...]] = [("outcome", "welfare", "leaders", "followers", "bandwidth")]
    for name, of in document["outcomes"].items():
        told = name.replace("_", " ")
        if "reason" in of:
            rows.append((told, "none", "", "", ""))
        else:
            told = told if of["converged"] else f"{told}, not converged"
            rows.append((told, *_texts(of, "welfare", "leader_utility", "follower_utility", "demand")))
    print_table(rows)
    for name, of in document["outcomes"].items():
        if "reason" in of:
            print(f"no {name.replace('_', ' ')}: {of['reason']}")
    if document.get("price_of_anarchy") is not None:
        print(f"price of anarchy {_text(document['price_of_anarchy'])}")


def _texts(of: dict[str, Any], *keys: str) -> tuple[str, ...]:
    return tuple(_text(of[key]) for key in keys)


def _text(value: float | None) -> str:
    return "inf" if value is None else f"{value:.6g}"
