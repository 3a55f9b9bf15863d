"""Attention in several heads, with the projections before and after it.

Vaswani et al.: "Attention is all you need", NeurIPS 2017.
"""

from __future__ import annotations

import math
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.attention import scaled_dot_product_attention
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.concatenation import concat
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import astensor
from nbdl.ops.creation import zeros_of
from nbdl.ops.dropout import dropout
from nbdl.ops.families import require_float
from nbdl.ops.linear import linear
from nbdl.ops.movement import permute_dims, reshape
from nbdl.ops.selection import where
from nbdl.ops.softmax import softmax
from nbdl.shapes import Spec

__all__ = ["multi_head_attention_forward"]

_NAME = "multi_head_attention_forward"


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What ``nn.MultiheadAttention`` computes, of given weights.

    query: (target, batch, E), key: (source, batch, K), value: (source, batch, V), or all without
    batch -> (output (target, batch, E), weights (batch, target, source) or None).

    Args:
        embed_dim_to_check: E, for a check.
        num_heads: heads, a divisor of E.
        in_proj_weight: (3 · E, E), the projections of query, key and value; or
        use_separate_proj_weight: take q_proj_weight (E, E), k_proj_weight (E, K) and
            v_proj_weight (E, V) instead.
        in_proj_bias: (3 · E,) or None.
        bias_k, bias_v: (E,) or (1, 1, E), a key and a value more; or None.
        add_zero_attn: a key and a value of zeros more.
        dropout_p: probability of dropping weights, in ``training``.
        out_proj_weight, out_proj_bias: (E, E), and (E,) or None.
        key_padding_mask: (batch, source), True (or -inf) at keys to leave out.
        need_weights: also return the attention weights.
        attn_mask: (target, source) or (batch · heads, target, source), True (or -inf) where
            attention is not allowed; floats are added to the scores.
        static_k, static_v: (batch · heads, source, E / heads), in place of projected ones.
        average_attn_weights: return the mean over the heads instead of all heads.
        is_causal: a hint that ``attn_mask`` is causal.

    Raises:
        ShapeError: sizes that do not fit; ArgumentError: ``is_causal`` without a mask, or heads
        that do not divide E.
    """
    if is_causal and attn_mask is None:
        raise ArgumentError(
            f"{_NAME}: is_causal=True is a hint about attn_mask, which is missing",
            hint="give attn_mask=nn.Transformer.generate_square_subsequent_mask(length)",
        )
    if embed_dim_to_check % num_heads:
        raise ArgumentError(
            f"{_NAME}: num_heads={num_heads} must divide the size {embed_dim_to_check}"
        )
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = _weights(embed_dim_to_check, in_proj_weight, use_separate_proj_weight, separate)
    single, q, k, v = _inputs(query, key, value, weights)
    q, k, v = _projected(q, k, v, weights, in_proj_weight, in_proj_bias)
    if bias_k is not None and bias_v is not None:
        k, v = _with_row(k, bias_k), _with_row(v, bias_v)
    q, k, v = (_split(x, num_heads) for x in (q, k, v))  # (batch, heads, length, size)
    k, v = _static("static_k", static_k, k), _static("static_v", static_v, v)
    extra = int(bias_k is not None and bias_v is not None) + add_zero_attn
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
    mask = _mask(attn_mask, key_padding_mask, q, k, extra, single)
    p = dropout_p if training else 0.0
    heads, shares = _attend(q, k, v, mask, p, need_weights)
    batch, _, target, _ = heads.shape
    # (batch, heads, target, size) -> (target, batch, E)
    y = reshape(permute_dims(heads, (2, 0, 1, 3)), (target, batch, embed_dim_to_check))
    y = linear(y, out_proj_weight, out_proj_bias)
    if shares is not None and average_attn_weights:
        shares = shares.mean(axis=1)
    if single:
        return y[:, 0], None if shares is None else shares[0]
    return y, shares


def _weights(size: int, together: Any, separate: bool, given: tuple[Any, ...]) -> list[Tensor]:
    """The projections of query, key and value."""
    if separate:
        if any(w is None for w in given):
            raise ArgumentError(
                f"{_NAME}: use_separate_proj_weight=True needs q_proj_weight, k_proj_weight and "
                "v_proj_weight"
            )
        return [astensor(w) for w in given]
    if together is None or tuple(together.shape) != (3 * size, size):
        shape = None if together is None else tuple(together.shape)
        raise ShapeError(
            f"{_NAME} got in_proj_weight of shape {shape}, expected {(3 * size, size)}"
        )
    w = astensor(together)
    return [w[i * size : (i + 1) * size] for i in range(3)]


def _inputs(
    query: Any, key: Any, value: Any, weights: list[Tensor]
) -> tuple[bool, Tensor, Tensor, Tensor]:
    """Whether a batch axis was added, and the inputs as (length, batch, size), checked."""
    q = astensor(query)
    k = q if key is query else astensor(key)
    v = k if value is key else astensor(value)
    if q.ndim not in (2, 3) or not q.ndim == k.ndim == v.ndim:
        raise ShapeError(
            f"{_NAME} got query {q.shape}, key {k.shape}, value {v.shape}; expected three axes "
            "each, (sequence, batch, features), or two without the batch"
        )
    for name, x, w in zip(("query", "key", "value"), (q, k, v), weights, strict=True):
        require_float(_NAME, name, x.dtype)
        if x.shape[-1] != w.shape[-1]:
            raise ShapeError(
                f"{_NAME} got {name} of shape {x.shape}, expected the last size {w.shape[-1]}"
            )
    if k.shape[:-1] != v.shape[:-1] or q.shape[1:-1] != k.shape[1:-1]:
        raise ShapeError(
            f"{_NAME} got query {q.shape}, key {k.shape}, value {v.shape}: key and value have "
            "one length, and all three one batch"
        )
    single = q.ndim == 2
    if single:
        same = k is q, v is k
        q = q[:, None]
        k = q if same[0] else k[:, None]
        v = k if same[1] else v[:, None]
    return single, q, k, v


def _projected(
    q: Tensor, k: Tensor, v: Tensor, weights: list[Tensor], together: Any, bias: Any
) -> tuple[Tensor, ...]:
    n = weights[0].shape[0]
    if together is not None and q is k is v:  # one product instead of three
        y = linear(q, together, bias)
        return y[..., :n], y[..., n : 2 * n], y[..., 2 * n :]
    biases: list[Any] = [None] * 3
    if bias is not None:
        biases = [bias[i * n : (i + 1) * n] for i in range(3)]
    return tuple(linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True))


def _with_row(x: Tensor, row: Any) -> Tensor:
    """(length, batch, E) with one more row at the end."""
    row = astensor(row)
    last = broadcast_to(reshape(row, (1, 1, row.size)), (1, *x.shape[1:]))
    return concat([x, last], axis=0)


def _split(x: Tensor, heads: int) -> Tensor:
    """(length, batch, E) as (batch, heads, length, E / heads)."""
    length, batch, size = x.shape
    return permute_dims(reshape(x, (length, batch, heads, size // heads)), (1, 2, 0, 3))


def _static(name: str, given: Any, x: Tensor) -> Tensor:
    """Keys or values given as they are, if they are."""
    if given is None:
        return x
    given = astensor(given)
    batch, heads, _, size = x.shape
    if given.ndim != 3 or given.shape[0] != batch * heads or given.shape[2] != size:
        raise ShapeError(
            f"{_NAME} got {name} of shape {given.shape}, expected ({batch * heads}, source, "
            f"{size})"
        )
    return reshape(given, (batch, heads, *given.shape[1:]))


def _zeros_like(x: Tensor, *shape: int) -> Tensor:
    nothing = zeros_of(Spec(shape, x.dtype))
    return nothing if x.device == "meta" else nothing.to(x.device)


def _with_zeros(x: Tensor) -> Tensor:
    """(batch, heads, length, size) with a row of zeros at the end."""
    batch, heads, _, size = x.shape
    return concat([x, _zeros_like(x, batch, heads, 1, size)], axis=2)


def _mask(
    attn_mask: Any, padding: Any, q: Tensor, k: Tensor, extra: int, single: bool
) -> Tensor | None:
    """Both masks as numbers to add to the scores (batch, heads, target, source)."""
    batch, heads, target, _ = q.shape
    source = k.shape[2] - extra
    total = None
    if attn_mask is not None:
        total = _additive(attn_mask, q)
        shapes = ((target, source), (batch * heads, target, source))
        if total.shape not in shapes:
            raise ShapeError(
                f"{_NAME} got attn_mask of shape {total.shape}, expected (target, source) = "
                f"{shapes[0]} or (batch·heads, target, source) = {shapes[1]}"
            )
        if total.ndim == 3:
            total = reshape(total, (batch, heads, target, source))
    if padding is not None:
        more = _additive(padding, q)
        more = more[None] if single and more.ndim == 1 else more
        if more.shape != (batch, source):
            raise ShapeError(
                f"{_NAME} got key_padding_mask of shape {more.shape}, expected (batch, source) "
                f"= {(batch, source)}"
            )
        more = reshape(more, (batch, 1, 1, source))
        total = more if total is None else total + more
    if total is not None and extra:
        total = concat([total, _zeros_like(total, *total.shape[:-1], extra)], axis=-1)
    return total


def _additive(mask: Any, like: Tensor) -> Tensor:
    """A mask as numbers to add: -inf where a mask of bools is True."""
    mask = astensor(mask)
    if mask.dtype == dtypes.bool:
        zero = astensor(0.0, like=like)
        return where(mask, zero - math.inf, zero)
    return mask.to(like.dtype)


def _attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p), None
    scores = matmul(q * (1.0 / math.sqrt(q.shape[-1])), k.mT)
    weights = softmax(scores if mask is None else scores + mask, -1)
    if p:
        weights = dropout(weights, p)
    return matmul(weights, v), weights
