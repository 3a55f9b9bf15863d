"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import needs_floats
from nbdl.nn.linear import Linear
from nbdl.nn.module import Module
from nbdl.nn.parameter import new_parameter
from nbdl.ops.arithmetic import add
from nbdl.ops.contraction import matmul
from nbdl.ops.creation import zeros
from nbdl.ops.movement import concat, permute_dims, reshape
from nbdl.ops.selection import where


class MultiheadAttention(Module):
    """Attention in several heads: A. Vaswani and others, NIPS 2017.

    query: (target, batch, embed_dim), key: (source, batch, kdim), value: (source, batch, vdim)
    -> (output (target, batch, embed_dim), weights (batch, target, source) or None).
    With ``batch_first`` the batch axis comes first; it may also be left out.

    Args:
        embed_dim: size of queries and outputs, divisible by ``num_heads``.
        num_heads: number of heads.
        dropout: probability of dropping attention weights in training.
        bias: whether the projections add a bias.
        add_bias_kv: append a learnt key and value.
        add_zero_attn: append a key and value of zeros.
        kdim: size of keys, default ``embed_dim``.
        vdim: size of values, default ``embed_dim``.
        batch_first: inputs and outputs are (batch, sequence, features).
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim={embed_dim} must be divisible by "
                f"num_heads={num_heads}"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.add_zero_attn = add_zero_attn
        place = {"device": device, "dtype": dtype}
        n = embed_dim
        together = self.kdim == n and self.vdim == n
        self.in_proj_weight = new_parameter((3 * n, n), **place) if together else None
        self.q_proj_weight = None if together else new_parameter((n, n), **place)
        self.k_proj_weight = None if together else new_parameter((n, self.kdim), **place)
        self.v_proj_weight = None if together else new_parameter((n, self.vdim), **place)
        self.in_proj_bias = new_parameter((3 * n,), **place) if bias else None
        self.out_proj = Linear(n, n, bias=bias, **place)
        self.bias_k = new_parameter((1, 1, n), **place) if add_bias_kv else None
        self.bias_v = new_parameter((1, 1, n), **place) if add_bias_kv else None
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend to ``value`` where ``key`` fits ``query``.

        Args:
            query: (target, batch, embed_dim).
            key: (source, batch, kdim).
            value: (source, batch, vdim).
            key_padding_mask: (batch, source), True (or -inf) at keys to leave out.
            need_weights: also return the attention weights.
            attn_mask: (target, source) or (batch·heads, target, source), True (or -inf) where
                attention is not allowed; floats are added to the scores.
            average_attn_weights: return the mean over the heads instead of all heads.
            is_causal: a hint that ``attn_mask`` is causal, as in PyTorch.
        """
        if is_causal and attn_mask is None:
            raise ArgumentError(
                "MultiheadAttention: is_causal=True is a hint about attn_mask, which is missing",
                hint="give attn_mask=nn.Transformer.generate_square_subsequent_mask(length)",
            )
        batched = self._check(query, key, value)
        q = self._by_batch(query, batched)
        k = q if key is query else self._by_batch(key, batched)
        v = k if value is key else self._by_batch(value, batched)
        q, k, v = self._project(q, k, v)
        k, v, extra = self._appended(k, v)
        q, k, v = (self._split(x) for x in (q, k, v))  # (batch, heads, sequence, head_dim)
        mask = self._mask(attn_mask, key_padding_mask, q, k, extra, batched)
        heads, weights = self._attend(q, k, v, mask, need_weights)
        batch, _, target, _ = heads.shape
        y = reshape(permute_dims(heads, (0, 2, 1, 3)), (batch, target, self.embed_dim))
        y = self.out_proj(y)
        if weights is not None and average_attn_weights:
            weights = weights.mean(axis=1)
        if not batched:
            return y[0], None if weights is None else weights[0]
        return y if self.batch_first else permute_dims(y, (1, 0, 2)), weights

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> bool:
        layout = "(batch, sequence, features)" if self.batch_first else (
            "(sequence, batch, features)")  # fmt: skip
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ShapeError(
                f"MultiheadAttention got query {query.shape}, key {key.shape}, value "
                f"{value.shape}; expected three axes each: {layout}, or two without the batch"
            )
        for x in (query, key, value):
            needs_floats(self, x)
        for name, x, size in (
            ("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim)
        ):  # fmt: skip
            if x.shape[-1] != size:
                raise ShapeError(
                    f"MultiheadAttention got {name} of shape {x.shape}, expected the last size "
                    f"{size} ({layout})"
                )
        return query.ndim == 3

    def _by_batch(self, x: Tensor, batched: bool) -> Tensor:
        """As (batch, sequence, features)."""
        if not batched:
            return x[None]
        return x if self.batch_first else permute_dims(x, (1, 0, 2))

    def _project(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        n = self.embed_dim
        if self.in_proj_weight is not None and q is k is v:
            y = F.linear(q, self.in_proj_weight, self.in_proj_bias)
            return y[..., :n], y[..., n : 2 * n], y[..., 2 * n :]
        weights: list[Any] = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[i * n : (i + 1) * n] for i in range(3)]
        biases: list[Any] = [None] * 3
        if self.in_proj_bias is not None:
            biases = [self.in_proj_bias[i * n : (i + 1) * n] for i in range(3)]
        return tuple(F.linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True))

    def _appended(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, int]:
        """Keys and values with the learnt and zero ones at the end, and how many those are."""
        batch, extra = k.shape[0], 0
        row = zeros((batch, 1, self.embed_dim), dtype=k.dtype)
        row = row if k.device == "meta" else row.to(k.device)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = concat([k, row + self.bias_k], axis=1), concat([v, row + self.bias_v], axis=1)
            extra += 1
        if self.add_zero_attn:
            k, v = concat([k, row], axis=1), concat([v, row], axis=1)
            extra += 1
        return k, v, extra

    def _split(self, x: Tensor) -> Tensor:
        """(batch, sequence, embed_dim) as (batch, heads, sequence, head_dim)."""
        batch, length, _ = x.shape
        x = reshape(x, (batch, length, self.num_heads, self.head_dim))
        return permute_dims(x, (0, 2, 1, 3))

    def _mask(
        self, attn_mask: Any, padding: Any, q: Tensor, k: Tensor, extra: int, batched: bool
    ) -> Tensor | None:
        """Both masks as numbers to add to the scores (batch, heads, target, source)."""
        batch, heads, target, _ = q.shape
        source = k.shape[2] - extra
        total = None
        if attn_mask is not None:
            shapes = ((target, source), (batch * heads, target, source))
            if attn_mask.shape not in shapes:
                raise ShapeError(
                    f"MultiheadAttention got attn_mask of shape {attn_mask.shape}, expected "
                    f"(target, source) = {shapes[0]} or (batch·heads, target, source) = "
                    f"{shapes[1]}"
                )
            total = _additive(attn_mask, q)
            if total.ndim == 3:
                total = reshape(total, (batch, heads, target, source))
        if padding is not None:
            padding = padding if batched or padding.ndim == 2 else padding[None]
            if padding.shape != (batch, source):
                raise ShapeError(
                    f"MultiheadAttention got key_padding_mask of shape {padding.shape}, "
                    f"expected (batch, source) = {(batch, source)}"
                )
            more = reshape(_additive(padding, q), (batch, 1, 1, source))
            total = more if total is None else add(total, more)
        if total is not None and extra:
            free = zeros((*total.shape[:-1], extra), dtype=total.dtype)
            total = concat([total, free.to(total.device)], axis=-1)
        return total

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        p = self.dropout if self.training else 0.0
        if not need_weights:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p), None
        scores = matmul(q * (1.0 / math.sqrt(self.head_dim)), permute_dims(k, (0, 1, 3, 2)))
        weights = F.softmax(scores if mask is None else scores + mask, -1)
        if p:
            weights = F.dropout(weights, p)
        return matmul(weights, v), weights


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """A mask as numbers to add: -inf where a mask of bools is True."""
    if mask.dtype == dtypes.bool:
        zero = zeros((), dtype=like.dtype)
        return where(mask, zero - math.inf, zero)
    return mask.to(like.dtype)
