"""Scaled dot-product attention: Vaswani et al., "Attention is all you need", NeurIPS 2017."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.arithmetic import exp
from nbdl.ops.broadcasting import broadcast_to, sum_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.contraction import matmul, matrix_transpose
from nbdl.ops.conversion import astensor, cast, widened
from nbdl.ops.dropout import dropout as drop
from nbdl.ops.families import Contraction, require_float
from nbdl.ops.movement import reshape
from nbdl.ops.numerics import quiet, wide
from nbdl.ops.ranges import arange
from nbdl.ops.reduction import max as largest
from nbdl.ops.selection import where
from nbdl.ops.softmax import SoftmaxGrad
from nbdl.shapes import Spec, broadcast_shapes

__all__ = ["scaled_dot_product_attention"]


@dataclass(frozen=True)
class AttentionWeights(Contraction):
    """softmax(q kᵀ · scale + mask) in one array; a row that may look nowhere gives zeros.

    Attributes:
        scale: factor of the products.
        causal: position i looks at positions 0..i only.
    """

    scale: float
    causal: bool
    saves = ("y", "q", "k")
    stacks = True
    compiled_from = 4096

    def forward(self, xp: Any, q: Any, k: Any, *mask: Any) -> Any:
        scores = xp.matmul(wide(q) * self.scale, xp.swapaxes(wide(k), -1, -2))
        if mask and mask[0].dtype == dtypes.bool:
            scores = xp.where(mask[0], scores, scores.dtype.type(-xp.inf))
        elif mask:
            scores = scores + wide(mask[0])
        if self.causal:
            allowed = xp.tri(scores.shape[-2], scores.shape[-1], dtype=bool)
            scores = xp.where(allowed, scores, scores.dtype.type(-xp.inf))
        with quiet():
            top = scores.max(axis=-1, keepdims=True, initial=-xp.inf)
            scores -= xp.where(xp.isneginf(top), 0, top)
            xp.exp(scores, out=scores)
            norm = scores.sum(axis=-1, keepdims=True)
            scores /= xp.where(norm == 0, 1, norm)
        return scores.astype(q.dtype, copy=False)

    def decompose(self, q: Tensor, k: Tensor, *mask: Tensor) -> Tensor:
        scores = matmul(widened(q) * self.scale, matrix_transpose(widened(k)))
        if not scores.size:
            return cast(scores, q.dtype)
        if mask and mask[0].dtype == dtypes.bool:
            scores = where(mask[0], scores, -math.inf)
        elif mask:
            scores = scores + widened(mask[0])
        if self.causal:
            rows, columns = (arange(n, device=q.device) for n in scores.shape[-2:])
            scores = where(columns <= reshape(rows, (-1, 1)), scores, -math.inf)
        top = largest(scores, -1, keepdims=True)
        powers = exp(scores - where(top == -math.inf, 0, top))
        norm = total(powers, -1, keepdims=True)
        return cast(powers / where(norm == 0, 1, norm), q.dtype)

    def infer(self, q: Spec, k: Spec, *mask: Spec) -> Spec:
        if q.shape[-1] != k.shape[-1]:
            raise ShapeError(
                f"attention: query {q.shape} and key {k.shape} must have the same last size "
                f"(head width), got {q.shape[-1]} and {k.shape[-1]}"
            )
        stack = broadcast_shapes(q.shape[:-2], k.shape[:-2], what="query and key stacks")
        shape = (*stack, q.shape[-2], k.shape[-2])
        if mask:
            found = broadcast_shapes(shape, mask[0].shape, what="attention scores and attn_mask")
            if found != shape:
                raise ShapeError(
                    f"attn_mask of shape {mask[0].shape} does not fit scores of shape {shape}",
                    hint="a mask is (queries, keys), or broadcasts to "
                    "(batch, heads, queries, keys)",
                )
        return Spec(shape, q.dtype)

    def grad(self, dy: Tensor, y: Tensor, q: Tensor, k: Tensor, *mask: Tensor) -> Any:
        ds = SoftmaxGrad(y.ndim - 1)(dy, y)
        return (
            lambda: sum_to(matmul(ds, k) * self.scale, q.shape),
            lambda: sum_to(matmul(matrix_transpose(ds), q) * self.scale, k.shape),
            *((lambda m=m: sum_to(ds, m.shape)) for m in mask),
        )

    def flops(self, q: Spec, k: Spec, *mask: Spec) -> int:
        return self.infer(q, k, *mask).size * (2 * q.shape[-1] + 14)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query keyᵀ · scale + mask) value.

    query: (..., L, E), key: (..., S, E), value: (..., S, V) -> y: (..., L, V).

    Args:
        attn_mask: bool (True: may look) or float (added to the scores), broadcasting to
            (..., L, S).
        dropout_p: share of the weights that are dropped; also in evaluation, as in PyTorch.
        is_causal: position i looks at positions 0..i only; not together with ``attn_mask``.
        scale: default 1 / sqrt(E).
        enable_gqa: each head of key and value serves several heads of query (grouped queries:
            Ainslie et al., 2023); heads are the third axis from the end.

    Raises:
        ShapeError: sizes that do not fit; ArgumentError: ``is_causal`` with a mask.
    """
    q, k, v = astensor(query), astensor(key), astensor(value)
    require_float("scaled_dot_product_attention", "query", q.dtype)
    if is_causal and attn_mask is not None:
        raise ArgumentError(
            "scaled_dot_product_attention takes is_causal or attn_mask, not both",
            hint="put the causal part into the mask",
        )
    for name, x in (("query", q), ("key", k), ("value", v)):
        if x.ndim < 2:
            raise ShapeError(f"attention: {name} needs (..., length, width), got {x.shape}")
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"attention: key {k.shape} and value {v.shape} must have the same length, got "
            f"{k.shape[-2]} and {v.shape[-2]}"
        )
    if enable_gqa:
        k, v = _repeated_heads(q, k), _repeated_heads(q, v)
    factor = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else float(scale)
    masks = () if attn_mask is None else (_mask(attn_mask, q),)
    weights = AttentionWeights(factor, is_causal)(q, k, *masks)
    if dropout_p:
        weights = drop(weights, dropout_p)
    return matmul(weights, v)


def _mask(mask: Any, q: Tensor) -> Tensor:
    mask = astensor(mask)
    return mask if mask.dtype == dtypes.bool else cast(mask, q.dtype)


def _repeated_heads(q: Tensor, x: Tensor) -> Tensor:
    """Heads of key or value repeated to as many as the query has."""
    if q.ndim < 3 or x.ndim < 3 or q.shape[-3] % x.shape[-3]:
        raise ShapeError(
            f"grouped queries: the query's heads {q.shape} must be a multiple of the key's "
            f"{x.shape}"
        )
    times = q.shape[-3] // x.shape[-3]
    *batch, heads, length, width = x.shape
    x = reshape(x, (*batch, heads, 1, length, width))
    x = broadcast_to(x, (*batch, heads, times, length, width))
    return reshape(x, (*batch, heads * times, length, width))
