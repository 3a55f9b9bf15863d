"""What must hold of the arguments' values, because compiled code does not look at it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.compiler.ir import Graph, Value
from nbdl.compiler.lower.views import VIEWS
from nbdl.ops.conversion import Cast
from nbdl.ops.embedding import Embedding

Guard = Callable[[list[np.ndarray]], bool]
"""Whether the arguments are as they must be."""


def guards_of(graph: Graph, arguments: list[Value]) -> list[Guard]:
    """Row numbers that come from the caller must be rows of their table."""
    found = []
    for node in graph.nodes:
        if isinstance(node.op, Embedding):
            ids, table = node.inputs
            source = _source(ids, arguments)
            if source is not None:
                found.append(_in_range(*source, table.shape[0]))
    return found


def _source(x: Value, arguments: list[Value]) -> tuple[int, list[Any]] | None:
    """The argument that ``x`` is a part of, and the operations in between, first to last."""
    path: list[Any] = []
    while x.node is not None:
        op: Any = x.node.op
        if not isinstance(op, (*VIEWS, Cast)) or len(x.node.inputs) != 1:
            return None
        path.append((op, x.node.outputs.index(x) if len(x.node.outputs) > 1 else None))
        x = x.node.inputs[0]
    return (arguments.index(x), path[::-1]) if x in arguments else None


def _in_range(argument: int, path: list[Any], rows: int) -> Guard:
    def guard(arguments: list[np.ndarray]) -> bool:
        numbers = arguments[argument]
        for op, index in path:
            numbers = op.forward(np, numbers)
            numbers = numbers if index is None else numbers[index]
        return not numbers.size or (numbers.min() >= 0 and numbers.max() < rows)

    return guard
