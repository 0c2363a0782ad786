"""Puts the decisions of a run to the agents: shows each player what it may see, and checks what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from simmig.contracts import Agent, BoolArray, FloatArray, FollowerView, Game, LeaderView
from simmig.engine.rounds import Round
from simmig.engine.simulation import Decision, PriceDecision
from simmig.errors import AgentError, InputError, PluginError
from simmig.plugins import load
from simmig.run.blame import told
from simmig.run.chance import generator_states, remark_on_chance, used_since
from simmig.run.interrupt import may_be_a_signal
from simmig.run.isolation import Failure, IsolatedAgent, Limits, Named
from simmig.run.views import follower_view, leader_view
from simmig.scenario import Scenario
from simmig.scenario.sections import Chosen

Seated = Agent | IsolatedAgent

_SLACK = 1e-9  # relative: a price computed to be the cap may exceed it by a rounding


def load_players(scenario: Scenario) -> Players | None:
    """Return the scenario's two agents, ready to play, or None if it has no market."""
    if scenario.agents is None or scenario.market is None:
        return None
    agents = scenario.agents
    chosen = {"leaders": agents.leaders, "followers": agents.followers}
    seated = {side: _seated(choice, scenario) for side, choice in chosen.items()}  # isolated ones start side by side
    try:
        files = {side: facts for side, agent in seated.items() if (facts := _prepared(side, agent, scenario))}
    except BaseException:
        _close(seated.values())
        raise
    return Players(
        seated["leaders"],
        seated["followers"],
        (agents.leaders.kind, agents.followers.kind),
        scenario.seed,
        scenario.market.game.plugin,
        files,
    )


def _seated(choice: Chosen[Agent], scenario: Scenario) -> Seated:
    agents, market = scenario.agents, scenario.market
    assert agents is not None
    assert market is not None
    if agents.isolate:
        limits = Limits(agents.call_limit_s, int(agents.memory_limit_byte))
        game = Named(market.game.kind, market.game.settings)
        return IsolatedAgent(Named(choice.kind, choice.settings), game, scenario.base_dir, limits)
    # Not the scenario's own instance: agents learn, and must not carry that from one run into another.
    agent = load("agents", choice.kind, choice.settings, scenario.base_dir)
    assert isinstance(agent, Agent)
    return agent


def _prepared(side: str, agent: Seated, scenario: Scenario) -> dict[str, Any]:
    where = f"{'' if scenario.source is None else f'{scenario.source}: '}agents.{side}"
    try:
        files = agent.prepare() if isinstance(agent, IsolatedAgent) else agent.prepare(scenario.base_dir)
        json.dumps(files, allow_nan=False)  # they are to stand in the run's document
    except (InputError, Failure) as error:
        raise InputError(f"{where}: {error}") from None
    except BaseException as error:  # the border to a plug-in: anything may come out of it
        if may_be_a_signal(error):
            raise
        raise PluginError(f"{where}: prepare(folder): {told(error)}") from error
    return files


class Players:
    """The two sides of the market, each played by one agent; `names` are what errors and run.json call them.

    `files` says, by side, which files an agent has read. Agents in processes of their own keep these until `close`.
    """

    def __init__(
        self,
        leaders: Seated,
        followers: Seated,
        names: tuple[str, str],
        seed: int,
        game: Game,
        files: dict[str, Any] | None = None,
    ) -> None:
        self._leaders = leaders
        self._followers = followers
        self._names = names
        self._seed = seed
        self._game = game
        self.files = files or {}
        self._ids: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._chance = generator_states()

    @property
    def names(self) -> dict[str, str]:
        """The agents' names in the scenario, by side."""
        return {"leaders": self._names[0], "followers": self._names[1]}

    def meet(self, vehicle_id: tuple[str, ...], rsu_id: tuple[str, ...]) -> None:
        """Learn the names behind the engine's indices."""
        self._ids = (vehicle_id, rsu_id)

    def finish(self) -> list[str]:
        """End the play; return a line for each thing that an agent did and should not have done, for people."""
        remarks = []
        for side, name, agent in zip(
            ("leader", "follower"), self._names, (self._leaders, self._followers), strict=True
        ):
            if isinstance(agent, IsolatedAgent):
                remarks += [f"{side} agent {name!r}: {remark}" for remark in agent.finish()]
        # Looked at only here, because a look costs as much as an answer. No error: the run is over, and worth keeping.
        if used := used_since(self._chance):
            names = " or ".join(map(repr, dict.fromkeys(self._names)))
            remarks.append(f"agent {names}, or another plug-in: {remark_on_chance(used)}")
        return remarks

    def close(self) -> None:
        """End the processes of isolated agents, if any are left."""
        _close((self._leaders, self._followers))

    def answer(self, decision: Decision) -> FloatArray:
        """Return prices [J] or [I, J], or demands [I, J].

        Raises AgentError naming the agent, the round and the fault.
        """
        if isinstance(decision, PriceDecision):
            return self._prices(decision.round)
        return self._demands(decision.round, decision.price)

    def _prices(self, round_: Round) -> FloatArray:
        columns = np.arange(len(round_.rsu))
        groups = [columns] if self._leaders.information == "full" else [columns[j : j + 1] for j in columns]
        where = f"leader agent {self._names[0]!r}, round {round_.index}"
        price = np.empty((len(round_.migrations), len(columns)) if round_.game.individual_prices else len(columns))
        for group in groups:
            view = leader_view(round_, group, self._ids[1], self._leaders.information, self._seed)
            answer = _ask(self._leaders, view, round_, where)
            alike = (len(group),)
            shapes = [alike] if price.ndim == 1 else [(len(price), *alike), alike]
            price[..., group] = checked(answer, shapes, f"{where}, RSU {view.rsu[0]!r}: price(view)")
        check_bounds(round_, price, self._ids[1], where)
        price.flags.writeable = False
        return price

    def _demands(self, round_: Round, price: FloatArray) -> FloatArray:
        rows = np.arange(len(round_.migrations))
        groups = [rows] if self._followers.information == "full" else [rows[i : i + 1] for i in rows]
        where = f"follower agent {self._names[1]!r}, round {round_.index}"
        demand = np.empty((len(rows), len(round_.rsu)))
        for group in groups:
            view = follower_view(
                round_, group, price, self._ids[0], self._followers.information, self._seed, self._game
            )
            answer = _ask(self._followers, view, round_, where)
            shapes = [(len(group), len(round_.rsu))]
            what = f"{where}, vehicle {view.vehicle[0]!r}: demand(view)"
            demand[group] = bought(checked(answer, shapes, what), view.eligible, what)
        return demand


def _ask(agent: Seated, view: LeaderView | FollowerView, round_: Round, where: str) -> object:
    """Call an agent; whatever it raises becomes one line that names it and the place in its file."""
    try:
        if isinstance(agent, IsolatedAgent):
            return agent.answer(view, round_.inputs)
        return agent.price(view) if isinstance(view, LeaderView) else agent.demand(view)
    except Failure as failure:
        raise AgentError(f"{where}: {failure}") from None
    except BaseException as error:  # the border to a plug-in: anything may come out of it, an exit too
        if may_be_a_signal(error):
            raise
        raise AgentError(f"{where}: {told(error)}") from error


def _close(agents: Iterable[Seated]) -> None:
    for agent in agents:
        if isinstance(agent, IsolatedAgent):
            agent.close()


def checked(answer: object, shapes: Sequence[tuple[int, ...]], what: str) -> FloatArray:
    """Return the answer as an array of one of these shapes; raises AgentError unless it is finite and not negative."""
    expected = " or ".join(map(str, shapes))
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):  # the last from a torch tensor that carries a gradient
        raise AgentError(f"{what} returned {type(answer).__name__}, expected numbers of shape {expected}") from None
    if values.shape not in shapes:
        raise AgentError(f"{what} returned shape {values.shape}, expected {expected}")
    if not np.isfinite(values).all():
        raise AgentError(f"{what} returned {values[~np.isfinite(values)][0]}, expected finite numbers")
    if (values < 0.0).any():
        raise AgentError(f"{what} returned {values[values < 0.0][0]:.6g}, expected numbers >= 0")
    return values


def check_bounds(round_: Round, price: FloatArray, rsu_id: tuple[str, ...], where: str) -> None:
    """Raise AgentError if a price of the round, [J] or [I, J], is outside cost and cap; rsu_id names all RSUs."""
    cost, cap = round_.inputs.cost, round_.inputs.price_max
    bad = (price < cost * (1.0 - _SLACK)) | (price > cap * (1.0 + _SLACK))
    if bad.any():
        place = tuple(int(k) for k in np.argwhere(bad)[0])
        column = place[-1]
        raise AgentError(
            f"{where}, RSU {rsu_id[round_.rsu[column]]!r}: price {price[place]:.6g} is outside cost "
            f"{cost[column]:.6g} and price_max {cap[column]:.6g}"
        )


def bought(demand: FloatArray, eligible: BoolArray, what: str) -> FloatArray:
    """Return the demand; raises AgentError if it buys where the vehicle is not eligible."""
    if (demand[~eligible] > 0.0).any():
        raise AgentError(f"{what} buys from an RSU that cannot serve the vehicle; expected 0 where not eligible")
    return demand
