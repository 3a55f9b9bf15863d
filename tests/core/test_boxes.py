"""A tensor is a box: in-place operations change the box and nothing else."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError, DtypeError, GradientError, IndexRangeError, ShapeError


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


# ----- x[i] without a name ------------------------------------------------------------------


def test_an_element_of_an_element_is_assigned_in_the_tensor() -> None:
    x = nbdl.zeros((2, 2, 3))
    x[0][1] = 5
    x[0][1][2] = 7
    x[0][1][0] += 10
    x[1, 0][1:] = nbdl.tensor([8.0, 9.0])
    assert x.tolist() == [[[0, 0, 0], [15, 5, 7]], [[0, 8, 9], [0, 0, 0]]]


def test_an_in_place_method_of_a_part_without_a_name_changes_the_tensor() -> None:
    x = nbdl.zeros((2, 3))
    x[0].fill_(5)
    x[1][:2].add_(1, alpha=2)
    y = x[0].mul_(2)
    assert x.tolist() == [[10, 10, 10], [2, 2, 0]]
    y.zero_()  # now it has a name
    assert x.tolist() == [[10, 10, 10], [2, 2, 0]]


def test_gradients_flow_through_changes_of_parts() -> None:
    w = nbdl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = w * 2
    y[0][1] = nbdl.tensor(3.0)
    y[1].mul_(4)
    y.sum().backward()
    assert w.grad.tolist() == [[2, 0], [8, 8]]
    with pytest.raises(GradientError, match="no_grad"):
        w[0][1] = 5
    with nbdl.no_grad():
        w[0][1] = 5
        w[1].zero_()
    assert w.tolist() == [[1, 5], [0, 0]]
    assert w.is_leaf


def test_named_parts_and_tensors_do_not_see_each_other() -> None:
    x = nbdl.zeros((2, 3))
    row = x[1]
    row[0] = 7
    row[1:].fill_(3)
    assert row.tolist() == [7, 3, 3]
    assert not x.numpy().any()


def test_a_change_that_would_be_lost_is_refused() -> None:
    x = nbdl.zeros((2, 3))
    with pytest.raises(ArgumentError, match=r"this assignment(.|\n)*nobody keeps"):
        x.reshape(-1)[0] = 5
    with pytest.raises(ArgumentError, match="this assignment"):
        x[[0, 1]][0] = 5
    with pytest.raises(ArgumentError, match="fill_ would change"):
        x.T.fill_(5)
    with pytest.raises(ArgumentError, match=r"mul_ would change(.|\n)*x\[mask\] = v"):
        x[x > 0].mul_(2)
    assert not x.numpy().any()


def test_changes_that_somebody_sees_are_not_refused() -> None:
    held = {"x": nbdl.zeros(2)}
    held["x"][0] = 3
    held["x"].add_(1)
    assert held["x"].tolist() == [4, 1]
    assert nbdl.zeros(2).fill_(3).add_(1).tolist() == [4, 4]
    made = nbdl.ones(2).sqrt_()
    made[0] += 1
    assert made.tolist() == [2, 1]


# ----- p.data -----------------------------------------------------------------------------


def parameter() -> nbdl.Tensor:
    return nbdl.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


def test_parts_of_data_write_into_the_tensor() -> None:
    p = parameter()
    p.data[0].fill_(5)
    p.data[1][0] = 7
    p.data[:, 1].mul_(10)
    p.data[1][1].add_(1)
    assert p.tolist() == [[5, 50], [7, 41]]
    for row in p.data:
        row.div_(row.sum())
    assert np.allclose(p.detach().sum(1), 1)
    assert p.is_leaf
    assert p.requires_grad
    with pytest.raises(ArgumentError, match="nobody keeps"):
        p.data[[0, 1]].fill_(9)  # a list chooses copies, as in NumPy
    with pytest.raises(IndexRangeError, match="index 5 is out of range"):
        p.data[5]


def test_weights_can_be_put_aside_and_put_back() -> None:
    p = parameter()
    kept = p.data
    p.data = nbdl.zeros((2, 2))
    assert kept.tolist() == [[1, 2], [3, 4]]
    p.data = kept
    assert p.tolist() == [[1, 2], [3, 4]]


def test_data_follows_what_is_done_in_place() -> None:
    p = parameter()
    seen = p.data
    with nbdl.no_grad():
        p *= 2
    assert seen.tolist() == [[2, 4], [6, 8]]
    assert not (seen * 2).requires_grad


def test_copies_of_data_are_independent() -> None:
    p = parameter()
    for twin in (copy.deepcopy(p.data), pickle.loads(pickle.dumps(p.data)), p.data.clone()):
        twin.fill_(0)
    for twin in (copy.deepcopy(p.data[0]), pickle.loads(pickle.dumps(p.data[0]))):
        twin.fill_(0)
    assert p.tolist() == [[1, 2], [3, 4]]
