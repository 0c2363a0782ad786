"""The simulation as an environment: learners price or buy in the very engine that `simmig run` evaluates them on.

One step is one decision of a pricing round. Needs the extra `learn` (gymnasium and pettingzoo)::

    env = SimulationEnv("scenarios/street.toml")
    observations, infos = env.reset(seed=1)
    while env.agents:
        actions = {agent: policy(observations[agent]) for agent in env.agents}
        observations, rewards, terminations, truncations, infos = env.step(actions)
    print(env.summary(), env.result.digest())

`pettingzoo.utils.parallel_to_aec(env)` asks the same agents one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv

from simmig.contracts import FloatArray
from simmig.engine.simulation import Decision
from simmig.env._simulation_action import action_of, blank, fill, members
from simmig.env._simulation_cast import Cast, Side
from simmig.env._simulation_episode import Episode, Played
from simmig.env._simulation_observation import Followers, Leaders, Observation, Scales, Shown
from simmig.errors import InputError, RunError, ScenarioError
from simmig.log import EventLog
from simmig.rng import stream
from simmig.run.blame import blaming_plugins
from simmig.scenario import Scenario, load_scenario
from simmig.units import NS_PER_S, ns_to_s
from simmig.world import World, build_world

Infos = dict[str, dict[str, Any]]
Step = tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], Infos]

_SEEDS = 2**63  # a scenario's seed is below this


class SimulationEnv(ParallelEnv[str, Observation, FloatArray]):
    """A PettingZoo ParallelEnv over the decisions of a run; who takes part differs from round to round.

    RSU j is the agent "rsu_j", vehicle i is "vehicle_i", in the order of the layout and of the traces; `names` has
    what the scenario calls them. `learners` says who acts: all RSUs, all vehicles, both, or the agents named. Everybody
    else is played by the scenario's own agents.

    Turns: a step answers one decision, the prices of a round's leaders or the demands of its followers; decisions
    without a learner are answered in between. With both sides a round takes two steps, leaders first. `turn` has the
    learners who are asked now. PettingZoo lets no agent come back once it has left, so `agents` are all learners until
    the run ends, `is_playing` in an observation is 1 for those in `turn`, and the actions of others are ignored. With
    `list_absent=False`, which PettingZoo's own tools do not support, `agents` is `turn`: a step then returns entries
    for the learners of the round it closed and for those asked next.

    Actions are numbers from 0 to 1. A leader's [1] is its price, from cost (0) to price_max (1), the same for every
    vehicle where the game has individual prices. A follower's [J] are its demands from all RSUs of the map, 1 being
    `demand_max_hz` (if None, the bandwidth_hz of the largest RSU); those from RSUs that cannot serve it are ignored.

    Observations are flat float32, see `fields`, and show what a plug-in of this `information` is shown. The reward is
    the player's utility of a round, in the game's units, given by the step that closes the round. Infos hold the
    agent's `name`, the `round` and its `time_s`; of a round just closed also `price`, `demand` (in the game's units; of
    a follower over the map, [J]) and `utility`.
    """

    metadata = {"name": "simmig_simulation_v0", "render_modes": []}  # noqa: RUF012 - declared so by ParallelEnv
    render_mode = None

    def __init__(
        self,
        scenario: Scenario | str | os.PathLike[str],
        learners: Side | Sequence[str] = "leaders",
        *,
        information: Shown = "own",
        demand_max_hz: float | None = None,
        list_absent: bool = True,
    ) -> None:
        """Read the scenario and its traces; raises InputError for wrong input."""
        self._scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        if self._scenario.market is None:
            raise ScenarioError(f"{self._scenario.source}: market: missing, expected one: nobody decides without it")
        if information not in get_args(Shown):
            raise InputError(f"information: {information!r}: expected one of {', '.join(get_args(Shown))}")
        if demand_max_hz is not None and not 0.0 < demand_max_hz < np.inf:
            raise InputError(f"demand_max_hz: {demand_max_hz}: expected a finite number above 0")
        self._world = world = _build(self._scenario)
        self._cast = Cast.of(learners, world)
        self.possible_agents = list(self._cast.agents)
        self.names = self._cast.names
        self.demand_max_hz = max(world.rsus.bandwidth_hz) if demand_max_hz is None else demand_max_hz
        scales = Scales.of(world, self.demand_max_hz)
        self._leaders, self._followers = Leaders(world, scales, information), Followers(world, scales, information)
        self._layouts = dict.fromkeys(self._cast.leaders.values(), self._leaders.layout)
        self._layouts |= dict.fromkeys(self._cast.followers.values(), self._followers.layout)
        self._observation_spaces = {agent: layout.box() for agent, layout in self._layouts.items()}
        lengths = dict.fromkeys(self._cast.leaders.values(), 1)
        lengths |= dict.fromkeys(self._cast.followers.values(), world.rsus.sites.count)
        self._action_spaces = {agent: Box(0.0, 1.0, (n,), dtype=np.float64) for agent, n in lengths.items()}
        self._list_absent = list_absent
        self._episode: Episode | None = None
        self._given_seed = self.seed = self._scenario.seed
        self._resets = 0
        self.agents: list[str] = []
        self.turn: tuple[str, ...] = ()

    def observation_space(self, agent: str) -> Box[np.float32]:
        """Return the space of this agent's observations, always the same object."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> Box[np.float64]:
        """Return the space of this agent's actions, always the same object."""
        return self._action_spaces[agent]

    def fields(self, agent: str) -> dict[str, slice]:
        """Return where each field stands in this agent's observations."""
        return self._layouts[agent].places()

    @property
    def decision(self) -> Decision | None:
        """What the engine asks now, None when nothing is asked: the round with its game, and prices once posted."""
        return None if self._episode is None else self._episode.decision

    @property
    def result(self) -> EventLog:
        """The log of the run; raises RunError before its end."""
        return self._finished().log

    def summary(self) -> dict[str, Any]:
        """Return the figures of merit, those of `simmig run` for the same answers; raises RunError before the end."""
        from simmig.measure.tables import build_tables
        from simmig.metrics import summarise

        episode = self._finished()
        tables = build_tables(episode.world, episode.log, episode.now_ns)
        return summarise(tables, {"simulated_s": episode.now_ns / NS_PER_S})

    def _finished(self) -> Episode:
        if self._episode is None or self._episode.decision is not None:
            raise RunError("no run has come to its end; step until `agents` is empty")
        return self._episode

    def _running(self) -> tuple[Episode, Decision]:
        if self._episode is None or self._episode.decision is None:
            raise RunError("no run is under way; call reset() first")
        return self._episode, self._episode.decision

    def close(self) -> None:
        """Give up a run that is under way."""
        if self._episode is not None:
            self._episode.close()
        self._episode, self.agents, self.turn = None, [], ()

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], Infos]:
        """Start a run, up to the first decision of a learner; `options` mean nothing here.

        With `seed`, world and luck are those of `simmig run --set seed=...`. Without, the first episode has the
        scenario's own seed and each later one a seed that follows from the last one given; `seed` tells. Raises
        RunError if no learner is ever asked.
        """
        if seed is not None and not 0 <= seed < _SEEDS:
            raise InputError(f"seed: {seed}: expected 0 to {_SEEDS - 1}")
        self.close()
        self.seed = self._next_seed(seed)
        scenario = self._scenario.model_copy(update={"seed": self.seed})
        if self._world.seed != self.seed:
            self._world = _build(scenario)
        self._episode = episode = Episode(scenario, self._world)
        self._let_others_play(episode)
        if episode.decision is None:
            self.close()
            raise RunError(f"{scenario.name}, seed {self.seed}: no learner is ever asked, expected a round with one")
        named = self._named({})
        return self._observe(episode, named), self._infos(episode, named, {})

    def _next_seed(self, given: int | None) -> int:
        if given is not None:
            self._given_seed, self._resets = given, 0
        number, self._resets = self._resets, self._resets + 1
        return self._given_seed if number == 0 else int(stream(self._given_seed, "episode", number).integers(_SEEDS))

    def step(self, actions: Mapping[str, Any]) -> Step:
        """Answer the decision with the actions of the learners in `turn`, and go on to their next.

        Returns observations, rewards, terminations, truncations and infos. Raises AgentError for an action that is
        missing or outside its space.
        """
        episode, decision = self._running()
        asked, number = self._cast.asked(decision), decision.round.index
        given = {
            index: action_of(actions, agent, self._action_spaces[agent].shape[0], number)
            for index, agent in asked.items()
        }
        answer = blank(decision) if len(asked) == len(members(decision)) else episode.plugin_answer().copy()
        fill(answer, decision, given, self.demand_max_hz)
        return self._proceed(episode, episode.checked(answer))

    def step_answer(self, answer: object) -> Step:
        """As `step`, the whole decision in the game's own units: prices [J] or [I, J], or demands [I, J].

        I and J are those of `decision.round`. Raises AgentError for what a plug-in may not answer either.
        """
        episode, _ = self._running()
        return self._proceed(episode, episode.checked(answer))

    def _proceed(self, episode: Episode, answer: FloatArray) -> Step:
        closed = episode.send(answer)
        others = self._let_others_play(episode)
        # Of what the others played since, only the rest of this round can have learners in it.
        outcomes = self._cast.outcomes(closed or others, episode.world.rsus.sites.count)
        named = self._named(outcomes)
        rewards = {agent: outcomes[agent]["utility"] if agent in outcomes else 0.0 for agent in named}
        terminations, truncations = (dict.fromkeys(named, over) for over in (episode.decision is None, False))
        return self._observe(episode, named), rewards, terminations, truncations, self._infos(episode, named, outcomes)

    def _let_others_play(self, episode: Episode) -> Played | None:
        """Answer the decisions that ask no learner, see whose turn it is, and return the first round this closed."""
        first = None
        while episode.decision is not None and not self._cast.asked(episode.decision):
            closed = episode.send(episode.plugin_answer())
            first = first or closed
        self.turn = tuple(self._cast.asked(episode.decision).values())
        lasting = self.possible_agents if self._list_absent else self.turn
        self.agents = [] if episode.decision is None else list(lasting)
        return first

    def _named(self, outcomes: Mapping[str, Any]) -> list[str]:
        if self._list_absent:
            return list(self.possible_agents)
        return list(dict.fromkeys((*outcomes, *self.turn)))

    def _observe(self, episode: Episode, named: Sequence[str]) -> dict[str, Observation]:
        wanted = frozenset(named)
        rsus = {j: agent for j, agent in self._cast.leaders.items() if agent in wanted}
        vehicles = {i: agent for i, agent in self._cast.followers.items() if agent in wanted}
        seen: dict[str, Observation] = {}
        if rsus:
            table = self._leaders.observe(episode)
            seen |= {agent: table[j].copy() for j, agent in rsus.items()}
        if vehicles:
            table = self._followers.observe(episode, np.array(list(vehicles)))
            seen |= {agent: row.copy() for agent, row in zip(vehicles.values(), table, strict=True)}
        return seen

    def _infos(self, episode: Episode, named: Sequence[str], outcomes: Mapping[str, dict[str, Any]]) -> Infos:
        round_ = episode.present
        facts = {"round": round_.index, "time_s": ns_to_s(round_.time_ns)}
        return {agent: {"name": self.names[agent], **facts, **outcomes.get(agent, {})} for agent in named}


def _build(scenario: Scenario) -> World:
    """Return the world of the scenario; what its plug-ins raise becomes one line."""
    with blaming_plugins():
        return build_world(scenario)
