"""What holds for arrays of every kind, as Hypothesis finds them: NumPy is the judge.

Shapes with zeros and ones, broadcasting, memory read backwards and in steps, NaN and infinities,
integers that overflow. Derandomized: every run tries the same arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import nbdl
from nbdl import Tensor
from nbdl.errors import NbdlError

few = settings(derandomize=True, deadline=None, database=None, max_examples=60)
many = settings(few, max_examples=150)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SPECIAL = st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 1e308, -1e-308])
FLOATS = st.one_of(st.floats(-4, 4), SPECIAL)
FINITE = st.floats(-4, 4)
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)


@st.composite
def laid_out(draw: Any, shape: tuple[int, ...], dtype: str, elements: Any) -> np.ndarray:
    """An array of a shape whose memory may be read backwards, in steps, or transposed."""
    order = draw(st.permutations(range(len(shape))))
    steps = draw(st.lists(st.sampled_from([1, -1, 2, -2]), min_size=len(shape),
                          max_size=len(shape)))  # fmt: skip
    whole = tuple(shape[a] * abs(s) for a, s in zip(order, steps, strict=True))
    a = draw(hnp.arrays(dtype, whole, elements=elements))
    a = a[(..., *(slice(None, None, step) for step in steps))]
    return a.transpose(np.argsort(order)) if shape else a


@st.composite
def arrays(draw: Any, dtype: str = "float64", elements: Any = FLOATS, shapes: Any = SHAPES) -> Any:
    """An array of any shape and layout."""
    return draw(laid_out(draw(shapes), dtype, elements))


@st.composite
def broadcasting(draw: Any, dtype: str = "float64", elements: Any = FLOATS, n: int = 2) -> Any:
    """Arrays whose shapes broadcast."""
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=3, min_side=0,
                                                    max_side=3)).input_shapes  # fmt: skip
    return [draw(laid_out(shape, dtype, elements)) for shape in shapes]


@st.composite
def integers(draw: Any, n: int = 2) -> Any:
    """Integer arrays of one dtype whose shapes broadcast, with its smallest and largest numbers."""
    dtype = draw(st.sampled_from(INTEGERS))
    info = np.iinfo(dtype)
    ends = st.sampled_from([info.min, info.max, 0, 1])
    elements = st.one_of(ends, st.integers(info.min, info.max))
    return draw(broadcasting(dtype, elements, n))


def same(y: Any, e: Any, rtol: float = 0) -> None:
    """Shape, dtype and values, NaN and infinities included."""
    e = np.asarray(e)
    assert (y.shape, y.dtype) == (e.shape, e.dtype)
    if rtol:
        np.testing.assert_allclose(y.numpy(), e, rtol=rtol, atol=rtol)
    else:
        np.testing.assert_array_equal(y.numpy(), e)


UNARY = (
    "abs", "ceil", "floor", "trunc", "sign", "sqrt", "square", "isnan", "isfinite", "isinf",
    "signbit", "negative", "reciprocal",
)  # fmt: skip
ROUNDED = ("exp", "expm1", "log1p", "tanh", "sin", "cos", "atan", "asinh", "log2", "exp2")


@pytest.mark.parametrize("name", UNARY + ROUNDED)
@few
@given(x=arrays())
def test_functions_of_one_array(name: str, x: np.ndarray) -> None:
    same(getattr(nbdl, name)(Tensor(x)), getattr(np, name)(x), 1e-14 if name in ROUNDED else 0)


BINARY = (
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin", "less",
    "less_equal", "equal", "not_equal", "greater", "copysign", "hypot", "logaddexp", "atan2",
    "remainder", "floor_divide", "nextafter",
)  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
@few
@given(xs=broadcasting())
def test_functions_of_two_arrays_that_broadcast(name: str, xs: list[np.ndarray]) -> None:
    rounded = name in ("hypot", "logaddexp", "atan2")
    same(
        getattr(nbdl, name)(*map(Tensor, xs)), getattr(np, name)(*xs), 1e-14 if rounded else 0
    )


@few
@given(xs=broadcasting(), condition=st.data())
def test_where_and_clip_broadcast(xs: list[np.ndarray], condition: Any) -> None:
    x, y = xs
    chosen = condition.draw(laid_out(x.shape, "bool", st.booleans()))
    same(nbdl.where(Tensor(chosen), Tensor(x), Tensor(y)), np.where(chosen, x, y))
    same(nbdl.clip(Tensor(x), -1.0, 2.0), np.clip(x, -1.0, 2.0))


WRAPPING = (
    "add", "subtract", "multiply", "maximum", "minimum", "bitwise_and", "bitwise_or",
    "bitwise_xor", "equal", "less",
)  # fmt: skip


@pytest.mark.parametrize("name", WRAPPING)
@few
@given(xs=integers())
def test_integers_overflow_as_numpy_s(name: str, xs: list[np.ndarray]) -> None:
    same(getattr(nbdl, name)(*map(Tensor, xs)), getattr(np, name)(*xs))


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
@few
@given(xs=integers())
def test_integers_divide_as_numpy_s(name: str, xs: list[np.ndarray]) -> None:
    x, y = xs
    same(getattr(nbdl, name)(Tensor(x), Tensor(y)), getattr(np, name)(x, y))


@many
@given(xs=integers(1), dtype=st.sampled_from(INTEGERS))
def test_integers_are_negated_and_cast_as_numpy_s(xs: list[np.ndarray], dtype: str) -> None:
    (x,) = xs
    same(nbdl.negative(Tensor(x)), np.negative(x))
    same(nbdl.abs(Tensor(x)), np.abs(x))
    same(nbdl.square(Tensor(x)), np.square(x))
    same(Tensor(x).astype(dtype), x.astype(dtype))


@many
@given(xs=integers(1))
def test_sums_of_integers_overflow_as_numpy_s(xs: list[np.ndarray]) -> None:
    (x,) = xs
    same(nbdl.sum(Tensor(x)), np.sum(x))
    same(nbdl.prod(Tensor(x)), np.prod(x))
    if x.ndim:
        same(nbdl.cumulative_sum(Tensor(x), axis=0), np.cumulative_sum(x, axis=0))


@st.composite
def reductions(draw: Any) -> tuple[np.ndarray, Any, bool]:
    """An array, some of its axes (None: all), and whether they are kept."""
    x = draw(arrays())
    axes = st.sets(st.integers(-x.ndim, x.ndim - 1)) if x.ndim else st.just(set())
    chosen = draw(st.none() | axes)
    if chosen is not None:
        assume(len({a % x.ndim for a in chosen}) == len(chosen))
        chosen = tuple(chosen)
    return x, chosen, draw(st.booleans())


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "max", "min", "any", "all", "var", "std"])
@few
@given(case=reductions())
def test_reductions(name: str, case: Any) -> None:
    x, axes, keep = case
    try:
        right = getattr(np, name)(x, axis=axes, keepdims=keep)
    except ValueError:  # the largest of nothing
        with pytest.raises(NbdlError):
            getattr(nbdl, name)(Tensor(x), axis=axes, keepdims=keep)
        return
    assume(not np.any(np.abs(right) > 1e300))  # the order of a sum says whether it overflows
    same(getattr(nbdl, name)(Tensor(x), axis=axes, keepdims=keep), right, 1e-12)


@pytest.mark.parametrize(
    "name", ["argmax", "argmin", "sort", "argsort", "cumulative_sum", "cumprod"]
)
@few
@given(x=arrays(), data=st.data())
def test_functions_along_an_axis(name: str, x: np.ndarray, data: Any) -> None:
    assume(x.ndim and (x.size or not name.startswith("arg")))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    stable = {"stable": True} if "sort" in name else {}
    right = getattr(np, name)(x, axis=axis, **stable)
    same(getattr(nbdl, name)(Tensor(x), axis=axis), right, 1e-13 if name.startswith("cum") else 0)


@few
@given(x=arrays(elements=FLOATS))
def test_unique_and_nonzero(x: np.ndarray) -> None:
    same(nbdl.unique_values(Tensor(x)), np.unique_values(x))
    if x.ndim:
        for place, right in zip(nbdl.nonzero(Tensor(x)), np.nonzero(x), strict=True):
            same(place, right)


@many
@given(data=st.data())
def test_basic_indexing_and_assignment(data: Any) -> None:
    x = data.draw(arrays())
    index = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True, allow_ellipsis=True))
    same(Tensor(x)[index], x[index])
    changed, t = x.copy(), Tensor(x.copy())
    changed[index] = 7.0
    t[index] = 7.0
    same(t, changed)


@many
@given(data=st.data())
def test_indexing_with_integer_arrays(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3))
    x = data.draw(laid_out(shape, "float64", FLOATS))
    index = data.draw(hnp.integer_array_indices(shape))
    same(Tensor(x)[tuple(map(Tensor, index))], x[index])


@many
@given(data=st.data())
def test_movements(data: Any) -> None:
    x = data.draw(arrays())
    order = tuple(data.draw(st.permutations(range(x.ndim))))
    same(nbdl.permute_dims(Tensor(x), order), x.transpose(order))
    same(Tensor(x).reshape(-1) if x.size else Tensor(x).reshape(0), x.reshape(x.size))
    same(nbdl.flip(Tensor(x)), np.flip(x))
    same(nbdl.concat([Tensor(x), Tensor(x)], axis=None), np.concat([x, x], axis=None))
    if x.ndim:
        axis, shift = data.draw(st.integers(-x.ndim, x.ndim - 1)), data.draw(st.integers(-5, 5))
        same(nbdl.roll(Tensor(x), shift, axis=axis), np.roll(x, shift, axis=axis))
        same(nbdl.stack([Tensor(x), Tensor(x)], axis=axis), np.stack([x, x], axis=axis))
        same(nbdl.concat([Tensor(x), Tensor(x)], axis=axis), np.concat([x, x], axis=axis))


@many
@given(data=st.data())
def test_matrix_products_of_every_layout(data: Any) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(
        signature="(m,k),(k,n)->(m,n)", max_dims=2, min_side=0, max_side=4))  # fmt: skip
    a, b = (data.draw(laid_out(s, "float64", FINITE)) for s in shapes.input_shapes)
    same(nbdl.matmul(Tensor(a), Tensor(b)), np.matmul(a, b), 1e-13)


def _sum_to(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    lead = g.ndim - len(shape)
    ones = tuple(lead + i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=(*range(lead), *ones), keepdims=True).reshape(shape)


@many
@given(xs=broadcasting(elements=FINITE))
def test_gradients_have_the_shape_of_what_was_broadcast(xs: list[np.ndarray]) -> None:
    a, b = (Tensor(x).requires_grad_() for x in xs)
    y = a * b
    dy = np.linspace(-1, 1, y.size).reshape(y.shape)
    da, db = nbdl.grad(y, [a, b], Tensor(dy))
    same(da, _sum_to(dy * xs[1], xs[0].shape), 1e-13)
    same(db, _sum_to(dy * xs[0], xs[1].shape), 1e-13)


FUNCTIONS = {
    "tanh": nbdl.tanh,
    "softmax": lambda t: t.softmax(-1),
    "cumulative_sum": lambda t: nbdl.cumulative_sum(t, axis=-1),
    "max": nbdl.max,
    "flip": nbdl.flip,
    "norm": lambda t: t.norm(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@few
@given(x=arrays(elements=FINITE))
def test_gradients_do_not_depend_on_the_layout(name: str, x: np.ndarray) -> None:
    assume(x.ndim and (x.size or name not in ("max", "norm")))

    def gradient(value: np.ndarray) -> np.ndarray:
        t = Tensor(value).requires_grad_()
        y = FUNCTIONS[name](t)
        dy = Tensor(np.linspace(-1, 1, y.size).reshape(y.shape))
        return nbdl.grad(y, t, dy)[0].numpy()

    np.testing.assert_allclose(gradient(x), gradient(x.copy()), rtol=1e-13, atol=1e-13)
