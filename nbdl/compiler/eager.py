"""Eager operations on large arrays: each a plan of its own, as a function of one operation.

What the compiler knows of an operation (its kernel text, its decomposition, oneDNN's primitive)
serves the single call, too. A plan is kept for each operation and layout of its inputs; a call
tells it the addresses of now and gets new arrays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.backends.kernels import runtime
from nbdl.backends.kernels.runtime import address_of
from nbdl.compiler.ir import Graph, Value
from nbdl.compiler.lower import Lowering
from nbdl.compiler.lower.steps import PythonStep
from nbdl.compiler.lower.views import Buffer, View
from nbdl.compiler.optimize import PASSES
from nbdl.compiler.passes.decompose import decomposed
from nbdl.compiler.plan import Plan
from nbdl.core.modes import local
from nbdl.core.op import Op
from nbdl.errors import NbdlError
from nbdl.shapes import Spec

KEPT = 512
"""Operations and layouts whose plans are kept; the oldest ones are forgotten."""

ROOM = 1 << 28
"""Bytes of temporary memory that all of them together keep from call to call."""

SHARED = 1 << 22
"""Bytes and floating-point operations from which threads share the work: between two operations
they have fallen asleep, and it takes 30 µs to wake them."""

Change = Callable[[int], None]

_plans: dict[Any, list[_Bound] | None] = {}
_lock = threading.Lock()


def run(op: Op, arrays: list[np.ndarray]) -> Any:
    """What ``op.forward`` gives, as new arrays, or None where NumPy must do it.

    ``arrays`` are NumPy's own, no scalars and no subclasses: their addresses are read blindly.
    Safe in several threads at once: a plan that is at work is not in its list.
    """
    if len(arrays) == 1:
        (a,) = arrays
        key: Any = op, a.shape, a.strides, a.dtype
    else:
        key = op, *[(a.shape, a.strides, a.dtype) for a in arrays]
    try:
        free = _plans[key]
    except KeyError:
        free = _remember(key, op, arrays)
    if free is None:
        return None
    try:
        bound = free.pop()
    except IndexError:
        made = _made(op, arrays)
        assert made is not None
        bound = made
    result = bound(arrays)
    free.append(bound)
    return result


def _remember(key: Any, op: Op, arrays: list[np.ndarray]) -> list[_Bound] | None:
    found = _made(op, arrays)
    with _lock:
        while len(_plans) >= KEPT or (_plans and _room_taken() > ROOM):
            del _plans[next(iter(_plans))]
        return _plans.setdefault(key, None if found is None else [found])


def _room_taken() -> int:
    return sum(bound.nbytes for free in _plans.values() for bound in free or ())


def _made(op: Op, arrays: list[np.ndarray]) -> _Bound | None:
    """The plan of an operation; None if there is none, or it would be NumPy's work anyway."""
    if not all(_is_plain(a) for a in arrays):
        return None
    before, local.state = local.state, type(local.state)()  # nobody watches, nothing is recorded
    try:
        graph = decomposed(op, [Spec(a.shape, a.dtype) for a in arrays])
        for rewrite in PASSES:
            graph = rewrite(graph)
        return _bound(graph, arrays)
    except (NbdlError, MemoryError):  # whatever is wrong, the operation itself says it better
        return None
    finally:
        local.state = before


def _is_plain(a: np.ndarray) -> bool:
    """Whether the elements are the machine's own, at distances of whole elements."""
    return a.dtype.isnative and not any(s % a.itemsize for s in a.strides)


def _bound(graph: Graph, arrays: list[np.ndarray]) -> _Bound | None:
    views: dict[Value, View] = {}
    for x, a in zip(graph.inputs, arrays, strict=True):
        strides = tuple(s // a.itemsize for s in a.strides)
        views[x] = View(Buffer(a.nbytes, "input", _NOWHERE), a.shape, a.dtype, strides)
    low = Lowering(graph, views, [], graph.outputs)
    steps = low.run()
    results = [low.views[y] for y in graph.outputs]
    if not steps or any(isinstance(step, PythonStep) for step in steps):
        return None
    if len({v.buffer for v in results}) < len(results):
        return None
    for view in results:
        if view.buffer.kind != "arena" or view.offset or not view.is_dense(view.order):
            return None
        view.buffer.kind, view.buffer.array = "output", _NOWHERE
    work = sum(step.traffic + step.flops for step in steps)
    plan = Plan(steps, (), 1 if work < SHARED else runtime.thread_count())
    return _Bound(plan, [views[x] for x in graph.inputs], results)


_NOWHERE = np.empty(0, np.uint8)


class _Bound:
    """A plan that is told before each run where its inputs and outputs lie.

    Args:
        plan: how.
        inputs, outputs: views of buffers of their own.

    Attributes:
        nbytes: of temporary memory.
    """

    def __init__(self, plan: Plan, inputs: list[View], outputs: list[View]) -> None:
        self._segments = plan.segments[0]
        self._inputs = [plan.changes(v.buffer) for v in inputs]
        self._outputs = [(*_room(v), plan.changes(v.buffer)) for v in outputs]
        self._plan, self.nbytes = plan, plan.memory.nbytes

    def __call__(self, arrays: list[np.ndarray]) -> Any:
        for changes, a in zip(self._inputs, arrays, strict=True):
            address = address_of(a)
            for change in changes:
                change(address)
        results = []
        for shape, dtype, axes, changes in self._outputs:
            y = np.empty(shape, dtype)
            address = address_of(y)
            for change in changes:
                change(address)
            results.append(y if axes is None else y.transpose(axes))
        for segment in self._segments:
            segment()
        return results[0] if len(results) == 1 else tuple(results)


def _room(view: View) -> tuple[Any, np.dtype, tuple[int, ...] | None]:
    """Shape in the order of memory, dtype, and the axes that make the view's shape of it."""
    order = view.order
    if order == tuple(range(len(order))):
        return view.shape, view.dtype, None
    back = tuple(order.index(a) for a in range(len(order)))
    return tuple(view.shape[a] for a in order), view.dtype, back
