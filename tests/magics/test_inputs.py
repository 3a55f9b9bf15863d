"""What a model is checked with."""

from __future__ import annotations

import numpy as np
import pytest
from IPython.core.error import UsageError

import nbdl
from nbdl.core.tensor import Tensor
from nbdl.errors import NbdlError
from nbdl.magics.arguments import Line
from nbdl.magics.inputs import read, specs_of
from nbdl.shapes import Spec

VARIABLES = {"n": 8, "shape": (3, 4), "x": Tensor(np.zeros((5, 2), np.int64)), "word": "abc"}


def given(text):
    line = Line("%%model", text, VARIABLES)
    return read(line, [w for w in line.words if w != "--input"])


F32, I64 = np.dtype("float32"), np.dtype("int64")


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("--input 1,8,8", {"": Spec((1, 1, 8, 8), F32)}),
        ("--input 64", {"": Spec((1, 64), F32)}),
        ("--input float64[3,2]", {"": Spec((1, 3, 2), np.dtype("float64"))}),
        ("--input int64[]", {"": Spec((1,), I64)}),
        ("--input ids=int64[256] --input mask=bool[256]",
         {"ids": Spec((1, 256), I64), "mask": Spec((1, 256), np.dtype("bool"))}),
        ("--input 4 --input 5", {"0": Spec((1, 4), F32), "1": Spec((1, 5), F32)}),
        ("--input 1,n,n", {"": Spec((1, 1, 8, 8), F32)}),
        ("--input int64[n]", {"": Spec((1, 8), I64)}),
        ("--input {n*2}", {"": Spec((1, 16), F32)}),
        ("--input shape", {"": Spec((1, 3, 4), F32)}),
        ("--input {x}", {"": Spec((5, 2), I64)}),
        ("--input x", {"": Spec((5, 2), I64)}),
        ("--input ids=x --input {x.shape[1:]}", {"ids": Spec((5, 2), I64), "1": Spec((1, 2), F32)}),
    ],
)  # fmt: skip
def test_sizes_dtypes_names_and_variables(text, specs):
    assert given(text) == specs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--input 8x8", "--input '8x8' is not a shape"),
        ("--input 0,3", "--input '0,3' is not a shape"),
        ("--input -1,3", "--input '-1,3' is not a shape"),
        ("--input ''", "--input '' is not a shape"),
        ("--input ids=", "--input 'ids=' is not a shape"),
        ("--input 2.5", "--input '2.5' is not a shape"),
        ("--input flot32[3]", "unknown dtype 'flot32'; did you mean 'float32'?"),
        ("--input 1bad=3", "'1bad' is not the name of an argument"),
        ("--input m,3", "--input: there is no variable 'm'"),
        ("--input word", "--input 'abc' is not a shape"),
        ("--input {1/0}", "ZeroDivisionError"),
        ("--input a=1 --input a=2", "the input 'a' is given twice"),
    ],
)
def test_what_is_no_shape_is_underlined(text, words):
    with pytest.raises(UsageError) as caught:
        given(text)
    assert words in str(caught.value)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "specs"),
    [
        (None, None),
        ((1, 8, 8), {"": Spec((1, 1, 8, 8), F32)}),
        ("int64[4]", {"": Spec((1, 4), I64)}),
        ("ids=int64[4]", {"ids": Spec((1, 4), I64)}),
        (Spec((2, 3), I64), {"": Spec((2, 3), I64)}),
        (np.zeros((2, 3)), {"": Spec((2, 3), np.dtype("float64"))}),
        ([(3,), "int64[4]"], {"0": Spec((1, 3), F32), "1": Spec((1, 4), I64)}),
        ({"a": (3,), "b": "bool[2]"}, {"a": Spec((1, 3), F32), "b": Spec((1, 2), nbdl.bool)}),
    ],
)
def test_the_function_takes_the_same_and_arrays(value, specs):
    assert specs_of(value) == specs


@pytest.mark.parametrize("value", [3.5, object(), (1, 0), (1.5, 2), [None]])
def test_the_function_refuses_what_is_none(value):
    with pytest.raises(NbdlError):
        specs_of(value)
