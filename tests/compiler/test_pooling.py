"""Compiled pooling: bit for bit what eager code gives, by loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl.compiler import CompiledStep
from nbdl.compiler.expressions import Code
from nbdl.compiler.lower.integers import Integers, Number, known
from nbdl.compiler.lower.steps import LoopStep, PythonStep, Step
from nbdl.core import Op, Tensor
from nbdl.ops.pooling import AvgPool, AvgPoolSpread, MaxPool, MaxPoolSpread
from nbdl.ops.windows import Geometry, geometry

F = nbdl.nn.functional

SHAPES = [
    # shape, window, stride, padding, dilation, ceil_mode
    ((2, 33, 8, 6), 2, 2, 0, 1, False),  # apart, and they cover all
    ((2, 5, 9, 7), 2, 2, 0, 1, False),  # a row and a column are in no window
    ((2, 70, 9, 8), 3, 2, 1, 1, False),
    ((2, 16, 9, 8), 3, 2, 1, 1, True),
    ((3, 4, 7, 7), 3, 1, 1, 1, False),
    ((1, 3, 8, 9), 2, 3, 1, 1, True),  # gaps between windows
    ((2, 3, 11, 10), 3, (2, 1), (1, 2), (2, 3), False),
    ((2, 3, 9, 12), (2, 3), (5, 4), 0, 1, False),  # blocks of some sizes only
    ((2, 1, 9, 8), 3, 2, 1, 1, False),  # one channel: lanes along the width
    ((2, 1, 9), 3, 2, 1, 1, True),
    ((2, 4, 10), 4, 3, 2, 2, True),
    ((2, 3, 5, 6, 4), 2, 2, 1, 1, False),
    ((1, 17, 4, 5, 6), 3, 2, 1, 1, True),
    ((2, 3, 12, 12), 12, 12, 0, 1, False),  # windows that are not written out
    ((2, 3, 9, 9), 7, 1, 3, 1, False),
    ((0, 3, 8, 8), 2, 2, 0, 1, False),
]  # fmt: skip


def _how(case: Any, dilated: bool = True) -> Geometry:
    shape, window, stride, padding, dilation, ceil = case
    x = Tensor(np.zeros(shape, np.float32))
    if not dilated:
        dilation, padding = 1, 0 if dilation != 1 else padding
    return geometry("pooling", len(shape) - 2, x, window, stride, padding, dilation, ceil)


def _example(shape: tuple[int, ...], dtype: type, kind: str) -> np.ndarray:
    """Numbers among which many are equal, and special ones."""
    rng = np.random.default_rng(len(shape))
    x = np.round(rng.normal(size=shape), 1).astype(dtype)
    if kind == "special":
        for number in (np.nan, np.inf, -np.inf):
            x[rng.random(shape) < 0.1] = number
    if kind == "lowest":
        x[rng.random(shape) < 0.9] = -np.inf
    return x


def _run(op: Op, *arrays: np.ndarray) -> tuple[list[np.ndarray], list[Step]]:
    """What the compiled operation gives, and its steps."""
    step = CompiledStep(lambda *xs: op(*xs), {})
    found: Any = step(list(arrays))
    executable, new = step.executable(arrays)
    assert not new
    return list(found) if isinstance(found, tuple) else [found], executable.plan.steps


def _compare(op: Any, *arrays: np.ndarray, exact: bool = True) -> list[np.ndarray]:
    """No NumPy, and the results of the forward rule, which are returned."""
    found, steps = _run(op, *arrays)
    assert not any(isinstance(step, PythonStep) for step in steps)
    with np.errstate(all="ignore"):
        expected = op.forward(np, *arrays)
    several = list(expected) if isinstance(expected, tuple) else [expected]
    for y, e in zip(found, several, strict=True):
        assert (y.shape, y.dtype) == (e.shape, e.dtype)
        if exact:
            np.testing.assert_array_equal(y, e)
        else:
            np.testing.assert_allclose(y, e, rtol=0, atol=64 * np.finfo(y.dtype).eps)
    return several


@pytest.mark.parametrize("kind", ["usual", "special", "lowest"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_max_pool(case: Any, dtype: type, kind: str) -> None:
    """Values and places; NaN wins, and padding never."""
    how = _how(case)
    _, at = _compare(MaxPool(*how), _example(case[0], dtype, kind))
    dy = np.random.default_rng(0).normal(size=at.shape).astype(dtype)
    _compare(MaxPoolSpread(*how), dy, at, exact=np.prod(how[1]) <= 27)


@pytest.mark.parametrize(("count_padding", "divisor"), [(True, None), (False, None), (True, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_avg_pool(case: Any, dtype: type, count_padding: bool, divisor: int | None) -> None:
    """Means, and what is spread of them."""
    how = _how(case, dilated=False)
    op, back = (kind(*how, count_padding, divisor) for kind in (AvgPool, AvgPoolSpread))
    (y,) = _compare(op, _example(case[0], dtype, "usual"), exact=np.prod(how[1]) <= 27)
    dy = np.random.default_rng(0).normal(size=y.shape).astype(dtype)
    _compare(back, dy, exact=np.prod(how[1]) <= 27)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float16])
def test_max_pool_of_other_dtypes(dtype: type) -> None:
    x = np.random.default_rng(0).integers(0, 9, (2, 5, 7, 6)).astype(dtype)
    _compare(MaxPool(*_how((x.shape, 3, 2, 1, 1, True))), x)
    _compare(MaxPool(*_how((x.shape, 6, 1, 0, 1, True))), x)


@pytest.mark.filterwarnings("ignore::nbdl.errors.MistakeWarning")
def test_nan_is_not_overlooked_and_gets_the_gradient() -> None:
    x = np.full((1, 2, 4, 4), -np.inf, np.float32)
    x[0, 1, 1, 2] = np.nan
    x[0, 1, 1, 3] = np.inf

    def pooled(x: Tensor) -> Any:
        y = F.max_pool2d(x, 2)
        return y, nbdl.grad(y.sum(), x)[0]

    step = CompiledStep(lambda x: pooled(x.detach().requires_grad_()), {})
    y, dx = step([x])
    expected, gradient = pooled(Tensor(x, requires_grad=True))
    np.testing.assert_array_equal(y, expected.numpy())
    np.testing.assert_array_equal(dx, gradient.numpy())
    assert np.isnan(y[0, 1, 0, 1])
    assert dx[0, 1, 1].tolist() == [0, 0, 1, 0]
    assert y[0, 0].tolist() == [[-np.inf, -np.inf]] * 2


def test_places_are_not_stored_where_nobody_reads_them() -> None:
    x = np.zeros((2, 3, 8, 8), np.float32)
    step = CompiledStep(lambda x: F.max_pool2d(x, 2), {})
    step([x])
    (loop,) = step.executable([x])[0].plan.steps[-1:]
    assert isinstance(loop, LoopStep)
    assert [view.dtype for view in loop.writes] == [np.float32]


def test_windows_of_padding_alone_are_left_to_numpy() -> None:
    """Dilated windows may meet nothing of a small input."""
    x = np.zeros((1, 2, 1), np.float32)
    op = MaxPool(*_how((x.shape, 2, 1, 2, 3, False)))
    found, steps = _run(op, x)
    assert not any(isinstance(step, LoopStep) for step in steps)
    for y, e in zip(found, op.forward(np, x), strict=True):
        np.testing.assert_array_equal(y, e)


@pytest.mark.parametrize("view", [
    lambda x: x[:, 1:, ::2, 1:], lambda x: x.permute(0, 3, 1, 2), lambda x: x.flip(2),
])  # fmt: skip
def test_pooling_of_views(view: Callable[[Tensor], Tensor]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 9, 7)).astype(np.float32)
    y: Any = CompiledStep(lambda x: F.max_pool2d(view(x), 3, 2, 1), {})([x])
    np.testing.assert_array_equal(y, F.max_pool2d(view(Tensor(x)), 3, 2, 1).numpy())


# ----- whole numbers --------------------------------------------------------------------------


def _value(code: Code, x: Number, axis: int) -> int:
    """What a number is where the index along the axis is this."""
    do = Integers(code)
    place, _ = do.register(x)
    values: list[Any] = []
    functions: dict[str, Callable[..., Any]] = {
        "add": np.add, "multiply": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
        "floor_divide": np.floor_divide, "remainder": np.remainder, "where": np.where,
        "less_equal": np.less_equal, "and": np.logical_and,
    }  # fmt: skip
    for step in code.listed:
        if step.name in ("axis", "constant"):
            values.append(axis if step.name == "axis" else step.attribute)
        else:
            values.append(functions[step.name](*(values[i] for i in step.args)))
    return int(values[place])


@pytest.mark.parametrize("function", [
    lambda do, i: (do.add(do.multiply(i, 3), known(-2)), lambda i: 3 * i - 2),
    lambda do, i: (do.subtract(known(5), i), lambda i: 5 - i),
    lambda do, i: (do.add(i, do.multiply(i, 2)), lambda i: 3 * i),
    lambda do, i: (do.subtract(do.multiply(i, 2), i), lambda i: i),
    lambda do, i: (do.floor_divide(do.add(do.multiply(i, 6), known(-5)), 3),
                   lambda i: (6 * i - 5) // 3),
    lambda do, i: (do.floor_divide(do.add(do.multiply(i, 2), known(-5)), 3),
                   lambda i: (2 * i - 5) // 3),
    lambda do, i: (do.remainder(do.add(do.multiply(i, 6), known(-5)), 3), lambda i: 1),
    lambda do, i: (do.remainder(do.add(i, known(-5)), 3), lambda i: (i - 5) % 3),
    lambda do, i: (do.maximum(i, known(4)), lambda i: max(i, 4)),
    lambda do, i: (do.maximum(i, known(-1)), lambda i: i),
    lambda do, i: (do.minimum(i, known(4)), lambda i: min(i, 4)),
    lambda do, i: (do.minimum(i, known(99)), lambda i: i),
    lambda do, i: (do.where(do.between(i, 2, 5), i, known(-1)),
                   lambda i: i if 2 <= i <= 5 else -1),
])  # fmt: skip
def test_arithmetic_of_numbers(function: Callable[..., Any]) -> None:
    """Right for every index, and inside the bounds."""
    for axis in range(10):
        code = Code()
        do = Integers(code)
        x, expected = function(do, do.axis(0, 10))
        assert _value(code, x, axis) == expected(axis)
        assert x.least <= expected(axis) <= x.most


def test_what_bounds_decide_is_not_computed() -> None:
    code = Code()
    do = Integers(code)
    i = do.axis(0, 10)
    assert do.between(i, 0, 9) is True
    assert do.between(i, 10, 12) is False
    assert do.maximum(i, known(0)) is i
    assert do.minimum(i, known(9)) is i
    assert do.axis(1, 1) == known(0)
    assert do.remainder(do.multiply(i, 4), 2) == known(0)
    assert do.both(True, False) is False
    assert [step.name for step in code.listed] == ["axis"]
