"""PyTorch's words for reshaping, joining and choosing, where they differ from nbdl's own."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.conversion import astensor
from nbdl.shapes import normalize_axis
from nbdl.torch.naming import door, sizes


def view(self: Tensor, *shape: Any) -> Tensor:
    """``x.view(2, -1)``, ``x.view((2, -1))``; ``x.view(dtype)`` is not possible."""
    if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list)):
        raise ArgumentError(
            "view(dtype) would look at bytes, which nbdl does not",
            hint="x.to(dtype) converts the values",
        )
    return door("reshape")(self, sizes(shape))


def reshape(input: Any, shape: Any) -> Tensor:
    """The elements in another shape; one size may be -1."""
    return door("reshape")(input, shape)


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The elements in ``other``'s shape."""
    return door("reshape")(self, other.shape)


def t(input: Any) -> Tensor:
    """A matrix transposed; vectors as they are."""
    x = astensor(input)
    if x.ndim > 2:
        raise ShapeError(f"t() needs at most 2 axes, got shape {x.shape}", hint="x.transpose(a, b)")
    return door("permute_dims")(x, (1, 0)) if x.ndim == 2 else x


def squeeze(input: Any, dim: Any = None) -> Tensor:
    """Without axes of size 1: all of them, or ``dim`` if its size is 1."""
    x = astensor(input)
    if dim is None:
        dims = set(range(x.ndim))
    else:
        named = dim if isinstance(dim, (tuple, list)) else (dim,)
        dims = {normalize_axis(d, x.ndim, "dim") for d in named}
    shape = tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in dims)
    return door("reshape")(x, shape)


def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Axes of size 1 repeated to ``other``'s shape."""
    return door("broadcast_to")(self, other.shape)


def repeat(self: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor repeated along each axis."""
    return door("tile")(self, sizes(repeats))


def select(input: Any, dim: int, index: int) -> Tensor:
    """One slice along an axis."""
    x = astensor(input)
    return x[(slice(None),) * normalize_axis(dim, x.ndim, "dim") + (index,)]


def narrow(input: Any, dim: int, start: int, length: int) -> Tensor:
    """``length`` slices along an axis, from ``start``."""
    x = astensor(input)
    axis = normalize_axis(dim, x.ndim, "dim")
    return x[(*(slice(None),) * axis, slice(start, start + length))]


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition holds, y elsewhere; alone, the indices where it holds."""
    if x is None and y is None:
        return door("nonzero")(condition)
    return door("where")(condition, x, y)


def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself: how values lie in memory is nbdl's own business."""
    return self


def flip(input: Any, *dims: Any) -> Tensor:
    """The order along axes reversed."""
    return door("flip")(input, axis=sizes(dims))


def roll(input: Any, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along axes, the last ones coming first."""
    return door("roll")(input, shifts, axis=dims)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid, rows first."""
    return tuple(door("meshgrid")(*sizes(tensors), indexing=indexing))


def tril(input: Any, diagonal: int = 0) -> Tensor:
    """Zeros above a diagonal."""
    return door("tril")(input, k=diagonal)


def triu(input: Any, diagonal: int = 0) -> Tensor:
    """Zeros below a diagonal."""
    return door("triu")(input, k=diagonal)


def diag(input: Any, diagonal: int = 0) -> Tensor:
    """A matrix with a vector on a diagonal, or the diagonal of a matrix."""
    return door("diag")(input, k=diagonal)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two axes, as the last axis."""
    return door("diagonal")(input, offset, dim1, dim2)


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None) -> Tensor:
    """``input`` with ``src`` (or ``value``) put at ``index`` along ``dim``."""
    return door("scatter")(input, dim, index, value if src is None else src)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Tensor:
    """``input`` with ``src`` added at ``index`` along ``dim``."""
    return door("scatter_add")(input, dim, index, src)


# ----- joining and taking apart -----------------------------------------------------------


def _at_least(tensors: Any, axes: int) -> list[Tensor]:
    """Tensors with one axis or more, or two; a vector becomes a row."""
    return [door(f"atleast_{axes}d")(x) for x in tensors]


def hstack(tensors: Any) -> Tensor:
    """Joined along the second axis; vectors along their only one."""
    xs = _at_least(tensors, 1)
    return door("concat")(xs, axis=min(1, xs[0].ndim - 1))


def vstack(tensors: Any) -> Tensor:
    """Joined along the first axis; vectors are rows."""
    return door("concat")(_at_least(tensors, 2), axis=0)


def dstack(tensors: Any) -> Tensor:
    """Joined along a third axis."""
    xs = [x if x.ndim > 2 else door("expand_dims")(x, axis=2) for x in _at_least(tensors, 2)]
    return door("concat")(xs, axis=2)


def column_stack(tensors: Any) -> Tensor:
    """Joined along the second axis; vectors are columns."""
    xs = [door("reshape")(x, (-1, 1)) if x.ndim < 2 else x for x in map(astensor, tensors)]
    return door("concat")(xs, axis=1)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts along ``dim``: so many nearly equal ones, or those between the indices."""
    x = astensor(input)
    n = x.shape[normalize_axis(dim, x.ndim, "dim")]
    if isinstance(indices_or_sections, int):
        small, larger = divmod(n, indices_or_sections)
        counts = [small + (i < larger) for i in range(indices_or_sections)]
    else:
        edges = [0, *(min(max(int(i), 0), n) for i in indices_or_sections), n]
        counts = [max(b - a, 0) for a, b in itertools.pairwise(edges)]
    return tuple(door("split")(x, counts, axis=dim))


def fliplr(input: Any) -> Tensor:
    """The order of columns reversed."""
    return door("flip")(input, axis=1)


def flipud(input: Any) -> Tensor:
    """The order of rows reversed."""
    return door("flip")(input, axis=0)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by ``k`` quarters in the plane of two axes."""
    return door("rot90")(input, k, dims)


def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a larger one, zeros elsewhere."""
    blocks = _at_least(tensors, 2)
    width, rows, left = sum(b.shape[1] for b in blocks), [], 0
    for block in blocks:
        right = width - left - block.shape[1]
        rows.append(door("pad")(block, (left, right)))
        left += block.shape[1]
    return door("concat")(rows, axis=0)


def cartesian_prod(*tensors: Any) -> Tensor:
    """Every combination of one element of each vector, as rows."""
    if len(tensors) == 1:
        return astensor(tensors[0])
    grids = door("meshgrid")(*tensors, indexing="ij")
    return door("stack")([door("reshape")(g, (-1,)) for g in grids], axis=1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of ``r`` elements of a vector, as rows."""
    x = astensor(input)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = list(choose(range(x.shape[0]), r))
    return x[astensor(np.array(places, np.int64).reshape(len(places), r))]


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None,
                 device: Any = None) -> Tensor:  # fmt: skip
    """Rows and columns of the elements on and below a diagonal.  -> y: (2, count)."""
    y = door("stack")(list(door("tril_indices")(row, col, k=offset, device=device)))
    return y if dtype is None else y.to(dtype)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None,
                 device: Any = None) -> Tensor:  # fmt: skip
    """Rows and columns of the elements on and above a diagonal.  -> y: (2, count)."""
    y = door("stack")(list(door("triu_indices")(row, col, k=offset, device=device)))
    return y if dtype is None else y.to(dtype)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Tensor:
    """For each place the element at ``indices`` along ``dim``; without it, of all elements."""
    if dim is None:
        flat, places = (door("reshape")(x, (-1,)) for x in (input, indices))
        return door("take_along_axis")(flat, places, axis=0)
    return door("take_along_axis")(input, indices, axis=dim)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Tensor:
    """``input`` with ``value`` in the slices ``index`` along ``dim``."""
    x = astensor(input)
    y = x.clone()
    y[(*(slice(None),) * normalize_axis(dim, x.ndim, "dim"), index)] = value
    return y


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Put ``fill_value`` on the diagonal of a matrix; ``wrap`` is not possible."""
    if self.ndim != 2 or wrap:
        raise ShapeError(
            f"fill_diagonal_ needs a matrix and no wrap, got shape {self.shape}, wrap={wrap}"
        )
    places = astensor(np.arange(min(self.shape)))
    self[places, places] = fill_value
    return self
