"""Embeddings: tables of vectors looked up by integers, one by one or in bags."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter, new_parameter
from nbdl.nn.sizes import check_sizes


class _Table(Module):
    """What Embedding and EmbeddingBag share: a table of vectors, one of them for padding."""

    weight: Parameter
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _make_table(self, given: Tensor | None, device: Any, dtype: Any) -> None:
        shape = (self.num_embeddings, self.embedding_dim)
        if given is None:
            self.weight = new_parameter(shape, device=device, dtype=dtype)
            self.reset_parameters()
            return
        if tuple(given.shape) != shape:
            raise ShapeError(
                f"{type(self).__name__}: the table has shape {given.shape}, not {shape}"
            )
        self.weight = Parameter(given)

    def _valid_padding(self, index: int | None) -> int | None:
        n = self.num_embeddings
        if index is not None and not -n <= index < n:
            raise ArgumentError(
                f"{type(self).__name__}: padding_idx={index} is outside of 0..{n - 1}"
            )
        return None if index is None else index % n

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            rows = self.weight.detach()
            rows[self.padding_idx] = 0
            self.weight.data = rows

    def extra_repr(self) -> str:
        """Sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


def _is_table(embeddings: Tensor) -> tuple[int, ...]:
    if embeddings.ndim != 2:
        raise ShapeError(f"a table of embeddings has 2 axes, got shape {embeddings.shape}")
    return embeddings.shape


class Embedding(_Table):
    """A learnt vector for each of ``num_embeddings`` integers.

    x: (...) of integers -> y: (..., embedding_dim).

    Args:
        num_embeddings: size of the table; integers are 0 to num_embeddings - 1.
        embedding_dim: size of each vector.
        padding_idx: this integer's vector starts at zero and gets no gradient.
        max_norm: vectors looked up are first scaled down to this norm.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide gradients by how often an integer is in the batch.
        sparse: ``weight.grad`` holds the rows of the batch alone, for SGD, Adagrad, SparseAdam.
        _weight: the table to start from.
        _freeze: whether the table is not trained.
        device: where the table lives.
        dtype: its dtype, default float32.

    ``weight`` (num_embeddings, embedding_dim) starts normal, mean 0 and deviation 1.
    """

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
        check_sizes(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = self._valid_padding(padding_idx)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self._make_table(_weight, device, dtype)
        self.weight.requires_grad_(not _freeze)

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
        count, size = _is_table(embeddings)
        return cls(
            count, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) of integers -> y: (..., embedding_dim)."""
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip


class EmbeddingBag(_Table):
    """Sums, means or largest elements of the vectors of bags of integers.

    x: (bags, n) of integers; or (n,) with offsets: (bags,) -> y: (bags, embedding_dim).

    Args:
        num_embeddings: size of the table; integers are 0 to num_embeddings - 1.
        embedding_dim: size of each vector.
        max_norm: vectors looked up are first scaled down to this norm.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide gradients by how often an integer is in the batch.
        mode: ``"mean"``, ``"sum"`` or ``"max"``.
        sparse: ``weight.grad`` holds the rows of the batch alone, for SGD, Adagrad, SparseAdam.
        _weight: the table to start from.
        include_last_offset: offsets have one more entry, where the last bag ends.
        padding_idx: this integer does not count, and its vector gets no gradient.
        device: where the table lives.
        dtype: its dtype, default float32.

    ``weight`` (num_embeddings, embedding_dim) starts normal, mean 0 and deviation 1.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self.padding_idx = self._valid_padding(padding_idx)
        self._make_table(_weight, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An EmbeddingBag of a given table (rows are vectors), frozen unless ``freeze=False``."""
        count, size = _is_table(embeddings)
        bag = cls(
            count, size, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """input: (bags, n), or (n,) and offsets: (bags,) -> y: (bags, embedding_dim)."""
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and mode."""
        return f"{super().extra_repr()}, mode={self.mode!r}"
