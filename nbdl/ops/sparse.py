"""Sparse gradients by PyTorch's names: see ``nbdl.core.rows``."""

from __future__ import annotations

from nbdl.core.rows import Rows
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError

__all__: list[str] = []


def _rows(name: str, x: Tensor) -> Rows:
    if type(x.value) is not Rows:
        raise ArgumentError(
            f"{name}() is for sparse gradients, this tensor of shape {x.shape} is dense",
            hint="nn.Embedding(..., sparse=True) gives its weight a sparse gradient",
        )
    return x.value


def _is_sparse(x: Tensor) -> bool:
    """Whether it is the sparse gradient of an embedding."""
    return type(x.value) is Rows


def to_dense(x: Tensor) -> Tensor:
    """The whole array of a sparse gradient; any other tensor as it is."""
    return Tensor._wrap(x.value.dense()) if type(x.value) is Rows else x


def coalesce(x: Tensor) -> Tensor:
    """A sparse gradient with each row once, in order."""
    return Tensor._wrap(_rows("coalesce", x).coalesced())


def is_coalesced(x: Tensor) -> bool:
    """Whether each row is there once, in order."""
    return _rows("is_coalesced", x).is_coalesced


def _indices(x: Tensor) -> Tensor:
    """Numbers of the rows as they came.  -> (1, n), int64."""
    return Tensor._wrap(_rows("_indices", x).index.reshape(1, -1))


def _values(x: Tensor) -> Tensor:
    """The rows as they came.  -> (n, *shape[1:])."""
    return Tensor._wrap(_rows("_values", x).values)


def _ordered(name: str, x: Tensor) -> Tensor:
    if not _rows(name, x).is_coalesced:
        raise ArgumentError(
            f"{name}() of a sparse gradient whose rows may be there several times",
            hint=f".coalesce().{name}(), or ._{name}() for them as they came",
        )
    return x


def indices(x: Tensor) -> Tensor:
    """Numbers of the rows of a coalesced sparse gradient.  -> (1, n), int64."""
    return _indices(_ordered("indices", x))


def values(x: Tensor) -> Tensor:
    """The rows of a coalesced sparse gradient.  -> (n, *shape[1:])."""
    return _values(_ordered("values", x))


def _nnz(x: Tensor) -> int:
    """How many rows there are."""
    return int(_rows("_nnz", x).index.size)


def sparse_dim(x: Tensor) -> int:
    """1: rows are found along one axis; 0 for a dense tensor."""
    return int(_is_sparse(x))


def dense_dim(x: Tensor) -> int:
    """How many axes a row has."""
    return x.ndim - sparse_dim(x)


METHODS = {
    "is_sparse": property(_is_sparse), "to_dense": to_dense, "coalesce": coalesce,
    "is_coalesced": is_coalesced, "indices": indices, "_indices": _indices, "values": values,
    "_values": _values, "_nnz": _nnz, "sparse_dim": sparse_dim, "dense_dim": dense_dim,
}  # fmt: skip
