"""Puts the decisions of a run to the agents: shows each player what it may see, and checks what it answers."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simmig.contracts import Agent, BoolArray, FloatArray, FollowerView, Game, GameInputs, LeaderView, PricingGame
from simmig.engine.rounds import Round
from simmig.engine.simulation import Decision, PriceDecision
from simmig.errors import AgentError, InputError, SimmigError
from simmig.plugins import load
from simmig.rng import Draws
from simmig.scenario import Scenario
from simmig.scenario.sections import Chosen
from simmig.units import ns_to_s

_SLACK = 1e-9  # relative: a price computed to be the cap may exceed it by a rounding


def load_players(scenario: Scenario) -> Players | None:
    """Return the scenario's two agents, ready to play, or None if it has no market."""
    if scenario.agents is None or scenario.market is None:
        return None
    chosen = scenario.agents
    leaders, of_leaders = _load_agent("leaders", chosen.leaders, scenario)
    followers, of_followers = _load_agent("followers", chosen.followers, scenario)
    files = {side: facts for side, facts in (("leaders", of_leaders), ("followers", of_followers)) if facts}
    return Players(
        leaders,
        followers,
        (chosen.leaders.kind, chosen.followers.kind),
        scenario.seed,
        scenario.market.game.plugin,
        files,
    )


def _load_agent(side: str, choice: Chosen[Agent], scenario: Scenario) -> tuple[Agent, dict[str, Any]]:
    # Not the scenario's own instance: agents learn, and must not carry that from one run into another.
    agent = load("agents", choice.kind, choice.settings, scenario.base_dir)
    assert isinstance(agent, Agent)
    try:
        return agent, agent.prepare(scenario.base_dir)
    except InputError as error:
        source = "" if scenario.source is None else f"{scenario.source}: "
        raise InputError(f"{source}agents.{side}: {error}") from None


class Players:
    """The two sides of the market, each played by one agent; `names` are what errors and run.json call them.

    `files` says, by side, which files an agent has read.
    """

    def __init__(
        self,
        leaders: Agent,
        followers: Agent,
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

    @property
    def names(self) -> dict[str, str]:
        """The agents' names in the scenario, by side."""
        return {"leaders": self._names[0], "followers": self._names[1]}

    def meet(self, vehicle_id: tuple[str, ...], rsu_id: tuple[str, ...]) -> None:
        """Learn the names behind the engine's indices."""
        self._ids = (vehicle_id, rsu_id)

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
            view = self._leader_view(round_, group)
            answer = _ask(self._leaders.price, view, where)
            alike = (len(group),)
            shapes = [alike] if price.ndim == 1 else [(len(price), *alike), alike]
            price[..., group] = checked(answer, shapes, f"{where}, RSU {view.rsu[0]!r}: price(view)")
        check_bounds(round_, price, self._ids[1], where)
        price.flags.writeable = False
        return price

    def _leader_view(self, round_: Round, group: np.ndarray) -> LeaderView:
        inputs, rsu = round_.inputs, round_.rsu[group]
        names = tuple(self._ids[1][j] for j in rsu)
        information = self._leaders.information
        is_public = information != "own"
        return LeaderView(
            round=round_.index,
            time_s=ns_to_s(round_.time_ns),
            rsu=names,
            cost=inputs.cost[group],
            price_max=inputs.price_max[group],
            eligible_count=inputs.eligible[:, group].sum(axis=0),
            followers=len(inputs.size_bit),
            has_individual_prices=round_.game.individual_prices,
            last_price=round_.published.price[rsu],
            last_demand=round_.published.demand[rsu],
            last_utility=round_.published.utility[rsu],
            draws=Draws(self._seed, "leader", names[0] if len(names) == 1 else "*", round_.index),
            market_price=round_.published.price.copy() if is_public else None,
            market_demand=round_.published.demand.copy() if is_public else None,
            game=round_.game if information == "full" else None,
        )

    def _demands(self, round_: Round, price: FloatArray) -> FloatArray:
        rows = np.arange(len(round_.migrations))
        groups = [rows] if self._followers.information == "full" else [rows[i : i + 1] for i in rows]
        where = f"follower agent {self._names[1]!r}, round {round_.index}"
        demand = np.empty((len(rows), len(round_.rsu)))
        for group in groups:
            view = self._follower_view(round_, group, price)
            answer = _ask(self._followers.demand, view, where)
            shapes = [(len(group), len(round_.rsu))]
            what = f"{where}, vehicle {view.vehicle[0]!r}: demand(view)"
            demand[group] = bought(checked(answer, shapes, what), view.eligible, what)
        return demand

    def _follower_view(self, round_: Round, group: np.ndarray, price: FloatArray) -> FollowerView:
        inputs = round_.inputs
        members = [round_.migrations[i] for i in group]
        names = tuple(self._ids[0][m.vehicle] for m in members)
        information = self._followers.information
        return FollowerView(
            round=round_.index,
            time_s=ns_to_s(round_.time_ns),
            vehicle=names,
            preferences={name: values[group] for name, values in inputs.preferences.items()},
            size_bit=inputs.size_bit[group],
            deadline_s=inputs.deadline_s[group],
            efficiency_bit_s_hz=inputs.efficiency_bit_s_hz[group],
            delay_s=inputs.delay_s[group],
            price=price if price.ndim == 1 else price[group],
            eligible=inputs.eligible[group],
            bandwidth_unit_hz=round_.game.bandwidth_unit_hz,
            offers=dict(inputs.offers),
            alone=partial(_alone, self._game, inputs, group, price),
            draws=Draws(self._seed, "follower", names[0] if len(names) == 1 else "*", members[0].attempt),
            market_demand=round_.published.demand[round_.rsu] if information != "own" else None,
            game=round_.game if information == "full" else None,
        )


def _alone(game: Game, inputs: GameInputs, rows: np.ndarray, price: FloatArray) -> PricingGame:
    """Return the game of these followers without the others, at the posted prices: what leaders know stays theirs."""
    posted = np.atleast_2d(price if price.ndim == 1 else price[rows])
    return game.build(
        replace(
            inputs,
            preferences={name: values[rows] for name, values in inputs.preferences.items()},
            ties=np.zeros((len(rows), len(rows))),
            size_bit=inputs.size_bit[rows],
            efficiency_bit_s_hz=inputs.efficiency_bit_s_hz[rows],
            delay_s=inputs.delay_s[rows],
            deadline_s=inputs.deadline_s[rows],
            cost=posted.min(axis=0),
            price_max=posted.max(axis=0),
            capacity_hz=np.full(len(inputs.cost), np.inf),
            eligible=inputs.eligible[rows],
        )
    )


def _ask(method: Callable[[Any], FloatArray], view: LeaderView | FollowerView, where: str) -> object:
    """Call an agent; whatever it raises becomes one line that names it and the place in its file."""
    try:
        return method(view)
    except SimmigError as error:
        raise AgentError(f"{where}: {type(error).__name__}: {error}") from error
    except Exception as error:  # the border to a plug-in: anything may come out of it
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        text = " ".join(str(error).split())
        raise AgentError(f"{where}: {type(error).__name__} at {place}: {text}") from error


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
