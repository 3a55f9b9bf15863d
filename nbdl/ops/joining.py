"""Joining and splitting along axes that go by a name; products of sets."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, brief
from nbdl.ops.concatenation import concat, split, stack
from nbdl.ops.conversion import astensor, promote_all
from nbdl.ops.gathering import take
from nbdl.ops.movement import atleast_1d, atleast_2d, reshape
from nbdl.ops.rearrangement import pad
from nbdl.shapes import normalize_axis

__all__ = [
    "atleast_3d",
    "block_diag",
    "cartesian_prod",
    "column_stack",
    "combinations",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "tensor_split",
    "vsplit",
    "vstack",
]


def atleast_3d(x: Any, /) -> Tensor:
    """``x`` with at least three axes (NumPy's): (n,) -> (1, n, 1), (n, m) -> (n, m, 1)."""
    x = astensor(x)
    if x.ndim >= 3:
        return x
    shapes = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}
    return reshape(x, shapes[x.ndim])


def hstack(xs: Sequence[Any], /) -> Tensor:
    """Joined side by side: along the second axis, vectors along their only one."""
    tensors = [atleast_1d(x) for x in xs]
    return concat(tensors, axis=0 if tensors and tensors[0].ndim == 1 else 1)


def vstack(xs: Sequence[Any], /) -> Tensor:
    """Joined one below the other, along the first axis; vectors count as rows."""
    return concat([atleast_2d(x) for x in xs], axis=0)


def dstack(xs: Sequence[Any], /) -> Tensor:
    """Joined one behind the other, along the third axis: see ``atleast_3d``."""
    return concat([atleast_3d(x) for x in xs], axis=2)


def column_stack(xs: Sequence[Any], /) -> Tensor:
    """Joined along the second axis; vectors count as columns."""
    tensors = [astensor(x) for x in xs]
    return concat([reshape(x, (x.size, 1)) if x.ndim < 2 else x for x in tensors], axis=1)


def tensor_split(x: Any, indices_or_sections: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Pieces along ``axis`` (PyTorch's and NumPy's array_split).

    An int is the number of pieces, the first ones a size larger where they cannot be equal;
    a sequence says where to cut.
    """
    x = astensor(x)
    if x.ndim == 0:
        raise ShapeError("tensor_split needs at least one axis, got shape ()")
    place = normalize_axis(axis, x.ndim)
    n = x.shape[place]
    given = indices_or_sections
    if isinstance(given, (Tensor, np.ndarray, np.integer)):
        given = given.tolist()
    if isinstance(given, int):
        if given < 1:
            raise ArgumentError(f"tensor_split: {given} pieces; at least 1 is needed")
        small, larger = divmod(n, given)
        return split(x, [small + (i < larger) for i in range(given)], place)
    if not isinstance(given, (list, tuple)) or not all(isinstance(i, int) for i in given):
        raise ArgumentError(
            "tensor_split: indices_or_sections must be the number of pieces or the places to "
            f"cut, got {brief(indices_or_sections)}"
        )
    cuts = [slice(a, b).indices(n) for a, b in itertools.pairwise([0, *given, n])]
    inner = (slice(None),) * place
    return tuple(x[(*inner, slice(start, max(start, stop)))] for start, stop, _ in cuts)


def _split_along(name: str, x: Any, pieces: Any, axis: int, least: int) -> tuple[Tensor, ...]:
    x = astensor(x)
    if x.ndim < least:
        raise ShapeError(f"{name} needs at least {least} axes, got shape {x.shape}")
    if isinstance(pieces, int) and (pieces < 1 or x.shape[axis] % pieces):
        raise ArgumentError(
            f"{name}: axis {axis} of shape {x.shape} cannot be cut into {pieces} equal pieces",
            hint="tensor_split cuts into pieces that are nearly equal",
        )
    return tensor_split(x, pieces, axis=axis)


def hsplit(x: Any, pieces: Any, /) -> tuple[Tensor, ...]:
    """Cut along the second axis (a vector along its only one): a number, or places to cut."""
    x = astensor(x)
    return _split_along("hsplit", x, pieces, 0 if x.ndim == 1 else 1, 1)


def vsplit(x: Any, pieces: Any, /) -> tuple[Tensor, ...]:
    """Cut along the first axis: a number of equal pieces, or places to cut."""
    return _split_along("vsplit", x, pieces, 0, 2)


def dsplit(x: Any, pieces: Any, /) -> tuple[Tensor, ...]:
    """Cut along the third axis: a number of equal pieces, or places to cut."""
    return _split_along("dsplit", x, pieces, 2, 3)


def block_diag(*blocks: Any) -> Tensor:
    """A matrix with blocks on its diagonal, zeros elsewhere; vectors count as rows."""
    tensors = [atleast_2d(x) for x in promote_all(*blocks)] if blocks else []
    if not tensors:
        return astensor(np.zeros((1, 0), np.float32))
    if any(x.ndim > 2 for x in tensors):
        shapes = [x.shape for x in tensors]
        raise ShapeError(f"block_diag needs blocks with at most two axes, got shapes {shapes}")
    width, before, rows = sum(x.shape[1] for x in tensors), 0, []
    for x in tensors:
        rows.append(pad(x, (before, width - before - x.shape[1])))
        before += x.shape[1]
    return concat(rows, axis=0)


def cartesian_prod(*xs: Any) -> Tensor:
    """All ways to choose one element of each vector.  (n,), (m,) -> (n·m, 2); one: itself."""
    tensors = promote_all(*xs)
    if any(x.ndim != 1 for x in tensors):
        raise ShapeError(f"cartesian_prod needs vectors, got shapes {[x.shape for x in tensors]}")
    if len(tensors) == 1:
        return tensors[0]
    places = np.indices([x.size for x in tensors]).reshape(len(tensors), -1)
    return stack([take(x, at, axis=0) for x, at in zip(tensors, places, strict=True)], axis=-1)


def combinations(x: Any, /, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to choose ``r`` elements of a vector, in order.  (n,) -> (ways, r)."""
    x = astensor(x)
    if x.ndim != 1 or r < 0:
        raise ShapeError(f"combinations needs a vector and r from 0, got shape {x.shape}, r={r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(x.size), r)), np.int64).reshape(-1, r)
    return x[places] if r else x[:0]


METHODS = {"tensor_split": tensor_split, "hsplit": hsplit, "vsplit": vsplit, "dsplit": dsplit}
