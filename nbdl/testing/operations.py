"""One check of everything that an operation promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import Op, Tensor, grad
from nbdl.core.tree import leaves
from nbdl.ops.families import Elementwise
from nbdl.shapes import Spec
from nbdl.testing.gradients import check_grad
from nbdl.testing.kernels import evaluate_kernel, special_values

TOLERANCE = {
    np.dtype(np.float64): 1e-11,
    np.dtype(np.float32): 2e-5,
    np.dtype(np.float16): 5e-3,
    dtypes.bfloat16: 4e-2,
}
"""Relative error allowed in each dtype."""


class OperationFault(AssertionError):
    """An operation does not do what it says of itself."""


def check_op(
    op: Op,
    inputs: tuple[np.ndarray, ...],
    judge: Callable[..., Any] | None,
    *,
    order: int = 2,
    halves: bool = True,
    kernel_slack: float = 1.0,
    rtol: float = 1e-4,
    slack: float = 1.0,
) -> None:
    """Hold an operation against its own words and an outside judge.

    Forward against the judge; ``infer`` against the computed shape and dtype; gradient and
    second gradient against finite differences in float64, reading only what ``saves`` declares;
    the kernel text against forward, for special values too; float32, float16 and bfloat16;
    memory that is not contiguous; for elementwise operations also no axes, no elements and
    broadcasting. Every float output must have the right gradient, unless ``byproducts`` names it.

    Args:
        op: the operation with its parameters.
        inputs: arrays; floats as float64. Where it is differentiable they must lie where it is
            smooth.
        judge: gives the right result for NumPy arrays (a tuple if there are several outputs),
            or None where only the other checks apply (random numbers).
        order: 0 no gradient, 1 the gradient, 2 the second gradient too.
        halves: whether float16 and bfloat16 are worth a look.
        kernel_slack: a factor on how far kernel text and forward may differ, for functions that
            lose digits where both subtract: relatively 1e-13 in float64, 3e-6 in float32.
        rtol: how far gradients may be from finite differences, relatively.
        slack: a factor on the tolerances of all dtypes.

    Raises:
        OperationFault, GradientMismatch: says which promise was broken, and how.
    """
    arrays = tuple(np.asarray(a) for a in inputs)
    check_result(op, arrays, judge, slack)
    check_layout(op, arrays)
    derived = op.differentiable and order > 0
    check_dtypes(op, arrays, judge, halves, derived, slack)
    if isinstance(op, Elementwise):
        check_shapes(op, arrays, judge, derived, slack)
    if op.kernel is not None:
        check_kernel(op, arrays, kernel_slack)
    check_flops(op, arrays)
    if derived:
        check_gradient_shapes(op, arrays)
        check_grad(_without_byproducts(op), *arrays, order=order, rtol=rtol)


def _without_byproducts(op: Op) -> Callable[..., Any]:
    """The operation's outputs that carry a gradient."""
    if not op.byproducts:
        return op
    return lambda *xs: tuple(y for i, y in enumerate(op(*xs)) if i not in op.byproducts)


def _outputs(result: Any) -> list[np.ndarray]:
    return [y.numpy() for y in leaves(result)]


def _run(op: Op, arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return _outputs(op(*(Tensor(a) for a in arrays)))


def _judged(judge: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        result = judge(*arrays)
    several = isinstance(result, (tuple, list))
    return [np.asarray(r) for r in (result if several else (result,))]


def _specs(op: Op, arrays: tuple[np.ndarray, ...]) -> list[Spec]:
    inferred = op.infer(*(Spec(a.shape, a.dtype) for a in arrays))
    return [inferred] if type(inferred) is Spec else list(inferred)


def check_result(
    op: Op, arrays: tuple[np.ndarray, ...], judge: Callable[..., Any] | None, slack: float = 1.0
) -> None:
    """``infer`` = computed shape and dtype; values = the judge's."""
    found = _run(op, arrays)
    specs = _specs(op, arrays)
    if len(found) != len(specs):
        raise OperationFault(f"{op} infers {len(specs)} outputs and gives {len(found)}")
    if not set(op.byproducts) < set(range(len(found))):
        raise OperationFault(
            f"{op} gives {len(found)} outputs, of which it calls {op.byproducts} by-products"
        )
    for y, spec in zip(found, specs, strict=True):
        if y.shape != spec.shape:
            raise OperationFault(f"{op} infers shape {spec.shape} and gives {y.shape}")
        if y.dtype != spec.dtype:
            raise OperationFault(f"{op} infers dtype {spec.dtype} and gives {y.dtype}")
    if judge is not None:
        _compare(op, found, _judged(judge, arrays), slack, "the judge")


def _compare(
    op: Op, found: list[np.ndarray], expected: list[np.ndarray], slack: float, who: str
) -> None:
    if len(found) != len(expected):
        raise OperationFault(f"{op} gives {len(found)} outputs, {who} {len(expected)}")
    for y, e in zip(found, expected, strict=True):
        if y.shape != e.shape:  # before numbers: allclose would broadcast
            raise OperationFault(f"{op} gives shape {y.shape}, {who} {e.shape}")
        tolerance = TOLERANCE.get(y.dtype, 1e-6 if y.dtype.kind == "c" else 0.0) * slack
        a, b = _wide(y), _wide(e)
        scale = np.abs(b[np.isfinite(b)]).max(initial=0.0) if b.size else 0.0
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance * min(scale, 1.0), equal_nan=True):
            raise OperationFault(f"{op} in {y.dtype} gives\n{a}\nbut {who} gives\n{b}")


def _wide(a: np.ndarray) -> np.ndarray:
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def check_layout(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    """The same result from memory with gaps, backwards and in another order."""
    plain = _run(op, arrays)
    for y, e in zip(_run(op, tuple(_scattered(a) for a in arrays)), plain, strict=True):
        if y.shape != e.shape or not np.allclose(_wide(y), _wide(e), 1e-10, 1e-12, equal_nan=True):
            raise OperationFault(f"{op} gives another result for memory that is not contiguous")


def _scattered(a: np.ndarray) -> np.ndarray:
    """The same values, with gaps between them and stored from the end, axes reversed."""
    if a.ndim == 0:
        return a
    store = np.zeros(tuple(2 * n for n in a.shape[::-1]), a.dtype)
    view = store[tuple(slice(None, None, -2) for _ in a.shape)].T
    view[...] = a
    return view


def check_dtypes(
    op: Op,
    arrays: tuple[np.ndarray, ...],
    judge: Callable[..., Any] | None,
    halves: bool,
    derived: bool,
    slack: float,
) -> None:
    """float32, float16 and bfloat16 give their own dtype, near the float64 result."""
    if not any(a.dtype == np.float64 for a in arrays):
        return
    wanted = [dtypes.float32, *((dtypes.float16, dtypes.bfloat16) if halves else ())]
    for dtype in wanted:
        low = tuple(a.astype(dtype) if a.dtype == np.float64 else a for a in arrays)
        check_result(op, low, None)
        if judge is not None:
            back = tuple(a.astype(np.float64) if a.dtype == dtype else a for a in low)
            _compare(op, _run(op, low), _judged(judge, back), slack, "the judge in float64")
        if derived:
            _check_gradient_dtype(op, low)


def _check_gradient_dtype(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    tensors = [Tensor(a) for a in arrays]
    floats = [t.requires_grad_() for t in tensors if t.dtype in dtypes.FLOATS]
    ys = [y for y in leaves(op(*tensors)) if y.requires_grad]
    if not ys:
        return
    ones = [Tensor(np.ones(y.shape, y.dtype)) for y in ys]
    for t, g in zip(floats, grad(ys, floats, ones, allow_unused=True), strict=True):
        if g is not None and (g.dtype != t.dtype or g.shape != t.shape):
            raise OperationFault(
                f"{op}: the gradient of an input {t.dtype}{list(t.shape)} is {g.dtype}"
                f"{list(g.shape)}"
            )


def check_shapes(
    op: Op,
    arrays: tuple[np.ndarray, ...],
    judge: Callable[..., Any] | None,
    derived: bool,
    slack: float,
) -> None:
    """Elementwise operations also without axes, without elements, and broadcast."""
    flat = [a.reshape(-1) for a in arrays]
    if not all(a.size for a in flat):
        return
    check_result(op, tuple(a[0] for a in flat), judge, slack)
    check_result(op, tuple(np.broadcast_to(a[:1], (0, 3)) for a in flat), judge, slack)
    if len(arrays) > 1:
        rows = [np.resize(a, (3, 1) if i % 2 else (4,)) for i, a in enumerate(flat)]
        check_result(op, tuple(rows), judge, slack)
        if derived:
            check_gradient_shapes(op, tuple(rows))


def check_gradient_shapes(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    """Each gradient that the walk gets has its input's shape, after un-broadcasting."""
    if not op.differentiable:
        return
    tensors = [Tensor(a) for a in arrays]
    floats = [t.requires_grad_() for t in tensors if t.dtype in dtypes.FLOATS]
    ys = [y for y in leaves(op(*tensors)) if y.requires_grad]
    if not ys or not floats:
        return
    ones = [Tensor(np.ones(y.shape, y.dtype)) for y in ys]
    for t, g in zip(floats, grad(ys, floats, ones, allow_unused=True), strict=True):
        if g is None:
            continue
        if g.shape != t.shape:
            raise OperationFault(f"{op}: the gradient of shape {t.shape} has shape {g.shape}")
        if type(g.value) is Spec:
            raise OperationFault(
                f"{op}: the gradient rule reads a value that `saves` does not declare"
            )


def check_kernel(op: Op, arrays: tuple[np.ndarray, ...], slack: float = 1.0) -> None:
    """The kernel text gives what forward gives: NaN, ±Inf, ±0 and denormals included."""
    cases = [arrays, tuple(special_values(*arrays))]
    for case in cases:
        for dtype, rtol in ((np.float64, 1e-13), (np.float32, 3e-6)):
            values = tuple(a.astype(dtype) if a.dtype == np.float64 else a for a in case)
            with np.errstate(all="ignore"):
                y = np.asarray(op.forward(np, *values))
                e = np.asarray(evaluate_kernel(op, *values)).astype(y.dtype, copy=False)
            _same(op, values, y, e, rtol * slack)


def _same(
    op: Op, values: tuple[np.ndarray, ...], y: np.ndarray, e: np.ndarray, rtol: float
) -> None:
    if y.shape != e.shape:
        raise OperationFault(f"{op}: the kernel gives shape {e.shape}, forward {y.shape}")
    if y.dtype.kind != "f":
        good = y == e
    else:
        atol = np.finfo(y.dtype).smallest_normal * 4
        good = np.isclose(y, e, rtol=rtol, atol=atol, equal_nan=True)
        good &= (np.signbit(y) == np.signbit(e)) | np.isnan(y) | (y != 0)
    if not good.all():
        i = tuple(int(k) for k in np.argwhere(~good)[0])
        given = ", ".join(str(np.broadcast_to(v, y.shape)[i]) for v in values)
        raise OperationFault(
            f"{op}: for ({given}) in {y.dtype} the kernel {op.kernel!r} gives {e[i]}, forward "
            f"{y[i]}"
        )


def check_flops(op: Op, arrays: tuple[np.ndarray, ...]) -> None:
    """``flops`` gives a whole number that is not negative."""
    count = op.flops(*(Spec(a.shape, a.dtype) for a in arrays))
    if not isinstance(count, (int, np.integer)) or count < 0:
        raise OperationFault(f"{op}.flops gives {count!r}")
