"""Rows of a table by their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError
from nbdl.ops.batching import one_by_one
from nbdl.ops.conversion import astensor
from nbdl.ops.families import Indexing
from nbdl.shapes import Spec

__all__ = ["embedding"]


@dataclass(frozen=True)
class Embedding(Indexing):
    """table[ids]; row ``padding_idx`` gets no gradient."""

    padding_idx: int | None
    onnx = "Gather"
    saves = ("ids",)

    def forward(self, xp: Any, ids: Any, table: Any) -> Any:
        return xp.take(table, ids, axis=0)

    def infer(self, ids: Spec, table: Spec) -> Spec:
        return Spec((*ids.shape, *table.shape[1:]), table.dtype)

    def grad(self, dy: Tensor, y: Tensor, ids: Tensor, table: Tensor) -> tuple[Any, ...]:
        return None, EmbeddingTable(self.padding_idx, table.shape[0])(ids, dy)

    def batch(self, world: Any, inputs: Any, mine: Any) -> Any:
        if mine[1]:
            return one_by_one(self, world.count, inputs, mine)
        return self(*inputs)


@dataclass(frozen=True)
class EmbeddingTable(Indexing):
    """The rows of dy added up by their numbers: in a fixed order, so always the same sum."""

    padding_idx: int | None
    rows: int
    saves = ("ids",)

    def forward(self, xp: Any, ids: Any, dy: Any) -> Any:
        width = dy.shape[ids.ndim :]
        ids, flat = ids.reshape(-1), dy.reshape(ids.size, math.prod(width))
        total = xp.zeros((self.rows, flat.shape[1]), dtypes.accumulator(dy.dtype))
        flat = flat.astype(total.dtype, copy=False)
        if xp is np:
            backends.add_at(xp, total, ids, flat)
        elif ids.size:
            order = xp.argsort(ids, kind="stable")
            sorted_ids = ids[order]
            starts = xp.flatnonzero(xp.concatenate(
                [xp.ones(1, bool), sorted_ids[1:] != sorted_ids[:-1]]
            ))  # fmt: skip
            total[sorted_ids[starts]] = xp.add.reduceat(flat[order], starts, axis=0)
        if self.padding_idx is not None:
            total[self.padding_idx] = 0
        return total.reshape(self.rows, *width).astype(dy.dtype, copy=False)

    def infer(self, ids: Spec, dy: Spec) -> Spec:
        return Spec((self.rows, *dy.shape[ids.ndim :]), dy.dtype)

    def grad(self, ddt: Tensor, dt: Tensor, ids: Tensor, dy: Tensor) -> tuple[Any, ...]:
        if self.padding_idx is not None:
            keep = np.ones((self.rows, *(1,) * (ddt.ndim - 1)), ddt.dtype)
            keep[self.padding_idx] = 0
            ddt = ddt * astensor(keep).to(ddt.device)
        return None, Embedding(self.padding_idx)(ids, ddt)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """Rows of ``weight`` by their numbers.  input: (...) integers, weight: (V, D) -> y: (..., D).

    Args:
        input: row numbers, 0 to V - 1.
        weight: the table.
        padding_idx: this row gets no gradient; negative counts from the end.

    Raises:
        DtypeError: numbers that are not integers.
        IndexRangeError: a number out of range: its place, value and what is allowed.
    """
    ids, table = astensor(input), astensor(weight)
    if ids.dtype.kind not in "iu":
        raise DtypeError(
            f"embedding got row numbers of dtype {ids.dtype}; they must be integers",
            hint="input.to('int64')",
        )
    if table.ndim != 2:
        raise ShapeError(f"embedding needs a weight (rows, width), got shape {table.shape}")
    rows = table.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ArgumentError(f"padding_idx={padding_idx} is not a row of a table of {rows}")
    if backends.has_data(ids.value) and ids.size:
        low, high = int(ids.value.min()), int(ids.value.max())
        if low < 0 or high >= rows:
            host = backends.to_numpy(ids.value)
            place = tuple(int(i) for i in np.argwhere((host < 0) | (host >= rows))[0])
            raise IndexRangeError(
                f"embedding: input{list(place)} is {host[place]}, but the table has {rows} rows: "
                f"numbers are 0 to {rows - 1}",
                hint=f"Embedding({high + 1}, {table.shape[1]}) has room for all of them",
            )
    row = None if padding_idx is None else padding_idx % rows
    return Embedding(row)(ids, table)
