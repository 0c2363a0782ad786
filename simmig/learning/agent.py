"""What an agent that learns is: a recipe to be trained by, and a policy that it plays by. Imports no tensors itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, Field, PrivateAttr

from simmig.contracts import Agent, FloatArray, FollowerView, Information, LeaderView
from simmig.errors import AgentError, PluginError
from simmig.learning.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from simmig.env.sources import FixedGame
    from simmig.learning.venue import Venue


class Training(Protocol):
    """A training under way. `iteration` counts up to `iterations`; one `iterate` is one row of the learning curve."""

    iteration: int

    @property
    def iterations(self) -> int:
        """How many there are to be."""

    def iterate(self) -> dict[str, Any]:
        """Learn a bit more; return at least `iteration`, `plays` and `cpu_s` (of this iteration), and any figures."""

    def policy(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors and the facts (JSON) that `Player` needs to play what has been learned so far."""

    def answer(self, single: FixedGame) -> tuple[FloatArray, FloatArray]:
        """Return the prices and demands, without batch axes, that the policy comes to in this game."""

    def state(self) -> Any:  # noqa: ANN401
        """Return all that `restore` needs to go on to the same numbers: nested dicts, lists, tensors, numbers."""

    def restore(self, state: Any) -> None:  # noqa: ANN401
        """Go on from a state."""


class Player(Protocol):
    """A policy at play in one run; it remembers what it did."""

    def price(self, view: LeaderView) -> FloatArray:
        """Return prices as `Agent.price` does."""

    def demand(self, view: FollowerView) -> FloatArray:
        """Return demands as `Agent.demand` does."""


class LearnedAgent(Agent):
    """Base of the agents that `simmig train` trains: override `recipe`, or `train` and `player` for other learners."""

    information: ClassVar[Information] = "public"
    recipe: ClassVar[BaseModel] = Recipe()
    policy: str = Field(min_length=1, description="folder that `simmig train` wrote, from the scenario's folder")
    _player: Player | None = PrivateAttr(default=None)
    _facts: dict[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def train(cls, venue: Venue, recipe: BaseModel, seed: int) -> Training:
        """Return a training of this agent; every number follows from the venue, the recipe and the seed."""
        from simmig.env.market import Rules
        from simmig.learning.trainer import Trainer

        assert isinstance(recipe, Recipe)
        return Trainer(venue.market(recipe.games, Rules(recipe.history, recipe.slots), seed), recipe, seed)

    @classmethod
    def player(cls, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Player:
        """Return a player of a trained policy; raises InputError for one that does not fit."""
        from simmig.learning.networks_at_play import NetworkPlayer

        return NetworkPlayer(tensors, facts)

    def prepare(self, folder: Path) -> dict[str, Any]:
        """Load the policy; raises InputError in one line if it is missing, damaged, changed, or another agent's."""
        try:
            from simmig.learning.policy import load_policy
        except ImportError as error:
            raise PluginError(f"agents that learn need {error.name} (pip install 'simmig[learn]')") from None
        kind = type(self).__module__.rpartition(".")[2]
        tensors, facts, digest = load_policy(folder / self.policy, kind)
        self._player = type(self).player(tensors, facts)
        return {"policy": self.policy, "policy_sha256": digest}

    def price(self, view: LeaderView) -> FloatArray:
        """Return the policy's prices, without exploring."""
        return self._at_play().price(view)

    def demand(self, view: FollowerView) -> FloatArray:
        """Return the policy's demands, without exploring."""
        return self._at_play().demand(view)

    def _at_play(self) -> Player:
        if self._player is None:
            raise AgentError(f"policy {self.policy!r} is not loaded: call prepare(folder) before the first round")
        return self._player
