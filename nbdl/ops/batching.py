"""Rules of ``vmap``: how an operation is applied to many examples at once.

Every operation can be: one after another if it says nothing better (``one_by_one``). Those that
broadcast say ``stacks``; most others say which fields hold axes and shapes, which then move by
one; the rest have a ``batch`` of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import stack, unbind
from nbdl.ops.creation import zeros_of
from nbdl.ops.movement import reshape
from nbdl.shapes import Spec

Inputs = tuple[Tensor, ...]
Mine = tuple[bool, ...]


def default(op: Op, count: int, inputs: Inputs, mine: Mine) -> Any:
    """By broadcasting, by moving the fields of axes and shapes, or one after another."""
    if op.stacks:
        return aligned(op, inputs, mine)
    if not (op.axis_fields or op.shape_fields):
        return one_by_one(op, count, inputs, mine)
    changes = {name: _moved(getattr(op, name)) for name in op.axis_fields}
    changes |= {name: (count, *getattr(op, name)) for name in op.shape_fields}
    return replace(op, **changes)(*everywhere(count, inputs, mine))


def _moved(axis: Any) -> Any:
    return tuple(a + 1 for a in axis) if isinstance(axis, tuple) else axis + 1


def everywhere(count: int, inputs: Inputs, mine: Mine) -> Inputs:
    """The inputs, with those that are the same for all examples repeated for each."""
    return tuple(
        x if m else broadcast_to(reshape(x, (1, *x.shape)), (count, *x.shape))
        for x, m in zip(inputs, mine, strict=True)
    )


def aligned(op: Op, inputs: Inputs, mine: Mine) -> Any:
    """For operations whose leading axes broadcast: axes of size 1 behind the examples' axis."""
    rank = max(x.ndim - m for x, m in zip(inputs, mine, strict=True))
    return op(*(
        reshape(x, (x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:]))
        if m and x.ndim <= rank
        else x
        for x, m in zip(inputs, mine, strict=True)
    ))  # fmt: skip


def one_by_one(op: Op, count: int, inputs: Inputs, mine: Mine) -> Any:
    """A call for each example."""
    columns = [unbind(x) if m else (x,) * count for x, m in zip(inputs, mine, strict=True)]
    if not count:
        return _none(op, inputs, mine)
    results = [op.bound_to(row)(*row) for row in zip(*columns, strict=True)]
    if isinstance(results[0], tuple):
        return tuple(stack(ys) for ys in zip(*results, strict=True))
    return stack(results)


def _none(op: Op, inputs: Inputs, mine: Mine) -> Any:
    """No examples: the shapes of the outputs all the same."""
    specs = op.infer(*(
        Spec(x.shape[1:] if m else x.shape, x.dtype) for x, m in zip(inputs, mine, strict=True)
    ))  # fmt: skip
    if type(specs) is Spec:
        return zeros_of(Spec((0, *specs.shape), specs.dtype))
    return tuple(zeros_of(Spec((0, *s.shape), s.dtype)) for s in specs)


def folded(op: Op, count: int, inputs: Inputs, mine: Mine, fold: Mine) -> Any:
    """For operations on a batch (N, ...): the examples' axis and N as one axis.

    ``fold`` says which inputs and outputs have the batch axis: (*inputs, output). Where an input
    without one (a weight) differs between examples, one after another.
    """
    if any(m and not f for m, f in zip(mine, fold, strict=False)):
        return one_by_one(op, count, inputs, mine)
    full = everywhere(count, inputs, tuple(m or not f for m, f in zip(mine, fold, strict=False)))
    merged = (
        reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])) if f else x
        for x, f in zip(full, fold, strict=False)
    )
    result = op(*merged)
    if isinstance(result, tuple):
        return tuple(_unfolded(y, count) for y in result)
    return _unfolded(result, count)


def _unfolded(y: Tensor, count: int) -> Tensor:
    return reshape(y, (count, y.shape[0] // count if count else 0, *y.shape[1:]))

