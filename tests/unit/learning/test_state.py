import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from simmig.errors import InputError, RunError
from simmig.learning.checkpoint import read_checkpoint, write_checkpoint
from simmig.learning.state import flatten_state, unflatten_state
from simmig.rng import stream


def round_trip(state: object) -> Any:
    tensors, form = flatten_state(state)
    return unflatten_state(tensors, json.loads(json.dumps(form, allow_nan=False)))


@pytest.mark.parametrize(
    "state",
    [
        None,
        True,
        -(2**200),
        0.1,
        -0.0,
        float("inf"),
        float("-inf"),
        "Ψ/1",
        {},
        [],
        (),
        [(1, [2.0, (None, "x")]), {"a": {1: False, "1": True}}],
        {"tensor": "a", "float": "nan", "dict": []},
        {"list": [1]},
        {"tuple": {"dict": [["tensor", "x"]]}},
    ],
)
def test_plain_states_come_back_equal_and_of_the_same_types(state: object) -> None:
    assert repr(round_trip(state)) == repr(state)


def test_nan_comes_back() -> None:
    assert repr(round_trip({"best": float("nan")})) == "{'best': nan}"


def test_tensors_of_places_that_read_alike_are_kept_apart() -> None:
    state = {1: torch.tensor(1), "1": torch.tensor(2), "a": {"b": torch.tensor(3)}, "a/b": torch.tensor(4)}
    back = round_trip(state)
    assert [int(value) for value in (back[1], back["1"], back["a"]["b"], back["a/b"])] == [1, 2, 3, 4]
    assert int(round_trip(torch.tensor(5))) == 5


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"a": [np.zeros(2)]}, "state at a/0: a ndarray cannot be stored"),
        (Path(), "state at the top: a .*Path cannot be stored"),
        ({"a": {1.5: 0}}, "state at a: a key is 1.5; expected a string or an integer"),
        ({True: 0}, "a key is True"),
    ],
)
def test_what_cannot_be_stored_is_named(state: object, expected: str) -> None:
    with pytest.raises(RunError, match=expected):
        flatten_state(state)


@pytest.mark.parametrize(
    "form",
    [
        {"tensor": "missing"},
        {"tensor": 1},
        {"float": "1e999"},
        {"dict": [["a"]]},
        {"dict": [[[], 1]]},
        {"dict": {"a": 1}},
        {"list": 3},
        {"other": []},
        {"list": [], "tuple": []},
        {},
        [1],
    ],
)
def test_a_form_that_is_none_is_refused(form: object) -> None:
    with pytest.raises(InputError, match="form of a stored state: found"):
        unflatten_state({}, {"list": [form]})


def test_a_form_that_is_nested_too_deeply_is_refused() -> None:
    form: object = 1
    for _ in range(5000):
        form = {"list": [form]}
    with pytest.raises(InputError, match="nested too deeply"):
        unflatten_state({}, form)


def network() -> nn.Module:
    layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    with torch.no_grad():
        for index, parameter in enumerate(layers.parameters()):
            parameter.copy_(torch.sin(torch.arange(parameter.numel()) + index).reshape(parameter.shape))
    return layers


class Training:
    """A small regression with dropout of inputs by torch's generator and targets by NumPy's."""

    def __init__(self, make: Callable[[Any], torch.optim.Optimizer]) -> None:
        self.net, self.loss = network(), []
        self.optimizer = make(self.net.parameters())
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, patience=1)
        self.torch, self.numpy = torch.Generator().manual_seed(3), stream(3, "targets")

    def steps(self, count: int) -> None:
        for _ in range(count):
            batch = torch.rand(16, 3, generator=self.torch)
            target = torch.from_numpy(self.numpy.normal(size=(16, 1)).astype(np.float32))
            loss = ((self.net(batch) - target) ** 2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step(loss.detach())
            self.loss.append(float(loss.detach()))

    def state(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": {name: float(value) if isinstance(value, Tensor) else value for name, value in
                          self.scheduler.state_dict().items()},
            "torch": self.torch.get_state(),
            "numpy": self.numpy.bit_generator.state,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.torch.set_state(state["torch"])
        self.numpy.bit_generator.state = state["numpy"]


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: torch.optim.Adam(parameters, lr=1e-2, amsgrad=True),
        lambda parameters: torch.optim.SGD(parameters, lr=1e-2, momentum=0.9),
        lambda parameters: torch.optim.RMSprop(parameters, lr=1e-2),
    ],
    ids=["adam", "sgd", "rmsprop"],
)
@pytest.mark.parametrize("done", [0, 7])
def test_a_training_that_is_stored_goes_on_to_the_same_bits(
    tmp_path: Path, make: Callable[[Any], torch.optim.Optimizer], done: int
) -> None:
    whole = Training(make)
    whole.steps(done + 9)

    first = Training(make)
    first.steps(done)
    tensors, form = flatten_state(first.state())
    write_checkpoint(tmp_path, "training", tensors, {"form": form})
    tensors, meta = read_checkpoint(tmp_path, "training")
    second = Training(make)
    second.steps(2)  # away from the start
    second.restore(unflatten_state(tensors, meta["form"]))
    second.loss = list(first.loss)
    second.steps(9)

    assert second.loss == whole.loss
    assert all(torch.equal(a, b) for a, b in zip(whole.net.parameters(), second.net.parameters(), strict=True))
    assert torch.equal(whole.torch.get_state(), second.torch.get_state())
    assert whole.numpy.bit_generator.state == second.numpy.bit_generator.state
