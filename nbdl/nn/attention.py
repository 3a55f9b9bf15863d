"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.linear import Linear
from nbdl.nn.module import Module
from nbdl.nn.parameter import new_parameter
from nbdl.ops.movement import permute_dims


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
        if query.ndim == 3 and self.batch_first:
            turned = permute_dims(query, (1, 0, 2))
            key_turned = turned if key is query else permute_dims(key, (1, 0, 2))
            value = key_turned if value is key else permute_dims(value, (1, 0, 2))
            query, key = turned, key_turned
        y, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, self.training, key_padding_mask,
            need_weights, attn_mask, self.in_proj_weight is None, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )  # fmt: skip
        return permute_dims(y, (1, 0, 2)) if y.ndim == 3 and self.batch_first else y, weights
