"""A tensor is a box: in-place operations change the box and nothing else."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nbdl
from nbdl.errors import DtypeError, GradientError, ShapeError


def test_every_name_of_the_box_sees_the_new_value_and_views_never_do() -> None:
    x = nbdl.tensor([1.0, 2.0, 3.0])
    same, view, reshaped = x, x[1:], x.reshape(3, 1)
    x += 10
    x[0] = 7
    x.mul_(2)
    assert same is x
    assert x.tolist() == [14, 24, 26]
    assert view.tolist() == [2, 3]
    assert reshaped.tolist() == [[1], [2], [3]]


def test_an_array_given_by_asarray_is_not_written_to() -> None:
    array = np.zeros(3, np.float32)
    x = nbdl.asarray(array)
    x += 1
    x.fill_(5)
    assert not array.any()


def test_numpy_gives_a_read_only_view() -> None:
    with pytest.raises(ValueError, match="read-only"):
        nbdl.ones(2).numpy()[0] = 3


@pytest.mark.parametrize("spelling", ["operator", "data", "method"])
def test_the_sgd_loop_by_hand(spelling: str) -> None:
    p = nbdl.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        p.grad = None
        (p * p).sum().backward()
        if spelling == "operator":
            with nbdl.no_grad():
                p -= 0.25 * p.grad
        elif spelling == "data":
            p.data = p.data - 0.25 * p.grad
        else:
            p.data.add_(p.grad, alpha=-0.25)
        assert p.is_leaf
        assert p.requires_grad
    assert p.tolist() == [0.25, 0.5]


def test_in_place_on_a_leaf_needs_no_grad() -> None:
    p = nbdl.tensor([1.0], requires_grad=True)
    with pytest.raises(GradientError, match="no_grad"):
        p += 1
    with pytest.raises(GradientError, match="no_grad"):
        p[0] = 3.0
    assert p.tolist() == [1]


def test_in_place_after_saving_does_not_disturb_the_tape() -> None:
    x = nbdl.tensor([2.0], requires_grad=True)
    y = x * 1
    z = y * y
    y += 100  # the product keeps the old value
    (z + y).backward()
    assert x.grad.tolist() == [5]


def test_gradients_flow_through_in_place_operations() -> None:
    x = nbdl.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y[0] = x[1] * 10
    y *= 3
    y.sum().backward()
    assert x.grad.tolist() == [0, 36]


def test_a_result_that_grew_or_changed_kind_is_refused() -> None:
    x = nbdl.ones(3)
    with pytest.raises(ShapeError, match="in-place"):
        x += nbdl.ones((2, 3))
    i = nbdl.arange(3)
    with pytest.raises(DtypeError, match="in-place operation on a tensor of int64 gave float32"):
        i += 0.5
    h = nbdl.ones(3, dtype="float16")
    h += nbdl.ones(3)
    assert h.dtype == nbdl.float16


def test_copy_fill_zero_clamp() -> None:
    x = nbdl.ones((2, 2))
    assert x.copy_([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert x.clamp_(2, 3).tolist() == [[2, 2], [3, 3]]
    assert x.fill_(5).sum().item() == 20
    assert x.zero_().sum().item() == 0


def test_deepcopy_and_pickle() -> None:
    x = nbdl.tensor([1.0, 2.0], requires_grad=True)
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y is not x
        assert y.requires_grad
        assert y.tolist() == x.tolist()
        with nbdl.no_grad():
            y += 1
    assert x.tolist() == [1, 2]
    with pytest.raises(GradientError, match="history"):
        copy.deepcopy(x * 2)


def test_tensors_are_hashed_by_identity() -> None:
    x, y = nbdl.ones(2), nbdl.ones(2)
    assert len({x, y, x}) == 2
    assert (x == None) is False  # noqa: E711
