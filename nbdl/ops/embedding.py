"""Rows of a table by their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core import modes
from nbdl.core.rows import Rows
from nbdl.core.tensor import Tensor
from nbdl.errors import (
    ArgumentError,
    DtypeError,
    IndexRangeError,
    ShapeError,
    TraceError,
    unknown,
)
from nbdl.ops.batching import one_by_one
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.families import Indexing
from nbdl.ops.masks import known
from nbdl.ops.movement import reshape
from nbdl.ops.scatter_reduction import scatter_reduce
from nbdl.ops.searching import searchsorted
from nbdl.ops.selection import clip, where
from nbdl.ops.statistics import vector_norm
from nbdl.ops.taking import Place
from nbdl.shapes import Shape, Spec

__all__ = ["embedding", "embedding_bag"]


@dataclass(frozen=True)
class Embedding(Indexing):
    """table[ids]; row ``padding_idx`` gets no gradient."""

    padding_idx: int | None
    sparse: bool = False
    onnx = "Gather"
    saves = ("ids",)

    def forward(self, xp: Any, ids: Any, table: Any) -> Any:
        return xp.take(table, ids, axis=0)

    def infer(self, ids: Spec, table: Spec) -> Spec:
        return Spec((*ids.shape, *table.shape[1:]), table.dtype)

    def grad(self, dy: Tensor, y: Tensor, ids: Tensor, table: Tensor) -> tuple[Any, ...]:
        if self.sparse and not modes.is_grad_enabled() and backends.has_data(dy.value):
            return None, self._rows(ids.value, dy.value, table.shape)
        worlds = modes.local.state.worlds
        if self.sparse and worlds and worlds[-1].traces:
            raise TraceError(
                f"the sparse gradient of an embedding of {table.shape[0]} rows is not compiled: "
                "what is updated are the few rows of the batch",
                hint="sparse=False, to compile it as a whole array",
            )
        return None, EmbeddingTable(self.padding_idx, table.shape[0])(ids, dy)

    def _rows(self, ids: Any, dy: Any, shape: Shape) -> Tensor:
        """The gradient of the rows looked up, those for padding left out."""
        index, rows = ids.reshape(-1).astype(np.int64), dy.reshape(ids.size, *shape[1:])
        if self.padding_idx is not None:
            keep = index != self.padding_idx
            index, rows = index[keep], rows[keep]
        return Tensor._wrap(Rows(index, rows, shape))

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
    compiled_from = 4096

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


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of ``weight`` by their numbers.  input: (...) integers, weight: (V, D) -> y: (..., D).

    Args:
        input: row numbers, 0 to V - 1.
        weight: the table.
        padding_idx: this row gets no gradient; negative counts from the end.
        max_norm: rows looked up are first scaled down to this norm, in ``weight`` itself.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide gradients by how often a number is in ``input``.
        sparse: ``weight.grad`` holds the rows that were looked up and no others.

    Raises:
        DtypeError: numbers that are not integers.
        IndexRangeError: a number out of range: its place, value and what is allowed.
    """
    ids, table = astensor(input), astensor(weight)
    row = _checked("embedding", ids, table, padding_idx)
    if max_norm is not None:
        table = _shortened(ids, table, max_norm, norm_type)
    y = Embedding(row, sparse)(ids, table)
    if scale_grad_by_freq and y.requires_grad:
        known("scale_grad_by_freq", ids)
        xp = backends.namespace(ids.value)
        _, places, counts = xp.unique(ids.value, return_inverse=True, return_counts=True)
        times = Tensor._wrap(counts[places].reshape((*ids.shape, 1)).astype(y.dtype))
        y.register_hook(lambda dy: dy / times)
    return y


def _checked(name: str, ids: Tensor, table: Tensor, padding_idx: int | None) -> int | None:
    """The number of the padding row, or None; what does not fit is refused."""
    if ids.dtype.kind not in "iu":
        raise DtypeError(
            f"{name} got row numbers of dtype {ids.dtype}; they must be integers",
            hint="input.to('int64')",
        )
    if table.ndim != 2:
        raise ShapeError(f"{name} needs a weight (rows, width), got shape {table.shape}")
    rows = table.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ArgumentError(f"padding_idx={padding_idx} is not a row of a table of {rows}")
    if backends.has_data(ids.value) and ids.size:
        low, high = int(ids.value.min()), int(ids.value.max())
        if low < 0 or high >= rows:
            host = backends.to_numpy(ids.value)
            place = tuple(int(i) for i in np.argwhere((host < 0) | (host >= rows))[0])
            raise IndexRangeError(
                f"{name}: input{list(place)} is {host[place]}, but the table has {rows} rows: "
                f"numbers are 0 to {rows - 1}",
                hint=f"Embedding({high + 1}, {table.shape[1]}) has room for all of them",
            )
    return None if padding_idx is None else padding_idx % rows


def _shortened(ids: Tensor, table: Tensor, limit: float, p: float) -> Tensor:
    """The table, after its rows that are looked up were scaled down to ``max_norm``."""
    known("max_norm", ids)
    rows = Tensor._wrap(backends.namespace(ids.value).unique(ids.value))
    values = table.detach()
    chosen = values[rows]
    norms = vector_norm(chosen, axis=-1, keepdims=True, ord=p)
    values[rows] = where(norms > limit, chosen * (limit / (norms + 1e-7)), chosen)
    table.data = values
    return table


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or largest elements of the rows of bags of numbers.

    input: (B, n) integers, a bag in each row; or (n,) all bags in turn, with offsets: (B,) where
    each begins; weight: (V, D) -> y: (B, D). An empty bag gives zeros.

    Args:
        max_norm, norm_type, scale_grad_by_freq, sparse: as embedding's.
        mode: "sum", "mean" or "max".
        per_sample_weights: factors of the rows, input's shape; of mode "sum" only.
        include_last_offset: offsets: (B + 1,), the last being where the last bag ends.
        padding_idx: this number does not count in any bag.

    Raises:
        DtypeError, IndexRangeError: as embedding; ShapeError: input and offsets that do not fit;
        ArgumentError: an unknown mode, or weights with another than "sum".
    """
    ids, table = astensor(input), astensor(weight)
    if mode not in ("sum", "mean", "max"):
        raise unknown("mode of embedding_bag", mode, ("sum", "mean", "max"))
    row = _checked("embedding_bag", ids, table, padding_idx)
    bags, count = _bags(ids, offsets, include_last_offset)
    flat = reshape(ids, (ids.size,))
    factors = None
    if per_sample_weights is not None:
        factors = _factors(ids, per_sample_weights, mode, table)
    rows = embedding(flat, table, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    counted = broadcast_to(astensor(1, like=table), (ids.size,))
    if row is not None:
        counted = cast(flat != row, table.dtype)
    amount = reshape(Place(0, (count,))(counted, bags), (count, 1))
    if mode == "max":
        return _largest(rows, reshape(counted, (ids.size, 1)), bags, amount)
    if row is not None:
        rows = rows * reshape(counted, (ids.size, 1))
    if factors is not None:
        rows = rows * factors
    y = Place(0, (count, table.shape[1]))(rows, bags)
    return y / clip(amount, 1, None) if mode == "mean" else y


def _bags(ids: Tensor, offsets: Any, include_last: bool) -> tuple[Tensor, int]:
    """To which bag each number belongs, and how many bags there are."""
    if ids.ndim == 2 and offsets is None:
        count, size = ids.shape
        return astensor(np.repeat(np.arange(count), size), like=ids), count
    if ids.ndim != 1 or offsets is None:
        raise ShapeError(
            f"embedding_bag got input of shape {ids.shape} "
            f"{'without' if offsets is None else 'and'} offsets: it takes (bags, numbers) "
            "alone, or (numbers,) with offsets"
        )
    starts = astensor(offsets, like=ids)
    if starts.ndim != 1 or starts.dtype.kind not in "iu" or starts.shape[0] < include_last:
        raise ShapeError(
            f"embedding_bag: offsets must be a vector of integers, got {starts.dtype} of shape "
            f"{starts.shape}"
        )
    if backends.has_data(starts.value) and starts.size:
        host = backends.to_numpy(starts.value)
        if host[0] != 0 or (np.diff(host) < 0).any() or host[-1] > ids.size:
            raise ArgumentError(
                f"embedding_bag: offsets begin at 0, do not fall and stay within the "
                f"{ids.size} numbers, got {host.tolist()}"
            )
    count = starts.shape[0] - include_last
    inner = starts[1:count] if count else starts[:0]
    places = astensor(np.arange(ids.size, dtype=starts.dtype), like=ids)
    return searchsorted(inner, places, side="right"), count


def _factors(ids: Tensor, weights: Any, mode: str, table: Tensor) -> Tensor:
    given = astensor(weights, like=table)
    if mode != "sum":
        raise ArgumentError(
            f"embedding_bag takes per_sample_weights with mode='sum' only, got mode={mode!r}"
        )
    if given.shape != ids.shape:
        raise ShapeError(
            f"embedding_bag got per_sample_weights of shape {given.shape} for input {ids.shape}"
        )
    return reshape(cast(given, table.dtype), (ids.size, 1))


def _largest(rows: Tensor, counted: Tensor, bags: Tensor, amount: Tensor) -> Tensor:
    """The largest elements of each bag; 0 where it is empty."""
    lowest = broadcast_to(astensor(-math.inf, like=rows), (amount.shape[0], rows.shape[1]))
    index = broadcast_to(reshape(bags, (rows.shape[0], 1)), rows.shape)
    y = scatter_reduce(lowest, 0, index, where(counted > 0, rows, -math.inf), "amax")
    return where(amount > 0, y, 0.0)
