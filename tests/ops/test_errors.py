"""What a user's mistake says: the operation, the argument, what came, what is allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import nbdl
from nbdl import errors
from nbdl.errors import (
    ArgumentError,
    DtypeError,
    IndexRangeError,
    ShapeError,
)

T = nbdl.tensor
x = nbdl.ones((2, 3))
i = nbdl.arange(3)


def _assign_too_much() -> None:
    x[0] = nbdl.ones(7)


# Each mistake with the error's class and the beginning of its message.
MISTAKES: dict[str, tuple[Callable[[], object], type, str]] = {
    "add": (
        lambda: x + nbdl.ones((2, 4)),
        ShapeError,
        "inputs of add have shapes (2, 3) and (2, 4), which do not broadcast: sizes 3",
    ),
    "add_str": (lambda: x + "a", DtypeError, "add: a tensor cannot hold <U1 values"),
    "sub_bool": (
        lambda: T([True]) - T([True]),
        DtypeError,
        "Subtract got a tensor of dtype bool (shape (1,)), which it does not work on",
    ),
    "neg_bool": (
        lambda: -T([True]),
        DtypeError,
        "Negative got a tensor of dtype bool (shape (1,)), which it does not work on",
    ),
    "mod_complex": (
        lambda: T([1j]) % 2,
        DtypeError,
        "Remainder got a tensor of dtype complex64 (shape (1,)), which it does not",
    ),
    "bitand_float": (
        lambda: x & x,
        DtypeError,
        "BitwiseAnd got a tensor of dtype float32 (shape (2, 3)), which it does not",
    ),
    "less_complex": (
        lambda: T([1j]) < T([2j]),
        DtypeError,
        "less got a tensor of dtype complex64 (shape (1,)); it works on real numbers",
    ),
    "floor_complex": (
        lambda: nbdl.floor(T([1j])),
        DtypeError,
        "Floor got a tensor of dtype complex64 (shape (1,)), which it does not work on",
    ),
    "pow": (
        lambda: i ** (-1),
        ArgumentError,
        "pow: an integer tensor (int64) cannot be raised to y=-1, a negative power",
    ),
    "clip": (
        lambda: nbdl.clip(x, nbdl.zeros(4)),
        ShapeError,
        "clip: x and its bounds have shapes (2, 3) and (4,), which do not broadcast: sizes 3",
    ),
    "where": (lambda: nbdl.where(x, 1, 2), DtypeError, "where needs a bool condition, got float32"),
    "where_shape": (
        lambda: nbdl.where(T([True, False]), x, 0),
        ShapeError,
        "inputs of where have shapes (2,) and (2, 3) and (), which do not broadcast:",
    ),
    "sum_axis": (
        lambda: x.sum(5),
        ShapeError,
        "sum: axis=5 is out of range for a tensor with 2 dimensions",
    ),
    "sum_twice": (
        lambda: x.sum((0, 0)),
        ArgumentError,
        "sum: axis=(0, 0) names the same axis twice",
    ),
    "sum_float": (lambda: x.sum(1.5), ArgumentError, "sum: axis must be an integer, got 1.5"),
    "max_empty": (
        lambda: nbdl.zeros((0, 3)).max(0),
        ShapeError,
        "max of a tensor of shape (0, 3) along axis (0,): there are no elements to",
    ),
    "argmax_empty": (
        lambda: nbdl.zeros((0,)).argmax(),
        ShapeError,
        "argmax of a tensor of shape (0,) along axis 0: there are no elements to",
    ),
    "lse_empty": (
        lambda: nbdl.logsumexp(nbdl.zeros((0,))),
        ArgumentError,
        "logsumexp of a tensor of shape (0,) along axis (0,): there are no elements",
    ),
    "mean_axis": (
        lambda: x.mean(-3),
        ShapeError,
        "mean: axis=-3 is out of range for a tensor with 2 dimensions",
    ),
    "reshape": (
        lambda: x.reshape(4, 2),
        ShapeError,
        "cannot reshape (2, 3) (6 elements) to (4, 2)",
    ),
    "reshape2": (
        lambda: x.reshape(-1, -1),
        ShapeError,
        "reshape to (-1, -1): only one size can be -1",
    ),
    "perm": (
        lambda: x.permute(0, 0),
        ShapeError,
        "permute: permute_dims: axes=(0, 0) must name each of the 2 axes of shape (2, 3) once",
    ),
    "squeeze": (
        lambda: x.squeeze(1),
        ShapeError,
        "squeeze: axis 1 of shape (2, 3) has size 3, not 1",
    ),
    "expand_dims": (
        lambda: nbdl.expand_dims(x, 5),
        ShapeError,
        "expand_dims: axis=5 is out of range for a tensor with 3 dimensions",
    ),
    "concat": (
        lambda: nbdl.concat([x, nbdl.ones((2, 3, 1))]),
        ShapeError,
        "concat along axis 0: tensor 0 has shape (2, 3), tensor 1 has shape (2, 3, 1)",
    ),
    "concat2": (
        lambda: nbdl.concat([x, nbdl.ones((3, 4))]),
        ShapeError,
        "concat along axis 0: tensor 0 has shape (2, 3), tensor 1 has shape (3, 4)",
    ),
    "concat0": (
        lambda: nbdl.concat([]),
        ArgumentError,
        "concat needs at least one tensor, got none",
    ),
    "concat_scalar": (
        lambda: nbdl.concat([T(1.0), T(2.0)]),
        ShapeError,
        "concat: numbers (tensors without axes) cannot be joined along an axis",
    ),
    "stack": (
        lambda: nbdl.stack([x, nbdl.ones((3, 3))]),
        ShapeError,
        "stack: tensor 0 has shape (2, 3), tensor 1 has shape (3, 3)",
    ),
    "split": (
        lambda: nbdl.split(x, [1, 5], 1),
        ShapeError,
        "split: sizes [1, 5] must add up to 3, the size of axis 1 of shape (2, 3)",
    ),
    "split0": (lambda: nbdl.split(x, -1), ArgumentError, "split needs a positive size, got -1"),
    "chunk": (lambda: nbdl.chunk(x, 0), ArgumentError, "chunk needs chunks >= 1, got 0"),
    "unbind": (
        lambda: nbdl.unbind(T(1.0)),
        ShapeError,
        "unbind: a number (tensor without axes) has no axis to unbind",
    ),
    "moveaxis": (
        lambda: nbdl.moveaxis(x, (0, 0), (0, 1)),
        ArgumentError,
        "moveaxis: source=(0, 0) and destination=(0, 1) must name equally many axes,",
    ),
    "flatten": (
        lambda: nbdl.flatten(x, 1, 0),
        ArgumentError,
        "flatten needs start_axis <= end_axis, got start_axis=1, end_axis=0 for shape",
    ),
    "tile": (
        lambda: nbdl.tile(x, (-1, 2)),
        ArgumentError,
        "tile: repetitions=(-1, 2) must not be negative",
    ),
    "repeat": (
        lambda: nbdl.repeat(x, [1, 2, 3], axis=0),
        ShapeError,
        "repeat: repeats of shape (3,) must have one entry for each of the 2 elements",
    ),
    "expand": (lambda: x.expand(4, 3), ShapeError, "expand: shape (2, 3) does not broadcast"),
    "roll": (
        lambda: nbdl.roll(x, (1, 2)),
        ArgumentError,
        "roll: shift=(1, 2) has several entries and axis is None",
    ),
    "pad": (
        lambda: nbdl.pad(x, (1,)),
        ArgumentError,
        "pad=(1,) must have two entries for each padded axis, at most 4 for shape (2,",
    ),
    "pad_mode": (
        lambda: nbdl.pad(x, (1, 1), "reflec"),
        ArgumentError,
        "unknown pad mode 'reflec'; did you mean 'reflect'?",
    ),
    "pad_wide": (
        lambda: nbdl.pad(x, (3, 3), "reflect"),
        ShapeError,
        "pad: a border of 3 along axis 1 of size 3 (shape (2, 3)) is too wide for mode",
    ),
    "pad_neg": (
        lambda: nbdl.pad(x, (-5, 0)),
        ShapeError,
        "pad: widths ((0, 0), (-5, 0)) cut more from shape (2, 3) than there is",
    ),
    "tril": (
        lambda: nbdl.tril(T([1.0])),
        ShapeError,
        "tril needs at least 2 axes (matrices), got shape (1,)",
    ),
    "diag": (
        lambda: nbdl.diag(nbdl.ones((1, 1, 1))),
        ShapeError,
        "diag needs 1 or 2 axes, got shape (1, 1, 1)",
    ),
    "matmul": (
        lambda: x @ x,
        ShapeError,
        "matmul of x (2, 3) and y (2, 3): x's last size 3 must equal y's second last 2",
    ),
    "matmul0": (
        lambda: x @ T(2.0),
        ShapeError,
        "matmul of x (2, 3) and y (): a number is not a matrix",
    ),
    "bmm": (lambda: nbdl.bmm(x, x), ShapeError, "bmm needs x with 3 axes, got shape (2, 3)"),
    "dot": (lambda: nbdl.dot(x, x), ShapeError, "dot needs x with 1 axes, got shape (2, 3)"),
    "matmul_stack": (
        lambda: nbdl.ones((2, 2, 3)) @ nbdl.ones((3, 3, 2)),
        ShapeError,
        "matmul: the stacks of matrices have shapes (2,) and (3,), which do not broadcast:",
    ),
    "einsum": (
        lambda: nbdl.einsum("ij,jk->ik", x, x),
        ShapeError,
        "einsum 'ij,jk->ik': letter 'j' has size 3 and, in operand 1 of shape (2, 3),",
    ),
    "einsum2": (
        lambda: nbdl.einsum("ij->ik", x),
        ArgumentError,
        "einsum 'ij->ik': letter 'k' after -> must come once, and in an operand",
    ),
    "einsum3": (
        lambda: nbdl.einsum("i->i", x),
        ShapeError,
        "einsum 'i->i': operand 0 of shape (2, 3) has 2 axes, its letters 'i' name 1",
    ),
    "einsum4": (
        lambda: nbdl.einsum("ij,jk", x),
        ArgumentError,
        "einsum 'ij,jk' names 2 operands, got 1",
    ),
    "tensordot": (
        lambda: nbdl.tensordot(x, x, axes=1),
        ShapeError,
        "tensordot: axes [1] of x (2, 3) and axes [0] of y (2, 3) have different sizes",
    ),
    "vecdot": (
        lambda: nbdl.vecdot(x, nbdl.ones((2, 2))),
        ShapeError,
        "vecdot along axis -1: x (2, 3) and y (2, 2) have sizes 3 and 2",
    ),
    "index": (
        lambda: x[5],
        IndexRangeError,
        "index 5 is out of range for axis 0 of size 2 (tensor of shape (2, 3))",
    ),
    "index2": (lambda: x[0, 0, 0], IndexRangeError, "3 indices for a tensor of shape (2, 3)"),
    "index_float": (
        lambda: x[T([0.5])],
        DtypeError,
        "a tensor cannot be indexed by float32 values",
    ),
    "index_arr": (
        lambda: x[T([7])],
        IndexRangeError,
        "index 7 is out of range for axis 0 of size 2",
    ),
    "index_mask": (
        lambda: x[T([True])],
        IndexRangeError,
        "a mask of shape (1,) does not fit a tensor of shape (2, 3)",
    ),
    "index_arr2": (
        lambda: x[:, T([7])],
        IndexRangeError,
        "GetItem of inputs float32[2, 3], int64[1]: index 7 is out of bounds for axis",
    ),
    "setitem": (
        _assign_too_much,
        ShapeError,
        "x[index] = value: the place has shape (3,) (x (2, 3)), the value has shape",
    ),
    "take": (
        lambda: nbdl.take(x, T([3]), axis=0),
        IndexRangeError,
        "take: index 3 is out of range for axis 0 of size 2 (tensor of shape (2, 3))",
    ),
    "take_f": (
        lambda: nbdl.take(x, T([3.0]), axis=0),
        DtypeError,
        "take needs an index of integers, got float32",
    ),
    "gather": (
        lambda: nbdl.gather(x, 1, T([0])),
        ShapeError,
        "gather needs x and index with equally many axes, got x (2, 3) and index (1,)",
    ),
    "gather2": (
        lambda: nbdl.gather(x, 1, nbdl.zeros((3, 1), dtype="int64")),
        ShapeError,
        "gather along axis 1: index (3, 1) is larger than x (2, 3) at axis 0",
    ),
    "tal": (
        lambda: nbdl.take_along_axis(x, T([0])),
        ShapeError,
        "take_along_axis needs x and indices with equally many axes, got x (2, 3) and",
    ),
    "scatter": (
        lambda: nbdl.scatter_add(x, 0, nbdl.zeros((2, 3), dtype="int64"), nbdl.ones((1, 3))),
        ShapeError,
        "scatter_add along axis -1: index (2, 3) is larger than source (1, 3) at axis 0",
    ),
    "index_add": (
        lambda: nbdl.index_add(x, 0, T([0]), nbdl.ones((2, 3))),
        ShapeError,
        "index_add along axis 0: index (1,) and x (2, 3) need a source of shape (1,",
    ),
    "one_hot": (
        lambda: nbdl.one_hot(T([3]), 2),
        IndexRangeError,
        "one_hot: class 3 is not in 0..1",
    ),
    "one_hot_f": (
        lambda: nbdl.one_hot(T([3.0]), 2),
        DtypeError,
        "one_hot needs integer classes, got float32",
    ),
    "masked_select": (
        lambda: nbdl.masked_select(x, x),
        DtypeError,
        "masked_select needs a bool mask, got float32",
    ),
    "topk": (
        lambda: nbdl.topk(x, 9),
        ArgumentError,
        "topk: k=9 is out of range for axis 1 of size 3 (shape (2, 3))",
    ),
    "kth": (
        lambda: nbdl.kthvalue(x, 0),
        ArgumentError,
        "kthvalue: k=0 is out of range for axis 1 of size 3",
    ),
    "sort_c": (
        lambda: nbdl.sort(T([1j])),
        DtypeError,
        "sort got a tensor of dtype complex64 (shape (1,)); it works on real numbers",
    ),
    "ss": (
        lambda: nbdl.searchsorted(x, nbdl.ones((3, 1))),
        ShapeError,
        "searchsorted: rows (2, 3) and x (3, 1) need equal sizes but for the last",
    ),
    "quantile": (lambda: nbdl.quantile(x, 2), ArgumentError, "quantile: q=2 must be from 0 to 1"),
    "bincount": (
        lambda: nbdl.bincount(T([-1])),
        ArgumentError,
        "bincount needs a vector of integers that are not negative, got int64 of shape",
    ),
    "arange": (lambda: nbdl.arange(0, 1, 0), ArgumentError, "arange(0, 1, 0): step must not be 0"),
    "linspace": (
        lambda: nbdl.linspace(0, 1, -1),
        ArgumentError,
        "linspace: num=-1 must be an integer of at least 0",
    ),
    "eye": (
        lambda: nbdl.eye(-1),
        ArgumentError,
        "eye: n_rows=-1 must be an integer of at least 0",
    ),
    "zeros": (
        lambda: nbdl.zeros((-1,)),
        ShapeError,
        "zeros: a shape cannot have a negative size, got (-1,)",
    ),
    "dtype": (
        lambda: nbdl.zeros(2, dtype="float31"),
        DtypeError,
        "zeros: unknown dtype 'float31'; did you mean 'float32'?",
    ),
    "full": (lambda: nbdl.full((2,), "a"), DtypeError, "full: a tensor cannot hold <U1 values"),
    "tensor_str": (lambda: nbdl.tensor(["a"]), DtypeError, "a tensor cannot hold <U1 values"),
    "ragged": (
        lambda: nbdl.tensor([[1], [1, 2]]),
        ShapeError,
        "nested lists of different lengths cannot become a tensor: setting an array",
    ),
    "randint": (
        lambda: nbdl.randint(3, 3),
        ArgumentError,
        "randint needs low < high, got low=3, high=3",
    ),
    "rand": (
        lambda: nbdl.rand(2, dtype="int64"),
        ArgumentError,
        "rand: random floats cannot have dtype int64",
    ),
    "norm": (lambda: nbdl.norm(x, "nuc"), ArgumentError, "unknown norm 'nuc'"),
    "vnorm": (
        lambda: nbdl.vector_norm(x, ord="a"),
        ArgumentError,
        "vector_norm: ord='a' must be a number",
    ),
    "cumsum": (
        lambda: nbdl.cumsum(x, 3),
        ShapeError,
        "cumsum: axis=3 is out of range for a tensor with 2 dimensions",
    ),
    "cumulative_sum": (
        lambda: nbdl.cumulative_sum(x),
        ShapeError,
        "cumulative_sum of shape (2, 3) needs axis=: there are 2 axes",
    ),
    "linear_scan": (
        lambda: nbdl.linear_scan(x, nbdl.ones(3)),
        ShapeError,
        "linear_scan needs a and b of one shape, got a (2, 3) and b (3,)",
    ),
    "diff": (
        lambda: nbdl.diff(x, axis=4),
        ShapeError,
        "diff: axis=4 is out of range for a tensor with 2 dimensions",
    ),
    "meshgrid": (
        lambda: nbdl.meshgrid(x, x),
        ShapeError,
        "meshgrid: argument 0 must be a vector, got shape (2, 3)",
    ),
    "meshgrid2": (
        lambda: nbdl.meshgrid(i, i, indexing="yx"),
        ArgumentError,
        "meshgrid: indexing='yx' must be 'xy' or 'ij'",
    ),
    "bool": (lambda: bool(x), ArgumentError, "the truth of a tensor of shape (2, 3) is ambiguous"),
    "item": (
        lambda: x.item(),
        ShapeError,
        "item() needs one element, this tensor has shape (2, 3)",
    ),
    "to": (lambda: x.to("tpu"), DtypeError, "unknown dtype 'tpu'"),
    "atan2": (
        lambda: nbdl.atan2(x, nbdl.ones(4)),
        ShapeError,
        "inputs of atan2 have shapes (2, 3) and (4,), which do not broadcast: sizes 3",
    ),
    "lerp": (
        lambda: nbdl.lerp(x, nbdl.ones(4), 0.5),
        ShapeError,
        "lerp: inputs of subtract have shapes (4,) and (2, 3), which do not broadcast: sizes",
    ),
    "shift": (
        lambda: nbdl.bitwise_left_shift(x, 1),
        DtypeError,
        "BitwiseLeftShift got a tensor of dtype float32 (shape (2, 3)), which it does",
    ),
    "erf_c": (
        lambda: nbdl.erf(T([1j])),
        DtypeError,
        "erf got a tensor of dtype complex64 (shape (1,)); it works on real numbers",
    ),
    "hypot": (
        lambda: nbdl.hypot(T([1j]), 1.0),
        DtypeError,
        "Hypot got a tensor of dtype complex64 (shape (1,)), which it does not work on",
    ),
    "inplace": (
        lambda: x.__iadd__(nbdl.ones((4, 2, 3))),
        ShapeError,
        "an in-place operation on shape (2, 3) gave shape (4, 2, 3)",
    ),
    "broadcast_to": (
        lambda: nbdl.broadcast_to(x, (3, 2)),
        ShapeError,
        "broadcast_to: shape (2, 3) does not broadcast to (3, 2)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name: str) -> None:
    call, kind, words = MISTAKES[name]
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(words)


def test_every_message_is_for_a_person() -> None:
    """It says what came: a number, a shape or a name, and does not show NumPy's inside."""
    for call, kind, _ in MISTAKES.values():
        with pytest.raises(errors.NbdlError) as caught:
            call()
        assert isinstance(caught.value, kind)
        assert "numpy" not in str(caught.value).lower()
