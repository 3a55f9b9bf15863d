"""Convolutions and their gradients against nbdl's own on arrays, in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nbdl.backends import onednn
from nbdl.backends.onednn import (
    AnyLayout,
    Layout,
    convolution_backward_data,
    convolution_backward_weights,
    convolution_forward,
)
from nbdl.dtypes import as_dtype
from nbdl.errors import ArgumentError, BackendError, ShapeError
from nbdl.ops.convolution import Convolution, ConvolutionInput, ConvolutionWeight
from nbdl.ops.convolution_arrays import convolve, convolve_input, convolve_weight
from tests.backends.onednn.running import (
    LAST,
    Run,
    assert_sums_close,
    channels_last,
    layout,
    needs_onednn,
    plain,
    reordered,
)

pytestmark = needs_onednn


@dataclass(frozen=True)
class Case:
    """A convolution: sizes and how windows slide."""

    src: tuple[int, ...]
    weights: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    @property
    def how(self) -> dict[str, Any]:
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def eager(self) -> tuple[Any, ...]:
        return self.strides, self.padding, self.dilation, self.groups


def square(src: Any, weights: Any, *, stride: int = 1, pad: int = 0, **options: Any) -> Case:
    n = len(src) - 2
    case = Case(src, weights, (stride,) * n, ((pad, pad),) * n, (1,) * n)
    return replace(case, **options)


CASES = {
    "3x3": square((2, 16, 9, 10), (32, 16, 3, 3), pad=1),
    "one image": square((1, 3, 12, 12), (16, 3, 5, 5)),
    "one channel": square((3, 1, 11, 7), (32, 1, 3, 3), pad=1),
    "odd channels": square((2, 5, 9, 9), (7, 5, 3, 3)),
    "1x1": square((2, 16, 6, 5), (8, 16, 1, 1)),
    "stride 2, leftover": square((2, 8, 10, 9), (16, 8, 3, 3), stride=2, pad=1),
    "stride past the kernel": square((2, 8, 11, 11), (16, 8, 1, 1), stride=3),
    "strides differ": square((2, 4, 10, 12), (8, 4, 3, 2), strides=(1, 3)),
    "asymmetrical padding": square((2, 8, 7, 7), (8, 8, 4, 4), padding=((1, 2), (0, 3))),
    "padding past the kernel": square((1, 8, 5, 5), (8, 8, 2, 2), pad=3),
    "dilation": square((2, 8, 12, 12), (8, 8, 3, 3), dilation=(2, 3), pad=2),
    "groups": square((2, 12, 8, 8), (18, 4, 3, 3), pad=1, groups=3),
    "wide groups": square((2, 32, 8, 8), (32, 16, 3, 3), pad=1, groups=2),
    "depthwise": square((2, 32, 9, 9), (32, 1, 3, 3), pad=1, groups=32),
    "depthwise, few": square((2, 6, 9, 9), (6, 1, 3, 3), stride=2, pad=1, groups=6),
    "depthwise, several each": square((2, 8, 9, 9), (24, 1, 3, 3), pad=1, groups=8),
    "1-d": square((2, 8, 30), (16, 8, 5), stride=2, pad=2),
    "1-d dilated": square((2, 16, 40), (16, 16, 3), padding=((8, 0),), dilation=(4,)),
    "3-d": square((2, 4, 6, 7, 5), (8, 4, 3, 3, 3), pad=1),
    "3-d strided": square((1, 3, 8, 8, 8), (16, 3, 2, 2, 2), stride=2),
}


def arrays(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, w and dy."""
    rng = np.random.default_rng(7)
    x, w = (rng.standard_normal(shape, np.float32) for shape in (case.src, case.weights))
    y = convolve(np, x, w, Convolution(*case.eager))
    return x, w, rng.standard_normal(y.shape, np.float32)


def exact(case: Case, x: Any, w: Any, dy: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, dx and dw of float64 arrays."""
    x, w, dy = (a.astype(np.float64) for a in (x, w, dy))
    return (
        convolve(np, x, w, Convolution(*case.eager)),
        convolve_input(np, dy, w, ConvolutionInput(*case.eager, case.src[2:])),
        convolve_weight(np, x, dy, ConvolutionWeight(*case.eager, case.weights[2:])),
    )


def like(shape: Any, kind: str) -> Any:
    """The layout of x, dx, y or dy."""
    if kind == "any":
        return AnyLayout(shape)
    return Layout.dense(shape, order=LAST[len(shape)] if kind == "last" else None)


@pytest.mark.parametrize("weights", ["plain", "any"])
@pytest.mark.parametrize("kind", ["first", "last", "any"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name: str, kind: str, weights: str) -> None:
    case = CASES[name]
    x, w, dy = arrays(case)
    y64, dx64, dw64 = exact(case, x, w, dy)
    y_size, dx_size, dw_size = exact(case, abs(x), abs(w), abs(dy))
    x_like, dy_like = like(x.shape, kind), like(dy.shape, kind)
    w_like = layout(w) if weights == "plain" else AnyLayout(w.shape)

    how = convolution_forward(x_like, w_like, dy_like, **case.how)
    run = Run(
        how, src=reordered(x, how.layouts["src"]), weights=reordered(w, how.layouts["weights"])
    )
    y = plain(run["dst"], how.layouts["dst"], dy.shape)
    terms = w[0].size
    assert_sums_close(y, y64, y_size, terms)

    how = convolution_backward_data(dy_like, w_like, x_like, **case.how)
    run = Run(
        how,
        diff_dst=reordered(dy, how.layouts["diff_dst"]),
        weights=reordered(w, how.layouts["weights"]),
    )
    dx = plain(run["diff_src"], how.layouts["diff_src"], x.shape)
    assert_sums_close(dx, dx64, dx_size, w[:, 0].size // case.groups)

    db_like = Layout.dense(w.shape[:1])
    how = convolution_backward_weights(x_like, dy_like, w_like, db_like, **case.how)
    run = Run(
        how,
        src=reordered(x, how.layouts["src"]),
        diff_dst=reordered(dy, how.layouts["diff_dst"]),
    )
    dw = plain(run["diff_weights"], how.layouts["diff_weights"], w.shape)
    terms = dy[:, 0].size
    assert_sums_close(dw, dw64, dw_size, terms)
    axes = (0, *range(2, dy.ndim))
    assert_sums_close(
        run["diff_bias"], dy.sum(axes, np.float64), abs(dy).sum(axes, np.float64), terms
    )


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("kind", ["first", "last", "any"])
def test_bias_and_what_follows(kind: str, groups: int) -> None:
    case = square((2, 16, 8, 8), (32, 16 // groups, 3, 3), pad=1, groups=groups)
    x, w, other = arrays(case)
    bias = np.linspace(-2, 2, 32, dtype=np.float32)
    other_like = Layout.dense(other.shape, order=None if kind == "first" else LAST[4])
    post = (("binary_add", other_like), ("relu",))
    how = convolution_forward(
        like(x.shape, kind), AnyLayout(w.shape), like(other.shape, kind), layout(bias),
        post=post, **case.how,
    )  # fmt: skip
    run = Run(
        how,
        src=reordered(x, how.layouts["src"]),
        weights=reordered(w, how.layouts["weights"]),
        bias=bias,
        post0=reordered(other, other_like),
    )
    y = plain(run["dst"], how.layouts["dst"], other.shape)
    before = exact(case, x, w, other)[0] + bias[:, None, None] + other
    size = exact(case, abs(x), abs(w), other)[0] + abs(bias)[:, None, None] + abs(other)
    assert_sums_close(y, np.maximum(before, 0), size, w[0].size + 2)


def test_bfloat16_is_accumulated_in_float32() -> None:
    case = square((2, 32, 8, 8), (32, 32, 3, 3), pad=1)
    x, w, dy = (a.astype(as_dtype("bfloat16")) for a in arrays(case))
    x, y_like = channels_last(x), like(dy.shape, "last")
    given = layout(x), AnyLayout(w.shape, "bfloat16"), y_like
    if not onednn.supports(convolution_forward, *given, **case.how):
        pytest.skip("this processor multiplies no bfloat16")
    how = convolution_forward(*given, **case.how)
    y = Run(how, src=x, weights=reordered(w, how.layouts["weights"]))["dst"]
    size = exact(case, abs(x), abs(w), abs(dy))[0]
    assert_sums_close(y, exact(case, x, w, dy)[0], size, w[0].size)


def test_nan_goes_through_relu() -> None:
    case = square((1, 16, 8, 8), (32, 16, 3, 3), pad=1)
    x, w, dy = arrays(case)
    x = channels_last(x)
    x[0, 3, 4, 4] = np.nan
    how = convolution_forward(
        layout(x), AnyLayout(w.shape), like(dy.shape, "last"), post=(("relu",),), **case.how
    )
    y = Run(how, src=x, weights=reordered(w, how.layouts["weights"]))["dst"]
    there = np.zeros((8, 8), bool)
    there[3:6, 3:6] = True
    assert (np.isnan(y) == there).all()


def test_grouped_weights_keep_nbdls_shape_where_they_lie_plainly() -> None:
    case = CASES["groups"]
    x, w, dy = (Layout.dense(a.shape) for a in arrays(case))
    how = convolution_forward(x, w, dy, **case.how)
    assert how.layouts["weights"] == w


def test_opaque_weights_of_one_primitive_serve_another() -> None:
    case = CASES["wide groups"]
    x, w, dy = arrays(case)
    x_like, dy_like = like(x.shape, "last"), like(dy.shape, "last")
    how = convolution_forward(x_like, AnyLayout(w.shape), dy_like, **case.how)
    chosen = how.layouts["weights"]
    again = convolution_forward(x_like, chosen, dy_like, **case.how)
    assert again.layouts["weights"] == chosen


def test_sizes_that_do_not_fit_are_named() -> None:
    case = CASES["3x3"]
    x, w, y = (Layout.dense(a.shape) for a in arrays(case))
    text = r"float32\[2, 16, 9, 10\] with weights float32\[32, 16, 3, 3\].*padding \(\(1, 1\)"
    with pytest.raises(ShapeError, match=text):
        convolution_forward(x, w, Layout.dense((2, 32, 9, 9)), **case.how)
    with pytest.raises(ShapeError, match=r"bias float32\[7\]"):
        convolution_forward(x, w, y, Layout.dense((7,)), **case.how)
    with pytest.raises(ShapeError, match="groups 3"):
        convolution_backward_data(y, w, x, **case.how | {"groups": 3})
    with pytest.raises(ShapeError, match=r"strides \(1,\)"):
        convolution_backward_weights(x, y, w, **case.how | {"strides": (1,)})
    with pytest.raises(ArgumentError, match="unknown post-op"):
        convolution_forward(x, w, y, post=(("swoosh",),), **case.how)
    with pytest.raises(BackendError, match=r"no convolution_forward of src float64\[2"):
        convolution_forward(*(replace(v, dtype="float64") for v in (x, w, y)), **case.how)


@pytest.mark.parametrize("channels", [(1, 32), (32, 1), (3, 64), (1, 1)])
def test_channels_last_images_of_few_channels_are_no_plain_loop(channels: Any) -> None:
    inner, outer = channels
    x, w, y = (2, inner, 12, 12), AnyLayout((outer, inner, 3, 3)), (2, outer, 12, 12)
    x, y = (like(shape, "last") for shape in (x, y))
    how = square(x.shape, w.shape, pad=1).how
    forward = convolution_forward(x, w, y, **how)
    assert forward.is_fast
    assert (forward.layouts["src"], forward.layouts["dst"]) == (x, y)
    assert convolution_backward_data(y, w, x, **how).is_fast
    assert convolution_backward_weights(x, y, w, **how).is_fast


def test_a_plain_loop_is_not_called_support() -> None:
    """Images of which one is channels-first and one channels-last."""
    x, w, y = (2, 16, 9, 10), AnyLayout((32, 16, 3, 3)), (2, 32, 9, 10)
    how = square(x, w.shape, pad=1).how
    first, last = Layout.dense(x), like(x, "last")
    assert not onednn.supports(convolution_forward, first, w, like(y, "last"), **how)
    assert onednn.supports(convolution_forward, last, w, like(y, "last"), **how)
