"""Tensors without data run through operations by their shape rules."""

from __future__ import annotations

import pytest

import nbdl
from nbdl.errors import ShapeError, TraceError


def test_shapes_flow_without_data() -> None:
    x = nbdl.empty_spec((8, 3, 5))
    y = (x @ nbdl.ones((5, 7))).mean(1, keepdims=True).reshape(8, -1)[:, :2].exp() + 1
    assert y.shape == (8, 2)
    assert y.dtype == nbdl.float32
    assert y.device == "meta"
    a, b = nbdl.split(y, 1, axis=1)
    assert a.shape == b.shape == (8, 1)
    assert nbdl.einsum("bij,bkj->bik", x, x).shape == (8, 3, 3)
    assert nbdl.topk(x, 2)[0].shape == (8, 3, 2)
    assert nbdl.sort(x).shape == x.shape
    assert x.T.shape == (5, 3, 8)


def test_shape_errors_come_without_data_too() -> None:
    with pytest.raises(ShapeError, match=r"matmul of x \(8, 3\) and y \(4, 2\)"):
        nbdl.empty_spec((8, 3)) @ nbdl.empty_spec((4, 2))


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.item(),
        lambda x: bool(x),
        lambda x: x.numpy(),
        lambda x: float(x),
        lambda x: x.nonzero(),
        lambda x: nbdl.unique(x),
    ],
)
def test_values_are_refused(ask) -> None:
    with pytest.raises(TraceError, match="only shapes"):
        ask(nbdl.empty_spec((1,)))


def test_repr_says_that_there_is_no_data() -> None:
    assert repr(nbdl.empty_spec((2, 3))) == "tensor([2, 3], dtype=float32, no data)"
