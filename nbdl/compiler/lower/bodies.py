"""What is no nest of loops: random numbers, and rows added up by their numbers."""

from __future__ import annotations

import math

import numpy as np

from nbdl.backends.kernels.program import WIDTH
from nbdl.backends.kernels.special import PHILOX_BLOCK, philox_uniform, scatter_add_rows
from nbdl.compiler.ir import Node
from nbdl.compiler.lower.joins import fill
from nbdl.compiler.lower.lowering import Lowering, lowers
from nbdl.compiler.lower.steps import BodyStep
from nbdl.compiler.lower.views import View
from nbdl.ops.embedding import EmbeddingTable
from nbdl.ops.random import RandomUniform


@lowers(RandomUniform)
def _uniform(low: Lowering, node: Node) -> bool:
    y = node.outputs[0]
    if y.dtype not in (np.float32, np.float64) or not y.spec.size:
        return False
    key, target = low.view(node.inputs[0]), low.fresh(y, tuple(range(len(y.shape))))
    blocks = -(-target.size // PHILOX_BLOCK)
    low.emit(BodyStep([node], [key], [target], node.phase, philox_uniform(y.dtype.name),
                      [key, target, target.size], blocks))  # fmt: skip
    return True


@lowers(EmbeddingTable)
def _embedding_table(low: Lowering, node: Node) -> bool:
    """Zeros, and the rows added one after the other: threads share the columns."""
    ids, dy = (low.view(x) for x in node.inputs)
    y, op = node.outputs[0], node.op
    assert isinstance(op, EmbeddingTable)
    known = ids.dtype in (np.int32, np.int64) and y.dtype in (np.float32, np.float64)
    if not known or not dy.size or not y.spec.size:
        return False
    width = math.prod(y.shape[1:])
    numbers = low.dense(ids, None, node.phase)
    source = low.dense(dy, tuple(range(len(dy.shape))), node.phase)
    target = low.fresh(y, tuple(range(len(y.shape))))
    fill(low, target, 0, node)
    body = scatter_add_rows(y.dtype.name, ids.dtype.name)
    values: list[int | View] = [
        y.shape[0], numbers.size, width, target, numbers, source, width, width
    ]  # fmt: skip
    low.emit(BodyStep([node], [numbers, source], [target], node.phase, body, values,
                      -(-width // WIDTH)))  # fmt: skip
    if op.padding_idx is not None:
        row = View(target.buffer, (width,), target.dtype, (1,),
                   target.offset + op.padding_idx * width)  # fmt: skip
        fill(low, row, 0, node)
    return True

