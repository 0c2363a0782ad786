"""A player's network as the bytes of an ONNX file, built node by node and compared with torch by onnxruntime.

torch.onnx.export takes 2.4 CPU seconds for each network where this takes milliseconds, needs onnxscript, and adds 60
nodes around an LSTM. Operators are those of version 17, so that runtimes of 2022 read the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from simmig.errors import InputError, RunError

if TYPE_CHECKING:
    from simmig.learning.export import PlayerNetwork

_OPSET, _IR = 17, 8
_CLOSE = 1e-6  # of a share: float32 sums in another order
_ROWS = 64  # that both are asked about


def checked_onnx(network: PlayerNetwork) -> bytes:
    """Return the file; raises InputError without the extra, RunError if the runtime answers otherwise than torch."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"ONNX export: {error} (pip install 'simmig[export]')") from None
    data = _Graph(onnx).bytes_of(network)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    rows = torch.rand(_ROWS, network.inputs, generator=Generator().manual_seed(1))
    (found,) = session.run(["share"], {"seen": rows.numpy()})
    gap = float(np.abs(found - network(rows).numpy()).max())
    if not gap <= _CLOSE:
        raise RunError(f"ONNX export: onnxruntime answers {gap:.1e} away from torch, expected at most {_CLOSE:.0e}")
    return bytes(data)


class _Graph:
    """Nodes and weights so far; each method adds a step and returns the name of what comes out of it."""

    def __init__(self, onnx: Any) -> None:  # noqa: ANN401  an extra, imported when it is needed
        self._onnx, self._nodes, self._weights = onnx, [], []  # type: ignore[var-annotated]

    def bytes_of(self, network: PlayerNetwork) -> bytes:
        helper, real = self._onnx.helper, self._onnx.TensorProto.FLOAT
        name = "seen"
        if network.is_recurrent:
            name = self._node("Gather", name, self._weight(network.columns), axis=1)  # [B, L, F + S]
            for module in network.inward:
                name = self._stacked(name, module) if isinstance(module, nn.Linear) else self._node("Tanh", name)
            name = self._memory(self._node("Transpose", name, perm=[1, 0, 2]), network.memory)
        for module in network.outward:
            name = self._linear(name, module) if isinstance(module, nn.Linear) else self._node("Tanh", name)
        self._best(name, network.best.kind)
        graph = helper.make_graph(
            self._nodes,
            "policy",
            [helper.make_tensor_value_info("seen", real, ["batch", network.inputs])],
            [helper.make_tensor_value_info("share", real, ["batch", network.actions])],
            self._weights,
        )
        model = helper.make_model(
            graph, producer_name="simmig", ir_version=_IR, opset_imports=[helper.make_opsetid("", _OPSET)]
        )
        self._onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _node(self, kind: str, *inputs: str, out: str | None = None, **settings: Any) -> str:  # noqa: ANN401
        out = out or f"t{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [out], **settings))
        return out

    def _weight(self, values: Tensor | np.ndarray) -> str:
        array = np.ascontiguousarray(values.numpy() if isinstance(values, Tensor) else values)
        name = f"w{len(self._weights)}"
        self._weights.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def _linear(self, name: str, module: nn.Linear) -> str:
        """[B, in] to [B, out]."""
        return self._node("Gemm", name, self._weight(module.weight), self._weight(module.bias), transB=1)

    def _stacked(self, name: str, module: nn.Linear) -> str:
        """[B, L, in] to [B, L, out]."""
        return self._node("Add", self._node("MatMul", name, self._weight(module.weight.T)), self._weight(module.bias))

    def _memory(self, name: str, memory: nn.LSTM) -> str:
        """[L, B, in] to the last slot's [B, cells]. ONNX has the gates in the order i, o, f, c; torch i, f, g, o."""
        for layer in range(memory.num_layers):
            parts = [getattr(memory, f"{what}_l{layer}") for what in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            into, back, *biases = (torch.cat([part.chunk(4)[k] for k in (0, 3, 1, 2)]) for part in parts)
            weights = [self._weight(each[None]) for each in (into, back, torch.cat(biases))]
            out = f"all{layer}", f"last{layer}"
            self._nodes.append(
                self._onnx.helper.make_node("LSTM", [name, *weights], out, hidden_size=memory.hidden_size)
            )
            is_last = layer == memory.num_layers - 1
            # All outputs are [L, 1, B, cells], the last [1, B, cells].
            name = self._node("Squeeze", out[is_last], self._weight(np.array([0 if is_last else 1])))
        return name

    def _best(self, name: str, kind: str) -> None:
        if kind == "squashed":
            self._node("Sigmoid", name, out="share")
            return
        both = self._node("Softplus", self._node("Add", name, self._weight(torch.ones(1))))
        first, second = "first", "second"
        self._nodes.append(self._onnx.helper.make_node("Split", [both], [first, second], axis=1))
        total = self._node("Max", self._node("Add", first, second), self._weight(torch.tensor([1e-6])))
        self._node("Div", first, total, out="share")
