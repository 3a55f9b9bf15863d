"""Counterparts of PyTorch's functions that place, join, measure and count; and its copies.

PyTorch has a second name ending in ``_copy`` for what gives a view elsewhere; nbdl's tensors are
values, so both are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbdl
from nbdl.ops.broadcasting import sum_to
from tests.ops.counterparts import COUNTERPARTS, Unsupported, call


def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """Functions of a list of tensors, which PyTorch also takes one by one."""

    def adapted(*xs: Any) -> Any:
        return function(xs[0] if isinstance(xs[0], (list, tuple)) else xs)

    return adapted


def _one_or_each(function: Callable[..., Any]) -> Callable[..., Any]:
    def adapted(*xs: Any) -> Any:
        xs = tuple(xs[0]) if isinstance(xs[0], (tuple, list)) else xs
        return tuple(function(x) for x in xs) if len(xs) > 1 else function(xs[0])

    return adapted


def _pieces(function: Callable[..., Any]) -> Callable[..., Any]:
    def adapted(x: Any, pieces: Any, dim: int = 0) -> Any:
        if function is nbdl.tensor_split:
            return function(x, pieces, axis=dim)
        return function(x, pieces)

    return adapted


def _reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    def adapted(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        dim = None if isinstance(dim, (tuple, list)) and not dim else dim
        x = x if dtype is None else x.to(dtype)
        return function(x, axis=dim, keepdims=keepdim)

    return adapted


def _areas(function: Callable[..., Any]) -> Callable[..., Any]:
    def adapted(y: Any, x: Any = None, *, dim: int = -1, dx: Any = 1) -> Any:
        return function(y, x, dx=dx, axis=dim)

    return adapted


def _gradient(y: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    if isinstance(spacing, (list, tuple)) and dim is None and len(spacing) != y.ndim:
        raise Unsupported("fewer spacings than axes")
    return nbdl.gradient(y, spacing=spacing, axis=dim, edge_order=edge_order)


def _scatter_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, **options: Any) -> Any:
    return nbdl.scatter_reduce(x, dim, index, source, reduce, **options)


def _median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """PyTorch's median is the lower of two."""
    if dim is None:
        flat = x.reshape(-1)
        return nbdl.kthvalue(flat, (flat.size + 1) // 2)[0]
    n = x.shape[dim] if x.ndim else 1
    return nbdl.kthvalue(x, (n + 1) // 2, dim, keepdims=keepdim)


def _diagonal_scatter(x: Any, source: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return nbdl.diagonal_scatter(x, source, offset, dim1, dim2)


def _sum_to_size(x: Any, *shape: Any) -> Any:
    one = len(shape) == 1 and not isinstance(shape[0], int)
    return sum_to(x, tuple(shape[0]) if one else shape)


def _unfold(x: Any, axis: int, size: int, step: int) -> Any:
    return nbdl.unfold(x, axis, size, step)


def _norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    if p == "nuc":
        return nbdl.linalg.matrix_norm(x, ord="nuc", keepdims=keepdim)
    dim = None if isinstance(dim, (tuple, list)) and not dim else dim
    return nbdl.norm(x if dtype is None else x.to(dtype), p, dim, keepdims=keepdim)


def _aminmax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return tuple(nbdl.aminmax(x, axis=dim, keepdims=keepdim))


def _named(*names: str) -> dict[str, Any]:
    return {name: call(getattr(nbdl, name)) for name in names}


COPIES = {
    "alias_copy": lambda x: x,
    "expand_copy": COUNTERPARTS["expand"],
    "permute_copy": COUNTERPARTS["permute"],
    "transpose_copy": COUNTERPARTS["transpose"],
    "unsqueeze_copy": COUNTERPARTS["unsqueeze"],
    "squeeze_copy": COUNTERPARTS["squeeze"],
    "unbind_copy": COUNTERPARTS["unbind"],
    "split_with_sizes_copy": COUNTERPARTS["split_with_sizes"],
    "unsafe_split": COUNTERPARTS["split"],
    "unsafe_chunk": COUNTERPARTS["chunk"],
    "view_copy": COUNTERPARTS["view"],
    "diagonal_copy": COUNTERPARTS["diagonal"],
    "narrow_copy": nbdl.narrow,
    "unfold_copy": _unfold,
    "t_copy": lambda x: x if x.ndim < 2 else x.mT,
}

def _bucketize(x: Any, edges: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    found = nbdl.bucketize(x, edges, right=right)
    return found.int() if out_int32 else found


ARRAYS: dict[str, Callable[..., Any]] = {
    **_named(
        "addmv", "addbmm", "addr", "vdot", "dist", "renorm", "corrcoef", "angle", "polar",
        "complex", "sgn", "view_as_complex", "diagflat", "index_fill", "index_copy",
        "index_put", "put", "masked_scatter", "narrow", "nan_to_num", "ldexp",
        "heaviside", "frexp", "histc", "argwhere", "combinations", "block_diag",
        "cartesian_prod", "unique_consecutive",
    ),
    **COPIES,
    "nn.functional.pdist": nbdl.pdist,
    "aminmax": _aminmax,
    "cdist": lambda x1, x2, p=2.0, compute_mode=None: nbdl.cdist(x1, x2, p),
    "mode": lambda x, dim=-1, keepdim=False: nbdl.mode(x, dim, keepdims=keepdim),
    "bucketize": _bucketize,
    "index_reduce": call(nbdl.index_reduce),
    "scatter_reduce": _scatter_reduce,
    "select": nbdl.select,
    "select_scatter": lambda x, source, dim, index: nbdl.select_scatter(x, source, dim, index),
    "slice_scatter": lambda x, source, dim=0, start=None, end=None, step=1: nbdl.slice_scatter(
        x, source, dim, start, end, step
    ),
    "diagonal_scatter": _diagonal_scatter,
    "column_stack": _each(nbdl.column_stack),
    "vstack": _each(nbdl.vstack),
    "dstack": _each(nbdl.dstack),
    "hstack": _each(nbdl.hstack),
    "atleast_3d": _one_or_each(nbdl.atleast_3d),
    "tensor_split": _pieces(nbdl.tensor_split),
    "hsplit": _pieces(nbdl.hsplit),
    "vsplit": _pieces(nbdl.vsplit),
    "dsplit": _pieces(nbdl.dsplit),
    "nansum": _reduce(nbdl.nansum),
    "nanmean": _reduce(nbdl.nanmean),
    "trapz": _areas(nbdl.trapz),
    "trapezoid": _areas(nbdl.trapezoid),
    "cumulative_trapezoid": _areas(nbdl.cumulative_trapezoid),
    "gradient": _gradient,
    "median": _median,
    "sum_to_size": _sum_to_size,
    "unfold": _unfold,
    "conj_physical": nbdl.conj,
    "resolve_conj": lambda x: x,
    "resolve_neg": lambda x: x,
    "H": lambda x: nbdl.conj(x.mT) if x.ndim else x,
    "mH": lambda x: nbdl.conj(x.mT),
    "fill": lambda x, value: nbdl.full_like(x, 0) + value,
    "zero_": lambda x: nbdl.zeros_like(x),
    "norm": _norm,
    "constant_pad_nd": lambda x, pad, value=0: nbdl.pad(x, pad, value=value),
}
