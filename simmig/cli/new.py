"""`simmig new agent`: a plug-in that works, with its test, to start one's own from."""

from __future__ import annotations

from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from simmig.errors import InputError

Side = Literal["leaders", "followers", "both"]

_HEAD = '''\
"""{title}: an agent for simmig, to start your own from."""

from typing import ClassVar

import numpy as np
from pydantic import Field{private}
from simmig.contracts import Agent as Player
from simmig.contracts import {types}


class Agent(Player):
    """{summary}

    The fields are its settings; a scenario gives them beside `kind`.
    """

    # What it is shown: "own" (itself), "public" (also the market), "full" (the game).
    information: ClassVar[Information] = "own"
'''
_LEADER_SETTINGS = """\
    step: float = Field(0.1, gt=0, le=1, description="part of cost to cap per round")
    explore: float = Field(0.05, ge=0, le=1, description="how often it tries any price")
    # One instance prices for every RSU, so whatever it remembers is kept by RSU. Memory
    # belongs to the instance, which a run makes anew; never to the class or the module.
    _buyers: dict[str, int] = PrivateAttr(default_factory=dict)
    _climb: dict[str, tuple[float, float]] = PrivateAttr(default_factory=dict)
"""
_FOLLOWER_SETTINGS = """\
    share: float = Field(0.8, gt=0, le=1, description="part of the best purchase made")
"""
_PRICE = '''
    def price(self, view: LeaderView) -> FloatArray:
        """Return the price of one RSU, shape [1], between its cost and its cap.

        It moves a step on as long as its utility for each vehicle rises, and turns
        back when that falls. Now and then it tries any price.
        """
        rsu, width = view.rsu[0], view.price_max - view.cost
        earned = float(view.last_utility[0]) / self._buyers.get(rsu, 1)
        before, towards = self._climb.get(rsu, (earned, -1.0))
        if earned < before:
            towards = -towards
        self._buyers[rsu] = int(view.eligible_count[0])
        self._climb[rsu] = (earned, towards)
        # Chance comes from view.draws alone: the same seed gives the same run.
        if view.draws.uniform() < self.explore:
            return view.cost + view.draws.uniform() * width
        if np.isnan(view.last_price[0]):  # the first round of this RSU
            return view.cost + 0.5 * width
        moved = view.last_price + towards * self.step * width
        return np.clip(moved, view.cost, view.price_max)
'''
_DEMAND = '''
    def demand(self, view: FollowerView) -> FloatArray:
        """Return what one vehicle buys of each RSU, shape [1, J], in game units.

        That is a share of the best purchase as if it were the only vehicle; `alone`
        returns the game without the others. It is 0 where it is not eligible.
        """
        best: FloatArray = view.alone().best_demand(view.price)
        return np.where(view.eligible, self.share * best, 0.0)
'''
_TEST = '''\
"""The agent in {name}.py keeps the promises of an agent: see simmig.testing."""

from pathlib import Path

from simmig.testing import check_agent


def test_it_keeps_every_promise() -> None:
    """It plays whole markets of every game, and again, and in another process."""
    check_agent(Path(__file__).with_name("{name}.py"))
'''
_TYPES = {
    "leaders": "FloatArray, Information, LeaderView",
    "followers": "FloatArray, FollowerView, Information",
    "both": "FloatArray, FollowerView, Information, LeaderView",
}
_SUMMARIES = {
    "leaders": "Climbs towards the price that pays best, knowing only its own sales.",
    "followers": "Buys a share of what would be best for a vehicle alone.",
    "both": "Climbs towards the price that pays best; buys a share of the best purchase.",
}

new_app = typer.Typer(help="Write a plug-in to start from.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the group of commands `new`."""
    app.add_typer(new_app, name="new")


@new_app.callback()
def _group() -> None:
    """Write a plug-in to start from."""


@new_app.command()
def agent(
    name: Annotated[str, typer.Argument(help="name of the agent, a Python identifier")],
    side: Annotated[Side, typer.Option(help="whom it plays: the RSUs, the vehicles, or both")] = "leaders",
    out: Annotated[Path, typer.Option(metavar="DIR", help="folder to write to")] = Path(),
) -> None:
    """Write NAME.py, an agent that works, and test_NAME.py, its test."""
    _check_name(name)
    files = {out / f"{name}.py": _agent(name, side), out / f"test_{name}.py": _TEST.format(name=name)}
    for file in files:
        if file.exists():
            raise InputError(f"simmig new agent {name}: {file}: exists already; expected a name or --out without it")
    _check_not_taken(name)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            with file.open("x", encoding="utf-8") as opened:
                opened.write(text)
    except OSError as error:
        raise InputError(f"simmig new agent {name}: {out}: {error.strerror}") from None
    _print_use(name, side, *files)


def _agent(name: str, side: Side) -> str:
    leads, follows = side != "followers", side != "leaders"
    head = _HEAD.format(
        title=name,
        private=", PrivateAttr" if leads else "",
        types=_TYPES[side],
        summary=_SUMMARIES[side],
    )
    settings = _FOLLOWER_SETTINGS * follows + _LEADER_SETTINGS * leads
    return head + settings + _PRICE * leads + _DEMAND * follows


def _check_name(name: str) -> None:
    from simmig.plugins.wording import show

    if not name.isidentifier() or iskeyword(name) or name.startswith("_"):
        raise InputError(f"simmig new agent {show(name)}: expected a Python identifier without a leading _")


def _check_not_taken(name: str) -> None:
    from simmig.plugins import available

    if name in (found := available("agents")):
        raise InputError(f"simmig new agent {name}: an agent has this name ({found[name]}); expected another")
    if find_spec(name) is not None:
        raise InputError(f"simmig new agent {name}: {name}.py would hide the module of this name; expected another")


def _print_use(name: str, side: Side, file: Path, test: Path) -> None:
    played = ["leaders", "followers"] if side == "both" else [side]
    changes = " ".join(f"--set {quote(f'agents.{one}.kind={file.resolve()}')}" for one in played)
    print(f"agent  {file}")
    print(f"test   {test}")
    print(f"try    pytest {quote(str(test))}")
    print(f"use    simmig run SCENARIO {changes}")
    print("or     beside a scenario, in it:")
    print("         [agents]")
    for one in played:
        print(f'         {one} = {{ kind = "{name}.py" }}')
