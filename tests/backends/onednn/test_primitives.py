"""Primitives are kept, bound and called; the library is optional."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from nbdl.backends import onednn
from nbdl.backends.onednn import AnyLayout, Layout, Opaque, Primitive, library, matmul
from nbdl.errors import ArgumentError, BackendError, MissingError, ShapeError
from tests.backends.onednn.running import Run, layout, needs_onednn, plain, reordered

A, B, Y = Layout.dense((8, 16)), Layout.dense((16, 24)), Layout.dense((8, 24))


def in_python(script: str, **variables: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | variables, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_switch_turns_it_off() -> None:
    script = """
from nbdl.backends import onednn
from nbdl.errors import MissingError
print(onednn.available())
y = onednn.Layout.dense((2, 2))
print(onednn.supports(onednn.matmul, y, y, y))
try:
    onednn.matmul(y, y, y)
except MissingError as error:
    print(error)
"""
    off = in_python(script, NBDL_ONEDNN="0").splitlines()
    assert off[:3] == ["False", "False", "oneDNN is switched off: NBDL_ONEDNN=0"]


def test_importing_loads_nothing() -> None:
    maps = "open('/proc/self/maps').read()" if sys.platform == "linux" else "''"
    script = f"import nbdl, nbdl.backends.onednn\nprint('libdnnl' in {maps})"
    assert in_python(script).strip() == "False"


def test_a_file_that_is_no_library_is_passed_over(tmp_path, monkeypatch) -> None:
    broken = tmp_path / "libdnnl.so.3"
    broken.write_text("not a library")
    other = ctypes.util.find_library("m") or "libm.so.6"
    monkeypatch.delenv(library.SWITCH, raising=False)
    monkeypatch.setattr(library, "_found", None)
    monkeypatch.setattr(library, "_places", lambda: [str(broken), other])
    assert not onednn.available()
    with pytest.raises(MissingError, match="oneDNN was not found") as caught:
        library.library()
    assert str(broken) in str(caught.value)
    assert "dnnl_version" in str(caught.value)


@needs_onednn
def test_the_same_settings_give_the_same_primitive() -> None:
    one = matmul(A, B, Y, post=(("relu",),))
    assert matmul(Layout.dense((8, 16)), B, Y, post=(("relu",),)) is one
    assert matmul(A, B, Y) is not one


@needs_onednn
def test_a_primitive_belongs_to_a_number_of_threads() -> None:
    before = onednn.threads()
    try:
        onednn.set_threads(1)
        one = matmul(A, B, Y)
        onednn.set_threads(2)
        assert onednn.threads() == 2
        two = matmul(A, B, Y)
        assert (one.threads, two.threads) == (1, 2)
        assert one is not two
        inside = []
        thread = threading.Thread(target=lambda: inside.append(onednn.set_threads(1)))
        thread.start()
        thread.join()
        assert onednn.threads() == 2
    finally:
        onednn.set_threads(before)
    with pytest.raises(BackendError, match="0 threads"):
        onednn.set_threads(0)


@needs_onednn
def test_a_call_is_a_c_function_with_four_integers() -> None:
    a, b = np.ones((8, 16), np.float32), np.ones((16, 24), np.float32)
    run = Run(matmul(A, B, Y), src=a, weights=b)
    run["dst"][:] = 0
    number, address = ctypes.c_int64, ctypes.c_void_p
    execute = ctypes.CFUNCTYPE(ctypes.c_int, number, number, number, address)(run.call.function)
    assert execute(*run.call.arguments) == 0
    assert (run["dst"] == 16).all()


@needs_onednn
def test_a_call_moves_to_other_addresses() -> None:
    a, b = np.ones((8, 16), np.float32), np.ones((16, 24), np.float32)
    run = Run(matmul(A, B, Y), src=a, weights=b)
    other, y = np.full_like(a, 2), np.empty((8, 24), np.float32)
    run.call.move({"src": other.ctypes.data, "dst": y.ctypes.data})
    run.call()
    assert (run["dst"] == 16).all()
    assert (y == 32).all()


@needs_onednn
def test_roles_are_checked() -> None:
    how = matmul(A, B, Y)
    with pytest.raises(ArgumentError, match=r"addresses of src, weights, dst.*; got src"):
        how.bind({"src": 0})


def convolution(weights: AnyLayout | Layout, order: tuple[int, ...] | None) -> Primitive:
    """3 × 3, from 32 channels to 48."""
    x, y = (Layout.dense((2, n, 8, 8), order=order) for n in (32, 48))
    return onednn.convolution_forward(
        x, weights, y, strides=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1)
    )


@needs_onednn
def test_scratchpads_are_the_callers() -> None:
    how = convolution(Layout.dense((48, 32, 3, 3)), None)
    assert how.scratchpad_bytes == how.layouts["scratchpad"].nbytes > 0
    assert how.roles[-1] == "scratchpad"


@needs_onednn
def test_reorder_there_and_back() -> None:
    w = np.random.default_rng(0).standard_normal((48, 32, 3, 3), np.float32)
    chosen = convolution(AnyLayout(w.shape), (0, 2, 3, 1)).layouts["weights"]
    assert isinstance(chosen, Opaque)
    assert chosen.blocks
    assert chosen.nbytes >= w.nbytes
    packed = reordered(w, chosen)
    np.testing.assert_array_equal(plain(packed, chosen, w.shape), w)
    turned = w.transpose(1, 0, 2, 3).copy().transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(reordered(turned, chosen), packed)


@needs_onednn
def test_reorder_transposes_and_rounds() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5), np.float32)
    last = Layout.dense(x.shape, order=(0, 2, 3, 1))
    np.testing.assert_array_equal(reordered(x, last), x)
    half = reordered(x, Layout.dense(x.shape, "float16"))
    np.testing.assert_array_equal(half, x.astype(np.float16))
    with pytest.raises(ShapeError, match=r"float32\[2, 3, 4, 5\] to float32\[3, 2, 4, 5\]"):
        onednn.reorder(layout(x), Layout.dense((3, 2, 4, 5)))


@needs_onednn
def test_opaque_layouts_are_equal_by_content() -> None:
    sizes = Layout.dense((64, 50)), AnyLayout((50, 70)), Layout.dense((64, 70))
    with_bias = matmul(*sizes, Layout.dense((70,))).layouts["weights"]
    without = matmul(*sizes).layouts["weights"]
    assert with_bias == without
    assert hash(with_bias) == hash(without)
    assert onednn.reorder(Layout.dense((50, 70)), with_bias) is onednn.reorder(
        Layout.dense((50, 70)), without
    )


@needs_onednn
def test_layouts_count_bytes_to_their_last_element() -> None:
    assert Layout.dense((3, 5)).nbytes == 60
    assert Layout((3, 5), (8, 1)).nbytes == (2 * 8 + 5) * 4
    assert Layout((3, 5), (0, 1), "bfloat16").nbytes == 10
    assert str(Layout((3, 5), (8, 1))) == "float32[3, 5] strides (8, 1)"
