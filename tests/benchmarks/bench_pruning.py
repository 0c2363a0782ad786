"""What pruning a policy saves and what it costs: size, latency, and the reward that is kept while it goes on.

python tests/benchmarks/bench_pruning.py size [--widths 128 512] [--calls 2000]
python tests/benchmarks/bench_pruning.py train [--widths 128] [--seeds 0 1 2] [--games fixed] [--plot pruning.svg]
Add --quick for a first look.

Needs the extra `export`. 001's game: 5 leaders that price 15 followers each, so that a leader sees 93 numbers and posts
15 prices. Sparsity is the share of hidden neurons that go; the share of parameters is printed beside it.

`size`: one leader's actor, latency of single calls in turns of 100 so that a busy machine slows all alike, one thread,
p50 and p5 in microseconds. "masked" has its neurons multiplied by 0 (in onnxruntime: zeros among the weights).
`train`: the dense policy and those pruned from a fifth of the iterations to seven tenths, each scored as it learns.
`--games fixed` is one game, in which the best policy is a constant: `no neurons` trains the last layer's biases alone
and shows how little the network is needed there. `--games drawn` draws every episode's game from Table II, so that a
leader must find out whom it sells to, and scores on games it has not met. Nothing is asserted, because times are not
tests.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Generator, Tensor

from simmig.env.market import Market, Rules
from simmig.env.observations import ObservationSizes
from simmig.env.sources import DrawnGames, FixedGame, Games, Source
from simmig.games._papers import draw_001
from simmig.games.immersion import ImmersionGame
from simmig.learning.evaluate import Yardstick
from simmig.learning.export import PlayerNetwork, perceptron, players_of
from simmig.learning.learner import Actor, Shape
from simmig.learning.networks import mlp
from simmig.learning.pruning import compact, importance, remaining
from simmig.learning.recipe import Pruning, Recipe
from simmig.learning.trainer import Trainer
from simmig.learning.weights import MaskedWeights
from simmig.rng import stream

SPARSITIES = (0.0, 0.5, 0.7, 0.85, 0.95)
LEADERS, FOLLOWERS, SLOTS = 5, 15, 3
SIZES = ObservationSizes(SLOTS, 2 * FOLLOWERS, 3, 0)
TURN = 100  # calls of one network before the next one's turn
BATCHES = (1, 256)
DIGITS = ("4f", "1e", "5f")
HELD_OUT = 8  # games that nobody has trained on


def actor(width: int, sparsity: float) -> Actor:
    """One leader's policy with random weights, pruned by importance."""
    recipe = Recipe(width=width, pruning=Pruning())
    made = Actor(recipe, Shape(1, SIZES, FOLLOWERS, FOLLOWERS), Generator().manual_seed(1))
    weights = weights_of(made)
    weights.free.weights[-1].data.mul_(100.0)  # from the size it starts with to that of the others
    masks = remaining(importance(weights.free(), weights.masks), weights.masks, sparsity, "quantile")
    for mask, now in zip(weights.masks, masks, strict=True):
        mask.copy_(now)
    return made


def weights_of(made: Actor) -> MaskedWeights:
    weights = made.body.weights
    assert isinstance(weights, MaskedWeights)
    return weights


def unshrunk(made: Actor) -> PlayerNetwork:
    """The policy with zeros where neurons are gone."""
    weights = weights_of(made)
    (layers,) = compact(weights(), [torch.ones_like(mask) for mask in weights.masks])
    return PlayerNetwork(perceptron(layers), "squashed")


def latencies(calls: dict[str, Callable[[], Any]], count: int) -> dict[str, tuple[float, float]]:
    """p50 and p5 of each in microseconds."""
    taken: dict[str, list[int]] = {name: [] for name in calls}
    for _ in range(-(-count // TURN)):
        for name, call in calls.items():
            for _ in range(10):  # bring its weights back into the cache
                call()
            for _ in range(TURN):
                begin = time.perf_counter_ns()
                call()
                taken[name].append(time.perf_counter_ns() - begin)
    return {name: (median(each) / 1e3, float(np.percentile(each, 5)) / 1e3) for name, each in taken.items()}


def session_of(network: PlayerNetwork, path: Path) -> tuple[onnxruntime.InferenceSession, int]:
    size = network.to_onnx(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]), size


@torch.no_grad()
def size(widths: list[int], count: int) -> None:
    """Print parameters, bytes and latencies for each width and sparsity."""
    print(
        f"{'':14s}{'':>10s} {'':>7s} {'bytes of a file':>17s}   "
        + "   ".join(f"{f'p50 / p5 in us, batch {batch}':^51s}" for batch in BATCHES)
    )
    heads = "".join(f"   {f'{run}':>12s}" for _ in BATCHES for run in ("ort masked", "ort", "torch masked", "torch"))
    print(f"{'width':>5s} {'gone':>7s} {'parameters':>11s} {'share':>7s} {'onnx':>8s} {'tensors':>8s}{heads}   gap")
    with TemporaryDirectory() as folder:
        for width in widths:
            for sparsity in SPARSITIES:
                print(size_row(width, sparsity, count, Path(folder) / "a.onnx"), flush=True)


def size_row(width: int, sparsity: float, count: int, path: Path) -> str:
    made = actor(width, sparsity)
    whole, (small,) = unshrunk(made), players_of(made, SIZES)
    (ort_whole, _), (ort_small, bytes_small) = session_of(whole, path), session_of(small, path)
    weights, columns = weights_of(made), []
    for batch in BATCHES:
        rows = torch.rand(batch, small.inputs, generator=Generator().manual_seed(batch))
        given = {"seen": rows.numpy()}

        def masked(rows: Tensor = rows) -> Tensor:
            return torch.sigmoid(mlp(rows[None], weights())[0])

        gap = float((small(rows) - masked()).abs().max())
        calls: dict[str, Callable[[], Any]] = {
            "ort masked": lambda given=given: ort_whole.run(None, given),
            "ort": lambda given=given: ort_small.run(None, given),
            "torch masked": masked,
            "torch": lambda rows=rows: small(rows),
        }
        columns += [f"{p50:6.1f}/{p5:5.1f}" for p50, p5 in latencies(calls, count).values()]
    share = small.parameter_count() / whole.parameter_count()
    return (
        f"{width:5d} {sparsity:7.0%} {small.parameter_count():11,d} {share:7.1%} {bytes_small:8,d} "
        f"{small.safetensors_bytes():8,d}" + "".join(f"   {each:>12s}" for each in columns) + f"   {gap:.0e}"
    )


def drawn(draw: np.random.Generator, batch: tuple[int, ...]) -> ImmersionGame:
    """Games of 001, Table II, with enough quality to trade."""
    return ImmersionGame.make(**draw_001(draw, batch, FOLLOWERS, LEADERS, positive=True))


def venue(kind: str) -> tuple[Source, list[ImmersionGame], int]:
    """Where to learn, the games to be scored on, and the slots of an episode."""
    if kind == "fixed":
        game = drawn(stream(1, "bench"), ())
        return FixedGame(game), [game], 100
    held_out = [drawn(stream(1, "held out", k), ()) for k in range(HELD_OUT)]
    return DrawnGames(lambda draw, batch: Games.silent(drawn(draw, batch))), held_out, 8


def trained(kind: str, width: int, pruning: Pruning | None, seed: int, iterations: int, looks: int) -> dict[str, Any]:
    """The course of one training: iterations, price error, NashConv and profit over the equilibrium's, and the cost.

    `no neurons` is asked for by width 0.
    """
    source, games, slots = venue(kind)
    recipe = Recipe(iterations=iterations, width=max(width, 1), slots=slots, pruning=pruning or Pruning(sparsity=0.0))
    rules = Rules(recipe.history, recipe.slots)
    running = Trainer(Market(source, recipe.games, rules, seed), recipe, seed)
    sticks = [Yardstick(game) for game in games]
    if width == 0:
        side = running.sides["leaders"]
        side.pruner = None
        for body in (side.learner.actor, side.learner.average):
            for mask in weights_of(body).masks:
                mask.zero_()
    begin, course = time.process_time(), []
    spent = 0.0
    for number in range(1, iterations + 1):
        running.iterate()
        if number % max(iterations // looks, 1) == 0 or number == iterations:
            spent += time.process_time() - begin
            course.append((number, *scored(running, sticks)))
            begin = time.process_time()
    names = ("iteration", "price_error", "nash_conv", "profit")
    return {
        **{name: np.array(each) for name, each in zip(names, zip(*course, strict=True), strict=True)},
        "cpu_s": spent,
    }


def scored(running: Trainer, sticks: list[Yardstick]) -> tuple[float, float, float]:
    """Mean price error, NashConv and profit over the equilibrium's."""
    rows = []
    for stick in sticks:
        score = stick.score(*running.answer(FixedGame(stick.game)))
        rows.append((score.price_error, score.nash_conv, score.profit.sum() / stick.found.leader_utility.sum()))
    error, gap, profit = np.mean(rows, axis=0)
    return float(error), float(gap), float(profit)


def train(arguments: argparse.Namespace) -> None:
    """Print how each trained policy ends, as means over the seeds, and plot the courses."""
    print(f"{arguments.games} games, {arguments.iterations} iterations, seeds {arguments.seeds}; means and ranges")
    head = f"{'price error':>26s} {'NashConv':>30s} {'profit / equilibrium':>26s}"
    print(f"{'width':>5s} {'gone':>10s} {head} {'CPU s':>7s}")
    courses: dict[int, dict[str, list[dict[str, Any]]]] = {}
    for width in arguments.widths:
        cases = {f"{each:.0%}": (width, Pruning(sparsity=each) if each else None) for each in arguments.sparsities}
        cases["no neurons"] = (0, None)
        courses[width] = {}
        for name, (wide, pruning) in cases.items():
            runs = [
                trained(arguments.games, wide, pruning, seed, arguments.iterations, arguments.looks)
                for seed in arguments.seeds
            ]
            courses[width][name] = runs
            ends = [[run[key][-1] for run in runs] for key in ("price_error", "nash_conv", "profit")]
            parts = [f"{np.mean(x):.{d}} ({min(x):.{d}} to {max(x):.{d}})" for x, d in zip(ends, DIGITS, strict=True)]
            cost = np.mean([run["cpu_s"] for run in runs])
            print(f"{width:5d} {name:>10s} {parts[0]:>26s} {parts[1]:>30s} {parts[2]:>26s} {cost:7.1f}", flush=True)
    if arguments.plot is not None:
        draw_courses(courses, arguments.plot)
        print(arguments.plot)


def draw_courses(courses: dict[int, dict[str, list[dict[str, Any]]]], path: Path) -> None:
    """Write price error and profit over the iterations, a column for each width; lines are medians over the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0 * len(courses), 6.4), layout="constrained")
    grid = figure.subplots(2, len(courses), squeeze=False, sharex=True)
    for (width, cases), column in zip(courses.items(), grid.T, strict=True):
        for name, runs in cases.items():
            label = name if name == "no neurons" else f"{name} of neurons gone"
            for axes, key in zip(column, ("price_error", "profit"), strict=True):
                axes.plot(runs[0]["iteration"], np.median([run[key] for run in runs], axis=0), label=label)
        column[0].set_title(f"{width} wide")
        column[0].set_yscale("log")
        column[0].set_ylabel("price error")
        column[1].set_ylabel("leaders' profit over the equilibrium's")
        column[1].set_xlabel("iteration")
        for axes in column:
            axes.grid(visible=True, alpha=0.3)
    grid[1, 0].legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("size", "train"))
    parser.add_argument("--widths", type=int, nargs="+")
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--games", choices=("fixed", "drawn"), default="fixed")
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--looks", type=int, default=40, help="points of a curve")
    parser.add_argument("--sparsities", type=float, nargs="+", default=SPARSITIES)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        arguments.calls, arguments.seeds, arguments.iterations = 200, [0], 20
    if arguments.what == "size":
        size(arguments.widths or [128, 512], arguments.calls)
        return
    arguments.widths = arguments.widths or [128]
    train(arguments)


if __name__ == "__main__":
    main()
