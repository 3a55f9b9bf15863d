"""Products of matrices, and of stacks of them."""

from __future__ import annotations

import functools

from nbdl.backends.onednn.library import threads
from nbdl.backends.onednn.memory import AnyLayout, AnyOf, Layout, Opaque, describe
from nbdl.backends.onednn.post_ops import Post, aligned, beside, described, operands
from nbdl.backends.onednn.primitives import (
    BIAS,
    DST,
    KEPT,
    SRC,
    WEIGHTS,
    Primitive,
    descriptor,
)
from nbdl.errors import BackendError, ShapeError


def matmul(
    a: AnyOf, b: AnyOf, dst: AnyOf, bias: Layout | None = None, post: Post = ()
) -> Primitive:
    """dst = post(a @ b + bias).  a: (..., m, k), b: (..., k, n), bias: (n,) -> dst: (..., m, n).

    Roles: ``src`` (a), ``weights`` (b), ``bias``, ``dst``. Transposes are strides; the axes in
    front broadcast as NumPy's do, ones in front are added.

    Raises:
        ShapeError: sizes that do not fit together.
        BackendError: oneDNN has none for these layouts, dtypes or post-ops.
    """
    return _matmul(a, b, dst, bias, post, threads())


@functools.lru_cache(maxsize=KEPT)
def _matmul(
    a: AnyOf, b: AnyOf, dst: AnyOf, bias: Layout | None, post: Post, threads: int
) -> Primitive:
    _check(a, b, dst)
    ndim = len(dst.shape)
    bias_md = describe(beside("bias", bias, dst.shape)) if bias else None
    stacked = describe(_stacked(a, ndim)), describe(_stacked(b, ndim))
    given = [*stacked, bias_md, describe(_told(dst))]
    layouts = {"src": a, "weights": b, "bias": bias, "dst": dst}
    found = descriptor("matmul", [m and m.address for m in given], layouts, post)
    roles = {"src": SRC, "weights": WEIGHTS, "bias": BIAS, "dst": DST, **dict(operands(post))}
    made = Primitive("matmul", found, roles)
    gaps = isinstance(dst, Layout) and not dst.lies_like(Layout.dense(dst.shape, dst.dtype))
    if post and gaps and made.implementation.startswith("gemm"):
        raise BackendError(
            f"oneDNN's matmul into {dst} followed by {described(post)} would write elsewhere",
            hint="a contiguous dst, or the functions after it in a kernel of their own",
        )
    made.layouts.update({k: v for k, v in layouts.items() if isinstance(v, Layout)})
    return made


def _check(a: AnyOf, b: AnyOf, dst: AnyOf) -> None:
    rows, columns = dst.shape[-2:] if len(dst.shape) > 1 else (0, 0)
    if min(len(a.shape), len(b.shape)) < 2 or (
        (a.shape[-2], a.shape[-1], b.shape[-1]) != (rows, b.shape[-2], columns)
    ):
        raise ShapeError(f"matmul of {a} and {b} does not give {dst}")
    for what, operand in (("first", a), ("second", b)):
        stack = AnyLayout((*operand.shape[:-2], 1, 1))
        aligned(f"stack of the {what} operand", stack, (*dst.shape[:-2], 1, 1))


def _stacked(layout: AnyOf, ndim: int) -> AnyOf:
    """The layout with ``ndim`` axes, in which stacks that repeat in memory have size 1."""
    ones = (1,) * (ndim - len(layout.shape))
    if isinstance(layout, AnyLayout):
        return AnyLayout((*ones, *layout.shape), layout.dtype)
    if isinstance(layout, Opaque):
        return layout
    pairs = zip(layout.shape[:-2], layout.strides[:-2], strict=True)
    stack = tuple(n if stride else 1 for n, stride in pairs)
    shape = (*ones, *stack, *layout.shape[-2:])
    return _told(Layout(shape, (*ones, *layout.strides), layout.dtype))


def _told(layout: AnyOf) -> AnyOf:
    """The layout in which axes of size 1 have the strides of a dense tensor.

    They are never used, but oneDNN takes them for the distance of rows, and checks it.
    """
    if not isinstance(layout, Layout):
        return layout
    (*stack, rows, columns), (*outer, row, column) = layout.shape, layout.strides
    column = column if columns > 1 else 1
    row = row if rows > 1 else columns if column == 1 else 1
    strides, step = [column, row], max(rows * row, columns * column)
    for n, stride in zip(reversed(stack), reversed(outer), strict=True):
        strides.append(stride if n > 1 else step)
        step = max(step, n * stride)
    return Layout(layout.shape, tuple(reversed(strides)), layout.dtype)
