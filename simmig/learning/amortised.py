"""A network that prices any round at once, trained over random games by each leader's own profit slope.

Sizes: B games, I followers, J leaders, F numbers for each pair, h the width. The network sees pairs, and what it makes
of them does not depend on the order or the number of players: means and maxima over a leader's followers and over a
follower's leaders go back into each pair.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import layer_norm

from simmig.errors import AgentError, InputError
from simmig.learning.game_tables import pair_table, variants
from simmig.learning.networks import mlp
from simmig.learning.price_table import sorted_out
from simmig.learning.stage import Stage
from simmig.learning.weights import FreeWeights
from simmig.rng import stream

if TYPE_CHECKING:
    from simmig.contracts import FloatArray, FollowerView, LeaderView
    from simmig.env.sources import FixedGame
    from simmig.learning.recipe import AmortisedRecipe
    from simmig.learning.venue import Venue

_SURVEYED = 256  # games that the scale of the inputs and the first prices are taken from
_TRIALS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # shares that leaders may begin with
_STEEPEST = 10.0  # slope over profit that one game may pull with
_SMALL = 0.05  # of the mean profit: what earns less than that pulls less
_FURTHEST = 5.0  # deviations that an input may be from its mean


class PairNetwork(nn.Module):
    """Shares of the price interval from pair tables: one for each leader [B, J], or each pair [B, I, J] if `is_wide`.

    Deep sets (Zaheer et al. 2017) over both axes, as exchangeable matrix layers (Hartford et al. 2018).
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, features: int, width: int, layers: int, *, is_wide: bool, draw: Generator) -> None:
        super().__init__()
        self.is_wide = is_wide
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.inward = FreeWeights(1, (features, width, width), draw)
        self.mixing = nn.ModuleList(FreeWeights(1, (6 * width, width), draw) for _ in range(layers))
        self.outward = FreeWeights(1, (6 * width, width, 1), draw, 0.01)

    def survey(self, table: Tensor, eligible: Tensor) -> None:
        """Take mean and deviation of the inputs over the pairs that may trade in these games."""
        seen = table[eligible]
        self.centre.copy_(seen.mean(0))
        self.scale.copy_(seen.std(0).clamp(min=1e-3))  # nearly constant inputs stay nearly constant

    @torch.no_grad()
    def start_from(self, share: float) -> None:
        """Begin near this share everywhere: a network that has to go there first saturates on the way."""
        self.outward.biases[-1].fill_(math.log(share / (1.0 - share)))

    def forward(self, table: Tensor, eligible: Tensor) -> Tensor:
        """Return the shares for table[B, I, J, F] and eligible[B, I, J]."""
        given = ((table - self.centre) / self.scale).clamp(-_FURTHEST, _FURTHEST)
        known = torch.tanh(_each(given, self.inward))
        for layer in self.mixing:
            known = known + torch.tanh(_each(_levelled(_mixed(known, eligible)), layer))
        mixed = _levelled(_mixed(known, eligible))
        if not self.is_wide:  # what a leader's pairs come to: each of them holds means and maxima
            mixed = _over(mixed, eligible, -3)[0].squeeze(-3)
        return torch.sigmoid(_each(mixed, self.outward)[..., 0])


def _each(x: Tensor, weights: nn.Module) -> Tensor:
    """Return the output of one perceptron at every place of x[..., in]."""
    return mlp(x.reshape(1, -1, x.shape[-1]), weights()).reshape(*x.shape[:-1], -1)


def _mixed(known: Tensor, eligible: Tensor) -> Tensor:
    """Return each pair beside mean and maximum over its leader's pairs and its follower's, and the mean of all."""
    columns, rows = _over(known, eligible, -3), _over(known, eligible, -2)
    all_pairs = _over(known.flatten(1, 2), eligible.flatten(1, 2), -2)[0][..., None, :]
    return torch.cat([known, *(part.expand_as(known) for part in (*columns, *rows, all_pairs))], -1)


def _levelled(x: Tensor) -> Tensor:
    """Return each row with mean 0 and deviation 1 (Ba et al. 2016): without it the layers soon saturate."""
    return layer_norm(x, x.shape[-1:])


def _over(known: Tensor, eligible: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return mean and maximum along an axis over the pairs that may trade, 0 where there is none."""
    is_there = eligible[..., None]
    count = is_there.sum(axis, keepdim=True)
    mean = torch.where(is_there, known, 0.0).sum(axis, keepdim=True) / count.clamp(min=1)
    most = torch.where(is_there, known, -torch.inf).amax(axis, keepdim=True)
    return mean, torch.where(count > 0, most, 0.0)


class AmortisedTraining:
    """Draws games like those of the venue and moves the network up every leader's own profit slope at once."""

    def __init__(self, venue: Venue, recipe: AmortisedRecipe, seed: int) -> None:
        self._source, self._recipe = venue.source, recipe
        self._draw = stream(seed, "games like these")
        start = Generator().manual_seed(int(stream(seed, "network").integers(2**62)))
        survey = self._games(_SURVEYED)
        table, eligible = pair_table(survey)
        self._kind, is_wide = type(survey).__name__, survey.individual_prices
        self._network = PairNetwork(table.shape[-1], recipe.width, recipe.layers, is_wide=is_wide, draw=start)
        self._network.survey(table.float(), eligible)
        self._network.start_from(best_for_all(Stage(survey)))
        self._optimiser = torch.optim.Adam(self._network.parameters(), lr=recipe.learning_rate, fused=True)
        self.iteration, self.plays = 0, len(_TRIALS) * _SURVEYED

    @property
    def iterations(self) -> int:
        """How many updates the recipe asks for."""
        return self._recipe.iterations

    def iterate(self) -> dict[str, Any]:
        """Price fresh games, move along the slopes, and return what happened as a row of the learning curve."""
        started = time.process_time()
        progress = self.iteration / max(self.iterations, 1)
        self._optimiser.param_groups[0]["lr"] = self._recipe.learning_rate * self._recipe.final_rate**progress
        game = self._games(self._recipe.games)
        table, eligible = pair_table(game)
        share = self._network(table.float(), eligible)
        stage = Stage(game)
        profit, slope = stage.slope(share.double())
        pull = pulls(profit, slope, stage.is_open)
        loss = -(share * pull.float()).sum() / stage.is_open.sum().clamp(min=1)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.most_gradient)
        self._optimiser.step()
        self.iteration += 1
        self.plays += len(share)
        is_sound = stage.is_open & profit.isfinite()
        return {
            "iteration": self.iteration,
            "plays": self.plays,
            "cpu_s": time.process_time() - started,
            "profit": float(torch.where(is_sound, profit, 0.0).sum() / is_sound.sum().clamp(min=1)),
            "steepness": float(pull.abs().sum() / stage.is_open.sum().clamp(min=1)),
        }

    def policy(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network and what `AmortisedPlayer` needs to know of it."""
        tensors = {key: value.clone() for key, value in self._network.state_dict().items()}
        facts = {"game": self._kind, "is_wide": self._network.is_wide}
        return tensors, {**facts, "width": self._recipe.width, "layers": self._recipe.layers}

    @torch.no_grad()
    def answer(self, single: FixedGame) -> tuple[FloatArray, FloatArray]:
        """Return the prices and demands, without batch axes, that the network comes to in this game."""
        share = self._network(*(part.float() if part.is_floating_point() else part for part in pair_table(single.game)))
        return Stage(single.games(1, self._draw).game).answer(share.double())

    def state(self) -> dict[str, Any]:
        """Return all that goes on from here to the same network."""
        return {
            "counts": [self.iteration, self.plays],
            "network": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "draw": self._draw.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of a training with the same recipe and venue."""
        self.iteration, self.plays = state["counts"]
        self._network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._draw.bit_generator.state = state["draw"]

    def _games(self, count: int) -> Any:  # noqa: ANN401  one of the kinds that pair_table knows
        game = self._source.games(count, self._draw).game
        return variants(game, self._recipe.spread, self._recipe.absent, self._draw)


def best_for_all(stage: Stage) -> float:
    """Return the share that pays best in the mean if every leader posts it."""
    paid = []
    for share in _TRIALS:
        profit = stage.profit(torch.full(stage.is_open.shape, share).double())
        paid.append(float(torch.where(stage.is_open & profit.isfinite(), profit, 0.0).sum()))
    return _TRIALS[paid.index(max(paid))]


def pulls(profit: Tensor, slope: Tensor, is_open: Tensor) -> Tensor:
    """Return where each share should go: its slope over its own profit, so that small leaders count as much as large.

    Games without an equilibrium and prices that nobody may pay pull nowhere.
    """
    is_sound = is_open & profit.isfinite()
    mean = torch.where(is_sound, profit, 0.0).flatten(1).sum(1) / is_sound.flatten(1).sum(1).clamp(min=1)
    scale = profit.abs() + _SMALL * mean.abs().reshape(-1, *[1] * (profit.ndim - 1)) + 1e-12
    steep, push = sorted_out(slope / scale, (profit == 0.0) & (slope == 0.0))
    return torch.where(is_open & ~profit.isnan(), steep.clamp(-_STEEPEST, _STEEPEST) + push, 0.0)


class AmortisedPlayer:
    """Prices the whole round of a view at once, in double precision so that machines agree."""

    def __init__(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        try:
            width, layers, self._kind = int(facts["width"]), int(facts["layers"]), str(facts["game"])
            features, is_wide = len(tensors["centre"]), bool(facts["is_wide"])
            network = PairNetwork(features, width, layers, is_wide=is_wide, draw=Generator())
            network.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())[:120]
            raise InputError(f"policy: not the network that its facts describe ({text}); train it again") from None
        self._network = network.requires_grad_(False).double()

    def price(self, view: LeaderView) -> FloatArray:
        """Return the prices of every RSU in the view, [J], or [I, J] where each vehicle has its own."""
        game = view.game
        if type(game).__name__ != self._kind:
            raise AgentError(
                f"the policy was trained in a {self._kind}, this is a {type(game).__name__}; train it here"
            )
        assert game is not None
        if game.individual_prices != self._network.is_wide:
            asked = "one price for all" if self._network.is_wide else "a price for each vehicle"
            raise AgentError(f"the policy was trained in a game with other prices; this one has {asked}; train it here")
        share = self._network(*pair_table(game))[0].numpy()
        price: FloatArray = (1.0 - share) * view.cost + share * view.price_max
        return price.clip(view.cost, view.price_max)

    def demand(self, view: FollowerView) -> FloatArray:
        """Refuse: it does not follow."""
        raise AgentError('the policy has learned to lead only; expected followers = { kind = "best_response" }')
