"""Products of matrices against NumPy's in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from nbdl.backends import onednn
from nbdl.backends.onednn import AnyLayout, Layout, matmul
from nbdl.dtypes import as_dtype
from nbdl.errors import ArgumentError, BackendError, DtypeError, ShapeError
from tests.backends.onednn.running import (
    Run,
    assert_sums_close,
    layout,
    needs_onednn,
    reordered,
)

pytestmark = needs_onednn

RNG = np.random.default_rng(20)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, np.float32)


def check(y: np.ndarray, a: np.ndarray, b: np.ndarray, bias: np.ndarray | float = 0.0) -> None:
    a, b, bias = (np.asarray(x, np.float64) for x in (a, b, bias))
    assert_sums_close(y, a @ b + bias, abs(a) @ abs(b) + abs(bias), a.shape[-1] + 1)


def product(a: np.ndarray, b: np.ndarray, y: np.ndarray, **options: object) -> Run:
    return Run(matmul(layout(a), layout(b), layout(y), **options), src=a, weights=b, dst=y)


def swapped(x: np.ndarray) -> np.ndarray:
    """The same values with the last two axes the other way round in memory."""
    return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def wide(x: np.ndarray) -> np.ndarray:
    """The same values as part of a larger matrix."""
    room = np.empty((*x.shape[:-1], x.shape[-1] + 5), x.dtype)
    room[..., : x.shape[-1]] = x
    return room[..., : x.shape[-1]]


def as_it_is(x: np.ndarray) -> np.ndarray:
    return x


@pytest.mark.parametrize("turn_a", [as_it_is, swapped, wide])
@pytest.mark.parametrize("turn_b", [as_it_is, swapped, wide])
@pytest.mark.parametrize("turn_y", [as_it_is, wide])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (37, 64, 50), (5, 300, 1), (1, 17, 33)])
def test_strides_of_matrices(turn_a, turn_b, turn_y, sizes) -> None:
    m, k, n = sizes
    a, b, y = turn_a(normal(m, k)), turn_b(normal(k, n)), turn_y(normal(m, n))
    product(a, b, y)
    check(y, a, b)


@pytest.mark.parametrize(
    ("a", "b", "y"),
    [
        ((3, 4, 5), (3, 5, 6), (3, 4, 6)),
        ((3, 4, 5), (5, 6), (3, 4, 6)),
        ((4, 5), (3, 5, 6), (3, 4, 6)),
        ((2, 1, 4, 5), (1, 3, 5, 6), (2, 3, 4, 6)),
        ((2, 3, 4, 5), (3, 5, 6), (2, 3, 4, 6)),
        ((2, 2, 2, 7, 8), (2, 2, 2, 8, 9), (2, 2, 2, 7, 9)),
    ],
)
def test_stacks_broadcast(a, b, y) -> None:
    a, b, y = normal(*a), normal(*b), normal(*y)
    product(a, b, y)
    check(y, a, b)


def test_stacks_with_any_order_of_axes() -> None:
    """Attention's heads: (batch, places, heads, width) seen as (batch, heads, places, width)."""
    q, k = (normal(2, 10, 4, 8).transpose(0, 2, 1, 3) for _ in range(2))
    scores = normal(2, 4, 10, 10)
    product(q, k.swapaxes(-1, -2), scores)
    check(scores, q, k.swapaxes(-1, -2))
    y = normal(2, 10, 4, 8).transpose(0, 2, 1, 3)
    product(scores, k, y)
    check(y, scores, k)


@pytest.mark.parametrize("post", [(), (("relu",),), (("scale", 0.5), ("relu",))])
def test_strange_strides_are_right_or_refused(post: tuple) -> None:
    """Interleaved stacks, with which one implementation of oneDNN 3.2 writes elsewhere."""
    a, b = normal(1, 8, 100).swapaxes(1, 2), normal(2, 130, 8).swapaxes(1, 2)
    y = np.full((100, 2, 130), 7, np.float32).swapaxes(0, 1)
    if post and not onednn.supports(matmul, layout(a), layout(b), layout(y), post=post):
        with pytest.raises(BackendError, match="would write elsewhere"):
            matmul(layout(a), layout(b), layout(y), post=post)
        return
    Run(matmul(layout(a), layout(b), layout(y), post=post), src=a, weights=b, dst=y)
    exact = a.astype(np.float64) @ b
    exact = np.maximum(exact / len(post), 0) if post else exact
    assert_sums_close(y, exact, abs(a).astype(np.float64) @ abs(b), 10)


@pytest.mark.parametrize("stride", [1, 5, 99])
def test_the_strides_of_axes_of_size_1_do_not_matter(stride: int) -> None:
    a, b = normal(1, 8), normal(8, 6)
    room = normal(1, 6)
    odd = np.lib.stride_tricks.as_strided(room, (1, 6), (4 * stride, 4))
    y = Layout((1, 6), (stride, 1))
    how = matmul(Layout((1, 8), (stride, 1)), layout(b), y, post=(("relu",),))
    assert how.is_fast
    assert how.layouts["dst"] == y
    Run(how, src=a, weights=b, dst=odd)
    size = abs(a).astype(np.float64) @ abs(b)
    assert_sums_close(odd, np.maximum(a.astype(np.float64) @ b, 0), size, 9)


def test_a_stack_that_repeats_in_memory() -> None:
    a, b, y = normal(3, 4, 5), np.broadcast_to(normal(5, 6), (3, 5, 6)), normal(3, 4, 6)
    product(a, b, y)
    check(y, a, b)


@pytest.mark.parametrize("shape", [(6,), (1, 6), (4, 6), (4, 1), (3, 1, 6)])
def test_bias_broadcasts(shape: tuple[int, ...]) -> None:
    a, b, y, bias = normal(3, 4, 5), normal(5, 6), normal(3, 4, 6), normal(*shape)
    how = matmul(layout(a), layout(b), layout(y), layout(bias))
    Run(how, src=a, weights=b, dst=y, bias=bias)
    check(y, a, b, bias)


def repeated() -> np.ndarray:
    """A vector of one number."""
    return np.broadcast_to(normal(1), (9,))


@pytest.mark.parametrize("make", [repeated, lambda: normal(7, 1), lambda: normal(9, 7).T])
def test_operands_that_repeat_or_are_turned(make) -> None:
    a, b, y, extra = normal(7, 8), normal(8, 9), normal(7, 9), make()
    Run(matmul(layout(a), layout(b), layout(y), layout(extra)), src=a, weights=b, dst=y, bias=extra)
    check(y, a, b, extra)
    post = (("binary_add", layout(extra)),)
    Run(matmul(layout(a), layout(b), layout(y), post=post), src=a, weights=b, dst=y, post0=extra)
    check(y, a, b, extra)


def test_operands_with_gaps_are_refused() -> None:
    """oneDNN would take them and read what lies in the gaps."""
    a, b, y = (layout(normal(*shape)) for shape in ((7, 8), (8, 9), (7, 9)))
    for extra in (layout(normal(18)[::2]), layout(normal(7, 12)[:, :9])):
        with pytest.raises(BackendError, match=r"bias float32\[.*side by side"):
            matmul(a, b, y, extra)
        with pytest.raises(BackendError, match=r"operand float32\[.*side by side"):
            matmul(a, b, y, post=(("binary_mul", extra),))


FUNCTIONS = {
    ("tanh",): np.tanh,
    ("sigmoid",): special.expit,
    ("silu",): lambda x: x * special.expit(x),
    ("gelu_erf",): lambda x: x * special.ndtr(x),
    ("gelu_tanh",): lambda x: (
        0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    ("relu",): lambda x: np.maximum(x, 0),
    ("leaky_relu", 0.25): lambda x: np.where(x > 0, x, x / 4),
    ("scale", 0.125): lambda x: x / 8,
}


@pytest.mark.parametrize("post", FUNCTIONS, ids=lambda post: post[0])
def test_functions_after_the_product(post: tuple) -> None:
    x = np.linspace(-30, 30, 4096, dtype=np.float32).reshape(64, 64)
    y = np.empty_like(x)
    product(np.eye(64, dtype=np.float32), x, y, post=(post,))
    exact = FUNCTIONS[post](x.astype(np.float64))
    assert np.all(abs(y - exact) <= 2.0**-21 * np.maximum(abs(x), 1))


@pytest.mark.parametrize("post", FUNCTIONS, ids=lambda post: post[0])
def test_nan_goes_through_functions(post: tuple) -> None:
    a, b, y = normal(9, 16), normal(16, 40), normal(9, 40)
    a[3, 2] = np.nan
    product(a, b, y, post=(post,))
    assert np.isnan(y[3]).all()
    assert np.isfinite(np.delete(y, 3, 0)).all()


def test_relu_of_less_than_zero_is_plus_zero() -> None:
    x = np.array([[-np.inf, -3, -1e-44, -0.0, 0, 1e-44, 5, np.inf]], np.float32)
    y = np.empty_like(x)
    product(np.ones((1, 1), np.float32), x, y, post=(("relu",),))
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    assert not np.signbit(y).any()


def test_sum_adds_to_what_is_there() -> None:
    a, b, y = normal(7, 8), normal(8, 9), normal(7, 9)
    before = y.copy()
    run = product(a, b, y, post=(("sum",),))
    check(y, a, b, before)
    run.call()
    check(y, 2 * a, b, before)


@pytest.mark.parametrize("shape", [(9,), (7, 9), (7, 1), (2, 7, 9)])
def test_operands_after_the_product(shape: tuple[int, ...]) -> None:
    a, b, y = normal(2, 7, 8), normal(8, 9), normal(2, 7, 9)
    factor, term = normal(*shape), normal(9)
    post = (("relu",), ("binary_mul", layout(factor)), ("binary_add", layout(term)))
    how = matmul(layout(a), layout(b), layout(y), post=post)
    assert how.roles[:5] == ("src", "weights", "dst", "post1", "post2")
    Run(how, src=a, weights=b, dst=y, post1=factor, post2=term)
    first = np.maximum(a.astype(np.float64) @ b, 0)
    size = (abs(a).astype(np.float64) @ abs(b)) * abs(factor) + abs(term)
    assert_sums_close(y, first * factor + term, size, 10)


def test_weights_in_a_layout_of_onednns_choice() -> None:
    a, b, y = normal(64, 200), normal(200, 300), normal(64, 300)
    how = matmul(layout(a), AnyLayout(b.shape), layout(y))
    packed = reordered(b, how.layouts["weights"])
    assert packed.nbytes == how.layouts["weights"].nbytes >= b.nbytes
    Run(how, src=a, weights=packed, dst=y)
    check(y, a, b)


def test_a_chain_of_functions_and_bias() -> None:
    a, b, y, bias = normal(7, 8), normal(8, 9), normal(7, 9), normal(9)
    post = (("scale", 0.5), ("sum",), ("relu",))
    before = y.copy()
    Run(matmul(layout(a), layout(b), layout(y), layout(bias), post),
        src=a, weights=b, dst=y, bias=bias)  # fmt: skip
    exact = np.maximum((a.astype(np.float64) @ b + bias) / 2 + before, 0)
    size = abs(a).astype(np.float64) @ abs(b) + abs(bias) + abs(before)
    assert_sums_close(y, exact, size, 10)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_halves_are_accumulated_in_float32(dtype: str) -> None:
    a, b = (x.astype(as_dtype(dtype)) for x in (normal(8, 3000), normal(3000, 24)))
    y = np.empty((8, 24), np.float32)
    if not onednn.supports(matmul, layout(a), layout(b), layout(y)):
        pytest.skip(f"this processor multiplies no {dtype}")
    product(a, b, y)
    check(y, a, b)


@pytest.mark.parametrize(
    ("a", "b", "y"),
    [
        ((3, 4), (5, 6), (3, 6)),
        ((3, 4), (4, 6), (3, 5)),
        ((4,), (4, 6), (6,)),
        ((2, 3, 4), (4, 6), (3, 6)),
        ((2, 3, 4), (3, 4, 6), (2, 3, 6)),
    ],
)
def test_sizes_that_do_not_fit_are_named(a, b, y) -> None:
    with pytest.raises(ShapeError, match=r"float32\["):
        matmul(Layout.dense(a), Layout.dense(b), Layout.dense(y))


def test_bad_arguments_are_named() -> None:
    a, b, y = Layout.dense((3, 4)), Layout.dense((4, 6)), Layout.dense((3, 6))
    with pytest.raises(ShapeError, match=r"bias float32\[5\] does not broadcast to shape \(3, 6\)"):
        matmul(a, b, y, Layout.dense((5,)))
    with pytest.raises(ArgumentError, match="unknown post-op 'rellu'; did you mean 'relu'"):
        matmul(a, b, y, post=(("rellu",),))
    with pytest.raises(ArgumentError, match="scale"):
        matmul(a, b, y, post=(("scale",),))
    with pytest.raises(ArgumentError, match="leaky_relu"):
        matmul(a, b, y, post=(("leaky_relu", 0.0),))
    with pytest.raises(ArgumentError, match="binary_add wants its operand's Layout, got 3"):
        matmul(a, b, y, post=(("binary_add", 3),))
    with pytest.raises(ShapeError, match="empty tensors"):
        Layout.dense((0, 3))
    with pytest.raises(DtypeError, match="complex64"):
        Layout.dense((2, 3), "complex64")
    with pytest.raises(ShapeError, match="strides"):
        Layout((2, 3), (-3, 1))
    with pytest.raises(ShapeError, match="order"):
        Layout.dense((2, 3), order=(0, 0))


def test_what_onednn_lacks_is_refused_with_its_layouts() -> None:
    double = [Layout.dense(s, "float64") for s in ((3, 4), (4, 6), (3, 6))]
    with pytest.raises(BackendError, match=r"no matmul of src float64\[3, 4\], weights float64"):
        matmul(*double)
    assert not onednn.supports(matmul, *double)
    assert onednn.supports(matmul, *(Layout.dense(s) for s in ((3, 4), (4, 6), (3, 6))))
