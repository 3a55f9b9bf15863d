"""Row numbers out of range: the eager error, and nothing is changed."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler import CompiledStep, Refused
from nbdl.errors import IndexRangeError

TABLE = nn.Embedding(5, 3)
GOOD = np.array([[0, 4], [2, 2]])


def looked_up(path):
    model = TABLE
    return CompiledStep(lambda ids: model(path(ids)), dict(model.named_parameters()))


PATHS = [
    lambda ids: ids,
    lambda ids: ids.T,
    lambda ids: ids.astype(nbdl.int32).reshape((4,)),
    lambda ids: ids[:, 1],
    lambda ids: nbdl.unbind(ids, 1)[1],
    lambda ids: ids.split([1, 1], 1)[1],
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("number", [5, -1, 1 << 30])
def test_numbers_out_of_range_are_refused(path, number):
    step = looked_up(path)
    expected = TABLE(path(nbdl.tensor(GOOD))).numpy()
    np.testing.assert_array_equal(step([GOOD]), expected)
    bad = GOOD.copy()
    bad[1, 1] = number
    with pytest.raises(Refused):
        step([bad])
    np.testing.assert_array_equal(step([GOOD]), expected)


def test_numbers_that_are_not_looked_up_may_be_any():
    step = looked_up(lambda ids: ids[:, 1])
    other = GOOD.copy()
    other[:, 0] = 1000
    np.testing.assert_array_equal(step([other]), step([GOOD]))


def test_a_compiled_function_raises_the_eager_error():
    function = nbdl.compile(TABLE)
    with nbdl.no_grad():
        function(nbdl.tensor(GOOD))
        with pytest.raises(IndexRangeError) as compiled:
            function(nbdl.tensor(GOOD + 3))
        with pytest.raises(IndexRangeError) as eager:
            TABLE(nbdl.tensor(GOOD + 3))
    assert compiled.value.message == eager.value.message


def test_no_numbers_are_in_range():
    step = looked_up(lambda ids: ids)
    assert step([np.zeros((0, 2), np.int64)]).shape == (0, 2, 3)
