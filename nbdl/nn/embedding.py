"""Embedding: a table of vectors looked up by integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.backends import to_numpy
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter, new_parameter
from nbdl.ops.conversion import astensor
from nbdl.ops.selection import where
from nbdl.ops.statistics import vector_norm


class Embedding(Module):
    """A learnt vector for each of ``num_embeddings`` integers.

    x: (...) of integers -> y: (..., embedding_dim).

    Args:
        num_embeddings: size of the table; integers are 0 to num_embeddings - 1.
        embedding_dim: size of each vector.
        padding_idx: this integer's vector starts at zero and gets no gradient.
        max_norm: vectors looked up are first scaled down to this norm.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide gradients by how often an integer is in the batch.
        sparse: taken for PyTorch's sake; gradients are dense.
        _weight: the table to start from.
        _freeze: whether the table is not trained.
        device: where the table lives.
        dtype: its dtype, default float32.

    ``weight`` (num_embeddings, embedding_dim) starts normal, mean 0 and deviation 1.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._valid_padding(padding_idx)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = new_parameter(shape, device=device, dtype=dtype)
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != shape:
                raise ShapeError(f"Embedding: the table has shape {_weight.shape}, not {shape}")
            self.weight = Parameter(_weight)
        self.weight.requires_grad_(not _freeze)

    def _valid_padding(self, index: int | None) -> int | None:
        n = self.num_embeddings
        if index is not None and not -n <= index < n:
            raise ArgumentError(f"Embedding: padding_idx={index} is outside of 0..{n - 1}")
        return None if index is None else index % n

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            rows = self.weight.detach()
            rows[self.padding_idx] = 0
            self.weight.data = rows

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding of a given table (rows are vectors), frozen unless ``freeze=False``."""
        if embeddings.ndim != 2:
            raise ShapeError(f"a table of embeddings has 2 axes, got shape {embeddings.shape}")
        count, size = embeddings.shape
        return cls(
            count, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) of integers -> y: (..., embedding_dim)."""
        if self.max_norm is not None:
            self._limit_norms(input, self.max_norm)
        y = F.embedding(input, self.weight, self.padding_idx)
        if self.scale_grad_by_freq and y.requires_grad:
            _, places, counts = np.unique(
                to_numpy(astensor(input).value), return_inverse=True, return_counts=True
            )
            times = Tensor(counts[places].reshape((*input.shape, 1)).astype(y.dtype))
            y.register_hook(lambda dy: dy / times.to(dy.device))
        return y

    def _limit_norms(self, input: Tensor, limit: float) -> None:
        """Scale the vectors looked up down to ``max_norm``."""
        rows = np.unique(to_numpy(astensor(input).value))
        table = self.weight.detach()
        chosen = table[rows]
        norms = vector_norm(chosen, axis=-1, keepdims=True, ord=self.norm_type)
        table[rows] = where(norms > limit, chosen * (limit / (norms + 1e-7)), chosen)
        self.weight.data = table

    def extra_repr(self) -> str:
        """Sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
