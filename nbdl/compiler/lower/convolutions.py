"""Convolutions by oneDNN, in channels-last memory.

All maps of a chain lie channels-last: there oneDNN is as fast as in layouts of its own, fused
loops walk the channels in their lanes, and nothing is reordered between layers. Weights are put
into the layout that the primitive prefers, once a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl.backends import onednn
from nbdl.backends.onednn import AnyLayout, Layout
from nbdl.compiler.ir import Node, Value
from nbdl.compiler.lower.copies import layout, works
from nbdl.compiler.lower.lowering import Lowering, lowers
from nbdl.compiler.lower.products import emit_primitive
from nbdl.compiler.lower.views import Buffer, View, memory_order
from nbdl.errors import BackendError, ShapeError
from nbdl.ops.convolution import Convolution, ConvolutionInput, ConvolutionWeight, Sliding
from nbdl.ops.patches import window_count


def channels_last(ndim: int) -> tuple[int, ...]:
    """The order of the axes (batch, channels, *sizes) in memory."""
    return (0, *range(2, ndim), 1)


def _maps(low: Lowering, view: View, phase: int, any_order: bool = False) -> View:
    """A view of maps as the primitives read them: one channel comes in any order."""
    ndim = len(view.shape)
    if any_order and view.is_dense():
        return view
    return low.dense(view, channels_last(ndim), phase)


def _new_maps(low: Lowering, value: Any) -> View:
    return low.fresh(value, channels_last(len(value.shape)))


def _how(op: Sliding) -> dict[str, Any]:
    return {"strides": op.stride, "padding": op.padding, "dilation": op.dilation,
            "groups": op.groups}  # fmt: skip


def _fits(op: Any, x: Value | View, w: Value | View, y: Value | View) -> bool:
    """Whether y has all windows: a transposed convolution may give an x with room for more."""
    counts = window_count(x.shape[2:], w.shape[2:], op.stride, op.padding, op.dilation)
    return bool(counts == y.shape[2:])


def _wish(view: View) -> AnyLayout:
    return AnyLayout(view.shape, view.dtype.name)


def _fast(maker: Callable[..., Any], *maps: View) -> Any:
    """A primitive for maps as they lie, or, where oneDNN has only a plain loop for that, for some
    or all of them as it likes; None if it has none at all."""
    found = None
    for free in range(len(maps) + 1):
        kept = len(maps) - free
        given = [layout(v) if i < kept else _wish(v) for i, v in enumerate(maps)]
        try:
            made = maker(*given)
        except (BackendError, ShapeError):  # ShapeError: room for more windows than there are
            continue
        if made.is_fast:
            return made
        found = found or made
    return found


def _read(low: Lowering, node: Node, view: View, wanted: Any) -> View | Buffer:
    """A view, or a copy of it in the layout that a primitive wants."""
    if wanted == layout(view):
        return view
    if isinstance(wanted, Layout):
        order = memory_order(wanted.shape, wanted.strides)
        copy = low.dense(view, order, node.phase)
        if layout(copy) == wanted:
            return copy
    key = view, wanted
    kept = low.reordered.get(key)
    if kept is None:
        kept = low.reordered[key] = Buffer(wanted.nbytes)
        made = onednn.reorder(layout(view), wanted)
        emit_primitive(low, node, made, {"src": view, "dst": kept}, [view], [])
    return kept


def _written(
    low: Lowering, node: Node, made: Any, roles: dict[str, View | Buffer], reads: list[View],
    result: tuple[str, View],
) -> None:  # fmt: skip
    """Emit a primitive whose result, if it lies otherwise than wanted, is put there."""
    role, target = result
    given = made.layouts[role]
    if given == layout(target):
        emit_primitive(low, node, made, {**roles, role: target}, reads, [target])
        return
    other = Buffer(given.nbytes)
    emit_primitive(low, node, made, {**roles, role: other}, reads, [])
    back = onednn.reorder(given, layout(target))
    emit_primitive(low, node, back, {"src": other, "dst": target}, [], [target])


@lowers(Convolution)
def _convolution(low: Lowering, node: Node) -> bool:
    x, w, *bias = [low.view(v) for v in node.inputs]
    if not works(x, w):
        return False
    x = _maps(low, x, node.phase, any_order=x.shape[1] == 1)
    y = _new_maps(low, node.outputs[0])
    how, b = _how(node.op), layout(bias[0]) if bias else None  # type: ignore[arg-type]
    made = _fast(lambda src, dst: onednn.convolution_forward(src, _wish(w), dst, b, **how), x, y)
    if made is None:
        return False
    roles = {"src": _read(low, node, x, made.layouts["src"]),
             "weights": _read(low, node, w, made.layouts["weights"])}  # fmt: skip
    if bias:
        roles["bias"] = bias[0]
    _written(low, node, made, roles, [x, *bias], ("dst", y))
    return True


@lowers(ConvolutionInput)
def _convolution_input(low: Lowering, node: Node) -> bool:
    dy, w, *bias = [low.view(v) for v in node.inputs]
    if not works(dy, w) or bias:
        return False
    dy, dx, how = _maps(low, dy, node.phase), _new_maps(low, node.outputs[0]), _how(node.op)  # type: ignore[arg-type]
    made = _fast(
        lambda dst, src: onednn.convolution_backward_data(dst, _wish(w), src, **how), dy, dx
    )
    if made is None:
        return False
    roles = {"diff_dst": _read(low, node, dy, made.layouts["diff_dst"]),
             "weights": _read(low, node, w, made.layouts["weights"])}  # fmt: skip
    _written(low, node, made, roles, [dy], ("diff_src", dx))
    return True


@lowers(ConvolutionWeight)
def _convolution_weight(low: Lowering, node: Node) -> bool:
    x, dy = [low.view(v) for v in node.inputs]
    if not works(x, dy):
        return False
    x = _maps(low, x, node.phase, any_order=x.shape[1] == 1)
    dy, dw, how = _maps(low, dy, node.phase), low.fresh(node.outputs[0]), _how(node.op)  # type: ignore[arg-type]
    made = _fast(
        lambda src, dst: onednn.convolution_backward_weights(src, dst, _wish(dw), **how), x, dy
    )
    if made is None:
        return False
    roles = {"src": _read(low, node, x, made.layouts["src"]),
             "diff_dst": _read(low, node, dy, made.layouts["diff_dst"])}  # fmt: skip
    _written(low, node, made, roles, [x, dy], ("diff_weights", dw))
    return True
