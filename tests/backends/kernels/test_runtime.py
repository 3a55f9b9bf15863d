"""Walks: order, failure, threads, and what they cost; and kernels that make no sense."""

from __future__ import annotations

import ctypes
import threading

import numpy as np
import pytest

from nbdl.backends.kernels.compile import compile_kernels
from nbdl.backends.kernels.program import Array, Instruction, Kernel
from nbdl.backends.kernels.runtime import (
    Walk,
    bind,
    blocks,
    parallel_address,
    serial_address,
    tasks_for,
)
from nbdl.errors import ArgumentError
from tests.backends.kernels.reference import Builder

PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * 4)


def recorder(seen: list, fails_at: int | None = None) -> tuple[int, object]:
    def record(*words: int) -> int:
        seen.append(words)
        return 5 if words[0] == fails_at else 0

    function = PROTOTYPE(record)
    return ctypes.cast(function, ctypes.c_void_p).value, function


def test_calls_are_made_in_order_with_their_arguments():
    seen: list = []
    address, keep = recorder(seen)
    walk = Walk([(address, i, -i, 2**40 + i, -(2**50)) for i in range(5)], [keep])
    assert walk() == 0
    assert seen == [(i, -i, 2**40 + i, -(2**50)) for i in range(5)]


def test_the_first_failure_ends_the_walk_and_is_told():
    seen: list = []
    address, keep = recorder(seen, fails_at=3)
    walk = Walk([(address, i, 0, 0, 0) for i in range(6)], [keep])
    assert walk() == 4
    assert [words[0] for words in seen] == [0, 1, 2, 3]


def test_a_walk_can_be_stopped_before_its_next_call():
    stop, seen = np.zeros(1, np.int64), []

    def record(*words: int) -> int:
        seen.append(words[0])
        stop[0] = words[0] == 2
        return 0

    function = PROTOTYPE(record)
    address = ctypes.cast(function, ctypes.c_void_p).value
    walk = Walk([(address, i, 0, 0, 0) for i in range(6)], [function], stop)
    assert walk() == -1
    assert seen == [0, 1, 2]
    stop[0] = 0
    assert Walk([(address, i, 0, 0, 0) for i in range(3)], [function], stop)() == 0


def test_an_empty_walk():
    assert Walk([])() == 0


def test_the_interpreter_runs_on_while_a_walk_runs():
    """A call that waits for another Python thread would wait for ever if the lock were held."""
    library = ctypes.CDLL(None)
    ready, address = threading.Event(), ctypes.cast(library.usleep, ctypes.c_void_p).value
    walk = Walk([(address, 50_000, 0, 0, 0)] * 4)
    thread = threading.Thread(target=lambda: (walk(), ready.set()))
    thread.start()
    count = 0
    while not ready.is_set():
        count += 1
    thread.join()
    assert count > 1000


@pytest.mark.parametrize("address", [serial_address, parallel_address])
def test_tasks_cover_all_blocks_once(address):
    k = Builder(2, 0, "outer")
    k.store(k("add", k.load(k.array("float32", "s1")), k("constant", attribute=1.0)), "s1")
    k.code[-1] = Instruction("store", k.code[-1].args, "float32", 0)  # in place
    k.arrays.pop()
    kernel = k.kernel()
    compiled = compile_kernels([kernel])[0]
    x = np.zeros((7, 130), np.float32)
    args = bind(kernel, x.shape, [(x.ctypes.data, 130)])
    total = blocks(kernel, x.shape)
    assert total == 7 * 3
    for threads in (1, 2, 3, 50):
        batch = tasks_for(compiled, args, total, threads)
        assert batch[0] == min(threads, total)
        Walk([(address(), batch.ctypes.data, 0, 0, 0)])()
    assert (x == 4).all()


def test_equal_kernels_share_machine_code():
    k = Builder(1, 0, "outer")
    k.store(k.load(k.array("float32", "1")), "1")
    one, two = compile_kernels([k.kernel(), k.kernel()])
    assert one.address == two.address


def test_binding_says_what_is_missing():
    k = Builder(2, 0, "outer")
    k.store(k.load(k.array("float32", "s1")), "s1")
    with pytest.raises(ArgumentError, match="axes, arrays"):
        bind(k.kernel(), (3,), [(0, 1), (0, 1)])
    with pytest.raises(ArgumentError, match="array 1 moves as 's1'"):
        bind(k.kernel(), (3, 4), [(0, 1), (0,)])


X = Array("float32", "s1")
LOAD = Instruction("load", (), "float32", 0)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (Kernel(0, 1, "inner", (), ()), "at least one outer axis"),
        (Kernel(1, 0, "inner", (), ()), "needs an inner axis"),
        (Kernel(1, 1, "up", (), ()), "'outer' or 'inner'"),
        (Kernel(1, 1, "inner", (Array("complex64", "s1"),), ()), "unknown dtype"),
        (Kernel(1, 1, "inner", (Array("float32", "1s"),), ()), "only the lane axis 1"),
        (Kernel(1, 1, "inner", (Array("float32", "s"),), ()), "moves as 's'"),
        (Kernel(1, 1, "inner", (X,), (Instruction("sing"),)), "no such instruction"),
        (Kernel(1, 1, "inner", (X,), (LOAD, Instruction("add", (0, 1)))), "not earlier values"),
        (Kernel(1, 1, "inner", (X,), (LOAD, Instruction("add", (0,)))), "2 arguments needed"),
        (Kernel(1, 1, "inner", (X,), (LOAD, Instruction("exp", (0,), "float64"))), "dtypes"),
        (Kernel(1, 1, "inner", (X,), (LOAD, Instruction("less", (0, 0)))), "result is bool"),
        (Kernel(1, 1, "inner", (X,), (Instruction("load", (), "int64", 0),)), "gives float32"),
        (Kernel(1, 1, "inner", (X,), (Instruction("load", (), "float32", 1),)), "no array 1"),
        (Kernel(1, 1, "inner", (X,), (Instruction("axis", (), "int64", 2),)), "no axis 2"),
        (Kernel(1, 1, "inner", (X,), (LOAD, Instruction("reduce", (0,), "float32", "any"))), "any"),
        (Kernel(2, 0, "outer", (X,), (LOAD, Instruction("reduce", (0,), attribute="sum"))), "no "),
        (
            Kernel(1, 1, "inner", (X, Array("float32", "s0")),
                   (LOAD, Instruction("store", (0,), "float32", 1))),
            "changes along axes",
        ),
    ],
)  # fmt: skip
def test_what_is_no_kernel_is_told(kernel, message):
    with pytest.raises(ArgumentError, match=message):
        kernel.check()
