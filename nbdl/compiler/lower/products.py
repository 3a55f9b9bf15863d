"""Matrix products, by oneDNN where it is there, else by NumPy's BLAS into the planned memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbdl.backends import onednn
from nbdl.backends.floating import restore, silence
from nbdl.compiler.ir import Node
from nbdl.compiler.lower.copies import layout, works
from nbdl.compiler.lower.lowering import Lowering, lowers
from nbdl.compiler.lower.steps import PrimitiveStep, PythonStep
from nbdl.compiler.lower.views import Buffer, View
from nbdl.errors import BackendError
from nbdl.ops.contraction import Matmul
from nbdl.ops.linear import Linear, LinearWeightGrad


def rows_of(low: Lowering, view: View, phase: int) -> View:
    """The leading axes of a view as one: (..., n) -> (rows, n)."""
    n = view.shape[-1]
    rows = math.prod(view.shape[:-1])
    if view.strides[-1] == 1 and len(view.shape) == 2:
        return view
    if not view.is_dense():
        view = low.dense(view, None, phase)
    return View(view.buffer, (rows, n), view.dtype, (n, 1), view.offset)


def transposed(view: View) -> View:
    """The last two axes exchanged."""
    *front, a, b = range(len(view.shape))
    axes = (*front, b, a)
    return View(view.buffer, tuple(view.shape[i] for i in axes), view.dtype,
                tuple(view.strides[i] for i in axes), view.offset)  # fmt: skip


def product(
    low: Lowering, node: Node, a: View, b: View, target: View, bias: View | None = None
) -> None:
    """Emit target = a @ b + bias."""
    reads = [a, b] if bias is None else [a, b, bias]
    made = _primitive(a, b, target, bias) if works(*reads, target) else None
    if made is not None and not made.is_fast and not (a.is_dense() and b.is_dense()):
        # For some interleaved stacks there is a plain loop only: copies are quicker.
        phase = node.phase
        product(low, node, low.dense(a, None, phase), low.dense(b, None, phase), target, bias)
        return
    if made is not None:
        roles: dict[str, View | Buffer] = {"src": a, "weights": b, "dst": target}
        if bias is not None:
            roles["bias"] = bias
        emit_primitive(low, node, made, roles, reads, [target])
        return

    def call(inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
        before = silence()
        try:
            np.matmul(inputs[0], inputs[1], out=outputs[0])
            if len(inputs) > 2:
                outputs[0][...] += inputs[2]
        finally:
            restore(before)

    low.emit(PythonStep([node], reads, [target], node.phase, call))


def _primitive(a: View, b: View, target: View, bias: View | None) -> Any:
    """oneDNN's product, or None where it has none for these layouts."""
    try:
        return onednn.matmul(layout(a), layout(b), layout(target),
                             None if bias is None else layout(bias))  # fmt: skip
    except BackendError:
        return None


def emit_primitive(
    low: Lowering, node: Node, made: Any, roles: dict[str, View | Buffer], reads: list[View],
    writes: list[View],
) -> None:  # fmt: skip
    """Emit a call of a primitive, with a scratchpad if it wants one."""
    if made.scratchpad_bytes:
        roles["scratchpad"] = Buffer(made.scratchpad_bytes)
    low.emit(PrimitiveStep([node], reads, writes, node.phase, made, roles))


@lowers(Linear)
def _linear(low: Lowering, node: Node) -> bool:
    x, w, *bias = [low.view(v) for v in node.inputs]
    if not _floats(x, w):
        return False
    a = rows_of(low, x, node.phase)
    y = low.fresh(node.outputs[0], tuple(range(len(node.outputs[0].shape))))
    target = View(y.buffer, (a.shape[0], w.shape[0]), y.dtype, (w.shape[0], 1), y.offset)
    product(low, node, a, transposed(_matrix(low, w, node)), target, bias[0] if bias else None)
    return True


@lowers(LinearWeightGrad)
def _linear_weight_grad(low: Lowering, node: Node) -> bool:
    dy, x = [low.view(v) for v in node.inputs]
    if not _floats(dy, x):
        return False
    a, b = rows_of(low, dy, node.phase), rows_of(low, x, node.phase)
    product(low, node, transposed(a), b, low.fresh(node.outputs[0]))
    return True


@lowers(Matmul)
def _matmul(low: Lowering, node: Node) -> bool:
    x, y = [low.view(v) for v in node.inputs]
    if not _floats(x, y):
        return False
    product(low, node, _matrix(low, x, node), _matrix(low, y, node), low.fresh(node.outputs[0]))
    return True


def _floats(*views: View) -> bool:
    return all(v.dtype in (np.float32, np.float64) for v in views)


def _matrix(low: Lowering, view: View, node: Node) -> View:
    """A view with unit stride along one of its last two axes."""
    if view.strides[-1] == 1 or view.strides[-2] == 1:
        return view
    return low.dense(view, tuple(range(len(view.shape))), node.phase)
