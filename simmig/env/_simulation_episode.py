"""One run of a scenario that stops at every decision, and what each pricing round brought its players."""

from __future__ import annotations

from dataclasses import dataclass

from simmig.contracts import FloatArray
from simmig.engine.rounds import Published, Round, mean_price, rationed
from simmig.engine.simulation import Decision, DemandDecision, PriceDecision, Simulation
from simmig.log import EventLog
from simmig.run.blame import blaming_plugins
from simmig.run.players import bought, check_bounds, checked, load_players
from simmig.scenario import Scenario
from simmig.world import World


@dataclass(frozen=True, slots=True)
class Played:
    """A round that was played: price [J] or [I, J], demand [I, J] as sold, follower_utility [I], leader_utility [J]."""

    round: Round
    price: FloatArray
    demand: FloatArray
    follower_utility: FloatArray
    leader_utility: FloatArray

    @property
    def posted(self) -> FloatArray:
        """The price that is published of every RSU, [J]."""
        return mean_price(self.price, self.demand, self.round.inputs.eligible)

    def published(self) -> Published:
        """Return what is known to the public after this round."""
        return self.round.published.after(self.round.rsu, self.posted, self.demand.sum(axis=0), self.leader_utility)


class Episode:
    """A run, decision by decision. `decision` is what the engine asks now, None once the run is over."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        players = load_players(scenario)
        assert players is not None  # SimulationEnv refuses a scenario without a market
        players.meet(world.trace.vehicle_id, world.rsus.sites.rsu_id)
        self.world = world
        self._players = players
        self._simulation = Simulation(world)
        self._decisions = self._simulation.decisions()
        with blaming_plugins():
            self.decision: Decision | None = next(self._decisions, None)
        self.last: Played | None = None

    @property
    def log(self) -> EventLog:
        """What has happened so far."""
        return self._simulation.log

    @property
    def now_ns(self) -> int:
        """The present of the simulation."""
        return self._simulation.now_ns

    @property
    def present(self) -> Round:
        """The round that is being decided, or the last one of a run that is over."""
        if self.decision is not None:
            return self.decision.round
        assert self.last is not None  # a run without any round is never handed to learners
        return self.last.round

    @property
    def published(self) -> Published:
        """What the RSUs did in the last round that each took part in, [all RSUs]."""
        return self.last.published() if self.decision is None and self.last is not None else self.present.published

    def plugin_answer(self) -> FloatArray:
        """Return what the scenario's own agents answer to the decision."""
        assert self.decision is not None
        with blaming_plugins():
            return self._players.answer(self.decision)

    def checked(self, answer: object) -> FloatArray:
        """Return the answer as prices [J] or [I, J], or demands [I, J].

        Raises AgentError unless it is of that shape, finite, within cost and cap, and 0 where not eligible.
        """
        decision = self.decision
        assert decision is not None
        round_ = decision.round
        size = (len(round_.migrations), len(round_.rsu))
        if isinstance(decision, PriceDecision):
            where = f"leaders, round {round_.index}"
            shape = size if round_.game.individual_prices else size[1:]
            price = checked(answer, [shape], f"{where}: the prices given").copy()
            check_bounds(round_, price, self.world.rsus.sites.rsu_id, where)
            price.flags.writeable = False
            return price
        where = f"followers, round {round_.index}: the demands given"
        return bought(checked(answer, [size], where), round_.inputs.eligible, where).copy()

    def send(self, answer: FloatArray) -> Played | None:
        """Answer the decision and go on to the next; return the round if this was its last decision."""
        decision = self.decision
        assert decision is not None
        played = _played(decision, answer) if isinstance(decision, DemandDecision) else None
        with blaming_plugins():
            try:
                self.decision = self._decisions.send(answer)
            except StopIteration:
                self.decision = None
        self.last = played or self.last
        return played

    def close(self) -> None:
        """Give up the run where it stands."""
        self._decisions.close()


def _played(decision: DemandDecision, asked: FloatArray) -> Played:
    closed, price = decision.round, decision.price
    demand = rationed(closed, asked)
    game = closed.game
    return Played(closed, price, demand, game.follower_utility(price, demand), game.leader_utility(price, demand))
