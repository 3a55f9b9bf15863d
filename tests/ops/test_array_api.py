"""What the array API standard asks of the namespace, and exchange with other libraries."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError, AxisError, DtypeError


def test_the_namespace_says_what_it_is() -> None:
    x = nbdl.ones(2)
    assert x.__array_namespace__() is nbdl
    assert x.__array_namespace__(api_version="2023.12") is nbdl
    with pytest.raises(ArgumentError, match="unknown version of the array API standard"):
        x.__array_namespace__(api_version="2031.12")
    info = nbdl.__array_namespace_info__()
    assert nbdl.__array_api_version__ == "2024.12"
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["complex floating"] == nbdl.complex64
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}


def test_dtypes_have_kinds_and_limits() -> None:
    assert nbdl.isdtype(nbdl.bfloat16, "real floating")
    assert nbdl.isdtype("int8", ("bool", "signed integer"))
    assert not nbdl.isdtype(nbdl.uint8, "signed integer")
    with pytest.raises(ArgumentError, match="unknown kind of dtypes 'float'"):
        nbdl.isdtype(nbdl.float32, "float")
    assert nbdl.finfo(nbdl.complex128).dtype == nbdl.float64
    assert nbdl.finfo(nbdl.bfloat16).eps == 2**-7
    assert nbdl.iinfo(nbdl.ones(1, dtype="uint8")).max == 255
    with pytest.raises(DtypeError, match="finfo is for float and complex dtypes, got int64"):
        nbdl.finfo(nbdl.int64)
    with pytest.raises(DtypeError, match="iinfo is for integer dtypes, got float32"):
        nbdl.iinfo(nbdl.float32)


def test_types_combine_as_tensors_do() -> None:
    x = nbdl.ones(2, dtype="int16")
    assert nbdl.result_type(x, nbdl.uint8, 3) == (x + nbdl.ones(2, dtype="uint8") + 3).dtype
    assert nbdl.result_type(nbdl.float32, 1j) == nbdl.complex64
    assert nbdl.can_cast(nbdl.int64, nbdl.float32)
    assert not nbdl.can_cast(nbdl.complex64, nbdl.float64)
    with pytest.raises(ArgumentError, match="needs at least one tensor or dtype"):
        nbdl.result_type(1, 2.0)


def test_numbers_keep_their_digits_in_the_dtype_asked_for() -> None:
    assert nbdl.tensor(0.1, dtype="float64").item() == 0.1
    assert nbdl.asarray([0.1 + 0.2j], dtype="complex128").tolist() == [0.1 + 0.2j]
    assert nbdl.asarray([[1e300]], dtype="float64").item() == 1e300


def test_asarray_copies_as_asked() -> None:
    x = np.ones(3)
    assert np.shares_memory(nbdl.asarray(x, copy=False).value, x)
    assert not np.shares_memory(nbdl.asarray(x, copy=True).value, x)
    for given, dtype in (([1.0], None), (x, "float32")):
        with pytest.raises(ArgumentError, match="needs a copy, which copy=False forbids"):
            nbdl.asarray(given, dtype=dtype, copy=False)


def test_an_axis_that_is_not_there_is_an_index_error_too() -> None:
    with pytest.raises(AxisError, match="axis=2 is out of range") as caught:
        nbdl.sum(nbdl.ones((2, 3)), axis=2)
    assert isinstance(caught.value, (IndexError, ValueError))


def test_a_mask_of_size_0_selects_nothing() -> None:
    x = nbdl.ones((2, 3))
    assert x[nbdl.zeros((0,), dtype="bool")].shape == (0, 3)


def test_tensors_go_to_numpy_and_back_without_a_copy() -> None:
    x = nbdl.arange(4)
    array = np.from_dlpack(x)
    assert np.shares_memory(array, x.value)
    y = nbdl.from_dlpack(array)
    assert np.shares_memory(y.value, x.value)
    assert not np.shares_memory(nbdl.from_dlpack(array, copy=True).value, x.value)
    wide = nbdl.broadcast_to(nbdl.ones(()), (3,))  # its memory must not be written to
    assert np.from_dlpack(wide).tolist() == [1, 1, 1]


def test_what_cannot_be_exchanged_is_told() -> None:
    with pytest.raises(DtypeError, match="bfloat16 cannot be exchanged through DLPack"):
        nbdl.ones(2, dtype="bfloat16").__dlpack__()
    with pytest.raises(ArgumentError, match="needs an object with __dlpack__, got list"):
        nbdl.from_dlpack([1.0])
    with pytest.raises(BufferError, match="can be shared as a copy only"):
        nbdl.broadcast_to(nbdl.ones(()), (3,)).__dlpack__(copy=False)
    with pytest.raises(BufferError, match="cannot be shared with device"):
        nbdl.ones(2).__dlpack__(dl_device=(2, 0))
    with pytest.raises(ArgumentError, match="stream=1 on the CPU"):
        nbdl.ones(2).__dlpack__(stream=1)


def test_other_libraries_compute_with_tensors() -> None:
    pytest.importorskip("sklearn")
    code = """
import numpy, sklearn, scipy.special, nbdl
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
x = load_iris().data
with sklearn.config_context(array_api_dispatch=True):
    found = PCA(2, svd_solver="full").fit_transform(nbdl.tensor(x))
assert type(found) is nbdl.Tensor
numpy.testing.assert_allclose(found, PCA(2, svd_solver="full").fit_transform(x), atol=1e-12)
total = scipy.special.logsumexp(nbdl.tensor(x), axis=0)
assert type(total) is nbdl.Tensor
numpy.testing.assert_allclose(total, scipy.special.logsumexp(x, axis=0))
"""
    # SciPy reads the variable when it is imported.
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    subprocess.run((sys.executable, "-c", code), env=environment, check=True)


def test_every_operator_in_place_changes_the_box() -> None:
    x = y = nbdl.tensor([[1, 2], [3, 4]])
    x <<= 2
    x >>= nbdl.tensor([[1, 0]])
    assert y.tolist() == [[2, 8], [6, 16]]
    x @= nbdl.eye(2, dtype="int64") * 2
    x //= 4
    x %= 5
    x |= 8
    x &= 12
    x ^= 1
    x **= 2
    assert x is y
    assert y.tolist() == [[81, 169], [81, 81]]


def test_to_device_is_to() -> None:
    x = nbdl.ones(2)
    assert x.to_device("cpu") is x
    assert nbdl.astype(x, nbdl.float64, device="meta").device == "meta"
    with pytest.raises(ArgumentError, match="to_device: stream=3 is not supported"):
        x.to_device("cpu", stream=3)
