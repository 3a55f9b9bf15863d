"""Kernels split into parts, against the whole."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl.backends.kernels.compile import compile_kernels
from nbdl.backends.kernels.program import Kernel
from nbdl.backends.kernels.runtime import Walk, bind, blocks, parallel_address, tasks_for
from nbdl.backends.kernels.split import PARTS, split
from tests.backends.kernels.reference import Builder, empty, example, interpret
from tests.backends.kernels.test_kernels import softmax


def strides_of(array: np.ndarray, letters: str) -> tuple[int, ...]:
    return tuple(
        0 if letter == "0" else step // array.itemsize
        for step, letter in zip(array.strides, letters, strict=True)
    )


def execute_split(kernel: Kernel, sizes: tuple[int, ...], arrays: list[np.ndarray]) -> int:
    """Run it in parts; how many calls that took."""
    whole = [strides_of(x, a.axes) for x, a in zip(arrays, kernel.arrays, strict=True)]
    found = split(kernel, sizes, whole)
    assert found is not None
    places = [*arrays, *(np.full(n, 7, dtype) for dtype, n in found.scratch)]
    for call in found.calls:
        call.kernel.check()
        operands = [
            (places[number].ctypes.data,
             *(s for s, letter in zip(steps, array.axes, strict=True) if letter == "s"))
            for (number, steps), array in zip(call.operands, call.kernel.arrays, strict=True)
        ]  # fmt: skip
        args = bind(call.kernel, call.sizes, operands)
        batch = tasks_for(compile_kernels([call.kernel])[0], args,
                          blocks(call.kernel, call.sizes), 2)  # fmt: skip
        assert Walk([(parallel_address(), batch.ctypes.data, 0, 0, 0)])() == 0
    return len(found.calls)


def norm(lanes: str, axes: str, broadcast: str) -> Kernel:
    """Statistics, stored, and the normalized values with weights: three stages."""
    outer = 1 if lanes == "outer" else len(axes) - 1
    k = Builder(outer, len(axes) - outer, lanes)
    x, w = k.load(k.array("float32", axes)), k.load(k.array("float32", broadcast))
    scale = k("constant", attribute=1e-4)
    mean = k("multiply", k("reduce", x, attribute="sum"), scale)
    d = k("subtract", x, mean)
    variance = k("multiply", k("reduce", k("square", d), attribute="sum"), scale)
    y = k("multiply", k("multiply", d, k("rsqrt", variance)), w)
    top = "".join("0" if i >= outer else letter for i, letter in enumerate(axes))
    k.store(w if "1" in broadcast and lanes == "outer" else mean, top)
    k.store(mean, top)
    k.store(variance, top)
    k.store(y, axes)
    k.store(k("square", x), axes)
    return k.kernel()


def total() -> Kernel:
    k = Builder(1, 1, "inner")
    x = k.load(k.array("float32", "01"))
    k.store(k("reduce", k("square", x), attribute="sum"), "00")
    k.store(k("reduce", x, attribute="max"), "00")
    return k.kernel()


CASES = {
    "batch norm of 64 channels": (norm("outer", "1ss", "100"), (64, 32, 49), 5),
    "batch norm of 10 channels": (norm("outer", "1ss", "100"), (10, 32, 149), 5),
    "a few long rows": (norm("inner", "s1", "01"), (3, 20000), 5),
    "softmax of two rows": (softmax("inner", "s1"), (2, 30000), 1),
    "softmax of columns": (softmax("outer", "1s"), (70, 3000), 1),
    "one sum": (total(), (1, 2**17), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_parts_do_what_the_whole_does(name):
    kernel, sizes, outputs = CASES[name]
    rng = np.random.default_rng(0)
    inputs = [example(rng, a, sizes) for a in kernel.arrays[: len(kernel.arrays) - outputs]]
    results = [[empty(a, sizes) for a in kernel.arrays[len(inputs) :]] for _ in range(2)]
    interpret(kernel, sizes, inputs + results[0])
    calls = execute_split(kernel, sizes, inputs + results[1])
    assert calls >= 2
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)


def test_every_call_over_the_whole_box_has_blocks_enough():
    kernel, sizes, _ = CASES["batch norm of 64 channels"]
    found = split(kernel, sizes, [(1, 64 * 49, 64), (1, 0, 0), *[(1, 0, 0)] * 3,
                                  *[(1, 64 * 49, 64)] * 2])  # fmt: skip
    for call in found.calls:
        if np.prod(call.sizes) > 10_000:
            assert blocks(call.kernel, call.sizes) >= PARTS


@pytest.mark.parametrize(
    ("kernel", "sizes"),
    [
        (softmax("inner", "s1"), (2000, 100)),
        (softmax("inner", "s1"), (2, 100)),
        (softmax("inner", "s1"), (1, 100_003)),
    ],
    ids=["many rows", "little work", "a prime"],
)
def test_kernels_that_stay_whole(kernel, sizes):
    assert split(kernel, sizes, [(sizes[1], 1)] * 2) is None
