"""PyTorch's words for reshaping, joining and choosing, where they differ from nbdl's own."""

from __future__ import annotations

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



def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts along ``dim``: so many nearly equal ones, or those between the indices."""
    parts: tuple[Tensor, ...] = door("tensor_split")(input, indices_or_sections, axis=dim)
    return parts


def fliplr(input: Any) -> Tensor:
    """The order of columns reversed."""
    return door("flip")(input, axis=1)


def flipud(input: Any) -> Tensor:
    """The order of rows reversed."""
    return door("flip")(input, axis=0)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by ``k`` quarters in the plane of two axes."""
    return door("rot90")(input, k, dims)


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


def fill_diagonal_(self: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Put ``fill_value`` on the diagonal of a matrix; ``wrap`` is not possible."""
    if self.ndim != 2 or wrap:
        raise ShapeError(
            f"fill_diagonal_ needs a matrix and no wrap, got shape {self.shape}, wrap={wrap}"
        )
    places = astensor(np.arange(min(self.shape)))
    self[places, places] = fill_value
    return self
