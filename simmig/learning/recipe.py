"""How an agent is trained: the settings of a learner, without any tensor, so that an agent's file can state its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simmig.errors import InputError
from simmig.plugins.wording import did_you_mean, explain

LeadersPart = Literal["learn", "random"]
FollowersPart = Literal["learn", "random", "best_reply"]


class Pruning(BaseModel):
    """Dynamic structured pruning of 001, Algorithm 2: hidden neurons of the actor are dropped while it learns."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    sparsity: float = Field(default=0.85, ge=0.0, lt=1.0, description="share of hidden neurons gone at the end")
    first: float = Field(default=0.0, ge=0.0, lt=1.0, description="share of hidden neurons gone at the start")
    begin: float = Field(default=0.2, ge=0.0, le=1.0, description="when pruning begins, share of the iterations")
    end: float = Field(default=0.7, ge=0.0, le=1.0, description="when the last neuron goes, share of the iterations")
    every: int = Field(default=5, ge=1, description="iterations between two steps of pruning")
    threshold: Literal["quantile", "cumulative", "literal"] = Field(
        default="quantile",
        description="quantile: the least important share of each layer goes; cumulative: those that together have this "
        "share of the layer's importance; literal: equation (50) as printed, which may leave no neuron at all",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Pruning:
        for low, high in (("begin", "end"), ("first", "sparsity")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is {getattr(self, low)}, expected at most {high}, {getattr(self, high)}")
        return self


class Recipe(BaseModel):
    """Everything that training an agent depends on but for the market, the seed and the number of threads."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    leaders: LeadersPart = Field(default="learn", description="what leaders do while training")
    followers: FollowersPart = Field(default="best_reply", description="what followers do while training")
    leaders_see: Literal["own", "public", "set", "full"] = Field(default="own", description="what a leader observes")
    followers_see: Literal["now", "own", "public", "full"] = Field(
        default="now", description="what a follower observes besides the prices posted"
    )
    lead_in: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="share of the iterations at the start in which prices are drawn at random and only followers "
        "learn: leaders that learn against followers who do not answer prices yet end at the cap",
    )
    individual: bool = Field(
        default=True,
        description="where a game has individual prices: true, a leader prices every follower by itself, and its "
        "policy is bound to their number; false, it posts one price for all",
    )
    history: int = Field(default=3, ge=1, le=100, description="past slots that are seen, L")
    slots: int = Field(default=100, ge=1, description="slots of an episode, T")
    network: Literal["mlp", "lstm", "set"] = Field(default="mlp", description="body of actor and critic")
    weights: Literal["own", "shared", "generated"] = Field(
        default="own", description="own: a network for each player; shared: one for all; generated: by a hypernetwork"
    )
    width: int = Field(default=64, ge=1, le=4096, description="neurons of a hidden layer")
    cells: int = Field(default=64, ge=1, le=4096, description="units of an LSTM layer")
    critic: Literal["own", "central"] = Field(
        default="own", description="what the critic sees: what its player sees, or what all players of the side see"
    )
    distribution: Literal["squashed", "beta"] = Field(default="squashed", description="law of the actions")
    credit: Literal["joint", "each"] = Field(
        default="each",
        description="each: a price for one follower is judged by what that follower brought, and a purchase by what it "
        "is worth by itself, which players see; joint: all by the player's whole utility",
    )
    algorithm: Literal["ppo", "a2c", "a3c"] = Field(default="ppo", description="rule of the update")
    workers: int = Field(default=4, ge=1, le=64, description="a3c: workers whose gradients come late in turn")
    games: int = Field(default=64, ge=1, description="markets played side by side")
    steps: int = Field(default=8, ge=1, description="slots of each market between two updates")
    iterations: int = Field(default=200, ge=0, description="updates, each over games x steps slots")
    learning_rate: float = Field(default=3e-3, gt=0.0, description="step of Adam at the start")
    final_rate: float = Field(
        default=0.1, ge=0.0, le=1.0, description="learning rate at the end over that at the start"
    )
    epochs: int = Field(default=4, ge=1, description="passes over the slots of one update")
    minibatches: int = Field(default=4, ge=1, description="parts of one pass")
    clip: float = Field(default=0.2, gt=0.0, description="ppo: bound of the ratio, kappa of 001 (41), epsilon of 002")
    discount: float = Field(default=0.0, ge=0.0, lt=1.0, description="worth of the next slot, gamma")
    trace: float = Field(default=0.95, ge=0.0, le=1.0, description="lambda of the generalised advantage")
    entropy: float = Field(default=0.0, ge=0.0, description="weight of the entropy bonus")
    deviation: float = Field(
        default=1.5,
        gt=0.0,
        description="spread of the actions at the start, before squashing; 1.5 tries nearly all the interval, "
        "so that a price at which somebody buys is found",
    )
    value_weight: float = Field(default=0.5, gt=0.0, description="weight of the critic's loss")
    most_gradient: float = Field(default=0.5, gt=0.0, description="largest norm of a player's gradient")
    average: float = Field(
        default=0.98,
        ge=0.0,
        lt=1.0,
        description="the policy kept is the mean of the actors, this much of it the old one",
    )
    pruning: Pruning | None = Field(default=None, description="pruning of the actor's hidden layers, or none")


class TableRecipe(BaseModel):
    """What learning a table of prices depends on, whatever says where a price should go."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    iterations: int = Field(default=200, ge=0, description="steps of all prices at once")
    games: int = Field(default=64, ge=1, description="rounds that one estimate of the slopes is the mean of")
    trials: int = Field(
        default=9,
        ge=1,
        le=1000,
        description="shares spread evenly from cost to cap that all prices try at once before the first step, each "
        "starting from the one that paid best; 1 starts in the middle",
    )
    optimiser: Literal["adam", "plain"] = Field(
        default="adam",
        description="rule of a step; plain: a share moves by rate times the slope of its profit over the most that it "
        "ever earned, at most by rate",
    )
    rate: float = Field(default=0.05, gt=0.0, description="size of the first step, in shares")
    final_rate: float = Field(default=0.002, gt=0.0, le=1.0, description="size of the last step over that of the first")
    average: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="the table kept is a running mean, this much of it the old one"
    )


class AmortisedRecipe(BaseModel):
    """What training a network over random games depends on."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    iterations: int = Field(default=1000, ge=0, description="updates, each over fresh games")
    games: int = Field(default=64, ge=1, description="games of one update")
    spread: float = Field(
        default=0.2,
        ge=0.0,
        le=2.0,
        description="how far parameters are from the venue's: each is multiplied by exp(x), x uniform within +- this",
    )
    absent: float = Field(
        default=0.1, ge=0.0, lt=1.0, description="probability that a follower or a leader of the venue is missing"
    )
    width: int = Field(default=32, ge=1, le=1024, description="neurons of a layer")
    layers: int = Field(default=2, ge=0, le=8, description="times that pairs see what the others came to")
    learning_rate: float = Field(default=3e-3, gt=0.0, description="step of Adam at the start")
    final_rate: float = Field(
        default=0.02, gt=0.0, le=1.0, description="learning rate at the end over that at the start"
    )
    most_gradient: float = Field(default=1.0, gt=0.0, description="largest norm of an update's gradient")


def recipe_with(recipe: BaseModel, agent: str, changes: Mapping[str, Any]) -> BaseModel:
    """Return the recipe of an agent with changes, dots in a key for tables; raises InputError that names the key."""
    values = recipe.model_dump(mode="json")
    for path, value in changes.items():
        *tables, key = path.split(".")
        table = values
        for part in tables:
            if not isinstance(table.get(part), dict):
                table[part] = {}
            table = table[part]
        table[key] = value
    try:
        return type(recipe).model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        near = did_you_mean(where, type(recipe).model_fields) if detail["type"] == "extra_forbidden" else ""
        raise InputError(f"recipe of agent {agent}: {where}: {explain(detail)}{near}") from None
