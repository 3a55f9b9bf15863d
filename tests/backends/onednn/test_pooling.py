"""Pooling and its gradient against nbdl's own on arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from nbdl.backends.onednn import (
    AnyLayout,
    Layout,
    convolution_forward,
    pooling_backward,
    pooling_forward,
)
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.pooling import AvgPool, AvgPoolSpread, MaxPool, MaxPoolSpread
from tests.backends.onednn.running import LAST, Run, needs_onednn, plain, reordered

pytestmark = needs_onednn


class Case(NamedTuple):
    """Pooling: sizes and how windows slide."""

    src: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                self.src[2:], self.kernel, self.strides, self.pad, self.dilation, strict=True
            )
        )

    @property
    def dst(self) -> tuple[int, ...]:
        return (*self.src[:2], *self.counts)

    @property
    def how(self) -> dict[str, Any]:
        return {
            "kernel": self.kernel,
            "strides": self.strides,
            "padding": [(p, p) for p in self.pad],
            "dilation": self.dilation,
        }

    @property
    def eager(self) -> tuple[Any, ...]:
        return self.src[2:], self.kernel, self.strides, self.pad, self.dilation, self.counts


CASES = {
    "2x2": Case((2, 16, 8, 10), (2, 2), (2, 2), (0, 0), (1, 1)),
    "3x3 overlapping": Case((2, 5, 9, 9), (3, 3), (2, 2), (1, 1), (1, 1)),
    "leftover": Case((1, 16, 9, 8), (2, 3), (2, 3), (0, 1), (1, 1)),
    "dilated": Case((2, 8, 11, 12), (3, 2), (1, 2), (1, 0), (2, 3)),
    "1-d": Case((2, 7, 20), (4,), (3,), (2,), (1,)),
    "3-d": Case((2, 3, 6, 5, 8), (2, 2, 2), (2, 1, 2), (0, 1, 0), (1, 1, 1)),
}


def like(shape: tuple[int, ...], kind: str) -> Any:
    """The layout of images: channels first, last, or in the blocks that a convolution chooses."""
    if kind != "blocked":
        return Layout.dense(shape, order=LAST[len(shape)] if kind == "last" else None)
    images, n = AnyLayout(shape), len(shape) - 2
    weights = AnyLayout((shape[1], shape[1], *(1,) * n))
    how = convolution_forward(
        images, weights, images, strides=(1,) * n, padding=((0, 0),) * n, dilation=(1,) * n
    )
    return how.layouts["src"]


def pooled(case: Case, kind: str, algorithm: str, x: Any, dy: Any) -> tuple[Any, Any]:
    """y and dx by oneDNN."""
    x_like, y_like = like(case.src, kind), like(case.dst, kind)
    forward = pooling_forward(x_like, AnyLayout(case.dst), algorithm, **case.how)
    assert forward.layouts["dst"] == y_like
    run = Run(forward, src=reordered(x, x_like))
    backward = pooling_backward(y_like, x_like, algorithm, **case.how)
    places = {"workspace": run["workspace"]} if algorithm == "max" else {}
    back = Run(backward, diff_dst=reordered(dy, y_like), **places)
    return plain(run["dst"], y_like, case.dst), plain(back["diff_src"], x_like, case.src)


@pytest.mark.parametrize("kind", ["first", "last", "blocked"])
@pytest.mark.parametrize("values", ["normal", "ties"])
@pytest.mark.parametrize("name", CASES)
def test_the_first_of_the_largest(name: str, kind: str, values: str) -> None:
    case, rng = CASES[name], np.random.default_rng(3)
    x = rng.standard_normal(case.src, np.float32)
    x = np.round(x) if values == "ties" else x
    dy = rng.standard_normal(case.dst, np.float32)
    y, dx = pooled(case, kind, "max", x, dy)
    eager_y, at = MaxPool(*case.eager).forward(np, x)
    np.testing.assert_array_equal(y, eager_y)
    exact = MaxPoolSpread(*case.eager).forward(np, dy.astype(np.float64), at)
    # Up to one term for each place of the window.
    bound = np.prod(case.kernel) * 2.0**-24 * MaxPoolSpread(*case.eager).forward(np, abs(dy), at)
    assert np.all(abs(dx - exact) <= bound)


@pytest.mark.parametrize("kind", ["first", "last", "blocked"])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", [name for name in CASES if name != "dilated"])
def test_means(name: str, kind: str, inside: bool) -> None:
    case, rng = CASES[name], np.random.default_rng(4)
    x, dy = (rng.standard_normal(shape) for shape in (case.src, case.dst))
    x, dy = x.astype(np.float32), dy.astype(np.float32)
    algorithm = "mean_without_padding" if inside else "mean_with_padding"
    y, dx = pooled(case, kind, algorithm, x, dy)
    settings = (*case.eager, not inside, None)
    forward, spread = AvgPool(*settings), AvgPoolSpread(*settings)
    terms = (np.prod(case.kernel) + 2) * 2.0**-24
    for got, rule, given in ((y, forward, x), (dx, spread, dy)):
        exact = rule.forward(np, given.astype(np.float64))
        size = rule.forward(np, abs(given).astype(np.float64))
        assert np.all(abs(got - exact) <= terms * size)


def test_only_training_keeps_places() -> None:
    case = CASES["2x2"]
    x, y = Layout.dense(case.src), Layout.dense(case.dst)
    assert "workspace" in pooling_forward(x, y, "max", **case.how).roles
    assert "workspace" not in pooling_forward(x, y, "max", training=False, **case.how).roles
    assert "workspace" not in pooling_forward(x, y, "mean_with_padding", **case.how).roles


def test_bad_arguments_are_named() -> None:
    case = CASES["2x2"]
    x, y = Layout.dense(case.src), Layout.dense(case.dst)
    with pytest.raises(ArgumentError, match="unknown pooling 'maximum'"):
        pooling_forward(x, y, "maximum", **case.how)
    with pytest.raises(ShapeError, match=r"pooling of float32\[2, 16, 8, 10\] by windows \(2, 2\)"):
        pooling_forward(x, Layout.dense((2, 16, 4, 4)), "max", **case.how)
    with pytest.raises(ShapeError, match=r"does not give float32\[2, 16, 8, 10\]"):
        pooling_backward(x, y, "max", **case.how)
